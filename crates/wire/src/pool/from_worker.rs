use alloy_primitives::{Address, Bytes};
use metacloud_protocol::ids::{ResultDigest, TaskId};
use metacloud_protocol::result::ResultLink;
use metacloud_protocol::tag::Tag;

use crate::cause::Failure;
use crate::enclave::{EnclaveKind, Evidence};
use crate::{ParseError, Signature};

use super::parse::{address, at_most, causes, present, value, word};
use super::{Numbering, Seq, proto};

/// Applications that one worker may run at a time.
pub const SLOTS_MAX: u32 = 4_096;
/// Tasks that one worker may hold, whatever their stage.
pub const HELD_TASKS_MAX: usize = 16_384;
/// Longest tail of one output stream in a report, in bytes of UTF-8 (middleware B.7).
pub const LOG_TAIL_BYTES_MAX: usize = 100_000;
/// Longest result link in bytes.
pub const LINK_BYTES_MAX: usize = 2_048;
/// Longest callback data in bytes.
pub const CALLBACK_BYTES_MAX: usize = 65_536;
/// Longest evidence about an enclave in bytes of JSON; quotes of hardware have some ten thousand.
pub const EVIDENCE_BYTES_MAX: usize = 65_536;
/// Length of an enclave's signature over an archive in bytes.
const ARCHIVE_SIGN_BYTES: usize = 65;

/// What a worker says.
#[derive(Clone, Debug, PartialEq)]
pub enum FromWorker {
    /// Answer to the challenge; the first message, and only the first.
    Hello(Hello),
    /// Every numbered message up to this one was processed.
    Ack(Seq),
    /// The worker lives; renews the leases of its tasks.
    Heartbeat {
        /// Slots that could take a task now.
        free_slots: u32,
    },
    /// Progress of one task.
    Report(Report),
    /// What vouches for the enclave of one task; the statement in it names the task.
    Evidence(Box<Evidence>),
}

/// Who joins, and what it holds.
#[derive(Clone, Debug, PartialEq)]
pub struct Hello {
    /// Wallet with which it contributes.
    pub worker: Address,
    /// Over [`super::login_digest`].
    pub signature: Signature,
    /// Protocol versions it speaks; `min <= max`.
    pub protocol: std::ops::RangeInclusive<u32>,
    /// What it offers.
    pub capacity: Capacity,
    /// Where the pool resumes; none if this worker never was welcomed.
    pub resume: Option<(Numbering, Seq)>,
    /// Tasks that it still holds; no two of the same id.
    pub tasks: Vec<HeldTask>,
}

/// What a worker offers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capacity {
    /// Applications at the same time: 1 to [`SLOTS_MAX`].
    pub slots: u32,
    /// Memory for one application, in bytes.
    pub memory_bytes: u64,
    /// Tag bits that it can serve.
    pub tag: Tag,
    /// What vouches for the enclaves that it can make, if it can.
    pub enclave: Option<EnclaveOffer>,
}

/// The enclaves that a worker can make. A promise only: what counts is the evidence about each of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EnclaveOffer {
    /// Their kind.
    pub kind: EnclaveKind,
    /// Account of the root whose signature the evidence will carry.
    pub root: Address,
}

/// A task that a worker holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeldTask {
    /// Which.
    pub task: TaskId,
    /// How far it came.
    pub status: ReportStatus,
}

/// How far a worker came with a task (the replicate states of middleware D.2 that the pool needs).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub enum ReportStatus {
    /// Assignment checked and accepted.
    Started,
    /// Application ended; the slot is free.
    Computed,
    /// `contribute` mined.
    Contributed,
    /// `reveal` mined.
    Revealed,
    /// Archive stored, or callback data handed over.
    Uploaded,
    /// `contributeAndFinalize` mined.
    Finalized,
    /// Given up by this worker.
    Failed,
    /// Stopped on demand, or because the chain made it pointless.
    Aborted,
}

