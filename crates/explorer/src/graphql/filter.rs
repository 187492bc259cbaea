//! `where`: from JSON to a condition. What of it becomes SQL is in `sql`.

use alloy_primitives::{U256, hex};
use serde_json::{Map, Value};

use super::QueryError;
use super::schema::{Entity, Field, Kind};

/// Depth of `and` and `or`.
pub(super) const DEPTH_MAX: usize = 16;
/// Values of one request's filters; `SQLite` binds at most 32,766.
pub(super) const VALUES_MAX: usize = 20_000;
/// What a condition takes of those: its text is as long as that of so many values, and `SQLite` reads 1,000,000 bytes.
pub(super) const CONDITION_VALUES: usize = 10;
/// Decimal places of RLC.
const RLC_PLACES: usize = 9;

/// A condition on an entity.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Filter {
    All(Vec<Filter>),
    Any(Vec<Filter>),
    Compare {
        column: &'static str,
        operator: &'static str,
        value: Bound,
    },
    In {
        column: &'static str,
        not: bool,
        values: Vec<Bound>,
    },
    /// The text, matched by `instr`, contains the value, or begins or ends with it.
    Text {
        column: &'static str,
        place: Place,
        not: bool,
        any_case: bool,
        value: String,
    },
    /// The item is among those of the entity.
    Item {
        items: ItemTable,
        not: bool,
        any_case: bool,
        value: String,
    },
    Null {
        column: &'static str,
        not: bool,
    },
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Place {
    Anywhere,
    Start,
    End,
}

/// Where items of an entity are: table, column with the entity's id, column with the item.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct ItemTable(pub(super) &'static str, pub(super) &'static str, pub(super) &'static str);

/// A value as the tables keep it.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Bound {
    Bytes(Vec<u8>),
    Text(String),
    Number(i64),
}

/// Counts values across the filters of a request.
#[derive(Debug, Default)]
pub(super) struct Values(usize);

impl Values {
    fn take(&mut self, count: usize) -> Result<(), QueryError> {
        self.0 += count;
        match self.0 > VALUES_MAX {
            true => Err(QueryError::new(format!("filters with more than {VALUES_MAX} values"))),
            false => Ok(()),
        }
    }
}

/// Reads a `where` object.
pub(super) fn read(
    entity: &'static Entity,
    value: &Value,
    values: &mut Values,
) -> Result<Filter, QueryError> {
    match value {
        Value::Null => Ok(Filter::All(Vec::new())),
        Value::Object(members) => conditions(entity, members, values, DEPTH_MAX),
        _ => Err(QueryError::new("where must be an object")),
    }
}

fn conditions(
    entity: &'static Entity,
    members: &Map<String, Value>,
    values: &mut Values,
    depth: usize,
) -> Result<Filter, QueryError> {
    let Some(depth) = depth.checked_sub(1) else {
        return Err(QueryError::new(format!("filters nest deeper than {DEPTH_MAX}")));
    };
    let mut all = Vec::new();
    for (name, value) in members {
        all.push(match name.as_str() {
            "and" => Filter::All(each(entity, name, value, values, depth)?),
            "or" => Filter::Any(each(entity, name, value, values, depth)?),
            _ => condition(entity, name, value, values)?,
        });
    }
    values.take(all.len() * CONDITION_VALUES)?;
    Ok(Filter::All(all))
}

fn each(
    entity: &'static Entity,
    name: &str,
    value: &Value,
    values: &mut Values,
    depth: usize,
) -> Result<Vec<Filter>, QueryError> {
    let Value::Array(items) = value else {
        return Err(QueryError::new(format!("{name} must be a list of objects")));
    };
    let read = |item: &Value| match item {
        Value::Object(members) => conditions(entity, members, values, depth),
        _ => Err(QueryError::new(format!("{name} must be a list of objects"))),
    };
    items.iter().map(read).collect()
}

