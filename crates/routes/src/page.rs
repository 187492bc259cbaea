//! The document as one page of HTML, without scripts as far as it can be.

use std::fmt::Write as _;

use serde_json::{Map, Value};

use crate::page::form::form;

mod form;

const STYLE: &str = include_str!("page/style.css");
const SCRIPT: &str = include_str!("page/script.js");
/// Methods in the order in which a path shows them.
const METHODS: [&str; 7] = ["get", "head", "post", "put", "patch", "delete", "options"];

/// The page of a document.
pub(crate) fn page(document: &Value) -> String {
    let info = &document["info"];
    let title = escape(text(&info["title"]));
    let mut body = String::new();
    let tags: Vec<&Value> = document["tags"].as_array().into_iter().flatten().collect();
    let mut menu = String::new();
    for tag in &tags {
        let name = text(&tag["name"]);
        let operations = operations(document, name);
        put(
            &mut menu,
            format_args!("<a href=\"#tag-{0}\">{0} <small>{1}</small></a>", escape(name), operations.len()),
        );
        put(
            &mut body,
            format_args!(
                "<section><h2 id=\"tag-{0}\">{0}</h2><p>{1}</p>",
                escape(name),
                escape(text(&tag["description"]))
            ),
        );
        for (path, method, described) in operations {
            operation(&mut body, document, path, method, described);
        }
        body.push_str("</section>");
    }
    put(&mut menu, format_args!("<a href=\"#schemas\">schemas</a>"));
    body.push_str("<section><h2 id=\"schemas\">schemas</h2><p>What bodies and parameters look like.</p>");
    for (name, schema) in members(&document["components"]["schemas"]) {
        self::schema(&mut body, name, schema);
    }
    body.push_str("</section>");
    format!(
        "<!DOCTYPE html><html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <meta name=\"color-scheme\" content=\"light dark\"><link rel=\"icon\" href=\"data:,\">\
         <title>{title}</title><style>{STYLE}</style></head><body>\
         <header><h1>{title} <small>{version}</small></h1><p>{about}</p>\
         <p class=\"tools\"><a href=\"openapi.json\">openapi.json</a>\
         <label class=\"scripted\">find <input id=\"find\" type=\"search\" placeholder=\"path or word\"></label></p>\
         </header><nav>{menu}</nav><main>{body}</main><script>{SCRIPT}</script></body></html>\n",
        version = escape(text(&info["version"])),
        about = escape(text(&info["description"])),
    )
}

/// The operations of a tag, by path and method.
fn operations<'a>(document: &'a Value, tag: &str) -> Vec<(&'a str, &'static str, &'a Value)> {
    let mut found = Vec::new();
    for (path, item) in members(&document["paths"]) {
        for method in METHODS {
            let described = &item[method];
            if described["tags"][0] == tag {
                found.push((path.as_str(), method, described));
            }
        }
    }
    found
}

fn operation(out: &mut String, document: &Value, path: &str, method: &str, described: &Value) {
    let id = escape(text(&described["operationId"]));
    put(
        out,
        format_args!(
            "<details class=\"op\"><summary><span class=\"m {method}\">{upper}</span> <code>{path}</code> \
             <span class=\"what\">{summary}</span></summary><div id=\"op-{id}\">",
            upper = method.to_uppercase(),
            path = broken(&escape(path)),
            summary = escape(text(&described["summary"])),
        ),
    );
    if let Some(about) = described["description"].as_str() {
        put(out, format_args!("<p>{}</p>", escape(about)));
    }
    for login in
        described["security"].as_array().into_iter().flatten().flat_map(members).map(|(name, _)| name)
    {
        let about = text(&document["components"]["securitySchemes"][login]["description"]);
        put(
            out,
            format_args!("<p class=\"login\"><b>header <code>authorization</code></b> {}</p>", escape(about)),
        );
    }
    let parameters: Vec<&Value> = described["parameters"].as_array().into_iter().flatten().collect();
    if !parameters.is_empty() {
        out.push_str("<h3>Parameters</h3><dl>");
        parameters.iter().for_each(|parameter| self::parameter(out, parameter));
        out.push_str("</dl>");
    }
    let bodies = members(&described["requestBody"]["content"]);
    if bodies.len() > 0 {
        out.push_str("<h3>Body</h3><dl>");
        for (kind, content) in bodies {
            put(
                out,
                format_args!("<dt><code>{}</code></dt><dd>{}</dd>", escape(kind), form(&content["schema"])),
            );
        }
        out.push_str("</dl>");
    }
    out.push_str("<h3>Answers</h3><dl class=\"answers\">");
    for (status, answer) in members(&described["responses"]) {
        self::answer(out, status, answer);
    }
    out.push_str("</dl>");
    if method == "get" {
        trial(out, path, &parameters);
    }
    out.push_str("</div></details>");
}

fn parameter(out: &mut String, parameter: &Value) {
    let needed = if parameter["required"] == true { " <b>needed</b>" } else { "" };
    put(
        out,
        format_args!(
            "<dt><code>{name}</code> <small>{place}{needed}</small></dt><dd>{about} <span class=\"form\">{form}</span></dd>",
            name = escape(text(&parameter["name"])),
            place = escape(text(&parameter["in"])),
            about = escape(text(&parameter["description"])),
            form = form(&parameter["schema"]),
        ),
    );
}

