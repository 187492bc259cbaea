//! A chain with the contracts in its genesis, assets with owners, and a secrets service over HTTP.

#![allow(dead_code, reason = "each test file uses its part")]

use std::path::Path;

use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use alloy_sol_types::SolCall as _;
use metacloud_abi::DatasetRegistry;
use metacloud_abi::deploy::{BaseUris, DeployParams, plan};
use metacloud_chain::{AppListing, Chain, Gas, HubClient, Orders, Transaction, Wallet};
use metacloud_devchain::accounts::development_accounts;
use metacloud_devchain::{Config, Devchain, Genesis, GenesisTransaction};
use metacloud_protocol::{AppOrder, DatasetOrder, DealId, RequestOrder, Signed, TaskId, WorkerpoolOrder};
use metacloud_secrets::{RateLimits, Secrets, SecretsConfig, StartError, router};
use metacloud_store::{Database, Durability};
use metacloud_wire::secrets::{Policy, SecretId};
use serde_json::{Value, json};

pub(crate) const CHAIN_ID: u64 = 65_535;
/// Tag of an enclave deal of iExec clients: tee and tdx.
pub(crate) const TEE: B256 = B256::with_last_byte(9);

pub(crate) struct World {
    pub(crate) dir: tempfile::TempDir,
    _devchain: Devchain,
    pub(crate) chain: Chain,
    pub(crate) hub: HubClient,
    pub(crate) app_owner: Wallet,
    pub(crate) dataset_owner: Wallet,
    pub(crate) pool_owner: Wallet,
    pub(crate) requester: Wallet,
    pub(crate) worker: Wallet,
    pub(crate) stranger: Wallet,
    /// Account of the simulation root that the service admits.
    pub(crate) root: Wallet,
    pub(crate) app: Address,
    pub(crate) dataset: Address,
    pub(crate) pool: Address,
    pub(crate) secrets: Secrets,
    pub(crate) url: String,
    pub(crate) http: reqwest::Client,
}

pub(crate) fn config(chain: &Chain, hub: Address, dir: &Path, database: Database) -> SecretsConfig {
    SecretsConfig {
        chain: chain.clone(),
        hub,
        database,
        key_file: dir.join("secrets.key"),
        admit_simulation: Vec::new(),
        old_form_release: Policy::ANY,
        limits: RateLimits::default(),
    }
}

pub(crate) async fn database(dir: &Path) -> Database {
    Database::open(&dir.join("secrets.db"), Durability::PowerCut).await.unwrap()
}

/// A service over the files of a folder, and its address.
pub(crate) async fn serve(config: SecretsConfig) -> Result<(Secrets, String), StartError> {
    let secrets = Secrets::start(config).await?;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let app = router(&secrets);
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    Ok((secrets, url))
}

impl World {
    pub(crate) async fn start() -> Self {
        Self::with(|_| ()).await
    }

    /// With a service that is told otherwise.
    pub(crate) async fn with(change: impl FnOnce(&mut SecretsConfig)) -> Self {
        let accounts = development_accounts();
        let params = DeployParams {
            deployer: accounts[0].address,
            first_nonce: 0,
            chain_id: CHAIN_ID,
            owner: accounts[0].address,
            token: None,
            base_uri: BaseUris::default(),
        };
        let plan = plan(&params);
        let transaction = |planned: &metacloud_abi::deploy::PlannedTransaction| GenesisTransaction {
            from: planned.from,
            to: planned.to,
            data: planned.data.clone(),
            value: planned.value,
        };
        let mut chain_config = Config::in_memory(CHAIN_ID);
        chain_config.genesis = Genesis {
            transactions: plan.transactions.iter().map(transaction).collect(),
            ..Genesis::development()
        };
        let devchain = metacloud_devchain::start(chain_config).await.unwrap();
        let chain = Chain::connect(&devchain.rpc_url()).await.unwrap();
        let hub = HubClient::new(chain.clone(), plan.addresses.hub);
        let mut wallets =
            accounts[1..8].iter().map(|account| Wallet::new(chain.clone(), account.private_key).unwrap());
        let mut next = || wallets.next().unwrap();
        let (app_owner, dataset_owner, pool_owner) = (next(), next(), next());
        let (requester, worker, stranger, root) = (next(), next(), next(), next());
        let app = create_app(&hub, plan.addresses.app_registry, &app_owner, "hello").await;
        let registry = plan.addresses.dataset_registry;
        let dataset = create_dataset(&hub, registry, &dataset_owner, "data").await;
        let registry = plan.addresses.workerpool_registry;
        let owner = pool_owner.address();
        let pool = hub.create_workerpool(&pool_owner, registry, owner, "pool").await.unwrap();
        let dir = tempfile::tempdir().unwrap();
        let mut config = config(&chain, hub.address(), dir.path(), database(dir.path()).await);
        config.admit_simulation = vec![root.address()];
        change(&mut config);
        let (secrets, url) = serve(config).await.unwrap();
        Self {
            dir,
            _devchain: devchain,
            chain,
            hub,
            app_owner,
            dataset_owner,
            pool_owner,
            requester,
            worker,
            stranger,
            root,
            app,
            dataset,
            pool,
            secrets,
            url,
            http: reqwest::Client::new(),
        }
    }

