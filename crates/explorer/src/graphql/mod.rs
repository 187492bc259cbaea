//! GraphQL as The Graph speaks it (http-surface 13): a small executor over fixed entities. Parsing is `graphql-parser`'s,
//! which bounds nesting; what is selected is resolved and counted (`plan`) before anything is fetched (`execute`).

mod execute;
mod filter;
mod introspection;
mod plan;
#[cfg(test)]
mod reference;
mod schema;
mod sql;
mod types;
mod value;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::explorer::{Explorer, Unready};

pub(crate) use schema::{DATA_PROTECTOR, POCO, Schema};

/// A request as it is posted.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Request {
    query: String,
    #[serde(default, deserialize_with = "nothing_is_empty")]
    variables: Map<String, Value>,
    #[serde(default)]
    operation_name: Option<String>,
}

/// What is wrong with a query, in words for whoever wrote it.
#[derive(Debug, PartialEq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct QueryError(String);

impl QueryError {
    fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failed {
    #[error(transparent)]
    Query(#[from] QueryError),
    #[error(transparent)]
    Unready(#[from] Unready),
}

impl From<sqlx::Error> for Failed {
    fn from(error: sqlx::Error) -> Self {
        Self::Unready(error.into())
    }
}

fn nothing_is_empty<'de, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> Result<Map<String, Value>, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// Answers a request: `{"data": …}`, or what is wrong with the query as `{"errors": […]}`.
///
/// # Errors
/// Chain or database do not answer.
pub(crate) async fn answer(
    explorer: &Explorer,
    schema: &'static Schema,
    request: &Request,
) -> Result<Value, Unready> {
    match try_answer(explorer, schema, request).await {
        Ok(data) => Ok(json!({ "data": data })),
        Err(Failed::Query(error)) => Ok(errors(&error.0)),
        Err(Failed::Unready(error)) => Err(error),
    }
}

/// The form of a refusal.
pub(crate) fn errors(message: &str) -> Value {
    json!({ "errors": [{ "message": message }] })
}

async fn try_answer(
    explorer: &Explorer,
    schema: &'static Schema,
    request: &Request,
) -> Result<Map<String, Value>, Failed> {
    let roots = plan::plan(schema, request)?;
    explorer.catch_up().await?;
    if plan::shows(&roots, &schema::BULK_SLICE) {
        explorer.0.bulk.complete(&explorer.0.records, &explorer.0.storage).await.map_err(Unready::from)?;
    }
    let read = explorer.0.records.database.reader().begin().await?;
    execute::Execution::new(read).run(&roots).await
}
