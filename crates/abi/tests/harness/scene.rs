//! A market with one of everything: assets, owners, funds, four orders that match.

use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use metacloud_abi::{AppRegistry, DatasetRegistry, Hub, WorkerpoolRegistry};
use metacloud_protocol::ids::{authorization_hash, eip191, enclave_hash};
use metacloud_protocol::order::SignedOrders;
use metacloud_protocol::signing::sign;
use metacloud_protocol::{
    AppOrder, DatasetOrder, DealId, RequestOrder, ResultDigest, ResultHash, ResultSeal, Signed, TaskId,
    WorkerpoolOrder,
};

use super::{Done, World, key, person};

pub const APP_PRICE: u64 = 1_000;
pub const DATASET_PRICE: u64 = 1_000_000;
pub const POOL_PRICE: u64 = 1_000_000_000;
pub const TASK_PRICE: u64 = APP_PRICE + DATASET_PRICE + POOL_PRICE;
/// Stake of the scheduler per task, and of a worker: 30 % of the workerpool price each.
pub const STAKE: u64 = 300_000_000;
/// What requester, scheduler and workers start with.
pub const FUNDS: u64 = 1_000_000_000_000;
/// T of category 1, seconds.
pub const T: u64 = 1_200;

/// Names of the people.
pub const PEOPLE: [&str; 4] = ["app owner", "dataset owner", "scheduler", "requester"];

#[derive(Clone)]
pub struct Scene {
    pub world: World,
    pub app: Address,
    pub dataset: Address,
    pub workerpool: Address,
}

/// The four orders before they are signed.
#[derive(Clone)]
pub struct Orders {
    pub app: AppOrder,
    pub dataset: DatasetOrder,
    pub workerpool: WorkerpoolOrder,
    pub request: RequestOrder,
}

impl Orders {
    pub fn without_dataset(mut self) -> Self {
        self.dataset = DatasetOrder::none();
        self.request.dataset = Address::ZERO;
        self.request.datasetmaxprice = U256::ZERO;
        self
    }

    pub fn with_trust(mut self, trust: u64) -> Self {
        self.workerpool.trust = U256::from(trust);
        self.request.trust = U256::from(trust);
        self
    }

    pub fn with_volume(mut self, volume: u64) -> Self {
        self.request.volume = U256::from(volume);
        self
    }
}

pub fn worker(index: usize) -> String {
    format!("worker {index}")
}

pub fn digest(result: &str) -> B256 {
    keccak256(result)
}

impl Scene {
    /// Everyone is funded and has no score; nothing is matched.
    pub fn new() -> Self {
        let mut world = World::deployed();
        let app = world.create_app(person("app owner"), "app");
        let dataset = world.create_dataset(person("dataset owner"), "dataset");
        let workerpool = world.create_workerpool(person("scheduler"), "workerpool");
        for name in ["requester", "scheduler"].map(String::from).into_iter().chain((0..8).map(worker)) {
            world.fund(person(&name), FUNDS);
        }
        Self { world, app, dataset, workerpool }
    }

    /// Prices 1,000 / 1,000,000 / 1,000,000,000, one task of category 1, trust 1.
    pub fn orders(&self) -> Orders {
        let volume = U256::from(1_000);
        let requester = person("requester");
        Orders {
            app: AppOrder {
                app: self.app,
                appprice: U256::from(APP_PRICE),
                volume,
                salt: digest("app salt"),
                ..AppOrder::default()
            },
            dataset: DatasetOrder {
                dataset: self.dataset,
                datasetprice: U256::from(DATASET_PRICE),
                volume,
                salt: digest("dataset salt"),
                ..DatasetOrder::default()
            },
            workerpool: WorkerpoolOrder {
                workerpool: self.workerpool,
                workerpoolprice: U256::from(POOL_PRICE),
                volume,
                category: U256::from(1),
                trust: U256::from(1),
                salt: digest("workerpool salt"),
                ..WorkerpoolOrder::default()
            },
            request: RequestOrder {
                app: self.app,
                appmaxprice: U256::from(APP_PRICE),
                dataset: self.dataset,
                datasetmaxprice: U256::from(DATASET_PRICE),
                workerpoolmaxprice: U256::from(POOL_PRICE),
                requester,
                volume: U256::from(1),
                category: U256::from(1),
                trust: U256::from(1),
                beneficiary: requester,
                salt: digest("request salt"),
                ..RequestOrder::default()
            },
        }
    }

