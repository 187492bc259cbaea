//! Processes of the binary: starting, signalling and waiting for them.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::PATIENCE;

/// A running process of the binary, with its stderr in a file; killed when dropped.
pub struct Process {
    child: Child,
    log: PathBuf,
}

impl Process {
    /// Starts `command` with its stderr in the file `log`.
    pub fn start(mut command: Command, log: &Path) -> Self {
        let stderr = std::fs::File::create(log).expect("log file");
        let child = command.stderr(stderr).spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        Self { child, log: log.to_owned() }
    }

    /// Starts a role that announces itself as JSON, and waits until it does.
    pub fn announced(mut command: Command, log: &Path) -> (Self, Value) {
        command.stdout(Stdio::piped());
        let mut process = Self::start(command, log);
        let stdout = process.child.stdout.take().expect("stdout is a pipe");
        let (tell, told) = mpsc::channel();
        std::thread::spawn(move || {
            let mut line = String::new();
            let read = BufReader::new(stdout).read_line(&mut line);
            // Whoever waited may have given up.
            let _ = tell.send(read.map(|_| line));
        });
        let line =
            told.recv_timeout(PATIENCE).expect("the role announces itself").expect("its stdout can be read");
        let told = serde_json::from_str(&line)
            .unwrap_or_else(|error| panic!("{line:?} is no announcement ({error}):\n{}", process.stderr()));
        (process, told)
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// What it has said on stderr so far.
    pub fn stderr(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Sends a signal by its name, such as `INT`.
    pub fn signal(&self, name: &str) {
        let sent = Command::new("kill").args([&format!("-{name}"), &self.id().to_string()]).status();
        assert!(sent.expect("kill is there").success());
    }

    /// `kill -9`.
    pub fn kill(&mut self) {
        self.child.kill().expect("the child can be killed");
        self.child.wait().expect("the child ends");
    }

    /// Waits for its end; the exit code, or none if a signal ended it.
    pub fn wait(&mut self) -> Option<i32> {
        let mut code = None;
        until("the process ends", || {
            let status = self.child.try_wait().expect("the child can be asked");
            status.map(|status| code = status.code()).is_some()
        });
        code
    }

    /// Whether it has ended by now.
    pub fn has_ended(&mut self) -> bool {
        self.child.try_wait().expect("the child can be asked").is_some()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Waits until something holds, however slow the machine.
pub fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let started = Instant::now();
    while !holds() {
        assert!(started.elapsed() < PATIENCE, "waited too long until {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}
