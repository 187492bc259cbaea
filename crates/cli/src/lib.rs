//! The command line: arguments, commands, and what a person or a script sees.
//!
//! Knows: words, exit codes, tables, bars. Must not know: how a cloud is built (that is `node`) or how one talks to it
//! (that is `sdk`). Results go to stdout, all else to stderr.
#![allow(clippy::print_stdout, clippy::print_stderr)] // this room is the one that talks to people

use std::process::ExitCode;

mod args;
mod demo;
mod deploy;
mod failure;
mod iexec;
mod key;
mod keystore;
mod logging;
mod places;
mod ready;
mod role;
mod run;
mod secret;
mod serve;
mod settings;
mod signals;
mod standing;
mod terminal;
mod up;

use args::{Command, ConfigCommand};
use failure::Failure;
use settings::{Asked, Refused};

/// Reads the arguments, runs the command, and says how it ended: 0 done, 1 the answer is no, 2 usage or environment,
/// 128 and the number of the signal that interrupted it.
#[must_use]
pub fn main() -> ExitCode {
    let line: Vec<_> = std::env::args_os().collect();
    // The process of a development enclave, started by a worker: before anything else, while there is one thread.
    if line.len() == 2 && line[1] == "enclave" {
        return metacloud_node::enclave();
    }
    let asked = match settings::read(&line) {
        Ok(asked) => asked,
        // Help and version are no failure; clap knows.
        Err(Refused::Usage(error)) => error.exit(),
        Err(Refused::Settings(failure)) => return failure.report(),
    };
    logging::start(asked.arguments.verbose);
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return Failure::environment(format!("no threads to run on: {error}")).report(),
    };
    let done = runtime.block_on(execute(asked));
    runtime.shutdown_timeout(std::time::Duration::from_secs(1));
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}

async fn execute(asked: Asked) -> Result<(), Failure> {
    let Asked { arguments, settings } = asked;
    match arguments.command {
        Command::Demo(arguments) => demo::demo(arguments).await,
        Command::Run(arguments) => run::run(arguments).await,
        Command::Deploy(arguments) => deploy::deploy(arguments).await,
        Command::Secret(command) => secret::secret(command).await,
        Command::IexecConfig(arguments) => iexec::iexec_config(&arguments),
        Command::Role(command) => {
            role::role(command, &settings.expect("the settings of a role are read with it")).await
        }
        Command::Config(ConfigCommand::Show(arguments)) => settings::show(&arguments, settings),
    }
}
