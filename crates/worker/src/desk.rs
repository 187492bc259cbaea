//! The owner of all tasks of a worker: takes instructions, starts tasks, passes reports on.

use std::collections::{HashMap, VecDeque};
use std::path::PathBuf;
use std::sync::Arc;

use metacloud_protocol::TaskId;
use metacloud_wire::cause::{Cause, Failure};
use metacloud_wire::enclave::Evidence;
use metacloud_wire::pool::{
    Assign, FromWorker, HELD_TASKS_MAX, HeldTask, Instruction, Report, ReportStatus, Seq, Welcome,
};
use tokio::sync::{mpsc, watch};
use tokio::task::{Id, JoinError, JoinSet};
use tokio_util::sync::CancellationToken;

use crate::context::Context;
use crate::fetch::Storage;
use crate::life::{Control, Life};
use crate::link::{Joining, LinkEvent};
use crate::record::{self, Durability, Record, Session, Stage};
use crate::watcher::News;

/// Reports of ended tasks that are repeated after a reconnection.
const ENDED_REPORTS_MAX: usize = 64;

/// The receiving ends of everything that the desk hears.
pub(crate) struct Inbox {
    pub(crate) link: mpsc::Receiver<LinkEvent>,
    pub(crate) reports: mpsc::Receiver<FromWorker>,
    pub(crate) news: mpsc::Receiver<News>,
    pub(crate) stop: CancellationToken,
}

/// All tasks of a worker, and where the pool is.
pub(crate) struct Desk {
    ctx: Arc<Context>,
    data_dir: PathBuf,
    storage: watch::Sender<Option<Arc<Storage>>>,
    session: Session,
    outgoing: Option<mpsc::Sender<FromWorker>>,
    held: HashMap<TaskId, Held>,
    ended: VecDeque<Report>,
    running: JoinSet<()>,
    ids: HashMap<Id, TaskId>,
}

/// A task that runs or waits.
struct Held {
    control: watch::Sender<Control>,
    /// The last thing said about it.
    last: Report,
    /// About its enclave, until the pool answers.
    evidence: Option<Box<Evidence>>,
    /// Assigned anew while it still ends: it begins again then.
    again: Option<Assign>,
}

impl Held {
    /// Whether the pool wants it forgotten: what it was is void, and how it ends is nobody's concern.
    fn is_void(&self) -> bool {
        self.control.borrow().abort == Some(Cause::TASK_NOT_ACTIVE)
    }
}

/// Whether a task ended because the chain does not have it (any more). If it is assigned again, it is another one.
fn is_gone(report: &Report) -> bool {
    let gone = [Cause::TASK_NOT_ACTIVE, Cause::TASK_DESCRIPTION_NOT_FOUND];
    report.failures.iter().any(|failure| gone.contains(&failure.cause))
}

impl Desk {
    /// A desk with the unfinished tasks of an earlier process.
    pub(crate) fn new(
        ctx: Arc<Context>,
        data_dir: PathBuf,
        storage: watch::Sender<Option<Arc<Storage>>>,
        unfinished: Vec<Record>,
    ) -> Self {
        let session = Session::load(&data_dir);
        let mut desk = Self {
            ctx,
            data_dir,
            storage,
            session,
            outgoing: None,
            held: HashMap::new(),
            ended: VecDeque::new(),
            running: JoinSet::new(),
            ids: HashMap::new(),
        };
        for record in unfinished {
            tracing::info!(task = %record.assign.task, "going on with a task of an earlier run");
            desk.start(record);
        }
        desk
    }

    /// Works until told to stop. Tasks in the middle of something are dropped then; their records stay.
    pub(crate) async fn work(mut self, mut inbox: Inbox) {
        loop {
            tokio::select! {
                () = inbox.stop.cancelled() => break,
                Some(event) = inbox.link.recv() => self.link(event).await,
                Some(told) = inbox.reports.recv() => self.told(told),
                Some(news) = inbox.news.recv() => self.news(news),
                Some(ended) = self.running.join_next_with_id() => self.end(ended, &mut inbox.reports).await,
            }
        }
        self.running.shutdown().await;
    }

