//! The signed form: EIP-712 with nonce, expiry and policy (`metacloud_wire::secrets`).

use alloy_primitives::{Address, B256, Bytes};
use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use metacloud_wire::Timestamp;
use metacloud_wire::secrets::{
    DeleteSecret, LIFE_S_MAX, SecretId, SecretKind, SecretView, SetSecret, VALUE_BYTES_MAX,
};

use super::{Params, SIGNED_BODY_BYTES_MAX, address, json};
use crate::clock::{now_ms, now_s};
use crate::owner;
use crate::records::Write;
use crate::refusal::{Refusal, Style};
use crate::secrets::Secrets;

/// `POST /v2/secrets`.
pub(super) async fn set(State(secrets): State<Secrets>, body: Body) -> Response {
    match take(&secrets, body).await {
        Ok(()) => StatusCode::NO_CONTENT.into_response(),
        Err(refusal) => refusal.answer(Style::Text),
    }
}

/// `GET /v2/secrets`.
pub(super) async fn show(State(secrets): State<Secrets>, uri: Uri) -> Response {
    match view(&secrets, &uri).await {
        Ok(view) => Json(view).into_response(),
        Err(refusal) => refusal.answer(Style::Text),
    }
}

async fn view(secrets: &Secrets, uri: &Uri) -> Result<SecretView, Refusal> {
    let params = Params::of(uri)?;
    let kind = SecretKind::from_name(params.get("kind")?);
    let kind = kind.ok_or_else(|| Refusal::form("kind is dataset, account, app or requester"))?;
    let id = SecretId::new(kind, address(params.get("subject")?)?, params.get("name")?)?;
    let shown = secrets.0.records.shown(&id).await?.ok_or(Refusal::Unknown)?;
    Ok(SecretView { release: shown.release, set: Timestamp::from_ms(shown.set_ms) })
}

async fn take(secrets: &Secrets, body: Body) -> Result<(), Refusal> {
    let request: SetSecret = json(body, SIGNED_BODY_BYTES_MAX).await?;
    let message = &request.message;
    let id = message.id()?;
    if request.value.len() > VALUE_BYTES_MAX {
        return Err(Refusal::TooLong);
    }
    if request.value.is_empty() {
        return Err(Refusal::form("the value is empty"));
    }
    if !request.value_fits() {
        return Err(Refusal::form("valueHash is not the Keccak-256 of the value"));
    }
    let digest = message.digest(secrets.0.hub.chain().id(), secrets.0.hub.address());
    let _place = secrets.place()?;
    let signer = signer(secrets, &id, digest, &request.sign, message.expires).await?;
    let how = Write::Signed {
        release: message.release,
        replace: message.replace,
        signer,
        nonce: message.nonce,
        expires_s: message.expires,
    };
    secrets.0.records.put(&id, &request.value, how, rand::random(), now_ms()).await?;
    tracing::info!(secret = %id, release = %message.release, "secret set");
    Ok(())
}

/// `DELETE /v2/secrets`.
pub(super) async fn delete(State(secrets): State<Secrets>, body: Body) -> Response {
    match remove(&secrets, body).await {
        Ok(()) => StatusCode::NO_CONTENT.into_response(),
        Err(refusal) => refusal.answer(Style::Text),
    }
}

async fn remove(secrets: &Secrets, body: Body) -> Result<(), Refusal> {
    let DeleteSecret { message, sign } = json(body, SIGNED_BODY_BYTES_MAX).await?;
    let id = message.id()?;
    let digest = message.digest(secrets.0.hub.chain().id(), secrets.0.hub.address());
    let _place = secrets.place()?;
    let signer = signer(secrets, &id, digest, &sign, message.expires).await?;
    secrets.0.records.remove(&id, signer, message.nonce, message.expires, now_ms()).await?;
    tracing::info!(secret = %id, "secret removed");
    Ok(())
}

/// The owner, who signed a message that is still alive.
async fn signer(
    secrets: &Secrets,
    id: &SecretId,
    digest: B256,
    sign: &Bytes,
    expires_s: u64,
) -> Result<Address, Refusal> {
    let now = now_s();
    if expires_s <= now {
        return Err(Refusal::Stale(format!("the message expired at {expires_s}, it is {now}")));
    }
    if expires_s - now > LIFE_S_MAX {
        return Err(Refusal::form(format!("a message lives for at most {LIFE_S_MAX} s")));
    }
    let hub = &secrets.0.hub;
    let signer = owner::of(hub, &secrets.0.registries, id).await?.ok_or(Refusal::Authorization)?;
    match hub.verify_signature(signer, digest, sign).await? {
        true => Ok(signer),
        false => Err(Refusal::Authorization),
    }
}
