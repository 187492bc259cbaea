//! A worker driven by hand.

use alloy_primitives::{Address, Bytes};
use metacloud_chain::{Commitment, HubClient, OneStep, Wallet};
use metacloud_protocol::result::ResultLink;
use metacloud_protocol::{ResultDigest, ResultHash, ResultSeal, Tag, TaskId};
use metacloud_scheduler::Scheduler;
use metacloud_wire::cause::{Cause, Failure};
use metacloud_wire::enclave::EnclaveKind;
use metacloud_wire::pool::proto::pool_client::PoolClient;
use metacloud_wire::pool::proto::{PoolMessage, WorkerMessage};
use metacloud_wire::pool::{
    Assign, Capacity, EnclaveOffer, FromPool, FromWorker, HeldTask, Hello, Instruction, Report, ReportStatus,
    Seq, login_digest,
};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Streaming;
use tonic::transport::Channel;

use super::{PATIENCE, World, key};

pub struct TestWorker {
    pub wallet: Wallet,
    hub: HubClient,
    to: mpsc::Sender<WorkerMessage>,
    from: Streaming<PoolMessage>,
    heartbeat: tokio::task::JoinHandle<()>,
}

impl Drop for TestWorker {
    fn drop(&mut self) {
        self.heartbeat.abort();
    }
}

/// A stream that was not welcomed yet.
pub async fn open(scheduler: &Scheduler) -> (mpsc::Sender<WorkerMessage>, Streaming<PoolMessage>) {
    let url = format!("http://{}", scheduler.local_addr());
    let channel = Channel::from_shared(url).unwrap().connect().await.unwrap();
    let (to, outgoing) = mpsc::channel(64);
    let stream = PoolClient::new(channel).join(ReceiverStream::new(outgoing)).await.unwrap();
    (to, stream.into_inner())
}

pub async fn receive(from: &mut Streaming<PoolMessage>) -> Option<FromPool> {
    let message = tokio::time::timeout(PATIENCE, from.message()).await.expect("the pool says something");
    message.ok().flatten().map(|message| FromPool::try_from(message).unwrap())
}

/// Answers a challenge with the signature of `signer` for `worker`.
pub fn hello(
    challenge: &metacloud_wire::pool::Challenge,
    worker: Address,
    signer: &Wallet,
    slots: u32,
    tasks: Vec<HeldTask>,
) -> Hello {
    Hello {
        worker,
        signature: signer.sign_hash(login_digest(challenge, worker)).try_into().unwrap(),
        protocol: 1..=1,
        capacity: Capacity { slots, memory_bytes: 1 << 30, tag: Tag::NONE, enclave: None },
        resume: None,
        tasks,
    }
}

impl TestWorker {
    pub async fn join(world: &World, scheduler: &Scheduler, n: usize, slots: u32) -> Self {
        Self::rejoin(world, scheduler, n, slots, vec![]).await
    }

    pub async fn rejoin(
        world: &World,
        scheduler: &Scheduler,
        n: usize,
        slots: u32,
        held: Vec<TaskId>,
    ) -> Self {
        Self::offering(world, scheduler, n, slots, held, None).await
    }

    /// A worker that says that it makes enclaves.
    pub async fn with_enclaves(world: &World, scheduler: &Scheduler, n: usize, root: Address) -> Self {
        let offer = EnclaveOffer { kind: EnclaveKind::Simulation, root };
        Self::offering(world, scheduler, n, 2, vec![], Some(offer)).await
    }

    async fn offering(
        world: &World,
        scheduler: &Scheduler,
        n: usize,
        slots: u32,
        held: Vec<TaskId>,
        enclave: Option<EnclaveOffer>,
    ) -> Self {
        let wallet = Wallet::new(world.chain.clone(), key(n)).unwrap();
        let (to, mut from) = open(scheduler).await;
        let Some(FromPool::Challenge(challenge)) = receive(&mut from).await else {
            panic!("the pool speaks first")
        };
        let held =
            held.into_iter().map(|task| HeldTask { task, status: ReportStatus::Contributed }).collect();
        let mut hello = hello(&challenge, wallet.address(), &wallet, slots, held);
        hello.capacity.enclave = enclave;
        to.send(FromWorker::Hello(hello).into()).await.unwrap();
        let welcome = receive(&mut from).await;
        assert!(matches!(welcome, Some(FromPool::Welcome(_))), "{welcome:?}");
        let beats = to.clone();
        let heartbeat = tokio::spawn(async move {
            let beat = || WorkerMessage::from(FromWorker::Heartbeat { free_slots: 1 });
            while beats.send(beat()).await.is_ok() {
                tokio::time::sleep(std::time::Duration::from_millis(500)).await;
            }
        });
        Self { wallet, hub: world.hub.clone(), to, from, heartbeat }
    }

