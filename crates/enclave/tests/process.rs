//! The process of an enclave, driven as a worker drives it. This program is its own enclave: started with the word
//! `enclave` it serves, otherwise it runs the tests below.
#![allow(clippy::unwrap_used)] // helpers of tests, too
#![allow(clippy::print_stdout)] // it is its own test harness

use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitCode, Stdio};

use alloy_primitives::{Address, B256, Bytes, hex};
use metacloud_enclave::frame::{self, FrameError};
use metacloud_enclave::talk::{Begin, Born, Bounds, Dataset, Done, Input, Run};
use metacloud_protocol::ids::{archive_hash, eip191, enclave_hash};
use metacloud_protocol::{ResultHash, ResultSeal, TaskId, signing};
use metacloud_sandbox::Limits;
use metacloud_seal::sealed::seal;
use metacloud_wire::enclave::{BUNDLE_PURPOSE, Bundle, DatasetKey, Statement};
use sha2::{Digest as _, Sha256};

const APP: &[u8] = include_bytes!("../../../tests/fixtures/confidential.wasm");
const DATASET: Address = Address::repeat_byte(0x22);
/// The published vector: key bytes 0 to 31, plain text "hello\n".
const KEY: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
const ENCRYPTED: [u8; 32] = hex!("000102030405060708090a0b0c0d0e0f91b9945f1a7532e4a24fcb98b53ece52");
const BENEFICIARY: &str = include_str!("../../seal/tests/data/rsa-2048.pub.pem");
const BENEFICIARY_SECRET: &str = include_str!("../../seal/tests/data/rsa-2048.pem");

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    if words == ["enclave"] {
        return metacloud_enclave::serve();
    }
    let tests: &[(&str, fn())] = &[
        ("secrets_and_dataset_reach_the_application_alone", secrets_and_dataset_reach_the_application_alone),
        ("encrypted_result_opens_for_its_beneficiary", encrypted_result_opens_for_its_beneficiary),
        ("callback_data_is_signed_and_nothing_is_stored", callback_data_is_signed_and_nothing_is_stored),
        ("dataset_of_a_bulk_that_fails_is_left_out", dataset_of_a_bulk_that_fails_is_left_out),
        ("secrets_for_another_enclave_do_not_open", secrets_for_another_enclave_do_not_open),
        ("application_that_leaves_no_result_is_not_vouched_for", no_result_is_not_vouched_for),
        ("nonsense_ends_the_process", nonsense_ends_the_process),
        ("process_ends_with_its_worker", process_ends_with_its_worker),
        ("every_enclave_has_keys_of_its_own", every_enclave_has_keys_of_its_own),
        #[cfg(target_os = "linux")]
        ("process_is_held_to_what_it_needs", process_is_held_to_what_it_needs),
    ];
    let wanted: Vec<_> = words.iter().filter(|word| !word.starts_with('-')).collect();
    for (name, test) in tests {
        if wanted.is_empty() || wanted.iter().any(|word| name.contains(word.as_str())) {
            test();
            println!("test {name} ... ok");
        }
    }
    ExitCode::SUCCESS
}

/// A task's directory, and the enclave that serves it.
struct Scene {
    dir: tempfile::TempDir,
    child: Child,
    input: Option<ChildStdin>,
    output: ChildStdout,
}

impl Drop for Scene {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Scene {
    fn new() -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .arg("enclave")
            .env_clear()
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (input, output) = (child.stdin.take(), child.stdout.take().unwrap());
        Self { dir: tempfile::tempdir().unwrap(), child, input, output }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn begin(&self, app: &[u8]) -> Begin {
        std::fs::write(self.path("app.wasm"), app).unwrap();
        Begin {
            chain_id: 31_337,
            hub: Address::repeat_byte(1),
            task: TaskId(B256::repeat_byte(2)),
            worker: Address::repeat_byte(3),
            expires_s: 4_000_000_000,
            application: self.path("app.wasm"),
            bounds: Bounds::from(&Limits::for_category_time(std::time::Duration::from_secs(60))),
            work_dir: self.path("enclave"),
            modules_dir: self.path("modules"),
        }
    }

