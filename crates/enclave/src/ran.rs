//! How a run went, for the record and for the buyer.

use metacloud_sandbox::{Outcome, RunError};
use metacloud_wire::cause::{Cause, Failure};
use metacloud_wire::pool::LOG_TAIL_BYTES_MAX;
use serde::{Deserialize, Serialize};

/// How a run went.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ran {
    /// Of the application, if it ended by itself.
    pub exit_code: Option<i32>,
    /// End of its standard output; at most [`LOG_TAIL_BYTES_MAX`] bytes.
    pub stdout_tail: String,
    /// End of its standard error.
    pub stderr_tail: String,
    /// Deterministic units of work done.
    pub fuel_used: u64,
    /// Wall time in milliseconds.
    pub compute_ms: u64,
    /// Why it was no plain success.
    pub failures: Vec<Failure>,
}

impl Ran {
    /// Of what the sandbox answered; the second value says whether the output may hold a result.
    pub fn of(ended: Result<Outcome, RunError>, compute_ms: u64) -> (Self, bool) {
        match ended {
            Ok(outcome) => {
                let failed = |name| {
                    let message = format!("the application ended with exit code {}", outcome.exit_code);
                    Failure::new(cause(name), message)
                };
                let ran = Self {
                    exit_code: Some(outcome.exit_code),
                    stdout_tail: tail(&outcome.stdout),
                    stderr_tail: tail(&outcome.stderr),
                    fuel_used: outcome.fuel_used,
                    compute_ms,
                    failures: outcome.cause().map(failed).into_iter().collect(),
                };
                (ran, true)
            }
            Err(error) => {
                let ran = Self {
                    exit_code: None,
                    stdout_tail: tail(&error.stdout),
                    stderr_tail: tail(&error.stderr),
                    fuel_used: error.fuel_used,
                    compute_ms,
                    failures: vec![Failure::new(cause(error.cause()), error.to_string())],
                };
                let kept = error.output_kept();
                (ran, kept)
            }
        }
    }
}

/// A cause named by another room; all of them are names of the middleware's list.
pub fn cause(name: &str) -> Cause {
    Cause::parse(name).unwrap_or(Cause::UNKNOWN)
}

/// The end of a stream as text of at most [`LOG_TAIL_BYTES_MAX`] bytes.
fn tail(stream: &[u8]) -> String {
    let text = String::from_utf8_lossy(stream);
    let from = text.ceil_char_boundary(text.len().saturating_sub(LOG_TAIL_BYTES_MAX));
    text[from..].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tails_are_cut_at_characters_and_repaired() {
        assert_eq!(tail(b"a\xffb"), "a\u{fffd}b");
        let long = "é".repeat(LOG_TAIL_BYTES_MAX);
        let cut = tail(long.as_bytes());
        assert!(cut.len() <= LOG_TAIL_BYTES_MAX && long.ends_with(&cut) && !cut.is_empty());
    }
}