    async fn link(&mut self, event: LinkEvent) {
        match event {
            LinkEvent::Joining(answer) => {
                let resume = self.session.numbering.map(|numbering| (numbering, self.session.seq));
                let held =
                    |(task, held): (&TaskId, &Held)| HeldTask { task: *task, status: held.last.status };
                let tasks = self.held.iter().map(held).collect();
                // Nobody listens if the stream broke meanwhile.
                let _ = answer.send(Joining { resume, tasks });
            }
            LinkEvent::Welcomed(welcome, outgoing) => self.welcomed(&welcome, outgoing),
            LinkEvent::Instruction(seq, instruction, done) => {
                let taken = self.instruct(seq, *instruction).await;
                let _ = done.send(taken);
            }
            LinkEvent::Lost => self.outgoing = None,
        }
    }

    fn welcomed(&mut self, welcome: &Welcome, outgoing: mpsc::Sender<FromWorker>) {
        if self.session.numbering != Some(welcome.numbering) {
            self.session = Session { numbering: Some(welcome.numbering), seq: Seq::default() };
            self.save_session();
        }
        match Storage::new(welcome, self.ctx.limits.private_addresses) {
            Ok(storage) => drop(self.storage.send_replace(Some(Arc::new(storage)))),
            Err(error) => tracing::error!(%error, "the pool's storage cannot be used"),
        }
        self.outgoing = Some(outgoing);
        let repeated: Vec<Report> =
            self.ended.iter().chain(self.held.values().map(|held| &held.last)).cloned().collect();
        let evidence: Vec<_> = self.held.values().filter_map(|held| held.evidence.clone()).collect();
        for report in repeated {
            self.say(FromWorker::Report(report));
        }
        for evidence in evidence {
            self.say(FromWorker::Evidence(evidence));
        }
    }

    /// Takes a numbered message and acknowledges it once its effect would survive this process. False on a gap.
    async fn instruct(&mut self, seq: Seq, instruction: Instruction) -> bool {
        if seq > self.session.seq.next() {
            return false;
        }
        if seq == self.session.seq.next() {
            tracing::debug!(seq = seq.0, ?instruction, "instruction");
            self.apply(instruction).await;
            self.session.seq = seq;
            self.save_session();
        }
        self.say(FromWorker::Ack(self.session.seq));
        true
    }

    async fn apply(&mut self, instruction: Instruction) {
        let task = instruction.task();
        let nudge = |control: &mut Control| control.nudges += 1;
        match instruction {
            Instruction::Assign(assign) => self.assign(assign).await,
            Instruction::Authorize { enclave, authorization, .. } => {
                if let Some(held) = self.held.get_mut(&task) {
                    held.evidence = None;
                }
                self.control(task, |control| control.authorized = Some((enclave, authorization)));
            }
            Instruction::Reveal { upload: false, .. } => self.control(task, nudge),
            Instruction::Reveal { upload: true, .. } | Instruction::Upload { .. } => {
                if self.held.contains_key(&task) {
                    let dir = self.ctx.task_dir(task);
                    if let Err(error) = record::mark_upload(&dir) {
                        tracing::error!(%task, %error, "the upload is forgotten if this worker restarts");
                    }
                }
                self.control(task, |control| {
                    control.upload = true;
                    control.nudges += 1;
                });
            }
            Instruction::Abort { cause, .. } => {
                if cause == Cause::TASK_NOT_ACTIVE {
                    self.ended.retain(|report| report.task != task);
                }
                self.control(task, |control| control.abort = Some(cause));
            }
        }
    }

    /// Changes what a task is wanted to do; says again how it ended if it is no longer here.
    fn control(&mut self, task: TaskId, change: impl FnOnce(&mut Control)) {
        match self.held.get(&task) {
            Some(held) => held.control.send_modify(change),
            None => match self.ended.iter().find(|report| report.task == task).cloned() {
                Some(report) => self.say(FromWorker::Report(report)),
                None => tracing::debug!(%task, "instruction for a task that is not held"),
            },
        }
    }

    async fn assign(&mut self, assign: Assign) {
        let task = assign.task;
        if let Some(held) = self.held.get_mut(&task).filter(|held| held.is_void()) {
            held.again = Some(assign);
            return;
        }
        let known = self.held.get(&task).map(|held| &held.last);
        let known = known.or_else(|| self.ended.iter().find(|report| report.task == task));
        if let Some(report) = known.cloned() {
            return self.say(FromWorker::Report(report));
        }
        if self.held.len() >= HELD_TASKS_MAX {
            let message = format!("this worker holds {HELD_TASKS_MAX} tasks, the most it takes");
            return self.refuse(task, message);
        }
        let record = Record::new(assign);
        let (dir, saving) = (self.ctx.task_dir(task), record.clone());
        let saved = tokio::task::spawn_blocking(move || saving.save(&dir, Durability::Process)).await;
        match saved.map_err(std::io::Error::other).flatten() {
            Ok(()) => self.start(record),
            Err(error) => self.refuse(task, format!("this worker could not save the task: {error}")),
        }
    }