    fn say(&mut self, message: &impl serde::Serialize) {
        frame::write(self.input.as_mut().unwrap(), message).unwrap();
    }

    fn hear<T: serde::de::DeserializeOwned>(&mut self) -> T {
        frame::read(&mut self.output).unwrap()
    }

    fn born(&mut self, app: &[u8]) -> Born {
        let begin = self.begin(app);
        self.say(&begin);
        self.hear()
    }

    fn run(&self) -> Run {
        Run {
            sealed: None,
            callback: false,
            args: vec![],
            env: vec![("IEXEC_DATASET_FILENAME".to_owned(), "data".to_owned())],
            inputs: vec![],
            datasets: vec![],
            bulk: false,
            archive: self.path("result.zip"),
        }
    }

    fn dataset(&self) -> Dataset {
        let path = self.path("encrypted");
        std::fs::write(&path, ENCRYPTED).unwrap();
        let checksum = B256::from_slice(&Sha256::digest(ENCRYPTED));
        Dataset { address: DATASET, name: "data".to_owned(), checksum, path: Some(path) }
    }

    /// Runs to the end.
    fn done(&mut self, run: &Run) -> Done {
        self.say(run);
        let done = self.hear();
        assert!(!self.path("enclave").exists(), "nothing in clear is left behind");
        done
    }

