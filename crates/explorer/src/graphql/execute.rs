//! Fetches what a plan says, out of one state of the index, within bounds.

use alloy_primitives::{U256, hex};
use serde_json::{Map, Value};
use sqlx::sqlite::SqliteRow;
use sqlx::{QueryBuilder, Row as _, Sqlite, Transaction};

use super::filter::{Bound, Filter, rlc};
use super::plan::{Chosen, List, MetaPart, Root, RootWhat, What};
use super::schema::{Entity, Field, Kind};
use super::{Failed, QueryError};

/// Rows of one request, over all its lists.
pub(super) const ROWS_MAX: usize = 20_000;
/// Statements of one request: a list inside of a list takes one for each row of the outer.
pub(super) const STATEMENTS_MAX: usize = 5_000;

/// What a request has taken so far, from one state of the index.
pub(super) struct Execution {
    read: Transaction<'static, Sqlite>,
    rows: usize,
    statements: usize,
}

/// A boxed future, for calls that recurse; the plan bounds their depth.
type Boxed<'a, T> = std::pin::Pin<Box<dyn Future<Output = Result<T, Failed>> + Send + 'a>>;

impl Execution {
    pub(super) fn new(read: Transaction<'static, Sqlite>) -> Self {
        Self { read, rows: 0, statements: 0 }
    }

    pub(super) async fn run(&mut self, roots: &[Root]) -> Result<Map<String, Value>, Failed> {
        let mut answer = Map::new();
        for root in roots {
            let value = match &root.what {
                RootWhat::Typename => Value::from("Query"),
                RootWhat::Types(answer) => answer.clone(),
                RootWhat::Meta(parts) => self.meta(parts).await?,
                RootWhat::One { entity, id, fields } => self.one(entity, id.clone(), fields).await?,
                RootWhat::Many { entity, list, fields } => self.many(entity, None, list, fields).await?,
            };
            answer.insert(root.key.clone(), value);
        }
        Ok(answer)
    }

    fn one<'a>(&'a mut self, entity: &'static Entity, id: Bound, fields: &'a [Chosen]) -> Boxed<'a, Value> {
        Box::pin(async move {
            let filter = Filter::Compare { column: "id", operator: "=", value: id };
            let list = List { filter, order: "id", descending: false, first: 1, skip: 0 };
            let Value::Array(mut found) = self.many(entity, None, &list, fields).await? else {
                return Ok(Value::Null);
            };
            Ok(found.pop().unwrap_or(Value::Null))
        })
    }

    /// Entities of a list, within a further condition.
    fn many<'a>(
        &'a mut self,
        entity: &'static Entity,
        within: Option<Within>,
        list: &'a List,
        fields: &'a [Chosen],
    ) -> Boxed<'a, Value> {
        Box::pin(async move {
            let mut query = QueryBuilder::new("SELECT * FROM ");
            query.push(entity.table).push(" AS e WHERE ");
            list.filter.push(&mut query);
            if let Some(within) = within {
                within.push(&mut query);
            }
            query.push(" ORDER BY ").push(list.order).push(if list.descending { " DESC" } else { "" });
            query.push(", id LIMIT ").push_bind(list.first).push(" OFFSET ").push_bind(list.skip);
            self.statement()?;
            let rows: Vec<SqliteRow> = query.build().fetch_all(&mut *self.read).await?;
            self.rows += rows.len();
            if self.rows > ROWS_MAX {
                return Err(QueryError::new(format!("the answer holds more than {ROWS_MAX} entities")).into());
            }
            let mut shown = Vec::with_capacity(rows.len());
            for row in &rows {
                shown.push(self.show(row, fields).await?);
            }
            Ok(Value::Array(shown))
        })
    }

    fn statement(&mut self) -> Result<(), QueryError> {
        self.statements += 1;
        match self.statements > STATEMENTS_MAX {
            true => Err(QueryError::new(format!("the query needs more than {STATEMENTS_MAX} look-ups"))),
            false => Ok(()),
        }
    }

    async fn show(&mut self, row: &SqliteRow, fields: &[Chosen]) -> Result<Value, Failed> {
        let mut object = Map::new();
        for chosen in fields {
            let value = match &chosen.what {
                What::Typename(name) => Value::from(*name),
                What::Scalar(field) => scalar(row, field)?,
                What::Id(field, parts) => match bytes(row, field.column)? {
                    Some(id) => id_object(&shown_bytes(&id), parts),
                    None => Value::Null,
                },
                What::Items(field, parts) => self.items(row, field, parts).await?,
                What::One(entity, field, fields) => match bytes(row, field.column)? {
                    Some(id) => self.one(entity, Bound::Bytes(id), fields).await?,
                    None => Value::Null,
                },
                What::Many(entity, field, list, fields) => {
                    let within = Within::of(row, field)?;
                    self.many(entity, within, list, fields).await?
                }
            };
            object.insert(chosen.key.clone(), value);
        }
        Ok(Value::Object(object))
    }

    async fn items(
        &mut self,
        row: &SqliteRow,
        field: &Field,
        parts: &[(String, bool)],
    ) -> Result<Value, Failed> {
        let Kind::Items(table, key, item, order) = field.kind else { return Ok(Value::Null) };
        self.statement()?;
        let mut query = QueryBuilder::new("SELECT ");
        query.push(item).push(" FROM ").push(table).push(" WHERE ").push(key).push(" = ");
        query.push_bind(bytes(row, field.column)?).push(" ORDER BY ").push(order);
        let found: Vec<String> = query.build_query_scalar().fetch_all(&mut *self.read).await?;
        Ok(found.iter().map(|item| id_object(item, parts)).collect())
    }

    async fn meta(&mut self, parts: &[MetaPart]) -> Result<Value, Failed> {
        self.statement()?;
        let last: Option<(i64, Vec<u8>, i64)> =
            sqlx::query_as("SELECT number, hash, timestamp_s FROM seen_block ORDER BY number DESC LIMIT 1")
                .fetch_optional(&mut *self.read)
                .await?;
        let (number, hash, timestamp_s) = last.unwrap_or_default();
        let mut object = Map::new();
        for part in parts {
            let value = match part.name.as_str() {
                "block" => {
                    let mut block = Map::new();
                    for (key, name) in &part.parts {
                        let value = match name.as_str() {
                            "number" => Value::from(number),
                            "hash" => Value::from(shown_bytes(&hash)),
                            "timestamp" => Value::from(timestamp_s),
                            "__typename" => Value::from("_Block_"),
                            other => return Err(no_field("_Block_", other)),
                        };
                        block.insert(key.clone(), value);
                    }
                    Value::Object(block)
                }
                "hasIndexingErrors" => Value::from(false),
                "deployment" => Value::from(concat!("metacloud-", env!("CARGO_PKG_VERSION"))),
                "__typename" => Value::from("_Meta_"),
                other => return Err(no_field("_Meta_", other)),
            };
            object.insert(part.key.clone(), value);
        }
        Ok(Value::Object(object))
    }
}

