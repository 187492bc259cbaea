//! A scheduler driven by hand: real gRPC, no mind of its own.

use std::num::NonZeroU64;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use alloy_primitives::{Address, B256};
use metacloud_protocol::{TaskId, signing};
use metacloud_wire::pool::proto::pool_server::{Pool, PoolServer};
use metacloud_wire::pool::proto::{PoolMessage, WorkerMessage};
use metacloud_wire::pool::{
    Challenge, FromPool, FromWorker, Hello, Instruction, Numbering, PROTOCOL_VERSION, Report, ReportStatus,
    Seq, Welcome, login_digest,
};
use tokio::sync::{Mutex, mpsc};
use tokio_stream::StreamExt as _;
use tokio_stream::wrappers::{ReceiverStream, TcpListenerStream};
use tonic::{Request, Response, Status, Streaming};

use crate::world::World;

/// Longest wait for something that must come; far above what it takes.
const PATIENCE: Duration = Duration::from_secs(120);

type ToWorker = mpsc::Sender<Result<PoolMessage, Status>>;

/// What the scheduler tells a worker about itself.
#[derive(Clone)]
pub struct Speaks {
    pub pool: Address,
    pub hub: Address,
    pub storage_url: String,
    pub numbering: u64,
}

pub struct Scheduler {
    pub url: String,
    joined: Mutex<mpsc::Receiver<Option<Session>>>,
}

/// One stream of a logged-in worker.
pub struct Session {
    pub hello: Hello,
    to_worker: ToWorker,
    from_worker: mpsc::Receiver<FromWorker>,
}

struct Door {
    speaks: Speaks,
    joined: mpsc::Sender<Option<Session>>,
}

impl Scheduler {
    pub async fn start(world: &World) -> Self {
        Self::speaking(Speaks {
            pool: world.workerpool,
            hub: world.hub.address(),
            storage_url: world.storage_url.clone(),
            numbering: 7,
        })
        .await
    }

    pub async fn speaking(speaks: Speaks) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (joined, sessions) = mpsc::channel(16);
        let door = PoolServer::new(Door { speaks, joined });
        let incoming = TcpListenerStream::new(listener);
        tokio::spawn(tonic::transport::Server::builder().add_service(door).serve_with_incoming(incoming));
        Self { url, joined: Mutex::new(sessions) }
    }

    /// The next worker that logs in; `None` for one that hangs up instead.
    pub async fn session(&self) -> Option<Session> {
        let mut joined = self.joined.lock().await;
        tokio::time::timeout(PATIENCE, joined.recv())
            .await
            .expect("a worker comes")
            .expect("the door is open")
    }

    pub async fn joined(&self) -> Session {
        self.session().await.expect("the worker logs in")
    }
}

#[tonic::async_trait]
impl Pool for Door {
    type JoinStream = ReceiverStream<Result<PoolMessage, Status>>;

    async fn join(
        &self,
        request: Request<Streaming<WorkerMessage>>,
    ) -> Result<Response<Self::JoinStream>, Status> {
        let (to_worker, stream) = mpsc::channel(64);
        let (speaks, joined) = (self.speaks.clone(), self.joined.clone());
        tokio::spawn(async move {
            let session = welcome(speaks, request.into_inner(), to_worker).await;
            let _ = joined.send(session).await;
        });
        Ok(Response::new(ReceiverStream::new(stream)))
    }
}

/// Challenge, Hello, Welcome.
async fn welcome(speaks: Speaks, inbound: Streaming<WorkerMessage>, to_worker: ToWorker) -> Option<Session> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let challenge = Challenge {
        nonce: B256::repeat_byte(0x42),
        expires_s: now + 60,
        pool: speaks.pool,
        hub: speaks.hub,
        chain_id: 65_535,
    };
    to_worker.send(Ok(FromPool::Challenge(challenge.clone()).into())).await.ok()?;
    let mut inbound = inbound.map_while(Result::ok).map(|message| FromWorker::try_from(message).unwrap());
    let Some(FromWorker::Hello(hello)) = inbound.next().await else { return None };
    let digest = login_digest(&challenge, hello.worker);
    assert_eq!(signing::recover(digest, hello.signature.as_bytes()), Some(hello.worker));
    let welcome = Welcome {
        heartbeat_s: 1,
        lease_s: 3,
        ipfs_node_url: speaks.storage_url.clone(),
        ipfs_gateway_url: speaks.storage_url,
        protocol: PROTOCOL_VERSION,
        numbering: Numbering(NonZeroU64::new(speaks.numbering).unwrap()),
        sms_url: None,
    };
    to_worker.send(Ok(FromPool::Welcome(welcome).into())).await.ok()?;
    let (pass_on, from_worker) = mpsc::channel(1_024);
    tokio::spawn(async move {
        while let Some(message) = inbound.next().await {
            if pass_on.send(message).await.is_err() {
                break;
            }
        }
    });
    Some(Session { hello, to_worker, from_worker })
}

impl Session {
    pub async fn instruct(&self, seq: u64, instruction: Instruction) {
        let message = FromPool::Numbered { seq: Seq(seq), instruction };
        self.to_worker.send(Ok(message.into())).await.unwrap();
    }

    /// The next message that is no heartbeat; `None` if the worker hung up.
    pub async fn next(&mut self) -> Option<FromWorker> {
        loop {
            let message = tokio::time::timeout(PATIENCE, self.from_worker.recv()).await.expect("a message");
            if !matches!(message, Some(FromWorker::Heartbeat { .. })) {
                return message;
            }
        }
    }

    /// The report of `status`, passing over what comes before; a task that ends otherwise fails the test.
    pub async fn report(&mut self, task: TaskId, status: ReportStatus) -> Report {
        loop {
            match self.next().await.expect("the worker stays") {
                FromWorker::Report(report) if report.task == task => {
                    if report.status == status {
                        return report;
                    }
                    assert!(!report.status.is_final(), "wanted {status:?}, got {report:?}");
                }
                _ => {}
            }
        }
    }

    pub async fn acked(&mut self, seq: u64) {
        loop {
            if let FromWorker::Ack(Seq(found)) = self.next().await.expect("the worker stays") {
                assert_eq!(found, seq);
                return;
            }
        }
    }
}
