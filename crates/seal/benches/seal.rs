//! How fast is encryption of a stream next to the raw cipher, and in how much memory?
//!
//! Encrypts and decrypts a stream of 1 GiB in the project's form, next to ring's AES-256-GCM over a buffer of one chunk, and
//! in the form of iExec clients, next to `openssl speed` on the same machine. CPU time throughout. With `--age PATH` (the
//! binaries `age` and, beside it, `age-keygen`) the ratio to age is printed too, which nothing is held against.
//!
//! `cargo bench -p metacloud-seal [-- --age /usr/bin/age]`

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a bench ends at the first thing that is wrong")]

use std::fs;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use metacloud_seal::AesKey;
use metacloud_seal::chunked::{self, CHUNK_BYTES};
use metacloud_seal::{cbc, sealed::SealKey};

const STREAM_BYTES: u64 = 1 << 30;
/// Each figure is the best of so many: other processes only ever slow one down.
const ROUNDS: usize = 4;
/// What the issue asks for, as a part of the peer's speed.
const BOUND: f64 = 0.8;

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let age = arguments.windows(2).find(|pair| pair[0] == "--age").map(|pair| PathBuf::from(&pair[1]));
    let raw = best(raw_ring);
    let ours = best(encrypt);
    // Before anything of this bench itself holds a message.
    println!("peak memory with a stream of {STREAM_BYTES} bytes: {} KiB", status("VmHWM"));
    let back = best(decrypt);
    row("chunked encrypt", ours, "ring AES-256-GCM, raw", raw, Some(BOUND));
    row("chunked decrypt", back, "ring AES-256-GCM, raw", raw, Some(BOUND));
    row("cbc encrypt", best(cbc_encrypt), "openssl speed", openssl(&[]), Some(BOUND));
    row("cbc decrypt", best(cbc_decrypt), "openssl speed -decrypt", openssl(&["-decrypt"]), Some(BOUND));
    if let Some(age) = age {
        let (encrypts, decrypts) = age_speeds(&age);
        row("chunked encrypt", ours, "age", encrypts, None);
        row("chunked decrypt", back, "age", decrypts, None);
    }
}

fn row(what: &str, ours: f64, peer: &str, theirs: f64, bound: Option<f64>) {
    let ratio = ours / theirs;
    let verdict = match bound {
        Some(bound) if ratio >= bound => format!("met (at least {bound})"),
        Some(bound) => format!("NOT met (at least {bound})"),
        None => "informative".to_owned(),
    };
    println!("{what}: {ours:.2} GB/s; {peer}: {theirs:.2} GB/s; ratio {ratio:.2}: {verdict}");
}

/// The best speed of some rounds, in GB per second of CPU time.
fn best(mut round: impl FnMut()) -> f64 {
    let seconds = (0..ROUNDS).map(|_| {
        let before = cpu_s();
        round();
        cpu_s() - before
    });
    STREAM_BYTES as f64 / 1e9 / seconds.fold(f64::INFINITY, f64::min)
}

/// CPU time of this thread, in seconds.
fn cpu_s() -> f64 {
    let text = fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    text.split_whitespace().next().unwrap().parse::<f64>().unwrap() / 1e9
}

fn status(name: &str) -> u64 {
    let text = fs::read_to_string("/proc/self/status").unwrap();
    let line = text.lines().find(|line| line.starts_with(name)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// A stream that is never in memory as a whole.
struct Stream {
    piece: Vec<u8>,
    left: u64,
}

impl Stream {
    fn new(bytes: u64) -> Self {
        Self { piece: (0..CHUNK_BYTES).map(|i| (i * 7 % 251) as u8).collect(), left: bytes }
    }
}

impl Read for Stream {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let bytes = into.len().min(self.piece.len()).min(usize::try_from(self.left).unwrap());
        into[..bytes].copy_from_slice(&self.piece[..bytes]);
        self.left -= bytes as u64;
        Ok(bytes)
    }
}

fn raw_ring() {
    use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
    let key = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &[3; 32]).unwrap());
    let mut chunk = vec![7; CHUNK_BYTES];
    for index in 0..STREAM_BYTES / CHUNK_BYTES as u64 {
        let mut nonce = [0; 12];
        nonce[4..].copy_from_slice(&index.to_be_bytes());
        let nonce = Nonce::assume_unique_for_key(nonce);
        let _tag =
            std::hint::black_box(key.seal_in_place_separate_tag(nonce, Aad::empty(), &mut chunk).unwrap());
    }
}

