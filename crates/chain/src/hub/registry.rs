//! Assets and their registries.

use alloy_primitives::{Address, B256, Bytes, U256};
use alloy_sol_types::SolCall;
use metacloud_abi::{App, AppRegistry, Hub, Workerpool, WorkerpoolRegistry};

use super::HubClient;
use crate::error::{CallError, SendError};
use crate::wallet::Wallet;

/// The three registries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Registries {
    /// Of applications.
    pub app: Address,
    /// Of datasets.
    pub dataset: Address,
    /// Of workerpools.
    pub workerpool: Address,
}

/// What an application registers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppListing {
    /// Who will own it.
    pub owner: Address,
    /// A name for people.
    pub name: String,
    /// "DOCKER" or "WASM".
    pub app_type: String,
    /// Where it is: a binary multiaddr, or the bytes of an address in text.
    pub multiaddr: Bytes,
    /// SHA-256 of the content.
    pub checksum: B256,
    /// Enclave configuration; empty without.
    pub mrenclave: Bytes,
}

/// What a pool lets its workers stake and keeps for itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PoolPolicy {
    /// Stake of a worker in percent of the price of a task; at most 1000.
    pub worker_stake_ratio: U256,
    /// Share of the reward that the scheduler keeps, percent; at most 100.
    pub scheduler_reward_ratio: U256,
}

/// A workerpool as registered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkerpoolInfo {
    /// Its owner, the scheduler.
    pub owner: Address,
    /// Free text.
    pub description: String,
    /// Its policy now; deals keep that of their match.
    pub policy: PoolPolicy,
}

impl HubClient {
    /// The registries that the hub accepts assets from.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn registries(&self) -> Result<Registries, CallError> {
        let (app, dataset, workerpool) = futures::try_join!(
            self.view(Hub::appregistryCall {}),
            self.view(Hub::datasetregistryCall {}),
            self.view(Hub::workerpoolregistryCall {}),
        )?;
        Ok(Registries { app, dataset, workerpool })
    }

    /// The owner of an app, dataset or workerpool.
    ///
    /// # Errors
    /// [`CallError::Undecodable`] if there is no such asset; see [`CallError`].
    pub async fn owner_of(&self, asset: Address) -> Result<Address, CallError> {
        self.chain().read(asset, &App::ownerCall {}).await
    }

    /// Whether a registry knows an asset.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn is_registered(&self, registry: Address, asset: Address) -> Result<bool, CallError> {
        self.chain().read(registry, &AppRegistry::isRegisteredCall { entry: asset }).await
    }

    /// An application as registered.
    ///
    /// # Errors
    /// Empty revert if there is no such application; see [`CallError`].
    pub async fn view_app(&self, app: Address) -> Result<AppListing, CallError> {
        let found = self.view(Hub::viewAppCall { app }).await?;
        Ok(AppListing {
            owner: found.owner,
            name: found.m_appName,
            app_type: found.m_appType,
            multiaddr: found.m_appMultiaddr,
            checksum: found.m_appChecksum,
            mrenclave: found.m_appMREnclave,
        })
    }

    /// A dataset as registered.
    ///
    /// # Errors
    /// Empty revert if there is no such dataset; see [`CallError`].
    pub async fn view_dataset(&self, dataset: Address) -> Result<Hub::DatasetInfo, CallError> {
        self.view(Hub::viewDatasetCall { dataset }).await
    }

    /// A workerpool as registered.
    ///
    /// # Errors
    /// Empty revert if there is no such workerpool; see [`CallError`].
    pub async fn view_workerpool(&self, workerpool: Address) -> Result<WorkerpoolInfo, CallError> {
        let found = self.view(Hub::viewWorkerpoolCall { workerpool }).await?;
        Ok(WorkerpoolInfo {
            owner: found.owner,
            description: found.m_workerpoolDescription,
            policy: PoolPolicy {
                worker_stake_ratio: found.m_workerStakeRatioPolicy,
                scheduler_reward_ratio: found.m_schedulerRewardRatioPolicy,
            },
        })
    }

    /// Registers an application, or finds it if the very same is registered.
    ///
    /// # Errors
    /// See [`SendError`].
    pub async fn create_app(
        &self,
        wallet: &Wallet,
        registry: Address,
        app: &AppListing,
    ) -> Result<Address, SendError> {
        let create = AppRegistry::createAppCall {
            holder: app.owner,
            appName: app.name.clone(),
            appType: app.app_type.clone(),
            multiaddr: app.multiaddr.clone(),
            checksum: app.checksum,
            mrenclave: app.mrenclave.clone(),
        };
        let create: Bytes = create.abi_encode().into();
        self.create(wallet, registry, AppRegistry::predictAppCall::SELECTOR, create).await
    }

    /// Registers a workerpool, or finds it if the very same is registered.
    ///
    /// # Errors
    /// See [`SendError`].
    pub async fn create_workerpool(
        &self,
        wallet: &Wallet,
        registry: Address,
        owner: Address,
        description: &str,
    ) -> Result<Address, SendError> {
        let create =
            WorkerpoolRegistry::createWorkerpoolCall { holder: owner, description: description.to_owned() };
        let create: Bytes = create.abi_encode().into();
        self.create(wallet, registry, WorkerpoolRegistry::predictWorkerpoolCall::SELECTOR, create).await
    }

    /// `create…` and `predict…` take the same arguments, so one call is the other with another selector.
    async fn create(
        &self,
        wallet: &Wallet,
        registry: Address,
        predict: [u8; 4],
        create: Bytes,
    ) -> Result<Address, SendError> {
        let question: Bytes = [&predict, &create[4..]].concat().into();
        let answer = self.chain().call(registry, question).await.map_err(send_error)?;
        let address = AppRegistry::predictAppCall::abi_decode_returns(&answer).map_err(|error| {
            let reason = error.to_string();
            send_error(CallError::Undecodable { to: registry, call: "predict", reason })
        })?;
        if self.chain().code(address).await?.is_empty() {
            wallet.send(registry, create).await?;
        }
        Ok(address)
    }

    /// Sets a pool's policy for deals to come; its owner only.
    ///
    /// # Errors
    /// See [`SendError`].
    pub async fn change_policy(
        &self,
        wallet: &Wallet,
        workerpool: Address,
        policy: PoolPolicy,
    ) -> Result<crate::block::Receipt, SendError> {
        let call = Workerpool::changePolicyCall {
            newWorkerStakeRatioPolicy: policy.worker_stake_ratio,
            newSchedulerRewardRatioPolicy: policy.scheduler_reward_ratio,
        };
        wallet.send(workerpool, call.abi_encode().into()).await
    }
}

fn send_error(error: CallError) -> SendError {
    match error {
        CallError::Reverted(reason) => SendError::Reverted { reason, tx: None },
        CallError::Rpc(error) => SendError::Rpc(error),
        undecodable @ CallError::Undecodable { .. } => SendError::Answer(undecodable),
    }
}
