//! Runs transactions and calls through the EVM.
//!
//! Knows: revm. Does not know: the pool, the log, JSON.

use std::convert::Infallible;
use std::sync::Arc;

use alloy_primitives::{Address, B256, Log, U256};
use revm::context::{BlockEnv, CfgEnv, Context, TxEnv};
use revm::context_interface::block::BlobExcessGasAndPrice;
use revm::context_interface::result::{EVMError, ExecutionResult, HaltReason, InvalidTransaction};
use revm::handler::validation::validate_initial_tx_gas;
use revm::primitives::eip4844::BLOB_BASE_FEE_UPDATE_FRACTION_PRAGUE;
use revm::primitives::hardfork::SpecId;
use revm::{ExecuteCommitEvm as _, ExecuteEvm as _, Journal, MainBuilder as _, MainnetEvm};

use crate::error::{RpcError, halt_text, invalid_transaction};
use crate::state::StateDiff;
use crate::transaction::Transaction;
use crate::view::View;

/// Rules of the EVM: the latest hard fork that revm calls stable.
pub(crate) const HARDFORK: SpecId = SpecId::OSAKA;
/// Most gas of one `eth_call`, in gas, as geth has it: a call is not bounded by a block, and holds up mining while it runs.
pub(crate) const CALL_GAS_MAX: u64 = 50_000_000;
/// Most gas of one transaction (EIP-7825), in gas.
pub(crate) const TRANSACTION_GAS_MAX: u64 = 16_777_216;
/// Gas of a transfer to an account without code.
const TRANSFER_GAS: u64 = 21_000;
/// Gas that a call with value gives away (the yellow paper's call stipend).
const CALL_STIPEND_GAS: u64 = 2_300;

type EvmContext<'a> = Context<BlockEnv, TxEnv, CfgEnv, View<'a>, Journal<View<'a>>, ()>;

/// What a block tells its transactions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct BlockContext {
    pub(crate) chain_id: u64,
    pub(crate) number: u64,
    pub(crate) timestamp_s: u64,
    pub(crate) gas_limit: u64,
    pub(crate) base_fee_wei: u64,
    pub(crate) beneficiary: Address,
    pub(crate) prevrandao: B256,
}

impl BlockContext {
    fn env(&self) -> BlockEnv {
        BlockEnv {
            number: U256::from(self.number),
            beneficiary: self.beneficiary,
            timestamp: U256::from(self.timestamp_s),
            gas_limit: self.gas_limit,
            basefee: self.base_fee_wei,
            difficulty: U256::ZERO,
            prevrandao: Some(self.prevrandao),
            blob_excess_gas_and_price: Some(BlobExcessGasAndPrice::new(
                0,
                BLOB_BASE_FEE_UPDATE_FRACTION_PRAGUE,
            )),
            slot_num: 0,
        }
    }

    /// The rules of transactions. EIP-3607 is off: only development methods let an account with code send, and then it is
    /// meant to (impersonation).
    pub(crate) fn cfg(&self) -> CfgEnv {
        let mut cfg = CfgEnv::new_with_spec(HARDFORK).with_chain_id(self.chain_id);
        cfg.disable_eip3607 = true;
        cfg
    }
}

/// One transaction and what came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Executed {
    pub(crate) transaction: Arc<Transaction>,
    pub(crate) success: bool,
    pub(crate) gas_used: u64,
    pub(crate) logs: Vec<Log>,
}

/// A transaction that could not run.
#[derive(Debug)]
pub(crate) struct Unrunnable {
    pub(crate) hash: B256,
    pub(crate) error: RpcError,
    /// Whether it may run later: only its nonce is ahead.
    pub(crate) early: bool,
}

/// Transactions run on a state.
#[derive(Debug, Default)]
pub(crate) struct Run {
    pub(crate) executed: Vec<Executed>,
    pub(crate) unrunnable: Vec<Unrunnable>,
    pub(crate) diff: StateDiff,
}

/// Runs transactions in order. The caller has seen to it that their gas limits fit the block together.
pub(crate) fn run_block(view: View<'_>, context: &BlockContext, transactions: &[Arc<Transaction>]) -> Run {
    let mut run = Run::default();
    if transactions.is_empty() {
        run.diff = view.into_diff();
        return run;
    }
    let mut evm = evm(view, context, context.cfg());
    for transaction in transactions {
        match evm.transact_commit(transaction.env()) {
            Ok(result) => run.executed.push(Executed {
                transaction: Arc::clone(transaction),
                success: result.is_success(),
                gas_used: result.tx_gas_used(),
                logs: match result {
                    ExecutionResult::Success { logs, .. } => logs,
                    ExecutionResult::Revert { .. } | ExecutionResult::Halt { .. } => Vec::new(),
                },
            }),
            Err(error) => run.unrunnable.push(Unrunnable {
                hash: transaction.hash,
                early: matches!(error, EVMError::Transaction(InvalidTransaction::NonceTooHigh { .. })),
                error: evm_error(error, &transaction.env(), context),
            }),
        }
    }
    run.diff = evm.ctx.journaled_state.database.into_diff();
    run
}

