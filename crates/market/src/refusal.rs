//! What a client is told instead of an answer (http-surface 4.11).

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use metacloud_chain::{CallError, RpcError};
use metacloud_store::StoreError;
use metacloud_wire::market::ErrorBody;

/// A refusal with its status. Its text is for strangers.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refusal {
    /// 400: the request has not the right form.
    #[error("{0}")]
    Form(String),
    /// 403: the request is well-formed and not allowed.
    #[error("{0}")]
    Rule(String),
    /// 403: who asks could not be established.
    #[error("invalid authorization")]
    Authorization,
    /// 404.
    #[error("{0}")]
    Unknown(String),
    /// 413.
    #[error("request entity too large")]
    TooLarge,
    /// 429.
    #[error("Rate limit exceeded")]
    TooOften,
    /// 500: the chain does not answer.
    #[error("the chain does not answer: {0}")]
    Chain(#[from] CallError),
    /// 500: the database does not answer.
    #[error("the database does not answer: {0}")]
    Store(#[from] StoreError),
    /// 500: the market is stopping.
    #[error("the market is stopping")]
    Stopping,
}

impl Refusal {
    pub(crate) fn form(text: impl Into<String>) -> Self {
        Self::Form(text.into())
    }

    pub(crate) fn rule(text: impl Into<String>) -> Self {
        Self::Rule(text.into())
    }

    pub(crate) fn required(field: &str) -> Self {
        Self::Form(format!("{field} is a required field"))
    }
}

impl From<RpcError> for Refusal {
    fn from(error: RpcError) -> Self {
        Self::Chain(error.into())
    }
}

impl From<sqlx::Error> for Refusal {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let status = match &self {
            Self::Form(_) => StatusCode::BAD_REQUEST,
            Self::Rule(_) | Self::Authorization => StatusCode::FORBIDDEN,
            Self::Unknown(_) => StatusCode::NOT_FOUND,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::TooOften => StatusCode::TOO_MANY_REQUESTS,
            Self::Chain(_) | Self::Store(_) | Self::Stopping => StatusCode::INTERNAL_SERVER_ERROR,
        };
        let text = if status == StatusCode::INTERNAL_SERVER_ERROR {
            tracing::error!(error = %self, "request failed");
            "Something went wrong, you should retry later.".to_owned()
        } else {
            self.to_string()
        };
        (status, axum::Json(ErrorBody::new(text))).into_response()
    }
}
