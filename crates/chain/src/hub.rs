//! The contracts, typed: reads of the hub, of assets and registries.

mod event;
mod market;
mod registry;
mod tasks;

pub use event::{BroadcastOrder, HubEvent};
pub use market::{ManagedOrder, Matched, Orders};
pub use registry::{AppListing, PoolPolicy, Registries, WorkerpoolInfo};
pub use tasks::{Commitment, OneStep};

use alloy_primitives::{Address, B256, Bytes, U256};
use alloy_sol_types::SolCall;
use metacloud_abi::{Hub, Rlc};
use metacloud_protocol::{
    Account, Category, CategoryId, Contribution, Deal, DealId, Domain, Nrlc, OrderHash, Task, TaskId, signing,
};

use crate::block::Receipt;
use crate::chain::Chain;
use crate::error::{CallError, SendError};
use crate::wallet::Wallet;

/// The hub on one chain. Cheap to clone; remembers nothing.
#[derive(Debug, Clone)]
pub struct HubClient {
    chain: Chain,
    address: Address,
}

impl Chain {
    /// Calls a function of a contract on the newest block.
    ///
    /// # Errors
    /// The contract's revert, an answer that does not decode, or no answer.
    pub async fn read<C: SolCall>(&self, to: Address, call: &C) -> Result<C::Return, CallError> {
        decode::<C>(to, &self.call(to, call.abi_encode().into()).await?)
    }

    /// Calls the same function many times in one JSON-RPC batch; results in order.
    ///
    /// # Errors
    /// The first that occurs.
    pub async fn read_all<C: SolCall>(&self, calls: &[(Address, C)]) -> Result<Vec<C::Return>, CallError> {
        let encoded: Vec<(Address, Bytes)> =
            calls.iter().map(|(to, call)| (*to, call.abi_encode().into())).collect();
        let answers = self.calls(&encoded).await;
        answers.into_iter().zip(calls).map(|(answer, (to, _))| decode::<C>(*to, &answer?)).collect()
    }
}

fn decode<C: SolCall>(to: Address, answer: &[u8]) -> Result<C::Return, CallError> {
    if answer.is_empty() {
        // An account without code answers nothing to everything.
        let reason = "no data; is the contract deployed there?".to_owned();
        return Err(CallError::Undecodable { to, call: C::SIGNATURE, reason });
    }
    C::abi_decode_returns(answer).map_err(|error| CallError::Undecodable {
        to,
        call: C::SIGNATURE,
        reason: error.to_string(),
    })
}

impl HubClient {
    /// The hub at `hub`; nothing is asked yet.
    pub fn new(chain: Chain, hub: Address) -> Self {
        Self { chain, address: hub }
    }

    /// The chain.
    pub fn chain(&self) -> &Chain {
        &self.chain
    }

    /// The hub's address.
    pub fn address(&self) -> Address {
        self.address
    }

    /// Domain of signatures for this hub.
    pub fn domain(&self) -> Domain {
        Domain { chain_id: self.chain.id(), hub: self.address }
    }

    async fn view<C: SolCall>(&self, call: C) -> Result<C::Return, CallError> {
        self.chain.read(self.address, &call).await
    }

    async fn view_all<C: SolCall>(
        &self,
        calls: impl Iterator<Item = C>,
    ) -> Result<Vec<C::Return>, CallError> {
        let calls: Vec<(Address, C)> = calls.map(|call| (self.address, call)).collect();
        self.chain.read_all(&calls).await
    }

    pub(crate) async fn send<C: SolCall>(&self, wallet: &Wallet, call: &C) -> Result<Receipt, SendError> {
        wallet.send(self.address, call.abi_encode().into()).await
    }

