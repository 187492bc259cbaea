//! The stream to the scheduler: dialled out, logged in, kept alive, dialled again.

use std::sync::Arc;
use std::time::Duration;

use metacloud_wire::ParseError;
use metacloud_wire::pool::proto::pool_client::PoolClient;
use metacloud_wire::pool::proto::{PoolMessage, WorkerMessage};
use metacloud_wire::pool::{
    Capacity, Challenge, FromPool, FromWorker, HeldTask, Hello, Instruction, MESSAGE_BYTES_MAX, Numbering,
    PROTOCOL_VERSION, Refusal, RefusedCode, Seq, Welcome, login_digest,
};
use rand::RngExt as _;
use tokio::sync::{mpsc, oneshot};
use tokio_stream::StreamExt as _;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Streaming;
use tonic::transport::{Channel, Endpoint};

use crate::context::Context;

/// Time for each step of joining: connection, challenge, answer.
const JOIN_STEP_MAX: Duration = Duration::from_secs(10);
/// HTTP/2 pings, so that a dead connection is noticed without traffic.
const PING_EVERY: Duration = Duration::from_secs(10);
/// First and longest pause between connections.
const RETRY_MIN: Duration = Duration::from_millis(100);
const RETRY_MAX: Duration = Duration::from_secs(10);
/// Pause after a refusal that will not change by itself soon.
const REFUSED_PAUSE: Duration = Duration::from_secs(30);
/// Messages to the pool that wait for the stream; the desk drops the stream when they are more.
pub(crate) const OUTGOING_MAX: usize = 32_768;
/// A challenge must not be valid longer than this, or a signature could be kept for later.
const CHALLENGE_LIFE_MAX_S: u64 = 3_600;

/// What the stream tells the desk.
pub(crate) enum LinkEvent {
    /// A Hello is due: where to resume, and what is held.
    Joining(oneshot::Sender<Joining>),
    /// The worker is in; messages to the pool go here.
    Welcomed(Box<Welcome>, mpsc::Sender<FromWorker>),
    /// Something to do; answered by false if it breaks the sequence.
    Instruction(Seq, Box<Instruction>, oneshot::Sender<bool>),
    /// The stream is gone.
    Lost,
}

/// What the desk knows for a Hello.
pub(crate) struct Joining {
    pub(crate) resume: Option<(Numbering, Seq)>,
    pub(crate) tasks: Vec<HeldTask>,
}

