//! The deployed contracts with a cast, assets and money, and the model of the same state.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, OnceLock};

use alloy_primitives::{Address, B256, Bytes, U256};
use alloy_sol_types::{SolCall, SolValue};
use metacloud_abi::deploy::{Addresses, BaseUris, DeployParams, plan};
use metacloud_abi::{AppRegistry, DatasetRegistry, WorkerpoolRegistry};
use metacloud_protocol::hub::{Call, EscrowCall, Hub, Registries, TokenCall, WorkerpoolPolicy};
use metacloud_protocol::ledger::Token;
use metacloud_protocol::{Domain, Nrlc};
use revm::state::Bytecode;

use crate::cast::{CROWD, Who};
use crate::encode::{self, Target};
use crate::evm::Evm;
use crate::reader;
use crate::strangers::STRANGERS;
use crate::world::{Asset, Others};

pub(crate) const CHAIN_ID: u64 = 31_337;
pub(crate) const START_S: u64 = 1_700_000_000;
/// Supply of the fresh token, nRLC.
const SUPPLY: u64 = 87_000_000_000_000_000;
/// Tokens that everyone gets, and half of which most deposit, nRLC.
pub(crate) const FUNDS: u64 = 1_000_000_000_000;

/// What each of the crowd deposits, nRLC.
pub(crate) const CROWD_FUNDS: u64 = 1_000_000;
/// Where the code of the token lies that runs in the place of one with moods.
pub(crate) const SOUND_TOKEN: Address = Address::repeat_byte(0x88);

/// Both sides, in the same state.
#[derive(Clone)]
pub(crate) struct Stage {
    pub(crate) evm: Evm,
    pub(crate) addresses: Addresses,
    pub(crate) hub: Hub,
    pub(crate) others: Others,
    /// Two of each kind.
    pub(crate) apps: [Address; 2],
    pub(crate) datasets: [Address; 2],
    pub(crate) workerpools: [Address; 2],
}

/// The state in which every trace begins.
pub(crate) fn stage() -> Stage {
    static STAGE: OnceLock<Mutex<Stage>> = OnceLock::new();
    STAGE.get_or_init(|| Mutex::new(Stage::set_up())).lock().expect("copying does not panic").clone()
}

impl Stage {
    fn set_up() -> Self {
        let owner = Who::HubOwner.address();
        let mut evm = Evm::new(CHAIN_ID, START_S);
        let params = DeployParams {
            deployer: owner,
            first_nonce: 0,
            chain_id: CHAIN_ID,
            owner,
            token: None,
            base_uri: BaseUris::default(),
        };
        let plan = plan(&params);
        let mut ours = BTreeSet::new();
        for (index, transaction) in plan.transactions.into_iter().enumerate() {
            let done = evm
                .transact(transaction.from, transaction.to, transaction.data)
                .unwrap_or_else(|data| panic!("transaction {index} of the plan reverted {data}"));
            assert_eq!(done.created, transaction.creates, "transaction {index} of the plan");
            ours.extend(transaction.creates);
        }
        let addresses = plan.addresses;
        for stranger in STRANGERS {
            evm.set_code(stranger.address(), stranger.code(Who::AppProvider.address(), addresses.hub));
        }
        evm.set_code(SOUND_TOKEN, Bytecode::new_raw(evm.code(addresses.rlc)));
        evm.set_code(reader::WORDS, reader::words());
        evm.set_code(reader::HASHES, reader::hashes());
        let registries = Registries {
            app: addresses.app_registry,
            dataset: addresses.dataset_registry,
            workerpool: addresses.workerpool_registry,
        };
        let domain = Domain { chain_id: CHAIN_ID, hub: addresses.hub };
        let token = Token::new(addresses.rlc, owner, Nrlc::new(SUPPLY));
        let others = Others {
            hub: addresses.hub,
            ours,
            registries,
            assets: BTreeMap::new(),
            is_delegated: true,
            puppet: RefCell::default(),
        };
        let mut stage = Self {
            evm,
            addresses,
            hub: Hub::deployed(domain, owner, registries, token),
            others,
            apps: [Address::ZERO; 2],
            datasets: [Address::ZERO; 2],
            workerpools: [Address::ZERO; 2],
        };
        stage.create_assets();
        stage.hand_out_money();
        stage
    }

    fn create_assets(&mut self) {
        let registries = self.others.registries;
        let pool_owners = [Who::Scheduler, Who::Contract(crate::strangers::Stranger::Wallet)];
        for (number, owner) in pool_owners.into_iter().enumerate() {
            let name = format!("{number}");
            let app = AppRegistry::createAppCall {
                holder: Who::AppProvider.address(),
                appName: name.clone(),
                appType: "DOCKER".into(),
                multiaddr: Bytes::new(),
                checksum: B256::ZERO,
                mrenclave: Bytes::new(),
            };
            self.apps[number] = self.create(registries.app, Who::AppProvider, app.abi_encode());
            let dataset = DatasetRegistry::createDatasetCall {
                holder: Who::DatasetProvider.address(),
                datasetName: name.clone(),
                multiaddr: Bytes::new(),
                checksum: B256::ZERO,
            };
            self.datasets[number] =
                self.create(registries.dataset, Who::DatasetProvider, dataset.abi_encode());
            let pool =
                WorkerpoolRegistry::createWorkerpoolCall { holder: owner.address(), description: name };
            self.workerpools[number] = self.create(registries.workerpool, owner, pool.abi_encode());
        }
    }

    fn create(&mut self, registry: Address, owner: Who, call: Vec<u8>) -> Address {
        let done = self
            .evm
            .transact(Who::HubOwner.address(), Some(registry), call.into())
            .unwrap_or_else(|data| panic!("creating an asset reverted {data}"));
        let address = Address::abi_decode(&done.output).expect("the asset's address");
        let policy =
            WorkerpoolPolicy { worker_stake_ratio: U256::from(30), scheduler_reward_ratio: U256::from(1) };
        self.others.assets.insert(address, Asset { registry, owner: owner.address(), policy });
        address
    }

    /// Everyone gets tokens and lets the hub take them; all but the pauper deposit half. The crowd gets a deposit.
    fn hand_out_money(&mut self) {
        let hub = self.addresses.hub;
        let funds = Nrlc::new(FUNDS);
        for who in Who::all() {
            let to = who.address();
            self.both(Who::HubOwner, Call::Token(TokenCall::Transfer { to, value: funds }));
            self.both(who, Call::Token(TokenCall::Approve { spender: hub, value: funds }));
            if who != Who::Pauper {
                let amount = Nrlc::new(FUNDS / 2);
                self.both(who, Call::Escrow(EscrowCall::Deposit { amount }));
            }
        }
        let targets: Vec<_> = (0..CROWD).map(|number| Who::Crowd(number).address()).collect();
        let amounts = vec![Nrlc::new(CROWD_FUNDS); targets.len()];
        self.both(Who::HubOwner, Call::Escrow(EscrowCall::DepositForArray { amounts, targets }));
    }

    fn both(&mut self, who: Who, call: Call) {
        let (target, data) = encode::call(&call, self.addresses.hub);
        let to = self.address_of(target);
        let modelled = self.hub.handle(START_S, who.address(), &call, &self.others);
        let deployed = self.evm.transact(who.address(), Some(to), data);
        assert!(modelled.is_ok() && deployed.is_ok(), "{who:?} {call:?}: {modelled:?}");
    }

    pub(crate) fn address_of(&self, target: Target) -> Address {
        match target {
            Target::Hub => self.addresses.hub,
            Target::Token => self.addresses.rlc,
        }
    }
}
