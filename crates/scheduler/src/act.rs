//! Actions of the machine become transactions, messages and checks. Nothing here is waited for by the owner: outcomes
//! come back as events.

use std::sync::Arc;
use std::time::Duration;

use alloy_primitives::{Address, Bytes, U256};
use metacloud_chain::{HubClient, Receipt, SendError, Wallet};
use metacloud_dispatch::{
    AbortCause, Action, Dispatch, Event, Settlement, TaskRef, Transaction, Uploaded, WorkerId,
};
use metacloud_protocol::ids::{authorization_hash, eip191};
use metacloud_protocol::{DealId, TaskId};
use metacloud_wire::Signature;
use metacloud_wire::cause::Cause;
use metacloud_wire::pool::{self, Assign, Instruction};
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;
use tracing::{info, warn};

use crate::assess::assess;
use crate::enclaves::Admission;
use crate::facts;
use crate::history::Subjects;
use crate::limits;
use crate::look::look;
use crate::owner::Input;
use crate::reread::reread;
use crate::verify::{Expected, Verifier};

/// What acts for the owner.
pub(crate) struct Hands {
    hub: HubClient,
    wallet: Wallet,
    verifier: Verifier,
    admission: Arc<Admission>,
    owner: mpsc::Sender<Input>,
    transactions: Arc<Semaphore>,
    verifications: Arc<Semaphore>,
    running: JoinSet<()>,
}

/// A transaction with all that it needs.
enum Send {
    Initialize(Vec<(DealId, U256)>),
    Finalize(TaskId, Uploaded),
    Reopen(TaskId),
    Claim(Vec<TaskId>),
    InitializeAndClaim(Vec<(DealId, U256)>),
}

impl Hands {
    pub(crate) fn new(
        hub: HubClient,
        wallet: Wallet,
        verifier: Verifier,
        admission: Arc<Admission>,
        owner: mpsc::Sender<Input>,
    ) -> Self {
        Self {
            hub,
            wallet,
            verifier,
            admission,
            owner,
            transactions: Arc::new(Semaphore::new(limits::TRANSACTIONS_MAX)),
            verifications: Arc::new(Semaphore::new(limits::VERIFICATIONS_MAX)),
            running: JoinSet::new(),
        }
    }

    /// Ends everything that runs. Transactions that were sent stay sent; the chain tells about them later.
    pub(crate) async fn stop(&mut self) {
        self.running.shutdown().await;
    }

    /// Starts an action; returns what a worker must be told.
    pub(crate) fn perform(&mut self, machine: &Dispatch, action: Action) -> Option<(WorkerId, Instruction)> {
        while self.running.try_join_next().is_some() {}
        match action {
            Action::Initialize { tasks } => {
                let send = Send::Initialize(places(&tasks));
                self.send(Transaction::Initialize, ids(&tasks), send);
            }
            Action::Finalize { task, uploaded } => {
                let send = Send::Finalize(task.task, uploaded);
                self.send(Transaction::Finalize, vec![task.task], send);
            }
            Action::Reopen { task } => {
                self.send(Transaction::Reopen, vec![task.task], Send::Reopen(task.task));
            }
            Action::Claim { tasks } => {
                let send = Send::Claim(ids(&tasks));
                self.send(Transaction::Claim, ids(&tasks), send);
            }
            Action::InitializeAndClaim { tasks } => {
                let send = Send::InitializeAndClaim(places(&tasks));
                self.send(Transaction::InitializeAndClaim, ids(&tasks), send);
            }
            Action::VerifyUpload { task, worker, consensus, uploaded, enclave } => {
                let terms = machine.terms_of(task);
                let expected = Expected {
                    task,
                    consensus,
                    callback: terms.and_then(|terms| terms.callback),
                    enclave: enclave.map(|enclave| enclave.address),
                    encrypted: terms.is_some_and(|terms| terms.encrypted),
                };
                let (verifier, room, owner) =
                    (self.verifier.clone(), Arc::clone(&self.verifications), self.owner.clone());
                self.running.spawn(async move {
                    let _room = room.acquire_owned().await;
                    let verdict = verifier.verify(&expected, uploaded).await;
                    info!(%task, %worker, ?verdict, "checked a stored result");
                    report(&owner, Input::Events(vec![Event::UploadChecked { task, worker, verdict }])).await;
                });
            }
            Action::Assign { task, worker, settlement } => {
                let assign = self.assignment(machine, task, worker, settlement)?;
                info!(task = %task.task, %worker, "assigned");
                return Some((worker, Instruction::Assign(assign)));
            }
            Action::Authorize { task, worker, enclave } => {
                info!(%task, %worker, enclave = %enclave.address, kind = %enclave.kind, "authorized an enclave");
                let authorization = self.authorization(worker, task, enclave.address);
                let enclave = enclave.address;
                return Some((worker, Instruction::Authorize { task, enclave, authorization }));
            }
            Action::AskReveal { task, worker, consensus, upload } => {
                return Some((worker, Instruction::Reveal { task, consensus, upload }));
            }
            Action::AskUpload { task, worker } => return Some((worker, Instruction::Upload { task })),
            Action::Abort { task, worker, cause } => {
                let cause = match cause {
                    AbortCause::ContributionTimeout => Cause::CONTRIBUTION_TIMEOUT,
                    AbortCause::ConsensusReached => Cause::CONSENSUS_REACHED,
                    AbortCause::Unknown => Cause::UNKNOWN,
                    // The worker takes it for a task that it never had: it may be assigned again.
                    AbortCause::Reverted => Cause::TASK_NOT_ACTIVE,
                };
                return Some((worker, Instruction::Abort { task, cause }));
            }
        }
        None
    }

