//! `cargo xtask tidy`: the rules that hold the house up, checked.
//!
//! Knows: which room may lean on which, what a pure room may not touch, how long a file may be, what must not be left
//! lying about. Reads `cargo metadata` and the tracked files; changes nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// Lines past which a source file has missed its seam.
const FILE_LINES_MAX: usize = 600;
/// First folders of paths that exist on one machine only, without their slashes, so that a search for such a path finds
/// nothing here.
const MACHINE_FOLDERS: [&str; 3] = ["work", "root", "home"];
/// Contract code limit of EIP-170, in bytes.
const CONTRACT_BYTES_MAX: usize = 24_576;

/// Which rooms each room may depend on (DESIGN: arrows point down only).
const ARROWS: &[(&str, &[&str])] = &[
    ("protocol", &[]),
    ("book", &["protocol"]),
    ("dispatch", &["protocol"]),
    ("wire", &["protocol"]),
    ("abi", &["protocol"]),
    ("chain", &["protocol", "abi"]),
    ("ends", &[]),
    ("routes", &[]),
    ("devchain", &["ends", "routes"]),
    ("seal", &[]),
    ("store", &[]),
    ("blobs", &["protocol", "routes"]),
    ("sandbox", &["protocol"]),
    ("market", &["routes", "protocol", "book", "wire", "abi", "chain", "store", "ends"]),
    ("secrets", &["routes", "ends", "protocol", "wire", "abi", "chain", "store", "seal"]),
    ("scheduler", &["routes", "protocol", "dispatch", "wire", "abi", "chain", "store", "blobs", "ends"]),
    ("enclave", &["protocol", "wire", "seal", "blobs", "sandbox"]),
    ("worker", &["enclave", "protocol", "wire", "abi", "chain", "store", "blobs", "sandbox", "ends"]),
    ("explorer", &["routes", "protocol", "wire", "abi", "chain", "store", "blobs", "ends"]),
    ("sdk", &["protocol", "wire", "abi", "chain", "blobs"]),
    (
        "node",
        &[
            "protocol",
            "wire",
            "abi",
            "chain",
            "devchain",
            "store",
            "blobs",
            "sandbox",
            "ends",
            "market",
            "secrets",
            "scheduler",
            "worker",
            "enclave",
            "explorer",
            "routes",
            "sdk",
        ],
    ),
    ("cli", &["protocol", "sdk", "node"]),
];

/// Rooms without sockets, files, clocks or random sources.
const PURE: &[&str] = &["protocol", "book", "dispatch", "seal"];
/// What a pure room's sources may not name.
const IMPURE_WORDS: &[&str] = &[
    "std::fs",
    "std::net",
    "std::env",
    "std::process",
    "std::thread",
    "SystemTime",
    "std::time::Instant",
    "tokio",
    "rand::",
    "getrandom",
    "async fn",
];

/// Marks of unfinished work; a number behind the mark makes it a reference to the plan.
const LEFTOVERS: &[&str] = &["todo!(", "unimplemented!(", "FIXME", "HACK", "XXX"];

/// Checks all rules and prints every breach.
///
/// # Errors
/// The number of breaches, if any.
pub(crate) fn run() -> Result<(), String> {
    let root = root()?;
    let mut breaches = Vec::new();
    let metadata = metadata(&root)?;
    check_arrows(&metadata, &mut breaches);
    check_dependency_reasons(&root, &mut breaches)?;
    let files = tracked_files(&root)?;
    for file in &files {
        check_file(&root, file, &mut breaches);
    }
    check_purity(&root, &files, &mut breaches);
    check_contract_sizes(&root, &mut breaches)?;
    for breach in &breaches {
        eprintln!("tidy: {breach}");
    }
    if breaches.is_empty() { Ok(()) } else { Err(format!("{} breaches of the house rules", breaches.len())) }
}

/// The workspace's root folder.
pub(crate) fn root() -> Result<PathBuf, String> {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .map(Path::to_path_buf)
        .ok_or_else(|| "xtask has no parent folder".to_owned())
}

fn metadata(root: &Path) -> Result<Value, String> {
    let out = Command::new("cargo")
        .args(["metadata", "--no-deps", "--format-version", "1", "--locked"])
        .current_dir(root)
        .output()
        .map_err(|error| format!("cargo metadata: {error}"))?;
    if !out.status.success() {
        return Err(format!("cargo metadata: {}", String::from_utf8_lossy(&out.stderr)));
    }
    serde_json::from_slice(&out.stdout).map_err(|error| format!("cargo metadata: {error}"))
}

fn check_arrows(metadata: &Value, breaches: &mut Vec<String>) {
    let arrows: BTreeMap<&str, &[&str]> = ARROWS.iter().copied().collect();
    for package in metadata["packages"].as_array().into_iter().flatten() {
        let name = package["name"].as_str().unwrap_or_default();
        let Some(room) = name.strip_prefix("metacloud-") else { continue };
        let Some(allowed) = arrows.get(room) else {
            breaches
                .push(format!("room {room} is not on the map: add it to ARROWS with what it may lean on"));
            continue;
        };
        for dependency in package["dependencies"].as_array().into_iter().flatten() {
            if dependency["kind"].as_str() == Some("dev") {
                continue;
            }
            let target = dependency["name"].as_str().unwrap_or_default();
            if let Some(target) = target.strip_prefix("metacloud-")
                && !allowed.contains(&target)
            {
                breaches.push(format!("arrow {room} -> {target} points the wrong way"));
            }
            if dependency["source"].as_str().is_some_and(|source| source.starts_with("git+")) {
                breaches.push(format!("{room} depends on {target} from git; only the registry is allowed"));
            }
        }
    }
}

