//! Files and directories. Flags on paths are ignored: there are no links to follow.

use std::vec;

use sha2::{Digest, Sha256};
use wasmtime::component::Resource;

use super::bindings::wasi::clocks::wall_clock::Datetime;
use super::bindings::wasi::filesystem::preopens;
use super::bindings::wasi::filesystem::types::{
    self, Advice, DescriptorFlags, DescriptorStat, DescriptorType, DirectoryEntry, ErrorCode,
    MetadataHashValue, NewTimestamp, OpenFlags, PathFlags,
};
use super::poll::{datetime, nanoseconds};
use super::process::Process;
use super::streams::{Source, StreamFailure, Target};
use crate::fault::{Errno, Fault};
use crate::limits::{DESCRIPTORS_MAX, TRANSFER_BYTES_MAX};
use crate::vfs::{Ino, Open, Stat};

/// Name of the one preopened directory.
const PREOPENED_NAME: &str = "/";

/// A `descriptor`.
#[derive(Clone, Copy, Debug)]
#[expect(unreachable_pub, reason = "the bindings re-export it")]
pub struct OpenFile {
    ino: Ino,
    read: bool,
    write: bool,
}

/// A `directory-entry-stream`: taken when it starts, so that it does not shift under the reader.
#[derive(Debug)]
#[expect(unreachable_pub, reason = "the bindings re-export it")]
pub struct DirectoryEntries {
    directory: Ino,
    left: vec::IntoIter<(String, Ino)>,
}

type File = Resource<OpenFile>;

impl Process {
    fn ino(&self, file: &File) -> Result<Ino, Fault> {
        Ok(self.table.get(file)?.ino)
    }

    /// A file that was opened for reading.
    fn readable(&self, file: &File) -> Result<Ino, Fault> {
        let OpenFile { ino, read, .. } = *self.table.get(file)?;
        self.check_bytes(ino, read)
    }

    /// A file that was opened for writing.
    fn writable(&self, file: &File) -> Result<Ino, Fault> {
        let OpenFile { ino, write, .. } = *self.table.get(file)?;
        self.check_bytes(ino, write)
    }

    fn check_bytes(&self, ino: Ino, allowed: bool) -> Result<Ino, Fault> {
        match (self.system.vfs.stat(ino).is_directory, allowed) {
            (true, _) => Err(Errno::Isdir.into()),
            (false, false) => Err(Errno::Badf.into()),
            (false, true) => Ok(ino),
        }
    }

    /// Where a path leads from a directory.
    fn target(&self, directory: &File, path: &str) -> Result<crate::vfs::Target, Fault> {
        Ok(self.system.vfs.resolve(self.ino(directory)?, path)?)
    }

    /// What a path names, which must exist.
    fn existing(&self, directory: &File, path: &str) -> Result<Ino, Fault> {
        Ok(self.target(directory, path)?.existing(&self.system.vfs)?)
    }

    fn count_descriptor(&mut self) -> Result<(), Errno> {
        if self.descriptors == DESCRIPTORS_MAX {
            return Err(Errno::Mfile);
        }
        self.descriptors += 1;
        Ok(())
    }

    fn set_times_of(
        &mut self,
        ino: Ino,
        accessed: NewTimestamp,
        modified: NewTimestamp,
    ) -> Result<(), Fault> {
        let now_ns = self.system.clock.realtime_ns();
        let choose = |time| match time {
            NewTimestamp::NoChange => Ok(None),
            NewTimestamp::Now => Ok(Some(now_ns)),
            NewTimestamp::Timestamp(time) => nanoseconds(time).map(Some).ok_or(Errno::Inval),
        };
        self.system.vfs.set_times(ino, choose(accessed)?, choose(modified)?)
    }
}

fn kind(is_directory: bool) -> DescriptorType {
    if is_directory { DescriptorType::Directory } else { DescriptorType::RegularFile }
}

fn describe(stat: &Stat) -> DescriptorStat {
    let time = |ns| -> Option<Datetime> { Some(datetime(ns)) };
    DescriptorStat {
        type_: kind(stat.is_directory),
        link_count: 1,
        size: stat.size_bytes,
        data_access_timestamp: time(stat.times.accessed_ns),
        data_modification_timestamp: time(stat.times.modified_ns),
        status_change_timestamp: time(stat.times.modified_ns),
    }
}

/// The lower half tells nodes apart, and stays, for it is what programs take for an inode number; the upper half
/// changes with size and time.
fn hash(stat: &Stat) -> MetadataHashValue {
    let hash = Sha256::new()
        .chain_update(stat.size_bytes.to_le_bytes())
        .chain_update(stat.times.modified_ns.to_le_bytes())
        .finalize();
    let upper = u64::from_le_bytes(hash[..8].try_into().expect("a hash has 32 bytes"));
    MetadataHashValue { lower: stat.ino.number(), upper }
}