/// Runs transactions for the sake of the state after them.
pub(crate) fn run_block_onto<'a>(
    view: View<'a>,
    context: &BlockContext,
    transactions: &[Arc<Transaction>],
) -> View<'a> {
    if transactions.is_empty() {
        return view;
    }
    let mut evm = evm(view, context, context.cfg());
    for transaction in transactions {
        // They ran before on this state, so they run again.
        let _ = evm.transact_commit(transaction.env());
    }
    evm.ctx.journaled_state.database
}

/// Runs one unsigned transaction of the genesis: without fees, nonce from the state, any size of gas.
///
/// # Errors
/// The reason why it cannot run, or did not succeed.
pub(crate) fn run_genesis_transaction<'a>(
    mut view: View<'a>,
    context: &BlockContext,
    mut env: TxEnv,
) -> Result<View<'a>, RpcError> {
    env.nonce = view.account(&env.caller).nonce;
    env.chain_id = Some(context.chain_id);
    env.gas_limit = GENESIS_TRANSACTION_GAS;
    let mut cfg = context.cfg();
    cfg.tx_gas_limit_cap = Some(u64::MAX);
    cfg.disable_block_gas_limit = true;
    cfg.disable_base_fee = true;
    let mut evm = evm(view, context, cfg);
    let result = evm.transact_commit(env.clone()).map_err(|error| evm_error(error, &env, context))?;
    view = evm.ctx.journaled_state.database;
    match result {
        ExecutionResult::Success { .. } => Ok(view),
        ExecutionResult::Revert { output, .. } => Err(RpcError::reverted(output)),
        ExecutionResult::Halt { reason, .. } => Err(RpcError::halted(&reason)),
    }
}

/// Gas of each genesis transaction: ample, since no block bounds it.
const GENESIS_TRANSACTION_GAS: u64 = 1_000_000_000;

/// Calls, without nonce, code-of-sender or block gas checks; a call without a gas price pays no base fee.
pub(crate) struct Caller<'a> {
    evm: MainnetEvm<EvmContext<'a>>,
    context: BlockContext,
    env: TxEnv,
}

impl<'a> Caller<'a> {
    pub(crate) fn new(view: View<'a>, context: &BlockContext, env: TxEnv) -> Self {
        let (context, cfg) = call_rules(context, &env);
        Self { evm: evm(view, &context, cfg), context, env }
    }

    /// Runs once with this much gas and keeps nothing of it.
    pub(crate) fn run(&mut self, gas: u64) -> Result<ExecutionResult, RpcError> {
        self.try_run(gas).map_err(|error| evm_error(error, &self.env, &self.context))
    }

    /// The least gas with which the transaction succeeds, at most `gas_max`.
    ///
    /// # Errors
    /// With geth's texts: it reverts or halts however much gas it has, or needs more than `gas_max`.
    pub(crate) fn estimate(&mut self, gas_max: u64) -> Result<u64, RpcError> {
        let mut high = gas_max;
        if self.is_transfer() && high >= TRANSFER_GAS && self.suffices(TRANSFER_GAS)?.is_ok() {
            return Ok(TRANSFER_GAS);
        }
        let (mut low, optimistic) = match self.suffices(high)? {
            Ok(result) => {
                let gas = result.gas();
                let spent = gas.total_gas_spent() + CALL_STIPEND_GAS;
                (result.tx_gas_used().saturating_sub(1), spent + spent / 63 + 1)
            }
            Err(Insufficient::Reverted(error)) => return Err(error),
            Err(Insufficient::Gas) => {
                return Err(RpcError::refused(format!("gas required exceeds allowance ({high})")));
            }
        };
        if optimistic < high {
            match self.suffices(optimistic)? {
                Ok(_) => high = optimistic,
                Err(_) => low = optimistic,
            }
        }
        while low + 1 < high {
            // Most transactions need little more than they use, so the first steps stay near `low`.
            let middle = (low + (high - low) / 2).min(low.saturating_mul(2).max(low + 1));
            match self.suffices(middle)? {
                Ok(_) => high = middle,
                Err(_) => low = middle,
            }
        }
        Ok(high)
    }

