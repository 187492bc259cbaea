//! The one task that owns the machine: it takes inputs in batches, journals those that had an effect with one sync,
//! and only then acts.

mod following;

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use alloy_primitives::Address;
use metacloud_dispatch::view::{Explanation, TaskView};
use metacloud_dispatch::{Action, Event, HandleEvent, Instant, Liveness, Profile, WorkerId};
use metacloud_protocol::TaskId;
use metacloud_store::{Journal, StoreError};
use metacloud_wire::cause::Cause;
use metacloud_wire::enclave::Evidence;
use metacloud_wire::pool::{self, FromPool, Instruction, RefusedCode, Seq, Welcome};
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;
use tracing::{debug, error, warn};

use crate::act::Hands;
use crate::assess::Standing;
use crate::facts::FromChain;
use crate::journal::{self, Record, State};
use crate::limits;
use crate::logs::{Log, LogWriter};
use crate::report;
use crate::session::Session;

/// What the owner is told.
pub(crate) enum Input {
    /// A stream of a worker.
    Worker { worker: WorkerId, stream: u64, message: FromStream },
    /// Something that the machine asked for has an outcome, or the chain was looked at.
    Events(Vec<Event>),
    /// What lost blocks told was read anew.
    Reread(Vec<Event>),
    /// Scores and deposits were read, or those of these workers could not be.
    Assessed(Result<Vec<Standing>, Vec<Address>>),
    /// Somebody wants to see a task.
    Query { task: TaskId, answer: oneshot::Sender<Option<(TaskView, Explanation)>> },
}

/// What a stream of a worker brings.
pub(crate) enum FromStream {
    Joined { profile: Profile, held: Vec<TaskId>, to: mpsc::Sender<FromPool>, end: CancellationToken },
    Acknowledged(Seq),
    Heartbeat,
    Report(Box<pool::Report>),
    Evidence(Box<Evidence>),
    Left,
}

/// Why the owner ended.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OwnerError {
    #[error("the journal failed")]
    Journal(#[from] StoreError),
    #[error("the chain does not go on from where this scheduler was; its data directory is of another chain")]
    Chain(#[source] metacloud_chain::FollowError),
}

pub(crate) struct Owner {
    pub(crate) state: State,
    pub(crate) journal: Journal<Record>,
    pub(crate) hands: Hands,
    pub(crate) welcome: Welcome,
    pub(crate) workerpool: Address,
    pub(crate) inputs: mpsc::Receiver<Input>,
    pub(crate) chain: mpsc::Receiver<FromChain>,
    pub(crate) stop: CancellationToken,
    /// Taken at the end.
    logs: Option<LogWriter>,
    liveness: Liveness,
    sessions: BTreeMap<WorkerId, Session>,
    /// Taken since the last sync, not acted upon yet.
    records: Vec<Record>,
    actions: Vec<Action>,
    /// Workers whose score or deposit changed since it was read last.
    stale: BTreeSet<WorkerId>,
    assessing: bool,
    reading: Reading,
}

/// Whether what lost blocks told is being read anew. The chain is followed no further meanwhile: what it tells next must
/// come after that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reading {
    Idle,
    Wanted,
    UnderWay,
}

impl Owner {
    #[expect(clippy::too_many_arguments, reason = "the parts are made in one place, by the role's start")]
    pub(crate) fn new(
        state: State,
        journal: Journal<Record>,
        hands: Hands,
        welcome: Welcome,
        workerpool: Address,
        inputs: mpsc::Receiver<Input>,
        chain: mpsc::Receiver<FromChain>,
        stop: CancellationToken,
        logs: LogWriter,
    ) -> Self {
        // Learnt by asking just before the last end, or put in doubt by blocks that were lost since.
        let reading = if state.history.in_doubt().is_empty() { Reading::Idle } else { Reading::Wanted };
        Self {
            state,
            journal,
            hands,
            welcome,
            workerpool,
            inputs,
            chain,
            stop,
            logs: Some(logs),
            liveness: Liveness::default(),
            sessions: BTreeMap::new(),
            records: Vec::new(),
            actions: Vec::new(),
            stale: BTreeSet::new(),
            assessing: false,
            reading,
        }
    }

    /// Runs until it is stopped or cannot go on. `head` is the newest block at the start: until it is reached, the past
    /// is read and nothing is done about it; `None` if there is no past to read.
    pub(crate) async fn run(mut self, head: Option<u64>) -> Result<(), OwnerError> {
        let outcome = self.run_inner(head).await;
        if let Err(error) = &outcome {
            error!(%error, "the scheduler cannot go on");
        }
        self.hands.stop().await;
        if let Some(logs) = self.logs.take() {
            logs.finish().await;
        }
        outcome
    }