/// One member: a field's name with an operator behind it.
fn condition(
    entity: &'static Entity,
    name: &str,
    value: &Value,
    values: &mut Values,
) -> Result<Filter, QueryError> {
    let unknown = || QueryError::new(format!("{}_filter has no member {name}", entity.name));
    // Fields have no underscore in their names.
    let (field, operator) = name.split_once('_').unwrap_or((name, ""));
    let field = entity.field(field).ok_or_else(unknown)?;
    let column = field.column;
    if let Kind::Items(table, key, item, _) = field.kind {
        return of_items(ItemTable(table, key, item), operator, value, values).ok_or_else(unknown)?;
    }
    if matches!(field.kind, Kind::Many(..) | Kind::Listed(..)) {
        return Err(unknown());
    }
    if value.is_null() {
        return match operator {
            "" | "not" => Ok(Filter::Null { column, not: operator == "not" }),
            _ => Err(QueryError::new(format!("{name} must not be null"))),
        };
    }
    let compare = |operator| Ok(Filter::Compare { column, operator, value: bound(field, name, value)? });
    match operator {
        "" => compare("="),
        "not" => compare("IS NOT"),
        "gt" => compare(">"),
        "gte" => compare(">="),
        "lt" => compare("<"),
        "lte" => compare("<="),
        "in" | "not_in" => {
            let Value::Array(items) = value else {
                return Err(QueryError::new(format!("{name} must be a list")));
            };
            values.take(items.len())?;
            let bounds = items.iter().map(|item| bound(field, name, item)).collect::<Result<_, _>>()?;
            Ok(Filter::In { column, not: operator == "not_in", values: bounds })
        }
        _ if matches!(field.kind, Kind::Text) => {
            let (place, not, any_case) = text_operator(operator).ok_or_else(unknown)?;
            let value = text(name, value)?.to_owned();
            Ok(Filter::Text { column, place, not, any_case, value })
        }
        _ => Err(unknown()),
    }
}

/// An operator behind a field's name, and whether it takes a list.
#[derive(Clone, Copy, Debug)]
pub(super) struct Operator {
    pub(super) name: &'static str,
    pub(super) list: bool,
}

/// The operators that fields of a kind have.
pub(super) fn operators(kind: Kind) -> Vec<Operator> {
    let all = |names: &[&'static str], list| names.iter().map(|name| Operator { name, list }).collect();
    let compared = || {
        let mut operators: Vec<Operator> = all(&["", "not", "gt", "gte", "lt", "lte"], false);
        operators.extend::<Vec<_>>(all(&["in", "not_in"], true));
        operators
    };
    match kind {
        Kind::Many(..) | Kind::Listed(..) => Vec::new(),
        Kind::Items(..) => all(&TEXT_OPERATORS[..4], true),
        Kind::Text => {
            let mut operators = compared();
            operators.extend::<Vec<_>>(all(&TEXT_OPERATORS, false));
            operators
        }
        Kind::Bytes | Kind::Number | Kind::Wide | Kind::Rlc | Kind::One(_) | Kind::Id => compared(),
    }
}

/// Operators of texts; the first four those of lists of items as well.
const TEXT_OPERATORS: [&str; 12] = [
    "contains",
    "contains_nocase",
    "not_contains",
    "not_contains_nocase",
    "starts_with",
    "starts_with_nocase",
    "not_starts_with",
    "not_starts_with_nocase",
    "ends_with",
    "ends_with_nocase",
    "not_ends_with",
    "not_ends_with_nocase",
];

fn text_operator(operator: &str) -> Option<(Place, bool, bool)> {
    let (operator, any_case) = match operator.strip_suffix("_nocase") {
        Some(operator) => (operator, true),
        None => (operator, false),
    };
    let (operator, not) = match operator.strip_prefix("not_") {
        Some(operator) => (operator, true),
        None => (operator, false),
    };
    let place = match operator {
        "contains" => Place::Anywhere,
        "starts_with" => Place::Start,
        "ends_with" => Place::End,
        _ => return None,
    };
    Some((place, not, any_case))
}

/// `contains` of a list: every one named is there; `not_contains`: none is. `None` for another operator.
fn of_items(
    items: ItemTable,
    operator: &str,
    value: &Value,
    values: &mut Values,
) -> Option<Result<Filter, QueryError>> {
    let (Place::Anywhere, not, any_case) = text_operator(operator)? else { return None };
    let Value::Array(wanted) = value else {
        return Some(Err(QueryError::new("a list of items must be given")));
    };
    let read = |item: &Value| {
        Ok(Filter::Item { items, not, any_case, value: text("a list of items", item)?.to_owned() })
    };
    Some(
        values
            .take(wanted.len() * CONDITION_VALUES)
            .and_then(|()| Ok(Filter::All(wanted.iter().map(read).collect::<Result<_, _>>()?))),
    )
}

fn text<'a>(name: &str, value: &'a Value) -> Result<&'a str, QueryError> {
    value.as_str().ok_or_else(|| QueryError::new(format!("{name} must be text")))
}

