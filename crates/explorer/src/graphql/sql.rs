//! From a condition to SQL. Names of columns come from the schema alone, values are bound.

use sqlx::{QueryBuilder, Sqlite};

use super::filter::{Bound, Filter, ItemTable, Place};

impl Filter {
    /// Writes the condition.
    pub(super) fn push(&self, query: &mut QueryBuilder<Sqlite>) {
        match self {
            Self::All(parts) => push_all(query, parts, " AND ", "1"),
            Self::Any(parts) => push_all(query, parts, " OR ", "0"),
            Self::Compare { column, operator, value } => {
                query.push(*column).push(" ").push(*operator).push(" ");
                value.push(query);
            }
            Self::In { column, not, values } => {
                query.push(*column).push(if *not { " NOT IN (" } else { " IN (" });
                for (at, value) in values.iter().enumerate() {
                    query.push(if at == 0 { "" } else { "," });
                    value.push(query);
                }
                query.push(")");
            }
            Self::Text { column, place, not, any_case, value } => {
                push_text(query, column, *place, *not, *any_case, value);
            }
            Self::Item { items: ItemTable(table, key, item), not, any_case, value } => {
                query.push(if *not { "NOT EXISTS " } else { "EXISTS " });
                query
                    .push("(SELECT 1 FROM ")
                    .push(*table)
                    .push(" AS i WHERE i.")
                    .push(*key)
                    .push(" = e.id AND ");
                match any_case {
                    true => query
                        .push("lower(i.")
                        .push(*item)
                        .push(") = lower(")
                        .push_bind(value.clone())
                        .push("))"),
                    false => query.push("i.").push(*item).push(" = ").push_bind(value.clone()).push(")"),
                };
            }
            Self::Null { column, not } => {
                query.push(*column).push(if *not { " IS NOT NULL" } else { " IS NULL" });
            }
        }
    }
}

fn push_all(query: &mut QueryBuilder<Sqlite>, parts: &[Filter], between: &str, none: &'static str) {
    // Halves of halves: `SQLite` takes expressions of depth 1,000, and a chain is as deep as it is long.
    match parts {
        [] => {
            query.push(none);
        }
        [part] => part.push(query),
        parts => {
            let (left, right) = parts.split_at(parts.len() / 2);
            query.push("(");
            push_all(query, left, between, none);
            query.push(between);
            push_all(query, right, between, none);
            query.push(")");
        }
    }
}

fn push_text(
    query: &mut QueryBuilder<Sqlite>,
    column: &'static str,
    place: Place,
    not: bool,
    any_case: bool,
    value: &str,
) {
    let value = if any_case { value.to_lowercase() } else { value.to_owned() };
    let column = if any_case { format!("lower({column})") } else { column.to_owned() };
    query.push(if not { "NOT (" } else { "(" });
    match place {
        Place::Anywhere => query.push("instr(").push(column).push(", ").push_bind(value).push(") > 0)"),
        Place::Start => query.push("instr(").push(column).push(", ").push_bind(value).push(") = 1)"),
        Place::End => {
            let length = i64::try_from(value.chars().count()).unwrap_or(i64::MAX);
            query.push("length(").push(&column).push(") >= ").push_bind(length).push(" AND substr(");
            query.push(&column).push(", length(").push(column).push(") - ").push_bind(length);
            query.push(" + 1) = ").push_bind(value).push(")")
        }
    };
}

impl Bound {
    fn push(&self, query: &mut QueryBuilder<Sqlite>) {
        match self {
            Self::Bytes(bytes) => query.push_bind(bytes.clone()),
            Self::Text(text) => query.push_bind(text.clone()),
            Self::Number(number) => query.push_bind(*number),
        };
    }
}
