//! The file system that an application sees: a tree of our own, of which only file contents touch the host.
//!
//! Directories and names live in memory, sorted. Written files are numbered scratch files in a private directory,
//! input files are opened read-only by the host path that the job gave. No path of the application ever reaches the
//! host, there are no links, and inode numbers and times are ours: what an application sees depends on the job
//! alone. Bytes, files, depth and name lengths are bounded; the first two end the run, for an application that goes
//! on after a failed write has no result worth having.

mod file;
mod open;
mod path;
mod tree;

pub(crate) use open::Open;
pub(crate) use path::Target;

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::fault::{Errno, Fault};
use crate::{Failure, InputFile, Limits};

/// Where input files appear.
pub(crate) const INPUT_DIRECTORY: &str = "iexec_in";
/// Where the result is expected.
pub(crate) const OUTPUT_DIRECTORY: &str = "iexec_out";
/// Where files are forgotten at the end.
const TEMPORARY_DIRECTORY: &str = "tmp";

/// Number of a file or directory; the root is 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Ino(usize);

impl Ino {
    pub(crate) const ROOT: Ino = Ino(0);

    /// The number that the application sees; 0 is left to mean "none".
    pub(crate) fn number(self) -> u64 {
        self.0 as u64 + 1
    }
}

#[derive(Debug)]
struct Node {
    body: Body,
    /// Descriptors that the application holds on it.
    opens: u32,
    /// Whether a directory still names it.
    linked: bool,
    times: Times,
}

/// Nanoseconds since the Unix epoch; fixed at the start of the clock unless the application sets them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Times {
    pub(crate) accessed_ns: u64,
    pub(crate) modified_ns: u64,
}

#[derive(Debug)]
enum Body {
    Directory(Directory),
    File(Content),
}

#[derive(Debug)]
struct Directory {
    entries: BTreeMap<String, Ino>,
    parent: Ino,
    depth: u32,
    writable: bool,
}

#[derive(Debug)]
struct Content {
    backing: Backing,
    size_bytes: u64,
    /// Open while the application holds a descriptor.
    handle: Option<File>,
}

#[derive(Debug)]
enum Backing {
    Input { name: String, path: PathBuf },
    Scratch { path: PathBuf },
}

/// Kind, size and times of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stat {
    pub(crate) ino: Ino,
    pub(crate) is_directory: bool,
    pub(crate) size_bytes: u64,
    pub(crate) times: Times,
}

/// See the module documentation.
#[derive(Debug)]
pub(crate) struct Vfs {
    /// Removed nodes become `None`; their numbers are used again, so that the table is as bounded as the tree.
    nodes: Vec<Option<Node>>,
    free: Vec<usize>,
    output: Ino,
    scratch: TempDir,
    written_bytes: u64,
    written_bytes_max: u64,
    files: u32,
    files_max: u32,
    start: Times,
}

impl Vfs {
    /// A tree with the given inputs; `scratch` is an empty private directory.
    pub(crate) fn new(
        inputs: &[InputFile],
        scratch: TempDir,
        limits: &Limits,
        start_ns: u64,
    ) -> Result<Self, Failure> {
        let mut vfs = Self {
            nodes: Vec::new(),
            free: Vec::new(),
            output: Ino::ROOT,
            scratch,
            written_bytes: 0,
            written_bytes_max: limits.output_bytes,
            files: 0,
            files_max: limits.output_files,
            start: Times { accessed_ns: start_ns, modified_ns: start_ns },
        };
        vfs.push(Body::Directory(Directory::new(Ino::ROOT, 0, false)));
        let input = vfs.add_top(INPUT_DIRECTORY, false);
        vfs.output = vfs.add_top(OUTPUT_DIRECTORY, true);
        vfs.add_top(TEMPORARY_DIRECTORY, true);
        for file in inputs {
            vfs.add_input(input, file)?;
        }
        Ok(vfs)
    }

    fn add_top(&mut self, name: &str, writable: bool) -> Ino {
        let ino = self.push(Body::Directory(Directory::new(Ino::ROOT, 1, writable)));
        self.directory_mut(Ino::ROOT).expect("the root is a directory").entries.insert(name.to_owned(), ino);
        ino
    }

    fn add_input(&mut self, directory: Ino, file: &InputFile) -> Result<(), Failure> {
        if !path::is_plain_name(&file.name) {
            return Err(Failure::BadJob(format!("{:?} is not a file name", file.name)));
        }
        let unreadable = |source| Failure::InputUnreadable { name: file.name.clone(), source };
        let metadata = std::fs::metadata(&file.path).map_err(unreadable)?;
        if !metadata.is_file() {
            return Err(unreadable(std::io::Error::other("it is not a file")));
        }
        let ino = self.push(Body::File(Content {
            backing: Backing::Input { name: file.name.clone(), path: file.path.clone() },
            size_bytes: metadata.len(),
            handle: None,
        }));
        let entries = &mut self.directory_mut(directory).expect("the caller made it").entries;
        match entries.insert(file.name.clone(), ino) {
            None => Ok(()),
            Some(_) => Err(Failure::BadJob(format!("two input files are called {}", file.name))),
        }
    }

    fn push(&mut self, body: Body) -> Ino {
        let ino = self.next_ino();
        let node = Some(Node { body, opens: 0, linked: true, times: self.start });
        match self.free.pop() {
            Some(index) => self.nodes[index] = node,
            None => self.nodes.push(node),
        }
        ino
    }

    /// The number that the next node gets.
    fn next_ino(&self) -> Ino {
        Ino(self.free.last().copied().unwrap_or(self.nodes.len()))
    }

