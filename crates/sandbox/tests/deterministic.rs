//! The same job gives the same output, bit for bit.

mod support;

use metacloud_sandbox::{CancelFlag, Sandbox, SandboxConfig};
use support::{Bench, content, example};

#[test]
fn clock_and_randomness_follow_the_seed() {
    let bench = Bench::new();
    let mut job = bench.probe(&["now"]);
    let first = bench.stdout(&job);
    job.out_dir = bench.dir.path().join("again");
    assert_eq!(bench.stdout(&job), first);
    job.out_dir = bench.dir.path().join("other");
    job.seed = [8; 32];
    let other = bench.stdout(&job);
    let pick = |text: &str, word: &str| text.lines().find(|line| line.starts_with(word)).unwrap().to_owned();
    assert_ne!(pick(&first, "real"), pick(&other, "real"));
    let random = |text: &str| text.lines().find(|line| line.len() == 80).unwrap().to_owned();
    assert_ne!(random(&first), random(&other));
    // Sleeping costs no time, but the clock knows of it.
    assert!(first.contains("mono 3600.006000005"), "{first}");
    assert!(first.contains("input ino 5 size 11 mtime 1"), "{first}");
}

#[test]
fn nan_bits_are_canonical() {
    let bench = Bench::new();
    // 0/0 has a sign that depends on the processor; a payload would survive an addition on most.
    let text = r#"(module
        (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
        (func $check (param i64) (if (i64.ne (local.get 0) (i64.const 0x7ff8000000000000)) (then unreachable)))
        (func (export "_start") (local $zero f64) (local $nan f64)
            (call $check (i64.reinterpret_f64 (f64.div (local.get $zero) (local.get $zero))))
            (local.set $nan (f64.reinterpret_i64 (i64.const 0xfff80000deadbeef)))
            (call $check (i64.reinterpret_f64 (f64.add (local.get $nan) (local.get $zero))))
            (call $check (i64.reinterpret_f64 (f64.sqrt (f64.const -1))))
            (call $check (i64.reinterpret_f64 (f64.max (local.get $nan) (f64.const 1))))
            (call $exit (i32.const 0))))"#;
    assert_eq!(bench.run(&bench.wat("nan", text)).unwrap().exit_code, 0);
}

#[test]
fn two_sandboxes_agree_on_every_byte_and_on_the_fuel() {
    let (one, two) = (Bench::new(), Bench::new());
    let runs = [&one, &two].map(|bench| {
        let mut job = bench.probe(&["files"]);
        let outcome = bench.run(&job).unwrap();
        // The second run of the same sandbox takes the module from memory.
        job.out_dir = bench.dir.path().join("again");
        assert_eq!(bench.run(&job).unwrap(), outcome);
        (outcome, content(&job.out_dir))
    });
    assert_eq!(runs[0], runs[1]);
}

#[test]
fn a_cached_module_gives_what_a_compiled_one_gave() {
    let bench = Bench::new();
    let mut job = bench.job(example("hello"), "first");
    let compiled = bench.run(&job).unwrap();
    let config = SandboxConfig { cache_dir: bench.dir.path().join("cache"), cache_bytes_max: 64 << 20 };
    let reopened = Sandbox::open(config).unwrap();
    job.out_dir = bench.dir.path().join("second");
    assert_eq!(reopened.run(job.clone(), &CancelFlag::new()).unwrap(), compiled);
    assert_eq!(content(&job.out_dir), content(&bench.dir.path().join("first.out")));
}

#[test]
fn a_hundred_runs_at_once_do_not_disturb_each_other() {
    let bench = Bench::new();
    let job = bench.probe(&["now"]);
    let results: Vec<_> = std::thread::scope(|scope| {
        let runs: Vec<_> = (0..100_u8)
            .map(|index| {
                let mut job = job.clone();
                job.seed = [index % 10; 32];
                job.out_dir = bench.dir.path().join(format!("run-{index}"));
                let sandbox = &bench.sandbox;
                scope.spawn(move || sandbox.run(job, &CancelFlag::new()).unwrap())
            })
            .collect();
        runs.into_iter().map(|run| run.join().unwrap()).collect()
    });
    for (index, outcome) in results.iter().enumerate() {
        assert_eq!(outcome, &results[index % 10]);
    }
    assert_ne!(results[0], results[1]);
}
