//! A hub with one app, one dataset, one workerpool, and keys that play all roles.

use std::collections::BTreeMap;

use alloy_primitives::{Address, B256, Bytes, U256};

use super::super::*;
use crate::ids::{ResultDigest, ResultHash, ResultSeal, authorization_hash, eip191, enclave_hash};
use crate::order::*;
use crate::signing::{self, SigningKey};

pub(super) const HUB: Address = Address::repeat_byte(0x10);
pub(super) const RLC: Address = Address::repeat_byte(0x11);
pub(super) const APP: Address = Address::repeat_byte(0xa1);
pub(super) const DATASET: Address = Address::repeat_byte(0xd1);
pub(super) const POOL: Address = Address::repeat_byte(0xb1);
/// A contract account that accepts the one signature `[7]`.
pub(super) const CONTRACT: Address = Address::repeat_byte(0xc0);
/// A group contract whose members are all requesters of this stage.
pub(super) const GROUP: Address = Address::repeat_byte(0xee);
pub(super) const START_S: u64 = 1_000_000;
pub(super) const FUNDS: u64 = 100_000_000_000;

/// Numbers of the keys.
pub(super) const OWNER: u64 = 1;
pub(super) const APP_PROVIDER: u64 = 2;
pub(super) const DATASET_PROVIDER: u64 = 3;
pub(super) const SCHEDULER: u64 = 4;
pub(super) const REQUESTER: u64 = 5;
pub(super) const SPONSOR: u64 = 6;
pub(super) const ENCLAVE: u64 = 7;
/// Workers are this number and the following.
pub(super) const WORKER: u64 = 10;

pub(super) fn key(number: u64) -> SigningKey {
    signing::key_from_bytes(&U256::from(number).into()).unwrap()
}

pub(super) fn account(number: u64) -> Address {
    signing::address_of(&key(number))
}

pub(super) fn digest(byte: u8) -> ResultDigest {
    ResultDigest(B256::repeat_byte(byte))
}

/// Other contracts: assets with owners, and the two contract accounts.
pub(super) struct Others {
    pub(super) owners: BTreeMap<Address, Address>,
    pub(super) policy: WorkerpoolPolicy,
}

impl World for Others {
    fn has_code(&self, account: Address) -> bool {
        self.owners.contains_key(&account) || [CONTRACT, GROUP, HUB, RLC].contains(&account)
    }

    fn is_valid_signature(&self, account: Address, _hash: B256, signature: &[u8]) -> bool {
        account == CONTRACT && signature == [7]
    }

    fn is_member(&self, group: Address, member: Address) -> bool {
        group == GROUP && member == account(REQUESTER)
    }

    fn owner_of(&self, asset: Address) -> Result<Address, Revert> {
        self.owners.get(&asset).copied().ok_or(Revert::Empty)
    }

    fn is_registered(&self, _registry: Address, asset: Address) -> Result<bool, Revert> {
        Ok(self.owners.contains_key(&asset))
    }

    fn policy_of(&self, _workerpool: Address) -> Result<WorkerpoolPolicy, Revert> {
        Ok(self.policy)
    }

    fn receive_approval(
        &self,
        spender: Address,
        _from: Address,
        value: Nrlc,
        _data: &[u8],
    ) -> Result<bool, Revert> {
        assert!(self.has_code(spender), "asked only with code");
        match spender {
            CONTRACT => Ok(!value.is_zero()),
            _ => Err(Revert::Foreign(vec![1, 2, 3].into())),
        }
    }
}

/// A hub, its surroundings and the time.
pub(super) struct Stage {
    pub(super) hub: Hub,
    pub(super) others: Others,
    pub(super) now_s: u64,
}

impl Stage {
    /// Everyone has deposited [`FUNDS`].
    pub(super) fn new() -> Self {
        let domain = Domain { chain_id: 31_337, hub: HUB };
        let registries = Registries { app: APP, dataset: DATASET, workerpool: POOL };
        let holder = account(OWNER);
        let token = Token::new(RLC, holder, Nrlc::new(FUNDS * 100));
        let mut stage = Self {
            hub: Hub::deployed(domain, holder, registries, token),
            others: Others {
                owners: BTreeMap::from([
                    (APP, account(APP_PROVIDER)),
                    (DATASET, account(DATASET_PROVIDER)),
                    (POOL, account(SCHEDULER)),
                ]),
                policy: WorkerpoolPolicy {
                    worker_stake_ratio: U256::from(30),
                    scheduler_reward_ratio: U256::from(1),
                },
            },
            now_s: START_S,
        };
        let all = Nrlc::new(FUNDS * 100);
        let approve = TokenCall::Approve { spender: HUB, value: all };
        stage.does(OWNER, Call::Token(approve));
        let targets: Vec<_> = (1..WORKER + 20).map(account).collect();
        let amounts = vec![Nrlc::new(FUNDS); targets.len()];
        stage.does(OWNER, Call::Escrow(EscrowCall::DepositForArray { amounts, targets }));
        stage
    }

    /// Performs a call and checks the invariants.
    pub(super) fn tries(&mut self, number: u64, call: Call) -> Result<(Return, Vec<Event>), Revert> {
        let outcome = self.hub.handle(self.now_s, account(number), &call, &self.others);
        assert_eq!(self.hub.check_invariants(), Ok(()), "after {call:?}");
        outcome
    }

