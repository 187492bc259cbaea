//! What the enclave of one task receives: exactly what its deal names, checked on chain, each piece under the policy of
//! whoever set it.

use alloy_primitives::{Address, Bytes};
use metacloud_abi::Hub;
use metacloud_chain::CallError;
use metacloud_protocol::ids::{authorization_hash, eip191};
use metacloud_protocol::params::DealParams;
use metacloud_protocol::{Deal, TaskStatus};
use metacloud_seal::sealed;
use metacloud_wire::enclave::{
    AuthorizationView, BUNDLE_PURPOSE, Bundle, DatasetKey, SLICE_ORDERS_MAX, SecretsAnswer, SecretsRequest,
    Verified,
};
use metacloud_wire::orders::{DatasetOrderBody, OrderBody as _};
use metacloud_wire::secrets::{RESULT_KEY_NAME, SecretId};
use zeroize::Zeroizing;

use crate::clock::now_s;
use crate::records::Secret;
use crate::refusal::Refusal;
use crate::secrets::Secrets;

/// Secrets of the requester that one deal may name; its params have a bound of their own on chain.
const REQUESTER_SECRETS_MAX: usize = 1_000;

/// Checks evidence, authorization, task and policies, and seals the task's secrets to its enclave.
pub(crate) async fn release(secrets: &Secrets, request: &SecretsRequest) -> Result<SecretsAnswer, Refusal> {
    let SecretsRequest { evidence, authorization, slice } = request;
    let enclave = evidence.verify(&secrets.0.roots, now_s())?;
    let deal = deal_of(secrets, &enclave).await?;
    authorized(secrets, &enclave, authorization, &deal).await?;
    let bundle = gather(secrets, &enclave, &deal, slice).await?;
    tracing::info!(
        task = %enclave.statement().task_id,
        worker = %enclave.statement().worker,
        enclave = %enclave.statement().enclave,
        kind = %enclave.kind(),
        datasets = bundle.dataset_keys.len(),
        app = bundle.app_secret.is_some(),
        requester = bundle.requester_secrets.len(),
        "secrets released"
    );
    let json = Zeroizing::new(serde_json::to_vec(&bundle).expect("texts always serialise"));
    let recipient = enclave.statement().seal_key.0;
    let binding = enclave.digest();
    let sealed = sealed::seal(&recipient, BUNDLE_PURPOSE, binding.as_slice(), &json, rand::random());
    let sealed = sealed.map_err(|error| match error {
        sealed::SealedError::PublicKey => Refusal::Authorization,
        sealed::SealedError::TooLong { .. } | sealed::SealedError::NotOpened => {
            Refusal::TooMany(format!("the secrets of one task do not fit into one answer: {error}"))
        }
    })?;
    Ok(SecretsAnswer { sealed: sealed.into() })
}

/// The deal of a task that an enclave may work on now.
async fn deal_of(secrets: &Secrets, enclave: &Verified) -> Result<Deal, Refusal> {
    let (hub, id) = (&secrets.0.hub, enclave.statement().task_id);
    let task = hub.view_task(id).await?;
    match task.status {
        TaskStatus::Unset => return Err(Refusal::Missing(format!("task {id} is not initialized"))),
        TaskStatus::Active => {}
        TaskStatus::Revealing | TaskStatus::Completed | TaskStatus::Failed => {
            return Err(Refusal::Over(format!("task {id} takes no contribution any more")));
        }
    }
    if hub.chain().head().await?.timestamp_s >= task.contribution_deadline_s {
        return Err(Refusal::Over(format!("the contribution deadline of task {id} is past")));
    }
    let deal = hub.view_deal(task.deal).await?;
    let deal = deal.ok_or_else(|| Refusal::Missing(format!("task {id} has no deal")))?;
    if !deal.tag.tee() {
        return Err(Refusal::Policy(format!("the deal of task {id} does not ask for an enclave")));
    }
    Ok(deal)
}

/// The pool lets this worker serve this task with this enclave (poco 7.2).
async fn authorized(
    secrets: &Secrets,
    enclave: &Verified,
    authorization: &AuthorizationView,
    deal: &Deal,
) -> Result<(), Refusal> {
    let AuthorizationView { worker, task_id, enclave: address, sign } = authorization;
    let statement = enclave.statement();
    if (worker, task_id, address) != (&statement.worker, &statement.task_id, &statement.enclave) {
        return Err(Refusal::Authorization);
    }
    let hub = &secrets.0.hub;
    let broker = hub.chain().read(hub.address(), &Hub::teebrokerCall {}).await?;
    let signer = if broker.is_zero() { deal.workerpool.owner } else { broker };
    let digest = eip191(authorization_hash(*worker, *task_id, *address));
    match hub.verify_signature(signer, digest, sign).await? {
        true => Ok(()),
        false => Err(Refusal::Authorization),
    }
}

