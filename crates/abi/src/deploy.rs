//! The ordered transactions that put the contracts on a chain.
//!
//! Addresses follow from the deployer and its nonces, so that the plan needs no chain. After its last transaction the
//! state is that of poco 20: configured hub, linked registries, default categories, ownership with `owner`.
//!
//! A deployment that was interrupted leaves contracts at addresses that follow from nonces already used:
//! [`find_created`] recognizes them by their code, and [`resume`] plans what is left.

use alloy_primitives::{Address, Bytes, U256};
use alloy_sol_types::{SolCall, SolConstructor, SolValue};
use metacloud_protocol::category::DEFAULT_CATEGORIES;
use serde::Serialize;

use crate::artifacts::Contract;
use crate::bindings::{AppRegistry, DataProtector, DatasetRegistry, Hub, WorkerpoolRegistry};

/// Name, symbol and decimals of the hub as an ERC-20.
const STAKED_NAME: &str = "Staked RLC";
const STAKED_SYMBOL: &str = "SRLC";
const STAKED_DECIMALS: u8 = 9;

/// What a deployment depends on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeployParams {
    /// Account that sends all transactions.
    pub deployer: Address,
    /// Its nonce for the first one of the plan.
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

/// What a transaction of a deployment is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Creates a contract.
    Create(Contract),
    /// Opens a registry that continues no other.
    Initialize(Address),
    /// Links the hub with token and registries.
    Configure,
    /// Adds the default category of this number.
    CreateCategory(u64),
    /// Gives hub or registry to the owner.
    HandOver(Address),
}

/// One transaction of the plan; its nonce is the first nonce plus its position.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PlannedTransaction {
    /// What it is for.
    #[serde(skip)]
    pub step: Step,
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
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
    /// Creates datasets with a schema.
    pub data_protector: Address,
}

/// A deployment, or what is left of one. As JSON it is what `metacloud deploy --plan` writes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Plan {
    /// In the order in which they must be mined.
    pub transactions: Vec<PlannedTransaction>,
    /// What they result in.
    pub addresses: Addresses,
}

/// Lays out a deployment from the beginning.
pub fn plan(params: &DeployParams) -> Plan {
    resume(params, &[])
}

/// Lays out what is left of a deployment whose first contracts exist already, at `created`, in the order of
/// [`creations`]. Calls are all laid out; which of them took effect is for the chain to tell.
pub fn resume(params: &DeployParams, created: &[Address]) -> Plan {
    let mut draft = Draft {
        deployer: params.deployer,
        nonce: params.first_nonce,
        created: created.iter().copied(),
        transactions: Vec::new(),
    };
    let rlc = params.token.unwrap_or_else(|| draft.create(Contract::Rlc, &[]));
    let modules = draft.create_modules();
    let owned_by_deployer = Hub::constructorCall { owner: params.deployer, modules };
    let hub = draft.create(Contract::Hub, &owned_by_deployer.abi_encode());
    let addresses = draft.create_registries(hub, rlc, &params.base_uri);
    assert!(draft.created.next().is_none(), "no more contracts exist than a deployment creates");
    draft.configure(&addresses);
    if params.owner != params.deployer {
        draft.hand_over(&addresses, params.owner);
    }
    Plan { transactions: draft.transactions, addresses }
}

/// The contracts that a deployment creates, in order.
pub fn creations(params: &DeployParams) -> Vec<Contract> {
    let steps = plan(params).transactions.into_iter().map(|transaction| transaction.step);
    steps.filter_map(|step| if let Step::Create(contract) = step { Some(contract) } else { None }).collect()
}

/// Finds the contracts of the latest deployment that was begun, for [`resume`], among what the deployer created.
///
/// `found` holds addresses with their code in the order of the nonces that they follow from; nonces that created nothing,
/// or something else, may lie between.
pub fn find_created(params: &DeployParams, found: &[(Address, Bytes)]) -> Vec<Address> {
    let wanted = creations(params);
    let first = wanted[0];
    let Some(start) = found.iter().rposition(|(_, code)| first.has_code(code)) else { return Vec::new() };
    let mut rest = found[start..].iter();
    wanted
        .into_iter()
        .map_while(|contract| rest.find(|(_, code)| contract.has_code(code)).map(|(address, _)| *address))
        .collect()
}

struct Draft<'a> {
    deployer: Address,
    nonce: u64,
    /// Contracts that need no transaction any more.
    created: std::iter::Copied<std::slice::Iter<'a, Address>>,
    transactions: Vec<PlannedTransaction>,
}

