//! Components that cannot run are refused with a name, and those that want too much are stopped with one.
#![allow(clippy::unwrap_used)] // tests may panic

mod support;

use std::time::Duration;

use metacloud_sandbox::Failure;
use metacloud_sandbox::limits::{COMPONENT_INSTANCES_MAX, MODULE_BYTES_MAX};
use metacloud_sandbox::result::{Expect, collect};
use support::{Bench, command, content, example_component};

const MAGIC: &[u8] = b"\0asm\x0d\0\x01\0";

#[test]
fn truncated_damaged_and_made_up_components() {
    let bench = Bench::new();
    let refusal = |bytes: &[u8]| bench.failure(&bench.job(bench.file("component", bytes), "refused"));
    let whole = std::fs::read(example_component("hello")).unwrap();
    assert!(whole.starts_with(MAGIC));
    for length in [9, 100, whole.len() / 2, whole.len() - 1] {
        let failure = refusal(&whole[..length]);
        assert!(matches!(failure, Failure::Invalid(_)), "{length}: {failure}");
        assert_eq!(failure.cause(), "APP_COMPUTE_FAILED");
    }
    let mut damaged = whole;
    for at in (2000..8000).step_by(50) {
        damaged[at] ^= 0x55;
    }
    assert!(matches!(refusal(&damaged), Failure::Invalid(_)));
    assert!(matches!(refusal(&[MAGIC, b"\xff\xff\xff\xff\xff"].concat()), Failure::Invalid(_)));
    // Older and newer layers, and a module's version in a component's layer.
    for version in [b"\x0c\0\x01\0", b"\x0d\0\x02\0", b"\x01\0\x01\0"] {
        let failure = refusal(&[b"\0asm", &version[..]].concat());
        assert!(matches!(&failure, Failure::Invalid(what) if what.contains("version")), "{failure}");
    }
}

#[test]
fn machine_code_is_never_read_from_an_application() {
    let bench = Bench::new();
    let job = bench.job(example_component("hello"), "compiled");
    bench.run(&job).unwrap();
    let mut stored = 0;
    for (name, bytes) in content(&bench.dir.path().join("cache")) {
        let Some(bytes) = bytes else { continue };
        stored += 1;
        let failure = bench.failure(&bench.job(bench.file("stored", &bytes), "stored"));
        assert!(matches!(failure, Failure::NotWebAssembly(_)), "{}: {failure}", name.display());
    }
    assert!(stored > 0, "the compiled component is kept on disk");
}

#[test]
fn components_above_the_size_limit() {
    let bench = Bench::new();
    let path = bench.file("huge", MAGIC);
    let huge = std::fs::OpenOptions::new().write(true).open(&path).unwrap();
    huge.set_len(MODULE_BYTES_MAX + 1).unwrap();
    assert!(matches!(bench.failure(&bench.job(path, "huge")), Failure::ModuleTooLarge { .. }));
}