    pub(crate) fn app_id(&self) -> SecretId {
        SecretId::app(self.app)
    }

    pub(crate) fn dataset_id(&self) -> SecretId {
        SecretId::dataset(self.dataset)
    }

    pub(crate) fn requester_id(&self, name: &str) -> SecretId {
        SecretId::requester(self.requester.address(), name).unwrap()
    }

    pub(crate) fn account_id(&self, name: &str) -> SecretId {
        SecretId::account(self.requester.address(), name).unwrap()
    }

    pub(crate) async fn send(
        &self,
        method: &str,
        path: &str,
        authorization: Option<&str>,
        body: impl Into<reqwest::Body>,
    ) -> (u16, String) {
        let method = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
        let mut request = self.http.request(method, format!("{}{path}", self.url));
        if let Some(authorization) = authorization {
            request = request.header("authorization", authorization);
        }
        let answer = request.header("content-type", "text/plain").body(body).send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    }

    pub(crate) async fn head(&self, id: &SecretId) -> u16 {
        self.send("HEAD", &id.old_path(), None, "").await.0
    }

    /// Sets a secret in the old form.
    pub(crate) async fn old(&self, method: &str, id: &SecretId, value: &str, by: &Wallet) -> (u16, String) {
        let signature = by.sign_hash(id.old_digest(value.as_bytes())).to_string();
        self.send(method, &id.old_path(), Some(&signature), value.to_owned()).await
    }

    pub(crate) async fn post_json(&self, path: &str, body: &Value) -> (u16, Value) {
        let (status, text) = self.send("POST", path, None, body.to_string()).await;
        let answer = if text.is_empty() { Value::Null } else { serde_json::from_str(&text).unwrap() };
        (status, answer)
    }

    /// A deal of one task for an enclave, with the dataset unless told otherwise, its task initialized.
    pub(crate) async fn task(&self, params: &Value, with_dataset: bool, salt: u8) -> (DealId, TaskId) {
        self.tagged_task(params, with_dataset, salt, TEE).await
    }

    pub(crate) async fn tagged_task(
        &self,
        params: &Value,
        with_dataset: bool,
        salt: u8,
        tag: B256,
    ) -> (DealId, TaskId) {
        let salt = B256::repeat_byte(salt);
        let volume = U256::from(1);
        let app = AppOrder { app: self.app, volume, tag, salt, ..AppOrder::default() };
        let workerpool = WorkerpoolOrder {
            workerpool: self.pool,
            volume,
            tag,
            trust: U256::from(1),
            salt,
            ..WorkerpoolOrder::default()
        };
        let dataset = match with_dataset {
            true => self.dataset_owner.sign_order(self.dataset_order(salt), &self.hub),
            false => Signed::unsigned(DatasetOrder::none()),
        };
        let requester = self.requester.address();
        let request = RequestOrder {
            app: self.app,
            dataset: if with_dataset { self.dataset } else { Address::ZERO },
            requester,
            beneficiary: requester,
            volume,
            tag,
            trust: U256::from(1),
            params: params.to_string(),
            salt,
            ..RequestOrder::default()
        };
        let orders = Orders {
            app: self.app_owner.sign_order(app, &self.hub),
            dataset,
            workerpool: self.pool_owner.sign_order(workerpool, &self.hub),
            request: self.requester.sign_order(request, &self.hub),
        };
        let deal = self.hub.match_orders(&self.requester, &orders).await.unwrap().deal;
        self.hub.initialize(&self.pool_owner, deal, U256::ZERO).await.unwrap();
        (deal, TaskId::derive(deal, U256::ZERO))
    }