    /// Events of this hub in a receipt.
    pub fn events<'a>(&self, receipt: &'a Receipt) -> impl Iterator<Item = HubEvent> + 'a {
        let hub = self.address;
        receipt.logs.iter().filter(move |log| log.address == hub).filter_map(HubEvent::decode)
    }

    /// The RLC token.
    ///
    /// # Errors
    /// See [`CallError`], as for every read below.
    pub async fn token(&self) -> Result<Address, CallError> {
        self.view(Hub::tokenCall {}).await
    }

    /// Who authorizes workers with enclaves in place of the pool's owner; zero: nobody does.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn tee_broker(&self) -> Result<Address, CallError> {
        self.view(Hub::teebrokerCall {}).await
    }

    /// RLC that an account holds outside the hub.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn token_balance(&self, token: Address, account: Address) -> Result<Nrlc, CallError> {
        self.chain.read(token, &Rlc::balanceOfCall { account }).await.map(Nrlc)
    }

    /// All stake there is, free and locked.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn total_supply(&self) -> Result<Nrlc, CallError> {
        self.view(Hub::totalSupplyCall {}).await.map(Nrlc)
    }

    /// A deal; `None` if there is none with this id.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn view_deal(&self, deal: DealId) -> Result<Option<Deal>, CallError> {
        let deal = self.view(Hub::viewDealCall { dealId: deal.0 }).await?;
        Ok(Some(Deal::from(deal)).filter(Deal::exists))
    }

    /// A task; status `Unset` if it is not initialized.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn view_task(&self, task: TaskId) -> Result<Task, CallError> {
        let task = self.view(Hub::viewTaskCall { taskId: task.0 }).await?;
        self.typed("viewTask", Task::try_from(task))
    }

    /// Tasks in one batch, in order.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn view_tasks(&self, tasks: &[TaskId]) -> Result<Vec<Task>, CallError> {
        let calls = tasks.iter().map(|task| Hub::viewTaskCall { taskId: task.0 });
        let tasks = self.view_all(calls).await?;
        tasks.into_iter().map(|task| self.typed("viewTask", Task::try_from(task))).collect()
    }

    /// What a worker committed to for a task.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn view_contribution(&self, task: TaskId, worker: Address) -> Result<Contribution, CallError> {
        let contribution = self.view(Hub::viewContributionCall { taskId: task.0, worker }).await?;
        self.typed("viewContribution", Contribution::try_from(contribution))
    }

    /// A worker's score.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn view_score(&self, worker: Address) -> Result<U256, CallError> {
        self.view(Hub::viewScoreCall { worker }).await
    }

    /// Free and locked stake of an account.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn view_account(&self, account: Address) -> Result<Account, CallError> {
        self.view(Hub::viewAccountCall { account }).await.map(Account::from)
    }

    /// Free and locked stake of accounts in one batch, in order.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn view_accounts(&self, accounts: &[Address]) -> Result<Vec<Account>, CallError> {
        let calls = accounts.iter().map(|account| Hub::viewAccountCall { account: *account });
        Ok(self.view_all(calls).await?.into_iter().map(Account::from).collect())
    }

    /// Units of an order that are used.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn view_consumed(&self, order: OrderHash) -> Result<U256, CallError> {
        self.view(Hub::viewConsumedCall { orderHash: order.0 }).await
    }

    /// Who signed an order on chain, if anyone did.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn view_presigned(&self, order: OrderHash) -> Result<Option<Address>, CallError> {
        let signer = self.view(Hub::viewPresignedCall { orderHash: order.0 }).await?;
        Ok(Some(signer).filter(|signer| !signer.is_zero()))
    }

    /// Whether the hub takes `signature`, or a signature on chain, as `account`'s on `order`.
    ///
    /// # Errors
    /// A signature of neither 64 nor 65 bytes of an account without code reverts; see [`CallError`].
    pub async fn verify_presignature_or_signature(
        &self,
        account: Address,
        order: OrderHash,
        signature: Bytes,
    ) -> Result<bool, CallError> {
        self.view(Hub::verifyPresignatureOrSignatureCall { account, hash: order.0, signature }).await
    }

    /// Whether `signature` over `digest` is `account`'s: by its key, or by the word of its contract (ERC-1271). Never the
    /// zero address's. The chain is asked only if no key of the account signed.
    ///
    /// # Errors
    /// [`CallError::Rpc`].
    pub async fn verify_signature(
        &self,
        account: Address,
        digest: B256,
        signature: &Bytes,
    ) -> Result<bool, CallError> {
        if account.is_zero() || signature.is_empty() {
            return Ok(false);
        }
        if signing::recover(digest, signature) == Some(account) {
            return Ok(true);
        }
        if self.chain.code(account).await?.is_empty() {
            return Ok(false);
        }
        match self
            .view(Hub::verifySignatureCall { account, hash: digest, signature: signature.clone() })
            .await
        {
            Err(CallError::Reverted(_) | CallError::Undecodable { .. }) => Ok(false),
            answered => answered,
        }
    }

    /// How many categories there are.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn count_category(&self) -> Result<u64, CallError> {
        let count = self.view(Hub::countCategoryCall {}).await?;
        self.typed("countCategory", u64::try_from(count))
    }

    /// A category; `None` if there is none with this number.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn view_category(&self, category: CategoryId) -> Result<Option<Category>, CallError> {
        if category.0 >= self.count_category().await? {
            return Ok(None);
        }
        let category = self.view(Hub::viewCategoryCall { categoryId: U256::from(category.0) }).await?;
        Ok(Some(category_of(category)))
    }

    /// All categories, in order of their numbers.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn categories(&self) -> Result<Vec<Category>, CallError> {
        let count = self.count_category().await?;
        let calls = (0..count).map(|id| Hub::viewCategoryCall { categoryId: U256::from(id) });
        Ok(self.view_all(calls).await?.into_iter().map(category_of).collect())
    }

    pub(crate) fn typed<T, E: ToString>(
        &self,
        call: &'static str,
        value: Result<T, E>,
    ) -> Result<T, CallError> {
        let to = self.address;
        value.map_err(|error| CallError::Undecodable { to, call, reason: error.to_string() })
    }
}

fn category_of(category: Hub::Category) -> Category {
    Category {
        name: category.name.into(),
        description: category.description.into(),
        work_clock_time_ref_s: category.workClockTimeRef.saturating_to(),
    }
}