impl preopens::Host for Process {
    fn get_directories(&mut self) -> wasmtime::Result<Vec<(File, String)>> {
        let root = OpenFile { ino: Ino::ROOT, read: true, write: false };
        match self.count_descriptor().map_err(Fault::from).and_then(|()| self.push_on(Ino::ROOT, root)) {
            Ok(root) => Ok(vec![(root, PREOPENED_NAME.to_owned())]),
            // No error can be told here; a program that opened everything it may has its root already.
            Err(Fault::Errno(_)) => Ok(Vec::new()),
            Err(Fault::Stop(stop)) => Err(stop.into()),
        }
    }
}

impl types::Host for Process {
    fn convert_error_code(&mut self, fault: Fault) -> wasmtime::Result<ErrorCode> {
        match fault {
            Fault::Errno(errno) => Ok(errno.into()),
            Fault::Stop(stop) => Err(stop.into()),
        }
    }

    fn filesystem_error_code(
        &mut self,
        error: Resource<StreamFailure>,
    ) -> wasmtime::Result<Option<ErrorCode>> {
        let StreamFailure(errno) = *self.table.get(&error)?;
        Ok(Some(errno.into()))
    }
}

impl types::HostDirectoryEntryStream for Process {
    fn read_directory_entry(
        &mut self,
        entries: Resource<DirectoryEntries>,
    ) -> Result<Option<DirectoryEntry>, Fault> {
        let Some((name, child)) = self.table.get_mut(&entries)?.left.next() else { return Ok(None) };
        // Nothing more is known of a file that was removed since.
        let type_ = self.system.vfs.is_directory(child).map_or(DescriptorType::Unknown, kind);
        Ok(Some(DirectoryEntry { type_, name }))
    }

    fn drop(&mut self, entries: Resource<DirectoryEntries>) -> wasmtime::Result<()> {
        let entries = self.table.delete(entries)?;
        self.descriptors -= 1;
        self.release(entries.directory)
    }
}

impl types::HostDescriptor for Process {
    fn read_via_stream(&mut self, file: File, offset: u64) -> Result<Resource<Source>, Fault> {
        let ino = self.readable(&file)?;
        self.push_on(ino, Source::File { ino, offset })
    }

    fn write_via_stream(&mut self, file: File, offset: u64) -> Result<Resource<Target>, Fault> {
        let ino = self.writable(&file)?;
        self.push_on(ino, Target::File { ino, offset })
    }

    fn append_via_stream(&mut self, file: File) -> Result<Resource<Target>, Fault> {
        let ino = self.writable(&file)?;
        self.push_on(ino, Target::Append { ino })
    }

    fn advise(&mut self, file: File, _: u64, _: u64, _: Advice) -> Result<(), Fault> {
        self.check_bytes(self.ino(&file)?, true).map(|_| ())
    }

    /// What is written is there; durability beyond the run is the caller's matter.
    fn sync_data(&mut self, file: File) -> Result<(), Fault> {
        self.ino(&file).map(|_| ())
    }

    fn sync(&mut self, file: File) -> Result<(), Fault> {
        self.sync_data(file)
    }

    fn get_flags(&mut self, file: File) -> Result<DescriptorFlags, Fault> {
        let OpenFile { ino, read, write } = *self.table.get(&file)?;
        let mut flags = DescriptorFlags::empty();
        if read {
            flags |= DescriptorFlags::READ;
        }
        if write {
            flags |= DescriptorFlags::WRITE;
        }
        if self.system.vfs.stat(ino).is_directory {
            flags |= DescriptorFlags::MUTATE_DIRECTORY;
        }
        Ok(flags)
    }

    fn get_type(&mut self, file: File) -> Result<DescriptorType, Fault> {
        Ok(kind(self.system.vfs.stat(self.ino(&file)?).is_directory))
    }

    fn set_size(&mut self, file: File, size: u64) -> Result<(), Fault> {
        let ino = self.writable(&file)?;
        self.system.vfs.set_size(ino, size)
    }

    fn set_times(&mut self, file: File, accessed: NewTimestamp, modified: NewTimestamp) -> Result<(), Fault> {
        let ino = self.ino(&file)?;
        self.set_times_of(ino, accessed, modified)
    }

    fn set_times_at(
        &mut self,
        directory: File,
        _: PathFlags,
        path: String,
        accessed: NewTimestamp,
        modified: NewTimestamp,
    ) -> Result<(), Fault> {
        let ino = self.existing(&directory, &path)?;
        self.set_times_of(ino, accessed, modified)
    }