impl ReportStatus {
    /// Whether the worker is done with the task.
    pub fn is_final(self) -> bool {
        match self {
            Self::Finalized | Self::Failed | Self::Aborted => true,
            Self::Started | Self::Computed | Self::Contributed | Self::Revealed | Self::Uploaded => false,
        }
    }
}

/// Progress of one task. Repeated after a reconnection, so the pool must take it twice without harm.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    /// Which task.
    pub task: TaskId,
    /// How far.
    pub status: ReportStatus,
    /// Why it failed; not empty with [`ReportStatus::Failed`] and [`ReportStatus::Aborted`].
    pub failures: Vec<Failure>,
    /// The digest, once it is public.
    pub digest: Option<ResultDigest>,
    /// Where the archive is.
    pub link: Option<ResultLink>,
    /// What the callback contract gets.
    pub callback_data: Option<Bytes>,
    /// The enclave's signature over an archive that it encrypted; empty without.
    pub archive_sign: Bytes,
    /// Exit code of the application.
    pub exit_code: Option<i32>,
    /// End of its standard output.
    pub stdout_tail: String,
    /// End of its standard error.
    pub stderr_tail: String,
    /// Deterministic units of work done.
    pub fuel_used: u64,
    /// Wall time of the run in milliseconds.
    pub compute_ms: u64,
}

impl Report {
    /// A report that tells a status and nothing else.
    pub fn new(task: TaskId, status: ReportStatus) -> Self {
        Self {
            task,
            status,
            failures: vec![],
            digest: None,
            link: None,
            callback_data: None,
            archive_sign: Bytes::new(),
            exit_code: None,
            stdout_tail: String::new(),
            stderr_tail: String::new(),
            fuel_used: 0,
            compute_ms: 0,
        }
    }
}

impl TryFrom<proto::WorkerMessage> for FromWorker {
    type Error = ParseError;

    fn try_from(message: proto::WorkerMessage) -> Result<Self, ParseError> {
        use proto::worker_message::Message;
        Ok(match present("WorkerMessage.message", message.message)? {
            Message::Hello(hello) => Self::Hello(hello.try_into()?),
            Message::Ack(ack) => {
                value("Ack.seq", ack.seq > 0, "numbered messages count from 1")?;
                Self::Ack(Seq(ack.seq))
            }
            Message::Heartbeat(heartbeat) => {
                value(
                    "Heartbeat.free_slots",
                    heartbeat.free_slots <= SLOTS_MAX,
                    "more slots than a worker may have",
                )?;
                Self::Heartbeat { free_slots: heartbeat.free_slots }
            }
            Message::Report(report) => Self::Report(report.try_into()?),
            Message::Evidence(evidence) => Self::Evidence(Box::new(evidence.try_into()?)),
        })
    }
}

impl TryFrom<proto::Hello> for Hello {
    type Error = ParseError;

    fn try_from(hello: proto::Hello) -> Result<Self, ParseError> {
        let (min, max) = (hello.protocol_min, hello.protocol_max);
        value("Hello.protocol_min", min <= max, "above protocol_max")?;
        at_most("Hello.tasks", hello.tasks.len(), HELD_TASKS_MAX)?;
        let tasks = hello.tasks.into_iter().map(HeldTask::try_from).collect::<Result<Vec<_>, _>>()?;
        let distinct: std::collections::HashSet<_> = tasks.iter().map(|held| held.task).collect();
        value("Hello.tasks", distinct.len() == tasks.len(), "a task is named twice")?;
        Ok(Self {
            worker: address("Hello.worker", &hello.worker)?,
            signature: Bytes::from(hello.signature).try_into()?,
            protocol: min..=max,
            capacity: present("Hello.capacity", hello.capacity)?.try_into()?,
            resume: std::num::NonZeroU64::new(hello.numbering)
                .map(|name| (Numbering(name), Seq(hello.resume_after))),
            tasks,
        })
    }
}

impl TryFrom<proto::Capacity> for Capacity {
    type Error = ParseError;

