//! A disk that is small and can be filled: a tmpfs in a mount namespace of its own, for root and for users who may make
//! user namespaces.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use super::metacloud;

/// Mounts, says so, and holds the namespace until its stdin ends.
const HOLD: &str = r#"mount -t tmpfs -o "size=$1m" tmpfs "$2" && echo mounted && exec cat"#;

/// The disk; gone, with all that is on it, when dropped.
pub struct SmallDisk {
    holder: Child,
    /// The mounted folder as this process sees it.
    seen: PathBuf,
}

impl SmallDisk {
    /// Mounts a disk of so many MiB at `place`, for the processes that are started inside.
    pub fn mount(place: &Path, mib: u32) -> Self {
        fs::create_dir_all(place).expect("mount point");
        let mut holder = Command::new("unshare")
            .args(["--user", "--map-root-user", "--mount", "sh", "-c", HOLD, "sh", &mib.to_string()])
            .arg(place)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("unshare is there");
        let mut line = String::new();
        let stdout = holder.stdout.take().expect("stdout is a pipe");
        BufReader::new(stdout).read_line(&mut line).expect("the holder speaks");
        assert_eq!(line, "mounted\n", "a small disk needs root, or users who may make user namespaces");
        let seen = PathBuf::from(format!("/proc/{}/root", holder.id()));
        let seen = seen.join(place.strip_prefix("/").expect("an absolute place"));
        Self { holder, seen }
    }

    /// `metacloud COMMAND`, with the disk in its place.
    pub fn inside(&self, command: &str) -> Command {
        let plain = metacloud();
        let mut inside = Command::new("nsenter");
        inside
            .args(["--user", "--mount", "--preserve-credentials", "--target", &self.holder.id().to_string()])
            .arg("--")
            .arg(plain.get_program())
            .arg(command)
            .stdin(Stdio::null());
        for (name, value) in plain.get_envs() {
            match value {
                Some(value) => inside.env(name, value),
                None => inside.env_remove(name),
            };
        }
        inside
    }

    /// Fills it to the last byte.
    pub fn fill(&self) {
        let mut filler = File::create(self.seen.join("filler")).expect("filler");
        for size in [1 << 20, 4_096, 1] {
            let piece = vec![0u8; size];
            loop {
                match filler.write_all(&piece) {
                    Ok(()) => {}
                    Err(error) if error.kind() == ErrorKind::StorageFull => break,
                    Err(error) => panic!("{error}"),
                }
            }
        }
    }

    /// Makes room again.
    pub fn free(&self) {
        fs::remove_file(self.seen.join("filler")).expect("the filler goes");
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = self.holder.kill();
        let _ = self.holder.wait();
    }
}