fn answer(out: &mut String, status: &str, answer: &Value) {
    let class = status.get(..1).unwrap_or_default();
    put(
        out,
        format_args!(
            "<dt><span class=\"s s{class}\">{}</span></dt><dd>{}",
            escape(status),
            escape(text(&answer["description"]))
        ),
    );
    for (kind, content) in members(&answer["content"]) {
        put(
            out,
            format_args!(
                " <span class=\"form\"><code>{}</code> {}</span>",
                escape(kind),
                form(&content["schema"])
            ),
        );
    }
    for (name, header) in members(&answer["headers"]) {
        let about = escape(text(&header["description"]));
        put(out, format_args!(" <span class=\"form\">header <code>{}</code> {about}</span>", escape(name)));
    }
    out.push_str("</dd>");
}

/// A form that asks the origin. Without segments to fill in it works without the script.
fn trial(out: &mut String, path: &str, parameters: &[&Value]) {
    let scripted = if path.contains('{') { " scripted" } else { "" };
    put(
        out,
        format_args!(
            "<h3 class=\"{scripted}\">Try it</h3><form class=\"try{scripted}\" method=\"get\" action=\"{path}\" data-path=\"{path}\">",
            path = escape(path),
        ),
    );
    for parameter in parameters.iter().filter(|parameter| parameter["in"] != "header") {
        put(
            out,
            format_args!(
                "<label>{name} <input name=\"{name}\" data-in=\"{place}\"{needed}></label>",
                name = escape(text(&parameter["name"])),
                place = escape(text(&parameter["in"])),
                needed = if parameter["required"] == true { " required" } else { "" },
            ),
        );
    }
    out.push_str("<button>Send</button><pre class=\"got\" hidden></pre></form>");
}

fn schema(out: &mut String, name: &str, schema: &Value) {
    put(
        out,
        format_args!(
            "<details class=\"schema\"><summary><code>{name}</code> <span class=\"what\">{about}</span></summary>\
             <div id=\"schema-{name}\">",
            name = escape(name),
            about = escape(text(&schema["description"])),
        ),
    );
    let parts = match schema["allOf"].as_array() {
        Some(parts) => parts.iter().collect(),
        None => vec![schema],
    };
    for part in parts {
        let properties = members(&part["properties"]);
        if properties.len() == 0 {
            put(out, format_args!("<p>{}</p>", form(part)));
            continue;
        }
        out.push_str("<dl>");
        let needed =
            |name: &str| part["required"].as_array().is_some_and(|all| all.iter().any(|one| one == name));
        for (name, property) in properties {
            let needed = if needed(name) { "" } else { " <small>may be left out</small>" };
            put(
                out,
                format_args!(
                    "<dt><code>{}</code>{needed}</dt><dd>{} <span class=\"form\">{}</span></dd>",
                    escape(name),
                    escape(text(&property["description"])),
                    form(property)
                ),
            );
        }
        out.push_str("</dl>");
    }
    out.push_str("</div></details>");
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn members(value: &Value) -> serde_json::map::Iter<'_> {
    static NONE: std::sync::LazyLock<Map<String, Value>> = std::sync::LazyLock::new(Map::new);
    value.as_object().unwrap_or(&NONE).iter()
}

fn put(out: &mut String, words: std::fmt::Arguments<'_>) {
    out.write_fmt(words).expect("writing to a string never fails");
}

/// A path may break after each slash.
fn broken(path: &str) -> String {
    path.replace('/', "/<wbr>")
}

pub(crate) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            character => escaped.push(character),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn words_of_a_document_stay_words() {
        let words = "<script>alert('x')</script>\"";
        let page = page(&json!({
            "info": {"title": words, "version": words, "description": words},
            "tags": [{"name": words, "description": words}],
            "paths": {words: {"get": {
                "tags": [words], "operationId": words, "summary": words, "description": words,
                "parameters": [{"name": words, "in": words, "description": words, "schema": {"pattern": words}}],
                "responses": {words: {"description": words, "content": {words: {"schema": {"enum": [words]}}}}},
            }}},
            "components": {"schemas": {words: {"description": words, "properties": {words: {"$ref": words}}}}},
        }));
        assert!(page.contains("&lt;script&gt;"));
        assert!(!page.contains("<script>alert"), "{page}");
        assert!(!page.contains("</script>\""), "{page}");
    }

    #[test]
    fn every_operation_and_schema_has_its_place() {
        let page = page(&json!({
            "tags": [{"name": "t"}],
            "paths": {"/a/{b}": {"get": {"tags": ["t"], "operationId": "getA", "responses": {}}, "put": {"tags": ["t"],
                "operationId": "putA", "responses": {}, "requestBody": {"content": {"application/json": {
                "schema": {"$ref": "#/components/schemas/Body"}}}}}}},
            "components": {"schemas": {"Body": {"type": "object", "required": ["n"], "properties": {"n": {"type": "integer"}}}}},
        }));
        for part in [
            "id=\"op-getA\"",
            "id=\"op-putA\"",
            "href=\"#schema-Body\"",
            "id=\"schema-Body\"",
            "data-path=\"/a/{b}\"",
        ] {
            assert!(page.contains(part), "{part}");
        }
    }
}
