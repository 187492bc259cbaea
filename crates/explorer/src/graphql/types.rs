//! The types of a schema as GraphQL names them: what introspection answers and what the reference prints.

use std::collections::BTreeMap;
use std::fmt;

use super::filter;
use super::plan::{FIRST_DEFAULT, FIRST_MAX, SKIP_MAX};
use super::schema::{Entity, Field, Kind, Schema};

/// The type of things of which only the id is known.
pub(super) const BARE: &str = "Entity";

/// How a value is typed at one place.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Of {
    Named(String),
    List(Box<Of>),
    NonNull(Box<Of>),
}

impl Of {
    fn named(name: &str) -> Self {
        Self::Named(name.to_owned())
    }

    fn list(self) -> Self {
        Self::List(Box::new(Self::NonNull(Box::new(self))))
    }

    fn always(self) -> Self {
        Self::NonNull(Box::new(self))
    }
}

impl fmt::Display for Of {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Named(name) => f.write_str(name),
            Self::List(inner) => write!(f, "[{inner}]"),
            Self::NonNull(inner) => write!(f, "{inner}!"),
        }
    }
}

/// A field, an argument, or a member of a filter.
#[derive(Debug)]
pub(super) struct Member {
    pub(super) name: String,
    pub(super) description: Option<String>,
    pub(super) arguments: Vec<Member>,
    pub(super) of: Of,
    /// As it would be written in a query.
    pub(super) default: Option<String>,
}

impl Member {
    fn new(name: impl Into<String>, of: Of) -> Self {
        Self { name: name.into(), description: None, arguments: Vec::new(), of, default: None }
    }

    fn says(mut self, description: impl Into<String>) -> Self {
        self.description = Some(description.into());
        self
    }
}

/// A named type.
#[derive(Debug)]
pub(super) enum Type {
    Scalar(&'static str),
    Object(Vec<Member>),
    Enum(Vec<String>),
    Input(Vec<Member>),
}

/// Every named type of a schema, by its name; the root is `Query`.
#[derive(Debug)]
pub(super) struct Types(pub(super) BTreeMap<String, Type>);

impl Types {
    pub(super) fn of(schema: &Schema) -> Self {
        let mut types = BTreeMap::new();
        for (name, meaning) in SCALARS {
            types.insert(name.to_owned(), Type::Scalar(meaning));
        }
        types.insert("OrderDirection".to_owned(), Type::Enum(vec!["asc".to_owned(), "desc".to_owned()]));
        types.insert(BARE.to_owned(), Type::Object(vec![Member::new("id", Of::named("ID").always())]));
        types.insert("_Block_".to_owned(), Type::Object(block()));
        types.insert("_Meta_".to_owned(), Type::Object(meta()));
        let mut roots = Vec::new();
        for entity in schema.0 {
            let name = entity.name;
            types.insert(
                name.to_owned(),
                Type::Object(entity.fields.iter().map(|f| shown(name, f)).collect()),
            );
            types.insert(order_name(entity), Type::Enum(orders(entity)));
            types.insert(filter_name(entity), Type::Input(filters(entity)));
            let mut one = Member::new(entity.one, Of::named(name));
            one.arguments.push(Member::new("id", Of::named("ID").always()));
            let mut many = Member::new(entity.many, Of::named(name).list().always());
            many.arguments = list_arguments(entity);
            roots.extend([one, many]);
        }
        roots.push(Member::new("_meta", Of::named("_Meta_")).says("The last block that is indexed."));
        types.insert("Query".to_owned(), Type::Object(roots));
        Self(types)
    }
}

const SCALARS: [(&str, &str); 7] = [
    ("BigDecimal", "A decimal number as text; amounts are in RLC."),
    ("BigInt", "A whole number of any size as text."),
    ("Boolean", "true or false"),
    ("Bytes", "Bytes as 0x and hexadecimal digits in lower case."),
    ("ID", "The id of an entity: bytes as 0x and hexadecimal digits in lower case."),
    ("Int", "A whole number."),
    ("String", "Text."),
];

fn block() -> Vec<Member> {
    vec![
        Member::new("number", Of::named("Int").always()),
        Member::new("hash", Of::named("Bytes")),
        Member::new("timestamp", Of::named("Int")),
    ]
}

fn meta() -> Vec<Member> {
    vec![
        Member::new("block", Of::named("_Block_").always()),
        Member::new("deployment", Of::named("String").always()),
        Member::new("hasIndexingErrors", Of::named("Boolean").always()),
    ]
}

/// A field as it is answered.
fn shown(entity: &str, field: &Field) -> Member {
    let member = |of: Of| Member::new(field.name, of);
    match field.kind {
        Kind::Many(other, _) | Kind::Listed(other, ..) => {
            Member { arguments: list_arguments(other), ..member(Of::named(other.name).list().always()) }
        }
        Kind::Items(..) => member(Of::named(BARE).list().always()),
        // An asset of before the contracts that are followed, or a bulk that cannot be had.
        Kind::One(other) if (entity, field.name) != ("Task", "deal") => member(Of::named(other.name)),
        Kind::One(other) => member(Of::named(other.name).always()),
        Kind::Id => member(Of::named(BARE).always()),
        _ if matches!((entity, field.name), ("Task", "consensus" | "resultDigest" | "results")) => {
            member(Of::named(scalar(field)))
        }
        _ => member(Of::named(scalar(field)).always()),
    }
}

/// The type of a field's value where it is compared.
fn scalar(field: &Field) -> &'static str {
    match field.kind {
        _ if field.name == "id" => "ID",
        Kind::Bytes => "Bytes",
        Kind::Number | Kind::Wide => "BigInt",
        Kind::Rlc => "BigDecimal",
        Kind::Text | Kind::Items(..) | Kind::One(_) | Kind::Id | Kind::Many(..) | Kind::Listed(..) => {
            "String"
        }
    }
}

fn order_name(entity: &Entity) -> String {
    format!("{}_orderBy", entity.name)
}

fn filter_name(entity: &Entity) -> String {
    format!("{}_filter", entity.name)
}

fn orders(entity: &Entity) -> Vec<String> {
    entity.fields.iter().filter(|field| field.kind.orders()).map(|field| field.name.to_owned()).collect()
}

fn filters(entity: &Entity) -> Vec<Member> {
    let mut members = Vec::new();
    for field in entity.fields {
        for operator in filter::operators(field.kind) {
            let of = Of::named(scalar(field));
            let of = if operator.list { of.list() } else { of };
            let name = match operator.name {
                "" => field.name.to_owned(),
                operator => format!("{}_{operator}", field.name),
            };
            members.push(Member::new(name, of));
        }
    }
    for name in ["and", "or"] {
        members.push(Member::new(name, Of::named(&filter_name(entity)).list()));
    }
    members
}

fn list_arguments(entity: &Entity) -> Vec<Member> {
    let mut first = Member::new("first", Of::named("Int")).says(format!("At most {FIRST_MAX}."));
    first.default = Some(FIRST_DEFAULT.to_string());
    let mut skip = Member::new("skip", Of::named("Int")).says(format!("At most {SKIP_MAX}."));
    skip.default = Some("0".to_owned());
    vec![
        first,
        skip,
        Member::new("orderBy", Of::Named(order_name(entity))),
        Member::new("orderDirection", Of::named("OrderDirection")),
        Member::new("where", Of::Named(filter_name(entity))),
    ]
}
