//! The signed form: EIP-712 with nonce, expiry and policy (`metacloud_wire::secrets`).

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use metacloud_wire::Timestamp;
use metacloud_wire::secrets::{LIFE_S_MAX, SecretId, SecretKind, SecretView, SetSecret, VALUE_BYTES_MAX};

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
    let now = now_s();
    if message.expires <= now {
        return Err(Refusal::Stale(format!("the message expired at {}, it is {now}", message.expires)));
    }
    if message.expires - now > LIFE_S_MAX {
        return Err(Refusal::form(format!("a message lives for at most {LIFE_S_MAX} s")));
    }
    let _place = secrets.place()?;
    let hub = &secrets.0.hub;
    let signer = owner::of(hub, &secrets.0.registries, &id).await?.ok_or(Refusal::Authorization)?;
    let digest = message.digest(hub.chain().id(), hub.address());
    if !hub.verify_signature(signer, digest, &request.sign).await? {
        return Err(Refusal::Authorization);
    }
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