    fn try_from(capacity: proto::Capacity) -> Result<Self, ParseError> {
        value("Capacity.slots", (1..=SLOTS_MAX).contains(&capacity.slots), "a worker has 1 to 4096 slots")?;
        Ok(Self {
            slots: capacity.slots,
            memory_bytes: capacity.memory_bytes,
            tag: Tag(word("Capacity.tag", &capacity.tag)?),
            enclave: capacity.enclave.map(EnclaveOffer::try_from).transpose()?,
        })
    }
}

impl TryFrom<proto::EnclaveOffer> for EnclaveOffer {
    type Error = ParseError;

    fn try_from(offer: proto::EnclaveOffer) -> Result<Self, ParseError> {
        let simulation = EnclaveKind::Simulation;
        value("EnclaveOffer.kind", offer.kind == simulation.name(), "no known kind of enclave")?;
        Ok(Self { kind: simulation, root: address("EnclaveOffer.root", &offer.root)? })
    }
}

impl TryFrom<proto::Evidence> for Evidence {
    type Error = ParseError;

    fn try_from(message: proto::Evidence) -> Result<Self, ParseError> {
        let field = "Evidence.evidence";
        at_most(field, message.evidence.len(), EVIDENCE_BYTES_MAX)?;
        serde_json::from_slice(&message.evidence)
            .map_err(|_| ParseError::Value { field, why: "no JSON of evidence" })
    }
}

impl TryFrom<proto::HeldTask> for HeldTask {
    type Error = ParseError;

    fn try_from(held: proto::HeldTask) -> Result<Self, ParseError> {
        Ok(Self {
            task: word("HeldTask.task_id", &held.task_id)?.into(),
            status: status("HeldTask.status", held.status)?,
        })
    }
}

fn status(field: &'static str, number: i32) -> Result<ReportStatus, ParseError> {
    use proto::ReportStatus as Wire;
    match Wire::try_from(number).unwrap_or(Wire::Unspecified) {
        Wire::Started => Ok(ReportStatus::Started),
        Wire::Computed => Ok(ReportStatus::Computed),
        Wire::Contributed => Ok(ReportStatus::Contributed),
        Wire::Revealed => Ok(ReportStatus::Revealed),
        Wire::Uploaded => Ok(ReportStatus::Uploaded),
        Wire::Finalized => Ok(ReportStatus::Finalized),
        Wire::Failed => Ok(ReportStatus::Failed),
        Wire::Aborted => Ok(ReportStatus::Aborted),
        Wire::Unspecified => Err(ParseError::Value { field, why: "no known status" }),
    }
}

impl From<ReportStatus> for proto::ReportStatus {
    fn from(status: ReportStatus) -> Self {
        match status {
            ReportStatus::Started => Self::Started,
            ReportStatus::Computed => Self::Computed,
            ReportStatus::Contributed => Self::Contributed,
            ReportStatus::Revealed => Self::Revealed,
            ReportStatus::Uploaded => Self::Uploaded,
            ReportStatus::Finalized => Self::Finalized,
            ReportStatus::Failed => Self::Failed,
            ReportStatus::Aborted => Self::Aborted,
        }
    }
}

impl TryFrom<proto::Report> for Report {
    type Error = ParseError;

