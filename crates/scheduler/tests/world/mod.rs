//! A real chain with the real contracts, a real store, a real scheduler; and workers driven by hand that send real
//! transactions.

#![allow(dead_code, unreachable_pub, reason = "each test file uses a part")]

pub mod worker;

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use alloy_sol_types::SolCall;
use metacloud_abi::deploy::{Addresses, BaseUris, DeployParams, plan};
use metacloud_abi::{Hub, Rlc};
use metacloud_blobs::archive::{self, pack, result_digest};
use metacloud_blobs::{BlobClient, Blobs};
use metacloud_chain::{AppListing, Chain, Cursor, HubClient, Orders, Wallet};
use metacloud_devchain::accounts::development_accounts;
use metacloud_devchain::{Config, Devchain, GenesisTransaction};
use metacloud_protocol::order::{AppOrder, DatasetOrder, RequestOrder, Signed, WorkerpoolOrder};
use metacloud_protocol::result::{DigestRules, ResultLink};
use metacloud_protocol::{DealId, ResultDigest, Tag, Task, TaskId, TaskStatus};
use metacloud_scheduler::{Scheduler, SchedulerConfig};
use serde_json::{Value, json};
use tempfile::TempDir;

pub use worker::TestWorker;

/// Longest wait for anything; only a failing test waits as long.
pub const PATIENCE: Duration = Duration::from_secs(60);
const DEPOSIT: u64 = 1_000_000_000;
/// Price of one task, in nRLC; the default policy makes workers stake 30 % of it.
pub const PRICE: u64 = 1_000_000;
const OWNER: usize = 2;
const REQUESTER: usize = 3;

pub struct World {
    pub chain: Chain,
    pub hub: HubClient,
    pub addresses: Addresses,
    pub workerpool: Address,
    pub app: Address,
    pub dir: TempDir,
    pub blobs: BlobClient,
    blobs_url: String,
    salt: std::cell::Cell<u8>,
    _node: Devchain,
}

pub fn key(index: usize) -> B256 {
    development_accounts()[index].private_key
}

pub fn address(index: usize) -> Address {
    development_accounts()[index].address
}

impl World {
    pub async fn new() -> Self {
        Self::begun_at(None).await
    }

    /// With this time of block 0, which makes it another chain.
    pub async fn begun_at(timestamp_s: Option<u64>) -> Self {
        let (mut config, addresses) = genesis();
        config.genesis.timestamp_s = timestamp_s;
        let node = metacloud_devchain::start(config).await.unwrap();
        let chain = Chain::connect(&node.rpc_url()).await.unwrap();
        let hub = HubClient::new(chain.clone(), addresses.hub);
        let provider = Wallet::new(chain.clone(), key(1)).unwrap();
        let app = AppListing {
            owner: address(1),
            name: "test".into(),
            app_type: "WASM".into(),
            multiaddr: Bytes::from_static(b"/ipfs/QmNone"),
            checksum: B256::ZERO,
            mrenclave: Bytes::new(),
        };
        let app = hub.create_app(&provider, addresses.app_registry, &app).await.unwrap();
        let owner = address(OWNER);
        let workerpool =
            hub.create_workerpool(&provider, addresses.workerpool_registry, owner, "pool").await.unwrap();
        let dir = TempDir::new().unwrap();
        let store = Blobs::open(&dir.path().join("blobs")).unwrap();
        let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let blobs_url = format!("http://{}", listener.local_addr().unwrap());
        let routes = metacloud_blobs::router(store, metacloud_blobs::Limits::default());
        tokio::spawn(async move { axum::serve(listener, routes).await });
        let blobs = BlobClient::new(&blobs_url, &blobs_url).unwrap();
        let salt = std::cell::Cell::new(0);
        Self { chain, hub, addresses, workerpool, app, dir, blobs, blobs_url, salt, _node: node }
    }

