//! The process of one enclave, from outside.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use metacloud_enclave::frame::{self, FrameError, HEADER_BYTES};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use zeroize::Zeroizing;

/// The argument with which the program is started.
const ARGUMENT: &str = "enclave";

/// A running enclave; killed when dropped.
pub(super) struct Process {
    child: Child,
    input: ChildStdin,
    output: ChildStdout,
}

/// Why an enclave gives no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum Died {
    /// It did not start.
    #[error("the enclave's process {program} cannot be started: {source}")]
    Start { program: String, source: std::io::Error },
    /// It ended, or was ended.
    #[error("the enclave's process ended before it answered: {how}")]
    Ended { how: String },
    /// It said nothing for too long.
    #[error("the enclave did not answer within {} s", .0.as_secs())]
    Silent(Duration),
    /// It said something else.
    #[error("the enclave broke the protocol: {0}")]
    Talk(#[source] FrameError),
}

impl Process {
    /// Starts the program with an empty environment, its standard input and output in our hands.
    pub(super) fn start(program: &Path) -> Result<Self, Died> {
        let failed = |source| Died::Start { program: program.display().to_string(), source };
        let mut child = Command::new(program)
            .arg(ARGUMENT)
            .env_clear()
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .kill_on_drop(true)
            .spawn()
            .map_err(failed)?;
        let taken = || std::io::Error::other("its pipes are missing");
        let input = child.stdin.take().ok_or_else(|| failed(taken()))?;
        let output = child.stdout.take().ok_or_else(|| failed(taken()))?;
        Ok(Self { child, input, output })
    }

    /// Number of the process, for the log.
    pub(super) fn id(&self) -> Option<u32> {
        self.child.id()
    }

    /// Says something and waits for the answer.
    pub(super) async fn ask<T: DeserializeOwned>(
        &mut self,
        message: &impl Serialize,
        within: Duration,
    ) -> Result<T, Died> {
        match tokio::time::timeout(within, self.exchange(message)).await {
            Err(_) => Err(Died::Silent(within)),
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(FrameError::Pipe(error))) => Err(Died::Ended { how: self.ended(&error).await }),
            Ok(Err(error)) => Err(Died::Talk(error)),
        }
    }

    async fn exchange<T: DeserializeOwned>(&mut self, message: &impl Serialize) -> Result<T, FrameError> {
        self.input.write_all(&frame::encode(message)?).await?;
        self.input.flush().await?;
        let mut header = [0; HEADER_BYTES];
        self.output.read_exact(&mut header).await?;
        let mut body = Zeroizing::new(vec![0; frame::length(header)?]);
        self.output.read_exact(&mut body).await?;
        frame::decode(&body)
    }

    /// How a process whose pipe broke ended.
    async fn ended(&mut self, pipe: &std::io::Error) -> String {
        // It closed its end, so it is about to be gone, or is made to be.
        let waited = tokio::time::timeout(Duration::from_secs(1), self.child.wait()).await;
        match waited {
            Ok(Ok(status)) => status.to_string(),
            Ok(Err(error)) => error.to_string(),
            Err(_) => pipe.to_string(),
        }
    }

    /// Ends it, and waits until it let go of its files.
    pub(super) async fn end(mut self) {
        // That it is gone already is what is wanted.
        let _ = self.child.kill().await;
    }
}
