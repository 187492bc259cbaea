//! From a path of the application to a node.

use super::{Ino, Vfs};
use crate::fault::Errno;
use crate::limits::{NAME_BYTES_MAX, PATH_BYTES_MAX};

/// Where a path leads: its directory, its last name, and the node if there is one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) directory: Ino,
    /// `None` for a path that names its starting directory or ends in `..`.
    pub(crate) name: Option<String>,
    pub(crate) found: Option<Ino>,
    /// The path ended in a slash, so only a directory is meant.
    pub(crate) wants_directory: bool,
}

impl Target {
    /// The node, which must exist and be a directory if the path said so.
    pub(crate) fn existing(&self, vfs: &Vfs) -> Result<Ino, Errno> {
        let ino = self.found.ok_or(Errno::Noent)?;
        if self.wants_directory && vfs.is_directory(ino) != Some(true) {
            return Err(Errno::Notdir);
        }
        Ok(ino)
    }

    /// The last name, which must be a real one.
    pub(crate) fn last_name(&self) -> Result<&str, Errno> {
        self.name.as_deref().ok_or(Errno::Inval)
    }
}

/// Whether the text can be the name of a file.
pub(super) fn is_plain_name(name: &str) -> bool {
    !matches!(name, "" | "." | "..") && name.len() <= NAME_BYTES_MAX && !name.contains(['/', '\0'])
}

impl Vfs {
    /// Walks `path` from `base`. Absolute paths, and `..` beyond `base`, are refused as WASI demands.
    pub(crate) fn resolve(&self, base: Ino, path: &str) -> Result<Target, Errno> {
        if path.is_empty() {
            return Err(Errno::Noent);
        }
        if path.len() > PATH_BYTES_MAX {
            return Err(Errno::Nametoolong);
        }
        if path.starts_with('/') {
            return Err(Errno::Notcapable);
        }
        let mut at =
            Target { directory: base, name: None, found: Some(base), wants_directory: path.ends_with('/') };
        let mut depth = 0_usize;
        for component in path.split('/').filter(|c| !matches!(*c, "" | ".")) {
            let here = at.found.ok_or(Errno::Noent)?;
            let directory = self.directory(here)?;
            if component == ".." {
                depth = depth.checked_sub(1).ok_or(Errno::Notcapable)?;
                at = Target { directory: directory.parent, name: None, found: Some(directory.parent), ..at };
                continue;
            }
            if component.len() > NAME_BYTES_MAX {
                return Err(Errno::Nametoolong);
            }
            if component.contains('\0') {
                return Err(Errno::Inval);
            }
            depth += 1;
            let found = directory.entries.get(component).copied();
            at = Target { directory: here, name: Some(component.to_owned()), found, ..at };
        }
        Ok(at)
    }
}
