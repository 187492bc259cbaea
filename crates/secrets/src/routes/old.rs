//! The form of iExec clients: the value as it is, its owner's signature in the header (http-surface 5.1).

use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use metacloud_wire::secrets::{SecretId, VALUE_BYTES_MAX};

use super::{Params, address, authorization, bytes};
use crate::clock::now_ms;
use crate::owner;
use crate::records::Write;
use crate::refusal::{Refusal, Style};
use crate::secrets::Secrets;

type Segments<T> = Result<Path<T>, PathRejection>;

fn dataset_id(uri: &Uri) -> Result<SecretId, Refusal> {
    Ok(SecretId::dataset(address(Params::of(uri)?.get("secretAddress")?)?))
}

fn account_id(uri: &Uri) -> Result<SecretId, Refusal> {
    let params = Params::of(uri)?;
    Ok(SecretId::account(address(params.get("ownerAddress")?)?, params.get("secretName")?)?)
}

fn app_id(path: Segments<String>) -> Result<SecretId, Refusal> {
    let Path(app) = path.map_err(|_| Refusal::form("the path cannot be read"))?;
    Ok(SecretId::app(address(&app)?))
}

fn requester_id(path: Segments<(String, String)>) -> Result<SecretId, Refusal> {
    let Path((requester, name)) = path.map_err(|_| Refusal::form("the path cannot be read"))?;
    Ok(SecretId::requester(address(&requester)?, &name)?)
}

pub(super) async fn dataset_present(State(secrets): State<Secrets>, uri: Uri) -> Response {
    answer(present(&secrets, dataset_id(&uri)).await, Style::Empty)
}

pub(super) async fn account_present(State(secrets): State<Secrets>, uri: Uri) -> Response {
    answer(present(&secrets, account_id(&uri)).await, Style::Empty)
}

pub(super) async fn app_present(State(secrets): State<Secrets>, path: Segments<String>) -> Response {
    answer(present(&secrets, app_id(path)).await, Style::List)
}

pub(super) async fn requester_present(
    State(secrets): State<Secrets>,
    path: Segments<(String, String)>,
) -> Response {
    answer(present(&secrets, requester_id(path)).await, Style::Requester)
}

pub(super) async fn dataset_create(
    State(secrets): State<Secrets>,
    uri: Uri,
    headers: HeaderMap,
    body: Body,
) -> Response {
    answer(create(&secrets, dataset_id(&uri), &headers, body).await, Style::Empty)
}

pub(super) async fn account_create(
    State(secrets): State<Secrets>,
    uri: Uri,
    headers: HeaderMap,
    body: Body,
) -> Response {
    answer(create(&secrets, account_id(&uri), &headers, body).await, Style::Empty)
}

pub(super) async fn account_replace(
    State(secrets): State<Secrets>,
    uri: Uri,
    headers: HeaderMap,
    body: Body,
) -> Response {
    answer(put(&secrets, account_id(&uri), &headers, body, Write::Replace).await, Style::Empty)
}

pub(super) async fn app_create(
    State(secrets): State<Secrets>,
    path: Segments<String>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    answer(create(&secrets, app_id(path), &headers, body).await, Style::List)
}

pub(super) async fn requester_create(
    State(secrets): State<Secrets>,
    path: Segments<(String, String)>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    answer(create(&secrets, requester_id(path), &headers, body).await, Style::Requester)
}

fn answer(done: Result<(), Refusal>, style: Style) -> Response {
    match done {
        Ok(()) => StatusCode::NO_CONTENT.into_response(),
        Err(refusal) => refusal.answer(style),
    }
}

async fn present(secrets: &Secrets, id: Result<SecretId, Refusal>) -> Result<(), Refusal> {
    match secrets.0.records.shown(&id?).await? {
        Some(_) => Ok(()),
        None => Err(Refusal::Unknown),
    }
}

async fn create(
    secrets: &Secrets,
    id: Result<SecretId, Refusal>,
    headers: &HeaderMap,
    body: Body,
) -> Result<(), Refusal> {
    let release = secrets.0.old_form_release;
    put(secrets, id, headers, body, Write::Create { release }).await
}

async fn put(
    secrets: &Secrets,
    id: Result<SecretId, Refusal>,
    headers: &HeaderMap,
    body: Body,
    how: Write,
) -> Result<(), Refusal> {
    let id = id?;
    let body = bytes(body, VALUE_BYTES_MAX).await?;
    if body.is_empty() {
        return Err(Refusal::form("the body, which is the value, is empty"));
    }
    let value = std::str::from_utf8(&body).map_err(|_| Refusal::form("the value is not UTF-8"))?;
    let signature = authorization(headers)?;
    let _place = secrets.place()?;
    let owner = owner::of(&secrets.0.hub, &secrets.0.registries, &id).await?;
    let owner = owner.ok_or(Refusal::Authorization)?;
    let digest = id.old_digest(value.as_bytes());
    if !secrets.0.hub.verify_signature(owner, digest, &signature).await? {
        return Err(Refusal::Authorization);
    }
    secrets.0.records.put(&id, value, how, rand::random(), now_ms()).await?;
    tracing::info!(secret = %id, "secret set");
    Ok(())
}
