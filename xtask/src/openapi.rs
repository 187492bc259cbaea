//! `cargo xtask openapi`: the OpenAPI documents that are committed, from the routes of all services.

use std::process::Command;

use crate::tidy;

/// Folder of the documents.
const FOLDER: &str = "docs/openapi";

/// Writes the documents, or with `check` compares them with the committed ones byte for byte.
///
/// # Errors
/// A document that differs, or services that do not compile.
pub(crate) fn run(check: bool) -> Result<(), String> {
    let root = tidy::root()?;
    let mut command = Command::new("cargo");
    command.args(["run", "--quiet", "--locked", "--package", "metacloud", "--example", "openapi", "--"]);
    if check {
        command.arg("--check");
    }
    let status = command.arg(root.join(FOLDER)).current_dir(&root).status();
    let status = status.map_err(|error| format!("cargo cannot be run: {error}"))?;
    if status.success() { Ok(()) } else { Err(status.to_string()) }
}
