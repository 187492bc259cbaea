//! The ordered transactions that put the contracts on a chain.
//!
//! Addresses follow from the deployer and its nonces, so that the plan needs no chain. After its last transaction the
//! state is that of poco 20: configured hub, linked registries, default categories, ownership with `owner`.

use alloy_primitives::{Address, Bytes, U256};
use alloy_sol_types::{SolCall, SolConstructor};
use metacloud_protocol::category::DEFAULT_CATEGORIES;

use crate::bindings::{AppRegistry, DatasetRegistry, Hub, RLC, WorkerpoolRegistry};
use crate::modules;

/// Name, symbol and decimals of the hub as an ERC-20.
const STAKED_NAME: &str = "Staked RLC";
const STAKED_SYMBOL: &str = "SRLC";
const STAKED_DECIMALS: u8 = 9;

/// What a deployment depends on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeployParams {
    /// Account that sends all transactions.
    pub deployer: Address,
    /// Its nonce for the first one.
    pub first_nonce: u64,
    /// Chain id of EIP-155; the transactions themselves do not contain it.
    pub chain_id: u64,
    /// Owner of hub and registries in the end.
    pub owner: Address,
    /// An existing base token, or none to deploy a fresh RLC whose supply the deployer holds.
    pub token: Option<Address>,
    /// Token URIs of the registries.
    pub base_uri: BaseUris,
}

/// Prefixes of token URIs, one per registry; an empty one gives empty URIs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BaseUris {
    /// Of apps.
    pub app: String,
    /// Of datasets.
    pub dataset: String,
    /// Of workerpools.
    pub workerpool: String,
}

impl BaseUris {
    /// The reference's URIs for a chain (poco 20).
    pub fn for_chain(chain_id: u64) -> Self {
        let uri = |kind| format!("https://nfts-metadata.iex.ec/{kind}/{chain_id}/");
        Self { app: uri("app"), dataset: uri("dataset"), workerpool: uri("workerpool") }
    }
}

/// One transaction of the plan; its nonce is the first nonce plus its position.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlannedTransaction {
    /// The deployer.
    pub from: Address,
    /// Contract called; none to create one.
    pub to: Option<Address>,
    /// Call data or creation code.
    pub data: Bytes,
    /// Wei sent along; always zero.
    pub value: U256,
    /// Contract that the transaction creates.
    pub creates: Option<Address>,
}

/// Where the contracts are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Addresses {
    /// The hub.
    pub hub: Address,
    /// The base token.
    pub rlc: Address,
    /// Registry of applications.
    pub app_registry: Address,
    /// Registry of datasets.
    pub dataset_registry: Address,
    /// Registry of workerpools.
    pub workerpool_registry: Address,
}

/// A deployment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// In the order in which they must be mined.
    pub transactions: Vec<PlannedTransaction>,
    /// What they result in.
    pub addresses: Addresses,
}

/// Lays out the deployment.
pub fn plan(params: &DeployParams) -> Plan {
    let mut draft = Draft { deployer: params.deployer, nonce: params.first_nonce, transactions: Vec::new() };
    let rlc = params.token.unwrap_or_else(|| draft.create(RLC::BYTECODE.clone(), &[]));
    let modules = draft.create_modules();
    let owned_by_deployer = Hub::constructorCall { owner: params.deployer, modules };
    let hub = draft.create(Hub::BYTECODE.clone(), &owned_by_deployer.abi_encode());
    let addresses = draft.create_registries(hub, rlc, &params.base_uri);
    draft.configure(&addresses);
    if params.owner != params.deployer {
        draft.hand_over(&addresses, params.owner);
    }
    Plan { transactions: draft.transactions, addresses }
}

struct Draft {
    deployer: Address,
    nonce: u64,
    transactions: Vec<PlannedTransaction>,
}

impl Draft {
    fn push(&mut self, to: Option<Address>, data: Bytes, creates: Option<Address>) {
        let from = self.deployer;
        self.transactions.push(PlannedTransaction { from, to, data, value: U256::ZERO, creates });
        self.nonce += 1;
    }

    fn create(&mut self, code: Bytes, arguments: &[u8]) -> Address {
        let address = self.deployer.create(self.nonce);
        self.push(None, [&code, arguments].concat().into(), Some(address));
        address
    }

    fn call(&mut self, to: Address, call: &impl SolCall) {
        self.push(Some(to), call.abi_encode().into(), None);
    }

    fn create_modules(&mut self) -> Hub::Modules {
        let mut create = |name| self.create(modules::creation_code(name), &[]);
        let mut modules = Hub::Modules {
            escrow: create("EscrowModule"),
            orders: create("OrdersModule"),
            matching: create("MatchingModule"),
            tasks: create("TasksModule"),
            boost: create("BoostModule"),
            accessors: create("AccessorsModule"),
            legacy: create("LegacyModule"),
            configuration: create("ConfigurationModule"),
            loupe: Address::ZERO,
        };
        let arguments = alloy_sol_types::SolValue::abi_encode(&modules);
        modules.loupe = self.create(modules::creation_code("LoupeModule"), &arguments);
        modules
    }

    fn create_registries(&mut self, hub: Address, rlc: Address, uris: &BaseUris) -> Addresses {
        let owner = self.deployer;
        let app = AppRegistry::constructorCall { owner_: owner, baseURI_: uris.app.clone() };
        let dataset = DatasetRegistry::constructorCall { owner_: owner, baseURI_: uris.dataset.clone() };
        let workerpool =
            WorkerpoolRegistry::constructorCall { owner_: owner, baseURI_: uris.workerpool.clone() };
        Addresses {
            hub,
            rlc,
            app_registry: self.create(AppRegistry::BYTECODE.clone(), &app.abi_encode()),
            dataset_registry: self.create(DatasetRegistry::BYTECODE.clone(), &dataset.abi_encode()),
            workerpool_registry: self.create(WorkerpoolRegistry::BYTECODE.clone(), &workerpool.abi_encode()),
        }
    }

    fn configure(&mut self, addresses: &Addresses) {
        for registry in registries(addresses) {
            self.call(registry, &AppRegistry::initializeCall { previous: Address::ZERO });
        }
        self.call(
            addresses.hub,
            &Hub::configureCall {
                token: addresses.rlc,
                name: STAKED_NAME.into(),
                symbol: STAKED_SYMBOL.into(),
                decimals: STAKED_DECIMALS,
                appRegistry: addresses.app_registry,
                datasetRegistry: addresses.dataset_registry,
                workerpoolRegistry: addresses.workerpool_registry,
                v3Hub: Address::ZERO,
            },
        );
        for category in DEFAULT_CATEGORIES {
            self.call(
                addresses.hub,
                &Hub::createCategoryCall {
                    name: category.name.into_owned(),
                    description: category.description.into_owned(),
                    workClockTimeRef: U256::from(category.work_clock_time_ref_s),
                },
            );
        }
    }

    fn hand_over(&mut self, addresses: &Addresses, owner: Address) {
        self.call(addresses.hub, &Hub::transferOwnershipCall { newOwner: owner });
        for registry in registries(addresses) {
            self.call(registry, &AppRegistry::transferOwnershipCall { newOwner: owner });
        }
    }
}

fn registries(addresses: &Addresses) -> [Address; 3] {
    [addresses.app_registry, addresses.dataset_registry, addresses.workerpool_registry]
}
