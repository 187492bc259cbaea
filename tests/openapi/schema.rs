//! Whether a JSON value fits a schema of the document. Knows the words that our documents use, and stops at any other.

use std::collections::BTreeSet;

use regex_lite::Regex;
use serde_json::{Map, Value};

/// Words that say nothing about which values fit.
const SILENT: &[&str] =
    &["description", "title", "default", "format", "example", "contentMediaType", "contentEncoding"];

/// Says where `value` does not fit `schema`. Members that no schema tells of do not fit.
pub(crate) fn misfit(document: &Value, schema: &Value, value: &Value) -> Option<String> {
    let whole = Check { document }.declared(schema);
    Check { document }.check(schema, value, &whole).err()
}

struct Check<'a> {
    document: &'a Value,
}

/// Members that a schema tells of; `None` if it lets any be.
type Declared = Option<BTreeSet<String>>;

impl Check<'_> {
    fn resolve<'s>(&'s self, schema: &'s Value) -> &'s Value {
        match schema["$ref"].as_str() {
            Some(target) => {
                let found =
                    self.document.pointer(target.strip_prefix('#').expect("a reference into the document"));
                self.resolve(found.unwrap_or_else(|| panic!("{target} leads nowhere")))
            }
            None => schema,
        }
    }

    fn declared(&self, schema: &Value) -> Declared {
        let schema = self.resolve(schema);
        if let Some(parts) = schema["allOf"].as_array() {
            return parts.iter().map(|part| self.declared(part)).try_fold(
                BTreeSet::new(),
                |mut all, part| {
                    all.extend(part?);
                    Some(all)
                },
            );
        }
        let properties = schema["properties"].as_object()?;
        Some(properties.keys().cloned().collect())
    }

    fn check(&self, schema: &Value, value: &Value, declared: &Declared) -> Result<(), String> {
        let schema = self.resolve(schema);
        let words = schema.as_object().ok_or("a schema is an object")?;
        for (word, rule) in words {
            self.word(word, rule, words, value, declared)
                .map_err(|why| if why.starts_with('/') { why } else { format!("{why}: {value:.200}") })?;
        }
        if let (Value::Object(members), Some(declared)) = (value, declared)
            && let Some(member) = members.keys().find(|member| !declared.contains(*member))
        {
            return Err(format!("member {member} is not described"));
        }
        Ok(())
    }

    fn word(
        &self,
        word: &str,
        rule: &Value,
        words: &Map<String, Value>,
        value: &Value,
        declared: &Declared,
    ) -> Result<(), String> {
        let fits = |part: &Value| self.check(part, value, &self.declared(part)).is_ok();
        let list = || rule.as_array().expect("a list of schemas").iter();
        let length = |text: &str| text.chars().count() as u64;
        let truth = match word {
            "type" => match rule {
                Value::Array(types) => types.iter().any(|one| is_of(one, value)),
                one => is_of(one, value),
            },
            "enum" => list().any(|one| one == value),
            "oneOf" => list().filter(|part| fits(part)).count() == 1,
            "anyOf" => list().any(fits),
            "allOf" => return list().try_for_each(|part| self.check(part, value, declared)),
            "pattern" => {
                let pattern = Regex::new(rule.as_str().expect("text")).expect("a regular expression");
                value.as_str().is_none_or(|text| pattern.is_match(text))
            }
            "minimum" => value.as_f64().is_none_or(|number| number >= rule.as_f64().expect("a number")),
            "maximum" => value.as_f64().is_none_or(|number| number <= rule.as_f64().expect("a number")),
            "minLength" => value.as_str().is_none_or(|text| Some(length(text)) >= rule.as_u64()),
            "maxLength" => value.as_str().is_none_or(|text| Some(length(text)) <= rule.as_u64()),
            "minItems" => value.as_array().is_none_or(|items| Some(items.len() as u64) >= rule.as_u64()),
            "maxItems" => value.as_array().is_none_or(|items| Some(items.len() as u64) <= rule.as_u64()),
            "uniqueItems" => value.as_array().is_none_or(|items| {
                items.iter().map(ToString::to_string).collect::<BTreeSet<_>>().len() == items.len()
            }),
            "required" => value.as_object().is_none_or(|members| {
                list().all(|name| members.contains_key(name.as_str().expect("a name")))
            }),
            "items" => {
                return each(value.as_array().into_iter().flatten().enumerate(), |item| {
                    self.fresh(rule, item)
                });
            }
            "properties" => {
                let rules = rule.as_object().expect("properties");
                let members = value.as_object().into_iter().flatten();
                let known = members.filter_map(|(name, member)| Some((name, (rules.get(name)?, member))));
                return each(known, |(rule, member)| self.fresh(rule, member));
            }
            "additionalProperties" if rule.is_boolean() => true,
            "additionalProperties" => {
                assert!(!words.contains_key("properties"), "a map with names of its own");
                return each(value.as_object().into_iter().flatten(), |member| self.fresh(rule, member));
            }
            word if SILENT.contains(&word) => true,
            word => panic!("this test does not know {word}"),
        };
        if truth { Ok(()) } else { Err(format!("{word} {rule:.200} does not hold")) }
    }

    fn fresh(&self, schema: &Value, value: &Value) -> Result<(), String> {
        self.check(schema, value, &self.declared(schema))
    }
}

fn each<N: std::fmt::Display, T>(
    values: impl Iterator<Item = (N, T)>,
    check: impl Fn(T) -> Result<(), String>,
) -> Result<(), String> {
    values.into_iter().try_for_each(|(name, value)| check(value).map_err(|why| format!("/{name} {why}")))
}

fn is_of(name: &Value, value: &Value) -> bool {
    match name.as_str().expect("the name of a type") {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "null" => value.is_null(),
        other => panic!("{other} is no type"),
    }
}

#[test]
fn values_that_do_not_fit_are_found() {
    use serde_json::json;
    let document =
        json!({"components": {"schemas": {"Id": {"type": "string", "pattern": "^0x[0-9a-f]{4}$"}}}});
    let schema = json!({"type": "object", "required": ["id"], "properties": {
        "id": {"$ref": "#/components/schemas/Id"},
        "n": {"oneOf": [{"type": "integer", "minimum": 0, "maximum": 9}, {"type": "null"}]},
        "all": {"type": "array", "maxItems": 1, "items": {"enum": ["a"]}},
    }});
    for value in [
        json!([]),
        json!({}),
        json!({"id": "0x12"}),
        json!({"id": 1}),
        json!({"id": "0x1234", "n": 10}),
        json!({"id": "0x1234", "n": "1"}),
        json!({"id": "0x1234", "all": ["b"]}),
        json!({"id": "0x1234", "all": ["a", "a"]}),
        json!({"id": "0x1234", "new": 1}),
    ] {
        assert!(misfit(&document, &schema, &value).is_some(), "{value}");
    }
    assert_eq!(misfit(&document, &schema, &json!({"id": "0x1234", "n": null, "all": ["a"]})), None);
}
