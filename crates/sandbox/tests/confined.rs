//! The application sees its own small world and nothing of the host.

mod support;

use support::{Bench, content};

#[test]
fn no_path_leads_out_and_inputs_cannot_be_changed() {
    let bench = Bench::new();
    let job = bench.probe(&["escape"]);
    let expected = "\
/etc/passwd: ENOENT
../../etc/passwd: ENOTCAPABLE
/iexec_in/../../etc/passwd: ENOTCAPABLE
/iexec_out/../../../etc/passwd: ENOTCAPABLE
/proc/self/environ: ENOENT
/: fine
openat 3 ../x: ENOTCAPABLE
openat 3 a/../../x: ENOTCAPABLE
openat out ..: ENOTCAPABLE
write the input: EROFS
truncate the input: EROFS
unlink the input: EROFS
add an input: EROFS
move the input out: EROFS
write the root: EROFS
remove the output: EROFS
symlink: ENOTSUP
link: ENOTSUP
read the input: fine
";
    assert_eq!(bench.stdout(&job), expected);
    assert_eq!(std::fs::read(&job.inputs[0].path).unwrap(), b"input data\n");
    let left: Vec<_> = content(&job.out_dir).into_keys().collect();
    assert_eq!(left, [std::path::PathBuf::from("stdout.txt")]);
}

#[test]
fn files_behave_as_posix_says() {
    let bench = Bench::new();
    let job = bench.probe(&["files"]);
    let expected = "\
/: ./ ../ iexec_in/ iexec_out/ tmp/
mkdir: fine
mkdir again: EEXIST
/iexec_out: ./ ../ a b z/
rmdir full: ENOTEMPTY
rename over: fine
rename into itself: EINVAL
rename file over directory: EISDIR
file as directory: ENOTDIR
trailing slash: ENOTDIR
directory for writing: EISDIR
exclusive: EEXIST
name of 256: ENAMETOOLONG
name of 255: fine
unlink open: fine
still 3 two
at 10
gap 7 0
ftruncate: fine
size 2
seek before the start: EINVAL
close twice: EBADF
/iexec_out: ./ ../ log z/
removed 40
/tmp/many: ./ ../
";
    assert_eq!(bench.stdout(&job), expected);
    let files = content(&job.out_dir);
    let texts: Vec<_> = files
        .iter()
        .filter(|(path, _)| path.to_str() != Some("stdout.txt"))
        .map(|(path, text)| (path.to_str().unwrap(), text.as_deref()))
        .collect();
    assert_eq!(texts, [("log", Some(&b"12"[..])), ("z", None), ("z/c", Some(&b"three"[..]))]);
}

#[test]
fn bad_addresses_give_errors_and_not_crashes() {
    let bench = Bench::new();
    // Each call gets addresses at the very end of memory or beyond; 21 is EFAULT.
    for (name, parameters, arguments) in [
        ("args_get", "i32 i32", "(i32.const -1) (i32.const -1)"),
        ("clock_time_get", "i32 i64 i32", "(i32.const 0) (i64.const 0) (i32.const 65530)"),
        ("random_get", "i32 i32", "(i32.const 1) (i32.const -1)"),
        ("fd_write", "i32 i32 i32 i32", "(i32.const 1) (i32.const -8) (i32.const 2) (i32.const 0)"),
        ("fd_prestat_dir_name", "i32 i32 i32", "(i32.const 3) (i32.const -1) (i32.const 9)"),
        (
            "fd_readdir",
            "i32 i32 i32 i64 i32",
            "(i32.const 3) (i32.const 9) (i32.const -1) (i64.const 0) (i32.const 0)",
        ),
        ("poll_oneoff", "i32 i32 i32 i32", "(i32.const 65530) (i32.const 0) (i32.const 1) (i32.const 0)"),
        ("fd_filestat_get", "i32 i32", "(i32.const 3) (i32.const 65500)"),
    ] {
        let text = format!(
            r#"(module (import "wasi_snapshot_preview1" "{name}" (func $call (param {parameters}) (result i32)))
                (memory (export "memory") 1)
                (func (export "_start") (if (i32.ne (call $call {arguments}) (i32.const 21)) (then unreachable))))"#
        );
        let end = bench.run(&bench.wat(name, &text));
        assert_eq!(end.map(|outcome| outcome.exit_code).map_err(|error| error.to_string()), Ok(0), "{name}");
    }
}

#[test]
fn calls_without_a_memory_or_with_bad_descriptors_fail_softly() {
    let bench = Bench::new();
    let text = r#"(module (import "wasi_snapshot_preview1" "fd_close" (func $close (param i32) (result i32)))
        (func (export "_start") (if (i32.ne (call $close (i32.const 1)) (i32.const 21)) (then unreachable))))"#;
    assert_eq!(bench.run(&bench.wat("no-memory", text)).unwrap().exit_code, 0);
    let text = r#"(module (import "wasi_snapshot_preview1" "fd_close" (func $close (param i32) (result i32)))
        (memory (export "memory") 1)
        (func (export "_start") (if (i32.ne (call $close (i32.const -1)) (i32.const 8)) (then unreachable))))"#;
    assert_eq!(bench.run(&bench.wat("bad-descriptor", text)).unwrap().exit_code, 0);
}