    fn refuse(&mut self, task: TaskId, message: String) {
        let mut report = Report::new(task, ReportStatus::Failed);
        report.failures = vec![Failure::new(Cause::ABORTED_BY_WORKER, message)];
        self.ended(report.clone());
        self.say(FromWorker::Report(report));
    }

    fn start(&mut self, record: Record) {
        let task = record.assign.task;
        let upload = record::upload_marked(&self.ctx.task_dir(task));
        let status = match record.stage {
            Stage::Accepted => ReportStatus::Started,
            Stage::Computed(_) => ReportStatus::Computed,
        };
        let last = record.report(status);
        let (control, receiver) = watch::channel(Control { upload, ..Control::default() });
        let life = Life::new(Arc::clone(&self.ctx), record, receiver);
        let handle = self.running.spawn(life.live());
        self.ids.insert(handle.id(), task);
        self.held.insert(task, Held { control, last, evidence: None, again: None });
    }

    /// Takes what a task says.
    fn told(&mut self, told: FromWorker) {
        match told {
            FromWorker::Report(report) => self.report(report),
            FromWorker::Evidence(evidence) => {
                if let Some(held) = self.held.get_mut(&evidence.statement.task_id) {
                    held.evidence = Some(evidence.clone());
                }
                self.say(FromWorker::Evidence(evidence));
            }
            FromWorker::Hello(_) | FromWorker::Ack(_) | FromWorker::Heartbeat { .. } => {
                unreachable!("tasks report and show evidence only")
            }
        }
    }

    fn report(&mut self, report: Report) {
        if let Some(held) = self.held.get_mut(&report.task) {
            held.last = report.clone();
            if report.status != ReportStatus::Started {
                held.evidence = None;
            }
            if held.is_void() {
                return;
            }
        }
        self.say(FromWorker::Report(report));
    }

    fn news(&mut self, news: News) {
        let nudge = |held: &Held| held.control.send_modify(|control| control.nudges += 1);
        match news {
            News::Task(task) => self.held.get(&task).into_iter().for_each(nudge),
            News::All => {
                // What the chain took back may be assigned again.
                self.ended.clear();
                self.held.values().for_each(nudge);
            }
        }
    }

    /// A task ended. Its reports are in the queue already and must be passed on before it is forgotten.
    async fn end(&mut self, ended: Result<(Id, ()), JoinError>, reports: &mut mpsc::Receiver<FromWorker>) {
        while let Ok(told) = reports.try_recv() {
            self.told(told);
        }
        let id = match &ended {
            Ok((id, ())) => *id,
            Err(error) => error.id(),
        };
        let task = self.ids.remove(&id).expect("every spawned task has its id noted");
        let held = self.held.remove(&task).expect("a running task is held");
        if let Err(error) = ended {
            tracing::error!(%task, %error, "task code panicked");
            let mut report = Report::new(task, ReportStatus::Failed);
            report.failures =
                vec![Failure::new(Cause::UNKNOWN, "this worker failed inside; its log tells more")];
            self.say(FromWorker::Report(report.clone()));
            self.ended(report);
        } else {
            self.ended(held.last);
        }
        self.begin_again(held.again).await;
    }

    async fn begin_again(&mut self, again: Option<Assign>) {
        if let Some(assign) = again {
            self.ended.retain(|report| report.task != assign.task);
            self.assign(assign).await;
        }
    }

    fn ended(&mut self, report: Report) {
        if is_gone(&report) {
            return;
        }
        if self.ended.len() == ENDED_REPORTS_MAX {
            self.ended.pop_front();
        }
        self.ended.push_back(report);
    }

    /// Sends if there is a stream. What is lost with a stream is said again on the next one.
    fn say(&mut self, message: FromWorker) {
        if let Some(outgoing) = &self.outgoing
            && outgoing.try_send(message).is_err()
        {
            // Closed, or the pool does not read: dropping the sender ends the stream.
            self.outgoing = None;
        }
    }

    fn save_session(&self) {
        if let Err(error) = self.session.save(&self.data_dir) {
            tracing::error!(%error, "the place in the pool's messages cannot be saved");
        }
    }
}
