//! The life of tasks: what pools, workers and claimers send.

use alloy_primitives::{Address, Bytes, U256};
use metacloud_abi::Hub;
use metacloud_protocol::{DealId, ResultDigest, ResultHash, ResultSeal, TaskId};

use super::HubClient;
use crate::block::Receipt;
use crate::error::SendError;
use crate::wallet::Wallet;

/// What a worker commits to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Commitment {
    /// The task.
    pub task: TaskId,
    /// Equal for all workers with the same result.
    pub hash: ResultHash,
    /// Proves that this worker knew it.
    pub seal: ResultSeal,
    /// Address of the enclave's key; zero without enclave.
    pub enclave_challenge: Address,
    /// The enclave's signature; empty without.
    pub enclave_sign: Bytes,
    /// The pool's authorization of this worker for this task.
    pub authorization: Bytes,
}

/// A result that needs no second opinion.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OneStep {
    /// The task.
    pub task: TaskId,
    /// The digest of the result.
    pub digest: ResultDigest,
    /// Where the result is.
    pub results: Bytes,
    /// What the callback contract receives; empty without callback.
    pub results_callback: Bytes,
    /// Address of the enclave's key; zero without enclave.
    pub enclave_challenge: Address,
    /// The enclave's signature; empty without.
    pub enclave_sign: Bytes,
    /// The pool's authorization of this worker for this task.
    pub authorization: Bytes,
}

// Every call below fails as `SendError` says; the checks behind a revert are those of the protocol's section 11.
impl HubClient {
    /// Makes a task of a deal active.
    ///
    /// # Errors
    /// See [`SendError`].
    pub async fn initialize(&self, wallet: &Wallet, deal: DealId, index: U256) -> Result<Receipt, SendError> {
        self.send(wallet, &Hub::initializeCall { dealId: deal.0, index }).await
    }

    /// Makes many tasks active, all or none.
    ///
    /// # Errors
    /// See [`SendError`].
    pub async fn initialize_array(
        &self,
        wallet: &Wallet,
        tasks: &[(DealId, U256)],
    ) -> Result<Receipt, SendError> {
        let (deals, indexes) = tasks.iter().map(|(deal, index)| (deal.0, *index)).unzip();
        self.send(wallet, &Hub::initializeArrayCall { dealIds: deals, indexes }).await
    }

    /// Commits the wallet to a result and locks its stake.
    ///
    /// # Errors
    /// See [`SendError`].
    pub async fn contribute(&self, wallet: &Wallet, what: &Commitment) -> Result<Receipt, SendError> {
        let call = Hub::contributeCall {
            taskId: what.task.0,
            resultHash: what.hash.0,
            resultSeal: what.seal.0,
            enclaveChallenge: what.enclave_challenge,
            enclaveSign: what.enclave_sign.clone(),
            authorizationSign: what.authorization.clone(),
        };
        self.send(wallet, &call).await
    }

    /// Proves that the wallet had the result that won.
    ///
    /// # Errors
    /// See [`SendError`].
    pub async fn reveal(
        &self,
        wallet: &Wallet,
        task: TaskId,
        digest: ResultDigest,
    ) -> Result<Receipt, SendError> {
        self.send(wallet, &Hub::revealCall { taskId: task.0, resultDigest: digest.0 }).await
    }

    /// Undoes a consensus that nobody revealed in time; the pool's owner only.
    ///
    /// # Errors
    /// See [`SendError`].
    pub async fn reopen(&self, wallet: &Wallet, task: TaskId) -> Result<Receipt, SendError> {
        self.send(wallet, &Hub::reopenCall { taskId: task.0 }).await
    }

    /// Completes a task: pays, rewards, punishes, calls back; the pool's owner only.
    ///
    /// # Errors
    /// See [`SendError`].
    pub async fn finalize(
        &self,
        wallet: &Wallet,
        task: TaskId,
        results: Bytes,
        results_callback: Bytes,
    ) -> Result<Receipt, SendError> {
        let call = Hub::finalizeCall { taskId: task.0, results, resultsCallback: results_callback };
        self.send(wallet, &call).await
    }

    /// Contributes and completes in one transaction, where trust 1 or an enclave allows it.
    ///
    /// # Errors
    /// See [`SendError`].
    pub async fn contribute_and_finalize(
        &self,
        wallet: &Wallet,
        what: &OneStep,
    ) -> Result<Receipt, SendError> {
        let call = Hub::contributeAndFinalizeCall {
            taskId: what.task.0,
            resultDigest: what.digest.0,
            results: what.results.clone(),
            resultsCallback: what.results_callback.clone(),
            enclaveChallenge: what.enclave_challenge,
            enclaveSign: what.enclave_sign.clone(),
            authorizationSign: what.authorization.clone(),
        };
        self.send(wallet, &call).await
    }

    /// Fails an initialized task after its final deadline and refunds the sponsor.
    ///
    /// # Errors
    /// See [`SendError`].
    pub async fn claim(&self, wallet: &Wallet, task: TaskId) -> Result<Receipt, SendError> {
        self.send(wallet, &Hub::claimCall { taskId: task.0 }).await
    }

    /// Claims many tasks, all or none.
    ///
    /// # Errors
    /// See [`SendError`].
    pub async fn claim_array(&self, wallet: &Wallet, tasks: &[TaskId]) -> Result<Receipt, SendError> {
        let tasks = tasks.iter().map(|task| task.0).collect();
        self.send(wallet, &Hub::claimArrayCall { taskIds: tasks }).await
    }

    /// Initializes and claims tasks that were never initialized, all or none.
    ///
    /// # Errors
    /// See [`SendError`].
    pub async fn initialize_and_claim_array(
        &self,
        wallet: &Wallet,
        tasks: &[(DealId, U256)],
    ) -> Result<Receipt, SendError> {
        let (deals, indexes) = tasks.iter().map(|(deal, index)| (deal.0, *index)).unzip();
        self.send(wallet, &Hub::initializeAndClaimArrayCall { dealIds: deals, indexes }).await
    }
}
