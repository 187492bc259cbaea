//! `cargo xtask gas`: what each operation of the contracts costs, beside the reference.
//!
//! The gas test measures, in process, with fixed keys; its figures are committed in `contracts/gas`, and it fails when they
//! are not those found. Here they are renewed, or compared with `--check`, and printed.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::tidy;

/// Makes the test write what it would compare.
const WRITE: &str = "METACLOUD_GAS_WRITE";

/// Measures, renews or compares the committed figures, and prints them.
///
/// # Errors
/// If an operation is over its bound, or, with `check`, a figure is not the committed one.
pub(crate) fn run(json: bool, check: bool) -> Result<(), String> {
    let root = tidy::root()?;
    measure(&root, check)?;
    let path = root.join("contracts/gas/operations.json");
    let text = std::fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    let rows: Vec<Value> =
        serde_json::from_str(&text).map_err(|error| format!("{}: {error}", path.display()))?;
    if !json {
        println!(
            "{:<44} {:>9} {:>9} {:>9} {:>6} {:>6}",
            "operation", "gas", "floor", "reference", "ratio", "bound"
        );
    }
    for row in rows {
        if json {
            println!("{row}");
            continue;
        }
        let number = |key: &str| row[key].as_f64().unwrap_or(f64::NAN);
        println!(
            "{:<44} {:>9} {:>9} {:>9} {:>6.3} {:>6.2}",
            row["operation"].as_str().unwrap_or_default(),
            number("gas"),
            // Lives are several transactions and have none.
            row["floor"]["gas"].as_u64().map_or_else(|| "-".to_owned(), |gas| gas.to_string()),
            number("reference"),
            number("ratio"),
            number("bound")
        );
    }
    Ok(())
}

fn measure(root: &Path, check: bool) -> Result<(), String> {
    let mut command = Command::new("cargo");
    // The second opinion from anvil belongs to the tests; here nothing but Rust is needed.
    command.args(["test", "--workspace", "--locked", "--quiet", "--test", "gas", "--", "--skip", "anvil"]);
    if !check {
        command.env(WRITE, "1");
    }
    let out = command.current_dir(root).output().map_err(|error| format!("cargo test: {error}"))?;
    if out.status.success() {
        return Ok(());
    }
    Err(format!("{}{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr)))
}