fn check_dependency_reasons(root: &Path, breaches: &mut Vec<String>) -> Result<(), String> {
    let manifest = read(&root.join("Cargo.toml"))?;
    let reasons = read(&root.join("docs/dependencies.md"))?;
    let named: BTreeSet<&str> = reasons
        .lines()
        .filter_map(|line| line.strip_prefix("| ")?.split(" | ").next())
        .flat_map(|cell| cell.split(", "))
        .collect();
    let section = manifest.split("[workspace.dependencies]").nth(1).unwrap_or_default();
    let section = section.split("\n[").next().unwrap_or_default();
    let mut used = BTreeSet::new();
    for line in section.lines() {
        let Some((dependency, _)) = line.split_once(" = ") else { continue };
        if dependency.starts_with('#') || dependency.starts_with("metacloud-") {
            continue;
        }
        used.insert(dependency);
        if !named.contains(dependency) {
            breaches.push(format!("dependency {dependency} has no reason in docs/dependencies.md"));
        }
    }
    for name in named {
        if name != "crate" && !used.contains(name) && !name.starts_with("---") {
            breaches.push(format!("docs/dependencies.md names {name}, which the workspace does not use"));
        }
    }
    Ok(())
}

fn tracked_files(root: &Path) -> Result<Vec<String>, String> {
    let out = Command::new("git")
        .args(["ls-files", "--cached", "--others", "--exclude-standard"])
        .current_dir(root)
        .output()
        .map_err(|error| format!("git ls-files: {error}"))?;
    let mut files: Vec<String> = String::from_utf8_lossy(&out.stdout).lines().map(str::to_owned).collect();
    files.sort();
    files.dedup();
    Ok(files)
}

fn check_file(root: &Path, file: &str, breaches: &mut Vec<String>) {
    let source = file.ends_with(".rs") || file.ends_with(".sol");
    let text_file = source
        || [".toml", ".md", ".mjs", ".json", ".sh", ".c", ".proto", ".yml", ".sql", ".html"]
            .iter()
            .any(|ending| file.ends_with(ending))
        || file == ".ci/run";
    if !text_file {
        return;
    }
    let Ok(text) = std::fs::read_to_string(root.join(file)) else { return };
    if source && text.lines().count() > FILE_LINES_MAX {
        breaches.push(format!("{file} has {} lines; look for its seam", text.lines().count()));
    }
    if file.starts_with("crates/")
        && file.ends_with("/src/lib.rs")
        && !text.lines().take(3).any(|line| line.starts_with("//!"))
    {
        breaches.push(format!("{file} does not say what the room knows and must not know"));
    }
    if file == "xtask/src/tidy.rs" {
        return;
    }
    // A route that is given to axum directly has no description.
    let in_table =
        !file.starts_with("crates/") || !file.contains("/src/") || file.starts_with("crates/routes/");
    for (number, line) in text.lines().enumerate() {
        if !in_table && line.trim_start().starts_with(".route(") {
            breaches.push(format!("{file}:{} gives a route to axum past metacloud_routes", number + 1));
        }
    }
    for (number, line) in text.lines().enumerate() {
        let mut folders = MACHINE_FOLDERS.iter().map(|folder| format!("/{folder}/"));
        if folders.any(|folder| line.contains(&folder)) && !file.ends_with(".json") {
            breaches.push(format!("{file}:{} names a path of one machine", number + 1));
        }
        if file.ends_with("package-lock.json") && line.contains("\"resolved\"") {
            breaches.push(format!("{file}:{} names a registry host", number + 1));
        }
        if source && LEFTOVERS.iter().any(|mark| line.contains(mark)) {
            breaches.push(format!("{file}:{} is unfinished work", number + 1));
        }
        if source && line.contains("TODO") && !line.contains("TODO(#") {
            breaches.push(format!("{file}:{} has a TODO without a number", number + 1));
        }
    }
}

fn check_purity(root: &Path, files: &[String], breaches: &mut Vec<String>) {
    for room in PURE {
        let prefix = format!("crates/{room}/src/");
        for file in files.iter().filter(|file| file.starts_with(&prefix)) {
            let Ok(text) = std::fs::read_to_string(root.join(file)) else { continue };
            for (number, line) in text.lines().enumerate() {
                let code = line.split("//").next().unwrap_or_default();
                if let Some(word) = IMPURE_WORDS.iter().find(|word| code.contains(**word)) {
                    breaches.push(format!("{file}:{} uses {word} in a pure room", number + 1));
                }
            }
        }
    }
}

fn check_contract_sizes(root: &Path, breaches: &mut Vec<String>) -> Result<(), String> {
    let folder = root.join("contracts/artifacts");
    let entries = std::fs::read_dir(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    for entry in entries.flatten() {
        let path = entry.path();
        let artifact: Value =
            serde_json::from_str(&read(&path)?).map_err(|error| format!("{}: {error}", path.display()))?;
        let code = artifact["deployedBytecode"].as_str().unwrap_or_default();
        let bytes = code.trim_start_matches("0x").len() / 2;
        if bytes >= CONTRACT_BYTES_MAX {
            breaches
                .push(format!("{} holds {bytes} bytes of code, past {CONTRACT_BYTES_MAX}", path.display()));
        }
    }
    Ok(())
}

fn read(path: &Path) -> Result<String, String> {
    std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))
}
