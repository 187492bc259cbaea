//! The gRPC stream of workers: login, bounds, and the way to the owner.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use alloy_primitives::Address;
use futures::{Stream, StreamExt};
use metacloud_chain::HubClient;
use metacloud_dispatch::{EnclaveOffer, Profile, WorkerId};
use metacloud_protocol::signing;
use metacloud_wire::pool::proto::pool_server::Pool;
use metacloud_wire::pool::proto::{PoolMessage, WorkerMessage};
use metacloud_wire::pool::{
    Challenge, FromPool, FromWorker, Hello, PROTOCOL_VERSION, Refusal, RefusedCode, login_digest,
};
use tokio::sync::{Semaphore, mpsc};
use tokio::time::timeout;
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status, Streaming};
use tracing::{debug, info, warn};

use crate::assess::assess;
use crate::enclaves::Admission;
use crate::limits;
use crate::owner::{FromStream, Input};

/// Who may join, and whom the owner is told of.
#[derive(Clone)]
pub(crate) struct PoolService {
    pub(crate) hub: HubClient,
    pub(crate) workerpool: Address,
    pub(crate) allow: Option<Arc<[Address]>>,
    pub(crate) admission: Arc<Admission>,
    pub(crate) owner: mpsc::Sender<Input>,
    pub(crate) streams: Arc<Semaphore>,
    pub(crate) logins: Arc<Semaphore>,
    pub(crate) count: Arc<AtomicU64>,
    pub(crate) stop: CancellationToken,
}

type Out = Pin<Box<dyn Stream<Item = Result<PoolMessage, Status>> + Send>>;

#[tonic::async_trait]
impl Pool for PoolService {
    type JoinStream = Out;

    async fn join(&self, request: Request<Streaming<WorkerMessage>>) -> Result<Response<Out>, Status> {
        let permit = Arc::clone(&self.streams)
            .try_acquire_owned()
            .map_err(|_| Status::resource_exhausted("the pool serves as many workers as it can"))?;
        let (to, from) = mpsc::channel(limits::SESSION_QUEUE_MAX);
        let service = self.clone();
        tokio::spawn(async move {
            let incoming = request.into_inner();
            tokio::select! {
                () = service.serve(incoming, to.clone()) => {}
                () = service.stop.cancelled() => {
                    let reason = "the pool is stopping".to_owned();
                    refuse(&to, Refusal { code: RefusedCode::Busy, reason });
                }
            }
            drop(permit);
        });
        Ok(Response::new(Box::pin(ReceiverStream::new(from).map(|message| Ok(message.into())))))
    }
}

impl PoolService {
    /// One stream from its challenge to its end.
    async fn serve(&self, mut incoming: Streaming<WorkerMessage>, to: mpsc::Sender<FromPool>) {
        let admitted = match timeout(limits::LOGIN_MAX, self.admit(&mut incoming, &to)).await {
            Ok(admitted) => admitted,
            Err(_) => Err(refusal(RefusedCode::Login, "the challenge was not answered in time")),
        };
        let (worker, profile, hello) = match admitted {
            Ok(admitted) => admitted,
            Err(refusal) => {
                debug!(%refusal, "a worker was not admitted");
                return refuse(&to, refusal);
            }
        };
        let stream = self.count.fetch_add(1, Ordering::Relaxed);
        let held = hello.tasks.iter().map(|held| held.task).collect();
        let end = CancellationToken::new();
        let joined = FromStream::Joined { profile, held, to: to.clone(), end: end.clone() };
        if self.owner.send(Input::Worker { worker, stream, message: joined }).await.is_err() {
            return refuse(&to, refusal(RefusedCode::Busy, "the pool is stopping"));
        }
        info!(%worker, slots = profile.slots, enclave = ?profile.enclave, "joined");
        let left = tokio::select! {
            left = self.listen(worker, stream, &mut incoming) => left,
            // The owner ended it, and told the worker why.
            () = end.cancelled() => Ok(()),
        };
        if let Err(refusal) = left {
            info!(%worker, %refusal, "a stream ends");
            refuse(&to, refusal);
        }
        // The owner is gone only when the process stops.
        let _ = self.owner.send(Input::Worker { worker, stream, message: FromStream::Left }).await;
    }

    /// Challenge, answer, checks, and what the chain says of the worker.
    async fn admit(
        &self,
        incoming: &mut Streaming<WorkerMessage>,
        to: &mpsc::Sender<FromPool>,
    ) -> Result<(WorkerId, Profile, Hello), Refusal> {
        let _login = self
            .logins
            .try_acquire()
            .map_err(|_| refusal(RefusedCode::Busy, "too many workers log in at once; try again"))?;
        let challenge = Challenge {
            nonce: alloy_primitives::B256::from(rand::random::<[u8; 32]>()),
            expires_s: now_s() + limits::CHALLENGE_TTL_S,
            pool: self.workerpool,
            hub: self.hub.address(),
            chain_id: self.hub.chain().id(),
        };
        to.try_send(FromPool::Challenge(challenge.clone()))
            .map_err(|_| refusal(RefusedCode::Busy, "the stream ended"))?;
        let hello = match next(incoming).await? {
            Some(FromWorker::Hello(hello)) => hello,
            Some(_) => return Err(violation("the first message is the answer to the challenge")),
            None => return Err(refusal(RefusedCode::Login, "the stream ended")),
        };
        self.check(&challenge, &hello)?;
        let standing = assess(&self.hub, &[hello.worker]).await.map_err(|error| {
            let reason = format!("the chain does not tell score and deposit of {}: {error}", hello.worker);
            Refusal { code: RefusedCode::Busy, reason }
        })?;
        let standing = standing.first().expect("one worker was asked for");
        let (tag, enclave) = self.admission.judge(&hello.capacity);
        if let (EnclaveOffer::NotAdmitted, Some(offer)) = (enclave, hello.capacity.enclave) {
            warn!(
                worker = %hello.worker, kind = %offer.kind, root = %offer.root,
                "enclaves of this worker are not admitted: their root is not on this pool's list"
            );
        }
        let profile = Profile {
            slots: hello.capacity.slots,
            memory_bytes: hello.capacity.memory_bytes,
            tag,
            weight: standing.weight,
            deposit: standing.deposit,
            enclave,
        };
        Ok((standing.worker, profile, hello))
    }