    async fn run_inner(&mut self, head: Option<u64>) -> Result<(), OwnerError> {
        self.catch_up(head).await?;
        loop {
            let stop = self.stop.clone();
            let due = self.due();
            tokio::select! {
                () = stop.cancelled() => {
                    self.commit().await?;
                    return Ok(());
                }
                told = self.chain.recv(), if self.reading == Reading::Idle => match told {
                    Some(told) => self.take_chain(told)?,
                    None => return Ok(()),
                },
                input = self.inputs.recv() => match input {
                    Some(input) => self.take(input),
                    None => return Ok(()),
                },
                () = tokio::time::sleep(due) => {}
            }
            for _ in 0..limits::BATCH_MAX {
                if self.reading == Reading::Idle
                    && let Ok(told) = self.chain.try_recv()
                {
                    self.take_chain(told)?;
                } else if let Ok(input) = self.inputs.try_recv() {
                    self.take(input);
                } else {
                    break;
                }
            }
            self.pass_time();
            self.commit().await?;
            self.act();
            if self.reading == Reading::Wanted {
                self.reading = Reading::UnderWay;
                self.hands.reread(self.state.history.in_doubt().clone());
            }
        }
    }

    /// Time until something is due.
    fn due(&self) -> Duration {
        let deadlines = [self.state.machine.next_deadline(), self.liveness.next_deadline()];
        let next = deadlines.into_iter().flatten().min();
        next.map_or(Duration::from_secs(3_600), |at| at.since(now()))
    }

    fn pass_time(&mut self) {
        let now = now();
        for worker in self.liveness.expire(now) {
            warn!(%worker, "lost: silent beyond its lease");
            if let Some(session) = self.sessions.remove(&worker) {
                session.end(RefusedCode::Busy, "no sign of life within the lease; join again");
            }
            self.took(Event::WorkerLost { worker });
        }
        if self.state.machine.next_deadline().is_some_and(|at| at <= now) {
            self.took(Event::TimePassed);
        }
    }

    /// Lets the machine take an event; false if it had no effect. It changes memory only: what had one is journalled before
    /// anybody acts.
    fn took(&mut self, event: Event) -> bool {
        let at = now();
        let refused = self.state.machine.handle(at, event.clone(), &mut self.actions);
        match refused {
            Ok(()) => {
                self.state.history.note(&event);
                self.records.push(Record::Took { at, event });
            }
            Err(error) => {
                self.refused(&event, &error);
                return false;
            }
        }
        true
    }

    fn take_all(&mut self, events: Vec<Event>) {
        for event in events {
            self.took(event);
        }
    }

    fn refused(&mut self, event: &Event, error: &HandleEvent) {
        debug!(%error, "an event had no effect");
        match event {
            // It works on something that is not its task: it must stop.
            Event::Reported { task, worker, .. } | Event::EnclaveVerified { task, worker, .. } => {
                let (task, worker, cause) = (*task, *worker, metacloud_dispatch::AbortCause::Unknown);
                self.actions.push(Action::Abort { task, worker, cause });
            }
            Event::WorkerJoined { worker, .. } => {
                if let Some(session) = self.sessions.remove(worker) {
                    session.end(RefusedCode::Busy, &error.to_string());
                }
                self.liveness.forget(*worker);
            }
            Event::DealSeen { .. } => warn!(%error, "a deal is not taken"),
            _ => {}
        }
    }

    fn take(&mut self, input: Input) {
        match input {
            Input::Worker { worker, stream, message } => self.take_message(worker, stream, message),
            Input::Events(events) => self.take_all(events),
            Input::Reread(events) => {
                self.reading = Reading::Idle;
                self.take_all(events);
            }
            Input::Assessed(standings) => {
                self.assessing = false;
                match standings {
                    Ok(standings) => {
                        for Standing { worker, weight, deposit } in standings {
                            self.took(Event::WorkerAssessed { worker, weight, deposit });
                        }
                    }
                    Err(unread) => self.stale.extend(unread.into_iter().map(WorkerId)),
                }
            }
            Input::Query { task, answer } => {
                let machine = &self.state.machine;
                // Whoever asked may be gone.
                let _ = answer.send(machine.view(task).zip(machine.explain(task)));
            }
        }
    }