/// The entity that a list belongs to.
struct Within {
    condition: String,
    value: Bound,
}

impl Within {
    fn of(row: &SqliteRow, field: &Field) -> Result<Option<Self>, Failed> {
        Ok(match field.kind {
            Kind::Many(_, column) => bytes(row, field.column)?
                .map(|id| Self { condition: format!(" AND {column} = "), value: Bound::Bytes(id) }),
            Kind::Listed(_, table, key, item) => {
                let name: Option<String> = row.try_get(field.column)?;
                name.map(|name| Self {
                    condition: format!(" AND id IN (SELECT {item} FROM {table} WHERE {key} = "),
                    value: Bound::Text(name),
                })
            }
            _ => None,
        })
    }

    fn push(self, query: &mut QueryBuilder<Sqlite>) {
        let open = self.condition.contains('(');
        query.push(self.condition);
        match self.value {
            Bound::Bytes(bytes) => query.push_bind(bytes),
            Bound::Text(text) => query.push_bind(text),
            Bound::Number(number) => query.push_bind(number),
        };
        if open {
            query.push(")");
        }
    }
}

fn no_field(name: &str, field: &str) -> Failed {
    QueryError::new(format!("Type `{name}` has no field `{field}`")).into()
}

fn bytes(row: &SqliteRow, column: &str) -> Result<Option<Vec<u8>>, Failed> {
    Ok(row.try_get(column)?)
}

fn scalar(row: &SqliteRow, field: &Field) -> Result<Value, Failed> {
    Ok(match field.kind {
        Kind::Text => row.try_get::<Option<String>, _>(field.column)?.into(),
        Kind::Number => row.try_get::<Option<i64>, _>(field.column)?.map(|number| number.to_string()).into(),
        Kind::Wide => bytes(row, field.column)?.map(|word| wide(&word).to_string()).into(),
        Kind::Rlc => bytes(row, field.column)?.map(|word| rlc(wide(&word))).into(),
        _ => bytes(row, field.column)?.map(|bytes| shown_bytes(&bytes)).into(),
    })
}

fn wide(word: &[u8]) -> U256 {
    U256::try_from_be_slice(word).unwrap_or_default()
}

fn shown_bytes(bytes: &[u8]) -> String {
    format!("0x{}", hex::encode(bytes))
}

fn id_object(id: &str, parts: &[(String, bool)]) -> Value {
    let member =
        |(key, is_id): &(String, bool)| (key.clone(), Value::from(if *is_id { id } else { "Entity" }));
    Value::Object(parts.iter().map(member).collect())
}
