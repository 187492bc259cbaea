//! `__schema` and `__type`: what a client asks of the types themselves. A query is laid out once; types refer to each
//! other in circles, so that the values of an answer are counted.

use serde_json::{Map, Value, json};

use super::QueryError;
use super::types::{Member, Of, Type, Types};

/// Values of one answer; the usual query of tools takes about 15,000.
const VALUES_MAX: usize = 50_000;

/// A member of the answer: its key, its name, and what is asked inside of it.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) key: String,
    pub(super) name: String,
    pub(super) inside: Vec<Asked>,
}

/// The introspection type of a field of an introspection type; `None` for a plain value. An error if there is none.
pub(super) fn inside(type_name: &str, field: &str) -> Result<Option<&'static str>, QueryError> {
    Ok(Some(match (type_name, field) {
        (_, "__typename")
        | ("__Schema", "description")
        | ("__Type", "kind" | "name" | "description" | "specifiedByURL" | "isOneOf")
        | ("__Field" | "__EnumValue", "name" | "description" | "isDeprecated" | "deprecationReason")
        | ("__InputValue", "name" | "description" | "defaultValue" | "isDeprecated" | "deprecationReason")
        | ("__Directive", "name" | "description" | "locations" | "isRepeatable") => return Ok(None),
        ("__Schema", "types" | "queryType" | "mutationType" | "subscriptionType")
        | ("__Type", "interfaces" | "possibleTypes" | "ofType")
        | ("__Field" | "__InputValue", "type") => "__Type",
        ("__Schema", "directives") => "__Directive",
        ("__Type", "fields") => "__Field",
        ("__Type", "enumValues") => "__EnumValue",
        ("__Type", "inputFields") | ("__Field" | "__Directive", "args") => "__InputValue",
        _ => return Err(QueryError::new(format!("Type `{type_name}` has no field `{field}`"))),
    }))
}

