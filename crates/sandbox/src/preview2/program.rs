//! Arguments, environment, standard streams, randomness, and the end of the program.

use wasmtime::component::Resource;

use super::bindings::wasi::cli::{
    environment, exit, stderr, stdin, stdout, terminal_input, terminal_output, terminal_stderr,
    terminal_stdin, terminal_stdout,
};
use super::bindings::wasi::random::{insecure, insecure_seed, random};
use super::process::Process;
use super::streams::{Source, Target};
use crate::fault::Stop;
use crate::limits::TRANSFER_BYTES_MAX;

/// Directory in which relative paths start.
const INITIAL_DIRECTORY: &str = "/";

impl environment::Host for Process {
    fn get_environment(&mut self) -> wasmtime::Result<Vec<(String, String)>> {
        Ok(self.system.env.clone())
    }

    fn get_arguments(&mut self) -> wasmtime::Result<Vec<String>> {
        Ok(self.system.args.clone())
    }

    fn initial_cwd(&mut self) -> wasmtime::Result<Option<String>> {
        Ok(Some(INITIAL_DIRECTORY.to_owned()))
    }
}

impl exit::Host for Process {
    fn exit(&mut self, status: Result<(), ()>) -> wasmtime::Result<()> {
        self.exit_with_code(u8::from(status.is_err()))
    }

    fn exit_with_code(&mut self, status_code: u8) -> wasmtime::Result<()> {
        Err(Stop::Exit(status_code.into()).into())
    }
}

impl stdin::Host for Process {
    fn get_stdin(&mut self) -> wasmtime::Result<Resource<Source>> {
        Ok(self.push(Source::Nothing)?)
    }
}

impl stdout::Host for Process {
    fn get_stdout(&mut self) -> wasmtime::Result<Resource<Target>> {
        Ok(self.push(Target::Stdout)?)
    }
}

impl stderr::Host for Process {
    fn get_stderr(&mut self) -> wasmtime::Result<Resource<Target>> {
        Ok(self.push(Target::Stderr)?)
    }
}

/// What no application gets, so that no handle of it exists.
fn never<T>(handle: &Resource<T>) -> wasmtime::Error {
    Stop::crash(format!("there is no terminal with handle {}", handle.rep())).into()
}

impl terminal_input::Host for Process {}

impl terminal_input::HostTerminalInput for Process {
    fn drop(&mut self, terminal: Resource<terminal_input::TerminalInput>) -> wasmtime::Result<()> {
        Err(never(&terminal))
    }
}

impl terminal_output::Host for Process {}

impl terminal_output::HostTerminalOutput for Process {
    fn drop(&mut self, terminal: Resource<terminal_output::TerminalOutput>) -> wasmtime::Result<()> {
        Err(never(&terminal))
    }
}

impl terminal_stdin::Host for Process {
    fn get_terminal_stdin(&mut self) -> wasmtime::Result<Option<Resource<terminal_input::TerminalInput>>> {
        Ok(None)
    }
}

impl terminal_stdout::Host for Process {
    fn get_terminal_stdout(&mut self) -> wasmtime::Result<Option<Resource<terminal_output::TerminalOutput>>> {
        Ok(None)
    }
}

impl terminal_stderr::Host for Process {
    fn get_terminal_stderr(&mut self) -> wasmtime::Result<Option<Resource<terminal_output::TerminalOutput>>> {
        Ok(None)
    }
}

impl Process {
    fn random_bytes(&mut self, length: u64) -> wasmtime::Result<Vec<u8>> {
        let length = usize::try_from(length).ok().filter(|length| *length <= TRANSFER_BYTES_MAX);
        let Some(length) = length else {
            let rule = format!("it asked for more than {TRANSFER_BYTES_MAX} random bytes at once");
            return Err(Stop::crash(rule).into());
        };
        let mut bytes = vec![0; length];
        self.system.fill_random(&mut bytes)?;
        Ok(bytes)
    }

    fn random_u64(&mut self) -> wasmtime::Result<u64> {
        let mut bytes = [0; 8];
        self.system.fill_random(&mut bytes)?;
        Ok(u64::from_le_bytes(bytes))
    }
}

impl random::Host for Process {
    fn get_random_bytes(&mut self, len: u64) -> wasmtime::Result<Vec<u8>> {
        self.random_bytes(len)
    }

    fn get_random_u64(&mut self) -> wasmtime::Result<u64> {
        self.random_u64()
    }
}

impl insecure::Host for Process {
    fn get_insecure_random_bytes(&mut self, len: u64) -> wasmtime::Result<Vec<u8>> {
        self.random_bytes(len)
    }

    fn get_insecure_random_u64(&mut self) -> wasmtime::Result<u64> {
        self.random_u64()
    }
}

impl insecure_seed::Host for Process {
    fn insecure_seed(&mut self) -> wasmtime::Result<(u64, u64)> {
        Ok((self.random_u64()?, self.random_u64()?))
    }
}
