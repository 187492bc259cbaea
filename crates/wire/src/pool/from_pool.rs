use std::num::NonZeroU64;

use alloy_primitives::{Address, B256, Bytes};
use metacloud_protocol::ids::{DealId, ResultHash, TaskId};

use crate::cause::Cause;
use crate::{ParseError, Signature};

use super::parse::{address, at_most, present, value, word};
use super::{Numbering, Seq, proto};

/// Longest URL of a Welcome in bytes.
pub const URL_BYTES_MAX: usize = 2_048;
/// Longest reason of a refusal in bytes.
pub const REASON_BYTES_MAX: usize = 2_048;
/// Longest heartbeat period or lease in seconds: one day.
pub const LEASE_S_MAX: u32 = 86_400;

/// What a pool says.
#[derive(Clone, Debug, PartialEq)]
pub enum FromPool {
    /// First message of a stream.
    Challenge(Challenge),
    /// The worker is in.
    Welcome(Welcome),
    /// The stream ends.
    Refused(Refusal),
    /// Something to do; replayed until it is acknowledged.
    Numbered {
        /// From 1 on, without gaps.
        seq: Seq,
        /// What to do.
        instruction: Instruction,
    },
}

/// What a worker must sign to join.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Challenge {
    /// Fresh for each stream.
    pub nonce: B256,
    /// Unix time after which the answer is refused.
    pub expires_s: u64,
    /// The workerpool contract.
    pub pool: Address,
    /// The hub that the pool works for.
    pub hub: Address,
    /// The chain of both.
    pub chain_id: u64,
}

/// How the stream goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Welcome {
    /// Seconds between heartbeats: 1 to [`LEASE_S_MAX`].
    pub heartbeat_s: u32,
    /// Seconds of silence after which the worker's tasks go to others; more than `heartbeat_s`.
    pub lease_s: u32,
    /// kubo API for uploads; http or https.
    pub ipfs_node_url: String,
    /// Gateway for downloads; http or https.
    pub ipfs_gateway_url: String,
    /// Version of this stream.
    pub protocol: u32,
    /// Name of the sequence of numbered messages.
    pub numbering: Numbering,
    /// Where enclaves get secrets, if the pool has a secrets service; http or https.
    pub sms_url: Option<String>,
}

/// Why a stream ends.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{code:?}: {reason}")]
pub struct Refusal {
    /// For programs.
    pub code: RefusedCode,
    /// For people.
    pub reason: String,
}

/// Kinds of refusals.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RefusedCode {
    /// Wrong signature or expired challenge.
    Login,
    /// This worker may not join.
    NotAdmitted,
    /// No common protocol version.
    Protocol,
    /// A message broke the protocol.
    ProtocolViolation,
    /// Full or stopping: try again later.
    Busy,
    /// The same worker joined on another stream.
    Replaced,
}

/// Something to do.
#[derive(Clone, Debug, PartialEq)]
pub enum Instruction {
    /// Compute a task.
    Assign(Assign),
    /// The pool's permission to contribute what an enclave signs.
    Authorize {
        /// Which task.
        task: TaskId,
        /// The enclave's account: the `enclaveChallenge` on chain.
        enclave: Address,
        /// By the pool's owner, for this worker, task and enclave (middleware A.1).
        authorization: Signature,
    },
    /// Consensus is reached: show the digest.
    Reveal {
        /// Which task.
        task: TaskId,
        /// The hash that won.
        consensus: ResultHash,
        /// Upload right after.
        upload: bool,
    },
    /// Store the archive and report where it is.
    Upload {
        /// Which task.
        task: TaskId,
    },
    /// Stop.
    Abort {
        /// Which task.
        task: TaskId,
        /// Why.
        cause: Cause,
    },
}

impl Instruction {
    /// The task concerned.
    pub fn task(&self) -> TaskId {
        match self {
            Self::Assign(assign) => assign.task,
            Self::Authorize { task, .. }
            | Self::Reveal { task, .. }
            | Self::Upload { task }
            | Self::Abort { task, .. } => *task,
        }
    }
}

/// A task for this worker.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Assign {
    /// The task.
    pub task: TaskId,
    /// Its deal; `TaskId::derive(deal, index) == task` was checked.
    pub deal: DealId,
    /// Its index, absolute as on chain.
    pub index: u64,
    /// How the result gets on chain.
    pub settlement: Settlement,
    /// Address of the enclave; zero without.
    pub enclave_challenge: Address,
    /// The pool owner's authorization for this worker (middleware A.1).
    pub authorization: Signature,
    /// Unix time; the chain's own value decides.
    pub contribution_deadline_s: u64,
    /// Longest run of the application, at least 1.
    pub compute_seconds: u64,
}

/// How a result gets on chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub enum Settlement {
    /// contribute, reveal, finalize by the scheduler.
    CommitReveal,
    /// contributeAndFinalize by the worker; trust 1 only.
    OneStep,
}

impl TryFrom<proto::PoolMessage> for FromPool {
    type Error = ParseError;

