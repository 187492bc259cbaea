//! A chain with the contracts in its genesis, a registered app and pool, and a market over HTTP.

use std::net::SocketAddr;
use std::path::Path;

use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use alloy_sol_types::SolCall as _;
use metacloud_abi::deploy::{BaseUris, DeployParams, plan};
use metacloud_abi::{DatasetRegistry, Rlc};
use metacloud_chain::{AppListing, Chain, HubClient, Orders, Wallet};
use metacloud_devchain::accounts::development_accounts;
use metacloud_devchain::{Config, Devchain, Genesis, GenesisTransaction};
use metacloud_market::{Market, MarketConfig, RateLimits, router};
use metacloud_protocol::{AppOrder, DatasetOrder, Nrlc, RequestOrder, Signed, WorkerpoolOrder};
use metacloud_store::{Database, Durability};
use metacloud_wire::orders::{
    AppOrderBody, DatasetOrderBody, OrderBody, RequestOrderBody, WorkerpoolOrderBody,
};
use metacloud_wire::ready::PrivateKey;
use serde_json::{Value, json};

pub(crate) const CHAIN_ID: u64 = 65_535;
/// Stake that every party deposits, nRLC.
pub(crate) const STAKE: u64 = 1_000_000;

pub(crate) struct World {
    pub(crate) dir: tempfile::TempDir,
    _devchain: Devchain,
    pub(crate) chain: Chain,
    pub(crate) hub: HubClient,
    pub(crate) token: Address,
    pub(crate) app_owner: Wallet,
    pub(crate) pool_owner: Wallet,
    pub(crate) requester: Wallet,
    pub(crate) stranger: Wallet,
    /// Of an account with ether and nothing else.
    pub(crate) keeper_key: PrivateKey,
    pub(crate) app: Address,
    pub(crate) pool: Address,
    pub(crate) market: Market,
    pub(crate) url: String,
    pub(crate) http: reqwest::Client,
}

/// A running market over its database file, and its address.
pub(crate) async fn serve(chain: &Chain, hub: Address, dir: &Path) -> (Market, String) {
    serve_with(config(chain, hub, dir).await).await
}

pub(crate) async fn config(chain: &Chain, hub: Address, dir: &Path) -> MarketConfig {
    let database = Database::open(&dir.join("market.db"), Durability::ProcessDeath).await.unwrap();
    MarketConfig { chain: chain.clone(), hub, database, limits: RateLimits::default(), matcher: None }
}

pub(crate) async fn serve_with(config: MarketConfig) -> (Market, String) {
    let market = Market::start(config).await.unwrap();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let app = router(&market).into_make_service_with_connect_info::<SocketAddr>();
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    (market, url)
}

impl World {
    pub(crate) async fn start() -> Self {
        Self::begun_at(None).await
    }

    /// With this time of block 0, which makes it another chain.
    pub(crate) async fn begun_at(timestamp_s: Option<u64>) -> Self {
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
        let mut config = Config::in_memory(CHAIN_ID);
        config.genesis = Genesis {
            transactions: plan
                .transactions
                .iter()
                .map(|planned| GenesisTransaction {
                    from: planned.from,
                    to: planned.to,
                    data: planned.data.clone(),
                    value: planned.value,
                })
                .collect(),
            timestamp_s,
            ..Genesis::development()
        };
        let devchain = metacloud_devchain::start(config).await.unwrap();
        let chain = Chain::connect(&devchain.rpc_url()).await.unwrap();
        let hub = HubClient::new(chain.clone(), plan.addresses.hub);
        let keeper_key = PrivateKey(accounts[5].private_key);
        let wallets: Vec<Wallet> = accounts[..5]
            .iter()
            .map(|account| Wallet::new(chain.clone(), account.private_key).unwrap())
            .collect();
        let token = plan.addresses.rlc;
        for wallet in &wallets[1..4] {
            let value = U256::from(2 * STAKE);
            let transfer = Rlc::transferCall { to: wallet.address(), value };
            wallets[0].send(token, transfer.abi_encode().into()).await.unwrap();
            hub.deposit(wallet, token, Nrlc::new(STAKE)).await.unwrap();
        }
        let listing = AppListing {
            owner: wallets[1].address(),
            name: "hello".into(),
            app_type: "WASM".into(),
            multiaddr: Bytes::from_static(b"http://host/app.wasm"),
            checksum: B256::repeat_byte(1),
            mrenclave: Bytes::new(),
        };
        let app = hub.create_app(&wallets[1], plan.addresses.app_registry, &listing).await.unwrap();
        let registry = plan.addresses.workerpool_registry;
        let owner = wallets[2].address();
        let pool = hub.create_workerpool(&wallets[2], registry, owner, "pool").await.unwrap();
        let dir = tempfile::tempdir().unwrap();
        let (market, url) = serve(&chain, hub.address(), dir.path()).await;
        let mut wallets = wallets.into_iter().skip(1);
        let mut next = || wallets.next().unwrap();
        Self {
            dir,
            _devchain: devchain,
            token,
            app_owner: next(),
            pool_owner: next(),
            requester: next(),
            stranger: next(),
            keeper_key,
            chain,
            hub,
            app,
            pool,
            market,
            url,
            http: reqwest::Client::new(),
        }
    }

