//! From a dataset's schema, as its creator wrote it, to what is searched for: `email:string`, `profile.age:f64`.

use serde_json::Value;

use crate::records::SCHEMA_ITEMS_MAX;

/// Longest schema text that is read; a longer one gives a dataset without fields.
const TEXT_BYTES_MAX: usize = 64 * 1024;
/// Longest path or name of one field.
const ITEM_BYTES_MAX: usize = 512;

/// Types that are indexed (http-surface 13.1).
const TYPES: [&str; 21] = [
    "boolean",
    "number",
    "string",
    "bool",
    "i128",
    "f64",
    "application/octet-stream",
    "application/pdf",
    "application/xml",
    "application/zip",
    "audio/midi",
    "audio/mpeg",
    "audio/x-wav",
    "image/bmp",
    "image/gif",
    "image/jpeg",
    "image/png",
    "image/webp",
    "video/mp4",
    "video/mpeg",
    "video/x-msvideo",
];

/// The fields of a schema in the order of their names, each once; what is no schema has none.
pub(crate) fn items(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    if text.len() <= TEXT_BYTES_MAX
        && let Ok(value) = serde_json::from_str::<Value>(text)
    {
        collect(&value, "", &mut found);
    }
    found
}

/// The depth is bounded by the JSON parser's own.
fn collect(value: &Value, path: &str, found: &mut Vec<String>) {
    let Value::Object(members) = value else { return };
    for (name, value) in members {
        if name.is_empty() || !name.bytes().all(|c| c.is_ascii_alphanumeric() || matches!(c, b'_' | b'-')) {
            continue;
        }
        let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        if path.len() > ITEM_BYTES_MAX || found.len() >= SCHEMA_ITEMS_MAX {
            return;
        }
        match value {
            Value::String(kind) if TYPES.contains(&kind.as_str()) => {
                found.push(format!("{path}:{kind}"));
            }
            Value::Object(_) => collect(value, &path, found),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_schemas_have_no_fields() {
        let deep = format!("{}1{}", r#"{"a":"#.repeat(300), "}".repeat(300));
        let long = format!(r#"{{"a":"{}"}}"#, "x".repeat(TEXT_BYTES_MAX));
        for text in ["", "[]", "null", "{", r#"{"a":1}"#, r#"{"a":["string"]}"#, r#"{"a":""}"#, &deep, &long]
        {
            assert_eq!(items(text), Vec::<String>::new(), "{:.40}", text);
        }
        let many: Vec<String> = (0..1_000).map(|n| format!(r#""k{n}":"bool""#)).collect();
        assert_eq!(items(&format!("{{{}}}", many.join(","))).len(), SCHEMA_ITEMS_MAX);
    }

    #[test]
    fn nested_fields_are_joined_and_unknown_ones_left_out() {
        let text = r#"{"email":"string","profile":{"age":"f64","x y":"string","p.q":"bool","photo":"image/png"},"w":"what"}"#;
        assert_eq!(items(text), ["email:string", "profile.age:f64", "profile.photo:image/png"]);
    }
}