    /// Performs a call that must succeed.
    pub(super) fn does(&mut self, number: u64, call: Call) -> (Return, Vec<Event>) {
        self.tries(number, call.clone()).unwrap_or_else(|revert| panic!("{call:?} reverted {revert:?}"))
    }

    pub(super) fn task_call(&mut self, number: u64, call: TaskCall) -> Result<Vec<Event>, Revert> {
        self.tries(number, Call::Task(call)).map(|(_, events)| events)
    }

    /// Four orders at the prices of the worked example.
    pub(super) fn orders(&self, trust: u64, volume: u64) -> SignedOrders {
        let n = U256::from;
        let app = AppOrder { app: APP, appprice: n(1_000), volume: n(100), ..AppOrder::default() };
        let dataset = DatasetOrder {
            dataset: DATASET,
            datasetprice: n(1_000_000),
            volume: n(100),
            ..DatasetOrder::default()
        };
        let workerpool = WorkerpoolOrder {
            workerpool: POOL,
            workerpoolprice: n(1_000_000_000),
            volume: n(100),
            trust: n(1_000),
            ..WorkerpoolOrder::default()
        };
        let request = RequestOrder {
            app: APP,
            appmaxprice: n(1_000),
            dataset: DATASET,
            datasetmaxprice: n(1_000_000),
            workerpoolmaxprice: n(1_000_000_000),
            requester: account(REQUESTER),
            volume: n(volume),
            trust: n(trust),
            ..RequestOrder::default()
        };
        self.sign(app, dataset, workerpool, request)
    }

    pub(super) fn sign(
        &self,
        app: AppOrder,
        dataset: DatasetOrder,
        workerpool: WorkerpoolOrder,
        request: RequestOrder,
    ) -> SignedOrders {
        let domain = self.hub.domain();
        SignedOrders {
            app: Signed::by(&key(APP_PROVIDER), app, domain),
            dataset: Signed::by(&key(DATASET_PROVIDER), dataset, domain),
            workerpool: Signed::by(&key(SCHEDULER), workerpool, domain),
            request: Signed::by(&key(REQUESTER), request, domain),
        }
    }

    pub(super) fn match_orders(&mut self, orders: &SignedOrders) -> Result<DealId, Revert> {
        let call = Call::Matching(MatchingCall::MatchOrders(Box::new(orders.clone())));
        match self.tries(REQUESTER, call)? {
            (Return::Deal(id), _) => Ok(id),
            (other, _) => panic!("a match returned {other:?}"),
        }
    }

    /// A matched deal and its first task, initialized.
    pub(super) fn task(&mut self, trust: u64) -> TaskId {
        let orders = self.orders(trust, 3);
        let deal = self.match_orders(&orders).unwrap();
        self.initialized(deal, U256::ZERO)
    }

    pub(super) fn initialized(&mut self, deal: DealId, index: U256) -> TaskId {
        match self.does(REQUESTER, Call::Task(TaskCall::Initialize { deal, index })) {
            (Return::Task(id), _) => id,
            (other, _) => panic!("initialize returned {other:?}"),
        }
    }

    pub(super) fn contribution(&self, worker: u64, task: TaskId, digest: ResultDigest) -> TaskCall {
        let address = account(worker);
        TaskCall::Contribute {
            task,
            hash: ResultHash::derive(task, digest),
            seal: ResultSeal::derive(address, task, digest),
            enclave_challenge: Address::ZERO,
            enclave_sign: Bytes::new(),
            authorization_sign: authorization(SCHEDULER, worker, task, Address::ZERO),
        }
    }

    pub(super) fn contribute(&mut self, worker: u64, task: TaskId, byte: u8) -> Vec<Event> {
        let call = self.contribution(worker, task, digest(byte));
        self.task_call(worker, call).unwrap()
    }

    pub(super) fn reveal(&mut self, worker: u64, task: TaskId, byte: u8) -> Vec<Event> {
        self.task_call(worker, TaskCall::Reveal { task, digest: digest(byte) }).unwrap()
    }

    pub(super) fn finalize(&mut self, task: TaskId) -> Result<Vec<Event>, Revert> {
        let call = TaskCall::Finalize { task, results: b"link".into(), results_callback: Bytes::new() };
        self.task_call(SCHEDULER, call)
    }

    pub(super) fn free(&self, number: u64) -> Nrlc {
        self.hub.ledger().balance_of(account(number))
    }

    pub(super) fn locked(&self, number: u64) -> Nrlc {
        self.hub.ledger().frozen_of(account(number))
    }
}

/// An authorization by the key `signer`.
pub(super) fn authorization(signer: u64, worker: u64, task: TaskId, enclave: Address) -> Bytes {
    let hash = eip191(authorization_hash(account(worker), task, enclave));
    signing::sign(&key(signer), hash).into()
}

/// The proof of [`ENCLAVE`].
pub(super) fn enclave_proof(hash: ResultHash, seal: ResultSeal) -> Bytes {
    signing::sign(&key(ENCLAVE), eip191(enclave_hash(hash, seal))).into()
}