    pub(crate) fn app_order(&self, price: u64, salt: u8) -> Signed<AppOrder> {
        let order = AppOrder {
            app: self.app,
            appprice: U256::from(price),
            volume: U256::from(10),
            salt: B256::repeat_byte(salt),
            ..AppOrder::default()
        };
        self.app_owner.sign_order(order, &self.hub)
    }

    pub(crate) fn pool_order(&self, price: u64, salt: u8) -> Signed<WorkerpoolOrder> {
        let order = WorkerpoolOrder {
            workerpool: self.pool,
            workerpoolprice: U256::from(price),
            volume: U256::from(3),
            trust: U256::from(4),
            salt: B256::repeat_byte(salt),
            ..WorkerpoolOrder::default()
        };
        self.pool_owner.sign_order(order, &self.hub)
    }

    pub(crate) fn request_order(&self, volume: u64, salt: u8) -> Signed<RequestOrder> {
        let requester = self.requester.address();
        let order = RequestOrder {
            app: self.app,
            appmaxprice: U256::from(100),
            workerpoolmaxprice: U256::from(1000),
            requester,
            volume: U256::from(volume),
            trust: U256::from(4),
            beneficiary: requester,
            params: "{\"iexec_args\":\"hello\"}".into(),
            salt: B256::repeat_byte(salt),
            ..RequestOrder::default()
        };
        self.requester.sign_order(order, &self.hub)
    }

    /// A dataset of the stranger, one for each name.
    pub(crate) async fn dataset(&self, name: &str) -> Address {
        let registry = self.hub.registries().await.unwrap().dataset;
        let holder = self.stranger.address();
        let (multiaddr, checksum) = (Bytes::from_static(b"/ipfs/x"), B256::repeat_byte(2));
        let predict = DatasetRegistry::predictDatasetCall {
            holder,
            datasetName: name.to_owned(),
            multiaddr: multiaddr.clone(),
            checksum,
        };
        let dataset = self.chain.read(registry, &predict).await.unwrap();
        let create =
            DatasetRegistry::createDatasetCall { holder, datasetName: name.to_owned(), multiaddr, checksum };
        self.stranger.send(registry, create.abi_encode().into()).await.unwrap();
        dataset
    }

    pub(crate) fn dataset_order(&self, dataset: Address, price: u64, salt: u8) -> Signed<DatasetOrder> {
        let order = DatasetOrder {
            dataset,
            datasetprice: U256::from(price),
            volume: U256::from(5),
            salt: B256::repeat_byte(salt),
            ..DatasetOrder::none()
        };
        self.stranger.sign_order(order, &self.hub)
    }

    pub(crate) async fn post_dataset(&self, order: &Signed<DatasetOrder>) -> (u16, Value) {
        self.post::<DatasetOrderBody>(&self.stranger, order).await
    }

    /// Publishes what must be accepted; its hash.
    pub(crate) fn taken((status, answer): (u16, Value)) -> Value {
        assert_eq!(status, 200, "{answer}");
        answer["published"]["orderHash"].clone()
    }

    /// The prices or other members of the orders that a list answers with.
    pub(crate) async fn listed(&self, path: &str, member: &str) -> Vec<u64> {
        let (status, page) = self.get(path).await;
        assert_eq!(status, 200, "{path}: {page}");
        let orders = page["orders"].as_array().unwrap().iter();
        orders.map(|order| order["order"][member].as_u64().unwrap()).collect()
    }

    pub(crate) async fn get(&self, path: &str) -> (u16, Value) {
        let separator = if path.contains('?') { '&' } else { '?' };
        let url = format!("{}{path}{separator}chainId={CHAIN_ID}", self.url);
        answer(self.http.get(url)).await
    }