    pub(crate) fn dataset_order(&self, salt: B256) -> DatasetOrder {
        DatasetOrder {
            dataset: self.dataset,
            volume: U256::from(1_000),
            tag: TEE,
            salt,
            ..DatasetOrder::default()
        }
    }

    /// Deploys runtime code from the stranger's account; its address.
    pub(crate) async fn deploy(&self, runtime: &[u8]) -> Address {
        let length = u8::try_from(runtime.len()).unwrap();
        // Push the length twice, copy what follows these nine bytes, return it.
        let mut code = vec![0x60, length, 0x80, 0x60, 0x09, 0x3d, 0x39, 0x3d, 0xf3];
        code.extend_from_slice(runtime);
        let nonce = self.chain.nonce(self.stranger.address()).await.unwrap();
        let create = Transaction { to: None, data: code.into(), value: U256::ZERO, gas: Gas::Estimated };
        self.stranger.transact(create).await.unwrap();
        self.stranger.address().create(nonce)
    }

    /// Address of the next contract of the stranger.
    pub(crate) async fn next_contract(&self) -> Address {
        let nonce = self.chain.nonce(self.stranger.address()).await.unwrap();
        self.stranger.address().create(nonce)
    }

    /// Moves the chain's clock.
    pub(crate) async fn pass(&self, seconds: u64) {
        let _: Value = self.chain.request("evm_increaseTime", json!([seconds])).await.unwrap();
        let _: Value = self.chain.request("evm_mine", json!([])).await.unwrap();
    }
}

pub(crate) async fn create_app(hub: &HubClient, registry: Address, owner: &Wallet, name: &str) -> Address {
    let listing = AppListing {
        owner: owner.address(),
        name: name.into(),
        app_type: "DOCKER".into(),
        multiaddr: Bytes::from_static(b"http://host/app.wasm"),
        checksum: B256::repeat_byte(1),
        mrenclave: Bytes::new(),
    };
    hub.create_app(owner, registry, &listing).await.unwrap()
}

pub(crate) async fn create_dataset(
    hub: &HubClient,
    registry: Address,
    owner: &Wallet,
    name: &str,
) -> Address {
    let (holder, multiaddr, checksum) =
        (owner.address(), Bytes::from_static(b"/ipfs/Qm"), B256::repeat_byte(2));
    let predict = DatasetRegistry::predictDatasetCall {
        holder,
        datasetName: name.into(),
        multiaddr: multiaddr.clone(),
        checksum,
    };
    let dataset = hub.chain().read(registry, &predict).await.unwrap();
    let create = DatasetRegistry::createDatasetCall { holder, datasetName: name.into(), multiaddr, checksum };
    owner.send(registry, create.abi_encode().into()).await.unwrap();
    dataset
}

/// Code of an account whose contract takes any signature over one digest, and none over others (ERC-1271).
pub(crate) fn account_that_signed(digest: B256) -> Vec<u8> {
    let mut code = vec![0x7f];
    code.extend_from_slice(digest.as_slice());
    // Is the digest the first argument? Times the magic value, as the answer.
    code.extend_from_slice(&[0x60, 0x04, 0x35, 0x14, 0x63]);
    code.extend_from_slice(&keccak256("isValidSignature(bytes32,bytes)")[..4]);
    code.extend_from_slice(&[0x02, 0x60, 0xe0, 0x1b, 0x60, 0x00, 0x52, 0x60, 0x20, 0x60, 0x00, 0xf3]);
    code
}
