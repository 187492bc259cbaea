//! The command line: arguments, commands, and what a person or a script sees.
//!
//! Knows: words, exit codes, tables, bars. Must not know: how a cloud is built (that is `node`) or how one talks to it
//! (that is `sdk`). Results go to stdout, all else to stderr.
#![allow(clippy::print_stdout, clippy::print_stderr)] // this room is the one that talks to people

use std::process::ExitCode;

use clap::Parser;

mod args;
mod demo;
mod failure;
mod logging;
mod places;
mod run;
mod terminal;
mod up;

use args::{Arguments, Command};
use failure::Failure;

/// Reads the arguments, runs the command, and says how it ended: 0 done, 1 the answer is no, 2 usage or environment.
#[must_use]
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    logging::start(arguments.verbose);
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return Failure::environment(format!("no threads to run on: {error}")).report(),
    };
    let done = runtime.block_on(async {
        match arguments.command {
            Command::Demo(arguments) => demo::demo(arguments).await,
            Command::Up(arguments) => up::up(arguments).await,
            Command::Run(arguments) => run::run(arguments).await,
        }
    });
    runtime.shutdown_timeout(std::time::Duration::from_secs(1));
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}
