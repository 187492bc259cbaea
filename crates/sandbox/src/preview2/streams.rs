//! Streams of bytes: files from an offset on, the captured standard streams, and an empty standard input.

use wasmtime::component::Resource;

use super::bindings::wasi::io::streams;
use super::error::StreamFault;
use super::poll::Readiness;
use super::process::Process;
use crate::fault::{Errno, Stop};
use crate::limits::{FLUSHED_WRITE_BYTES_MAX, STREAM_WRITE_BYTES_MAX, TRANSFER_BYTES_MAX};
use crate::vfs::Ino;

/// An `input-stream`.
#[derive(Clone, Copy, Debug)]
#[expect(unreachable_pub, reason = "the bindings re-export it")]
pub enum Source {
    /// Standard input, which has ended.
    Nothing,
    File {
        ino: Ino,
        offset: u64,
    },
}

/// An `output-stream`.
#[derive(Clone, Copy, Debug)]
#[expect(unreachable_pub, reason = "the bindings re-export it")]
pub enum Target {
    Stdout,
    Stderr,
    File {
        ino: Ino,
        offset: u64,
    },
    /// Writes to wherever the end of the file is.
    Append {
        ino: Ino,
    },
}

/// An `error`: why the last write or read failed.
#[derive(Clone, Copy, Debug)]
#[expect(unreachable_pub, reason = "the bindings re-export it")]
pub struct StreamFailure(pub(super) Errno);

impl Process {
    /// Up to `length` bytes; a file's end closes the stream.
    fn take(&mut self, stream: &Resource<Source>, length: u64) -> Result<Vec<u8>, StreamFault> {
        let length = usize::try_from(length).unwrap_or(usize::MAX).min(TRANSFER_BYTES_MAX);
        let Source::File { ino, offset } = self.table.get_mut(stream)? else {
            return Err(StreamFault::Closed);
        };
        let bytes = self.system.vfs.read_up_to(*ino, *offset, length)?;
        if bytes.is_empty() && length > 0 {
            return Err(StreamFault::Closed);
        }
        *offset += bytes.len() as u64;
        Ok(bytes)
    }

    fn put(&mut self, stream: &Resource<Target>, bytes: &[u8]) -> Result<(), StreamFault> {
        match self.table.get_mut(stream)? {
            Target::Stdout => self.system.stdout.write(bytes),
            Target::Stderr => self.system.stderr.write(bytes),
            Target::File { ino, offset } => {
                self.system.vfs.write(*ino, *offset, bytes)?;
                *offset += bytes.len() as u64;
            }
            Target::Append { ino } => {
                let end = self.system.vfs.stat(*ino).size_bytes;
                self.system.vfs.write(*ino, end, bytes)?;
            }
        }
        Ok(())
    }

    fn ready(&mut self) -> wasmtime::Result<Resource<Readiness>> {
        Ok(self.push(Readiness::Always)?)
    }
}

/// The application may write as much as the last answer allowed, and each answer allows the same.
fn check_length(length: u64, limit: usize) -> Result<usize, StreamFault> {
    match usize::try_from(length) {
        Ok(length) if length <= limit => Ok(length),
        _ => Err(StreamFault::Stop(Stop::crash(format!(
            "it wrote {length} bytes to a stream that took {limit} at once"
        )))),
    }
}

impl streams::Host for Process {
    fn convert_stream_error(&mut self, fault: StreamFault) -> wasmtime::Result<streams::StreamError> {
        match fault {
            StreamFault::Closed => Ok(streams::StreamError::Closed),
            StreamFault::Failed(errno) => {
                Ok(streams::StreamError::LastOperationFailed(self.push(StreamFailure(errno))?))
            }
            StreamFault::Stop(stop) => Err(stop.into()),
        }
    }
}

impl streams::HostInputStream for Process {
    fn read(&mut self, stream: Resource<Source>, length: u64) -> Result<Vec<u8>, StreamFault> {
        self.take(&stream, length)
    }

    fn blocking_read(&mut self, stream: Resource<Source>, length: u64) -> Result<Vec<u8>, StreamFault> {
        self.take(&stream, length)
    }

    fn skip(&mut self, stream: Resource<Source>, length: u64) -> Result<u64, StreamFault> {
        Ok(self.take(&stream, length)?.len() as u64)
    }

    fn blocking_skip(&mut self, stream: Resource<Source>, length: u64) -> Result<u64, StreamFault> {
        self.skip(stream, length)
    }

    fn subscribe(&mut self, _: Resource<Source>) -> wasmtime::Result<Resource<Readiness>> {
        self.ready()
    }

    fn drop(&mut self, stream: Resource<Source>) -> wasmtime::Result<()> {
        match self.table.delete(stream)? {
            Source::File { ino, .. } => self.release(ino),
            Source::Nothing => Ok(()),
        }
    }
}

impl streams::HostOutputStream for Process {
    fn check_write(&mut self, stream: Resource<Target>) -> Result<u64, StreamFault> {
        self.table.get(&stream)?;
        Ok(STREAM_WRITE_BYTES_MAX as u64)
    }

    fn write(&mut self, stream: Resource<Target>, bytes: Vec<u8>) -> Result<(), StreamFault> {
        check_length(bytes.len() as u64, STREAM_WRITE_BYTES_MAX)?;
        self.put(&stream, &bytes)
    }

    fn blocking_write_and_flush(
        &mut self,
        stream: Resource<Target>,
        bytes: Vec<u8>,
    ) -> Result<(), StreamFault> {
        check_length(bytes.len() as u64, FLUSHED_WRITE_BYTES_MAX)?;
        self.put(&stream, &bytes)
    }

    fn flush(&mut self, stream: Resource<Target>) -> Result<(), StreamFault> {
        self.table.get(&stream)?;
        Ok(())
    }

    fn blocking_flush(&mut self, stream: Resource<Target>) -> Result<(), StreamFault> {
        self.flush(stream)
    }

    fn subscribe(&mut self, _: Resource<Target>) -> wasmtime::Result<Resource<Readiness>> {
        self.ready()
    }

    fn write_zeroes(&mut self, stream: Resource<Target>, length: u64) -> Result<(), StreamFault> {
        let length = check_length(length, STREAM_WRITE_BYTES_MAX)?;
        self.put(&stream, &vec![0; length])
    }

    fn blocking_write_zeroes_and_flush(
        &mut self,
        stream: Resource<Target>,
        length: u64,
    ) -> Result<(), StreamFault> {
        let length = check_length(length, FLUSHED_WRITE_BYTES_MAX)?;
        self.put(&stream, &vec![0; length])
    }

    fn splice(
        &mut self,
        stream: Resource<Target>,
        from: Resource<Source>,
        length: u64,
    ) -> Result<u64, StreamFault> {
        let bytes = self.take(&from, length.min(STREAM_WRITE_BYTES_MAX as u64))?;
        self.put(&stream, &bytes)?;
        Ok(bytes.len() as u64)
    }

    fn blocking_splice(
        &mut self,
        stream: Resource<Target>,
        from: Resource<Source>,
        length: u64,
    ) -> Result<u64, StreamFault> {
        self.splice(stream, from, length)
    }

    fn drop(&mut self, stream: Resource<Target>) -> wasmtime::Result<()> {
        match self.table.delete(stream)? {
            Target::File { ino, .. } | Target::Append { ino } => self.release(ino),
            Target::Stdout | Target::Stderr => Ok(()),
        }
    }
}