    /// Signs each order by the person that it should be signed by.
    pub fn sign(&self, orders: &Orders) -> SignedOrders {
        let domain = self.world.domain();
        let dataset = if orders.dataset.dataset.is_zero() {
            Signed::unsigned(orders.dataset.clone())
        } else {
            Signed::by(&key("dataset owner"), orders.dataset.clone(), &domain)
        };
        SignedOrders {
            app: Signed::by(&key("app owner"), orders.app.clone(), &domain),
            dataset,
            workerpool: Signed::by(&key("scheduler"), orders.workerpool.clone(), &domain),
            request: Signed::by(&key("requester"), orders.request.clone(), &domain),
        }
    }

    pub fn match_call(signed: &SignedOrders) -> Hub::matchOrdersCall {
        let SignedOrders { app, dataset, workerpool, request } = signed.clone();
        Hub::matchOrdersCall {
            appOrder: app.into(),
            datasetOrder: dataset.into(),
            workerpoolOrder: workerpool.into(),
            requestOrder: request.into(),
        }
    }

    pub fn sponsor_call(signed: &SignedOrders) -> Hub::sponsorMatchOrdersCall {
        let SignedOrders { app, dataset, workerpool, request } = signed.clone();
        Hub::sponsorMatchOrdersCall {
            appOrder: app.into(),
            datasetOrder: dataset.into(),
            workerpoolOrder: workerpool.into(),
            requestOrder: request.into(),
        }
    }

    /// Signs and matches, as the requester.
    pub fn try_match(&mut self, orders: &Orders) -> Result<Done, Bytes> {
        let signed = self.sign(orders);
        self.world.hub(person("requester"), &Self::match_call(&signed))
    }

    /// The same; it must succeed.
    pub fn deal(&mut self, orders: &Orders) -> DealId {
        DealId(B256::from_slice(&self.try_match(orders).unwrap().output))
    }

    /// Matches and opens task 0.
    pub fn task(&mut self, orders: &Orders) -> TaskId {
        let deal = self.deal(orders);
        self.initialize(deal, 0).unwrap();
        TaskId::derive(deal, U256::ZERO)
    }

    pub fn initialize(&mut self, deal: DealId, index: u64) -> Result<Done, Bytes> {
        self.world.hub(person("anyone"), &Hub::initializeCall { dealId: deal.0, index: U256::from(index) })
    }

    /// The scheduler's authorization for a worker.
    pub fn authorization(signer: &str, worker: Address, task: TaskId, enclave: Address) -> Bytes {
        sign(&key(signer), eip191(authorization_hash(worker, task, enclave))).into()
    }

    pub fn contribution(name: &str, task: TaskId, result: &str) -> Hub::contributeCall {
        let worker = person(name);
        let digest = ResultDigest(digest(result));
        Hub::contributeCall {
            taskId: task.0,
            resultHash: ResultHash::derive(task, digest).0,
            resultSeal: ResultSeal::derive(worker, task, digest).0,
            enclaveChallenge: Address::ZERO,
            enclaveSign: Bytes::new(),
            authorizationSign: Self::authorization("scheduler", worker, task, Address::ZERO),
        }
    }

    /// The same with an enclave, whose key bears the name `enclave`.
    pub fn enclave_contribution(name: &str, task: TaskId, result: &str) -> Hub::contributeCall {
        let mut call = Self::contribution(name, task, result);
        call.enclaveChallenge = person("enclave");
        call.authorizationSign = Self::authorization("scheduler", person(name), task, person("enclave"));
        let proof = enclave_hash(ResultHash(call.resultHash), ResultSeal(call.resultSeal));
        call.enclaveSign = sign(&key("enclave"), eip191(proof)).into();
        call
    }

    pub fn contribute(&mut self, name: &str, task: TaskId, result: &str) -> Result<Done, Bytes> {
        self.world.hub(person(name), &Self::contribution(name, task, result))
    }

    pub fn reveal(&mut self, name: &str, task: TaskId, result: &str) -> Result<Done, Bytes> {
        self.world.hub(person(name), &Hub::revealCall { taskId: task.0, resultDigest: digest(result) })
    }

    pub fn finalize(&mut self, task: TaskId) -> Result<Done, Bytes> {
        let call = Hub::finalizeCall {
            taskId: task.0,
            results: vec![0xaa; 84].into(),
            resultsCallback: Bytes::new(),
        };
        self.world.hub(person("scheduler"), &call)
    }

