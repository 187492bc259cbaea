//! A schema in one line of HTML.

use serde_json::Value;

use super::{escape, members, text};

/// What fits a schema, in words.
pub(super) fn form(schema: &Value) -> String {
    if let Some(target) = schema["$ref"].as_str() {
        let name = escape(target.rsplit('/').next().unwrap_or(target));
        return format!("<a href=\"#schema-{name}\">{name}</a>");
    }
    for (key, word) in [("oneOf", " or "), ("anyOf", " or "), ("allOf", " and ")] {
        if let Some(parts) = schema[key].as_array() {
            return parts.iter().map(form).collect::<Vec<_>>().join(word);
        }
    }
    if let Some(values) = schema["enum"].as_array() {
        return values.iter().map(code).collect::<Vec<_>>().join(" or ");
    }
    match &schema["type"] {
        Value::String(kind) => of_type(kind, schema),
        Value::Array(kinds) => {
            kinds.iter().map(|kind| of_type(text(kind), schema)).collect::<Vec<_>>().join(" or ")
        }
        _ => "anything".to_owned(),
    }
}

fn of_type(kind: &str, schema: &Value) -> String {
    let mut words = match kind {
        "null" => return "null".to_owned(),
        "array" => format!("list of {}", form(&schema["items"])),
        "object" => object(schema),
        "string" if schema["contentMediaType"] == "application/octet-stream" => "bytes".to_owned(),
        "string" => "text".to_owned(),
        kind => escape(kind),
    };
    if let Some(pattern) = schema["pattern"].as_str() {
        words += &format!(" <code>{}</code>", escape(pattern));
    }
    for (least, most, unit) in [
        ("minimum", "maximum", ""),
        ("minLength", "maxLength", " characters"),
        ("minItems", "maxItems", " entries"),
    ] {
        words += &match (schema[least].as_number(), schema[most].as_number()) {
            (Some(least), Some(most)) => format!(", {least} to {most}{unit}"),
            (Some(least), None) => format!(", {least}{unit} or more"),
            (None, Some(most)) => format!(", at most {most}{unit}"),
            (None, None) => String::new(),
        };
    }
    if !schema["default"].is_null() {
        words += &format!("; else {}", code(&schema["default"]));
    }
    words
}

fn object(schema: &Value) -> String {
    let properties = members(&schema["properties"]);
    if properties.len() == 0 {
        return match &schema["additionalProperties"] {
            values @ Value::Object(_) => format!("object of {}", form(values)),
            _ => "object".to_owned(),
        };
    }
    let list: Vec<_> = properties
        .map(|(name, property)| format!("<code>{}</code>: {}", escape(name), form(property)))
        .collect();
    format!("{{ {} }}", list.join(", "))
}

fn code(value: &Value) -> String {
    format!("<code>{}</code>", escape(&value.to_string()))
}
