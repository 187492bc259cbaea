//! The main job, as a person or a script runs it.

mod support;

use support::{assert_one_line, json_of, metacloud, stderr_of};

#[test]
fn demo_verifies_every_tile_punishes_the_liar_and_accounts_to_the_unit() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let picture = folder.path().join("picture.png");

    let output = metacloud().args(["demo", "--json", "--out"]).arg(&picture).output().expect("demo starts");

    assert!(output.status.success(), "{}", stderr_of(&output));
    let report = json_of(&output);
    assert!(report["tiles"].as_u64() > Some(8), "{report}");
    assert_eq!(report["verified"], report["tiles"], "{report}");
    assert_eq!(report["liars"], 1, "{report}");
    assert!(report["workers"].as_u64() >= Some(5), "{report}");
    let nrlc = |key: &str| -> u128 {
        report[key].as_str().map_or_else(|| report[key].to_string(), str::to_owned).parse().expect(key)
    };
    assert!(nrlc("seizedNrlc") > 0, "the liar lost its stake: {report}");
    assert!(nrlc("paidNrlc") > 0, "{report}");
    assert_eq!(report["ledgerExact"], true, "{report}");
    assert!(report["seconds"].as_f64() > Some(0.0), "{report}");
    let bytes = std::fs::read(&picture).expect("the picture is there");
    assert!(bytes.starts_with(b"\x89PNG\r\n\x1a\n") && bytes.len() > 10_000, "a picture worth looking at");
}

#[test]
fn demo_that_cannot_write_its_picture_says_so_before_any_work() {
    let output = metacloud()
        .args(["demo", "--json", "--out", "no-such-folder/picture.png"])
        .output()
        .expect("demo starts");

    assert_one_line(&output, 2, &["no-such-folder/picture.png"]);
    assert!(output.stdout.is_empty());
}

#[test]
fn unknown_flags_are_refused_with_exit_code_two() {
    let output = metacloud().args(["demo", "--frobnicate"]).output().expect("demo starts");
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr_of(&output).contains("--frobnicate"));
}
