//! The contracts in an EVM of one process: deployed by the plan, called as anyone, at any time.

#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    reason = "each test file uses its part; a failure is a failed test"
)]

pub mod codes;
pub mod floor;
pub mod scene;

use std::sync::OnceLock;

use alloy_primitives::{Address, B256, Bytes, Log, TxKind, U256, keccak256};
use alloy_sol_types::{SolCall, SolEvent};
use metacloud_abi::deploy::{Addresses, BaseUris, DeployParams, plan};
use metacloud_abi::{Hub, Rlc};
use metacloud_protocol::order::Domain;
use metacloud_protocol::signing::{SigningKey, address_of, key_from_bytes};
use revm::bytecode::Bytecode;
use revm::context::{BlockEnv, CfgEnv, Context, TxEnv};
use revm::context_interface::result::ExecutionResult;
use revm::database::{CacheDB, EmptyDB, WrapDatabaseRef};
use revm::primitives::hardfork::SpecId;
use revm::state::AccountInfo;
use revm::{InspectEvm as _, MainBuilder as _, MainContext as _};

use floor::{End, Floor, Recoveries};

pub const CHAIN_ID: u64 = 31_337;
/// Time at which the contracts are deployed.
pub const GENESIS_S: u64 = 1_800_000_000;
/// Most gas of one transaction (EIP-7825).
pub const GAS_MAX: u64 = 16_777_216;

/// What a transaction did.
#[derive(Clone, Debug)]
pub struct Done {
    pub output: Bytes,
    pub logs: Vec<Log>,
    pub gas: u64,
    /// The part of the gas that cannot be saved; of no meaning for what is only read.
    pub floor: Floor,
}

impl Done {
    /// The events of one kind, in order.
    pub fn events<E: SolEvent>(&self) -> Vec<E> {
        self.logs.iter().filter_map(|log| E::decode_log(log).ok()).map(|log| log.data).collect()
    }

    /// The names of all events of the hub and the token, in order.
    pub fn names(&self, world: &World) -> Vec<&'static str> {
        self.logs
            .iter()
            .map(|log| {
                let topic = log.topics()[0].0;
                if log.address == world.at.rlc { "token" } else { event_name(topic) }
            })
            .collect()
    }
}

/// Name of a hub event by its topic.
pub fn event_name(topic: [u8; 32]) -> &'static str {
    Hub::HubEvents::name_by_selector(topic).unwrap()
}

/// Something done to a world, so that it can be done to another chain.
#[derive(Clone, Debug)]
pub enum Deed {
    /// Code put at an address.
    Code(Address, Bytes),
    /// A transaction that succeeded.
    Sent { at_s: u64, from: Address, to: Option<Address>, data: Bytes, value: U256, gas: u64 },
}

/// A chain with the contracts on it. Cloning it is taking a snapshot.
#[derive(Clone)]
pub struct World {
    pub db: CacheDB<EmptyDB>,
    pub now_s: u64,
    pub gas_limit: u64,
    pub at: Addresses,
    pub deployer: Address,
    pub owner: Address,
    pub deeds: Vec<Deed>,
}

/// Key of a person, from its name.
pub fn key(name: &str) -> SigningKey {
    key_from_bytes(&keccak256(name)).unwrap()
}

/// Address of a person, from its name.
pub fn person(name: &str) -> Address {
    address_of(&key(name))
}

impl World {
    /// The state after the deployment plan; the owner is not the deployer.
    pub fn deployed() -> Self {
        static DEPLOYED: OnceLock<World> = OnceLock::new();
        DEPLOYED.get_or_init(|| Self::deploy(None)).clone()
    }

    /// Runs the plan, with a token that already exists if there is one.
    pub fn deploy(token: Option<(Address, Bytes)>) -> Self {
        let (deployer, owner) = (person("deployer"), person("owner"));
        let params = DeployParams {
            deployer,
            first_nonce: 0,
            chain_id: CHAIN_ID,
            owner,
            token: token.as_ref().map(|(address, _)| *address),
            base_uri: BaseUris::for_chain(CHAIN_ID),
        };
        let plan = plan(&params);
        let db = CacheDB::new(EmptyDB::new());
        let at = plan.addresses;
        let mut world =
            Self { db, now_s: GENESIS_S, gas_limit: GAS_MAX, at, deployer, owner, deeds: Vec::new() };
        if let Some((address, code)) = token {
            world.put_code(address, code);
        }
        for (index, transaction) in plan.transactions.iter().enumerate() {
            let done = world
                .transact(transaction.from, transaction.to, transaction.data.clone())
                .unwrap_or_else(|data| panic!("transaction {index} of the plan reverts: {data}"));
            if let Some(created) = transaction.creates {
                assert!(!world.code(created).is_empty(), "transaction {index} creates nothing");
                assert_eq!(done.output, world.code(created), "transaction {index} creates elsewhere");
            }
        }
        world
    }

    pub fn domain(&self) -> Domain {
        Domain { chain_id: CHAIN_ID, hub: self.at.hub }
    }

    /// Sends a call; what it reverts with is the error. Only a success changes the state.
    pub fn send<C: SolCall>(&mut self, from: Address, to: Address, call: &C) -> Result<Done, Bytes> {
        self.transact(from, Some(to), call.abi_encode().into())
    }

