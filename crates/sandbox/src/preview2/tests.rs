//! The calls themselves, for what the fixtures do not reach.

use tempfile::TempDir;
use wasmtime::component::Resource;

use super::Process;
use super::bindings::wasi::filesystem::preopens::Host as _;
use super::bindings::wasi::filesystem::types::{
    DescriptorFlags, DescriptorType, Host as _, HostDescriptor, HostDirectoryEntryStream, NewTimestamp,
    OpenFlags, PathFlags,
};
use super::bindings::wasi::io::streams::{Host as _, HostInputStream, HostOutputStream, StreamError};
use super::bindings::wasi::random::random::Host as _;
use super::error::StreamFault;
use super::filesystem::OpenFile;
use super::poll::datetime;
use crate::deterministic::Clock;
use crate::fault::{Errno, Fault, Stop};
use crate::limits::{DESCRIPTORS_MAX, FLUSHED_WRITE_BYTES_MAX, STREAM_WRITE_BYTES_MAX, TRANSFER_BYTES_MAX};
use crate::system::System;
use crate::vfs::Vfs;
use crate::{CancelFlag, InputFile, Job, Limits};

const FOLLOW: PathFlags = PathFlags::SYMLINK_FOLLOW;

/// A process with one input file `data`, in which nothing runs.
struct World {
    process: Process,
    root: Resource<OpenFile>,
    _dir: TempDir,
}

impl World {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("input");
        std::fs::write(&path, "some input").unwrap();
        let job = Job {
            module: path.clone(),
            args: Vec::new(),
            env: Vec::new(),
            inputs: vec![InputFile { name: "data".into(), path }],
            out_dir: dir.path().join("out"),
            limits: Limits::for_category_time(std::time::Duration::from_secs(60)),
            seed: [1; 32],
        };
        let clock = Clock::from_seed(&job.seed);
        let vfs = Vfs::new(&job.inputs, tempfile::tempdir().unwrap(), &job.limits, clock.start_ns()).unwrap();
        let mut process = Process::new(System::new(&job, vfs, clock, CancelFlag::new()).unwrap());
        let (root, name) = process.get_directories().unwrap().pop().unwrap();
        assert_eq!(name, "/");
        Self { process, root, _dir: dir }
    }

    fn root(&self) -> Resource<OpenFile> {
        Resource::new_borrow(self.root.rep())
    }

    fn open(
        &mut self,
        path: &str,
        open: OpenFlags,
        flags: DescriptorFlags,
    ) -> Result<Resource<OpenFile>, Fault> {
        self.process.open_at(self.root(), FOLLOW, path.into(), open, flags)
    }

    /// A new file that may be read and written, owned here: calls borrow it by [`again`].
    fn file(&mut self, path: &str) -> Resource<OpenFile> {
        self.open(path, OpenFlags::CREATE, DescriptorFlags::READ | DescriptorFlags::WRITE).unwrap()
    }
}

fn again<T: 'static>(resource: &Resource<T>) -> Resource<T> {
    Resource::new_borrow(resource.rep())
}

fn errno<T: std::fmt::Debug>(result: Result<T, Fault>) -> Errno {
    match result.unwrap_err() {
        Fault::Errno(errno) => errno,
        Fault::Stop(stop) => panic!("{stop}"),
    }
}

#[test]
fn the_file_must_have_been_opened_for_what_is_done_with_it() {
    let mut world = World::new();
    let input = world.open("iexec_in/data", OpenFlags::empty(), DescriptorFlags::READ).unwrap();
    let write = world.open("iexec_in/data", OpenFlags::empty(), DescriptorFlags::WRITE);
    assert_eq!(errno(write), Errno::Rofs);
    assert_eq!(errno(world.open("tmp", OpenFlags::empty(), DescriptorFlags::WRITE)), Errno::Isdir);
    let process = &mut world.process;
    assert_eq!(HostDescriptor::read(process, again(&input), 100, 5).unwrap(), (b"input".to_vec(), true));
    assert_eq!(HostDescriptor::read(process, again(&input), 4, 0).unwrap(), (b"some".to_vec(), false));
    assert_eq!(errno(HostDescriptor::write(process, again(&input), vec![1], 0)), Errno::Badf);
    assert_eq!(errno(process.write_via_stream(again(&input), 0)), Errno::Badf);
    assert_eq!(errno(process.append_via_stream(again(&input))), Errno::Badf);
    assert_eq!(errno(process.set_size(again(&input), 0)), Errno::Badf);
    assert_eq!(process.get_flags(again(&input)).unwrap(), DescriptorFlags::READ);
    assert_eq!(errno(process.readlink_at(again(&world.root), "iexec_in/data".into())), Errno::Inval);
    assert_eq!(errno(process.read_via_stream(again(&world.root), 0)), Errno::Isdir);
    assert_eq!(errno(process.read_directory(input)), Errno::Notdir);
    let only_write = world.open("tmp/x", OpenFlags::CREATE, DescriptorFlags::WRITE).unwrap();
    assert_eq!(errno(HostDescriptor::read(&mut world.process, only_write, 1, 0)), Errno::Badf);
}

#[test]
fn listings_are_sorted_and_leave_out_the_dots() {
    let mut world = World::new();
    for name in ["tmp/b", "tmp/a", "tmp/c"] {
        world.file(name);
    }
    world.process.create_directory_at(world.root(), "tmp/B".into()).unwrap();
    let tmp = world.open("tmp", OpenFlags::DIRECTORY, DescriptorFlags::READ).unwrap();
    let entries = world.process.read_directory(tmp).unwrap();
    world.process.unlink_file_at(world.root(), "tmp/a".into()).unwrap();
    let mut seen = Vec::new();
    while let Some(entry) = world.process.read_directory_entry(again(&entries)).unwrap() {
        seen.push((entry.name, entry.type_));
    }
    let file = DescriptorType::RegularFile;
    let expected = [("B", DescriptorType::Directory), ("a", file), ("b", file), ("c", file)];
    assert_eq!(seen, expected.map(|(name, kind)| (name.to_owned(), kind)));
}