async fn gather(
    secrets: &Secrets,
    enclave: &Verified,
    deal: &Deal,
    slice: &[DatasetOrderBody],
) -> Result<Bundle, Refusal> {
    let params = DealParams::read(&deal.params).params;
    let mut bundle = Bundle::default();
    if deal.has_dataset() {
        let dataset = deal.dataset.pointer;
        bundle.dataset_keys.push(dataset_key(secrets, enclave, dataset).await?);
    }
    if params.bulk_cid.is_some() {
        bundle.dataset_keys.extend(slice_keys(secrets, enclave, slice).await?);
    }
    let app = SecretId::app(deal.app.pointer);
    if let Some(mut secret) = secrets.0.records.read(&app).await? {
        admit(enclave, &app, &secret)?;
        bundle.app_secret = Some(std::mem::take(&mut *secret.value));
    }
    if params.secrets.len() > REQUESTER_SECRETS_MAX {
        return Err(Refusal::TooMany(format!("a deal names at most {REQUESTER_SECRETS_MAX} secrets")));
    }
    for (index, name) in &params.secrets {
        // A name that no requester can have set is as missing as one that none has.
        let id = SecretId::requester(deal.requester, name)
            .map_err(|_| Refusal::Missing(format!("secret {index} of the requester has no possible name")))?;
        let mut secret = needed(secrets, enclave, &id).await?;
        bundle.requester_secrets.insert(index.to_string(), std::mem::take(&mut *secret.value));
    }
    if params.result_encryption {
        let id = SecretId::account(deal.beneficiary, RESULT_KEY_NAME)?;
        let mut secret = needed(secrets, enclave, &id).await?;
        bundle.result_encryption_key = Some(std::mem::take(&mut *secret.value));
    }
    Ok(bundle)
}

/// Keys of those datasets of a slice whose orders the hub lets this deal use; the others are left out, as the
/// application runs without them (middleware C.3). That an order belongs to the slice is for the enclave to check, which
/// has the content identifier from the chain: a key more, for a deal that its owner agreed to, is of no use to anybody
/// else.
async fn slice_keys(
    secrets: &Secrets,
    enclave: &Verified,
    slice: &[DatasetOrderBody],
) -> Result<Vec<DatasetKey>, Refusal> {
    if slice.len() > SLICE_ORDERS_MAX {
        return Err(Refusal::form(format!("a slice has at most {SLICE_ORDERS_MAX} orders")));
    }
    let hub = &secrets.0.hub;
    let deal_id = hub.view_task(enclave.statement().task_id).await?.deal;
    let calls: Vec<(Address, Bytes)> = slice
        .iter()
        .map(|order| {
            let call = Hub::assertDatasetDealCompatibilityCall {
                datasetOrder: order.to_signed().into(),
                dealId: deal_id.0,
            };
            (hub.address(), alloy_sol_types::SolCall::abi_encode(&call).into())
        })
        .collect();
    let mut keys = Vec::new();
    for (order, answer) in slice.iter().zip(hub.chain().calls(&calls).await) {
        let dataset = order.dataset.0;
        match answer {
            Ok(_) => {}
            Err(CallError::Reverted(reason)) => {
                tracing::info!(%dataset, %reason, "a dataset of a slice is left out");
                continue;
            }
            Err(error) => return Err(error.into()),
        }
        if keys.iter().any(|key: &DatasetKey| key.dataset == dataset) {
            continue;
        }
        match dataset_key(secrets, enclave, dataset).await {
            Ok(key) => keys.push(key),
            Err(Refusal::Missing(reason) | Refusal::Policy(reason)) => {
                tracing::info!(%dataset, %reason, "a dataset of a slice is left out");
            }
            Err(error) => return Err(error),
        }
    }
    Ok(keys)
}

async fn dataset_key(secrets: &Secrets, enclave: &Verified, dataset: Address) -> Result<DatasetKey, Refusal> {
    let mut secret = needed(secrets, enclave, &SecretId::dataset(dataset)).await?;
    Ok(DatasetKey { dataset, key: std::mem::take(&mut *secret.value) })
}

/// A secret without which the task cannot run.
async fn needed(secrets: &Secrets, enclave: &Verified, id: &SecretId) -> Result<Secret, Refusal> {
    let secret = secrets.0.records.read(id).await?;
    let secret = secret.ok_or_else(|| Refusal::Missing(format!("the {id} is not set")))?;
    admit(enclave, id, &secret)?;
    Ok(secret)
}

fn admit(enclave: &Verified, id: &SecretId, secret: &Secret) -> Result<(), Refusal> {
    let level = enclave.kind().level();
    match secret.release.admits(level) {
        true => Ok(()),
        false => Err(Refusal::Policy(format!(
            "the {id} is released to {} enclaves only, this one is a {level}",
            secret.release
        ))),
    }
}