#[test]
fn a_missing_import_is_named() {
    let bench = Bench::new();
    let import = |parts: &str| bench.failure(&bench.wat("import", &command(parts, "", "", "(i32.const 0)")));
    for (parts, name) in [
        (
            r#"(import "wasi:http/types@0.2.0" (instance (export "fields" (type (sub resource)))))"#,
            "wasi:http/types@0.2.0.fields",
        ),
        (
            r#"(import "wasi:cli/environment@0.2.0" (instance (export "set-arguments" (func))))"#,
            "wasi:cli/environment@0.2.0.set-arguments",
        ),
        (
            r#"(import "wasi:cli/environment@0.3.0" (instance (export "get-arguments" (func))))"#,
            "wasi:cli/environment@0.3.0.get-arguments",
        ),
        (r#"(import "launch-missiles" (func))"#, "launch-missiles"),
    ] {
        let failure = import(parts);
        assert!(matches!(failure, Failure::MissingImport { .. }), "{failure}");
        assert_eq!(
            failure.to_string(),
            format!("the application needs {name}, which the sandbox does not offer")
        );
    }
    let failure = import(r#"(import "wasi:cli/environment@0.2.0" (instance (export "initial-cwd" (func))))"#);
    assert!(matches!(failure, Failure::WrongImport(_)), "{failure}");
    assert!(failure.to_string().contains("initial-cwd"), "{failure}");
}

#[test]
fn a_component_without_run_is_refused() {
    let bench = Bench::new();
    let run = |result: &str, code: &str, name: &str| {
        format!(
            r#"(component (core module $m (func (export "run") {code}))
                (core instance $i (instantiate $m))
                (func $run {result} (canon lift (core func $i "run")))
                (instance $out (export "run" (func $run))) (export "{name}" (instance $out)))"#
        )
    };
    for text in [
        "(component)".to_owned(),
        run("(result (result))", "(result i32) i32.const 0", "wasi:http/incoming-handler@0.2.0"),
        run("(result (result))", "(result i32) i32.const 0", "wasi:cli/run@0.3.0"),
        run("(result u32)", "(result i32) i32.const 0", "wasi:cli/run@0.2.0"),
        run("", "", "wasi:cli/run@0.2.0"),
        run(
            "(param \"a\" u32) (result (result))",
            "(param i32) (result i32) i32.const 0",
            "wasi:cli/run@0.2.0",
        ),
    ] {
        let failure = bench.failure(&bench.wat("library", &text));
        assert!(matches!(failure, Failure::NoRun), "{text}: {failure}");
        assert!(failure.to_string().contains("wasi:cli/run"), "{failure}");
    }
}

#[test]
fn an_endless_loop_runs_out_of_time_and_keeps_a_result_that_was_complete() {
    let bench = Bench::new();
    let mut job = bench.probe_component(&["spin"]);
    job.limits.time = Duration::from_millis(30);
    assert!(matches!(bench.failure(&job), Failure::TimeOver { .. }));

    let mut late = bench.probe_component(&["result-then-spin"]);
    late.limits.time = Duration::from_secs(2);
    let error = bench.run(&late).unwrap_err();
    assert!(matches!(error.failure, Failure::TimeOver { .. }) && error.output_kept());
    collect(&late.out_dir, Expect::Output).unwrap();
}

#[test]
fn memory_disk_and_files_are_bounded() {
    let bench = Bench::new();
    let failure = bench.failure(&bench.probe_component(&["eat"]));
    assert!(matches!(failure, Failure::OutOfMemory { limit_bytes: 0x400_0000, .. }), "{failure}");
    let job = bench.probe_component(&["fill"]);
    let failure = bench.failure(&job);
    assert!(matches!(failure, Failure::WroteTooMuch { limit_bytes: 0x10_0000 }), "{failure}");
    assert_eq!(content(&job.out_dir).len(), 0, "nothing stays on the disk");
    let failure = bench.failure(&bench.probe_component(&["bomb"]));
    assert!(matches!(failure, Failure::TooManyFiles { limit: 50 }), "{failure}");
    let text = bench.stdout(&bench.probe_component(&["deep"]));
    assert!(text.starts_with("31 levels, then ENAMETOOLONG\n124 descriptors, then "), "{text}");
    let mut churn = bench.probe_component(&["churn", "300"]);
    churn.limits.output_bytes = 64;
    churn.limits.output_files = 2;
    assert_eq!(bench.stdout(&churn), "300 rounds\n");
}

#[test]
fn all_memories_of_a_component_share_one_limit() {
    let bench = Bench::new();
    // Three times 400 pages of 64 KiB; the limit is 1,024 pages.
    let parts = |count: usize| {
        let memory = "(core instance (instantiate $memory))".repeat(count);
        command(&format!("(core module $memory (memory 400)) {memory}"), "", "", "(i32.const 0)")
    };
    assert_eq!(bench.run(&bench.wat("two", &parts(2))).unwrap().exit_code, 0);
    let failure = bench.failure(&bench.wat("three", &parts(3)));
    assert!(
        matches!(failure, Failure::OutOfMemory { wanted_bytes: 78_643_200, limit_bytes: 67_108_864 }),
        "{failure}"
    );
    let tables = "(core module $t (table 600000 funcref)) (core instance (instantiate $t)) (core instance (instantiate $t))";
    let failure = bench.failure(&bench.wat("tables", &command(tables, "", "", "(i32.const 0)")));
    assert!(matches!(failure, Failure::TableTooLarge { wanted: 1_200_000, .. }), "{failure}");
}

#[test]
fn a_component_of_too_many_parts_is_refused() {
    let bench = Bench::new();
    let parts = |module: &str, count: usize| {
        let instances = "(core instance (instantiate $part))".repeat(count);
        bench.wat(
            "parts",
            &command(&format!("(core module $part {module}) {instances}"), "", "", "(i32.const 0)"),
        )
    };
    assert_eq!(bench.run(&parts("", COMPONENT_INSTANCES_MAX - 1)).unwrap().exit_code, 0);
    for (module, count) in
        [("", COMPONENT_INSTANCES_MAX), ("(memory 0)", 17), ("(table 0 funcref) (table 0 funcref)", 65)]
    {
        let mut job = parts(module, count);
        job.out_dir = bench.dir.path().join(format!("{count}"));
        let failure = bench.failure(&job);
        assert!(matches!(failure, Failure::TooManyParts(_)), "{count}: {failure}");
        assert_eq!(failure.cause(), "APP_COMPUTE_FAILED");
    }
}

/// A component of `levels` levels, each of which instantiates the one before twice.
fn doubling(levels: usize, leaf: &str) -> String {
    let mut text = format!("(component $c0 {leaf})");
    for level in 1..=levels {
        let twice = format!("(instance (instantiate $c{0})) (instance (instantiate $c{0}))", level - 1);
        text = format!("(component $c{level} {text} {twice})");
    }
    command(&format!("{text} (instance (instantiate $c{levels}))"), "", "", "(i32.const 0)")
}

#[test]
fn components_that_unfold_without_end_are_refused_before_they_do() {
    let bench = Bench::new();
    assert_eq!(bench.run(&bench.wat("few", &doubling(4, ""))).unwrap().exit_code, 0);
    // Side by side and named from inside, instead of nested.
    let mut aliased = "(component $c0)".to_owned();
    for level in 1..60 {
        let twice = format!("(instance (instantiate $c{0})) (instance (instantiate $c{0}))", level - 1);
        aliased = format!(
            "{aliased} (component $c{level} (alias outer 1 $c{0} (component $c{0})) {twice})",
            level - 1
        );
    }
    let aliased = command(&format!("{aliased} (instance (instantiate $c59))"), "", "", "(i32.const 0)");
    // Under a name that an export gives.
    let mut exported = "(component $c0)".to_owned();
    for level in 1..60 {
        let twice = format!("(instance (instantiate $e{0})) (instance (instantiate $e{0}))", level - 1);
        exported = format!(
            r#"(component $c{level} {exported} (export $e{0} "e{0}" (component $c{0})) {twice})"#,
            level - 1
        );
    }
    let exported = command(&format!("{exported} (instance (instantiate $c59))"), "", "", "(i32.const 0)");
    for text in [
        doubling(90, ""),
        doubling(30, "(core module $m) (core instance (instantiate $m))"),
        aliased,
        exported,
    ] {
        let failure = bench.failure(&bench.wat("unfolds", &text));
        assert!(matches!(&failure, Failure::TooManyParts(what) if what.contains("unfold")), "{failure}");
    }
    let passed = r#"(component $c (import "c" (component $p)) (instance (instantiate $p)))
        (component $p) (instance (instantiate $c (with "c" (component $p))))"#;
    let failure = bench.failure(&bench.wat("passed", &command(passed, "", "", "(i32.const 0)")));
    assert!(matches!(&failure, Failure::TooManyParts(what) if what.contains("passed")), "{failure}");
}

#[test]
fn traps_are_told_apart_and_named() {
    let bench = Bench::new();
    let failure = bench.failure(&bench.probe_component(&["result-then-abort"]));
    assert!(
        matches!(&failure, Failure::Unreachable { function: Some(name) } if name == "abort"),
        "{failure}"
    );
    let failure = bench.failure(&bench.probe_component(&["recurse"]));
    assert!(failure.to_string().contains("recurse"), "{failure}");
    let failure = bench.failure(&bench.wat("odd", &command("", "", "", "(i32.const 7)")));
    assert!(
        matches!(failure, Failure::Trap { .. }),
        "an answer that is neither success nor failure: {failure}"
    );
    assert_eq!(failure.cause(), "APP_COMPUTE_FAILED");
}

#[test]
fn long_streams_are_cut_counted_and_shown_by_their_end() {
    let bench = Bench::new();
    let job = bench.probe_component(&["loud", "300000"]);
    let outcome = bench.run(&job).unwrap();
    assert_eq!(outcome.stdout.len(), 100_000);
    assert!(outcome.stdout.ends_with(b"the end"));
    let file = std::fs::read(job.out_dir.join("stdout.txt")).unwrap();
    assert!(file.ends_with(b"\n[290007 further bytes were dropped]\n"));
}
