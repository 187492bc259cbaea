//! What other contracts would answer to the hub, for the model: assets and their registries as our own contracts
//! keep them, strangers as they are.

use std::collections::{BTreeMap, BTreeSet};

use alloy_primitives::{Address, B256, Bytes, U256};
use alloy_sol_types::{SolCall, sol};
use metacloud_protocol::Nrlc;
use metacloud_protocol::hub::{Registries, WorkerpoolPolicy, World};
use metacloud_protocol::revert::Revert;

use crate::cast::Who;
use crate::strangers::Stranger;

sol! {
    function isValidSignature(bytes32 hash, bytes signature);
    function keyHasPurpose(bytes32 key, uint256 purpose);
    function owner();
    function isRegistered(address entry);
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
}

impl Others {
    fn ask(&self, target: Address, call: Vec<u8>) -> Option<Result<Bytes, Bytes>> {
        Stranger::of(target).map(|stranger| stranger.answer(&call, Who::AppProvider.address()))
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
        Stranger::of(account).is_some() || self.assets.contains_key(&account) || self.ours.contains(&account)
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
        let asset = self.assets.get(&workerpool);
        Ok(asset.expect("a match reads the policies of registered workerpools only").policy)
    }

    fn receive_approval(
        &self,
        spender: Address,
        from: Address,
        value: Nrlc,
        data: &[u8],
    ) -> Result<bool, Revert> {
        let call =
            receiveApprovalCall { from, value: value.0, token: self.hub, extraData: data.to_vec().into() };
        self.read_bool(spender, call.abi_encode())
    }
}
