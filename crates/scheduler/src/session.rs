//! What the owner holds of a worker's stream.

use std::num::NonZeroU64;

use metacloud_wire::pool::{FromPool, Instruction, Numbering, Refusal, RefusedCode, Seq, Welcome};
use tokio::sync::mpsc;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::limits;

/// One open stream. Messages that were lost with an earlier stream are not replayed from here: the machine tells a
/// worker that comes back everything anew from its state, under a new numbering. So nothing has to survive a crash, and
/// nothing is told that is no longer true.
#[derive(Debug)]
pub(crate) struct Session {
    /// Which stream of the worker; an earlier one may still be closing.
    pub(crate) stream: u64,
    to: mpsc::Sender<FromPool>,
    sent: Seq,
    acknowledged: Seq,
    /// The stream ends with the session, whatever the worker does.
    _end: DropGuard,
}

/// The worker does not keep up; its stream must end.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("the worker does not take its messages")]
pub(crate) struct Behind;

impl Session {
    pub(crate) fn new(stream: u64, to: mpsc::Sender<FromPool>, end: CancellationToken) -> Self {
        Self { stream, to, sent: Seq::default(), acknowledged: Seq::default(), _end: end.drop_guard() }
    }

    /// A name for the numbered messages of this stream.
    pub(crate) fn numbering() -> Numbering {
        Numbering(rand::random::<NonZeroU64>())
    }

    pub(crate) fn welcome(&self, welcome: Welcome) -> Result<(), Behind> {
        self.to.try_send(FromPool::Welcome(welcome)).map_err(|_| Behind)
    }

    /// Queues a message for the worker.
    pub(crate) fn tell(&mut self, instruction: Instruction) -> Result<(), Behind> {
        if self.sent.0 - self.acknowledged.0 >= limits::SESSION_QUEUE_MAX as u64 {
            return Err(Behind);
        }
        let seq = self.sent.next();
        self.to.try_send(FromPool::Numbered { seq, instruction }).map_err(|_| Behind)?;
        self.sent = seq;
        Ok(())
    }

    /// The worker processed everything up to `seq`; false if that was never sent.
    pub(crate) fn acknowledge(&mut self, seq: Seq) -> bool {
        let sound = seq <= self.sent;
        if sound {
            self.acknowledged = self.acknowledged.max(seq);
        }
        sound
    }

    /// Tells the worker why its stream ends, if there is room to do so.
    pub(crate) fn end(self, code: RefusedCode, reason: &str) {
        // A full queue means that nobody reads: the stream just ends.
        let _ = self.to.try_send(FromPool::Refused(Refusal { code, reason: reason.to_owned() }));
    }
}

#[cfg(test)]
mod tests {
    use alloy_primitives::B256;
    use metacloud_protocol::TaskId;

    use super::*;

    fn upload() -> Instruction {
        Instruction::Upload { task: TaskId(B256::repeat_byte(1)) }
    }

    #[tokio::test]
    async fn messages_are_numbered_without_gaps_from_one() {
        let (to, mut from) = mpsc::channel(8);
        let mut session = Session::new(1, to, CancellationToken::new());
        for expected in 1..=3 {
            session.tell(upload()).unwrap();
            let message = from.recv().await.unwrap();
            assert!(matches!(message, FromPool::Numbered { seq: Seq(n), .. } if n == expected));
        }
    }

    #[test]
    fn worker_that_acknowledges_nothing_is_cut_off() {
        let (to, _from) = mpsc::channel(limits::SESSION_QUEUE_MAX * 2);
        let mut session = Session::new(1, to, CancellationToken::new());
        for _ in 0..limits::SESSION_QUEUE_MAX {
            session.tell(upload()).unwrap();
        }
        assert_eq!(session.tell(upload()), Err(Behind));
        assert!(session.acknowledge(Seq(1)));
        assert_eq!(session.tell(upload()), Ok(()));
    }

    #[test]
    fn worker_that_reads_nothing_is_cut_off() {
        let (to, _from) = mpsc::channel(1);
        let mut session = Session::new(1, to, CancellationToken::new());
        session.tell(upload()).unwrap();
        assert_eq!(session.tell(upload()), Err(Behind));
    }

    #[test]
    fn acknowledgement_of_what_was_never_sent_is_refused() {
        let (to, _from) = mpsc::channel(1);
        let mut session = Session::new(1, to, CancellationToken::new());
        assert!(!session.acknowledge(Seq(1)));
    }
}