    fn take_message(&mut self, worker: WorkerId, stream: u64, message: FromStream) {
        if let FromStream::Joined { profile, held, to, end } = message {
            return self.join(worker, Session::new(stream, to, end), profile, held);
        }
        let Some(session) = self.sessions.get_mut(&worker).filter(|session| session.stream == stream) else {
            // An earlier stream of the worker, or one that was cut off.
            return;
        };
        match message {
            FromStream::Joined { .. } => unreachable!("handled above"),
            FromStream::Acknowledged(seq) => {
                if !session.acknowledge(seq) {
                    self.cut(worker, RefusedCode::ProtocolViolation, "acknowledged what was never sent");
                    return;
                }
            }
            FromStream::Heartbeat => {}
            FromStream::Report(mut report) => {
                let (stdout, stderr) =
                    (std::mem::take(&mut report.stdout_tail), std::mem::take(&mut report.stderr_tail));
                let (task, report) = (report.task, report::translate(*report));
                let taken = self.took(Event::Reported { task, worker, report });
                // Of a worker that has the task: what others say of it is nobody's log.
                if taken
                    && !(stdout.is_empty() && stderr.is_empty())
                    && let Some(logs) = &self.logs
                {
                    logs.keep(Log { task, worker, stdout, stderr });
                }
            }
            FromStream::Evidence(evidence) => self.take_evidence(worker, &evidence),
            FromStream::Left => {
                self.sessions.remove(&worker);
                self.took(Event::WorkerAway { worker });
                return;
            }
        }
        self.liveness.renew(now(), worker);
    }

    /// An enclave that is worth it is authorized; a worker without one fails its replica.
    fn take_evidence(&mut self, worker: WorkerId, evidence: &Evidence) {
        let task = evidence.statement.task_id;
        match self.hands.admission().verify(worker, evidence, now().as_millis() / 1_000) {
            Ok(enclave) => drop(self.took(Event::EnclaveVerified { task, worker, enclave })),
            Err(failure) => {
                warn!(%task, %worker, reason = failure.message, "evidence is refused");
                let report = metacloud_dispatch::Report::Failed { failures: vec![failure], exit_code: None };
                if self.took(Event::Reported { task, worker, report }) {
                    let cause = metacloud_dispatch::AbortCause::Unknown;
                    self.actions.push(Action::Abort { task, worker, cause });
                }
            }
        }
    }

    fn join(&mut self, worker: WorkerId, mut session: Session, profile: Profile, held: Vec<TaskId>) {
        let welcome = Welcome { numbering: Session::numbering(), ..self.welcome.clone() };
        let (known, foreign): (Vec<_>, Vec<_>) =
            held.into_iter().partition(|task| self.state.machine.knows(*task));
        let abort = |task| Instruction::Abort { task, cause: Cause::UNKNOWN };
        let told = session
            .welcome(welcome)
            .and_then(|()| foreign.into_iter().try_for_each(|task| session.tell(abort(task))));
        if told.is_err() {
            return;
        }
        if let Some(before) = self.sessions.insert(worker, session) {
            before.end(RefusedCode::Replaced, "the same worker joined on another stream");
        }
        self.liveness.renew(now(), worker);
        let held = known.into_iter().take(limits::HELD_MAX).collect();
        self.took(Event::WorkerJoined { worker, profile, held });
    }

    /// Ends a worker's stream; its lease runs on.
    fn cut(&mut self, worker: WorkerId, code: RefusedCode, reason: &str) {
        warn!(%worker, reason, "a stream is cut off");
        if let Some(session) = self.sessions.remove(&worker) {
            session.end(code, reason);
        }
        self.took(Event::WorkerAway { worker });
    }

    async fn commit(&mut self) -> Result<(), OwnerError> {
        for batch in self.records.chunks(metacloud_store::BATCH_MAX) {
            self.journal.append(batch).await?;
        }
        self.records.clear();
        if journal::is_long(&self.journal) {
            self.journal.snapshot(&self.state).await?;
        }
        Ok(())
    }

    /// Does what followed from the events that are durable by now. A worker that cannot be told is cut off, which is
    /// an event of the next round.
    fn act(&mut self) {
        let mut behind = BTreeSet::new();
        for action in std::mem::take(&mut self.actions) {
            let Some((worker, instruction)) = self.hands.perform(&self.state.machine, action) else {
                continue;
            };
            if let Some(session) = self.sessions.get_mut(&worker)
                && session.tell(instruction).is_err()
            {
                behind.insert(worker);
            }
        }
        for worker in behind {
            self.cut(worker, RefusedCode::ProtocolViolation, "the worker does not take its messages");
        }
        if !self.stale.is_empty() && !self.assessing {
            let mut workers = std::mem::take(&mut self.stale);
            let later: Vec<_> = workers.iter().skip(limits::ASSESS_MAX).copied().collect();
            for worker in later {
                workers.remove(&worker);
                self.stale.insert(worker);
            }
            self.assessing = true;
            self.hands.assess(workers.into_iter().map(|worker| worker.0).collect());
        }
    }
}

/// The scheduler's clock.
pub(crate) fn now() -> Instant {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Instant::from_millis(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}