/// Something that is asked about.
#[derive(Clone, Copy)]
enum Thing<'t> {
    Schema,
    /// A named type.
    Type(&'t str, &'t Type),
    /// A list or a type that is never null.
    Wrapped(&'t Of),
    Field(&'t Member),
    Input(&'t Member),
    Value(&'t str),
    /// `@skip` or `@include`.
    Directive(&'t str),
}

struct Answer<'t> {
    types: &'t Types,
    condition: &'t Member,
    values: usize,
}

/// The answer to `__schema`.
pub(super) fn schema(types: &Types, asked: &[Asked]) -> Result<Value, QueryError> {
    Answer { types, condition: &condition(), values: 0 }.object(Thing::Schema, asked)
}

/// The answer to `__type`.
pub(super) fn named(types: &Types, name: &str, asked: &[Asked]) -> Result<Value, QueryError> {
    match types.0.get_key_value(name) {
        Some((name, kind)) => {
            Answer { types, condition: &condition(), values: 0 }.object(Thing::Type(name, kind), asked)
        }
        None => Ok(Value::Null),
    }
}

/// The argument of both directives.
fn condition() -> Member {
    let of = Of::NonNull(Box::new(Of::Named("Boolean".to_owned())));
    Member { name: "if".to_owned(), description: None, arguments: Vec::new(), of, default: None }
}

impl<'t> Answer<'t> {
    /// The depth is that of the query, which was bounded when it was laid out.
    fn object(&mut self, thing: Thing<'t>, asked: &[Asked]) -> Result<Value, QueryError> {
        let mut object = Map::new();
        for asked in asked {
            self.values += 1;
            if self.values > VALUES_MAX {
                return Err(QueryError::new(format!("the answer holds more than {VALUES_MAX} values")));
            }
            object.insert(asked.key.clone(), self.value(thing, asked)?);
        }
        Ok(Value::Object(object))
    }

    fn list(&mut self, things: impl Iterator<Item = Thing<'t>>, asked: &Asked) -> Result<Value, QueryError> {
        let objects = things.map(|thing| self.object(thing, &asked.inside));
        Ok(Value::Array(objects.collect::<Result<_, _>>()?))
    }

    fn value(&mut self, thing: Thing<'t>, asked: &Asked) -> Result<Value, QueryError> {
        if asked.name == "__typename" {
            return Ok(Value::from(type_name(thing)));
        }
        match thing {
            Thing::Schema => self.of_schema(asked),
            Thing::Type(name, kind) => self.of_type(name, kind, asked),
            Thing::Wrapped(of) => self.of_wrapped(of, asked),
            Thing::Field(member) | Thing::Input(member) => self.of_member(member, asked),
            Thing::Value(name) | Thing::Directive(name) => self.of_named(name, asked),
        }
    }

    fn of_schema(&mut self, asked: &Asked) -> Result<Value, QueryError> {
        let types = self.types;
        match asked.name.as_str() {
            "types" => self.list(types.0.iter().map(|(name, kind)| Thing::Type(name, kind)), asked),
            "queryType" => match types.0.get_key_value("Query") {
                Some((name, kind)) => self.object(Thing::Type(name, kind), &asked.inside),
                None => Ok(Value::Null),
            },
            "directives" => self.list(["include", "skip"].into_iter().map(Thing::Directive), asked),
            // Neither mutations nor subscriptions, nor a description.
            _ => Ok(Value::Null),
        }
    }

    fn of_type(&mut self, name: &'t str, kind: &'t Type, asked: &Asked) -> Result<Value, QueryError> {
        Ok(match (asked.name.as_str(), kind) {
            ("kind", Type::Scalar(_)) => "SCALAR".into(),
            ("kind", Type::Object(_)) => "OBJECT".into(),
            ("kind", Type::Enum(_)) => "ENUM".into(),
            ("kind", Type::Input(_)) => "INPUT_OBJECT".into(),
            ("name", _) => name.into(),
            ("description", Type::Scalar(meaning)) => (*meaning).into(),
            ("isOneOf", Type::Input(_)) => false.into(),
            ("interfaces", Type::Object(_)) => json!([]),
            ("fields", Type::Object(members)) => self.list(members.iter().map(Thing::Field), asked)?,
            ("inputFields", Type::Input(members)) => self.list(members.iter().map(Thing::Input), asked)?,
            ("enumValues", Type::Enum(values)) => {
                self.list(values.iter().map(|value| Thing::Value(value)), asked)?
            }
            _ => Value::Null,
        })
    }

    fn of_wrapped(&mut self, of: &'t Of, asked: &Asked) -> Result<Value, QueryError> {
        match (asked.name.as_str(), of) {
            ("kind", Of::List(_)) => Ok("LIST".into()),
            ("kind", Of::NonNull(_)) => Ok("NON_NULL".into()),
            ("ofType", Of::List(inner) | Of::NonNull(inner)) => self.object(self.of(inner), &asked.inside),
            _ => Ok(Value::Null),
        }
    }

    fn of_member(&mut self, member: &'t Member, asked: &Asked) -> Result<Value, QueryError> {
        Ok(match asked.name.as_str() {
            "name" => member.name.clone().into(),
            "description" => member.description.clone().into(),
            "args" => self.list(member.arguments.iter().map(Thing::Input), asked)?,
            "type" => self.object(self.of(&member.of), &asked.inside)?,
            "defaultValue" => member.default.clone().into(),
            "isDeprecated" => false.into(),
            _ => Value::Null,
        })
    }

    fn of_named(&mut self, name: &str, asked: &Asked) -> Result<Value, QueryError> {
        Ok(match asked.name.as_str() {
            "name" => name.into(),
            "isDeprecated" | "isRepeatable" => false.into(),
            "locations" => json!(["FIELD", "FRAGMENT_SPREAD", "INLINE_FRAGMENT"]),
            "args" => self.list(std::iter::once(Thing::Input(self.condition)), asked)?,
            _ => Value::Null,
        })
    }

    /// A reference to a type: the types of a schema name no other ones.
    fn of(&self, of: &'t Of) -> Thing<'t> {
        match of {
            Of::Named(name) => match self.types.0.get_key_value(name) {
                Some((name, kind)) => Thing::Type(name, kind),
                None => Thing::Wrapped(of),
            },
            Of::List(_) | Of::NonNull(_) => Thing::Wrapped(of),
        }
    }
}

fn type_name(thing: Thing<'_>) -> &'static str {
    match thing {
        Thing::Schema => "__Schema",
        Thing::Type(..) | Thing::Wrapped(_) => "__Type",
        Thing::Field(_) => "__Field",
        Thing::Input(_) => "__InputValue",
        Thing::Value(_) => "__EnumValue",
        Thing::Directive(_) => "__Directive",
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::super::plan::{RootWhat, plan};
    use super::super::schema::{DATA_PROTECTOR, POCO, Schema};
    use super::super::{QueryError, Request};
    use super::*;

    fn asked(schema: &'static Schema, query: &str) -> Result<Value, QueryError> {
        let request: Request = serde_json::from_value(json!({ "query": query })).unwrap();
        let mut roots = plan(schema, &request)?;
        match roots.pop().map(|root| root.what) {
            Some(RootWhat::Types(answer)) => Ok(answer),
            other => panic!("{other:?}"),
        }
    }

    /// The names of all types that are referred to.
    fn referred(value: &Value, names: &mut BTreeSet<String>) {
        match value {
            Value::Object(members) => {
                if let Some(Value::String(name)) = members.get("name") {
                    names.insert(name.clone());
                }
                members.values().for_each(|value| referred(value, names));
            }
            Value::Array(items) => items.iter().for_each(|value| referred(value, names)),
            _ => {}
        }
    }

    #[test]
    fn every_type_that_is_named_is_told() {
        let kind = "kind name ofType { kind name ofType { kind name ofType { kind name } } }";
        for (schema, expected) in [(&POCO, "Deal_filter"), (&DATA_PROTECTOR, "ProtectedData_orderBy")] {
            let told = asked(schema, "{ __schema { types { name } } }").unwrap();
            let mut names = BTreeSet::new();
            referred(&told, &mut names);
            assert!(names.contains(expected), "{names:?}");
            let query = format!(
                "{{ __schema {{ types {{ fields {{ type {{ {kind} }} args {{ type {{ {kind} }} }} }} \
                 inputFields {{ type {{ {kind} }} }} }} }} }}"
            );
            let mut used = BTreeSet::new();
            referred(&asked(schema, &query).unwrap(), &mut used);
            assert!(used.is_subset(&names), "{:?}", used.difference(&names));
        }
    }

    #[test]
    fn one_type_is_told_by_its_name() {
        let query = "{ __type(name: \"Task\") { kind name fields { name type { kind ofType { name } } } } }";
        let told = asked(&POCO, query).unwrap();
        assert_eq!((&told["kind"], &told["name"]), (&json!("OBJECT"), &json!("Task")));
        let deal = told["fields"].as_array().unwrap().iter().find(|field| field["name"] == "deal").unwrap();
        assert_eq!(deal["type"], json!({ "kind": "NON_NULL", "ofType": { "name": "Deal" } }));
        assert_eq!(asked(&POCO, "{ __type(name: \"Nothing\") { name } }").unwrap(), Value::Null);
    }

    #[test]
    fn wide_deep_and_unknown_members_are_refused() {
        let again: String =
            (0..100).map(|n| format!("a{n}: types {{ inputFields {{ name type {{ name }} }} }} ")).collect();
        let wide = format!("{{ __schema {{ {again} }} }}");
        let mut deep = "name".to_owned();
        for _ in 0..40 {
            deep = format!("ofType {{ {deep} }}");
        }
        for query in [
            wide.as_str(),
            &format!("{{ __type(name: \"Task\") {{ {deep} }} }}"),
            "{ __schema }",
            "{ __schema { types } }",
            "{ __schema { kinds { name } } }",
            "{ __schema { types { fields(all: true) { name } } } }",
            "{ __type { name } }",
            "{ __type(name: 5) { name } }",
        ] {
            let answer = asked(&POCO, query);
            assert!(
                answer.is_err(),
                "{query:.80}: {}",
                answer.map(|answer| answer.to_string().len()).unwrap_or(0)
            );
        }
    }
}