    fn read(&mut self, file: File, length: u64, offset: u64) -> Result<(Vec<u8>, bool), Fault> {
        let ino = self.readable(&file)?;
        let length = usize::try_from(length).unwrap_or(usize::MAX).min(TRANSFER_BYTES_MAX);
        let bytes = self.system.vfs.read_up_to(ino, offset, length)?;
        let at_end = offset.saturating_add(bytes.len() as u64) >= self.system.vfs.stat(ino).size_bytes;
        Ok((bytes, at_end))
    }

    fn write(&mut self, file: File, bytes: Vec<u8>, offset: u64) -> Result<u64, Fault> {
        let ino = self.writable(&file)?;
        let bytes = &bytes[..bytes.len().min(TRANSFER_BYTES_MAX)];
        self.system.vfs.write(ino, offset, bytes)?;
        Ok(bytes.len() as u64)
    }

    fn read_directory(&mut self, file: File) -> Result<Resource<DirectoryEntries>, Fault> {
        let directory = self.ino(&file)?;
        let mut names = self.system.vfs.list(directory)?;
        names.drain(..2); // `.` and `..`, which 0.2 leaves out
        self.count_descriptor()?;
        self.push_on(directory, DirectoryEntries { directory, left: names.into_iter() })
    }

    fn create_directory_at(&mut self, directory: File, path: String) -> Result<(), Fault> {
        let target = self.target(&directory, &path)?;
        self.system.vfs.create_directory(&target)
    }

    fn stat(&mut self, file: File) -> Result<DescriptorStat, Fault> {
        Ok(describe(&self.system.vfs.stat(self.ino(&file)?)))
    }

    fn stat_at(&mut self, directory: File, _: PathFlags, path: String) -> Result<DescriptorStat, Fault> {
        Ok(describe(&self.system.vfs.stat(self.existing(&directory, &path)?)))
    }

    fn open_at(
        &mut self,
        directory: File,
        _: PathFlags,
        path: String,
        open: OpenFlags,
        flags: DescriptorFlags,
    ) -> Result<File, Fault> {
        let target = self.target(&directory, &path)?;
        let write = flags.contains(DescriptorFlags::WRITE);
        let how = Open {
            create: open.contains(OpenFlags::CREATE),
            directory: open.contains(OpenFlags::DIRECTORY),
            exclusive: open.contains(OpenFlags::EXCLUSIVE),
            truncate: open.contains(OpenFlags::TRUNCATE),
            write,
            bytes: write,
        };
        self.count_descriptor()?;
        let opened = self.system.vfs.open(&target, how);
        let ino = opened.inspect_err(|_| self.descriptors -= 1)?;
        Ok(self.push(OpenFile { ino, read: flags.contains(DescriptorFlags::READ), write })?)
    }

    fn remove_directory_at(&mut self, directory: File, path: String) -> Result<(), Fault> {
        let target = self.target(&directory, &path)?;
        self.system.vfs.remove_directory(&target)
    }

    fn unlink_file_at(&mut self, directory: File, path: String) -> Result<(), Fault> {
        let target = self.target(&directory, &path)?;
        self.system.vfs.unlink_file(&target)
    }

    fn rename_at(
        &mut self,
        directory: File,
        path: String,
        new_directory: File,
        new_path: String,
    ) -> Result<(), Fault> {
        let from = self.target(&directory, &path)?;
        let to = self.target(&new_directory, &new_path)?;
        self.system.vfs.rename(&from, &to)
    }

    /// There are no links: what the path names is never one.
    fn readlink_at(&mut self, directory: File, path: String) -> Result<String, Fault> {
        self.existing(&directory, &path)?;
        Err(Errno::Inval.into())
    }

    fn symlink_at(&mut self, _: File, _: String, _: String) -> Result<(), Fault> {
        Err(Errno::Notsup.into())
    }

    fn link_at(&mut self, _: File, _: PathFlags, _: String, _: File, _: String) -> Result<(), Fault> {
        Err(Errno::Notsup.into())
    }

    fn is_same_object(&mut self, file: File, other: File) -> wasmtime::Result<bool> {
        Ok(self.table.get(&file)?.ino == self.table.get(&other)?.ino)
    }

    fn metadata_hash(&mut self, file: File) -> Result<MetadataHashValue, Fault> {
        Ok(hash(&self.system.vfs.stat(self.ino(&file)?)))
    }

    fn metadata_hash_at(
        &mut self,
        directory: File,
        _: PathFlags,
        path: String,
    ) -> Result<MetadataHashValue, Fault> {
        Ok(hash(&self.system.vfs.stat(self.existing(&directory, &path)?)))
    }

    fn drop(&mut self, file: File) -> wasmtime::Result<()> {
        let file = self.table.delete(file)?;
        self.descriptors -= 1;
        self.release(file.ino)
    }
}
