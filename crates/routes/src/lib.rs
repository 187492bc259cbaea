//! HTTP routes that describe themselves: one table gives axum's router and the OpenAPI document, so that neither can be
//! without the other; and the page that shows the document.
//!
//! Knows: axum, OpenAPI 3.1, HTML. Must not know: any service, its types or its rules.
//!
//! # How to describe a route
//! Each service has one function `table() -> Routes<State>` in its `routes.rs`. There a route is one call that names
//! method, path, handler and [`Operation`]:
//!
//! ```ignore
//! Routes::new(Tag { name: "market", about: "…" }, refuse)
//!     .get("/deals/{dealid}", reads::deal, Operation::new("getDeal", "One deal, by its id.")
//!         .path("dealid", Shape::of::<Bytes32>(), "The deal.")
//!         .answers::<DealAnswer>(200, "The deal.")
//!         .refuses::<ErrorBody>(&[(400, "No deal id."), (404, "No such deal.")]))
//! ```
//!
//! Types of bodies derive `utoipa::ToSchema`; members of foreign types say what they look like with
//! `#[schema(value_type = …)]` and the forms in `metacloud_wire::schema`. Then `cargo xtask openapi` renews `docs/openapi`.
//! Axum's router is nowhere else given a route (`cargo xtask tidy` looks). What a layer answers by itself is told with
//! [`Routes::described`]. A test sends every operation nonsense and holds the answers against what is described here, so
//! each status that a handler gives must be named.

mod document;
mod hearing;
mod operation;
mod page;
mod routes;
mod shape;
mod site;

pub use document::Description;
pub use operation::{Login, Operation};
pub use routes::{Refuse, Routes, Tag};
pub use shape::Shape;
pub use site::Site;
