//! What a client is told instead of an answer (http-surface 5.1).

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use metacloud_chain::{CallError, RpcError};
use metacloud_store::StoreError;
use metacloud_wire::enclave::EvidenceError;
use metacloud_wire::secrets::{ErrorText, OldErrors, SecretId, SecretIdError};

/// A refusal. Its text is for strangers and never holds a value.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refusal {
    /// 400: the request has not the right form.
    #[error("{0}")]
    Form(String),
    /// 400: there can be no secret of this name.
    #[error(transparent)]
    Name(#[from] SecretIdError),
    /// 401: no signature, or not the owner's.
    #[error("Invalid authorization")]
    Authorization,
    /// 401: a signed message whose time is over, or that serves once and has.
    #[error("{0}")]
    Stale(String),
    /// 401, and 403 if it is the policy of this service: evidence that is not taken.
    #[error(transparent)]
    Evidence(#[from] EvidenceError),
    /// 403: whoever set the policy does not admit this.
    #[error("{0}")]
    Policy(String),
    /// 404.
    #[error("Secret not found")]
    Unknown,
    /// 404: something that a task needs.
    #[error("{0}")]
    Missing(String),
    /// 409.
    #[error("Secret already exists")]
    Exists,
    /// 409: an earlier value, in the form that could be anybody's copy.
    #[error("this value was replaced before; only the signed form sets it again")]
    Replaced,
    /// 409: nothing is released for a task that is over.
    #[error("{0}")]
    Over(String),
    /// 413, and 400 on the requester's route.
    #[error("Secret size should not exceed 4 Kb")]
    TooLong,
    /// 429: the owner has too many secrets, or has replaced one too often.
    #[error("{0}")]
    TooMany(String),
    /// 429: the client asks too often.
    #[error("too many requests; try again in a minute")]
    TooOften,
    /// 503: too many requests at once.
    #[error("the service is busy; try again")]
    Busy,
    /// 500: a value at rest does not open.
    #[error("the {0} is damaged at rest")]
    Damaged(SecretId),
    /// 500: the chain does not answer.
    #[error("the chain does not answer: {0}")]
    Chain(#[from] CallError),
    /// 500: the database does not answer.
    #[error("the database does not answer: {0}")]
    Store(#[from] StoreError),
}

/// The body that carries the text of a refusal.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Style {
    /// None: `/secrets/…`.
    Empty,
    /// `{"error": ["…"]}`: `/apps/…`.
    List,
    /// As `List`; too long is 400: `/requesters/…`.
    Requester,
    /// `{"error": "…"}`: our own routes.
    Text,
}

impl Refusal {
    pub(crate) fn form(text: impl Into<String>) -> Self {
        Self::Form(text.into())
    }

    fn status(&self) -> StatusCode {
        match self {
            Self::Form(_) | Self::Name(_) => StatusCode::BAD_REQUEST,
            Self::Evidence(EvidenceError::SimulationNotAdmitted) | Self::Policy(_) => StatusCode::FORBIDDEN,
            Self::Authorization | Self::Stale(_) | Self::Evidence(_) => StatusCode::UNAUTHORIZED,
            Self::Unknown | Self::Missing(_) => StatusCode::NOT_FOUND,
            Self::Exists | Self::Replaced | Self::Over(_) => StatusCode::CONFLICT,
            Self::TooLong => StatusCode::PAYLOAD_TOO_LARGE,
            Self::TooMany(_) | Self::TooOften => StatusCode::TOO_MANY_REQUESTS,
            Self::Busy => StatusCode::SERVICE_UNAVAILABLE,
            Self::Damaged(_) | Self::Chain(_) | Self::Store(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    pub(crate) fn answer(self, style: Style) -> Response {
        let status = match (style, &self) {
            (Style::Requester, Self::TooLong) => StatusCode::BAD_REQUEST,
            _ => self.status(),
        };
        let text = if status == StatusCode::INTERNAL_SERVER_ERROR {
            tracing::error!(error = %self, "request failed");
            "Something went wrong, you should retry later.".to_owned()
        } else {
            tracing::debug!(%status, reason = %self, "request refused");
            self.to_string()
        };
        match style {
            Style::Empty => status.into_response(),
            Style::List | Style::Requester => (status, Json(OldErrors { error: vec![text] })).into_response(),
            Style::Text => (status, Json(ErrorText { error: text })).into_response(),
        }
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