/// A value of a field, as its column keeps it.
pub(super) fn bound(field: &Field, name: &str, value: &Value) -> Result<Bound, QueryError> {
    let wrong = |what: &str| QueryError::new(format!("{name} must be {what}"));
    match field.kind {
        Kind::Text => Ok(Bound::Text(text(name, value)?.to_owned())),
        Kind::Bytes | Kind::One(_) | Kind::Id => {
            let digits = value.as_str().and_then(|text| text.strip_prefix("0x"));
            let bytes = digits.and_then(|digits| hex::decode(digits).ok());
            bytes.map(Bound::Bytes).ok_or_else(|| wrong("0x and hexadecimal digits"))
        }
        Kind::Number => {
            let number = value.as_i64().or_else(|| value.as_str()?.parse().ok());
            number.map(Bound::Number).ok_or_else(|| wrong("an integer"))
        }
        Kind::Wide => {
            let number = value.as_u64().map(U256::from).or_else(|| decimal(value.as_str()?, 0));
            number.map(word).ok_or_else(|| wrong("an unsigned integer"))
        }
        Kind::Rlc => {
            let number = match value {
                Value::Number(number) => decimal(&number.to_string(), RLC_PLACES),
                Value::String(text) => decimal(text, RLC_PLACES),
                _ => None,
            };
            number.map(word).ok_or_else(|| wrong("an amount of RLC"))
        }
        Kind::Many(..) | Kind::Listed(..) | Kind::Items(..) => Err(wrong("left out")),
    }
}

fn word(number: U256) -> Bound {
    Bound::Bytes(number.to_be_bytes::<32>().to_vec())
}

/// A decimal number with at most `places` behind the point, in units of the last place.
fn decimal(text: &str, places: usize) -> Option<U256> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = |text: &str| text.bytes().all(|c| c.is_ascii_digit());
    if whole.is_empty() || !digits(whole) || !digits(fraction) || fraction.len() > places || whole.len() > 78
    {
        return None;
    }
    format!("{whole}{fraction:0<places$}").parse().ok()
}

