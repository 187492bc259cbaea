//! How a running chain tells that it runs no more.

use tokio::sync::watch;

/// Why a chain that was asked to end did.
const ASKED: &str = "the chain was asked to stop";

/// The end that a thread or task of the chain holds while it works. Dropped by a panic, it says so.
pub(crate) struct Ends {
    tell: watch::Sender<Option<String>>,
    what: &'static str,
}

impl Ends {
    /// `what` is named should it panic.
    pub(crate) fn new(tell: watch::Sender<Option<String>>, what: &'static str) -> Self {
        Self { tell, what }
    }

    /// It ended; without a `reason`, because it was asked to. The first to tell is believed.
    pub(crate) fn tell(self, reason: Option<String>) {
        self.say(reason.unwrap_or_else(|| ASKED.to_owned()));
    }

    fn say(&self, reason: String) {
        self.tell.send_if_modified(|told| {
            let first = told.is_none();
            if first {
                *told = Some(reason);
            }
            first
        });
    }
}

impl Drop for Ends {
    fn drop(&mut self) {
        self.say(format!("{} ended by a panic; its log tells more", self.what));
    }
}

/// Resolves with the reason once it is told.
pub(crate) async fn told(mut ended: watch::Receiver<Option<String>>) -> String {
    let reason = ended.wait_for(Option::is_some).await;
    reason.ok().and_then(|reason| reason.clone()).expect("whoever drops the other end told first")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_first_reason_is_believed_and_a_panic_is_one() {
        let (tell, ended) = watch::channel(None);
        Ends::new(tell.clone(), "the executor").tell(None);
        drop(Ends::new(tell, "the server"));
        assert_eq!(told(ended).await, ASKED);

        let (tell, ended) = watch::channel(None);
        drop(Ends::new(tell.clone(), "the executor"));
        Ends::new(tell, "the server").tell(None);
        assert_eq!(told(ended).await, "the executor ended by a panic; its log tells more");
    }
}