#[test]
fn hash_and_times_follow_the_file_and_nothing_else() {
    let mut worlds = [World::new(), World::new()].map(|mut world| {
        let file = world.file("tmp/x");
        (world, file)
    });
    let hashes = worlds.each_mut().map(|(world, file)| {
        let process = &mut world.process;
        let empty = process.metadata_hash(again(file)).unwrap();
        HostDescriptor::write(process, again(file), b"text".to_vec(), 0).unwrap();
        let full = process.metadata_hash_at(again(&world.root), FOLLOW, "tmp/x".into()).unwrap();
        assert_eq!(empty.lower, full.lower, "the same file");
        assert_ne!(empty.upper, full.upper, "of another size");
        let time = datetime(1_700_000_000_123_456_789);
        process.set_times(again(file), NewTimestamp::NoChange, NewTimestamp::Timestamp(time)).unwrap();
        let stat = process.stat(again(file)).unwrap();
        let modified = stat.data_modification_timestamp.unwrap();
        assert_eq!((modified.seconds, modified.nanoseconds), (1_700_000_000, 123_456_789));
        assert_eq!((stat.size, stat.link_count), (4, 1));
        let mut odd = time;
        odd.nanoseconds = 1_000_000_000;
        let refused = process.set_times(again(file), NewTimestamp::Timestamp(odd), NewTimestamp::Now);
        assert_eq!(errno(refused), Errno::Inval);
        let other = process.metadata_hash_at(again(&world.root), FOLLOW, "iexec_in/data".into()).unwrap();
        assert_ne!(other.lower, full.lower);
        let last = process.metadata_hash(again(file)).unwrap();
        (last.lower, last.upper)
    });
    assert_eq!(hashes[0], hashes[1]);
}

#[test]
fn streams_move_bytes_and_keep_to_their_bounds() {
    let mut world = World::new();
    let file = world.file("tmp/x");
    let input = world.open("iexec_in/data", OpenFlags::empty(), DescriptorFlags::READ).unwrap();
    let process = &mut world.process;
    let from = process.read_via_stream(input, 0).unwrap();
    assert_eq!(HostInputStream::skip(process, again(&from), 5).unwrap(), 5);
    let out = process.write_via_stream(again(&file), 3).unwrap();
    assert_eq!(process.splice(again(&out), again(&from), 3).unwrap(), 3);
    process.write_zeroes(again(&out), 2).unwrap();
    let end = process.append_via_stream(again(&file)).unwrap();
    assert_eq!(process.splice(again(&end), again(&from), u64::MAX).unwrap(), 2);
    assert!(matches!(HostInputStream::read(process, again(&from), 1), Err(StreamFault::Closed)));
    assert_eq!(HostDescriptor::read(process, file, 100, 0).unwrap().0, b"\0\0\0inp\0\0ut");

    assert_eq!(process.check_write(again(&out)).unwrap(), STREAM_WRITE_BYTES_MAX as u64);
    let too_much = HostOutputStream::write(process, again(&out), vec![0; STREAM_WRITE_BYTES_MAX + 1]);
    assert!(matches!(too_much, Err(StreamFault::Stop(Stop::Failed(_)))));
    let too_much = process.blocking_write_and_flush(again(&out), vec![0; FLUSHED_WRITE_BYTES_MAX + 1]);
    assert!(matches!(too_much, Err(StreamFault::Stop(Stop::Failed(_)))));
    assert!(matches!(process.write_zeroes(out, u64::MAX), Err(StreamFault::Stop(Stop::Failed(_)))));
    assert!(process.get_random_bytes(TRANSFER_BYTES_MAX as u64 + 1).is_err());
}

#[test]
fn a_failed_stream_tells_the_error_code() {
    let mut world = World::new();
    let file = world.file("tmp/x");
    let process = &mut world.process;
    let out = process.write_via_stream(file, u64::MAX).unwrap();
    let fault = HostOutputStream::write(process, out, b"x".to_vec()).unwrap_err();
    let StreamError::LastOperationFailed(error) = process.convert_stream_error(fault).unwrap() else {
        panic!("the stream is not closed")
    };
    let code = process.filesystem_error_code(error).unwrap().unwrap();
    assert_eq!(code.name(), "file-too-large");
}

#[test]
fn descriptors_are_bounded_and_given_back() {
    let mut world = World::new();
    for _ in 0..2 {
        let mut open = Vec::new();
        while let Ok(file) = world.open("iexec_in/data", OpenFlags::empty(), DescriptorFlags::READ) {
            open.push(file);
        }
        assert_eq!(open.len(), DESCRIPTORS_MAX - 1, "the root is open as well");
        assert_eq!(errno(world.process.read_directory(world.root())), Errno::Mfile);
        assert!(world.process.get_directories().unwrap().is_empty());
        for file in open {
            HostDescriptor::drop(&mut world.process, file).unwrap();
        }
    }
    let absent = world.open("iexec_in/absent", OpenFlags::empty(), DescriptorFlags::READ);
    assert_eq!(errno(absent), Errno::Noent);
    assert_eq!(world.process.descriptors, 1, "a failed open counts for nothing");
}
