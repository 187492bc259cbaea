//! What a buyer sees when the application is at fault: a named cause, and a pool that goes on.

mod support;

use support::{Up, example, json_of, stderr_of};

/// A case: name, text of the module, and words that the buyer must see.
const CASES: &[(&str, &str, &[&str])] = &[
    ("traps", include_str!("fixtures/traps.wat"), &["unreachable"]),
    ("loops", include_str!("fixtures/loops.wat"), &["APP_COMPUTE_TIMEOUT"]),
    ("eats_memory", include_str!("fixtures/eats_memory.wat"), &["memory"]),
    ("fills_disk", include_str!("fixtures/fills_disk.wat"), &["wrote"]),
    ("exits_3", include_str!("fixtures/exits_3.wat"), &["exit", "3"]),
    ("no_result", include_str!("fixtures/no_result.wat"), &["computed.json"]),
    (
        "missing_import",
        include_str!("fixtures/missing_import.wat"),
        &["env.launch_missiles", "does not offer"],
    ),
    (
        "component_needs_http",
        include_str!("fixtures/component_needs_http.wat"),
        &["wasi:http/types@0.2.0.fields", "does not offer"],
    ),
];

#[test]
fn each_fault_has_a_name_that_reaches_the_buyer_and_the_pool_goes_on() {
    let up = Up::ephemeral(&["--workers", "3", "--task-seconds", "5"]);
    let folder = tempfile::tempdir().expect("temporary folder");
    let modules = CASES.iter().map(|(name, text, words)| (*name, wat::parse_str(text).expect(name), *words));
    let no_module = ("text", b"This is not a module.\n".to_vec(), &["not WebAssembly"][..]);
    for (name, module, words) in modules.chain([no_module]) {
        let path = folder.path().join(format!("{name}.wasm"));
        std::fs::write(&path, module).expect("module");
        let output = up.run(&[path.to_str().expect("text"), "--json"]);
        let text = stderr_of(&output);
        assert_eq!(output.status.code(), Some(1), "{name}: {text}");
        let report = json_of(&output);
        assert_ne!(report["status"], "COMPLETED", "{name}: {report}");
        let seen = format!("{report} {text}").to_lowercase();
        for word in words {
            assert!(seen.contains(&word.to_lowercase()), "{name}: {word:?} is missing in {seen}");
        }
    }

    let hello = example("hello/hello.wasm");
    let output = up.run(&[hello.to_str().expect("text"), "--json", "--", "still here"]);
    assert!(output.status.success(), "{}", stderr_of(&output));
}

#[test]
fn an_app_that_does_not_exist_is_an_environment_error() {
    let up = Up::ephemeral(&["--workers", "1"]);
    let output = up.run(&["no-such-file.wasm"]);
    support::assert_one_line(&output, 2, &["no-such-file.wasm"]);
}
