//! Writes the OpenAPI documents of all services into a folder, or with `--check` compares them with those there.
#![allow(clippy::print_stdout, clippy::print_stderr)] // a script talks to a terminal

use std::path::{Path, PathBuf};
use std::process::ExitCode;

fn main() -> ExitCode {
    let mut arguments: Vec<_> = std::env::args().skip(1).collect();
    let check =
        arguments.iter().position(|argument| argument == "--check").map(|at| arguments.remove(at)).is_some();
    let [folder] = arguments.as_slice() else {
        eprintln!("usage: openapi [--check] FOLDER");
        return ExitCode::from(2);
    };
    match run(&PathBuf::from(folder), check) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("openapi: {failure}");
            ExitCode::FAILURE
        }
    }
}

fn run(folder: &Path, check: bool) -> Result<(), String> {
    for (name, text) in metacloud_node::openapi_documents() {
        let file = folder.join(name);
        let failed = |error| format!("{}: {error}", file.display());
        if !check {
            std::fs::write(&file, &text).map_err(failed)?;
        } else if std::fs::read_to_string(&file).map_err(failed)? != text {
            return Err(format!(
                "{} is not what the routes say; cargo xtask openapi renews it",
                file.display()
            ));
        }
        println!("{}: {} bytes{}", file.display(), text.len(), if check { ", as committed" } else { "" });
    }
    Ok(())
}
