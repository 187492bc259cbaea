//! From a wish to open a path to a node that is open.

use super::path::Target;
use super::{Ino, Vfs};
use crate::fault::{Errno, Fault};

/// What an application asks for when it opens a path.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Open {
    /// Make a file if nothing is there.
    pub(crate) create: bool,
    /// Only a directory will do.
    pub(crate) directory: bool,
    /// With `create`: fail if something is there.
    pub(crate) exclusive: bool,
    /// Cut the file to nothing.
    pub(crate) truncate: bool,
    /// The file is to be written; inputs refuse.
    pub(crate) write: bool,
    /// A directory will not do: its bytes cannot be written.
    pub(crate) bytes: bool,
}

impl Vfs {
    /// Finds or makes what the path names and counts a descriptor on it, as [`Vfs::acquire`] does.
    pub(crate) fn open(&mut self, target: &Target, how: Open) -> Result<Ino, Fault> {
        let ino = self.find_or_create(target, how)?;
        if self.stat(ino).is_directory {
            if how.truncate || how.bytes {
                return Err(Errno::Isdir.into());
            }
            self.acquire(ino)?;
            return Ok(ino);
        }
        if how.write || how.truncate {
            self.check_writable(ino)?;
        }
        self.acquire(ino)?;
        if how.truncate {
            self.set_size(ino, 0)?;
        }
        Ok(ino)
    }

    fn find_or_create(&mut self, target: &Target, how: Open) -> Result<Ino, Fault> {
        if target.found.is_none() && how.create {
            if how.directory {
                return Err(Errno::Inval.into());
            }
            return self.create_file(target);
        }
        let ino = target.existing(self)?;
        if how.create && how.exclusive {
            return Err(Errno::Exist.into());
        }
        if how.directory && !self.stat(ino).is_directory {
            return Err(Errno::Notdir.into());
        }
        Ok(ino)
    }
}
