//! One sandbox for all workers of a process: each module is compiled once, and kept within bounds.
#![allow(clippy::unwrap_used)] // tests may panic

mod support;

use std::sync::Barrier;

use metacloud_sandbox::limits::MODULES_IN_MEMORY_MAX;
use metacloud_sandbox::{CancelFlag, Sandbox, SandboxConfig};
use support::{Bench, example};

/// A module that differs from those with other numbers.
fn numbered(number: usize) -> String {
    format!(r#"(module (func (export "_start") (drop (i32.const {number}))))"#)
}

#[test]
fn clones_that_ask_at_once_compile_once() {
    const WORKERS: usize = 8;
    let bench = Bench::new();
    // The same module under several names: what counts is its content.
    let modules: Vec<_> = (0..WORKERS)
        .map(|worker| bench.file(&format!("{worker}.wasm"), &std::fs::read(example("hello")).unwrap()))
        .collect();
    let start = Barrier::new(WORKERS);
    let outcomes: Vec<_> = std::thread::scope(|scope| {
        let runs: Vec<_> = modules
            .into_iter()
            .enumerate()
            .map(|(worker, module)| {
                let job = bench.job(module, &worker.to_string());
                let (sandbox, start): (Sandbox, _) = (bench.sandbox.clone(), &start);
                scope.spawn(move || {
                    start.wait();
                    sandbox.run(job, &CancelFlag::new()).unwrap()
                })
            })
            .collect();
        runs.into_iter().map(|run| run.join().unwrap()).collect()
    });
    assert!(outcomes.iter().all(|outcome| *outcome == outcomes[0]));
    assert_eq!(bench.sandbox.compilations(), 1);
}

#[test]
fn a_module_that_cannot_run_is_forgotten_and_others_are_not_disturbed() {
    let bench = Bench::new();
    let bad = bench.file("bad", b"\0asm\x01\0\0\0\xff");
    assert!(bench.sandbox.prepare(&bad).is_err());
    assert!(bench.sandbox.prepare(&bad).is_err());
    assert_eq!(bench.sandbox.compilations(), 2, "a refusal is not kept");
    let good = bench.file("good", &wat::parse_str(numbered(1)).unwrap());
    bench.sandbox.prepare(&good).unwrap();
    bench.sandbox.prepare(&good).unwrap();
    assert_eq!(bench.sandbox.compilations(), 3);
}

#[test]
fn the_least_recently_used_module_goes_first() {
    let bench = Bench::new();
    let modules: Vec<_> = (0..=MODULES_IN_MEMORY_MAX)
        .map(|number| bench.file(&format!("{number}"), &wat::parse_str(numbered(number)).unwrap()))
        .collect();
    let (last, full) = modules.split_last().unwrap();
    for module in full {
        bench.sandbox.prepare(module).unwrap();
    }
    bench.sandbox.prepare(&full[0]).unwrap();
    bench.sandbox.prepare(last).unwrap();
    let before = bench.sandbox.compilations();
    assert_eq!(before, modules.len() as u64);
    bench.sandbox.prepare(&full[0]).unwrap();
    assert_eq!(bench.sandbox.compilations(), before, "it was used last but one");
    bench.sandbox.prepare(&full[1]).unwrap();
    assert_eq!(bench.sandbox.compilations(), before + 1, "it had to make room");
}

#[test]
fn the_usual_cache_is_bounded() {
    let dir = tempfile::tempdir().unwrap();
    let config = SandboxConfig::in_dir(dir.path().join("modules"));
    assert_eq!(config.cache_bytes_max, metacloud_sandbox::limits::CODE_ON_DISK_BYTES_MAX);
    assert_eq!(Sandbox::open(config).unwrap().compilations(), 0);
}
