//! What runs until it is told to end: the whole cloud, or one role.

use metacloud_node::{Alone, Ended, StopError, Up};

use crate::failure::{Failure, chained};
use crate::signals::{Signal, Signals};

/// Something that runs.
pub(crate) trait Serving {
    /// Waits until a part stops by itself.
    async fn ended(&self) -> Ended;
    /// Ends it in order.
    async fn stop(self) -> Result<(), StopError>;
}

impl Serving for Up {
    async fn ended(&self) -> Ended {
        Self::ended(self).await
    }

    async fn stop(self) -> Result<(), StopError> {
        Self::stop(self).await
    }
}

impl Serving for Alone {
    async fn ended(&self) -> Ended {
        Self::ended(self).await
    }

    async fn stop(self) -> Result<(), StopError> {
        Self::stop(self).await
    }
}

/// What `starting` gives, unless a signal comes first. Then what has begun comes to its end and is ended in order: dropped
/// half-way, parts that run already would go on writing into a folder that is being removed. A second signal is not
/// waited for.
pub(crate) async fn start<T: Serving>(
    signals: &mut Signals,
    starting: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    let mut starting = std::pin::pin!(starting);
    let signal = tokio::select! {
        started = &mut starting => return started,
        signal = signals.next() => signal,
    };
    let ending = async {
        // That it did not start, or not end well, is of no interest any more.
        if let Ok(started) = starting.await {
            let _ = started.stop().await;
        }
    };
    tokio::select! {
        () = ending => {}
        _ = signals.next() => {}
    }
    Err(Failure::Interrupted(signal, "interrupted while starting".to_owned()))
}

/// Runs until a signal comes, which is the usual end, or until a part stops by itself.
pub(crate) async fn until_told(serving: impl Serving, signals: &mut Signals) -> Result<(), Failure> {
    let ended = tokio::select! {
        ended = serving.ended() => Some(ended),
        signal = signals.next() => {
            if signal == Signal::Interrupt {
                eprintln!("Ending; press Ctrl-C again to leave at once.");
            }
            None
        }
    };
    let stopped = tokio::select! {
        stopped = serving.stop() => stopped,
        _ = signals.next() => return Err(Failure::no("left before everything had ended")),
    };
    match (ended, stopped) {
        // What went wrong first is what counts; that the same part does not stop well follows from it.
        (Some(ended), _) => Err(Failure::environment(ended)),
        (None, stopped) => stopped.map_err(|error| Failure::environment(chained(&error))),
    }
}
