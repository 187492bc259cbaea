//! Scripts of the project: `cargo xtask <name>`. Scripts are Rust; each module is one of them.
#![allow(clippy::print_stdout, clippy::print_stderr)] // scripts talk to a terminal

use std::process::ExitCode;

use clap::{Parser, Subcommand};

mod artifacts;
mod bench;
mod examples;
mod fuzz;
mod gas;
mod openapi;
mod tidy;

#[derive(Parser)]
#[command(name = "xtask", about = "Scripts of the metacloud project")]
struct Arguments {
    #[command(subcommand)]
    script: Script,
}

#[derive(Subcommand)]
enum Script {
    /// Check the house rules: arrows between rooms, purity, sizes, dependencies, leftovers
    Tidy,
    /// Rebuild the contract artifacts from contracts/src
    Artifacts {
        /// Compare with the committed artifacts byte for byte instead of writing them
        #[arg(long)]
        check: bool,
    },
    /// Rebuild the WebAssembly of the examples from their sources
    Examples {
        /// Compare with the committed modules byte for byte instead of writing them
        #[arg(long)]
        check: bool,
    },
    /// Renew docs/openapi from the routes of all services
    Openapi {
        /// Compare with the committed documents byte for byte instead of writing them
        #[arg(long)]
        check: bool,
    },
    /// Measure the gas of every operation, renew contracts/gas, and print the ratios to the reference
    Gas {
        /// One JSON object per line
        #[arg(long)]
        json: bool,
        /// Compare with the committed figures instead of writing them
        #[arg(long)]
        check: bool,
    },
    /// Run every parser under libFuzzer (needs cargo-fuzz and a C++ compiler)
    Fuzz {
        /// Only this target
        name: Option<String>,
        /// How long each target runs
        #[arg(long, default_value_t = 60)]
        seconds: u32,
    },
    /// Run the benchmarks; each answers one question with a ratio to a named peer
    Bench {
        /// Only this question
        name: Option<String>,
        /// One JSON object per line
        #[arg(long)]
        json: bool,
    },
}

fn main() -> ExitCode {
    let done = match Arguments::parse().script {
        Script::Tidy => tidy::run(),
        Script::Artifacts { check } => artifacts::run(check),
        Script::Examples { check } => examples::run(check),
        Script::Openapi { check } => openapi::run(check),
        Script::Gas { json, check } => gas::run(json, check),
        Script::Fuzz { name, seconds } => fuzz::run(name.as_deref(), seconds),
        Script::Bench { name, json } => bench::run(name.as_deref(), json),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("xtask: {failure}");
            ExitCode::FAILURE
        }
    }
}