    fn check(&self, challenge: &Challenge, hello: &Hello) -> Result<(), Refusal> {
        if !hello.protocol.contains(&PROTOCOL_VERSION) {
            let (min, max) = (hello.protocol.start(), hello.protocol.end());
            let reason = format!("this pool speaks version {PROTOCOL_VERSION}, the worker {min} to {max}");
            return Err(Refusal { code: RefusedCode::Protocol, reason });
        }
        if now_s() >= challenge.expires_s {
            return Err(refusal(RefusedCode::Login, "the challenge expired"));
        }
        let signer = signing::recover(login_digest(challenge, hello.worker), hello.signature.as_bytes());
        if signer != Some(hello.worker) || hello.worker.is_zero() {
            let reason = format!("the signature over the challenge is not that of {}", hello.worker);
            return Err(Refusal { code: RefusedCode::Login, reason });
        }
        if self.allow.as_ref().is_some_and(|allow| !allow.contains(&hello.worker)) {
            let reason = format!("{} is not on the list of this pool's workers", hello.worker);
            return Err(Refusal { code: RefusedCode::NotAdmitted, reason });
        }
        Ok(())
    }

    /// Hands the worker's messages to the owner until the stream ends or breaks the rules.
    async fn listen(
        &self,
        worker: WorkerId,
        stream: u64,
        incoming: &mut Streaming<WorkerMessage>,
    ) -> Result<(), Refusal> {
        let mut allowance = Allowance::new(Instant::now());
        while let Some(message) = next(incoming).await? {
            if !allowance.take(Instant::now()) {
                return Err(violation("more messages than a worker needs to send"));
            }
            let message = match message {
                FromWorker::Hello(_) => return Err(violation("only the first message is a Hello")),
                FromWorker::Ack(seq) => FromStream::Acknowledged(seq),
                FromWorker::Heartbeat { .. } => FromStream::Heartbeat,
                FromWorker::Report(report) => FromStream::Report(Box::new(report)),
                FromWorker::Evidence(evidence) => FromStream::Evidence(evidence),
            };
            if self.owner.send(Input::Worker { worker, stream, message }).await.is_err() {
                return Err(refusal(RefusedCode::Busy, "the pool is stopping"));
            }
        }
        Ok(())
    }
}

/// The next message, parsed; `None` at the end of the stream.
async fn next(incoming: &mut Streaming<WorkerMessage>) -> Result<Option<FromWorker>, Refusal> {
    match incoming.next().await {
        None => Ok(None),
        Some(Ok(message)) => match FromWorker::try_from(message) {
            Ok(message) => Ok(Some(message)),
            Err(error) => Err(violation(&error.to_string())),
        },
        // Oversized or malformed frames end up here, as do broken connections.
        Some(Err(status)) if status.code() == tonic::Code::OutOfRange => Err(violation(status.message())),
        Some(Err(status)) => {
            debug!(%status, "a stream broke");
            Ok(None)
        }
    }
}

fn refuse(to: &mpsc::Sender<FromPool>, refusal: Refusal) {
    // Whoever does not read needs no reason.
    let _ = to.try_send(FromPool::Refused(refusal));
}

fn refusal(code: RefusedCode, reason: &str) -> Refusal {
    Refusal { code, reason: reason.to_owned() }
}

fn violation(reason: &str) -> Refusal {
    refusal(RefusedCode::ProtocolViolation, reason)
}

fn now_s() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

/// How many messages a worker may still send.
struct Allowance {
    left: u32,
    since: Instant,
}

impl Allowance {
    fn new(now: Instant) -> Self {
        Self { left: limits::BURST_MAX, since: now }
    }

    fn take(&mut self, now: Instant) -> bool {
        let passed = now.saturating_duration_since(self.since);
        if passed >= Duration::from_secs(1) {
            let seconds = u32::try_from(passed.as_secs()).unwrap_or(u32::MAX);
            let earned = limits::MESSAGES_PER_SECOND.saturating_mul(seconds);
            self.left = self.left.saturating_add(earned).min(limits::BURST_MAX);
            self.since = now;
        }
        let allowed = self.left > 0;
        self.left = self.left.saturating_sub(1);
        allowed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flood_is_cut_off_after_the_burst_and_a_pause_is_rewarded() {
        let start = Instant::now();
        let mut allowance = Allowance::new(start);
        assert!((0..limits::BURST_MAX).all(|_| allowance.take(start)));
        assert!(!allowance.take(start));
        let later = start + Duration::from_secs(2);
        assert!((0..2 * limits::MESSAGES_PER_SECOND).all(|_| allowance.take(later)));
        assert!(!allowance.take(later));
    }
}
