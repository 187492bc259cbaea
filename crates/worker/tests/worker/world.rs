//! A chain with the contracts, storage, and a market of one: everything around a worker but its scheduler.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use alloy_primitives::{Address, B256, Bytes, U256};
use alloy_sol_types::SolCall as _;
use metacloud_abi::Rlc;
use metacloud_abi::deploy::{Addresses, BaseUris, DeployParams, plan};
use metacloud_blobs::{BlobClient, Blobs, Location, router};
use metacloud_chain::{AppListing, Chain, Commitment, HubClient, Orders, Wallet};
use metacloud_devchain::accounts::development_accounts;
use metacloud_devchain::{BaseFee, Config, Devchain, GenesisTransaction};
use metacloud_protocol::ids::{authorization_hash, eip191};
use metacloud_protocol::{
    AppOrder, DatasetOrder, DealId, Nrlc, RequestOrder, ResultDigest, ResultHash, ResultSeal, Signed, TaskId,
    WorkerpoolOrder,
};
use metacloud_sandbox::{Sandbox, SandboxConfig};
use metacloud_wire::pool::{Assign, Settlement};
use metacloud_worker::{Conduct, WorkerConfig, WorkerLimits};
use sha2::{Digest as _, Sha256};

/// nRLC per task; the default policy makes the worker's stake 30 % of it.
pub const PRICE: u64 = 1_000;
pub const STAKE: u64 = 300;
const CHAIN_ID: u64 = 65_535;
const RICH: u64 = 1_000_000_000;

pub struct World {
    pub chain: Chain,
    pub hub: HubClient,
    pub workerpool: Address,
    pub pool_owner: Wallet,
    pub blobs: BlobClient,
    pub storage_url: String,
    requester: Wallet,
    addresses: Addresses,
    salt: AtomicU64,
    dirs: tempfile::TempDir,
    _devchain: Devchain,
}

pub struct Bought {
    pub deal: DealId,
    pub contribution_deadline_s: u64,
}

impl World {
    pub async fn new() -> Self {
        Self::with_base_fee(BaseFee::Zero).await
    }

    pub async fn with_base_fee(base_fee_wei: BaseFee) -> Self {
        let accounts = development_accounts();
        let deployer = accounts[0].address;
        let plan = plan(&DeployParams {
            deployer,
            first_nonce: 0,
            chain_id: CHAIN_ID,
            owner: deployer,
            token: None,
            base_uri: BaseUris::for_chain(CHAIN_ID),
        });
        let mut config = Config::in_memory(CHAIN_ID);
        config.base_fee_wei = base_fee_wei;
        config.genesis.transactions = plan
            .transactions
            .into_iter()
            .map(|t| GenesisTransaction { from: t.from, to: t.to, data: t.data, value: t.value })
            .collect();
        let devchain = metacloud_devchain::start(config).await.unwrap();
        let chain = Chain::connect(&devchain.rpc_url()).await.unwrap();
        let hub = HubClient::new(chain.clone(), plan.addresses.hub);
        let wallet = |index: usize| Wallet::new(chain.clone(), accounts[index].private_key).unwrap();
        let (pool_owner, requester) = (wallet(3), wallet(4));
        let dirs = tempfile::tempdir().unwrap();
        let storage_url = storage(dirs.path()).await;
        let registry = plan.addresses.workerpool_registry;
        let workerpool =
            hub.create_workerpool(&pool_owner, registry, pool_owner.address(), "test").await.unwrap();
        let world = Self {
            hub,
            workerpool,
            pool_owner,
            blobs: BlobClient::new(&storage_url, &storage_url).unwrap(),
            storage_url,
            requester,
            addresses: plan.addresses,
            salt: AtomicU64::new(1),
            dirs,
            chain,
            _devchain: devchain,
        };
        for party in [&world.pool_owner, &world.requester] {
            world.give(party.address(), RICH).await;
            world.hub.deposit(party, world.addresses.rlc, Nrlc::new(RICH)).await.unwrap();
        }
        world
    }

    /// RLC out of the deployer's pocket.
    pub async fn give(&self, to: Address, nrlc: u64) {
        let deployer = Wallet::new(self.chain.clone(), development_accounts()[0].private_key).unwrap();
        let call = Rlc::transferCall { to, value: U256::from(nrlc) };
        deployer.send(self.addresses.rlc, call.abi_encode().into()).await.unwrap();
    }

    /// Configuration of an honest worker with ether and RLC, in a directory of its own.
    pub async fn worker(&self, scheduler_url: &str) -> WorkerConfig {
        let account = &development_accounts()[5];
        self.give(account.address, 10 * STAKE).await;
        WorkerConfig {
            chain: self.chain.clone(),
            hub: self.hub.address(),
            scheduler_url: scheduler_url.to_owned(),
            workerpool: self.workerpool,
            key: account.private_key,
            slots: 1,
            sandbox: Sandbox::open(SandboxConfig::in_dir(self.dirs.path().join("modules"))).unwrap(),
            enclaves: None,
            data_dir: self.dirs.path().join("worker"),
            limits: WorkerLimits::default(),
            conduct: Conduct::Honest,
        }
    }

