//! The one thread that changes the chain: takes commands in order, mines, writes the log, answers.
//!
//! Transactions that wait in the queue together share a block, and so one write to the log. An answer leaves only after the
//! log has the record (write(2)), so that the end of the process loses nothing that was acknowledged.

mod mine;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TryRecvError};
use std::sync::{Arc, RwLock};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use alloy::consensus::Transaction as _;
use alloy::rpc::types::TransactionRequest;
use alloy_primitives::{Address, B256};
use serde_json::Value;
use tokio::sync::{oneshot, watch};
use tracing::error;

use crate::chain::Chain;
use crate::develop::Op;
use crate::error::RpcError;
use crate::log::BlockLog;
use crate::record::Record;
use crate::transaction::Transaction;

/// Commands in the queue; past it, callers are refused.
pub(crate) const COMMANDS_MAX: usize = 8_192;
/// Transactions taken from the queue at once.
const BATCH_TRANSACTIONS_MAX: usize = 1_024;

/// Where an answer goes. Nobody waits any more when the client has gone.
pub(crate) type Reply<T> = oneshot::Sender<Result<T, RpcError>>;

/// What the executor is asked.
pub(crate) enum Command {
    /// A signed transaction.
    Submit { transaction: Box<Transaction>, reply: Reply<B256> },
    /// A transaction to be completed and signed here.
    Send { request: Box<TransactionRequest>, reply: Reply<B256> },
    /// A development method.
    Develop { op: Op, reply: Reply<Value> },
    /// Write everything out and end.
    Stop,
}

/// What subscribers wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Signal {
    /// Hash of the newest block.
    pub(crate) head: B256,
    /// Number of the next announcement of an accepted transaction.
    pub(crate) announced: u64,
}

/// When blocks are made, now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    Instant,
    Every(Duration),
    /// Only when asked.
    Manual,
}

/// Asks the thread that brings the log to the disk, once until it has.
pub(crate) struct SyncRequest {
    pub(crate) wake: SyncSender<()>,
    pub(crate) asked: Arc<AtomicBool>,
}

impl SyncRequest {
    fn ask(&self) {
        if !self.asked.swap(true, Ordering::AcqRel) {
            // Full: it is awake already. Disconnected: it has ended, and so has the node.
            let _ = self.wake.try_send(());
        }
    }
}

/// The thread's state.
pub(crate) struct Executor {
    pub(crate) chain: Arc<RwLock<Chain>>,
    pub(crate) log: Option<BlockLog>,
    pub(crate) mode: Mode,
    /// Layer to go back to, by snapshot.
    pub(crate) snapshots: BTreeMap<u64, u64>,
    pub(crate) snapshot_next: u64,
    /// Accounts whose transactions need no signature.
    pub(crate) impersonated: BTreeSet<Address>,
    pub(crate) impersonates_all: bool,
    commands: Receiver<Command>,
    signal: watch::Sender<Signal>,
    sync: Option<SyncRequest>,
    due: Option<Instant>,
}

impl Executor {
    pub(crate) fn new(
        chain: Arc<RwLock<Chain>>,
        log: Option<BlockLog>,
        mode: Mode,
        commands: Receiver<Command>,
        signal: watch::Sender<Signal>,
        sync: Option<SyncRequest>,
    ) -> Self {
        let mut executor = Self {
            chain,
            log,
            mode,
            snapshots: BTreeMap::new(),
            snapshot_next: 1,
            impersonated: BTreeSet::new(),
            impersonates_all: false,
            commands,
            signal,
            sync,
            due: None,
        };
        executor.set_mode(mode);
        executor
    }

    /// Works until told to stop, or until nobody can ask any more.
    pub(crate) fn run(mut self) {
        loop {
            let command = match self.due {
                None => self.commands.recv().map_err(RecvTimeoutError::from),
                Some(due) => self.commands.recv_timeout(due.saturating_duration_since(Instant::now())),
            };
            let goes_on = match command {
                Ok(command) => self.take(command),
                Err(RecvTimeoutError::Timeout) => true,
                Err(RecvTimeoutError::Disconnected) => false,
            };
            self.mine_if_due();
            self.publish();
            if !goes_on {
                return;
            }
        }
    }

    /// Takes a command and whatever transactions wait right behind it. `false`: stop.
    fn take(&mut self, command: Command) -> bool {
        let mut batch = Vec::new();
        let mut next = Some(command);
        loop {
            match next.take() {
                Some(Command::Submit { transaction, reply }) => {
                    batch.push((Arc::new(*transaction), reply));
                }
                Some(Command::Send { request, reply }) => {
                    self.flush(&mut batch);
                    match self.complete(*request) {
                        Ok(transaction) => batch.push((Arc::new(transaction), reply)),
                        Err(error) => {
                            let _ = reply.send(Err(error));
                        }
                    }
                }
                Some(Command::Develop { op, reply }) => {
                    self.flush(&mut batch);
                    let answer = self.develop(op);
                    self.publish();
                    let _ = reply.send(answer);
                }
                Some(Command::Stop) => {
                    self.flush(&mut batch);
                    return false;
                }
                None => {}
            }
            if batch.len() >= BATCH_TRANSACTIONS_MAX {
                break;
            }
            match self.commands.try_recv() {
                Ok(command) => next = Some(command),
                Err(TryRecvError::Empty | TryRecvError::Disconnected) => break,
            }
        }
        self.flush(&mut batch);
        true
    }

