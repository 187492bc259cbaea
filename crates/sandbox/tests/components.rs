//! Components for WASI 0.2 see the same world as modules for preview 1, and leave the same results.
#![allow(clippy::unwrap_used)] // tests may panic

mod support;

use metacloud_sandbox::result::{Expect, collect};
use metacloud_sandbox::{Failure, Job};
use support::{Bench, command, content, example, example_component};

fn hello(bench: &Bench, module: std::path::PathBuf, out: &str) -> Job {
    let mut job = bench.job(module, out);
    job.args = vec!["big".into(), "wörld".into()];
    job.inputs = vec![bench.input("greeting", b"from a file\n")];
    job.env = vec![("IEXEC_INPUT_FILE_NAME_1".into(), "greeting".into())];
    job
}

#[test]
fn hello_gives_the_same_result_as_a_module_and_as_a_component() {
    let bench = Bench::new();
    let module = hello(&bench, example("hello"), "module");
    let component = hello(&bench, example_component("hello"), "component");
    let outcomes = [&module, &component].map(|job| bench.run(job).unwrap());
    assert_eq!((outcomes[0].exit_code, &outcomes[0].stdout), (0, &outcomes[1].stdout));
    assert_eq!(outcomes[1].exit_code, 0);
    assert!(outcomes[1].fuel_used > outcomes[0].fuel_used, "the adapter inside costs a little");
    let digests = [&module, &component].map(|job| collect(&job.out_dir, Expect::Output).unwrap());
    assert_eq!(digests[0], digests[1]);
    assert_eq!(content(&module.out_dir), content(&component.out_dir));
}

#[test]
fn arguments_environment_and_streams_are_the_same() {
    let bench = Bench::new();
    let jobs = [bench.probe(&["world", "two words", ""]), bench.probe_component(&["world", "two words", ""])];
    for mut job in jobs {
        job.env = vec![("B".into(), "=2".into()), ("A".into(), String::new())];
        let outcome = bench.run(&job).unwrap();
        let expected = "argument app\nargument world\nargument two words\nargument \nvariable B==2\nvariable A=\n\
            stdin 0\ndirectory /\n";
        assert_eq!(String::from_utf8(outcome.stdout).unwrap(), expected);
        assert_eq!(outcome.stderr, b"to stderr\n");
    }
}

#[test]
fn files_behave_the_same() {
    let bench = Bench::new();
    let (module, component) = (bench.probe(&["files"]), bench.probe_component(&["files"]));
    assert_eq!(bench.stdout(&component), bench.stdout(&module));
    assert_eq!(content(&component.out_dir), content(&module.out_dir));
}

#[test]
fn no_path_leads_out_and_inputs_cannot_be_changed() {
    let bench = Bench::new();
    let (module, component) = (bench.probe(&["escape"]), bench.probe_component(&["escape"]));
    // What preview 1 calls "not capable" is "not permitted" in 0.2.
    assert_eq!(bench.stdout(&component), bench.stdout(&module).replace("ENOTCAPABLE", "EPERM"));
    assert_eq!(std::fs::read(&component.inputs[0].path).unwrap(), b"input data\n");
}

#[test]
fn clock_and_randomness_follow_the_seed_as_in_a_module() {
    let bench = Bench::new();
    let module = bench.stdout(&bench.probe(&["now"]));
    let mut job = bench.probe_component(&["now"]);
    assert_eq!(bench.stdout(&job), module);
    job.out_dir = bench.dir.path().join("again");
    assert_eq!(bench.stdout(&job), module);
    job.out_dir = bench.dir.path().join("other");
    job.seed = [8; 32];
    let other = bench.stdout(&job);
    for (line, other) in module.lines().zip(other.lines()).filter(|(line, _)| line.starts_with("real")) {
        assert_ne!(line, other);
    }
}

#[test]
fn two_sandboxes_agree_on_every_byte_and_on_the_fuel() {
    let runs = [Bench::new(), Bench::new()].map(|bench| {
        let mut job = bench.probe_component(&["files"]);
        let outcome = bench.run(&job).unwrap();
        job.out_dir = bench.dir.path().join("again");
        assert_eq!(bench.run(&job).unwrap(), outcome);
        assert_eq!(bench.sandbox.compilations(), 1, "a component is kept like a module");
        (outcome, content(&job.out_dir))
    });
    assert_eq!(runs[0], runs[1]);
}

#[test]
fn a_stored_component_gives_what_a_compiled_one_gave() {
    let bench = Bench::new();
    let mut job = bench.job(example_component("hello"), "first");
    let compiled = bench.run(&job).unwrap();
    let config = metacloud_sandbox::SandboxConfig::in_dir(bench.dir.path().join("cache"));
    let reopened = metacloud_sandbox::Sandbox::open(config).unwrap();
    job.out_dir = bench.dir.path().join("second");
    assert_eq!(reopened.run(job, &metacloud_sandbox::CancelFlag::new()).unwrap(), compiled);
}