    pub fn one_step(name: &str, task: TaskId, result: &str) -> Hub::contributeAndFinalizeCall {
        Hub::contributeAndFinalizeCall {
            taskId: task.0,
            resultDigest: digest(result),
            results: vec![0xaa; 84].into(),
            resultsCallback: Bytes::new(),
            enclaveChallenge: Address::ZERO,
            enclaveSign: Bytes::new(),
            authorizationSign: Self::authorization("scheduler", person(name), task, Address::ZERO),
        }
    }

    pub fn claim(&mut self, task: TaskId) -> Result<Done, Bytes> {
        self.world.hub(person("anyone"), &Hub::claimCall { taskId: task.0 })
    }

    pub fn view_task(&self, task: TaskId) -> Hub::Task {
        self.world.ask(&Hub::viewTaskCall { taskId: task.0 })
    }

    pub fn view_contribution(&self, task: TaskId, name: &str) -> Hub::Contribution {
        self.world.ask(&Hub::viewContributionCall { taskId: task.0, worker: person(name) })
    }

    pub fn score(&self, name: &str) -> u64 {
        self.world.ask(&Hub::viewScoreCall { worker: person(name) }).to()
    }

    /// Free and locked nRLC of a person.
    pub fn account(&self, name: &str) -> (u64, u64) {
        let (free, locked) = self.world.account(person(name));
        (free.to(), locked.to())
    }

    /// Gives a worker a score by the way of a task that it and another one solve, `score` times.
    pub fn raise_score(&mut self, name: &str, score: u64) {
        for round in 0..score {
            let mut orders = self.orders().with_trust(3);
            orders.request.salt = digest(&format!("score {name} {round}"));
            let task = self.task(&orders);
            for who in [name, "worker 7"] {
                self.contribute(who, task, "score").unwrap();
                if self.view_task(task).status == 2 {
                    break;
                }
            }
            let contributors = self.view_task(task).contributors.len();
            assert_eq!(contributors, 2, "one contributor alone earns no score");
            for who in [name, "worker 7"] {
                self.reveal(who, task, "score").unwrap();
            }
            self.finalize(task).unwrap();
        }
    }

    /// Sum of balances against supply and token, and of frozen values against the hub's own balance (poco 3.5).
    pub fn check_ledger(&self) {
        let kitty = self.world.ask(&Hub::kitty_addressCall {});
        let people =
            PEOPLE.iter().map(|name| person(name)).chain((0..300).map(|index| person(&worker(index))));
        let others = [kitty, self.world.owner, person("sponsor"), person("anyone")];
        let (mut free, mut locked) = (U256::ZERO, U256::ZERO);
        for account in people.chain(others) {
            let (stake, frozen) = self.world.account(account);
            free += stake;
            locked += frozen;
        }
        let (own, own_locked) = self.world.account(self.world.at.hub);
        assert_eq!(own_locked, U256::ZERO);
        assert_eq!(own, locked, "the hub's own balance is the sum of what is frozen");
        let supply = self.world.ask(&Hub::totalSupplyCall {});
        assert_eq!(supply, free + own, "the supply is the sum of balances");
        let token = metacloud_abi::Rlc::balanceOfCall { account: self.world.at.hub };
        assert_eq!(self.world.view(self.world.at.rlc, &token).unwrap(), supply);
    }
}

impl World {
    pub fn create_app(&mut self, owner: Address, name: &str) -> Address {
        let call = AppRegistry::createAppCall {
            holder: owner,
            appName: name.into(),
            appType: "WASM".into(),
            multiaddr: vec![0x11; 36].into(),
            checksum: digest(name),
            mrenclave: Bytes::new(),
        };
        let registry = self.at.app_registry;
        let done = self.send(person("anyone"), registry, &call).unwrap();
        Address::from_word(B256::from_slice(&done.output))
    }

    pub fn create_dataset(&mut self, owner: Address, name: &str) -> Address {
        let call = DatasetRegistry::createDatasetCall {
            holder: owner,
            datasetName: name.into(),
            multiaddr: vec![0x22; 36].into(),
            checksum: digest(name),
        };
        let registry = self.at.dataset_registry;
        let done = self.send(person("anyone"), registry, &call).unwrap();
        Address::from_word(B256::from_slice(&done.output))
    }

    pub fn create_workerpool(&mut self, owner: Address, description: &str) -> Address {
        let call =
            WorkerpoolRegistry::createWorkerpoolCall { holder: owner, description: description.into() };
        let registry = self.at.workerpool_registry;
        let done = self.send(person("anyone"), registry, &call).unwrap();
        Address::from_word(B256::from_slice(&done.output))
    }
}