    /// The header for one write: a fresh challenge, signed.
    pub(crate) async fn login(&self, wallet: &Wallet) -> String {
        let path = format!("/challenge?address={}", wallet.address());
        let (status, challenge) = self.get(&path).await;
        assert_eq!(status, 200, "{challenge}");
        let digest = digest(&challenge["data"]);
        format!("{digest}_{}_{}", wallet.sign_hash(digest), wallet.address())
    }

    pub(crate) async fn write(
        &self,
        method: &str,
        route: &str,
        login: &str,
        body: impl Into<String>,
    ) -> (u16, Value) {
        let url = format!("{}/{route}?chainId={CHAIN_ID}", self.url);
        let method = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
        let request = self.http.request(method, url).header("content-type", "application/json");
        answer(request.header("authorization", login).body(body.into())).await
    }

    pub(crate) async fn post<B: OrderBody>(&self, wallet: &Wallet, order: &Signed<B::Order>) -> (u16, Value) {
        let body = json!({"order": B::from_signed(order).unwrap().to_client_json()});
        self.write("POST", B::ROUTE, &self.login(wallet).await, body.to_string()).await
    }

    pub(crate) async fn post_app(&self, order: &Signed<AppOrder>) -> (u16, Value) {
        self.post::<AppOrderBody>(&self.app_owner, order).await
    }

    pub(crate) async fn post_pool(&self, order: &Signed<WorkerpoolOrder>) -> (u16, Value) {
        self.post::<WorkerpoolOrderBody>(&self.pool_owner, order).await
    }

    pub(crate) async fn post_request(&self, order: &Signed<RequestOrder>) -> (u16, Value) {
        self.post::<RequestOrderBody>(&self.requester, order).await
    }

    pub(crate) async fn make_deal(
        &self,
        app: &Signed<AppOrder>,
        workerpool: &Signed<WorkerpoolOrder>,
        request: &Signed<RequestOrder>,
    ) -> metacloud_chain::Matched {
        let orders = Orders {
            app: app.clone(),
            dataset: Signed::unsigned(DatasetOrder::none()),
            workerpool: workerpool.clone(),
            request: request.clone(),
        };
        self.hub.match_orders(&self.requester, &orders).await.unwrap()
    }

    /// Path of the cheapest offers for the requester.
    pub(crate) fn best_path(&self) -> String {
        let (app, requester) = (self.app, self.requester.address());
        format!("/best?app={app}&requester={requester}&category=0&trust=4&volume=1")
    }

    pub(crate) async fn status(&self, route: &str, hash: &Value) -> (String, u64) {
        let (status, order) = self.get(&format!("/{route}/{}", hash.as_str().unwrap())).await;
        assert_eq!(status, 200, "{order}");
        (order["status"].as_str().unwrap().to_owned(), order["remaining"].as_u64().unwrap())
    }
}

async fn answer(request: reqwest::RequestBuilder) -> (u16, Value) {
    let answer = request.send().await.unwrap();
    let status = answer.status().as_u16();
    let text = answer.text().await.unwrap();
    (status, serde_json::from_str(&text).unwrap_or_else(|_| panic!("{status}: {text}")))
}

/// Makes empty blocks.
pub(crate) async fn mine(chain: &Chain, count: usize) {
    for _ in 0..count {
        let _mined: Value = chain.request("evm_mine", json!([])).await.unwrap();
    }
}

/// The chain as it is now, to be cut back to.
pub(crate) async fn snapshot(chain: &Chain) -> String {
    chain.request("evm_snapshot", json!([])).await.unwrap()
}

/// Takes every later block from the chain.
pub(crate) async fn cut(chain: &Chain, to: String) {
    let reverted: bool = chain.request("evm_revert", json!([to])).await.unwrap();
    assert!(reverted);
}

/// The EIP-712 digest of a login challenge as a wallet computes it from the typed data.
pub(crate) fn digest(data: &Value) -> B256 {
    let text = |value: &Value| keccak256(value.as_str().unwrap());
    let chain_id: u64 = data["domain"]["chainId"].as_str().unwrap().parse().unwrap();
    let domain = keccak256(
        [
            keccak256("EIP712Domain(string name,string version,uint256 chainId)"),
            text(&data["domain"]["name"]),
            text(&data["domain"]["version"]),
            U256::from(chain_id).into(),
        ]
        .concat(),
    );
    let challenge = text(&data["message"]["challenge"]);
    let message = keccak256([keccak256("Challenge(string challenge)"), challenge].concat());
    keccak256([&[0x19, 0x01], domain.as_slice(), message.as_slice()].concat())
}

pub(crate) fn error(answer: &Value) -> &str {
    assert_eq!(answer["ok"], false, "{answer}");
    answer["error"].as_str().unwrap()
}