impl Draft<'_> {
    fn push(&mut self, step: Step, to: Option<Address>, data: Bytes, creates: Option<Address>) {
        let from = self.deployer;
        self.transactions.push(PlannedTransaction { step, from, to, data, value: U256::ZERO, creates });
        self.nonce += 1;
    }

    fn create(&mut self, contract: Contract, arguments: &[u8]) -> Address {
        if let Some(address) = self.created.next() {
            return address;
        }
        let address = self.deployer.create(self.nonce);
        let data = [contract.creation_code(), arguments].concat().into();
        self.push(Step::Create(contract), None, data, Some(address));
        address
    }

    fn call(&mut self, step: Step, to: Address, call: &impl SolCall) {
        self.push(step, Some(to), call.abi_encode().into(), None);
    }

    fn create_modules(&mut self) -> Hub::Modules {
        let mut create = |contract| self.create(contract, &[]);
        let mut modules = Hub::Modules {
            escrow: create(Contract::EscrowModule),
            orders: create(Contract::OrdersModule),
            matching: create(Contract::MatchingModule),
            tasks: create(Contract::TasksModule),
            boost: create(Contract::BoostModule),
            accessors: create(Contract::AccessorsModule),
            legacy: create(Contract::LegacyModule),
            configuration: create(Contract::ConfigurationModule),
            loupe: Address::ZERO,
        };
        modules.loupe = self.create(Contract::LoupeModule, &modules.abi_encode());
        modules
    }

    fn create_registries(&mut self, hub: Address, rlc: Address, uris: &BaseUris) -> Addresses {
        let owner = self.deployer;
        let app = AppRegistry::constructorCall { owner_: owner, baseURI_: uris.app.clone() };
        let dataset = DatasetRegistry::constructorCall { owner_: owner, baseURI_: uris.dataset.clone() };
        let workerpool =
            WorkerpoolRegistry::constructorCall { owner_: owner, baseURI_: uris.workerpool.clone() };
        let app_registry = self.create(Contract::AppRegistry, &app.abi_encode());
        let dataset_registry = self.create(Contract::DatasetRegistry, &dataset.abi_encode());
        let workerpool_registry = self.create(Contract::WorkerpoolRegistry, &workerpool.abi_encode());
        let protector = DataProtector::constructorCall { datasetRegistry_: dataset_registry };
        let data_protector = self.create(Contract::DataProtector, &protector.abi_encode());
        Addresses { hub, rlc, app_registry, dataset_registry, workerpool_registry, data_protector }
    }

    fn configure(&mut self, addresses: &Addresses) {
        for registry in registries(addresses) {
            let call = AppRegistry::initializeCall { previous: Address::ZERO };
            self.call(Step::Initialize(registry), registry, &call);
        }
        let call = Hub::configureCall {
            token: addresses.rlc,
            name: STAKED_NAME.into(),
            symbol: STAKED_SYMBOL.into(),
            decimals: STAKED_DECIMALS,
            appRegistry: addresses.app_registry,
            datasetRegistry: addresses.dataset_registry,
            workerpoolRegistry: addresses.workerpool_registry,
            v3Hub: Address::ZERO,
        };
        self.call(Step::Configure, addresses.hub, &call);
        for (number, category) in (0..).zip(DEFAULT_CATEGORIES) {
            let call = Hub::createCategoryCall {
                name: category.name.into_owned(),
                description: category.description.into_owned(),
                workClockTimeRef: U256::from(category.work_clock_time_ref_s),
            };
            self.call(Step::CreateCategory(number), addresses.hub, &call);
        }
    }

    fn hand_over(&mut self, addresses: &Addresses, owner: Address) {
        let hub = Hub::transferOwnershipCall { newOwner: owner };
        self.call(Step::HandOver(addresses.hub), addresses.hub, &hub);
        for registry in registries(addresses) {
            let call = AppRegistry::transferOwnershipCall { newOwner: owner };
            self.call(Step::HandOver(registry), registry, &call);
        }
    }
}

/// The three registries of a deployment.
pub fn registries(addresses: &Addresses) -> [Address; 3] {
    [addresses.app_registry, addresses.dataset_registry, addresses.workerpool_registry]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn params(token: Option<Address>) -> DeployParams {
        DeployParams {
            deployer: Address::repeat_byte(1),
            first_nonce: 0,
            chain_id: 31_337,
            owner: Address::repeat_byte(2),
            token,
            base_uri: BaseUris::for_chain(31_337),
        }
    }

    /// What nonces of the deployer would show, were the first `count` contracts created from `nonce` on.
    fn made(params: &DeployParams, nonce: u64, count: usize) -> Vec<(Address, Bytes)> {
        let codes =
            creations(params).into_iter().take(count).map(|contract| contract.deployed_code().clone());
        (nonce..).map(|nonce| params.deployer.create(nonce)).zip(codes).collect()
    }

    #[test]
    fn what_is_left_leads_to_the_same_addresses() {
        let params = params(None);
        let whole = plan(&params);
        for done in 0..=creations(&params).len() {
            let created: Vec<Address> = whole.transactions[..done].iter().filter_map(|t| t.creates).collect();
            let rest = resume(&DeployParams { first_nonce: done as u64, ..params.clone() }, &created);
            assert_eq!(rest.addresses, whole.addresses);
            assert_eq!(rest.transactions, whole.transactions[done..]);
        }
    }

    #[test]
    fn a_deployment_that_was_begun_is_found_whatever_lies_between() {
        for token in [None, Some(Address::repeat_byte(9))] {
            let params = params(token);
            let mut found = made(&params, 3, 4);
            assert_eq!(find_created(&params, &found).len(), 4);
            found.insert(2, (Address::repeat_byte(7), Bytes::from_static(&[1, 2, 3])));
            found.insert(2, (Address::repeat_byte(8), Bytes::new()));
            let created = find_created(&params, &found);
            assert_eq!(created, [0, 1, 4, 5].map(|at: usize| found[at].0));
            assert!(
                find_created(&params, &found[1..]).is_empty(),
                "no deployment without its first contract"
            );
        }
    }

    #[test]
    fn the_latest_of_several_deployments_is_continued() {
        let params = params(None);
        let found = [made(&params, 0, 14), made(&params, 30, 2)].concat();
        assert_eq!(find_created(&params, &found), [30, 31].map(|nonce| params.deployer.create(nonce)));
        assert_eq!(find_created(&params, &[]), Vec::<Address>::new());
    }
}
