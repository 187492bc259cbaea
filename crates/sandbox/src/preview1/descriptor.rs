//! The table of open descriptors.

use crate::fault::Errno;
use crate::limits::DESCRIPTORS_MAX;
use crate::vfs::Ino;

/// Rights of WASI preview 1; only those that decide something here have names.
pub(crate) mod rights {
    pub(crate) const FD_READ: u64 = 1 << 1;
    pub(crate) const FD_SEEK: u64 = 1 << 2;
    pub(crate) const FD_TELL: u64 = 1 << 5;
    pub(crate) const FD_WRITE: u64 = 1 << 6;
    pub(crate) const FD_ALLOCATE: u64 = 1 << 8;
    pub(crate) const FD_FILESTAT_SET_SIZE: u64 = 1 << 22;
    /// All rights but those on sockets.
    pub(crate) const ALL: u64 = (1 << 28) - 1;
    /// What a file descriptor can be used for, beside reading and writing.
    pub(crate) const FILE: u64 =
        FD_SEEK | FD_TELL | 1 | 1 << 3 | 1 << 4 | 1 << 7 | 1 << 21 | 1 << 23 | 1 << 27;
    /// What a directory descriptor can be used for.
    pub(crate) const DIRECTORY: u64 = ALL & !(FD_READ | FD_SEEK | FD_TELL | FD_WRITE | FD_ALLOCATE);
}

/// Flag of a descriptor: writes go to the end.
pub(crate) const FLAG_APPEND: u16 = 1;
/// Every flag that preview 1 defines: append, dsync, nonblock, rsync, sync.
pub(crate) const FLAGS_ALL: u16 = 0b1_1111;

/// An open descriptor.
#[derive(Debug)]
pub(crate) struct Descriptor {
    pub(crate) kind: Kind,
    pub(crate) flags: u16,
}

#[derive(Debug)]
pub(crate) enum Kind {
    Stdin,
    Stdout,
    Stderr,
    /// `listing` is taken when reading starts at the beginning, so that it does not shift under the reader.
    Directory {
        ino: Ino,
        listing: Vec<(String, Ino)>,
        preopened: bool,
    },
    File {
        ino: Ino,
        offset: u64,
        readable: bool,
        writable: bool,
    },
}

/// Open descriptors by number; the lowest free number is given, as in POSIX.
#[derive(Debug)]
pub(crate) struct Descriptors(Vec<Option<Descriptor>>);

impl Descriptors {
    pub(crate) fn new() -> Self {
        let root = Kind::Directory { ino: Ino::ROOT, listing: Vec::new(), preopened: true };
        let kinds = [Kind::Stdin, Kind::Stdout, Kind::Stderr, root];
        Self(kinds.into_iter().map(|kind| Some(Descriptor { kind, flags: 0 })).collect())
    }

    pub(crate) fn get(&self, fd: u32) -> Result<&Descriptor, Errno> {
        self.0.get(fd as usize).and_then(Option::as_ref).ok_or(Errno::Badf)
    }

    pub(crate) fn get_mut(&mut self, fd: u32) -> Result<&mut Descriptor, Errno> {
        self.0.get_mut(fd as usize).and_then(Option::as_mut).ok_or(Errno::Badf)
    }

    /// The directory behind a descriptor.
    pub(crate) fn directory(&self, fd: u32) -> Result<Ino, Errno> {
        match self.get(fd)?.kind {
            Kind::Directory { ino, .. } => Ok(ino),
            Kind::File { .. } | Kind::Stdin | Kind::Stdout | Kind::Stderr => Err(Errno::Notdir),
        }
    }

    /// Fails when [`Descriptors::open`] would.
    pub(crate) fn check_room(&self) -> Result<(), Errno> {
        let open = self.0.iter().flatten().count();
        if open < DESCRIPTORS_MAX { Ok(()) } else { Err(Errno::Mfile) }
    }

    pub(crate) fn open(&mut self, descriptor: Descriptor) -> Result<u32, Errno> {
        self.check_room()?;
        let number = self.0.iter().position(Option::is_none).unwrap_or(self.0.len());
        if number == self.0.len() {
            self.0.push(None);
        }
        self.0[number] = Some(descriptor);
        Ok(u32::try_from(number).expect("at most DESCRIPTORS_MAX are open"))
    }

    pub(crate) fn close(&mut self, fd: u32) -> Result<Descriptor, Errno> {
        self.0.get_mut(fd as usize).and_then(Option::take).ok_or(Errno::Badf)
    }

    /// Moves `from` to the number `to`; gives back what was there.
    pub(crate) fn renumber(&mut self, from: u32, to: u32) -> Result<Option<Descriptor>, Errno> {
        self.get(to)?;
        self.get(from)?;
        if from == to {
            return Ok(None);
        }
        let moved = self.close(from)?;
        Ok(self.0[to as usize].replace(moved))
    }
}