/// Why a stream ended.
#[derive(Debug, thiserror::Error)]
enum LinkError {
    #[error("cannot reach the scheduler: {0}")]
    Connect(#[from] tonic::transport::Error),
    #[error("the scheduler ended the stream: {0}")]
    Status(#[from] tonic::Status),
    #[error("the scheduler closed the stream")]
    Closed,
    #[error("the scheduler did not answer within {} s", JOIN_STEP_MAX.as_secs())]
    Silent(#[from] tokio::time::error::Elapsed),
    #[error("the scheduler sent something unreadable: {0}")]
    Unreadable(#[from] ParseError),
    #[error("the scheduler broke the protocol: {0}")]
    Protocol(&'static str),
    #[error("the scheduler speaks for another pool: {0}")]
    OtherPool(String),
    #[error("the scheduler refused this worker: {0}")]
    Refused(#[from] Refusal),
    #[error("the worker is stopping")]
    DeskGone,
}

/// Keeps a stream open until the desk is gone.
pub(crate) async fn keep(
    ctx: Arc<Context>,
    endpoint: Endpoint,
    capacity: Capacity,
    desk: mpsc::Sender<LinkEvent>,
) {
    let link = Link { ctx, endpoint, capacity, desk };
    let mut pause = RETRY_MIN;
    loop {
        let mut welcomed = false;
        let error = match link.session(&mut welcomed).await {
            Ok(never) => match never {},
            Err(LinkError::DeskGone) => return,
            Err(error) => error,
        };
        if link.desk.send(LinkEvent::Lost).await.is_err() {
            return;
        }
        if welcomed {
            pause = RETRY_MIN;
        }
        let waits = match &error {
            LinkError::Refused(refusal) if refusal.code != RefusedCode::Busy => REFUSED_PAUSE,
            LinkError::OtherPool(_) => REFUSED_PAUSE,
            _ => pause,
        };
        tracing::warn!(%error, retry_ms = waits.as_millis(), "no stream to the scheduler");
        // Jitter, so that the workers of a pool do not all come back at once.
        let jitter = rand::rng().random_range(0.5..1.0);
        tokio::time::sleep(waits.mul_f64(jitter)).await;
        pause = (pause * 2).min(RETRY_MAX);
    }
}

/// Nothing: a session ends with an error only.
enum Never {}

struct Link {
    ctx: Arc<Context>,
    endpoint: Endpoint,
    capacity: Capacity,
    desk: mpsc::Sender<LinkEvent>,
}

impl Link {
    async fn session(&self, welcomed: &mut bool) -> Result<Never, LinkError> {
        let channel = tokio::time::timeout(JOIN_STEP_MAX, self.endpoint.connect()).await??;
        let (outgoing, messages) = mpsc::channel(OUTGOING_MAX);
        let mut stream = tokio::time::timeout(JOIN_STEP_MAX, join(channel, messages)).await??;
        let FromPool::Challenge(challenge) =
            tokio::time::timeout(JOIN_STEP_MAX, receive(&mut stream)).await??
        else {
            return Err(LinkError::Protocol("its first message is no challenge"));
        };
        let hello = self.answer(challenge).await?;
        outgoing.send(FromWorker::Hello(hello)).await.map_err(|_| LinkError::Closed)?;
        let welcome = match tokio::time::timeout(JOIN_STEP_MAX, receive(&mut stream)).await?? {
            FromPool::Welcome(welcome) => welcome,
            FromPool::Refused(refusal) => return Err(refusal.into()),
            FromPool::Challenge(_) | FromPool::Numbered { .. } => {
                return Err(LinkError::Protocol("it answered Hello with neither Welcome nor Refused"));
            }
        };
        if welcome.protocol != PROTOCOL_VERSION {
            return Err(LinkError::Protocol("it chose a protocol version that was not offered"));
        }
        *welcomed = true;
        tracing::info!(worker = %self.ctx.me(), heartbeat_s = welcome.heartbeat_s, "joined the pool");
        let heartbeat = Duration::from_secs(welcome.heartbeat_s.into());
        let event = LinkEvent::Welcomed(Box::new(welcome), outgoing.clone());
        self.desk.send(event).await.map_err(|_| LinkError::DeskGone)?;
        self.serve(stream, outgoing.downgrade(), heartbeat).await
    }

    /// Checks for whom the challenge speaks before anything is signed.
    async fn answer(&self, challenge: Challenge) -> Result<Hello, LinkError> {
        let ctx = &self.ctx;
        let (hub, chain_id) = (ctx.hub.address(), ctx.chain.id());
        if (challenge.pool, challenge.hub, challenge.chain_id) != (ctx.workerpool, hub, chain_id) {
            let found = format!(
                "workerpool {}, hub {}, chain {}; this worker serves workerpool {}, hub {hub}, chain {chain_id}",
                challenge.pool, challenge.hub, challenge.chain_id, ctx.workerpool
            );
            return Err(LinkError::OtherPool(found));
        }
        let now =
            std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |now| now.as_secs());
        if challenge.expires_s > now.saturating_add(CHALLENGE_LIFE_MAX_S) {
            return Err(LinkError::Protocol("its challenge is valid for more than an hour"));
        }
        let signature = ctx.wallet.sign_hash(login_digest(&challenge, ctx.me()));
        let (ask, answer) = oneshot::channel();
        self.desk.send(LinkEvent::Joining(ask)).await.map_err(|_| LinkError::DeskGone)?;
        let joining = answer.await.map_err(|_| LinkError::DeskGone)?;
        Ok(Hello {
            worker: ctx.me(),
            signature: signature.try_into()?,
            protocol: PROTOCOL_VERSION..=PROTOCOL_VERSION,
            capacity: self.capacity,
            resume: joining.resume,
            tasks: joining.tasks,
        })
    }

    async fn serve(
        &self,
        mut stream: Streaming<PoolMessage>,
        outgoing: mpsc::WeakSender<FromWorker>,
        heartbeat: Duration,
    ) -> Result<Never, LinkError> {
        let mut beats = tokio::time::interval(heartbeat);
        beats.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = beats.tick() => {
                    // The desk holds the only sender; without it the desk gave this stream up.
                    let outgoing = outgoing.upgrade().ok_or(LinkError::Closed)?;
                    let free_slots = u32::try_from(self.ctx.slots.available_permits()).unwrap_or(u32::MAX);
                    outgoing.try_send(FromWorker::Heartbeat { free_slots }).map_err(|_| LinkError::Closed)?;
                }
                message = receive(&mut stream) => match message? {
                    FromPool::Numbered { seq, instruction } => self.instruct(seq, instruction).await?,
                    FromPool::Refused(refusal) => return Err(refusal.into()),
                    FromPool::Challenge(_) | FromPool::Welcome(_) => {
                        return Err(LinkError::Protocol("it repeated the login"));
                    }
                },
            }
        }
    }

    async fn instruct(&self, seq: Seq, instruction: Instruction) -> Result<(), LinkError> {
        let (done, taken) = oneshot::channel();
        let event = LinkEvent::Instruction(seq, Box::new(instruction), done);
        self.desk.send(event).await.map_err(|_| LinkError::DeskGone)?;
        match taken.await {
            Ok(true) => Ok(()),
            Ok(false) => Err(LinkError::Protocol("a numbered message is missing")),
            Err(_) => Err(LinkError::DeskGone),
        }
    }
}

async fn join(
    channel: Channel,
    messages: mpsc::Receiver<FromWorker>,
) -> Result<Streaming<PoolMessage>, tonic::Status> {
    let mut client = PoolClient::new(channel)
        .max_decoding_message_size(MESSAGE_BYTES_MAX)
        .max_encoding_message_size(MESSAGE_BYTES_MAX);
    let messages = ReceiverStream::new(messages).map(WorkerMessage::from);
    Ok(client.join(messages).await?.into_inner())
}

async fn receive(stream: &mut Streaming<PoolMessage>) -> Result<FromPool, LinkError> {
    let message = stream.message().await?.ok_or(LinkError::Closed)?;
    Ok(FromPool::try_from(message)?)
}

/// The scheduler's address with the settings of this link.
///
/// # Errors
/// If the text is no http(s) URL.
pub(crate) fn endpoint(url: &str) -> Result<Endpoint, tonic::transport::Error> {
    let endpoint = Endpoint::from_shared(url.to_owned())?;
    Ok(endpoint
        .connect_timeout(JOIN_STEP_MAX)
        .tcp_nodelay(true)
        .http2_keep_alive_interval(PING_EVERY)
        .keep_alive_timeout(PING_EVERY)
        .keep_alive_while_idle(true))
}
