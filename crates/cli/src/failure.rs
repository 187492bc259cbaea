//! How a command ends when it does not end well.

use std::fmt::Display;
use std::process::ExitCode;

use crate::signals::Signal;

/// One line for the person, and the exit code for the script.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The answer is no: a task failed, an order was refused. Exit code 1.
    No(String),
    /// The command or its surroundings are wrong. Exit code 2.
    Environment(String),
    /// The person had enough, or the machine goes down. Exit code as shells have it.
    Interrupted(Signal, String),
}

impl Failure {
    /// The answer is no.
    pub(crate) fn no(why: impl Display) -> Self {
        Self::No(why.to_string())
    }

    /// The command or its surroundings are wrong.
    pub(crate) fn environment(why: impl Display) -> Self {
        Self::Environment(why.to_string())
    }

    /// Says why on stderr, in one line.
    pub(crate) fn report(&self) -> ExitCode {
        let (why, code) = match self {
            Self::No(why) => (why, 1),
            Self::Environment(why) => (why, 2),
            Self::Interrupted(signal, why) => (why, signal.exit_code()),
        };
        let line = why.split_whitespace().collect::<Vec<_>>().join(" ");
        eprintln!("metacloud: {line}");
        ExitCode::from(code)
    }
}

/// The error with all its causes in one line.
pub(crate) fn chained(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        source = cause.source();
    }
    text
}
