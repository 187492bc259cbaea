//! What cannot be run is refused with a name, before anything runs.

mod support;

use metacloud_sandbox::{CancelFlag, Failure, InputFile, Job, LooksLike};
use support::{Bench, example};

fn refusal(bench: &Bench, bytes: &[u8]) -> Failure {
    bench.failure(&bench.job(bench.file("module", bytes), "refused"))
}

#[test]
fn files_that_are_not_webassembly() {
    let bench = Bench::new();
    for (bytes, looks_like) in [
        (&b""[..], LooksLike::Empty),
        (b"\x7fELF\x02\x01\x01\x00", LooksLike::Elf),
        (b"PK\x03\x04", LooksLike::Zip),
        (b"(module)", LooksLike::WebAssemblyText),
        (b"#!/bin/sh\necho", LooksLike::Script),
    ] {
        let failure = refusal(&bench, bytes);
        assert!(matches!(failure, Failure::NotWebAssembly(found) if found == looks_like), "{failure}");
        assert_eq!(failure.cause(), "APP_COMPUTE_FAILED");
    }
    assert_eq!(
        refusal(&bench, b"\x7fELF").to_string(),
        "the application is not WebAssembly: it looks like a Linux program (ELF)"
    );
}

#[test]
fn truncated_and_damaged_modules() {
    let bench = Bench::new();
    let whole = std::fs::read(example("hello")).unwrap();
    for length in [4, 7, 9, 100, whole.len() / 2, whole.len() - 1] {
        let failure = refusal(&bench, &whole[..length]);
        assert!(matches!(failure, Failure::Invalid(_)), "{length}: {failure}");
    }
    let mut damaged = whole;
    for at in (2000..8000).step_by(50) {
        damaged[at] ^= 0x55;
    }
    assert!(matches!(refusal(&bench, &damaged), Failure::Invalid(_)));
    assert!(matches!(refusal(&bench, b"\0asm\x02\0\0\0"), Failure::Invalid(_)));
}

#[test]
fn missing_files_have_a_cause_of_their_own() {
    let bench = Bench::new();
    let absent = bench.failure(&bench.job(bench.dir.path().join("absent"), "absent"));
    assert!(matches!(absent, Failure::ModuleUnreadable(_)));
    assert_eq!(absent.cause(), "APP_NOT_FOUND_LOCALLY");
}

#[test]
fn modules_above_the_size_limit() {
    let bench = Bench::new();
    let path = bench.file("huge", b"\0asm\x01\0\0\0");
    let huge = std::fs::OpenOptions::new().write(true).open(&path).unwrap();
    huge.set_len(metacloud_sandbox::limits::MODULE_BYTES_MAX + 1).unwrap();
    assert!(matches!(bench.failure(&bench.job(path, "huge")), Failure::ModuleTooLarge { .. }));
}

#[test]
fn a_missing_import_is_named() {
    let bench = Bench::new();
    for (module, name) in [("env", "fork"), ("wasi_snapshot_preview1", "proc_fork"), ("wasi", "thread-spawn")]
    {
        let text = format!(r#"(module (import "{module}" "{name}" (func)) (func (export "_start")))"#);
        match bench.failure(&bench.wat("import", &text)) {
            Failure::MissingImport { module: found, name: found_name } => {
                assert_eq!((found.as_str(), found_name.as_str()), (module, name));
            }
            other => panic!("{other}"),
        }
    }
    let memory = r#"(module (import "env" "memory" (memory 1)) (func (export "_start")))"#;
    assert_eq!(
        bench.failure(&bench.wat("memory", memory)).to_string(),
        "the application needs env.memory, which the sandbox does not offer"
    );
}

#[test]
fn an_import_of_the_wrong_type_is_refused() {
    let bench = Bench::new();
    let text = r#"(module (import "wasi_snapshot_preview1" "fd_close" (func (param f64)))
        (func (export "_start")))"#;
    let failure = bench.failure(&bench.wat("type", text));
    assert!(matches!(failure, Failure::WrongImport(_)), "{failure}");
    assert!(failure.to_string().contains("fd_close"), "{failure}");
}