    /// Stores and registers an application with its true checksum.
    pub async fn publish(&self, module: &[u8]) -> Address {
        self.publish_with(module, B256::from_slice(&Sha256::digest(module))).await
    }

    pub async fn publish_with(&self, module: &[u8], checksum: B256) -> Address {
        let cid = self.blobs.add_bytes(module.to_vec()).await.unwrap();
        let listing = AppListing {
            owner: self.requester.address(),
            name: format!("app {checksum}"),
            app_type: "WASM".into(),
            multiaddr: Location::Ipfs(cid).to_chain().into(),
            checksum,
            mrenclave: Bytes::new(),
        };
        self.hub.create_app(&self.requester, self.addresses.app_registry, &listing).await.unwrap()
    }

    /// A deal for one task with trust 1, initialized.
    pub async fn buy(&self, app: Address, params: &str) -> Bought {
        self.buy_with_trust(app, params, 1).await
    }

    pub async fn buy_with_trust(&self, app: Address, params: &str, trust: u64) -> Bought {
        let salt = B256::from(U256::from(self.salt.fetch_add(1, Ordering::Relaxed)));
        let (one, price, trust) = (U256::from(1), U256::from(PRICE), U256::from(trust));
        let app_order = AppOrder { app, volume: one, salt, ..AppOrder::default() };
        let pool_order = WorkerpoolOrder {
            workerpool: self.workerpool,
            workerpoolprice: price,
            volume: one,
            trust,
            salt,
            ..WorkerpoolOrder::default()
        };
        let request = RequestOrder {
            app,
            workerpoolmaxprice: price,
            requester: self.requester.address(),
            beneficiary: self.requester.address(),
            volume: one,
            trust,
            params: params.to_owned(),
            salt,
            ..RequestOrder::default()
        };
        let orders = Orders {
            app: self.requester.sign_order(app_order, &self.hub),
            dataset: Signed { order: DatasetOrder::none(), sign: Bytes::new() },
            workerpool: self.pool_owner.sign_order(pool_order, &self.hub),
            request: self.requester.sign_order(request, &self.hub),
        };
        let deal = self.hub.match_orders(&self.requester, &orders).await.unwrap().deal;
        self.hub.initialize(&self.pool_owner, deal, U256::ZERO).await.unwrap();
        let task = self.hub.view_task(TaskId::derive(deal, U256::ZERO)).await.unwrap();
        Bought { deal, contribution_deadline_s: task.contribution_deadline_s }
    }

    /// The assignment of the deal's only task, signed by `signer`.
    pub fn assign_by(
        &self,
        signer: &Wallet,
        bought: &Bought,
        worker: Address,
        settlement: Settlement,
    ) -> Assign {
        let task = TaskId::derive(bought.deal, U256::ZERO);
        let signature = signer.sign_hash(eip191(authorization_hash(worker, task, Address::ZERO)));
        Assign {
            task,
            deal: bought.deal,
            index: 0,
            settlement,
            enclave_challenge: Address::ZERO,
            authorization: signature.try_into().unwrap(),
            contribution_deadline_s: bought.contribution_deadline_s,
            compute_seconds: 300,
        }
    }

    pub fn assign(&self, bought: &Bought, worker: Address, settlement: Settlement) -> Assign {
        self.assign_by(&self.pool_owner, bought, worker, settlement)
    }

    /// Other workers contribute this digest by hand.
    pub async fn contribute_truth(&self, bought: &Bought, digest: ResultDigest, count: usize) -> Vec<Wallet> {
        let mut wallets = vec![];
        for account in &development_accounts()[6..6 + count] {
            let wallet = Wallet::new(self.chain.clone(), account.private_key).unwrap();
            self.give(wallet.address(), STAKE).await;
            self.hub.deposit(&wallet, self.addresses.rlc, Nrlc::new(STAKE)).await.unwrap();
            let assign = self.assign(bought, wallet.address(), Settlement::CommitReveal);
            let commitment = Commitment {
                task: assign.task,
                hash: ResultHash::derive(assign.task, digest),
                seal: ResultSeal::derive(wallet.address(), assign.task, digest),
                enclave_challenge: Address::ZERO,
                enclave_sign: Bytes::new(),
                authorization: assign.authorization.as_bytes().clone(),
            };
            self.hub.contribute(&wallet, &commitment).await.unwrap();
            wallets.push(wallet);
        }
        wallets
    }

    pub async fn reveal_and_finalize(&self, workers: &[Wallet], task: TaskId, digest: ResultDigest) {
        for worker in workers {
            self.hub.reveal(worker, task, digest).await.unwrap();
        }
        self.hub.finalize(&self.pool_owner, task, Bytes::new(), Bytes::new()).await.unwrap();
    }

    pub fn requester(&self) -> &Wallet {
        &self.requester
    }
}

/// A content store with gateway; answers its URL.
async fn storage(dir: &std::path::Path) -> String {
    let blobs = Blobs::open(&dir.join("blobs")).unwrap();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let app = Arc::new(router(blobs, metacloud_blobs::Limits::default()));
    tokio::spawn(async move { axum::serve(listener, (*app).clone()).await });
    url
}
