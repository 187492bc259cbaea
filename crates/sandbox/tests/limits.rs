//! What goes beyond a limit ends with the name of the limit, and the next run is none the worse.

mod support;

use std::time::Duration;

use metacloud_sandbox::result::{Expect, collect};
use metacloud_sandbox::{CancelFlag, Failure};
use support::{Bench, content};

const SPIN: &str = r#"(module (func (export "_start") (loop br 0)))"#;

#[test]
fn an_endless_loop_runs_out_of_time() {
    let bench = Bench::new();
    let mut job = bench.wat("spin", SPIN);
    job.limits.time = Duration::from_millis(30);
    let error = bench.run(&job).unwrap_err();
    assert!(matches!(error.failure, Failure::TimeOver { .. }), "{error}");
    assert_eq!(error.cause(), "APP_COMPUTE_TIMEOUT");
    assert_eq!(error.to_string(), "the application ran past its time of 0.03 s");
}

#[test]
fn an_endless_loop_of_system_calls_runs_out_of_time() {
    let bench = Bench::new();
    let mut job = bench.wat(
        "calls",
        r#"(module (import "wasi_snapshot_preview1" "random_get" (func $random (param i32 i32) (result i32)))
            (memory (export "memory") 64)
            (func (export "_start") (loop (drop (call $random (i32.const 0) (i32.const 4194304))) br 0)))"#,
    );
    job.limits.time = Duration::from_millis(30);
    assert!(matches!(bench.failure(&job), Failure::TimeOver { .. }));
}

#[test]
fn cancellation_ends_a_running_application() {
    let bench = Bench::new();
    let job = bench.wat("spin", SPIN);
    let cancel = CancelFlag::new();
    let error = std::thread::scope(|scope| {
        let run = scope.spawn(|| bench.sandbox.run(job.clone(), &cancel).unwrap_err());
        // The scratch directory appears when the run is past its checks and about to start.
        while std::fs::read_dir(&job.out_dir).map_or(0, Iterator::count) == 0 {
            std::thread::yield_now();
        }
        cancel.cancel();
        run.join().unwrap()
    });
    assert!(matches!(error.failure, Failure::Cancelled), "{error}");
    assert!(!error.output_kept());
    assert_eq!(content(&job.out_dir).len(), 0, "no scratch is left");
}

#[test]
fn memory_is_bounded_and_named() {
    let bench = Bench::new();
    let job = bench.probe(&["eat"]);
    let failure = bench.failure(&job);
    assert!(matches!(failure, Failure::OutOfMemory { limit_bytes: 0x400_0000, .. }), "{failure}");
    assert_eq!(failure.cause(), "APP_COMPUTE_FAILED");
    let greedy = r#"(module (memory 65536) (func (export "_start")))"#;
    let failure = bench.failure(&bench.wat("greedy", greedy));
    assert!(matches!(failure, Failure::OutOfMemory { wanted_bytes: 0x1_0000_0000, .. }), "{failure}");
}

#[test]
fn a_module_may_bound_its_own_memory() {
    let bench = Bench::new();
    let text = r#"(module (memory 1 2) (func (export "_start")
        (if (i32.ne (memory.grow (i32.const 5)) (i32.const -1)) (then unreachable))))"#;
    assert_eq!(bench.run(&bench.wat("own", text)).unwrap().exit_code, 0);
}

#[test]
fn tables_are_bounded() {
    let bench = Bench::new();
    let text = r#"(module (table 1 funcref) (func (export "_start")
        (drop (table.grow 0 (ref.null func) (i32.const 50000000)))))"#;
    let failure = bench.failure(&bench.wat("table", text));
    assert!(matches!(failure, Failure::TableTooLarge { wanted: 50_000_001, .. }), "{failure}");
    let large = r#"(module (table 50000000 funcref) (func (export "_start")))"#;
    let failure = bench.failure(&bench.wat("large", large));
    assert!(matches!(failure, Failure::TableTooLarge { .. }), "{failure}");
}

#[test]
fn written_bytes_are_bounded() {
    let bench = Bench::new();
    let job = bench.probe(&["fill"]);
    let error = bench.run(&job).unwrap_err();
    assert!(matches!(error.failure, Failure::WroteTooMuch { limit_bytes: 0x10_0000 }), "{error}");
    assert_eq!(
        error.to_string(),
        "the application wrote too much: its files may have 1048576 bytes together"
    );
    assert!(!error.output_kept());
    assert_eq!(content(&job.out_dir).len(), 0, "nothing stays on the disk");
}