#[test]
fn libraries_and_odd_starts_are_refused() {
    let bench = Bench::new();
    for text in [
        "(module)",
        r#"(module (func (export "main")))"#,
        r#"(module (func (export "_start") (param i32)))"#,
        r#"(module (func (export "_start") (result i32) i32.const 0))"#,
        r#"(module (memory (export "_start") 1))"#,
    ] {
        assert!(matches!(bench.failure(&bench.wat("library", text)), Failure::NoStart), "{text}");
    }
}

#[test]
fn features_that_could_make_machines_disagree_are_off() {
    let bench = Bench::new();
    for text in [
        r#"(module (memory 1 1 shared) (func (export "_start")))"#,
        r#"(module (memory i64 1) (func (export "_start")))"#,
    ] {
        assert!(matches!(bench.failure(&bench.wat("feature", text)), Failure::Invalid(_)), "{text}");
    }
}

#[test]
fn a_module_has_one_memory_and_few_tables() {
    let bench = Bench::new();
    let tables = "(table 1 funcref)".repeat(9);
    for (parts, reason) in
        [("(memory 1) (memory 1)", "memory count too high at 2"), (&tables, "table count too high at 9")]
    {
        let text = format!(r#"(module {parts} (func (export "_start")))"#);
        let error = bench.run(&bench.wat("parts", &text)).unwrap_err();
        assert!(matches!(&error.failure, Failure::TooManyParts(what) if what == reason), "{error}");
        assert_eq!(error.cause(), "APP_COMPUTE_FAILED");
    }
}

fn hello(bench: &Bench) -> Job {
    bench.job(example("hello"), "hello")
}

#[test]
fn tasks_that_no_program_can_be_given() {
    let bench = Bench::new();
    let path = bench.file("data", b"x");
    let input = |name: &str| InputFile { name: name.into(), path: path.clone() };
    let bad: [fn(&mut Job); 4] = [
        |job| job.args = vec!["a\0b".into()],
        |job| job.env = vec![("A=B".into(), "c".into())],
        |job| job.env = vec![(String::new(), "c".into())],
        |job| job.args = vec!["x".repeat(2 << 20)],
    ];
    for change in bad {
        let mut job = hello(&bench);
        change(&mut job);
        let failure = bench.failure(&job);
        assert!(matches!(failure, Failure::BadJob(_)), "{failure}");
        assert_eq!(failure.cause(), "TASK_DESCRIPTION_INVALID");
    }
    for names in [&["../x"][..], &[".."], &["."], &[""], &["a/b"], &["a\0"], &["twice", "twice"]] {
        let mut job = hello(&bench);
        job.inputs = names.iter().map(|name| input(name)).collect();
        assert!(matches!(bench.failure(&job), Failure::BadJob(_)), "{names:?}");
    }
}

#[test]
fn unreadable_inputs_and_used_output_directories() {
    let bench = Bench::new();
    let mut job = hello(&bench);
    for path in [bench.dir.path().join("absent"), bench.dir.path().to_owned()] {
        job.inputs = vec![InputFile { name: "data".into(), path }];
        let failure = bench.failure(&job);
        assert!(matches!(&failure, Failure::InputUnreadable { name, .. } if name == "data"), "{failure}");
        assert_eq!(failure.cause(), "INPUT_FILES_DOWNLOAD_FAILED");
        assert_eq!(std::fs::read_dir(&job.out_dir).unwrap().count(), 0, "no scratch is left");
    }
    job.inputs.clear();
    std::fs::write(job.out_dir.join("old"), "x").unwrap();
    assert!(matches!(bench.failure(&job), Failure::OutputNotEmpty));
}

#[test]
fn a_raised_flag_stops_the_run_before_it_starts() {
    let bench = Bench::new();
    let cancel = CancelFlag::new();
    cancel.clone().cancel();
    let error = bench.sandbox.run(hello(&bench), &cancel).unwrap_err();
    assert!(matches!(error.failure, Failure::Cancelled));
    assert_eq!(error.cause(), "ABORTED_BY_WORKER");
}