fn encrypt() {
    let (recipient, key) = (SealKey::new([7; 32]).public(), AesKey::new([3; 32]));
    let bytes =
        chunked::encrypt(&recipient, &key, [4; 32], &mut Stream::new(STREAM_BYTES), &mut io::sink()).unwrap();
    assert_eq!(bytes, STREAM_BYTES);
}

/// A message of this many bytes, sealed in memory and opened as often as makes a stream: a file would measure the system's
/// copies as well.
const MESSAGE_BYTES: u64 = 8 << 20;

fn decrypt() {
    thread_local! {
        static SEALED: Vec<u8> = {
            let mut sealed = Vec::new();
            let (recipient, key) = (SealKey::new([7; 32]).public(), AesKey::new([3; 32]));
            chunked::encrypt(&recipient, &key, [4; 32], &mut Stream::new(MESSAGE_BYTES), &mut sealed).unwrap();
            sealed
        };
    }
    SEALED.with(|sealed| {
        for _ in 0..STREAM_BYTES / MESSAGE_BYTES {
            let bytes =
                chunked::decrypt(&SealKey::new([7; 32]), &mut sealed.as_slice(), &mut io::sink()).unwrap();
            assert_eq!(bytes, MESSAGE_BYTES);
        }
    });
}

fn cbc_encrypt() {
    let key = AesKey::new([3; 32]);
    cbc::encrypt_stream(&key, [4; 16], &mut Stream::new(STREAM_BYTES), &mut io::sink()).unwrap();
}

/// Random bytes decrypt as fast as others; only their end is wrong, and seen last.
fn cbc_decrypt() {
    let end = cbc::decrypt_stream(&AesKey::new([3; 32]), &mut Stream::new(STREAM_BYTES), &mut io::sink());
    assert!(matches!(end, Err(cbc::CbcError::Malformed)));
}

/// GB per second of CPU time by OpenSSL's own account.
fn openssl(more: &[&str]) -> f64 {
    let one = |_| {
        let mut command = Command::new("openssl");
        command.args(["speed", "-mr", "-evp", "aes-256-cbc", "-bytes", "65536", "-seconds", "2"]).args(more);
        let out = command.output().expect("openssl is there");
        // "+F:…:AES-256-CBC:123456.78", in bytes per second.
        let text = String::from_utf8(out.stdout).unwrap();
        let line = text.lines().find(|line| line.starts_with("+F:")).expect("openssl tells its speed");
        line.rsplit(':').next().unwrap().parse::<f64>().unwrap() / 1e9
    };
    (0..3).map(one).fold(0.0, f64::max)
}

/// GB per second of CPU time of age, encrypting and decrypting.
fn age_speeds(age: &Path) -> (f64, f64) {
    let folder = tempfile::tempdir().unwrap();
    let (identity, sealed) = (folder.path().join("identity"), folder.path().join("sealed"));
    let made = Command::new(age.with_file_name("age-keygen")).arg("-o").arg(&identity).output().unwrap();
    assert!(made.status.success());
    let text = fs::read_to_string(&identity).unwrap();
    let recipient = text.lines().find_map(|line| line.strip_prefix("# public key: ")).unwrap();
    let measure = |run: &dyn Fn()| {
        let before = children_cpu_s();
        run();
        STREAM_BYTES as f64 / 1e9 / (children_cpu_s() - before)
    };
    let encrypts = measure(&|| {
        let mut command = Command::new(age);
        command.args(["-r", recipient, "-o"]).arg(&sealed).stdin(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        io::copy(&mut Stream::new(STREAM_BYTES), &mut stdin).unwrap();
        stdin.flush().unwrap();
        drop(stdin);
        assert!(child.wait().unwrap().success());
    });
    let decrypts = measure(&|| {
        let mut command = Command::new(age);
        command.args(["-d", "-i"]).arg(&identity).arg("-o").arg("/dev/null").arg(&sealed);
        assert!(command.status().unwrap().success());
    });
    (encrypts, decrypts)
}

/// CPU time of the processes that were waited for, in seconds; Linux counts in hundredths.
fn children_cpu_s() -> f64 {
    let text = fs::read_to_string("/proc/self/stat").unwrap();
    // After the name, which may hold spaces: cutime and cstime are the 14th and 15th.
    let fields: Vec<&str> = text.rsplit(')').next().unwrap().split_whitespace().collect();
    (fields[13].parse::<f64>().unwrap() + fields[14].parse::<f64>().unwrap()) / 100.0
}