/// nRLC in RLC, without zeros at the end.
pub(super) fn rlc(nrlc: U256) -> String {
    let digits = format!("{nrlc:0>10}");
    let (whole, fraction) = digits.split_at(digits.len() - RLC_PLACES);
    let fraction = fraction.trim_end_matches('0');
    if fraction.is_empty() { whole.to_owned() } else { format!("{whole}.{fraction}") }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use sqlx::QueryBuilder;

    use super::super::schema::{DATA_PROTECTOR, POCO, PROTECTED_DATA};
    use super::*;

    fn sql(filter: Value) -> Result<String, QueryError> {
        let filter = read(&PROTECTED_DATA, &filter, &mut Values::default())?;
        let mut query = QueryBuilder::new("");
        filter.push(&mut query);
        Ok(query.into_string())
    }

    #[test]
    fn hostile_filters_are_refused() {
        let mut deep = json!({});
        for _ in 0..DEPTH_MAX {
            deep = json!({ "and": [deep] });
        }
        let many: Vec<String> = (0..=VALUES_MAX).map(|_| "0x00".to_owned()).collect();
        for filter in [
            json!([]),
            json!({"id; DROP TABLE deal": "0x"}),
            json!({"table": "x"}),
            json!({"id": 5}),
            json!({"id": "0xzz"}),
            json!({"id": "00"}),
            json!({"id_in": "0x00"}),
            json!({"id_like": "0x00"}),
            json!({"creationTimestamp_gte": "soon"}),
            json!({"creationTimestamp_gte": null}),
            json!({"schema": ["email:string"]}),
            json!({"schema_contains": "email:string"}),
            json!({"schema_contains": [5]}),
            json!({"or": {"id": "0x00"}}),
            json!({"or": ["0x00"]}),
            json!({"id_in": many}),
            deep,
        ] {
            assert!(sql(filter.clone()).is_err(), "{:.80}", filter.to_string());
        }
    }

    #[test]
    fn conditions_become_sql_with_bound_values() {
        assert_eq!(sql(json!(null)).unwrap(), "1");
        assert_eq!(sql(json!({"or": []})).unwrap(), "0");
        assert_eq!(sql(json!({"id_in": []})).unwrap(), "id IN ()");
        let whole = sql(json!({"and": [{"owner": "0x01"}, {"schema_contains": ["a:string"]}]})).unwrap();
        for part in ["owner = ?", " AND ", "EXISTS (SELECT 1 FROM schema_item AS i WHERE i.dataset = e.id"] {
            assert!(whole.contains(part), "{part} is missing in {whole}");
        }
        assert!(!whole.contains("a:string"), "values are bound: {whole}");
        assert_eq!(sql(json!({"transactionHash_not": "0x"})).unwrap(), "tx IS NOT ?");
        assert_eq!(sql(json!({"name_contains_nocase": "X"})).unwrap(), "(instr(lower(name), ?) > 0)");
    }

    #[test]
    fn every_operator_that_is_told_is_taken() {
        for entity in DATA_PROTECTOR.0.iter().chain(POCO.0) {
            for field in entity.fields {
                for Operator { name, list } in operators(field.kind) {
                    let name = if name.is_empty() {
                        field.name.to_owned()
                    } else {
                        format!("{}_{name}", field.name)
                    };
                    let value = match field.kind {
                        Kind::Number | Kind::Wide | Kind::Rlc => json!("1"),
                        _ => json!("0x01"),
                    };
                    let value = if list { json!([value]) } else { value };
                    let taken = read(entity, &json!({ &name: value }), &mut Values::default());
                    assert!(taken.is_ok(), "{} {name}: {taken:?}", entity.name);
                }
            }
        }
    }

    #[test]
    fn long_chains_of_conditions_are_shallow() {
        let names = |count: usize| (0..count).map(|n| json!({ "name": n.to_string() })).collect::<Vec<_>>();
        let longest = VALUES_MAX / CONDITION_VALUES - 1;
        let text = sql(json!({ "or": names(longest) })).unwrap();
        let mut depth = 0usize;
        let deepest = text.chars().fold(0, |deepest, c| {
            depth = match c {
                '(' => depth + 1,
                ')' => depth - 1,
                _ => depth,
            };
            deepest.max(depth)
        });
        assert!(deepest <= 12, "{deepest}");
        assert!(sql(json!({ "or": names(longest + 1) })).is_err());
    }

    #[test]
    fn amounts_are_exact() {
        for (text, nrlc) in [("0", 0u64), ("0.000000001", 1), ("1", 1_000_000_000), ("12.5", 12_500_000_000)]
        {
            assert_eq!(decimal(text, RLC_PLACES), Some(U256::from(nrlc)));
            assert_eq!(rlc(U256::from(nrlc)), text);
        }
        for text in ["", ".5", "-1", "1e9", "0.0000000001", &"9".repeat(79)] {
            assert_eq!(decimal(text, RLC_PLACES), None, "{text}");
        }
    }
}