    pub fn address(&self) -> Address {
        self.wallet.address()
    }

    pub async fn next(&mut self) -> Instruction {
        match receive(&mut self.from).await {
            Some(FromPool::Numbered { seq, instruction }) => {
                self.send(FromWorker::Ack(Seq(seq.0))).await;
                instruction
            }
            other => panic!("{other:?}"),
        }
    }

    /// What the pool says next, be it the end.
    pub async fn receive(&mut self) -> Option<FromPool> {
        receive(&mut self.from).await
    }

    pub async fn assigned(&mut self) -> Assign {
        match self.next().await {
            Instruction::Assign(assign) => assign,
            other => panic!("{other:?}"),
        }
    }

    pub async fn send(&self, message: FromWorker) {
        self.to.send(message.into()).await.unwrap();
    }

    /// The way to the pool, to be used beside this worker.
    pub fn sender(&self) -> mpsc::Sender<WorkerMessage> {
        self.to.clone()
    }

    /// Waits for the end of the stream and its reason.
    pub async fn refused(&mut self) -> metacloud_wire::pool::RefusedCode {
        loop {
            match self.receive().await {
                Some(FromPool::Refused(refusal)) => return refusal.code,
                Some(_) => {}
                None => panic!("the stream ended without a reason"),
            }
        }
    }

    pub async fn report(&self, task: TaskId, status: ReportStatus) {
        self.send(FromWorker::Report(Report::new(task, status))).await;
    }

    pub async fn fail(&self, task: TaskId, cause: Cause, message: &str) {
        let failures = vec![Failure::new(cause, message)];
        self.send(FromWorker::Report(Report { failures, ..Report::new(task, ReportStatus::Failed) })).await;
    }

    /// Computes and commits.
    pub async fn contribute(&self, assign: &Assign, digest: ResultDigest) {
        self.report(assign.task, ReportStatus::Started).await;
        self.report(assign.task, ReportStatus::Computed).await;
        self.contribute_quietly(assign, digest).await;
    }

    /// Commits without telling the pool.
    pub async fn contribute_quietly(&self, assign: &Assign, digest: ResultDigest) {
        let commitment = Commitment {
            task: assign.task,
            hash: ResultHash::derive(assign.task, digest),
            seal: ResultSeal::derive(self.address(), assign.task, digest),
            enclave_challenge: Address::ZERO,
            enclave_sign: Bytes::new(),
            authorization: assign.authorization.as_bytes().clone(),
        };
        self.hub.contribute(&self.wallet, &commitment).await.unwrap();
    }

    /// Settles alone.
    pub async fn one_step(&self, assign: &Assign, link: &ResultLink, digest: ResultDigest) {
        let what = OneStep {
            task: assign.task,
            digest,
            results: link.to_bytes(),
            results_callback: Bytes::new(),
            enclave_challenge: Address::ZERO,
            enclave_sign: Bytes::new(),
            authorization: assign.authorization.as_bytes().clone(),
        };
        self.hub.contribute_and_finalize(&self.wallet, &what).await.unwrap();
    }

    /// Settles alone, with what an enclave says.
    pub async fn one_step_vouched(&self, what: OneStep) {
        self.hub.contribute_and_finalize(&self.wallet, &what).await.unwrap();
    }

    /// Commits, with what an enclave says.
    pub async fn contribute_vouched(&self, what: Commitment) {
        self.hub.contribute(&self.wallet, &what).await.unwrap();
    }

    /// Waits for the consensus and reveals; whether the pool wants the result stored.
    pub async fn reveal(&mut self, digest: ResultDigest) -> bool {
        match self.next().await {
            Instruction::Reveal { task, upload, consensus } => {
                assert_eq!(consensus, ResultHash::derive(task, digest));
                self.hub.reveal(&self.wallet, task, digest).await.unwrap();
                upload
            }
            other => panic!("{other:?}"),
        }
    }

    pub async fn uploaded(&self, task: TaskId, link: &ResultLink) {
        let report = Report { link: Some(link.clone()), ..Report::new(task, ReportStatus::Uploaded) };
        self.send(FromWorker::Report(report)).await;
    }

    pub async fn uploaded_signed(&self, task: TaskId, link: &ResultLink, archive_sign: Bytes) {
        let link = Some(link.clone());
        let report = Report { link, archive_sign, ..Report::new(task, ReportStatus::Uploaded) };
        self.send(FromWorker::Report(report)).await;
    }

    pub async fn handed_over(&self, task: TaskId, callback_data: Bytes) {
        let callback_data = Some(callback_data);
        let report = Report { callback_data, ..Report::new(task, ReportStatus::Uploaded) };
        self.send(FromWorker::Report(report)).await;
    }
}