    pub fn config(&self) -> SchedulerConfig {
        SchedulerConfig {
            chain: self.chain.clone(),
            hub: self.addresses.hub,
            workerpool: self.workerpool,
            key: key(OWNER),
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            data_dir: self.dir.path().join("scheduler"),
            ipfs_node_url: self.blobs_url.clone(),
            ipfs_gateway_url: self.blobs_url.clone(),
            allow: None,
            admit_simulation: vec![],
            sms_url: None,
            start: Cursor::Genesis,
        }
    }

    pub async fn scheduler(&self) -> Scheduler {
        Scheduler::start(self.config()).await.unwrap()
    }

    /// Buys `volume` tasks at this trust level.
    pub async fn deal(&self, trust: u64, volume: u64, callback: Address) -> DealId {
        self.tagged_deal(trust, volume, callback, Tag::NONE, "{}").await
    }

    /// Buys tasks that demand these capabilities.
    pub async fn tagged_deal(
        &self,
        trust: u64,
        volume: u64,
        callback: Address,
        tag: Tag,
        params: &str,
    ) -> DealId {
        self.salt.set(self.salt.get() + 1);
        let salt = B256::repeat_byte(self.salt.get());
        let wallets: Vec<_> =
            [1, OWNER, REQUESTER].map(|n| Wallet::new(self.chain.clone(), key(n)).unwrap()).into();
        let (volume, trust) = (U256::from(volume), U256::from(trust));
        let tag = tag.0;
        let app = AppOrder { app: self.app, volume, tag, salt, ..AppOrder::default() };
        let workerpool = WorkerpoolOrder {
            workerpool: self.workerpool,
            workerpoolprice: U256::from(PRICE),
            volume,
            tag,
            trust,
            salt,
            ..WorkerpoolOrder::default()
        };
        let request = RequestOrder {
            app: self.app,
            workerpoolmaxprice: U256::from(PRICE),
            requester: address(REQUESTER),
            volume,
            tag,
            trust,
            beneficiary: address(REQUESTER),
            callback,
            params: params.into(),
            salt,
            ..RequestOrder::default()
        };
        let orders = Orders {
            app: wallets[0].sign_order(app, &self.hub),
            dataset: Signed { order: DatasetOrder::none(), sign: Bytes::new() },
            workerpool: wallets[1].sign_order(workerpool, &self.hub),
            request: wallets[2].sign_order(request, &self.hub),
        };
        self.hub.match_orders(&wallets[2], &orders).await.unwrap().deal
    }

    /// Stores an archive whose result is one file with this content; its link and its digest.
    pub async fn store(&self, content: &str) -> (ResultLink, ResultDigest) {
        let out = TempDir::new_in(self.dir.path()).unwrap();
        std::fs::write(out.path().join("result.txt"), content).unwrap();
        let computed = json!({ "deterministic-output-path": "/iexec_out/result.txt" });
        std::fs::write(out.path().join("computed.json"), computed.to_string()).unwrap();
        let zip: PathBuf = self.dir.path().join(format!("{}.zip", keccak256(content)));
        let limits = archive::Limits::default();
        pack(out.path(), &zip, &limits).unwrap();
        let (digest, _) =
            result_digest(std::fs::File::open(&zip).unwrap(), DigestRules::Standard, &limits).unwrap();
        let cid = self.blobs.add_file(&zip).await.unwrap();
        (ResultLink::ipfs(&cid.to_string()), digest)
    }

    pub async fn worker(&self, scheduler: &Scheduler, n: usize) -> TestWorker {
        TestWorker::join(self, scheduler, n, 2).await
    }