    fn node(&self, ino: Ino) -> &Node {
        self.nodes[ino.0].as_ref().expect("a node lives while a name or a descriptor refers to it")
    }

    fn node_mut(&mut self, ino: Ino) -> &mut Node {
        self.nodes[ino.0].as_mut().expect("a node lives while a name or a descriptor refers to it")
    }

    fn directory(&self, ino: Ino) -> Result<&Directory, Errno> {
        match &self.node(ino).body {
            Body::Directory(directory) => Ok(directory),
            Body::File(_) => Err(Errno::Notdir),
        }
    }

    fn directory_mut(&mut self, ino: Ino) -> Result<&mut Directory, Errno> {
        match &mut self.node_mut(ino).body {
            Body::Directory(directory) => Ok(directory),
            Body::File(_) => Err(Errno::Notdir),
        }
    }

    fn content_mut(&mut self, ino: Ino) -> Result<&mut Content, Errno> {
        match &mut self.node_mut(ino).body {
            Body::Directory(_) => Err(Errno::Isdir),
            Body::File(content) => Ok(content),
        }
    }

    pub(crate) fn stat(&self, ino: Ino) -> Stat {
        let node = self.node(ino);
        let (is_directory, size_bytes) = match &node.body {
            Body::Directory(_) => (true, 0),
            Body::File(content) => (false, content.size_bytes),
        };
        Stat { ino, is_directory, size_bytes, times: node.times }
    }

    /// Sets the times that are given. Inputs keep theirs.
    pub(crate) fn set_times(
        &mut self,
        ino: Ino,
        accessed_ns: Option<u64>,
        modified_ns: Option<u64>,
    ) -> Result<(), Fault> {
        let node = self.node_mut(ino);
        let writable = match &node.body {
            Body::Directory(directory) => directory.writable,
            Body::File(content) => matches!(content.backing, Backing::Scratch { .. }),
        };
        if !writable {
            return Err(Errno::Rofs.into());
        }
        node.times.accessed_ns = accessed_ns.unwrap_or(node.times.accessed_ns);
        node.times.modified_ns = modified_ns.unwrap_or(node.times.modified_ns);
        Ok(())
    }

    /// Names in a directory in byte order, with `.` and `..` first, each with its node.
    pub(crate) fn list(&self, ino: Ino) -> Result<Vec<(String, Ino)>, Errno> {
        let directory = self.directory(ino)?;
        let mut names = vec![(".".to_owned(), ino), ("..".to_owned(), directory.parent)];
        names.extend(directory.entries.iter().map(|(name, child)| (name.clone(), *child)));
        Ok(names)
    }

    /// The kind of a node that may be gone by now; a name listed earlier can outlive its file.
    pub(crate) fn is_directory(&self, ino: Ino) -> Option<bool> {
        self.nodes[ino.0].as_ref().map(|node| matches!(node.body, Body::Directory(_)))
    }

    /// Counts a descriptor on the node; its content is opened with the first one.
    pub(crate) fn acquire(&mut self, ino: Ino) -> Result<(), Fault> {
        let node = self.node_mut(ino);
        if let Body::File(content) = &mut node.body {
            content.open()?;
        }
        node.opens += 1;
        Ok(())
    }

    /// Ends what [`Vfs::acquire`] began; the last one closes the content and drops a file without a name.
    pub(crate) fn release(&mut self, ino: Ino) -> Result<(), Fault> {
        let node = self.node_mut(ino);
        assert!(node.opens > 0, "every release follows an acquire");
        node.opens -= 1;
        if node.opens == 0
            && let Body::File(content) = &mut node.body
        {
            content.handle = None;
        }
        self.drop_if_unused(ino)
    }

    fn drop_if_unused(&mut self, ino: Ino) -> Result<(), Fault> {
        let node = self.node(ino);
        if node.linked || node.opens > 0 {
            return Ok(());
        }
        if let Body::File(Content { backing: Backing::Scratch { path }, size_bytes, .. }) = &node.body {
            std::fs::remove_file(path)
                .map_err(|source| Failure::HostDisk { action: "remove a scratch file", source })?;
            self.written_bytes -= *size_bytes;
        }
        self.nodes[ino.0] = None;
        self.free.push(ino.0);
        self.files -= 1;
        Ok(())
    }
}

/// What stands at a path of the result.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Entry<'a> {
    Directory,
    File { scratch: &'a Path },
}

impl Vfs {
    /// Everything under `/iexec_out`, parents first, names in byte order, paths relative to it.
    pub(crate) fn output_entries(&self) -> Vec<(PathBuf, Entry<'_>)> {
        let mut entries = Vec::new();
        self.collect(self.output, Path::new(""), &mut entries);
        entries
    }

    fn collect<'a>(&'a self, ino: Ino, at: &Path, entries: &mut Vec<(PathBuf, Entry<'a>)>) {
        let Ok(directory) = self.directory(ino) else { return };
        for (name, child) in &directory.entries {
            let path = at.join(name);
            match &self.node(*child).body {
                Body::Directory(_) => {
                    entries.push((path.clone(), Entry::Directory));
                    self.collect(*child, &path, entries);
                }
                Body::File(Content { backing: Backing::Scratch { path: scratch }, .. }) => {
                    entries.push((path, Entry::File { scratch }));
                }
                Body::File(Content { backing: Backing::Input { .. }, .. }) => {
                    unreachable!("nothing leaves or enters the input directory")
                }
            }
        }
    }
}

impl Directory {
    fn new(parent: Ino, depth: u32, writable: bool) -> Self {
        Self { entries: BTreeMap::new(), parent, depth, writable }
    }
}
