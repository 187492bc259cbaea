//! The table of a service's routes.

use std::convert::Infallible;

use axum::Router;
use axum::body::to_bytes;
use axum::extract::Request;
use axum::handler::Handler;
use axum::http::{Method, StatusCode, header};
use axum::middleware::{from_fn, map_response};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{MethodFilter, MethodRouter, any, on};
use utoipa::openapi::HttpMethod;

use crate::document::Description;
use crate::hearing::hear_out;
use crate::operation::Operation;

/// Bytes of a refusal by axum's own extractors that are shown; they are sentences.
const REFUSAL_BYTES_MAX: usize = 4_096;

/// What a service is called in the document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tag {
    /// Its name.
    pub name: &'static str,
    /// What it is for.
    pub about: &'static str,
}

/// Writes a refusal in the form of a service.
pub type Refuse = fn(StatusCode, String) -> Response;

/// The routes of a service, with their descriptions.
pub struct Routes<S = ()> {
    router: Router<S>,
    description: Description,
    refuse: Refuse,
}

impl<S: Clone + Send + Sync + 'static> Routes<S> {
    /// No routes yet. `refuse` writes what axum itself refuses: a path that is not UTF-8, a body that is too long, a
    /// method that is not served.
    #[must_use]
    pub fn new(tag: Tag, refuse: Refuse) -> Self {
        Self { router: Router::new(), description: Description::new(tag), refuse }
    }

    /// Routes for [`Self::merge`] alone.
    #[must_use]
    pub fn part(tag: Tag) -> Self {
        Self::new(tag, |status, words| (status, words).into_response())
    }

    /// A route. Handlers of GET answer HEAD too.
    #[must_use]
    pub fn on<H, T>(mut self, method: &Method, path: &str, handler: H, operation: Operation) -> Self
    where
        H: Handler<T, S>,
        T: 'static,
    {
        let filter = MethodFilter::try_from(method.clone()).expect("a method that axum can tell apart");
        let route: MethodRouter<S, Infallible> = on(filter, handler);
        self.router = self.router.route(path, route);
        self.described(method, path, operation)
    }

    /// [`Self::on`] with GET.
    #[must_use]
    pub fn get<H: Handler<T, S>, T: 'static>(self, path: &str, handler: H, operation: Operation) -> Self {
        self.on(&Method::GET, path, handler, operation)
    }

    /// [`Self::on`] with HEAD.
    #[must_use]
    pub fn head<H: Handler<T, S>, T: 'static>(self, path: &str, handler: H, operation: Operation) -> Self {
        self.on(&Method::HEAD, path, handler, operation)
    }

    /// [`Self::on`] with POST.
    #[must_use]
    pub fn post<H: Handler<T, S>, T: 'static>(self, path: &str, handler: H, operation: Operation) -> Self {
        self.on(&Method::POST, path, handler, operation)
    }

    /// [`Self::on`] with PUT.
    #[must_use]
    pub fn put<H: Handler<T, S>, T: 'static>(self, path: &str, handler: H, operation: Operation) -> Self {
        self.on(&Method::PUT, path, handler, operation)
    }

    /// A route that takes DELETE.
    #[must_use]
    pub fn delete<H: Handler<T, S>, T: 'static>(self, path: &str, handler: H, operation: Operation) -> Self {
        self.on(&Method::DELETE, path, handler, operation)
    }

    /// A route whose handler tells several methods apart by itself.
    #[must_use]
    pub fn every<H, T>(mut self, path: &str, handler: H, operations: Vec<(Method, Operation)>) -> Self
    where
        H: Handler<T, S>,
        T: 'static,
    {
        self.router = self.router.route(path, any(handler));
        for (method, operation) in operations {
            self = self.described(&method, path, operation);
        }
        self
    }

    /// Tells of a route that a layer, or the handler of another method, answers.
    #[must_use]
    pub fn described(mut self, method: &Method, path: &str, operation: Operation) -> Self {
        self.description.add(http_method(method), &plain(path), operation);
        self
    }

    /// Those of another table too, refused in this one's form unless they have layers of their own.
    #[must_use]
    pub fn merge(mut self, other: Self) -> Self {
        self.router = self.router.merge(other.router);
        self.description.merge(other.description);
        self
    }

    /// Adds layers to the routes so far.
    #[must_use]
    pub fn layered(mut self, layers: impl FnOnce(Router<S>) -> Router<S>) -> Self {
        self.router = layers(self.router);
        self
    }

    /// The router, whose refusals all have the service's form.
    pub fn into_router(self) -> Router<S> {
        let refuse = self.refuse;
        self.router
            .method_not_allowed_fallback(async move |request: Request| {
                refuse(StatusCode::METHOD_NOT_ALLOWED, format!("{} is not served here", request.method()))
            })
            .layer(map_response(move |response| in_form(response, refuse)))
            .layer(from_fn(hear_out))
    }

    /// The description.
    #[must_use]
    pub fn into_description(self) -> Description {
        self.description
    }
}

/// Axum's own refusals are plain text: their words in the service's form.
async fn in_form(response: Response, refuse: Refuse) -> Response {
    let status = response.status();
    let kind = response.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    let refusal = status.is_client_error() || status.is_server_error();
    if !refusal || !kind.is_some_and(|kind| kind.starts_with("text/plain")) {
        return response;
    }
    let (parts, body) = response.into_parts();
    let words = to_bytes(body, REFUSAL_BYTES_MAX).await.unwrap_or_default();
    let mut refused = refuse(status, String::from_utf8_lossy(&words).into_owned());
    for (name, value) in &parts.headers {
        if *name != header::CONTENT_TYPE && *name != header::CONTENT_LENGTH {
            refused.headers_mut().insert(name, value.clone());
        }
    }
    refused
}

/// A path as OpenAPI writes it: it has no form for several segments.
fn plain(path: &str) -> String {
    path.replace("{*", "{")
}

fn http_method(method: &Method) -> HttpMethod {
    match method.as_str() {
        "GET" => HttpMethod::Get,
        "HEAD" => HttpMethod::Head,
        "POST" => HttpMethod::Post,
        "PUT" => HttpMethod::Put,
        "PATCH" => HttpMethod::Patch,
        "DELETE" => HttpMethod::Delete,
        "OPTIONS" => HttpMethod::Options,
        other => panic!("{other} has no place in a document"),
    }
}
