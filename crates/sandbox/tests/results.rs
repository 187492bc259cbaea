//! From an output directory to a digest.
#![allow(clippy::unwrap_used)] // tests may panic

use std::fs;
use std::path::Path;

use metacloud_sandbox::result::{Collected, Expect, ResultError, collect};
use tempfile::TempDir;

fn directory(files: &[(&str, &str)]) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = dir.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    dir
}

fn computed(path: &str) -> String {
    serde_json::json!({ "deterministic-output-path": path, "unknown": [1] }).to_string()
}

fn output(dir: &Path, path: &str) -> Result<Collected, ResultError> {
    fs::write(dir.join("computed.json"), computed(path)).unwrap();
    collect(dir, Expect::Output)
}

#[test]
fn files_and_directories_have_the_published_digests() {
    let dir = directory(&[
        ("f", "hello\n"),
        ("two/a.txt", "hello\n"),
        ("two/b.txt", "world\n"),
        ("nested/a.txt", "hello\n"),
        ("nested/sub/x", "not hashed"),
        ("empty/x/y", ""),
    ]);
    fs::remove_dir_all(dir.path().join("empty/x")).unwrap();
    for (path, digest) in [
        ("/iexec_out/f", "0x5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03"),
        ("/iexec_out//./f", "0x5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03"),
        ("/iexec_out/two/../f", "0x5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03"),
        ("/iexec_out/two", "0x3a73242c72ddede9db1a4085151d159175e956ee47eb34d272492784e16f7a58"),
        ("/iexec_out/two/", "0x3a73242c72ddede9db1a4085151d159175e956ee47eb34d272492784e16f7a58"),
        ("/iexec_out/nested", "0x5e0c3040e53ee159c1cab119e0610cffeecc52b3bfa8042072660641b546b01d"),
        ("/iexec_out/empty", "0xc5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470"),
    ] {
        let collected = output(dir.path(), path).unwrap();
        assert_eq!(collected.digest.to_string(), digest, "{path}");
        assert!(collected.callback_data.is_empty());
    }
    // The whole directory, computed.json included.
    assert!(output(dir.path(), "/iexec_out").is_ok());
}

#[test]
fn paths_that_leave_or_do_not_exist_are_refused() {
    let dir = directory(&[("f", "hello\n"), ("sub/x", "")]);
    fs::write(dir.path().parent().unwrap().join("metacloud-outside"), "secret").unwrap();
    for path in
        ["/iexec_out/../x", "/etc/passwd", "f", "/iexec_output/f", "/iexec_out/sub/../../f", "/", "../f"]
    {
        assert!(matches!(output(dir.path(), path), Err(ResultError::OutsideOutput { .. })), "{path}");
    }
    for path in ["/iexec_out/absent", "/iexec_out/f/x", "/iexec_out/a\0b"] {
        let error = output(dir.path(), path).unwrap_err();
        assert!(matches!(error, ResultError::NoSuchOutput { .. }), "{path}: {error}");
        assert_eq!(error.cause(), "DETERMINISM_HASH_NOT_FOUND");
    }
}

#[test]
fn links_count_only_inside() {
    let dir = directory(&[("f", "hello\n"), ("d/a.txt", "hello\n")]);
    let link = |to: &str, name: &str| std::os::unix::fs::symlink(to, dir.path().join(name)).unwrap();
    link("f", "inside");
    link("/etc/passwd", "outside");
    link("/etc/passwd", "d/outside");
    link("absent", "d/dangling");
    assert_eq!(output(dir.path(), "/iexec_out/inside").unwrap(), output(dir.path(), "/iexec_out/f").unwrap());
    assert!(matches!(output(dir.path(), "/iexec_out/outside"), Err(ResultError::OutsideOutput { .. })));
    // Links that lead outside or nowhere are unreadable children, which contribute nothing.
    assert_eq!(
        output(dir.path(), "/iexec_out/d").unwrap().digest.to_string(),
        "0x5e0c3040e53ee159c1cab119e0610cffeecc52b3bfa8042072660641b546b01d"
    );
}

#[test]
fn computed_json_is_parsed_strictly_enough() {
    let absent = directory(&[("f", "x")]);
    assert!(matches!(collect(absent.path(), Expect::Output), Err(ResultError::NoComputedJson)));
    let named = directory(&[("computed.json/x", "")]);
    assert!(matches!(collect(named.path(), Expect::Output), Err(ResultError::NoComputedJson)));
    for text in ["", "{", "[]", "{\"deterministic-output-path\": 3}", "\u{0}"] {
        let dir = directory(&[("computed.json", text)]);
        let error = collect(dir.path(), Expect::Output).unwrap_err();
        assert!(matches!(error, ResultError::BadComputedJson(_)), "{text:?}: {error}");
    }
    for text in ["{}", "{\"deterministic-output-path\": \"\"}", "{\"deterministic-output-path\": null}"] {
        let dir = directory(&[("computed.json", text)]);
        assert!(matches!(collect(dir.path(), Expect::Output), Err(ResultError::NoOutputPath)), "{text}");
    }
    let huge = directory(&[("computed.json", &format!("{{\"x\": \"{}\"}}", "y".repeat(1 << 20)))]);
    assert!(matches!(collect(huge.path(), Expect::Output), Err(ResultError::ComputedJsonTooLarge { .. })));
    let deep = directory(&[("computed.json", &"[".repeat(100_000))]);
    assert!(matches!(collect(deep.path(), Expect::Output), Err(ResultError::BadComputedJson(_))));
}

#[test]
fn callbacks_take_their_bytes_from_computed_json() {
    let callback = |text: &str| {
        let dir = directory(&[("computed.json", &format!("{{\"callback-data\": \"{text}\"}}"))]);
        collect(dir.path(), Expect::Callback)
    };
    let collected = callback(&format!("0x{:064x}", 1_700_000_000)).unwrap();
    assert_eq!(
        collected.digest.to_string(),
        "0xfe53ebede849abf4b4d59ce424b0457b2044a01b62f4c53ca12928dc216ef087"
    );
    assert_eq!(collected.callback_data.len(), 32);
    assert!(matches!(callback(""), Err(ResultError::NoCallbackData)));
    assert!(matches!(callback("0x"), Err(ResultError::NoCallbackData)));
    assert!(matches!(callback("0xzz"), Err(ResultError::BadCallbackData)));
    let output_only = directory(&[("computed.json", &computed("/iexec_out")), ("f", "")]);
    assert!(matches!(collect(output_only.path(), Expect::Callback), Err(ResultError::NoCallbackData)));
}