    /// Pools the transactions, mines them in instant mode, answers.
    fn flush(&mut self, batch: &mut Vec<(Arc<Transaction>, Reply<B256>)>) {
        if batch.is_empty() {
            return;
        }
        let mut waiting = Vec::with_capacity(batch.len());
        for (transaction, reply) in batch.drain(..) {
            match self.admit(&transaction) {
                Ok(()) => waiting.push((transaction, reply)),
                Err(error) => {
                    let _ = reply.send(Err(error));
                }
            }
        }
        let mut failures = Vec::new();
        let mut mined = Ok(());
        if self.mode == Mode::Instant {
            let senders: BTreeSet<Address> =
                waiting.iter().map(|(transaction, _)| transaction.sender).collect();
            mined = self.mine_ready(&senders, &mut failures);
        }
        let answers: Vec<_> = waiting
            .into_iter()
            .map(|(transaction, reply)| {
                let failure = failures.iter().find(|failure| failure.hash == transaction.hash);
                let answer = match (failure, &mined) {
                    (Some(failure), _) => Err(failure.error.clone()),
                    (None, Ok(())) => self.keep_if_waiting(&transaction),
                    (None, Err(error)) => self.take_back(&transaction, error),
                };
                (reply, answer)
            })
            .collect();
        self.publish();
        for (reply, answer) in answers {
            let _ = reply.send(answer);
        }
    }

    fn admit(&mut self, transaction: &Arc<Transaction>) -> Result<(), RpcError> {
        let mut chain = self.write();
        let account_nonce = chain.state().account(&transaction.sender).nonce;
        if transaction.nonce() < account_nonce {
            return Err(RpcError::refused(format!(
                "nonce too low: next nonce {account_nonce}, tx nonce {}",
                transaction.nonce()
            )));
        }
        chain.check(transaction)?;
        let base_fee_wei = chain.next_base_fee_wei();
        let fee_cap_wei = transaction.envelope.max_fee_per_gas();
        if self.mode == Mode::Instant && fee_cap_wei < u128::from(base_fee_wei) {
            return Err(RpcError::refused(format!(
                "max fee per gas less than block base fee: address {}, maxFeePerGas: {fee_cap_wei}, baseFee: {base_fee_wei}",
                transaction.sender
            )));
        }
        chain.pool.insert(Arc::clone(transaction), account_nonce)?;
        chain.announce(transaction.hash);
        Ok(())
    }

    /// A transaction that was not mined at once must survive the process, too.
    fn keep_if_waiting(&mut self, transaction: &Arc<Transaction>) -> Result<B256, RpcError> {
        let waits = self.read().pool.get(&transaction.hash).is_some();
        if waits {
            let record = Record::Waiting { transaction: Arc::clone(transaction) };
            if let Err(error) = self.append(&record) {
                self.write().pool.remove(&transaction.hash);
                return Err(error);
            }
        }
        Ok(transaction.hash)
    }

    /// Writes a record to the log, then takes it into the chain.
    ///
    /// # Errors
    /// When the log cannot be written; the chain is unchanged then.
    pub(crate) fn commit(&mut self, record: Record) -> Result<(), RpcError> {
        self.append(&record)?;
        let applied = self.write().apply(record);
        assert!(applied, "a record that was made for this chain continues it");
        Ok(())
    }

    fn append(&mut self, record: &Record) -> Result<(), RpcError> {
        let Some(log) = &mut self.log else {
            return Ok(());
        };
        if let Err(source) = log.append(record) {
            error!(path = %log.path().display(), %source, "block log not written");
            return Err(RpcError::internal(format!(
                "the block log could not be written ({source}); nothing changed, make room and send again"
            )));
        }
        if let Some(sync) = &self.sync {
            sync.ask();
        }
        Ok(())
    }

    /// The log cannot take the block: what was to be mined is refused rather than kept unsaid.
    fn take_back(&mut self, transaction: &Transaction, error: &RpcError) -> Result<B256, RpcError> {
        match self.write().pool.remove(&transaction.hash) {
            Some(_) => Err(error.clone()),
            None => Ok(transaction.hash),
        }
    }

    pub(crate) fn set_mode(&mut self, mode: Mode) {
        self.mode = mode;
        self.due = match mode {
            Mode::Instant | Mode::Manual => None,
            Mode::Every(period) => Some(Instant::now() + period),
        };
    }

    fn publish(&self) {
        let signal = {
            let chain = self.read();
            Signal { head: chain.head().hash, announced: chain.next_announcement() }
        };
        self.signal.send_if_modified(|current| {
            let changed = *current != signal;
            *current = signal;
            changed
        });
    }

    pub(crate) fn read(&self) -> std::sync::RwLockReadGuard<'_, Chain> {
        self.chain.read().expect("only this thread writes")
    }

    pub(crate) fn write(&self) -> std::sync::RwLockWriteGuard<'_, Chain> {
        self.chain.write().expect("only this thread writes")
    }
}

/// Seconds since the Unix epoch; 0 when the clock is before it.
pub(crate) fn clock_s() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