    fn is_transfer(&self) -> bool {
        let to = self.env.kind.to();
        self.env.data.is_empty()
            && self.env.access_list.0.is_empty()
            && self.env.authorization_list.is_empty()
            && to.is_some_and(|to| self.view().code_of(to).is_empty())
    }

    fn view(&self) -> &View<'a> {
        &self.evm.ctx.journaled_state.database
    }

    fn suffices(&mut self, gas: u64) -> Result<Result<ExecutionResult, Insufficient>, RpcError> {
        match self.try_run(gas) {
            Ok(result @ ExecutionResult::Success { .. }) => Ok(Ok(result)),
            Ok(ExecutionResult::Revert { output, .. }) => {
                Ok(Err(Insufficient::Reverted(RpcError::reverted(output))))
            }
            Ok(ExecutionResult::Halt { reason: HaltReason::OutOfGas(_), .. }) => Ok(Err(Insufficient::Gas)),
            Ok(ExecutionResult::Halt { reason, .. }) => {
                Ok(Err(Insufficient::Reverted(RpcError::refused(halt_text(&reason)))))
            }
            Err(EVMError::Transaction(
                InvalidTransaction::CallGasCostMoreThanGasLimit { .. }
                | InvalidTransaction::GasFloorMoreThanGasLimit { .. },
            )) => Ok(Err(Insufficient::Gas)),
            Err(error) => Err(evm_error(error, &self.env, &self.context)),
        }
    }

    fn try_run(&mut self, gas: u64) -> Result<ExecutionResult, EVMError<Infallible>> {
        let env = TxEnv { gas_limit: gas, ..self.env.clone() };
        self.evm.transact(env).map(|outcome| outcome.result)
    }
}

/// Why an amount of gas does not suffice.
enum Insufficient {
    Gas,
    Reverted(RpcError),
}

/// The block and the rules of a call rather than a transaction.
pub(crate) fn call_rules(context: &BlockContext, env: &TxEnv) -> (BlockContext, CfgEnv) {
    let mut context = context.clone();
    let mut cfg = context.cfg();
    cfg.disable_nonce_check = true;
    cfg.disable_block_gas_limit = true;
    cfg.tx_chain_id_check = false;
    cfg.tx_gas_limit_cap = Some(u64::MAX);
    if env.gas_price == 0 {
        context.base_fee_wei = 0;
    }
    (context, cfg)
}

/// An EVM over a view.
pub(crate) fn evm<'a>(view: View<'a>, context: &BlockContext, cfg: CfgEnv) -> MainnetEvm<EvmContext<'a>> {
    context_of(view, context, cfg).build_mainnet()
}

/// The context of an EVM over a view.
pub(crate) fn context_of<'a>(view: View<'a>, context: &BlockContext, cfg: CfgEnv) -> EvmContext<'a> {
    Context::<BlockEnv, TxEnv, CfgEnv, View<'a>, Journal<View<'a>>, ()>::new(view, HARDFORK)
        .with_block(context.env())
        .with_cfg(cfg)
}

/// The text of an execution that did not take place.
pub(crate) fn evm_error(error: EVMError<Infallible>, env: &TxEnv, context: &BlockContext) -> RpcError {
    match error {
        EVMError::Transaction(invalid) => {
            invalid_transaction(&invalid, env.caller, env.gas_price, context.base_fee_wei)
        }
        EVMError::Header(_) | EVMError::Custom(_) | EVMError::CustomAny(_) => {
            RpcError::internal(format!("the EVM failed: {error}"))
        }
        EVMError::Database(never) => match never {},
    }
}

/// Checks what needs no state: intrinsic gas, the floor of call data, the cap of a transaction, size of creation code.
///
/// # Errors
/// With geth's texts.
pub(crate) fn check_gas(transaction: &Transaction) -> Result<(), RpcError> {
    let env = transaction.env();
    let refuse = |invalid| Err(invalid_transaction(&invalid, transaction.sender, env.gas_price, 0));
    if env.gas_limit > TRANSACTION_GAS_MAX {
        return refuse(InvalidTransaction::TxGasLimitGreaterThanCap {
            gas_limit: env.gas_limit,
            cap: TRANSACTION_GAS_MAX,
        });
    }
    if env.kind.is_create() && env.data.len() > revm::primitives::eip3860::MAX_INITCODE_SIZE {
        return refuse(InvalidTransaction::CreateInitCodeSizeLimit);
    }
    match validate_initial_tx_gas(&env, HARDFORK, false, false, TRANSACTION_GAS_MAX, None) {
        Ok(_) => Ok(()),
        Err(invalid) => refuse(invalid),
    }
}