    fn try_from(message: proto::PoolMessage) -> Result<Self, ParseError> {
        use proto::pool_message::Message;
        let seq = message.seq;
        let instruction = match present("PoolMessage.message", message.message)? {
            Message::Challenge(challenge) => return unnumbered(seq, Self::Challenge(challenge.try_into()?)),
            Message::Welcome(welcome) => return unnumbered(seq, Self::Welcome(welcome.try_into()?)),
            Message::Refused(refused) => return unnumbered(seq, Self::Refused(refused.try_into()?)),
            Message::Assign(assign) => Instruction::Assign(assign.try_into()?),
            Message::Authorize(authorize) => Instruction::Authorize {
                task: word("Authorize.task_id", &authorize.task_id)?.into(),
                enclave: address("Authorize.enclave", &authorize.enclave)?,
                authorization: Bytes::from(authorize.authorization).try_into()?,
            },
            Message::Reveal(reveal) => Instruction::Reveal {
                task: word("Reveal.task_id", &reveal.task_id)?.into(),
                consensus: word("Reveal.consensus", &reveal.consensus)?.into(),
                upload: reveal.upload,
            },
            Message::Upload(upload) => {
                Instruction::Upload { task: word("Upload.task_id", &upload.task_id)?.into() }
            }
            Message::Abort(abort) => Instruction::Abort {
                task: word("Abort.task_id", &abort.task_id)?.into(),
                cause: Cause::parse(&abort.cause)?,
            },
        };
        value("PoolMessage.seq", seq > 0, "instructions are numbered from 1")?;
        Ok(Self::Numbered { seq: Seq(seq), instruction })
    }
}

fn unnumbered(seq: u64, message: FromPool) -> Result<FromPool, ParseError> {
    value("PoolMessage.seq", seq == 0, "only instructions are numbered")?;
    Ok(message)
}

impl TryFrom<proto::Challenge> for Challenge {
    type Error = ParseError;

    fn try_from(challenge: proto::Challenge) -> Result<Self, ParseError> {
        Ok(Self {
            nonce: word("Challenge.nonce", &challenge.nonce)?,
            expires_s: challenge.expires_s,
            pool: address("Challenge.pool", &challenge.pool)?,
            hub: address("Challenge.hub", &challenge.hub)?,
            chain_id: challenge.chain_id,
        })
    }
}

impl TryFrom<proto::Welcome> for Welcome {
    type Error = ParseError;

    fn try_from(welcome: proto::Welcome) -> Result<Self, ParseError> {
        value("Welcome.heartbeat_s", (1..LEASE_S_MAX).contains(&welcome.heartbeat_s), "1 second to 1 day")?;
        let lease_holds = welcome.lease_s > welcome.heartbeat_s && welcome.lease_s <= LEASE_S_MAX;
        value("Welcome.lease_s", lease_holds, "longer than a heartbeat, at most 1 day")?;
        url("Welcome.ipfs_node_url", &welcome.ipfs_node_url)?;
        url("Welcome.ipfs_gateway_url", &welcome.ipfs_gateway_url)?;
        Ok(Self {
            heartbeat_s: welcome.heartbeat_s,
            lease_s: welcome.lease_s,
            ipfs_node_url: welcome.ipfs_node_url,
            ipfs_gateway_url: welcome.ipfs_gateway_url,
            protocol: welcome.protocol,
            numbering: Numbering(present("Welcome.numbering", NonZeroU64::new(welcome.numbering))?),
            sms_url: sms_url(welcome.sms_url)?,
        })
    }
}

fn sms_url(text: String) -> Result<Option<String>, ParseError> {
    if text.is_empty() {
        return Ok(None);
    }
    url("Welcome.sms_url", &text)?;
    Ok(Some(text))
}

fn url(field: &'static str, text: &str) -> Result<(), ParseError> {
    at_most(field, text.len(), URL_BYTES_MAX)?;
    value(field, text.starts_with("http://") || text.starts_with("https://"), "a URL with http or https")
}

impl TryFrom<proto::Refused> for Refusal {
    type Error = ParseError;

    fn try_from(refused: proto::Refused) -> Result<Self, ParseError> {
        use proto::RefusedCode as Wire;
        at_most("Refused.reason", refused.reason.len(), REASON_BYTES_MAX)?;
        let field = "Refused.code";
        let code = match Wire::try_from(refused.code).unwrap_or(Wire::Unspecified) {
            Wire::Login => RefusedCode::Login,
            Wire::NotAdmitted => RefusedCode::NotAdmitted,
            Wire::Protocol => RefusedCode::Protocol,
            Wire::ProtocolViolation => RefusedCode::ProtocolViolation,
            Wire::Busy => RefusedCode::Busy,
            Wire::Replaced => RefusedCode::Replaced,
            Wire::Unspecified => return Err(ParseError::Value { field, why: "no known code" }),
        };
        Ok(Self { code, reason: refused.reason })
    }
}

impl TryFrom<proto::Assign> for Assign {
    type Error = ParseError;