    /// Sends a call to the hub.
    pub fn hub<C: SolCall>(&mut self, from: Address, call: &C) -> Result<Done, Bytes> {
        let hub = self.at.hub;
        self.send(from, hub, call)
    }

    /// Reads.
    pub fn view<C: SolCall>(&self, to: Address, call: &C) -> Result<C::Return, Bytes> {
        let (result, _) = self.execute(Address::ZERO, Some(to), call.abi_encode().into(), U256::ZERO);
        outcome(result).map(|done| C::abi_decode_returns(&done.output).unwrap())
    }

    /// Reads from the hub, which must answer.
    pub fn ask<C: SolCall>(&self, call: &C) -> C::Return {
        self.view(self.at.hub, call).unwrap_or_else(|data| panic!("{} reverts: {data}", C::SIGNATURE))
    }

    pub fn transact(&mut self, from: Address, to: Option<Address>, data: Bytes) -> Result<Done, Bytes> {
        self.transact_with_value(from, to, data, U256::ZERO)
    }

    pub fn transact_with_value(
        &mut self,
        from: Address,
        to: Option<Address>,
        data: Bytes,
        value: U256,
    ) -> Result<Done, Bytes> {
        use revm::DatabaseCommit as _;
        let (result, end) = self.execute(from, to, data.clone(), value);
        let mut done = outcome(result)?;
        done.floor = Floor::of(from, to, &data, &done.logs, &end);
        self.db.commit(end.state);
        self.deeds.push(Deed::Sent { at_s: self.now_s, from, to, data, value, gas: done.gas });
        Ok(done)
    }

    fn execute(
        &self,
        from: Address,
        to: Option<Address>,
        data: Bytes,
        value: U256,
    ) -> (ExecutionResult, End) {
        let block = BlockEnv {
            number: U256::from(1),
            timestamp: U256::from(self.now_s),
            gas_limit: GAS_MAX,
            ..BlockEnv::default()
        };
        let mut cfg = CfgEnv::new_with_spec(SpecId::OSAKA).with_chain_id(CHAIN_ID);
        cfg.disable_eip3607 = true;
        cfg.disable_balance_check = true;
        let transaction = TxEnv {
            caller: from,
            kind: to.map_or(TxKind::Create, TxKind::Call),
            data,
            value,
            gas_limit: self.gas_limit,
            nonce: self.db.cache.accounts.get(&from).map_or(0, |account| account.info.nonce),
            chain_id: Some(CHAIN_ID),
            ..TxEnv::default()
        };
        let mut evm = Context::mainnet()
            .with_db(WrapDatabaseRef(&self.db))
            .with_block(block)
            .with_cfg(cfg)
            .build_mainnet_with_inspector(Recoveries::default());
        let done = evm.inspect_tx(transaction).unwrap();
        (done.result, End { state: done.state, recoveries: evm.inspector.0 })
    }

    /// Puts code at an address.
    pub fn put_code(&mut self, address: Address, code: Bytes) {
        self.deeds.push(Deed::Code(address, code.clone()));
        let info = AccountInfo::default().with_code(Bytecode::new_raw(code));
        self.db.insert_account_info(address, info);
    }

    pub fn code(&self, address: Address) -> Bytes {
        let Some(account) = self.db.cache.accounts.get(&address) else { return Bytes::new() };
        if let Some(code) = &account.info.code {
            return code.original_bytes();
        }
        self.db.cache.contracts.get(&account.info.code_hash).map(Bytecode::original_bytes).unwrap_or_default()
    }

    /// Gives an account escrowed nRLC.
    pub fn fund(&mut self, account: Address, nrlc: u64) {
        let (deployer, hub, rlc) = (self.deployer, self.at.hub, self.at.rlc);
        let amount = U256::from(nrlc);
        self.send(deployer, rlc, &Rlc::approveCall { spender: hub, value: amount }).unwrap();
        self.hub(deployer, &Hub::depositForCall { amount, target: account }).unwrap();
    }

    pub fn account(&self, account: Address) -> (U256, U256) {
        let Hub::Account { stake, locked } = self.ask(&Hub::viewAccountCall { account });
        (stake, locked)
    }

    pub fn warp(&mut self, seconds: u64) {
        self.now_s += seconds;
    }
}

fn outcome(result: ExecutionResult) -> Result<Done, Bytes> {
    let gas = result.tx_gas_used();
    match result {
        ExecutionResult::Success { logs, output, .. } => {
            Ok(Done { output: output.into_data(), logs, gas, floor: Floor::default() })
        }
        ExecutionResult::Revert { output, .. } => Err(output),
        ExecutionResult::Halt { reason, .. } => panic!("halted: {reason:?}"),
    }
}

/// Revert data of a text.
pub fn text(text: &str) -> Bytes {
    use alloy_sol_types::SolError as _;
    alloy_sol_types::Revert::from(text).abi_encode().into()
}

/// Revert data of a panic.
pub fn panic_code(code: u64) -> Bytes {
    use alloy_sol_types::SolError as _;
    alloy_sol_types::Panic { code: U256::from(code) }.abi_encode().into()
}

/// Revert data of a custom error.
pub fn custom(error: &impl alloy_sol_types::SolError) -> Bytes {
    error.abi_encode().into()
}

/// No revert data.
pub fn empty() -> Bytes {
    Bytes::new()
}

pub fn word(text: &str) -> B256 {
    keccak256(text)
}
