//! Names: creating, removing and moving files and directories, with the quota on their number.

use std::fs::OpenOptions;

use super::path::Target;
use super::{Backing, Body, Content, Directory, Ino, Vfs};
use crate::Failure;
use crate::fault::{Errno, Fault};
use crate::limits::DIRECTORY_DEPTH_MAX;

impl Vfs {
    /// Makes an empty file where nothing is yet.
    pub(crate) fn create_file(&mut self, target: &Target) -> Result<Ino, Fault> {
        if target.wants_directory {
            return Err(Errno::Isdir.into());
        }
        let name = self.new_name(target)?;
        self.count_file()?;
        let path = self.scratch.path().join(self.next_ino().0.to_string());
        let handle = OpenOptions::new()
            .read(true)
            .write(true)
            .create_new(true)
            .open(&path)
            .map_err(|source| Failure::HostDisk { action: "create a scratch file", source })?;
        let backing = Backing::Scratch { path };
        let ino = self.push(Body::File(Content { backing, size_bytes: 0, handle: Some(handle) }));
        self.directory_mut(target.directory)?.entries.insert(name, ino);
        Ok(ino)
    }

    /// Makes an empty directory where nothing is yet.
    pub(crate) fn create_directory(&mut self, target: &Target) -> Result<(), Fault> {
        let name = self.new_name(target)?;
        let depth = self.directory(target.directory)?.depth + 1;
        if depth > DIRECTORY_DEPTH_MAX {
            return Err(Errno::Nametoolong.into());
        }
        self.count_file()?;
        let ino = self.push(Body::Directory(Directory::new(target.directory, depth, true)));
        self.directory_mut(target.directory)?.entries.insert(name, ino);
        Ok(())
    }

    /// Removes the name of a file; its content stays while descriptors are open.
    pub(crate) fn unlink_file(&mut self, target: &Target) -> Result<(), Fault> {
        let ino = target.existing(self)?;
        if self.stat(ino).is_directory {
            return Err(Errno::Isdir.into());
        }
        self.remove_name(target, ino)
    }

    /// Removes an empty directory.
    pub(crate) fn remove_directory(&mut self, target: &Target) -> Result<(), Fault> {
        let ino = target.existing(self)?;
        if !self.directory(ino)?.entries.is_empty() {
            return Err(Errno::Notempty.into());
        }
        self.remove_name(target, ino)
    }

    /// Gives the node at `from` the name `to`, replacing a file by a file or an empty directory by a directory.
    pub(crate) fn rename(&mut self, from: &Target, to: &Target) -> Result<(), Fault> {
        let moved = from.existing(self)?;
        let old_name = from.last_name()?.to_owned();
        let new_name = to.last_name()?.to_owned();
        self.check_directory_writable(from.directory)?;
        self.check_directory_writable(to.directory)?;
        if to.found == Some(moved) {
            return Ok(());
        }
        let is_directory = self.stat(moved).is_directory;
        if is_directory {
            self.check_move(moved, to.directory)?;
        } else if to.wants_directory {
            return Err(Errno::Notdir.into());
        }
        if let Some(replaced) = to.found {
            match (is_directory, self.stat(replaced).is_directory) {
                (false, true) => return Err(Errno::Isdir.into()),
                (true, false) => return Err(Errno::Notdir.into()),
                (true, true) if !self.directory(replaced)?.entries.is_empty() => {
                    return Err(Errno::Notempty.into());
                }
                _ => self.remove_name(to, replaced)?,
            }
        }
        self.directory_mut(from.directory)?.entries.remove(&old_name);
        self.directory_mut(to.directory)?.entries.insert(new_name, moved);
        if is_directory {
            let depth = self.directory(to.directory)?.depth + 1;
            self.directory_mut(moved)?.parent = to.directory;
            self.set_depth(moved, depth);
        }
        Ok(())
    }

    fn new_name(&self, target: &Target) -> Result<String, Errno> {
        if target.found.is_some() {
            return Err(Errno::Exist);
        }
        self.check_directory_writable(target.directory)?;
        target.last_name().map(str::to_owned)
    }

    fn check_directory_writable(&self, ino: Ino) -> Result<(), Errno> {
        if !self.directory(ino)?.writable {
            return Err(Errno::Rofs);
        }
        // A directory that was removed while open can be written no more.
        if self.node(ino).linked { Ok(()) } else { Err(Errno::Noent) }
    }

    fn remove_name(&mut self, target: &Target, ino: Ino) -> Result<(), Fault> {
        let name = target.last_name()?;
        self.check_directory_writable(target.directory)?;
        let removed = self.directory_mut(target.directory)?.entries.remove(name);
        assert_eq!(removed, Some(ino), "a target is used at once, before the tree changes");
        self.node_mut(ino).linked = false;
        self.drop_if_unused(ino)
    }

    /// A directory may not move into itself, nor its deepest descendant beyond the bound.
    fn check_move(&self, moved: Ino, into: Ino) -> Result<(), Errno> {
        let mut at = into;
        while at != Ino::ROOT {
            if at == moved {
                return Err(Errno::Inval);
            }
            at = self.directory(at)?.parent;
        }
        let depth = self.directory(into)?.depth + self.height(moved);
        if depth > DIRECTORY_DEPTH_MAX { Err(Errno::Nametoolong) } else { Ok(()) }
    }

    /// Levels of directories from this one downwards, itself included; recursion is bounded by the depth limit.
    fn height(&self, ino: Ino) -> u32 {
        match self.directory(ino) {
            Ok(directory) => {
                1 + directory.entries.values().map(|child| self.height(*child)).max().unwrap_or(0)
            }
            Err(_) => 0,
        }
    }

    fn set_depth(&mut self, ino: Ino, depth: u32) {
        let Ok(directory) = self.directory_mut(ino) else { return };
        directory.depth = depth;
        for child in directory.entries.values().copied().collect::<Vec<_>>() {
            self.set_depth(child, depth + 1);
        }
    }

    fn count_file(&mut self) -> Result<(), Failure> {
        if self.files == self.files_max {
            return Err(Failure::TooManyFiles { limit: self.files_max });
        }
        self.files += 1;
        Ok(())
    }
}