    fn try_from(assign: proto::Assign) -> Result<Self, ParseError> {
        use proto::Settlement as Wire;
        let task: TaskId = word("Assign.task_id", &assign.task_id)?.into();
        let deal: DealId = word("Assign.deal_id", &assign.deal_id)?.into();
        let derived = TaskId::derive(deal, alloy_primitives::U256::from(assign.index));
        value("Assign.task_id", derived == task, "not the task of this deal and index")?;
        value("Assign.compute_seconds", assign.compute_seconds > 0, "no time to compute")?;
        let settlement = match Wire::try_from(assign.settlement).unwrap_or(Wire::Unspecified) {
            Wire::CommitReveal => Settlement::CommitReveal,
            Wire::OneStep => Settlement::OneStep,
            Wire::Unspecified => {
                return Err(ParseError::Value { field: "Assign.settlement", why: "no known settlement" });
            }
        };
        Ok(Self {
            task,
            deal,
            index: assign.index,
            settlement,
            enclave_challenge: address("Assign.enclave_challenge", &assign.enclave_challenge)?,
            authorization: Bytes::from(assign.authorization).try_into()?,
            contribution_deadline_s: assign.contribution_deadline_s,
            compute_seconds: assign.compute_seconds,
        })
    }
}

impl From<FromPool> for proto::PoolMessage {
    fn from(message: FromPool) -> Self {
        use proto::pool_message::Message;
        let (seq, message) = match message {
            FromPool::Challenge(challenge) => (0, Message::Challenge(challenge.into())),
            FromPool::Welcome(welcome) => (0, Message::Welcome(welcome.into())),
            FromPool::Refused(refusal) => (0, Message::Refused(refusal.into())),
            FromPool::Numbered { seq, instruction } => (seq.0, instruction.into()),
        };
        Self { seq, message: Some(message) }
    }
}

impl From<Instruction> for proto::pool_message::Message {
    fn from(instruction: Instruction) -> Self {
        match instruction {
            Instruction::Assign(assign) => Self::Assign(assign.into()),
            Instruction::Authorize { task, enclave, authorization } => Self::Authorize(proto::Authorize {
                task_id: task.0.to_vec(),
                enclave: enclave.to_vec(),
                authorization: authorization.as_bytes().to_vec(),
            }),
            Instruction::Reveal { task, consensus, upload } => Self::Reveal(proto::Reveal {
                task_id: task.0.to_vec(),
                consensus: consensus.0.to_vec(),
                upload,
            }),
            Instruction::Upload { task } => Self::Upload(proto::Upload { task_id: task.0.to_vec() }),
            Instruction::Abort { task, cause } => {
                Self::Abort(proto::Abort { task_id: task.0.to_vec(), cause: cause.into() })
            }
        }
    }
}

impl From<Challenge> for proto::Challenge {
    fn from(challenge: Challenge) -> Self {
        Self {
            nonce: challenge.nonce.to_vec(),
            expires_s: challenge.expires_s,
            pool: challenge.pool.to_vec(),
            hub: challenge.hub.to_vec(),
            chain_id: challenge.chain_id,
        }
    }
}

impl From<Welcome> for proto::Welcome {
    fn from(welcome: Welcome) -> Self {
        Self {
            heartbeat_s: welcome.heartbeat_s,
            lease_s: welcome.lease_s,
            ipfs_node_url: welcome.ipfs_node_url,
            ipfs_gateway_url: welcome.ipfs_gateway_url,
            protocol: welcome.protocol,
            numbering: welcome.numbering.0.get(),
            sms_url: welcome.sms_url.unwrap_or_default(),
        }
    }
}

impl From<Refusal> for proto::Refused {
    fn from(refusal: Refusal) -> Self {
        let code = match refusal.code {
            RefusedCode::Login => proto::RefusedCode::Login,
            RefusedCode::NotAdmitted => proto::RefusedCode::NotAdmitted,
            RefusedCode::Protocol => proto::RefusedCode::Protocol,
            RefusedCode::ProtocolViolation => proto::RefusedCode::ProtocolViolation,
            RefusedCode::Busy => proto::RefusedCode::Busy,
            RefusedCode::Replaced => proto::RefusedCode::Replaced,
        };
        let mut reason = refusal.reason;
        reason.truncate(reason.floor_char_boundary(REASON_BYTES_MAX));
        Self { code: code.into(), reason }
    }
}

impl From<Assign> for proto::Assign {
    fn from(assign: Assign) -> Self {
        let settlement = match assign.settlement {
            Settlement::CommitReveal => proto::Settlement::CommitReveal,
            Settlement::OneStep => proto::Settlement::OneStep,
        };
        Self {
            task_id: assign.task.0.to_vec(),
            deal_id: assign.deal.0.to_vec(),
            index: assign.index,
            settlement: settlement.into(),
            enclave_challenge: assign.enclave_challenge.to_vec(),
            authorization: assign.authorization.as_bytes().to_vec(),
            contribution_deadline_s: assign.contribution_deadline_s,
            compute_seconds: assign.compute_seconds,
        }
    }
}
