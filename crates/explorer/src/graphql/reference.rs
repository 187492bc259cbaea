//! The reference in `docs/subgraph.md`: written of the schema, and compared with it. `METACLOUD_WRITE_REFERENCE=1` makes
//! the test write the file.

use std::fmt::Write as _;
use std::path::Path;

use super::schema::{DATA_PROTECTOR, POCO, Schema};
use super::types::{Member, Type, Types};
use super::{execute, filter, plan};

const BEGIN: &str = "# What the explorer answers in GraphQL

Written by the explorer's tests out of its schema; do not edit.

Two endpoints speak GraphQL as The Graph does: `POST` with `{\"query\", \"variables\", \"operationName\"}`, answered with
`{\"data\"}` or `{\"errors\": [{\"message\"}]}`. Only queries are answered. The types can be asked for (`__schema`, `__type`).
Every answer holds what the newest block of the chain tells, and all of one answer is of one block, which `_meta` names.

Ids and addresses are in lower case, amounts in RLC, times in seconds since 1970. Where only the id of something is known
(an account, an order, a field of a dataset's schema), its type is `Entity`.

## Lists and filters

A list takes `first`, `skip`, `orderBy` (the name of a field of the entity), `orderDirection` (`asc`, `desc`) and `where`.
A filter's members are a field's name, for equality, or the name with an operator behind it:
";

fn operators() -> String {
    let mut text = String::new();
    for (what, kind) in [
        ("every field with one value", super::schema::Kind::Bytes),
        ("fields of type `String` also", super::schema::Kind::Text),
        ("`schema`, with a list of `name:type`", super::schema::Kind::Items("", "", "", "")),
    ] {
        let names: Vec<String> = filter::operators(kind)
            .iter()
            .filter(|operator| !operator.name.is_empty())
            .filter(|operator| {
                what != "fields of type `String` also"
                    || operator.name.contains("with")
                    || operator.name.contains("contains")
            })
            .map(|operator| format!("`_{}`", operator.name))
            .collect();
        let _ = writeln!(text, "- {what}: {}", names.join(", "));
    }
    text.push_str("- `and`, `or`: lists of filters\n\nObjects are compared by their id. An entity's lists of other entities cannot be filtered by.\n");
    text
}

fn limits() -> String {
    format!(
        "\n## Limits\n\n| what | at most |\n|---|---|\n| `first` | {} (where absent: {}) |\n| `skip` | {} |\n\
         | depth of a query | {} |\n| fields of a query, fragments unfolded | {} |\n| depth of `and` and `or` | {} |\n\
         | values in filters of a query; a condition counts as {} | {} |\n| entities of an answer | {} |\n\
         | statements of an answer: a list within a list takes one for each outer entity | {} |\n",
        plan::FIRST_MAX,
        plan::FIRST_DEFAULT,
        plan::SKIP_MAX,
        plan::DEPTH_MAX,
        plan::FIELDS_MAX,
        filter::DEPTH_MAX,
        filter::CONDITION_VALUES,
        filter::VALUES_MAX,
        execute::ROWS_MAX,
        execute::STATEMENTS_MAX,
    )
}

fn member(member: &Member) -> String {
    let mut arguments: Vec<&str> = member.arguments.iter().map(|argument| argument.name.as_str()).collect();
    // Those of every list.
    if arguments.len() > 1 {
        arguments = vec!["…"];
    }
    match arguments.is_empty() {
        true => format!("  {}: {}", member.name, member.of),
        false => format!("  {}({}): {}", member.name, arguments.join(", "), member.of),
    }
}

fn endpoint(path: &str, about: &str, schema: &Schema) -> String {
    let types = Types::of(schema);
    let mut text = format!("\n## `{path}`\n\n{about}\n\n```graphql\n");
    let names = ["Query"].into_iter().chain(schema.0.iter().map(|entity| entity.name));
    for (at, name) in names.enumerate() {
        let Some(Type::Object(members)) = types.0.get(name) else { continue };
        let lines: Vec<String> = members.iter().map(member).collect();
        let _ = writeln!(text, "{}type {name} {{\n{}\n}}", if at == 0 { "" } else { "\n" }, lines.join("\n"));
    }
    text.push_str("```\n");
    text
}

fn whole() -> String {
    let poco = endpoint(
        crate::routes::POCO_PATH,
        "Deals and their tasks, and the assets that they use. `bulkSlice` is fetched from storage when it is asked for.",
        &POCO,
    );
    let protected = endpoint(
        crate::routes::DATA_PROTECTOR_PATH,
        "Datasets of which the DataProtector contract told a schema.",
        &DATA_PROTECTOR,
    );
    [BEGIN, "\n", &operators(), &limits(), &poco, &protected].concat()
}

#[test]
fn reference_tells_of_this_schema() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/subgraph.md");
    if std::env::var_os("METACLOUD_WRITE_REFERENCE").is_some() {
        std::fs::write(&path, whole()).expect("docs can be written");
    }
    let written = std::fs::read_to_string(&path).expect("docs/subgraph.md is there");
    assert!(written == whole(), "docs/subgraph.md is old: run this test with METACLOUD_WRITE_REFERENCE=1");
}