    /// Waits until the chain says so.
    pub async fn until(&self, task: TaskId, status: TaskStatus) -> Task {
        let reached = async {
            loop {
                let found = self.hub.view_task(task).await.unwrap();
                if found.status == status {
                    return found;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(PATIENCE, reached).await.unwrap_or_else(|_| panic!("{task} is not {status:?}"))
    }

    /// The chain as it is now, to be cut back to.
    pub async fn snapshot(&self) -> String {
        self.chain.request("evm_snapshot", json!([])).await.unwrap()
    }

    /// Takes every later block from the chain.
    pub async fn cut(&self, to: String) {
        let reverted: bool = self.chain.request("evm_revert", json!([to])).await.unwrap();
        assert!(reverted);
    }

    /// Waits until the scheduler shows this status for its only replica of a task.
    pub async fn until_shown(&self, scheduler: &Scheduler, task: TaskId, status: &str) {
        let shown = async {
            loop {
                let (code, view) = get(scheduler, &format!("/tasks/{task}")).await;
                if code == 200 && view["replicates"][0]["currentStatus"] == status {
                    return;
                }
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(PATIENCE, shown).await.unwrap_or_else(|_| panic!("{task} is not {status}"))
    }

    /// Moves the chain's clock forward and makes a block.
    pub async fn pass(&self, seconds: u64) {
        let _: Value = self.chain.request("evm_increaseTime", json!([seconds])).await.unwrap();
        let _: Value = self.chain.request("evm_mine", json!([])).await.unwrap();
    }
}

pub fn task(deal: DealId, index: u64) -> TaskId {
    TaskId::derive(deal, U256::from(index))
}

/// A scheduler over the directory of one that was there before; its lock is released when the last task of the old one is
/// gone.
pub async fn restarted(world: &World) -> Scheduler {
    let started = async {
        loop {
            match Scheduler::start(world.config()).await {
                Ok(scheduler) => return scheduler,
                Err(metacloud_scheduler::StartError::DataDir(_)) => tokio::task::yield_now().await,
                Err(error) => panic!("{error}"),
            }
        }
    };
    tokio::time::timeout(PATIENCE, started).await.unwrap()
}

/// `GET` of a route of the scheduler, over a connection of its own.
pub async fn get(scheduler: &Scheduler, path: &str) -> (u16, Value) {
    request(scheduler, path, "").await
}

/// The same with an `authorization` header.
pub async fn get_as(scheduler: &Scheduler, path: &str, authorization: &str) -> (u16, Value) {
    request(scheduler, path, &format!("authorization: {authorization}\r\n")).await
}

async fn request(scheduler: &Scheduler, path: &str, header: &str) -> (u16, Value) {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let mut stream = tokio::net::TcpStream::connect(scheduler.local_addr()).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n{header}\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    let body = &body[body.find('{').unwrap()..=body.rfind('}').unwrap()];
    (status, serde_json::from_str(body).unwrap())
}

/// The contracts, with stake for everybody.
fn genesis() -> (Config, Addresses) {
    let deployer = address(0);
    let mut config = Config::in_memory(31_337);
    let plan = plan(&DeployParams {
        deployer,
        first_nonce: 0,
        chain_id: 31_337,
        owner: deployer,
        token: None,
        base_uri: BaseUris::default(),
    });
    let Addresses { hub, rlc, .. } = plan.addresses;
    let planned = plan.transactions.into_iter().map(|planned| GenesisTransaction {
        from: planned.from,
        to: planned.to,
        data: planned.data,
        value: planned.value,
    });
    config.genesis.transactions.extend(planned);
    let targets: Vec<_> = (1..12).map(address).collect();
    let amounts = vec![U256::from(DEPOSIT); targets.len()];
    let all = U256::from(DEPOSIT) * U256::from(targets.len());
    for (to, data) in [
        (rlc, Rlc::approveCall { spender: hub, value: all }.abi_encode()),
        (hub, Hub::depositForArrayCall { amounts, targets }.abi_encode()),
    ] {
        let (to, data, value) = (Some(to), data.into(), U256::ZERO);
        config.genesis.transactions.push(GenesisTransaction { from: deployer, to, data, value });
    }
    (config, plan.addresses)
}
