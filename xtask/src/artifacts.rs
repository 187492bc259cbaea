//! `cargo xtask artifacts`: compiles `contracts/src` with the pinned solc (npm) into `contracts/artifacts` and the storage
//! layouts into `contracts/storage`; `--check` compiles into a directory of its own and compares byte for byte. Both end with a comparison of the ABI with
//! the reference's (`contracts/check-abi.mjs`).

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Folders of `contracts` that the build writes.
const WRITTEN: [&str; 2] = ["artifacts", "storage"];

/// Rebuilds the artifacts, or compares them with a rebuild. The failure names every file that differs.
pub(crate) fn run(check: bool) -> Result<(), String> {
    let contracts = Path::new(env!("CARGO_MANIFEST_DIR")).join("../contracts");
    let contracts = contracts.canonicalize().map_err(|error| format!("{}: {error}", contracts.display()))?;
    install_packages(&contracts)?;
    if !check {
        return build(&contracts, &contracts).and_then(|()| compare_abi(&contracts));
    }
    let rebuilt = std::env::temp_dir().join(format!("metacloud-artifacts-{}", std::process::id()));
    let outcome = build(&contracts, &rebuilt).and_then(|()| compare(&contracts, &rebuilt));
    // The directory may not exist if the build failed early; what matters is the outcome.
    let _ = fs::remove_dir_all(&rebuilt);
    outcome.and_then(|()| compare_abi(&contracts))
}

/// `npm ci`, unless what is installed is what the lock names.
fn install_packages(contracts: &Path) -> Result<(), String> {
    let lock = read(&contracts.join("package-lock.json"))?;
    let stamp = contracts.join("node_modules/.metacloud-lock");
    if fs::read(&stamp).is_ok_and(|installed| installed == lock) {
        return Ok(());
    }
    execute(Command::new("npm").args(["ci", "--no-audit", "--no-fund"]).current_dir(contracts))?;
    fs::write(&stamp, lock).map_err(|error| format!("{}: {error}", stamp.display()))
}

fn build(contracts: &Path, into: &Path) -> Result<(), String> {
    execute(Command::new("node").arg("build.mjs").arg(into).current_dir(contracts))
}

/// Compares the committed ABI with the one that the reference publishes.
fn compare_abi(contracts: &Path) -> Result<(), String> {
    execute(Command::new("node").arg("check-abi.mjs").current_dir(contracts))
}

fn execute(command: &mut Command) -> Result<(), String> {
    let program = command.get_program().to_string_lossy().into_owned();
    let status = command
        .status()
        .map_err(|error| format!("cannot run {program}: {error}; install Node.js 20 or later"))?;
    if status.success() { Ok(()) } else { Err(format!("{command:?} ended with {status}")) }
}

fn compare(committed: &Path, rebuilt: &Path) -> Result<(), String> {
    let mut names = BTreeSet::new();
    for folder in WRITTEN {
        names.extend(file_names(committed, folder)?);
        names.extend(file_names(rebuilt, folder)?);
    }
    let mut differing = Vec::new();
    for name in names {
        let same = match (fs::read(committed.join(&name)), fs::read(rebuilt.join(&name))) {
            (Ok(ours), Ok(theirs)) => ours == theirs,
            (Err(_), _) | (_, Err(_)) => false,
        };
        if !same {
            differing.push(name.display().to_string());
        }
    }
    if differing.is_empty() {
        return Ok(());
    }
    Err(format!(
        "contracts differ from a rebuild in {}; run `cargo xtask artifacts` and commit",
        differing.join(", ")
    ))
}

/// The files of a folder, each as a path from `root`.
fn file_names(root: &Path, folder: &str) -> Result<BTreeSet<PathBuf>, String> {
    let directory = root.join(folder);
    let entries = fs::read_dir(&directory).map_err(|error| format!("{}: {error}", directory.display()))?;
    let name = |entry: fs::DirEntry| Path::new(folder).join(entry.file_name());
    entries.map(|entry| entry.map(name).map_err(|error| error.to_string())).collect()
}

fn read(path: &Path) -> Result<Vec<u8>, String> {
    fs::read(path).map_err(|error| format!("{}: {error}", path.display()))
}
