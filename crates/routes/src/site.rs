//! `/openapi.json` and `/docs`: the document of an origin, and a page that shows it.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use tower_http::cors::{Any, CorsLayer};
use utoipa::openapi::OpenApi;

use crate::document::{self, Description};
use crate::operation::Operation;
use crate::page;
use crate::routes::{Routes, Tag};
use crate::shape::Shape;

const TAG: Tag = Tag { name: "documentation", about: "This page, and what it is made of." };
/// The page is made of what this program knows; it may run its own script, ask its own origin, and nothing else.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; \
    connect-src 'self'; img-src data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// What an origin tells of itself.
pub struct Site {
    document: OpenApi,
}

#[derive(Clone)]
struct Pages {
    json: Arc<str>,
    html: Arc<str>,
}

impl Site {
    /// The site of services that share an origin.
    ///
    /// # Panics
    /// As [`Description::merge`].
    #[must_use]
    pub fn new(
        title: &str,
        about: &str,
        version: &str,
        services: impl IntoIterator<Item = Description>,
    ) -> Self {
        let own = table().into_description();
        let all = services.into_iter().chain([own]).reduce(|mut all, service| {
            all.merge(service);
            all
        });
        let all = all.expect("the pages themselves are among them");
        Self { document: document::document(title, about, version, all) }
    }

    /// The document's text: JSON, indented.
    #[must_use]
    pub fn text(&self) -> String {
        document::text(&self.document)
    }

    /// `GET /openapi.json` and `GET /docs`.
    pub fn router(&self) -> Router {
        let json: Arc<str> = self.text().into();
        let value = serde_json::to_value(&self.document).expect("a document is JSON");
        let html = page::page(&value).into();
        let cors = CorsLayer::new().allow_origin(Any);
        table().into_router().layer(cors).with_state(Pages { json, html })
    }
}

fn table() -> Routes<Pages> {
    let html = "text/html; charset=utf-8";
    Routes::new(TAG, |status, words| (status, words).into_response())
        .get(
            "/openapi.json",
            json,
            Operation::new("getOpenapi", "This document: OpenAPI 3.1.").answers_shape(
                200,
                "application/json",
                Shape::any(),
                "The document.",
            ),
        )
        .get(
            "/docs",
            html_page,
            Operation::new("getDocs", "This document as a page.").answers_shape(
                200,
                html,
                Shape::any_text(),
                "The page.",
            ),
        )
}

async fn json(State(pages): State<Pages>) -> Response {
    let headers = [(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, "no-cache")];
    (StatusCode::OK, headers, pages.json.to_string()).into_response()
}

async fn html_page(State(pages): State<Pages>) -> Response {
    let headers: [(HeaderName, HeaderValue); 5] = [
        (header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8")),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-cache")),
        (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY)),
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    ];
    (StatusCode::OK, headers, pages.html.to_string()).into_response()
}