#[test]
fn exit_codes_arrive() {
    let bench = Bench::new();
    // The adapter inside has no other code for failure than 1.
    for (code, seen) in [("0", 0), ("1", 1), ("3", 1)] {
        assert_eq!(bench.run(&bench.probe_component(&["exit", code])).unwrap().exit_code, seen);
    }
    let parts = r#"(import "wasi:cli/exit@0.2.12" (instance $exit (export "exit-with-code" (func (param "status-code" u8)))))
        (core func $exit (canon lower (func $exit "exit-with-code")))"#;
    let arguments = r#"(with "" (instance (export "exit" (func $exit))))"#;
    let imports = r#"(import "" "exit" (func $exit (param i32)))"#;
    let text = command(parts, imports, arguments, "(call $exit (i32.const 42)) (i32.const 0)");
    assert_eq!(bench.run(&bench.wat("exit", &text)).unwrap().exit_code, 42);
    let failing = command("", "", "", "(i32.const 1)");
    let outcome = bench.run(&bench.wat("failing", &failing)).unwrap();
    assert_eq!((outcome.exit_code, outcome.cause()), (1, Some("APP_COMPUTE_FAILED")));
}

#[test]
fn parts_of_a_component_may_pass_each_other_strings() {
    let bench = Bench::new();
    let text = r#"(component
        (component $inner
            (core module $m (memory (export "memory") 1)
                (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024))
                (func (export "length") (param i32 i32) (result i32) (local.get 1)))
            (core instance $i (instantiate $m))
            (func (export "length") (param "text" string) (result u32)
                (canon lift (core func $i "length") (memory (core memory $i "memory"))
                    (realloc (core func $i "realloc")))))
        (instance $inner (instantiate $inner))
        (component $outer
            (import "length" (func $length (param "text" string) (result u32)))
            (core module $libc (memory (export "memory") 1) (data (i32.const 0) "hello"))
            (core instance $libc (instantiate $libc))
            (core func $length (canon lower (func $length) (memory (core memory $libc "memory"))))
            (core module $m (import "" "length" (func $length (param i32 i32) (result i32)))
                (func (export "run") (result i32)
                    (i32.ne (call $length (i32.const 0) (i32.const 5)) (i32.const 5))))
            (core instance $i (instantiate $m (with "" (instance (export "length" (func $length))))))
            (func $run (result (result)) (canon lift (core func $i "run")))
            (instance $out (export "run" (func $run)))
            (export "wasi:cli/run@0.2.0" (instance $out)))
        (instance $outer (instantiate $outer (with "length" (func $inner "length"))))
        (export "wasi:cli/run@0.2.0" (instance $outer "wasi:cli/run@0.2.0")))"#;
    assert_eq!(bench.run(&bench.wat("strings", text)).unwrap().exit_code, 0);
}

/// Imports of the clock and of pollables, for components in text form.
const CLOCK: &str = r#"
    (import "wasi:io/poll@0.2.0" (instance $poll
        (export "pollable" (type $pollable (sub resource)))
        (export "[method]pollable.ready" (func (param "self" (borrow $pollable)) (result bool)))
        (export "[method]pollable.block" (func (param "self" (borrow $pollable))))))
    (alias export $poll "pollable" (type $pollable))
    (import "wasi:clocks/monotonic-clock@0.2.0" (instance $clock
        (alias outer 1 $pollable (type $p)) (export "pollable" (type $pollable (eq $p)))
        (export "now" (func (result u64)))
        (export "subscribe-duration" (func (param "when" u64) (result (own $pollable))))))
    (core func $now (canon lower (func $clock "now")))
    (core func $subscribe (canon lower (func $clock "subscribe-duration")))
    (core func $ready (canon lower (func $poll "[method]pollable.ready")))
    (core func $block (canon lower (func $poll "[method]pollable.block")))
    (core func $drop (canon resource.drop $pollable))"#;
const CLOCK_ARGUMENTS: &str = r#"(with "" (instance (export "now" (func $now)) (export "subscribe" (func $subscribe))
    (export "ready" (func $ready)) (export "block" (func $block)) (export "drop" (func $drop))))"#;
const CLOCK_IMPORTS: &str = r#"(import "" "now" (func $now (result i64)))
    (import "" "subscribe" (func $subscribe (param i64) (result i32)))
    (import "" "ready" (func $ready (param i32) (result i32)))
    (import "" "block" (func $block (param i32)))
    (import "" "drop" (func $drop (param i32)))"#;

#[test]
fn waiting_lets_virtual_time_pass() {
    let bench = Bench::new();
    let hour = "(i64.const 3600000000000)";
    let body = format!(
        "(local $wait i32) (local $start i64)
        (local.set $start (call $now))
        (local.set $wait (call $subscribe {hour}))
        (if (call $ready (local.get $wait)) (then unreachable))
        (call $block (local.get $wait))
        (if (i32.eqz (call $ready (local.get $wait))) (then unreachable))
        (call $drop (local.get $wait))
        (i64.lt_u (i64.sub (call $now) (local.get $start)) {hour})"
    );
    let job = bench.wat("wait", &command(CLOCK, CLOCK_IMPORTS, CLOCK_ARGUMENTS, &body));
    assert_eq!(bench.run(&job).unwrap().exit_code, 0);
}

