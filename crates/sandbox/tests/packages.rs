//! OCI archives: the WebAssembly in them runs, everything else is refused by name.
#![allow(clippy::unwrap_used)] // tests may panic

mod support;

use std::io::Write as _;

use alloy_primitives::hex;
use flate2::Compression;
use flate2::write::GzEncoder;
use metacloud_sandbox::{Failure, LooksLike};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use support::{Bench, example};
use tar::{Builder, EntryType, Header};

const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar";
const GZIP: &str = "application/vnd.oci.image.layer.v1.tar+gzip";

fn tar(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut tar = Builder::new(Vec::new());
    for (path, content) in files {
        let mut header = Header::new_ustar();
        header.set_size(content.len() as u64);
        header.set_entry_type(EntryType::Regular);
        header.set_mode(0o644);
        tar.append_data(&mut header, path, *content).unwrap();
    }
    tar.into_inner().unwrap()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut out = GzEncoder::new(Vec::new(), Compression::fast());
    out.write_all(bytes).unwrap();
    out.finish().unwrap()
}

/// An image layout that grows.
#[derive(Default)]
struct Layout(Vec<(String, Vec<u8>)>);

impl Layout {
    /// Adds a blob; its descriptor.
    fn blob(&mut self, media_type: &str, content: &[u8]) -> Value {
        let digest = hex::encode(Sha256::digest(content));
        self.0.push((format!("blobs/sha256/{digest}"), content.to_vec()));
        json!({ "mediaType": media_type, "digest": format!("sha256:{digest}"), "size": content.len() })
    }

    fn json(&mut self, media_type: &str, content: &Value) -> Value {
        self.blob(media_type, content.to_string().as_bytes())
    }

    /// An artifact with these layers.
    fn artifact(&mut self, layers: &[(&str, &[u8])]) -> Value {
        let layers: Vec<_> =
            layers.iter().map(|(media_type, content)| self.blob(media_type, content)).collect();
        let config = self.json("application/vnd.wasm.config.v0+json", &json!({ "os": "wasip1" }));
        self.json(MANIFEST, &json!({ "schemaVersion": 2, "config": config, "layers": layers }))
    }

    /// An image for a platform.
    fn image(&mut self, os: &str, process: Value, layers: &[(&str, Vec<u8>)]) -> Value {
        let layers: Vec<_> =
            layers.iter().map(|(media_type, content)| self.blob(media_type, content)).collect();
        let config = json!({ "os": os, "architecture": "wasm", "config": process });
        let config = self.json(CONFIG, &config);
        self.json(MANIFEST, &json!({ "schemaVersion": 2, "config": config, "layers": layers }))
    }

