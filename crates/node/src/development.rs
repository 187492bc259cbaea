//! The development network: who has which key, and what block 0 holds.
//!
//! Everything here is public knowledge (the keys are those of the well-known development mnemonic) and must never guard
//! anything of value.

use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use alloy_sol_types::SolCall;
use metacloud_abi::deploy::{self, Addresses, BaseUris, DeployParams};
use metacloud_abi::{Rlc, WorkerpoolRegistry};
use metacloud_devchain::accounts::{DevelopmentAccount, development_accounts};
use metacloud_devchain::{DEVELOPMENT_BALANCE_WEI, Genesis, GenesisTransaction};
use metacloud_wire::ready::{PrivateKey, Role};

/// RLC handed to every development account but the deployer, in nRLC: 1,000,000 RLC.
const GRANT_NRLC: u64 = 1_000_000_000_000_000;
/// What the pool's owner and each worker deposit as stake in block 0, in nRLC: 100,000 RLC.
const DEPOSIT_NRLC: u64 = 100_000_000_000_000;
/// Description of the development pool, part of what its address follows from.
pub(crate) const POOL_DESCRIPTION: &str = "metacloud development pool";
/// Accounts in front of the workers': deployer, app provider, dataset provider, pool owner, requester.
const FIRST_WORKER: usize = 5;

/// Most workers that one development network can run: the accounts that are left for them.
pub const WORKERS_MAX: usize = 15;

/// A development account and what it is used for.
#[derive(Clone, Debug)]
pub struct RoleAccount {
    /// What it is used for.
    pub role: Role,
    /// Its address.
    pub address: Address,
    /// Its key; public knowledge.
    pub private_key: B256,
}

impl RoleAccount {
    pub(crate) fn key(&self) -> PrivateKey {
        PrivateKey(self.private_key)
    }
}

/// Key of the keeper of a development network: public knowledge like the others, and the keeper's alone, so that no
/// client's transaction takes its nonces. It needs no ether where gas is free.
pub(crate) fn development_keeper() -> PrivateKey {
    PrivateKey(keccak256("metacloud development keeper"))
}

/// Accounts, contracts and block 0 of a development network.
#[derive(Debug)]
pub struct DevelopmentNetwork {
    chain_id: u64,
    accounts: Vec<RoleAccount>,
    /// Where the contracts are.
    pub contracts: Addresses,
    /// State and transactions of block 0.
    pub genesis: Genesis,
}

impl DevelopmentNetwork {
    /// The network of `chain_id`: the same for the same number, so that a data directory can be opened again.
    #[must_use]
    pub fn new(chain_id: u64) -> Self {
        let accounts: Vec<RoleAccount> = development_accounts()
            .into_iter()
            .enumerate()
            .map(|(index, DevelopmentAccount { address, private_key })| RoleAccount {
                role: role_of(index),
                address,
                private_key,
            })
            .collect();
        assert_eq!(accounts.len(), FIRST_WORKER + WORKERS_MAX, "the mnemonic gives twenty accounts");
        let deployer = accounts[0].address;
        let plan = deploy::plan(&DeployParams {
            deployer,
            first_nonce: 0,
            chain_id,
            owner: deployer,
            token: None,
            base_uri: BaseUris::default(),
        });
        let mut transactions: Vec<GenesisTransaction> = plan
            .transactions
            .into_iter()
            .map(|planned| GenesisTransaction {
                from: planned.from,
                to: planned.to,
                data: planned.data,
                value: planned.value,
            })
            .collect();
        transactions.extend(openings(&accounts, &plan.addresses));
        let balances =
            accounts.iter().map(|account| (account.address, U256::from(DEVELOPMENT_BALANCE_WEI))).collect();
        let genesis = Genesis { timestamp_s: None, balances, transactions };
        Self { chain_id, accounts, contracts: plan.addresses, genesis }
    }

    /// Chain id.
    #[must_use]
    pub fn chain_id(&self) -> u64 {
        self.chain_id
    }

    /// The first account with a role.
    ///
    /// # Panics
    /// Never: every role has an account.
    #[must_use]
    pub fn account(&self, role: Role) -> &RoleAccount {
        self.accounts.iter().find(|account| account.role == role).expect("every role has an account")
    }

    /// The accounts of the first `count` workers; at most [`WORKERS_MAX`].
    #[must_use]
    pub fn workers(&self, count: usize) -> &[RoleAccount] {
        &self.accounts[FIRST_WORKER..FIRST_WORKER + count.min(WORKERS_MAX)]
    }

    /// All accounts, in the order of the mnemonic.
    #[must_use]
    pub fn accounts(&self) -> &[RoleAccount] {
        &self.accounts
    }
}

fn role_of(index: usize) -> Role {
    match index {
        0 => Role::Deployer,
        1 => Role::AppProvider,
        2 => Role::DatasetProvider,
        3 => Role::WorkerpoolOwner,
        4 => Role::Requester,
        _ => Role::Worker,
    }
}

/// What happens on the fresh contracts before anyone connects: grants, stakes, and the pool's NFT.
fn openings(accounts: &[RoleAccount], contracts: &Addresses) -> Vec<GenesisTransaction> {
    let call = |from: Address, to: Address, data: Vec<u8>| GenesisTransaction {
        from,
        to: Some(to),
        data: Bytes::from(data),
        value: U256::ZERO,
    };
    let deployer = accounts[0].address;
    let mut calls: Vec<GenesisTransaction> = accounts[1..]
        .iter()
        .map(|account| {
            let grant = Rlc::transferCall { to: account.address, value: U256::from(GRANT_NRLC) };
            call(deployer, contracts.rlc, grant.abi_encode())
        })
        .collect();
    for account in accounts.iter().filter(|a| matches!(a.role, Role::WorkerpoolOwner | Role::Worker)) {
        let deposit = Rlc::approveAndCallCall {
            spender: contracts.hub,
            value: U256::from(DEPOSIT_NRLC),
            extraData: Bytes::new(),
        };
        calls.push(call(account.address, contracts.rlc, deposit.abi_encode()));
    }
    let pool_owner = accounts[3].address;
    let create = WorkerpoolRegistry::createWorkerpoolCall {
        holder: pool_owner,
        description: POOL_DESCRIPTION.to_owned(),
    };
    calls.push(call(pool_owner, contracts.workerpool_registry, create.abi_encode()));
    calls
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_role_has_an_account_and_the_rest_are_workers() {
        let network = DevelopmentNetwork::new(31_337);
        for role in [
            Role::Deployer,
            Role::AppProvider,
            Role::DatasetProvider,
            Role::WorkerpoolOwner,
            Role::Requester,
            Role::Worker,
        ] {
            assert_eq!(network.account(role).role, role);
        }
        assert_eq!(network.workers(WORKERS_MAX + 9).len(), WORKERS_MAX);
        assert_eq!(
            network.account(Role::Deployer).address.to_string(),
            "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266",
            "the first account of the well-known mnemonic"
        );
    }

    #[test]
    fn the_same_chain_id_gives_the_same_genesis() {
        assert_eq!(DevelopmentNetwork::new(7).genesis, DevelopmentNetwork::new(7).genesis);
    }
}