    /// The assignment with the pool owner's authorization (middleware A.1). `None` if the task ended meanwhile.
    fn assignment(
        &self,
        machine: &Dispatch,
        place: TaskRef,
        worker: WorkerId,
        settlement: Settlement,
    ) -> Option<Assign> {
        let terms = machine.terms_of(place.task)?;
        // With an enclave it only tells the worker that the pool means it; the one for the chain comes when the enclave
        // is known.
        let enclave_challenge = Address::ZERO;
        Some(Assign {
            task: place.task,
            deal: place.deal,
            index: place.index,
            settlement: match settlement {
                Settlement::OneStep => pool::Settlement::OneStep,
                Settlement::CommitReveal => pool::Settlement::CommitReveal,
            },
            enclave_challenge,
            authorization: self.authorization(worker, place.task, enclave_challenge),
            contribution_deadline_s: terms.contribution_deadline.as_secs(),
            compute_seconds: terms.compute.as_secs().max(1),
        })
    }

    /// Signature of the pool's owner (middleware A.1).
    fn authorization(&self, worker: WorkerId, task: TaskId, enclave: Address) -> Signature {
        let hash = authorization_hash(worker.0, task, enclave);
        self.wallet.sign_hash(eip191(hash)).try_into().expect("a signature of a key has 65 bytes")
    }

    fn send(&mut self, transaction: Transaction, tasks: Vec<TaskId>, send: Send) {
        let (hub, wallet, owner) = (self.hub.clone(), self.wallet.clone(), self.owner.clone());
        let room = Arc::clone(&self.transactions);
        self.running.spawn(async move {
            let _room = room.acquire_owned().await;
            let sent = send.through(&hub, &wallet).await;
            let Err(error) = sent else { return };
            warn!(?transaction, tasks = tasks.len(), first = ?tasks.first(), %error, "a transaction failed");
            // Perhaps the chain is further than we thought: somebody else did it.
            let mut events = match look(&hub, &tasks).await {
                Ok(events) => events,
                Err(error) => {
                    warn!(%error, "cannot look at the tasks of the failed transaction");
                    Vec::new()
                }
            };
            events.push(Event::TransactionFailed { transaction, tasks, reason: error.to_string() });
            report(&owner, Input::Events(events)).await;
        });
    }

    /// Asks the chain about tasks that were initialized by somebody else.
    pub(crate) fn look(&mut self, tasks: Vec<TaskId>) {
        let (hub, owner) = (self.hub.clone(), self.owner.clone());
        self.running.spawn(async move {
            let mut pause: Duration = limits::READ_RETRY.0;
            loop {
                match look(&hub, &tasks).await {
                    Ok(events) => return report(&owner, Input::Events(events)).await,
                    Err(error) => {
                        warn!(%error, "cannot look at tasks");
                        pause = facts::wait(pause).await;
                    }
                }
            }
        });
    }

    /// Which enclaves are admitted.
    pub(crate) fn admission(&self) -> &Admission {
        &self.admission
    }

    /// What reads the chain.
    pub(crate) fn hub(&self) -> &HubClient {
        &self.hub
    }

    /// Reads anew what lost blocks told.
    pub(crate) fn reread(&mut self, subjects: Subjects) {
        let (hub, owner) = (self.hub.clone(), self.owner.clone());
        let admission = Arc::clone(&self.admission);
        self.running.spawn(async move {
            let events = reread(&hub, &subjects, &admission).await;
            report(&owner, Input::Reread(events)).await;
        });
    }

    /// Reads score and deposit of these workers again.
    pub(crate) fn assess(&mut self, workers: Vec<Address>) {
        let (hub, owner) = (self.hub.clone(), self.owner.clone());
        self.running.spawn(async move {
            let standings = match assess(&hub, &workers).await {
                Ok(standings) => Ok(standings),
                Err(error) => {
                    warn!(%error, "cannot read scores and deposits");
                    facts::wait(limits::READ_RETRY.0).await;
                    Err(workers)
                }
            };
            report(&owner, Input::Assessed(standings)).await;
        });
    }
}

impl Send {
    async fn through(self, hub: &HubClient, wallet: &Wallet) -> Result<Receipt, SendError> {
        match self {
            Self::Initialize(tasks) => hub.initialize_array(wallet, &tasks).await,
            Self::Finalize(task, Uploaded { results, callback, .. }) => {
                hub.finalize(wallet, task, results, Bytes::clone(&callback)).await
            }
            Self::Reopen(task) => hub.reopen(wallet, task).await,
            Self::Claim(tasks) => hub.claim_array(wallet, &tasks).await,
            Self::InitializeAndClaim(tasks) => hub.initialize_and_claim_array(wallet, &tasks).await,
        }
    }
}

async fn report(owner: &mpsc::Sender<Input>, input: Input) {
    // The owner is gone only when the process stops.
    let _ = owner.send(input).await;
}

fn ids(tasks: &[TaskRef]) -> Vec<TaskId> {
    tasks.iter().map(|place| place.task).collect()
}

fn places(tasks: &[TaskRef]) -> Vec<(DealId, U256)> {
    tasks.iter().map(|place| (place.deal, U256::from(place.index))).collect()
}