    fn archive(self, manifests: &[Value]) -> Vec<u8> {
        let index = json!({ "schemaVersion": 2, "manifests": manifests }).to_string();
        let fixed = [
            ("oci-layout", br#"{"imageLayoutVersion":"1.0.0"}"#.as_slice()),
            ("index.json", index.as_bytes()),
        ];
        let blobs = self.0.iter().map(|(path, content)| (path.as_str(), content.as_slice()));
        let files: Vec<_> = fixed.into_iter().chain(blobs).collect();
        tar(&files)
    }
}

fn hello() -> Vec<u8> {
    std::fs::read(example("hello")).unwrap()
}

fn runs(archive: &[u8]) {
    let bench = Bench::new();
    let job = bench.job(bench.file("package", archive), "packaged");
    assert_eq!(bench.run(&job).unwrap().exit_code, 0);
    let packaged = support::content(&job.out_dir);
    let bare = bench.job(bench.file("bare", &hello()), "bare");
    bench.run(&bare).unwrap();
    assert_eq!(packaged, support::content(&bare.out_dir));
}

fn refusal(archive: &[u8]) -> Failure {
    let bench = Bench::new();
    bench.failure(&bench.job(bench.file("package", archive), "refused"))
}

fn says(archive: &[u8], what: &str) {
    let failure = refusal(archive);
    assert!(matches!(failure, Failure::Package(_)), "{failure}");
    assert!(failure.to_string().contains(what), "{failure} does not say {what:?}");
    assert_eq!(failure.cause(), "APP_COMPUTE_FAILED");
}

#[test]
fn artifacts_run() {
    for media_type in ["application/wasm", "application/vnd.wasm.content.layer.v1+wasm"] {
        let mut layout = Layout::default();
        let manifest = layout.artifact(&[("text/plain", b"read me"), (media_type, &hello())]);
        runs(&layout.archive(&[manifest]));
    }
}

#[test]
fn the_webassembly_of_an_image_for_many_platforms_runs() {
    let mut layout = Layout::default();
    let machine = layout.image("linux", json!({ "Entrypoint": ["/bin/sh"] }), &[]);
    let process = json!({ "Entrypoint": ["/app/hello.wasm"], "Env": ["PATH=/bin"] });
    let old = gzip(&tar(&[("app/hello.wasm", b"old"), ("app/other", b"x")]));
    let new = tar(&[("./app/hello.wasm", &hello())]);
    let wasm = layout.image("wasip1", process, &[(GZIP, old), (LAYER, new)]);
    let nested = layout.json(INDEX, &json!({ "manifests": [machine, wasm] }));
    runs(&layout.archive(&[nested]));
}

#[test]
fn images_for_machines_are_named() {
    let mut layout = Layout::default();
    let image =
        layout.image("linux", json!({ "Entrypoint": ["/bin/sh"] }), &[(LAYER, tar(&[("bin/sh", b"x")]))]);
    let failure = refusal(&layout.archive(&[image]));
    assert!(
        matches!(&failure, Failure::ContainerImage { platforms } if platforms == "linux/wasm"),
        "{failure}"
    );
    assert_eq!(failure.cause(), "APP_IMAGE_DOWNLOAD_FAILED");
    let saved = tar(&[("manifest.json", b"[]"), ("repositories", b"{}")]);
    assert!(matches!(refusal(&saved), Failure::ContainerImage { .. }));
    let other = refusal(&tar(&[("readme", b"x")]));
    assert!(matches!(other, Failure::NotWebAssembly(LooksLike::Tar)), "{other}");
}

#[test]
fn blobs_must_be_there_and_be_what_they_are_called() {
    let absent = json!({ "mediaType": MANIFEST, "digest": format!("sha256:{}", "0".repeat(64)) });
    says(&Layout::default().archive(&[absent]), "is not among its blobs");
    let traversal = json!({ "mediaType": MANIFEST, "digest": "sha256:../../index.json" });
    says(&Layout::default().archive(&[traversal]), "is not among its blobs");
    let other = json!({ "mediaType": MANIFEST, "digest": "md5:00" });
    says(&Layout::default().archive(&[other]), "is not among its blobs");

    let mut layout = Layout::default();
    let manifest = layout.artifact(&[("application/wasm", &hello())]);
    layout.0[0].1[100] ^= 1;
    says(&layout.archive(&[manifest]), "has the digest");
}

#[test]
fn archives_that_cannot_be_told_are_refused() {
    says(&Layout::default().archive(&[]), "names no manifest");
    says(&tar(&[("index.json", b"{")]), "index.json is malformed");
    let mut two = Layout::default();
    let manifest = two.artifact(&[("application/wasm", &hello()), ("application/wasm", b"\0asm")]);
    says(&two.archive(&[manifest]), "several WebAssembly layers");
    for (process, what) in [
        (json!({ "Entrypoint": ["/hello.wasm", "--fast"] }), "one file without arguments"),
        (json!({ "Entrypoint": ["/hello.wasm"], "Cmd": ["world"] }), "one file without arguments"),
        (json!({}), "one file without arguments"),
        (json!({ "Cmd": ["/hello.wasm"], "Env": ["LANG=C"] }), "the variable LANG"),
        (json!({ "Cmd": ["/absent.wasm"] }), "in none of its layers"),
    ] {
        let mut layout = Layout::default();
        let image = layout.image("wasi", process, &[(LAYER, tar(&[("hello.wasm", &hello())]))]);
        says(&layout.archive(&[image]), what);
    }
    let mut removed = Layout::default();
    let layers = [(LAYER, tar(&[("a/hello.wasm", &hello())])), (LAYER, tar(&[("a/.wh.hello.wasm", b"")]))];
    let image = removed.image("wasi", json!({ "Cmd": ["/a/hello.wasm"] }), &layers);
    says(&removed.archive(&[image]), "in none of its layers");
    let mut zstd = Layout::default();
    let image = zstd.image(
        "wasi",
        json!({ "Cmd": ["/a"] }),
        &[("application/vnd.oci.image.layer.v1.tar+zstd", vec![])],
    );
    says(&zstd.archive(&[image]), "not understood");
}

#[test]
fn archives_that_unfold_are_bounded() {
    let bomb = gzip(&vec![0; (metacloud_sandbox::limits::MODULE_BYTES_MAX + 1) as usize]);
    let mut layout = Layout::default();
    let image = layout.image("wasi", json!({ "Cmd": ["/a"] }), &[(GZIP, bomb)]);
    says(&layout.archive(&[image]), "decompresses to more than");

    let mut layout = Layout::default();
    let mut nested = layout.artifact(&[("application/wasm", &hello())]);
    for _ in 0..5 {
        nested = layout.json(INDEX, &json!({ "manifests": [nested] }));
    }
    says(&layout.archive(&[nested]), "nested deeper");

    let mut layout = Layout::default();
    let image = layout.image("linux", json!({}), &[]);
    says(&layout.archive(&vec![image; 100]), "more than 64 manifests");

    let names: Vec<_> = (0..5_000).map(|number| format!("{number}")).collect();
    let many: Vec<(&str, &[u8])> = names.iter().map(|name| (name.as_str(), &b""[..])).collect();
    says(&tar(&many), "more than 4096 entries");
}

#[test]
fn damaged_archives_are_refused_whatever_is_damaged() {
    let mut layout = Layout::default();
    let manifest = layout.artifact(&[("application/wasm", &hello())]);
    let whole = layout.archive(&[manifest]);
    let bench = Bench::new();
    for length in (512..whole.len() - 1024).step_by(whole.len() / 40) {
        bench.failure(&bench.job(bench.file("cut", &whole[..length]), "cut"));
    }
    for at in (0..whole.len() - 1024).step_by(whole.len() / 200) {
        let mut damaged = whole.clone();
        damaged[at] ^= 0x40;
        // Nothing but the archive's own padding may change unnoticed.
        let outcome = bench.run(&bench.job(bench.file("bent", &damaged), &format!("bent{at}")));
        assert!(outcome.is_err() || whole[at] == 0 || at < 2_048, "a change at {at} went unnoticed");
    }
}
