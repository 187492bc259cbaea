//! `POST /enclave/secrets`: what a task's enclave may have, sealed to it.

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use metacloud_wire::enclave::SecretsRequest;

use super::{ENCLAVE_BODY_BYTES_MAX, json};
use crate::refusal::Style;
use crate::release::release;
use crate::secrets::Secrets;

pub(super) async fn secrets(State(secrets): State<Secrets>, body: Body) -> Response {
    let answer = async {
        let request: SecretsRequest = json(body, ENCLAVE_BODY_BYTES_MAX).await?;
        let _place = secrets.place()?;
        release(&secrets, &request).await
    };
    match answer.await {
        Ok(answer) => Json(answer).into_response(),
        Err(refusal) => refusal.answer(Style::Text),
    }
}