    fn unpacked(&self, zip: &Path) -> String {
        let to = self.path("unpacked");
        let limits = metacloud_blobs::archive::Limits::default();
        metacloud_blobs::archive::unpack(std::fs::File::open(zip).unwrap(), &to, &limits).unwrap();
        std::fs::read_to_string(to.join("result.txt")).unwrap()
    }
}

fn bundle() -> Bundle {
    Bundle {
        dataset_keys: vec![DatasetKey { dataset: DATASET, key: KEY.to_owned() }],
        app_secret: Some("of-the-app".to_owned()),
        requester_secrets: [("1".to_owned(), "of-the-requester".to_owned())].into(),
        result_encryption_key: None,
    }
}

fn sealed(statement: &Statement, bundle: &Bundle) -> Option<Bytes> {
    let message = serde_json::to_vec(bundle).unwrap();
    let binding = statement.digest();
    let chance = [7; 32];
    let sealed = seal(&statement.seal_key.0, BUNDLE_PURPOSE, binding.as_slice(), &message, chance).unwrap();
    Some(sealed.into())
}

const EXPECTED: &str = "IEXEC_APP_DEVELOPER_SECRET=of-the-app\nIEXEC_APP_DEVELOPER_SECRET_1=of-the-app\n\
                        IEXEC_REQUESTER_SECRET_1=of-the-requester\nhello\n";

fn assert_signed(born: &Born, signed: &metacloud_enclave::talk::Signed) {
    let Statement { task_id, worker, enclave, .. } = born.statement;
    let hash = ResultHash::derive(task_id, signed.digest);
    let seal = ResultSeal::derive(worker, task_id, signed.digest);
    assert_eq!(signing::recover(eip191(enclave_hash(hash, seal)), &signed.enclave_sign), Some(enclave));
}

fn secrets_and_dataset_reach_the_application_alone() {
    let mut scene = Scene::new();
    let born = scene.born(APP);
    assert_eq!(born.application, B256::from_slice(&Sha256::digest(APP)));
    assert!(born.configuration.contains("\"time_ms\":60000"), "{}", born.configuration);
    let run =
        Run { sealed: sealed(&born.statement, &bundle()), datasets: vec![scene.dataset()], ..scene.run() };
    let done = scene.done(&run);
    let signed = done.result.unwrap();
    assert_signed(&born, &signed);
    assert_eq!(scene.unpacked(&run.archive), EXPECTED);
    assert_eq!(signed.digest.0, B256::from_slice(&Sha256::digest(EXPECTED)));
    assert_eq!((done.ran.exit_code, signed.archive_sign.len()), (Some(0), 0));
    assert_eq!(done.ran.stdout_tail, format!("said aloud: {EXPECTED}"));
}

fn encrypted_result_opens_for_its_beneficiary() {
    let mut scene = Scene::new();
    let born = scene.born(APP);
    let key = metacloud_seal::rsa_key::PrivateKey::from_pem(BENEFICIARY_SECRET).unwrap();
    let mut bundle = bundle();
    bundle.result_encryption_key = Some(base64_of(BENEFICIARY));
    let run =
        Run { sealed: sealed(&born.statement, &bundle), datasets: vec![scene.dataset()], ..scene.run() };
    let done = scene.done(&run);
    let signed = done.result.unwrap();
    assert_signed(&born, &signed);
    assert_eq!(signed.digest.0, B256::from_slice(&Sha256::digest(EXPECTED)), "of the plain result");
    let archive = std::fs::read(&run.archive).unwrap();
    let sha256 = B256::from_slice(&Sha256::digest(&archive));
    let said = eip191(archive_hash(born.statement.task_id, sha256));
    assert_eq!(signing::recover(said, &signed.archive_sign), Some(born.statement.enclave));
    let mut plain = Vec::new();
    metacloud_seal::result::read(&key, std::io::Cursor::new(&archive), &mut plain).unwrap();
    std::fs::write(scene.path("plain.zip"), plain).unwrap();
    assert_eq!(scene.unpacked(&scene.path("plain.zip")), EXPECTED);
    assert_eq!((done.ran.stdout_tail.as_str(), done.ran.stderr_tail.as_str()), ("", ""), "not in reports");
    let told = [archive, serde_json::to_vec(&done.ran).unwrap()].concat();
    assert!(!told.windows(10).any(|bytes| bytes == b"of-the-app"), "in clear nowhere");
}

fn callback_data_is_signed_and_nothing_is_stored() {
    let mut scene = Scene::new();
    let born = scene.born(APP);
    let run = Run { callback: true, args: vec!["callback".to_owned()], ..scene.run() };
    let signed = scene.done(&run).result.unwrap();
    assert_signed(&born, &signed);
    assert_eq!(signed.callback_data[..], b"(no dataset)\n"[..]);
    assert_eq!(signed.digest, metacloud_protocol::result::callback_digest(&signed.callback_data));
    assert!(!run.archive.exists());
}

fn dataset_of_a_bulk_that_fails_is_left_out() {
    let mut scene = Scene::new();
    let born = scene.born(APP);
    let good = scene.dataset();
    let mut keys_alone = bundle();
    (keys_alone.app_secret, keys_alone.requester_secrets) = (None, [].into());
    let bad = Dataset { address: Address::repeat_byte(0x33), name: "other".to_owned(), ..good.clone() };
    let env = [
        ("IEXEC_BULK_SLICE_SIZE", "2"),
        ("IEXEC_DATASET_1_FILENAME", "other"),
        ("IEXEC_DATASET_2_FILENAME", "data"),
    ];
    let run = Run {
        sealed: sealed(&born.statement, &keys_alone),
        env: env.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
        datasets: vec![bad, good],
        bulk: true,
        ..scene.run()
    };
    let done = scene.done(&run);
    assert!(done.result.is_ok());
    assert_eq!(scene.unpacked(&run.archive), "2\nother\n(no dataset)\ndata\nhello\n");
    assert_eq!(done.ran.failures[0].cause.as_str(), "PRE_COMPUTE_DATASET_KEY_MISSING");
    // Alone, the same dataset ends the task.
    let mut scene = Scene::new();
    let born = scene.born(APP);
    let mut dataset = scene.dataset();
    dataset.checksum = B256::repeat_byte(5);
    let run = Run { sealed: sealed(&born.statement, &bundle()), datasets: vec![dataset], ..scene.run() };
    let failures = scene.done(&run).result.unwrap_err();
    assert_eq!(failures[0].cause.as_str(), "PRE_COMPUTE_INVALID_DATASET_CHECKSUM");
}

fn secrets_for_another_enclave_do_not_open() {
    let mut other = Scene::new();
    let elsewhere = other.born(APP);
    let mut scene = Scene::new();
    scene.born(APP);
    let run = Run { sealed: sealed(&elsewhere.statement, &bundle()), ..scene.run() };
    let failures = scene.done(&run).result.unwrap_err();
    assert!(failures[0].cause.as_str().starts_with("TEE_SESSION_GENERATION"), "{failures:?}");
    assert!(!run.archive.exists(), "nothing ran");
}

fn no_result_is_not_vouched_for() {
    for (text, cause) in [
        (
            r#"(module (memory (export "memory") 1) (func (export "_start") unreachable))"#,
            "APP_COMPUTE_FAILED",
        ),
        (r#"(module (memory (export "memory") 1) (func (export "_start")))"#, "DETERMINISM_HASH_NOT_FOUND"),
    ] {
        let mut scene = Scene::new();
        scene.born(&wat::parse_str(text).unwrap());
        let run = scene.run();
        let failures = scene.done(&run).result.unwrap_err();
        assert_eq!(failures[0].cause.as_str(), cause, "{failures:?}");
    }
}

fn nonsense_ends_the_process() {
    for nonsense in [&b""[..], b"\0\0\0\x02{}", b"\xff\xff\xff\xff", b"\0\0\0\x09{"] {
        let mut scene = Scene::new();
        let mut input = scene.input.take().unwrap();
        input.write_all(nonsense).unwrap();
        drop(input);
        assert!(!scene.child.wait().unwrap().success());
        let mut said = Vec::new();
        scene.output.read_to_end(&mut said).unwrap();
        assert!(said.is_empty());
    }
    let mut scene = Scene::new();
    let begin = Begin { application: scene.path("absent"), ..scene.begin(APP) };
    scene.say(&begin);
    assert!(matches!(frame::read::<Born>(&mut scene.output), Err(FrameError::Pipe(_))));
}

fn process_ends_with_its_worker() {
    let mut scene = Scene::new();
    scene.born(APP);
    let run = Run { args: vec!["spin".to_owned()], ..scene.run() };
    scene.say(&run);
    drop(scene.input.take());
    assert!(!scene.child.wait().unwrap().success(), "although the application never ends");
}

fn every_enclave_has_keys_of_its_own() {
    let [one, two] = [(); 2].map(|()| Scene::new().born(APP).statement);
    assert_ne!(one.enclave, two.enclave);
    assert_ne!(one.seal_key, two.seal_key);
}

/// What the kernel says of the process: no new privileges, a filter of system calls, no core dumps.
#[cfg(target_os = "linux")]
fn process_is_held_to_what_it_needs() {
    let mut scene = Scene::new();
    let born = scene.born(APP);
    assert!(born.confined);
    let status = std::fs::read_to_string(format!("/proc/{}/status", scene.child.id())).unwrap();
    let of = |name: &str| status.lines().find_map(|line| line.strip_prefix(name)).unwrap().trim().to_owned();
    assert_eq!((of("NoNewPrivs:").as_str(), of("Seccomp:").as_str()), ("1", "2"), "{status}");
    // With an input that is no file of the application's, it says so and lives on to its end.
    let absent = Input { name: "x".to_owned(), path: scene.path("absent") };
    let run = Run { inputs: vec![absent], ..scene.run() };
    assert!(scene.done(&run).result.is_err());
}

/// As a beneficiary stores its key.
fn base64_of(pem: &str) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    pem.as_bytes()
        .chunks(3)
        .flat_map(|chunk| {
            let word = chunk.iter().fold(0_u32, |word, byte| word << 8 | u32::from(*byte))
                << (8 * (3 - chunk.len()));
            (0..4).map(move |at| match at <= chunk.len() {
                true => char::from(LETTERS[(word >> (18 - 6 * at) & 63) as usize]),
                false => '=',
            })
        })
        .collect()
}
