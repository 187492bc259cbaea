//! Runs calls: reads at once, long reads on the blocking pool, changes through the executor.

use std::sync::mpsc::{SyncSender, TrySendError};
use std::sync::{Arc, Mutex, MutexGuard, RwLock, RwLockReadGuard};
use std::time::Instant;

use alloy_primitives::B256;
use serde_json::Value;
use serde_json::value::RawValue;
use tokio::sync::{Semaphore, oneshot, watch};

use crate::chain::Chain;
use crate::error::{RpcError, stopping};
use crate::executor::{Command, Reply, Signal};
use crate::rpc::filters::Filters;
use crate::rpc::jsonrpc::{Answer, BATCH_ANSWER_BYTES_MAX, Body, Call, Invalid, json, parse, write_answer};
use crate::rpc::methods;
use crate::rpc::told::Told;

/// Long reads (calls, estimates, log queries, traces) that run at once.
const LONG_READS_MAX: usize = 16;

/// What every connection shares.
pub(crate) struct Node {
    chain: Arc<RwLock<Chain>>,
    commands: SyncSender<Command>,
    pub(crate) signal: watch::Receiver<Signal>,
    pub(crate) filters: Mutex<Filters>,
    told: Mutex<Told>,
    long_reads: Semaphore,
}

/// A read that may take long.
pub(crate) type LongRead = Box<dyn FnOnce(&Node) -> Answer + Send>;

/// Where the executor's answer to a transaction arrives.
type HashAnswer = oneshot::Receiver<Result<B256, RpcError>>;

/// A call that was begun. What changes the chain is in the executor's queue by now, in the order of the calls.
pub(crate) enum Begun {
    Done(Answer),
    /// A transaction; its hash is told no earlier than the instant.
    Hash(HashAnswer, Option<Instant>),
    Value(oneshot::Receiver<Result<Value, RpcError>>),
    Long(LongRead),
}

impl Begun {
    /// A read that was answered at once.
    pub(crate) fn done(answer: Answer) -> Self {
        Self::Done(answer)
    }
}

impl Node {
    pub(crate) fn new(
        chain: Arc<RwLock<Chain>>,
        commands: SyncSender<Command>,
        signal: watch::Receiver<Signal>,
    ) -> Self {
        Self {
            chain,
            commands,
            signal,
            filters: Mutex::new(Filters::default()),
            told: Mutex::default(),
            long_reads: Semaphore::new(LONG_READS_MAX),
        }
    }