#[test]
fn a_hole_counts_as_written() {
    let bench = Bench::new();
    let text = r#"(module
        (import "wasi_snapshot_preview1" "path_open"
            (func $open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
        (import "wasi_snapshot_preview1" "fd_filestat_set_size" (func $size (param i32 i64) (result i32)))
        (memory (export "memory") 1) (data (i32.const 0) "iexec_out/hole")
        (func (export "_start")
            (drop (call $open (i32.const 3) (i32.const 0) (i32.const 0) (i32.const 14) (i32.const 1)
                (i64.const -1) (i64.const -1) (i32.const 0) (i32.const 100)))
            (drop (call $size (i32.load (i32.const 100)) (i64.const 0x7fffffffffffffff)))))"#;
    assert!(matches!(bench.failure(&bench.wat("hole", text)), Failure::WroteTooMuch { .. }));
}

#[test]
fn the_number_of_files_is_bounded() {
    let bench = Bench::new();
    let failure = bench.failure(&bench.probe(&["bomb"]));
    assert!(matches!(failure, Failure::TooManyFiles { limit: 50 }), "{failure}");
}

#[test]
fn removed_files_give_their_share_back() {
    let bench = Bench::new();
    let mut job = bench.probe(&["churn", "300"]);
    job.limits.output_bytes = 64;
    job.limits.output_files = 2;
    assert_eq!(bench.stdout(&job), "300 rounds\n");
}

#[test]
fn depth_and_descriptors_are_bounded_where_the_application_can_see_it() {
    let bench = Bench::new();
    let text = bench.stdout(&bench.probe(&["deep"]));
    assert_eq!(text, "31 levels, then ENAMETOOLONG\n124 descriptors, then EMFILE\n");
}

#[test]
fn deep_recursion_overflows_the_stack_and_names_the_function() {
    let bench = Bench::new();
    let text = r#"(module (func $down (param i32) (result i32)
            (i32.add (call $down (i32.add (local.get 0) (i32.const 1))) (local.get 0)))
        (func (export "_start") (drop (call $down (i32.const 0)))))"#;
    match bench.failure(&bench.wat("down", text)) {
        Failure::StackOverflow { function: Some(function), .. } => assert_eq!(function, "down"),
        other => panic!("{other}"),
    }
    // A C program uses up its own stack in linear memory first.
    let failure = bench.failure(&bench.probe(&["recurse"]));
    assert!(matches!(failure, Failure::Trap { .. } | Failure::StackOverflow { .. }), "{failure}");
    assert!(failure.to_string().contains("recurse"), "{failure}");
}

#[test]
fn traps_are_told_apart() {
    let bench = Bench::new();
    let text = r#"(module (func $give_up unreachable) (func (export "_start") call $give_up))"#;
    assert_eq!(
        bench.failure(&bench.wat("unreachable", text)).to_string(),
        "the application aborted (unreachable instruction) in give_up"
    );
    let text = r#"(module (func $half (drop (i32.div_s (i32.const 1) (i32.const 0)))) (export "_start" (func $half)))"#;
    assert_eq!(
        bench.failure(&bench.wat("division", text)).to_string(),
        "the application crashed: integer divide by zero in half"
    );
    let text = r#"(module (memory 1) (func (export "_start") (drop (i32.load (i32.const -4)))))"#;
    assert_eq!(
        bench.failure(&bench.wat("load", text)).to_string(),
        "the application crashed: out of bounds memory access"
    );
}

#[test]
fn a_trap_in_the_start_section_is_a_trap_too() {
    let bench = Bench::new();
    let text = r#"(module (func $early unreachable) (start $early) (func (export "_start")))"#;
    assert!(matches!(bench.failure(&bench.wat("early", text)), Failure::Unreachable { .. }));
}

#[test]
fn long_streams_are_cut_counted_and_shown_by_their_end() {
    let bench = Bench::new();
    let job = bench.probe(&["loud", "300000"]);
    let outcome = bench.run(&job).unwrap();
    assert_eq!(outcome.stdout.len(), 100_000);
    assert!(outcome.stdout.ends_with(b"the end"));
    let file = std::fs::read(job.out_dir.join("stdout.txt")).unwrap();
    assert!(file.starts_with(b"abcdefg"));
    assert!(file.ends_with(b"\n[290007 further bytes were dropped]\n"));
    assert_eq!(file.len(), 10_000 + b"\n[290007 further bytes were dropped]\n".len());
    assert!(!job.out_dir.join("stderr.txt").exists(), "an empty stream leaves no file");
}

#[test]
fn a_result_that_was_complete_before_the_end_can_still_count() {
    let bench = Bench::new();
    let exited = bench.probe(&["result-then-exit"]);
    let outcome = bench.run(&exited).unwrap();
    assert_eq!((outcome.exit_code, outcome.cause()), (3, Some("APP_COMPUTE_FAILED")));
    let expected = collect(&exited.out_dir, Expect::Output).unwrap();

    let aborted = bench.probe(&["result-then-abort"]);
    let error = bench.run(&aborted).unwrap_err();
    assert!(error.output_kept());
    assert_eq!(collect(&aborted.out_dir, Expect::Output).unwrap(), expected);

    let mut late = bench.probe(&["result-then-spin"]);
    late.limits.time = Duration::from_secs(2);
    let error = bench.run(&late).unwrap_err();
    assert!(matches!(error.failure, Failure::TimeOver { .. }) && error.output_kept());
    assert_eq!(collect(&late.out_dir, Expect::Output).unwrap(), expected);
}

#[test]
fn exit_codes_arrive() {
    let bench = Bench::new();
    for code in [0, 1, 3, 125] {
        assert_eq!(bench.run(&bench.probe(&["exit", &code.to_string()])).unwrap().exit_code, code);
    }
}