#[test]
fn spinning_on_a_clock_comes_to_an_end() {
    let bench = Bench::new();
    let body = "(local $wait i32)
        (local.set $wait (call $subscribe (i64.const 1000000000)))
        (loop (br_if 0 (i32.eqz (call $ready (local.get $wait)))))
        (i32.const 0)";
    let job = bench.wat("spin", &command(CLOCK, CLOCK_IMPORTS, CLOCK_ARGUMENTS, body));
    assert_eq!(bench.run(&job).unwrap().exit_code, 0);
}

#[test]
fn resources_that_are_never_dropped_end_the_run() {
    let bench = Bench::new();
    let body = "(loop (drop (call $subscribe (i64.const 1))) (br 0)) (i32.const 0)";
    let job = bench.wat("hoard", &command(CLOCK, CLOCK_IMPORTS, CLOCK_ARGUMENTS, body));
    let failure = bench.failure(&job);
    assert_eq!(
        failure.to_string(),
        "the application crashed: it holds more than 4096 files, streams, pollables and errors"
    );
    assert_eq!(failure.cause(), "APP_COMPUTE_FAILED");
}

#[test]
fn a_handle_that_is_none_is_the_applications_fault() {
    let bench = Bench::new();
    let job =
        bench.wat("handle", &command(CLOCK, CLOCK_IMPORTS, CLOCK_ARGUMENTS, "(call $ready (i32.const 77))"));
    let failure = bench.failure(&job);
    assert!(matches!(failure, Failure::Trap { .. }), "{failure}");
}

#[test]
fn sockets_can_be_imported_and_are_denied() {
    let bench = Bench::new();
    let parts = r#"
        (import "wasi:sockets/network@0.2.0" (instance $network
            (export "network" (type (sub resource)))
            (type $code (enum "unknown" "access-denied" "not-supported" "invalid-argument" "out-of-memory" "timeout"
                "concurrency-conflict" "not-in-progress" "would-block" "invalid-state" "new-socket-limit"
                "address-not-bindable" "address-in-use" "remote-unreachable" "connection-refused" "connection-reset"
                "connection-aborted" "datagram-too-large" "name-unresolvable" "temporary-resolver-failure"
                "permanent-resolver-failure"))
            (export "error-code" (type (eq $code)))
            (type $family (enum "ipv4" "ipv6"))
            (export "ip-address-family" (type (eq $family)))))
        (alias export $network "network" (type $net))
        (alias export $network "error-code" (type $code))
        (alias export $network "ip-address-family" (type $family))
        (import "wasi:sockets/instance-network@0.2.0" (instance $own
            (alias outer 1 $net (type $n)) (export "network" (type $network (eq $n)))
            (export "instance-network" (func (result (own $network))))))
        (import "wasi:sockets/tcp@0.2.0" (instance $tcp
            (export "tcp-socket" (type $socket (sub resource)))
            (export "[method]tcp-socket.is-listening" (func (param "self" (borrow $socket)) (result bool)))))
        (alias export $tcp "tcp-socket" (type $socket))
        (import "wasi:sockets/tcp-create-socket@0.2.0" (instance $create
            (alias outer 1 $code (type $c)) (export "error-code" (type $error-code (eq $c)))
            (alias outer 1 $family (type $f)) (export "ip-address-family" (type $ip-address-family (eq $f)))
            (alias outer 1 $socket (type $s)) (export "tcp-socket" (type $tcp-socket (eq $s)))
            (export "create-tcp-socket" (func (param "address-family" $ip-address-family)
                (result (result (own $tcp-socket) (error $error-code)))))))
        (core module $libc (memory (export "memory") 1))
        (core instance $libc (instantiate $libc))
        (core func $network (canon lower (func $own "instance-network")))
        (core func $drop (canon resource.drop $net))
        (core func $create (canon lower (func $create "create-tcp-socket") (memory (core memory $libc "memory"))))"#;
    let arguments = r#"(with "" (instance (export "network" (func $network)) (export "drop" (func $drop))
        (export "create" (func $create)) (export "memory" (memory $libc "memory"))))"#;
    let imports = r#"(import "" "network" (func $network (result i32))) (import "" "drop" (func $drop (param i32)))
        (import "" "create" (func $create (param i32 i32))) (import "" "memory" (memory 1))"#;
    // The answer: 1 for an error, and 1 is the number of access-denied.
    let body = "(call $drop (call $network)) (call $create (i32.const 0) (i32.const 8))
        (i32.ne (i32.load16_u (i32.const 8)) (i32.const 0x0001))
        (i32.ne (i32.load8_u (i32.const 12)) (i32.const 1)) (i32.or)";
    let job = bench.wat("sockets", &command(parts, imports, arguments, body));
    assert_eq!(bench.run(&job).unwrap().exit_code, 0);
}
