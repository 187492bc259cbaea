//! How a part that works by itself tells that it works no more, and why.
//!
//! Knows: one end for whoever works ([`Ends`]), one for whoever watches ([`Ended`]). The first reason is believed; an end
//! that is dropped without a word belonged to something that panicked or was aborted, and says so. Knows nothing of what
//! the parts do.
//!
//! Beside that, [`limit`]: how often one client of an HTTP service may ask.

pub mod limit;

use tokio::sync::watch;

/// Two ends of one story: `what` ("the market") is named should it end without a word.
#[must_use]
pub fn channel(what: &'static str) -> (Ends, Ended) {
    let (tell, told) = watch::channel(None);
    (Ends { tell, what }, Ended(told))
}

/// Held by a task or thread while it works.
#[derive(Debug)]
pub struct Ends {
    tell: watch::Sender<Option<String>>,
    what: &'static str,
}

/// Held by whoever watches.
#[derive(Clone, Debug)]
pub struct Ended(watch::Receiver<Option<String>>);

impl Ends {
    /// One more, for another task or thread of the same part, named `what`.
    #[must_use]
    pub fn another(&self, what: &'static str) -> Self {
        Self { tell: self.tell.clone(), what }
    }

    /// It ended for this `reason`, in words for a person.
    pub fn tell(self, reason: impl Into<String>) {
        self.say(reason.into());
    }

    /// It ended because it was asked to.
    pub fn asked(self) {
        self.say(format!("{} was asked to stop", self.what));
    }

    fn say(&self, reason: String) {
        self.tell.send_if_modified(|told| {
            let first = told.is_none();
            told.get_or_insert(reason);
            first
        });
    }
}

impl Drop for Ends {
    fn drop(&mut self) {
        self.say(format!("{} failed inside; its log tells more", self.what));
    }
}

impl Ended {
    /// Resolves with the reason once it is told. May be awaited any number of times, by a supervisor that outlives the
    /// part's handle.
    pub fn reason(&self) -> impl Future<Output = String> + Send + use<> {
        let mut told = self.0.clone();
        async move {
            let reason = told.wait_for(Option::is_some).await;
            reason.ok().and_then(|reason| reason.clone()).expect("an end that is dropped says so first")
        }
    }

    /// Whether it is told already.
    #[must_use]
    pub fn is_told(&self) -> bool {
        self.0.borrow().is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_first_reason_is_believed_by_everyone_who_asks() {
        let (ends, ended) = channel("the chain");
        let server = ends.another("the chain's server");
        assert!(!ended.is_told());
        ends.asked();
        server.tell("the disk is full");
        assert!(ended.is_told());
        assert_eq!(ended.reason().await, "the chain was asked to stop");
        assert_eq!(ended.clone().reason().await, "the chain was asked to stop");
    }

    #[tokio::test]
    async fn an_end_without_a_word_is_a_reason() {
        let (ends, ended) = channel("the chain");
        let server = ends.another("the chain's server");
        let panicked = std::thread::spawn(move || {
            let _server = server;
            panic!("on purpose");
        });
        assert!(panicked.join().is_err());
        ends.asked();
        assert_eq!(ended.reason().await, "the chain's server failed inside; its log tells more");
    }

    #[tokio::test]
    async fn a_watcher_that_was_there_first_is_woken() {
        let (ends, ended) = channel("the market");
        let (watching, ()) = tokio::join!(ended.reason(), async { ends.tell("the chain is gone") });
        assert_eq!(watching, "the chain is gone");
    }
}