    /// The chain, for reading.
    pub(crate) fn chain(&self) -> RwLockReadGuard<'_, Chain> {
        self.chain.read().expect("the executor does not panic while it holds the lock")
    }

    /// Who was just told which nonce.
    pub(crate) fn told(&self) -> MutexGuard<'_, Told> {
        self.told.lock().expect("nothing panics while it holds what was told")
    }

    /// Puts a command into the executor's queue.
    ///
    /// # Errors
    /// The queue is full, or the node is stopping.
    pub(crate) fn command<T>(
        &self,
        command: impl FnOnce(Reply<T>) -> Command,
    ) -> Result<oneshot::Receiver<Result<T, RpcError>>, RpcError> {
        let (reply, answer) = oneshot::channel();
        match self.commands.try_send(command(reply)) {
            Ok(()) => Ok(answer),
            Err(TrySendError::Full(_)) => Err(RpcError::limit(
                "the node is busy: too many transactions wait to be taken in, send again",
            )),
            Err(TrySendError::Disconnected(_)) => Err(stopping()),
        }
    }

    /// Begins a call.
    pub(crate) fn begin(&self, call: &Call<'_>) -> Begun {
        methods::begin(self, &call.method, call.params).unwrap_or_else(|error| Begun::Done(Err(error)))
    }

    /// Brings a begun call to its end.
    pub(crate) async fn finish(self: &Arc<Self>, begun: Begun) -> Answer {
        match begun {
            Begun::Done(answer) => answer,
            Begun::Hash(answer, until) => {
                let hash = answer.await.map_err(|_| stopping())??;
                if let Some(until) = until {
                    tokio::time::sleep_until(until.into()).await;
                }
                json(&hash)
            }
            Begun::Value(answer) => answer.await.map_err(|_| stopping())?.and_then(|value| json(&value)),
            Begun::Long(read) => {
                let mut answers = self.read_long(vec![read]).await;
                answers.pop().unwrap_or_else(|| Err(stopping()))
            }
        }
    }

    /// Runs long reads one after the other on one thread of the blocking pool.
    async fn read_long(self: &Arc<Self>, reads: Vec<LongRead>) -> Vec<Answer> {
        let count = reads.len();
        let Ok(_permit) = self.long_reads.acquire().await else {
            return vec![Err(stopping()); count];
        };
        let node = Arc::clone(self);
        tokio::task::spawn_blocking(move || reads.into_iter().map(|read| read(&node)).collect())
            .await
            .unwrap_or_else(|_| vec![Err(RpcError::internal("the read failed")); count])
    }

    /// Answers a whole body; `None` when nothing but notifications was in it.
    pub(crate) async fn answer(self: &Arc<Self>, body: &[u8]) -> Option<Vec<u8>> {
        match parse(body) {
            Err(error) => Some(single(None, &Err(error))),
            Ok(Body::Single(Err(invalid))) => Some(single(invalid.id, &Err(invalid.error))),
            Ok(Body::Single(Ok(call))) => {
                let begun = self.begin(&call);
                let answer = self.finish(begun).await;
                call.id.map(|id| single(Some(id), &answer))
            }
            Ok(Body::Batch(entries)) => self.answer_batch(entries).await,
        }
    }

    /// Answers a batch in the order of its calls. Neighbouring transactions go to the executor together, neighbouring long
    /// reads to one thread; a call after another kind waits for what came before it.
    async fn answer_batch(self: &Arc<Self>, entries: Vec<Result<Call<'_>, Invalid<'_>>>) -> Option<Vec<u8>> {
        let mut out = BatchAnswer::default();
        let mut open = Open::default();
        for entry in entries {
            match entry {
                Err(invalid) => {
                    self.close(&mut open, &mut out).await;
                    out.write(Some(invalid.id), &Err(invalid.error));
                }
                Ok(_) if out.is_full() => {
                    self.close(&mut open, &mut out).await;
                    out.write_full(entry.ok().and_then(|call| call.id));
                }
                Ok(call) => {
                    if !open.takes(&call.method) {
                        self.close(&mut open, &mut out).await;
                    }
                    match self.begin(&call) {
                        Begun::Long(read) => open.reads.push((call.id, read)),
                        Begun::Hash(answer, until) => open.sends.push((call.id, answer, until)),
                        begun => {
                            self.close(&mut open, &mut out).await;
                            let answer = self.finish(begun).await;
                            out.write(call.id.map(Some), &answer);
                        }
                    }
                }
            }
        }
        self.close(&mut open, &mut out).await;
        out.end()
    }

    async fn close<'a>(self: &Arc<Self>, open: &mut Open<'a>, out: &mut BatchAnswer) {
        for (id, answer, until) in open.sends.drain(..) {
            let answer = self.finish(Begun::Hash(answer, until)).await;
            out.write(id.map(Some), &answer);
        }
        if open.reads.is_empty() {
            return;
        }
        let (ids, reads): (Vec<_>, Vec<_>) = open.reads.drain(..).unzip();
        let answers = self.read_long(reads).await;
        for (id, answer) in ids.into_iter().zip(answers) {
            out.write(id.map(Some), &answer);
        }
    }
}

/// Calls of a batch that were begun and not yet awaited: all of one kind.
#[derive(Default)]
struct Open<'a> {
    sends: Vec<(Option<&'a RawValue>, HashAnswer, Option<Instant>)>,
    reads: Vec<(Option<&'a RawValue>, LongRead)>,
}

impl Open<'_> {
    /// Whether a call of this method may begin before the open ones end.
    fn takes(&self, method: &str) -> bool {
        let is_send = methods::is_send(method);
        (self.sends.is_empty() || is_send) && (self.reads.is_empty() || !is_send)
    }
}

/// The answer to a batch under construction.
#[derive(Default)]
struct BatchAnswer(Vec<u8>);

impl BatchAnswer {
    /// `id`: `None` for a notification, which gets no answer.
    fn write(&mut self, id: Option<Option<&RawValue>>, answer: &Answer) {
        let Some(id) = id else { return };
        self.0.push(if self.0.is_empty() { b'[' } else { b',' });
        write_answer(&mut self.0, id, answer);
    }

    fn write_full(&mut self, id: Option<&RawValue>) {
        let error = RpcError::limit(format!(
            "response too large: the batch's answers exceed {BATCH_ANSWER_BYTES_MAX} bytes"
        ));
        self.write(id.map(Some), &Err(error));
    }

    fn is_full(&self) -> bool {
        self.0.len() > BATCH_ANSWER_BYTES_MAX
    }

    fn end(mut self) -> Option<Vec<u8>> {
        if self.0.is_empty() {
            return None;
        }
        self.0.push(b']');
        Some(self.0)
    }
}

/// One answer outside a batch.
pub(crate) fn single(id: Option<&RawValue>, answer: &Answer) -> Vec<u8> {
    let mut out = Vec::with_capacity(64 + answer.as_ref().map_or(128, Vec::len));
    write_answer(&mut out, id, answer);
    out
}
