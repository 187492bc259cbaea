//! An EVM in memory: one state, one clock, transactions from anyone without fees.

use alloy_primitives::{Address, Bytes, Log, U256};
use revm::context::TxEnv;
use revm::context::result::{ExecutionResult, Output};
use revm::database::{CacheDB, EmptyDB};
use revm::primitives::TxKind;
use revm::state::{AccountInfo, Bytecode};
use revm::{Context, ExecuteCommitEvm as _, ExecuteEvm as _, MainBuilder as _, MainContext as _};

/// Gas of every transaction: more than any trace needs, so that none halts.
///
/// Some contracts burn all gas that they are given, which leaves a 64th.
const GAS: u64 = 1 << 60;

/// What a successful transaction left.
pub(crate) struct Success {
    pub(crate) output: Bytes,
    pub(crate) logs: Vec<Log>,
    pub(crate) created: Option<Address>,
}

/// The chain. A copy is a snapshot.
#[derive(Clone)]
pub(crate) struct Evm {
    db: CacheDB<EmptyDB>,
    chain_id: u64,
    pub(crate) now_s: u64,
}

impl Evm {
    pub(crate) fn new(chain_id: u64, now_s: u64) -> Self {
        Self { db: CacheDB::new(EmptyDB::default()), chain_id, now_s }
    }

    /// Puts code at an address, as a genesis would.
    pub(crate) fn set_code(&mut self, address: Address, code: Bytecode) {
        self.db.insert_account_info(address, AccountInfo::default().with_code(code));
    }

    /// The code of an account.
    pub(crate) fn code(&self, address: Address) -> Bytes {
        let account = self.db.cache.accounts.get(&address);
        let hash = account.map(|account| account.info.code_hash);
        hash.and_then(|hash| self.db.cache.contracts.get(&hash))
            .map(Bytecode::original_bytes)
            .unwrap_or_default()
    }

    /// Sends a transaction and keeps what it did. A revert is its return data.
    pub(crate) fn transact(
        &mut self,
        from: Address,
        to: Option<Address>,
        data: Bytes,
    ) -> Result<Success, Bytes> {
        self.execute(from, to, data, true)
    }

    /// Calls without keeping anything.
    pub(crate) fn call(&mut self, from: Address, to: Address, data: Bytes) -> Result<Bytes, Bytes> {
        self.execute(from, Some(to), data, false).map(|success| success.output)
    }

    fn execute(
        &mut self,
        from: Address,
        to: Option<Address>,
        data: Bytes,
        keep: bool,
    ) -> Result<Success, Bytes> {
        let (chain_id, now_s) = (self.chain_id, self.now_s);
        let mut evm = Context::mainnet()
            .with_db(&mut self.db)
            .modify_cfg_chained(|cfg| {
                cfg.chain_id = chain_id;
                cfg.disable_nonce_check = true;
                cfg.disable_eip3607 = true;
                cfg.disable_block_gas_limit = true;
                cfg.tx_gas_limit_cap = Some(u64::MAX);
            })
            .modify_block_chained(|block| {
                block.timestamp = U256::from(now_s);
                block.basefee = 0;
            })
            .build_mainnet();
        let transaction = TxEnv {
            caller: from,
            kind: to.map_or(TxKind::Create, TxKind::Call),
            data,
            gas_limit: GAS,
            gas_price: 0,
            chain_id: None,
            ..TxEnv::default()
        };
        let result = if keep {
            evm.transact_commit(transaction).expect("a transaction without fees is valid")
        } else {
            evm.transact(transaction).expect("a call without fees is valid").result
        };
        match result {
            ExecutionResult::Success { logs, output, .. } => {
                let created = match &output {
                    Output::Create(_, address) => *address,
                    Output::Call(_) => None,
                };
                Ok(Success { output: output.into_data(), logs, created })
            }
            ExecutionResult::Revert { output, .. } => Err(output),
            ExecutionResult::Halt { reason, .. } => panic!("halted by {reason:?}: the trace ran out of gas"),
        }
    }
}