    fn try_from(report: proto::Report) -> Result<Self, ParseError> {
        let status = status("Report.status", report.status)?;
        let failures = causes("Report.causes", report.causes)?;
        let needs_cause = matches!(status, ReportStatus::Failed | ReportStatus::Aborted);
        value("Report.causes", !needs_cause || !failures.is_empty(), "a failure without a cause")?;
        at_most("Report.link", report.link.len(), LINK_BYTES_MAX)?;
        at_most("Report.stdout_tail", report.stdout_tail.len(), LOG_TAIL_BYTES_MAX)?;
        at_most("Report.stderr_tail", report.stderr_tail.len(), LOG_TAIL_BYTES_MAX)?;
        at_most(
            "Report.callback_data",
            report.callback_data.as_ref().map_or(0, Vec::len),
            CALLBACK_BYTES_MAX,
        )?;
        let signs = [0, ARCHIVE_SIGN_BYTES].contains(&report.archive_sign.len());
        value("Report.archive_sign", signs, "neither empty nor 65 bytes")?;
        let digest =
            if report.digest.is_empty() { None } else { Some(word("Report.digest", &report.digest)?.into()) };
        Ok(Self {
            task: word("Report.task_id", &report.task_id)?.into(),
            status,
            failures,
            digest,
            link: link(&report.link)?,
            callback_data: report.callback_data.map(Bytes::from),
            archive_sign: report.archive_sign.into(),
            exit_code: report.exit_code,
            stdout_tail: report.stdout_tail,
            stderr_tail: report.stderr_tail,
            fuel_used: report.fuel_used,
            compute_ms: report.compute_ms,
        })
    }
}

fn link(text: &str) -> Result<Option<ResultLink>, ParseError> {
    if text.is_empty() {
        return Ok(None);
    }
    let link = ResultLink::from_bytes(text.as_bytes());
    value("Report.link", link != ResultLink::none(), "no result link")?;
    Ok(Some(link))
}

fn link_text(link: &ResultLink) -> String {
    String::from_utf8(link.to_bytes().into()).expect("a link is JSON text")
}

impl From<FromWorker> for proto::WorkerMessage {
    fn from(message: FromWorker) -> Self {
        use proto::worker_message::Message;
        let message = match message {
            FromWorker::Hello(hello) => Message::Hello(hello.into()),
            FromWorker::Ack(seq) => Message::Ack(proto::Ack { seq: seq.0 }),
            FromWorker::Heartbeat { free_slots } => Message::Heartbeat(proto::Heartbeat { free_slots }),
            FromWorker::Report(report) => Message::Report(report.into()),
            FromWorker::Evidence(evidence) => {
                let evidence = serde_json::to_vec(&evidence).expect("numbers, hashes and texts");
                Message::Evidence(proto::Evidence { evidence })
            }
        };
        Self { message: Some(message) }
    }
}

impl From<Hello> for proto::Hello {
    fn from(hello: Hello) -> Self {
        let (numbering, resume_after) = hello.resume.map_or((0, 0), |(name, seq)| (name.0.get(), seq.0));
        let held = |held: HeldTask| proto::HeldTask {
            task_id: held.task.0.to_vec(),
            status: proto::ReportStatus::from(held.status).into(),
        };
        Self {
            worker: hello.worker.to_vec(),
            signature: hello.signature.as_bytes().to_vec(),
            protocol_min: *hello.protocol.start(),
            protocol_max: *hello.protocol.end(),
            capacity: Some(proto::Capacity {
                slots: hello.capacity.slots,
                memory_bytes: hello.capacity.memory_bytes,
                tag: hello.capacity.tag.0.to_vec(),
                enclave: hello.capacity.enclave.map(|offer| proto::EnclaveOffer {
                    kind: offer.kind.name().to_owned(),
                    root: offer.root.to_vec(),
                }),
            }),
            numbering,
            resume_after,
            tasks: hello.tasks.into_iter().map(held).collect(),
        }
    }
}

impl From<Report> for proto::Report {
    fn from(report: Report) -> Self {
        let cause = |failure: Failure| proto::Cause { cause: failure.cause.into(), message: failure.message };
        Self {
            task_id: report.task.0.to_vec(),
            status: proto::ReportStatus::from(report.status).into(),
            causes: report.failures.into_iter().map(cause).collect(),
            digest: report.digest.map_or_else(Vec::new, |digest| digest.0.to_vec()),
            link: report.link.map_or_else(String::new, |link| link_text(&link)),
            callback_data: report.callback_data.map(Into::into),
            archive_sign: report.archive_sign.into(),
            exit_code: report.exit_code,
            stdout_tail: report.stdout_tail,
            stderr_tail: report.stderr_tail,
            fuel_used: report.fuel_used,
            compute_ms: report.compute_ms,
        }
    }
}
