//! Contents: opening, reading, writing and sizing files, with the quota on bytes.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;

use super::{Backing, Content, Ino, Vfs};
use crate::Failure;
use crate::fault::{Errno, Fault};

impl Content {
    pub(super) fn open(&mut self) -> Result<(), Failure> {
        if self.handle.is_some() {
            return Ok(());
        }
        let file = match &self.backing {
            Backing::Input { name, path } => {
                File::open(path).map_err(|source| Failure::InputUnreadable { name: name.clone(), source })?
            }
            Backing::Scratch { path } => OpenOptions::new()
                .read(true)
                .write(true)
                .open(path)
                .map_err(|source| Failure::HostDisk { action: "open a scratch file", source })?,
        };
        self.handle = Some(file);
        Ok(())
    }

    fn file(&self) -> &File {
        self.handle.as_ref().expect("a file with a descriptor is open")
    }

    fn read_failed(&self, source: io::Error) -> Failure {
        match &self.backing {
            Backing::Input { name, .. } => Failure::InputUnreadable { name: name.clone(), source },
            Backing::Scratch { .. } => Failure::HostDisk { action: "read a scratch file", source },
        }
    }
}

impl Vfs {
    /// Fills `out` from `offset` as far as the file goes; returns the bytes read.
    pub(crate) fn read(&mut self, ino: Ino, offset: u64, out: &mut [u8]) -> Result<usize, Fault> {
        let content = self.content_mut(ino)?;
        let left = content.size_bytes.saturating_sub(offset);
        let length = usize::try_from(left).unwrap_or(usize::MAX).min(out.len());
        content
            .file()
            .read_exact_at(&mut out[..length], offset)
            .map_err(|source| content.read_failed(source))?;
        Ok(length)
    }

    /// What the file has from `offset` on, at most `length` bytes.
    pub(crate) fn read_up_to(&mut self, ino: Ino, offset: u64, length: usize) -> Result<Vec<u8>, Fault> {
        let left = self.content_mut(ino)?.size_bytes.saturating_sub(offset);
        let mut bytes = vec![0; usize::try_from(left).unwrap_or(usize::MAX).min(length)];
        let read = self.read(ino, offset, &mut bytes)?;
        assert_eq!(read, bytes.len(), "the size was asked for");
        Ok(bytes)
    }

    /// Writes all of `bytes` at `offset`; the gap before them, if any, reads as zeros.
    pub(crate) fn write(&mut self, ino: Ino, offset: u64, bytes: &[u8]) -> Result<(), Fault> {
        let end = offset.checked_add(bytes.len() as u64).ok_or(Errno::Fbig)?;
        if bytes.is_empty() {
            return Ok(());
        }
        let size = self.writable_content(ino)?.size_bytes;
        self.account(size, size.max(end))?;
        let content = self.content_mut(ino)?;
        content
            .file()
            .write_all_at(bytes, offset)
            .map_err(|source| Failure::HostDisk { action: "write a scratch file", source })?;
        content.size_bytes = size.max(end);
        Ok(())
    }

    /// Cuts or extends a file, with zeros.
    pub(crate) fn set_size(&mut self, ino: Ino, size_bytes: u64) -> Result<(), Fault> {
        let before = self.writable_content(ino)?.size_bytes;
        if size_bytes == before {
            return Ok(());
        }
        self.account(before, size_bytes)?;
        let content = self.content_mut(ino)?;
        content.open()?;
        content
            .file()
            .set_len(size_bytes)
            .map_err(|source| Failure::HostDisk { action: "resize a scratch file", source })?;
        content.size_bytes = size_bytes;
        if self.node(ino).opens == 0 {
            self.content_mut(ino)?.handle = None;
        }
        Ok(())
    }

    /// Whether the file may be written; inputs may not.
    pub(super) fn check_writable(&mut self, ino: Ino) -> Result<(), Errno> {
        self.writable_content(ino).map(|_| ())
    }

    fn writable_content(&mut self, ino: Ino) -> Result<&Content, Errno> {
        let content = self.content_mut(ino)?;
        match content.backing {
            Backing::Input { .. } => Err(Errno::Rofs),
            Backing::Scratch { .. } => Ok(content),
        }
    }

    /// Moves a file's share of the quota from `before` to `after` bytes, or ends the run.
    fn account(&mut self, before: u64, after: u64) -> Result<(), Failure> {
        let total = (self.written_bytes - before).saturating_add(after);
        if total > self.written_bytes_max {
            return Err(Failure::WroteTooMuch { limit_bytes: self.written_bytes_max });
        }
        self.written_bytes = total;
        Ok(())
    }
}
