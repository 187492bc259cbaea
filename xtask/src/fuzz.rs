//! `cargo xtask fuzz`: every parser under libFuzzer, from its seeds. Needs `cargo install cargo-fuzz` and a C++ compiler.

use std::path::Path;
use std::process::Command;

use crate::tidy;

/// Longest that one input may take, in seconds.
const INPUT_SECONDS_MAX: u32 = 10;
/// Most memory that a target may hold, in MiB.
const MEMORY_MIB_MAX: u32 = 2_048;

/// Runs the targets, or the one named, each for `seconds`. The corpus grows in `target/fuzz`; an input that fails is kept
/// in `fuzz/artifacts`, and belongs into the seeds once its cause is mended.
///
/// # Errors
/// The first target that fails.
pub(crate) fn run(only: Option<&str>, seconds: u32) -> Result<(), String> {
    let root = tidy::root()?;
    let targets = targets(&root)?;
    if let Some(name) = only
        && !targets.iter().any(|target| target == name)
    {
        return Err(format!("no target {name}; there are {}", targets.join(", ")));
    }
    let corpus = root.join("target/fuzz");
    let seeds = ["run", "--quiet", "--locked", "--package", "fuzz", "--bin", "seeds", "--"];
    succeed(Command::new("cargo").args(seeds).arg(&corpus).current_dir(&root))?;
    for target in targets.iter().filter(|target| only.is_none_or(|name| name == *target)) {
        eprintln!("fuzz: {target}, {seconds} s");
        // Nothing here is unsafe, so no sanitizer; without one, the stable compiler does.
        let run = ["fuzz", "run", "--fuzz-dir", "fuzz", "--sanitizer", "none", "--features", "libfuzzer"];
        let mut command = Command::new("cargo");
        command.args(run).arg(target).arg(corpus.join(target)).arg("--").args([
            format!("-max_total_time={seconds}"),
            format!("-timeout={INPUT_SECONDS_MAX}"),
            format!("-rss_limit_mb={MEMORY_MIB_MAX}"),
            "-verbosity=0".to_owned(),
            "-print_final_stats=1".to_owned(),
        ]);
        succeed(command.current_dir(&root)).map_err(|error| format!("target {target}: {error}"))?;
    }
    Ok(())
}

fn targets(root: &Path) -> Result<Vec<String>, String> {
    let folder = root.join("fuzz/fuzz_targets");
    let failed = |error: std::io::Error| format!("{}: {error}", folder.display());
    let mut names = Vec::new();
    for file in std::fs::read_dir(&folder).map_err(failed)? {
        let path = file.map_err(failed)?.path();
        names.extend(path.file_stem().map(|name| name.to_string_lossy().into_owned()));
    }
    names.sort();
    Ok(names)
}

fn succeed(command: &mut Command) -> Result<(), String> {
    let status = command.status().map_err(|error| format!("{:?}: {error}", command.get_program()))?;
    if status.success() { Ok(()) } else { Err(status.to_string()) }
}
