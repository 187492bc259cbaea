//! What other contracts would answer to the hub, for the model: assets and their registries as our own contracts
//! keep them, strangers as they are.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use alloy_primitives::{Address, B256, Bytes, U256};
use alloy_sol_types::{SolCall, sol};
use metacloud_protocol::Nrlc;
use metacloud_protocol::event::Event;
use metacloud_protocol::hub::{Hub, Moment, Registries, WorkerpoolPolicy, World};
use metacloud_protocol::revert::Revert;

use crate::cast::Who;
use crate::puppet::{End, Puppet};
use crate::strangers::Stranger;

sol! {
    function isValidSignature(bytes32 hash, bytes signature);
    function keyHasPurpose(bytes32 key, uint256 purpose);
    function owner();
    function isRegistered(address entry);
    function ownerOf(uint256 tokenId);
    function termsOf(address workerpool);
    function m_workerStakeRatioPolicy();
    function m_schedulerRewardRatioPolicy();
    function receiveApproval(address from, uint256 value, address token, bytes extraData);
}

/// An asset of ours.
#[derive(Clone, Debug)]
pub(crate) struct Asset {
    pub(crate) registry: Address,
    pub(crate) owner: Address,
    pub(crate) policy: WorkerpoolPolicy,
}

/// Everything outside the hub and the token.
#[derive(Clone, Debug)]
pub(crate) struct Others {
    pub(crate) hub: Address,
    /// The hub, its modules, the token, the registries: they have code and no other part here.
    pub(crate) ours: BTreeSet<Address>,
    pub(crate) registries: Registries,
    pub(crate) assets: BTreeMap<Address, Asset>,
    /// Whether the delegated account has its code at the moment.
    pub(crate) is_delegated: bool,
    pub(crate) puppet: RefCell<Puppet>,
}

impl Others {
    fn ask(&self, target: Address, call: Vec<u8>) -> Option<Result<Bytes, Bytes>> {
        self.stranger(target).map(|stranger| stranger.answer(&call, Who::AppProvider.address()))
    }

    /// A stranger that has code.
    fn stranger(&self, target: Address) -> Option<Stranger> {
        Stranger::of(target).filter(|&stranger| stranger != Stranger::Delegated || self.is_delegated)
    }

    /// Words of an answer the first of which is an address other than zero.
    fn named(&self, target: Address, call: Vec<u8>, words: usize) -> Option<(Address, Bytes)> {
        let answer = self.ask(target, call)?.ok().filter(|answer| answer.len() >= words * 32)?;
        let word = B256::from_slice(&answer[..32]);
        let address = Address::from_word(word);
        (address.into_word() == word && !address.is_zero()).then_some((address, answer))
    }

    /// A static call whose failure propagates and whose answer must be at least one word.
    fn read(&self, target: Address, call: Vec<u8>) -> Result<U256, Revert> {
        match self.ask(target, call) {
            Some(Ok(answer)) if answer.len() >= 32 => Ok(U256::from_be_slice(&answer[..32])),
            Some(Err(data)) if !data.is_empty() => Err(Revert::Foreign(data)),
            Some(_) | None => Err(Revert::Empty),
        }
    }

    fn read_bool(&self, target: Address, call: Vec<u8>) -> Result<bool, Revert> {
        let word = self.read(target, call)?;
        if word > U256::from(1) { Err(Revert::Empty) } else { Ok(!word.is_zero()) }
    }
}

impl World for Others {
    fn has_code(&self, account: Address) -> bool {
        self.stranger(account).is_some() || self.assets.contains_key(&account) || self.ours.contains(&account)
    }

    fn is_valid_signature(&self, account: Address, hash: B256, signature: &[u8]) -> bool {
        let call = isValidSignatureCall { hash, signature: signature.to_vec().into() };
        let magic = U256::from_be_slice(&isValidSignatureCall::SELECTOR) << 224;
        self.read(account, call.abi_encode()) == Ok(magic)
    }

    fn is_member(&self, group: Address, account: Address) -> bool {
        let call = keyHasPurposeCall { key: account.into_word(), purpose: U256::from(4) };
        self.read(group, call.abi_encode()) == Ok(U256::from(1))
    }

    fn owner_of(&self, asset: Address) -> Result<Address, Revert> {
        if let Some(asset) = self.assets.get(&asset) {
            return Ok(asset.owner);
        }
        let word = B256::from(self.read(asset, ownerCall {}.abi_encode())?);
        let address = Address::from_word(word);
        if address.into_word() == word { Ok(address) } else { Err(Revert::Empty) }
    }

    fn is_registered(&self, registry: Address, entry: Address) -> Result<bool, Revert> {
        let Registries { app, dataset, workerpool } = self.registries;
        if [app, dataset, workerpool].contains(&registry) {
            return Ok(self.assets.get(&entry).is_some_and(|asset| asset.registry == registry));
        }
        self.read_bool(registry, isRegisteredCall { entry }.abi_encode())
    }

    fn policy_of(&self, workerpool: Address) -> Result<WorkerpoolPolicy, Revert> {
        if let Some(asset) = self.assets.get(&workerpool) {
            let is_pool = asset.registry == self.registries.workerpool;
            return if is_pool { Ok(asset.policy) } else { Err(Revert::Empty) };
        }
        Ok(WorkerpoolPolicy {
            worker_stake_ratio: self.read(workerpool, m_workerStakeRatioPolicyCall {}.abi_encode())?,
            scheduler_reward_ratio: self
                .read(workerpool, m_schedulerRewardRatioPolicyCall {}.abi_encode())?,
        })
    }

    fn holder_of(&self, registry: Address, asset: Address) -> Option<Address> {
        let call = ownerOfCall { tokenId: U256::from_be_slice(asset.as_slice()) };
        self.named(registry, call.abi_encode(), 1).map(|(holder, _)| holder)
    }

    fn terms_of(&self, registry: Address, workerpool: Address) -> Option<(Address, WorkerpoolPolicy)> {
        let (holder, answer) = self.named(registry, termsOfCall { workerpool }.abi_encode(), 3)?;
        let policy = WorkerpoolPolicy {
            worker_stake_ratio: U256::from_be_slice(&answer[32..64]),
            scheduler_reward_ratio: U256::from_be_slice(&answer[64..96]),
        };
        Some((holder, policy))
    }

    fn token_refusal(&self) -> Option<Result<bool, Revert>> {
        self.puppet.borrow().refusal()
    }

    fn visit(&self, hub: &mut Hub, now_s: u64, moment: Moment, events: &mut Vec<Event>) -> bool {
        self.play(hub, now_s, moment, events)
    }

    fn receive_approval(
        &self,
        spender: Address,
        from: Address,
        value: Nrlc,
        data: &[u8],
    ) -> Result<bool, Revert> {
        if spender == Stranger::Puppet.address() {
            let end = self.puppet.borrow().approval;
            return if end == End::Return { Ok(true) } else { Err(Revert::Empty) };
        }
        let call =
            receiveApprovalCall { from, value: value.0, token: self.hub, extraData: data.to_vec().into() };
        self.read_bool(spender, call.abi_encode())
    }
}
