//! Values of a query: literals, variables, and their defaults, as JSON.

use std::collections::BTreeMap;

use graphql_parser::query;
use serde_json::{Map, Value};

use super::QueryError;

/// Variables of one request: what was sent, over the defaults of the query.
#[derive(Debug, Default)]
pub(super) struct Variables(BTreeMap<String, Value>);

impl Variables {
    /// Takes those that the query defines.
    pub(super) fn read(
        definitions: &[query::VariableDefinition<'_, String>],
        sent: &Map<String, Value>,
    ) -> Result<Self, QueryError> {
        let mut variables = BTreeMap::new();
        for definition in definitions {
            let name = &definition.name;
            let default = definition.default_value.as_ref();
            let value = match (sent.get(name), default) {
                (Some(value), _) => value.clone(),
                (None, Some(default)) => literal(default, &Self::default())?,
                (None, None) => Value::Null,
            };
            if value.is_null() && matches!(definition.var_type, query::Type::NonNullType(_)) {
                return Err(QueryError::new(format!("variable ${name} is required")));
            }
            variables.insert(name.clone(), value);
        }
        Ok(Self(variables))
    }
}

/// A value as JSON. The parser bounds its depth.
pub(super) fn literal(value: &query::Value<'_, String>, variables: &Variables) -> Result<Value, QueryError> {
    Ok(match value {
        query::Value::Variable(name) => {
            let known = variables.0.get(name);
            known.cloned().ok_or_else(|| QueryError::new(format!("variable ${name} is not defined")))?
        }
        query::Value::Int(number) => Value::from(number.as_i64()),
        query::Value::Float(number) => Value::from(*number),
        query::Value::String(text) | query::Value::Enum(text) => Value::from(text.as_str()),
        query::Value::Boolean(truth) => Value::from(*truth),
        query::Value::Null => Value::Null,
        query::Value::List(items) => {
            Value::Array(items.iter().map(|item| literal(item, variables)).collect::<Result<_, _>>()?)
        }
        query::Value::Object(members) => {
            let members = members.iter().map(|(name, value)| Ok((name.clone(), literal(value, variables)?)));
            Value::Object(members.collect::<Result<_, QueryError>>()?)
        }
    })
}
