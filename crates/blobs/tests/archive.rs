//! Archives: written the same way each time, read as if a stranger made them.

#![allow(clippy::unwrap_used, reason = "a failed step fails the test")]

use std::fs::{self, File};
use std::io::{Cursor, Write as _};
use std::path::Path;

use alloy_primitives::b256;
use metacloud_blobs::archive::{ArchiveError, Limits, pack, result_digest, unpack};
use metacloud_protocol::ResultDigest;
use metacloud_protocol::result::DigestRules;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

fn zip_of(entries: &[(&str, &[u8])]) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Deflated);
    for (name, content) in entries {
        zip.start_file(*name, options).unwrap();
        zip.write_all(content).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

fn opened(zip: &[u8], limits: &Limits) -> Result<Vec<String>, ArchiveError> {
    let dir = tempfile::tempdir().unwrap();
    let inside = dir.path().join("a/b");
    fs::create_dir_all(&inside).unwrap();
    let names = unpack(Cursor::new(zip), &inside, limits);
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "nothing lands outside");
    assert_eq!(fs::read_dir(dir.path().join("a")).unwrap().count(), 1, "nothing lands outside");
    names
}

fn declared(path: &str) -> String {
    format!("{{\"deterministic-output-path\": {path:?}, \"unknown\": [1]}}")
}

fn digest_of(path: &str, entries: &[(&str, &[u8])]) -> Result<ResultDigest, ArchiveError> {
    let computed = declared(path);
    let mut all = vec![("computed.json", computed.as_bytes())];
    all.extend_from_slice(entries);
    result_digest(Cursor::new(zip_of(&all)), DigestRules::Standard, &Limits::default())
        .map(|(digest, _)| digest)
}

#[test]
fn refuses_names_that_lead_elsewhere() {
    for name in ["../x", "/etc/x", "a/../../x", "a//b", "./x", "a/.", "..", "c:\\x", "a\nb", "a\\..\\x"] {
        let refused = opened(&zip_of(&[(name, b"x")]), &Limits::default());
        assert!(matches!(refused, Err(ArchiveError::Name { .. })), "{name}: {refused:?}");
    }
    let long = "n".repeat(256);
    let refused = opened(&zip_of(&[(&long, b"x")]), &Limits::default());
    assert!(matches!(refused, Err(ArchiveError::Name { .. })));
}

#[test]
fn refuses_links() {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    zip.add_symlink("link", "/etc/passwd", SimpleFileOptions::default()).unwrap();
    let refused = opened(&zip.finish().unwrap().into_inner(), &Limits::default());
    assert!(matches!(refused, Err(ArchiveError::NotPlain { name }) if name == "link"));
}

#[test]
fn refuses_a_file_that_is_also_a_directory() {
    let refused = opened(&zip_of(&[("a", b"x"), ("a!", b"y"), ("a/b", b"z")]), &Limits::default());
    assert!(matches!(refused, Err(ArchiveError::Twice { name }) if name == "a"));
}

#[test]
fn refuses_more_than_the_limits() {
    let zip = zip_of(&[("a", &[0; 60_000]), ("b", &[0; 60_000])]);
    let limits = Limits { files_max: 1, ..Limits::default() };
    assert!(matches!(opened(&zip, &limits), Err(ArchiveError::TooManyFiles { max: 1 })));
    let limits = Limits { content_bytes_max: 119_999, ..Limits::default() };
    assert!(matches!(opened(&zip, &limits), Err(ArchiveError::ContentTooLarge { max_bytes: 119_999 })));
    let limits = Limits { archive_bytes_max: 100, ..Limits::default() };
    assert!(matches!(opened(&zip, &limits), Err(ArchiveError::ArchiveTooLarge { .. })));
    assert_eq!(opened(&zip, &Limits::default()).unwrap(), ["a", "b"]);
}

/// Many entries of the list point at the same deflated bytes: each entry is honest, the sum is a bomb.
#[test]
fn refuses_entries_that_share_their_bytes() {
    let name = |entry: usize| format!("{entry:04}");
    let zip = zip_of(&[(&name(0), &vec![0; 10 << 20])]);
    let start = memchr_find(&zip, b"PK\x01\x02");
    let end = memchr_find(&zip, b"PK\x05\x06");
    let (content, entry) = (&zip[..start], &zip[start..end]);
    let mut bomb = content.to_vec();
    for copy in 0..100 {
        let mut entry = entry.to_vec();
        entry[46..50].copy_from_slice(name(copy).as_bytes());
        bomb.extend_from_slice(&entry);
    }
    let list_bytes = (bomb.len() - start) as u32;
    let mut tail = zip[end..].to_vec();
    tail[8..10].copy_from_slice(&100u16.to_le_bytes());
    tail[10..12].copy_from_slice(&100u16.to_le_bytes());
    tail[12..16].copy_from_slice(&list_bytes.to_le_bytes());
    bomb.extend_from_slice(&tail);
    let refused = opened(&bomb, &Limits { content_bytes_max: u64::MAX, ..Limits::default() });
    assert!(matches!(refused, Err(ArchiveError::ContentTooLarge { .. })), "{refused:?}");
}

fn memchr_find(haystack: &[u8], needle: &[u8]) -> usize {
    haystack.windows(needle.len()).rposition(|window| window == needle).unwrap()
}

#[test]
fn refuses_what_is_no_archive_or_two_at_once() {
    let sound = zip_of(&[("a", b"x")]);
    let mut two = sound.clone();
    two.extend_from_slice(&sound);
    let mut trailing = sound.clone();
    trailing.push(0);
    for bad in [&b""[..], b"PK", &[0; 100], &two, &trailing, &sound[..sound.len() - 1]] {
        assert!(matches!(opened(bad, &Limits::default()), Err(ArchiveError::Directory)));
    }
    // Cut or changed anywhere, it is refused or unpacks to plain names; it never panics or escapes.
    for at in 0..sound.len() {
        for flip in [0x01, 0x80, 0xff] {
            let mut broken = sound.clone();
            broken[at] ^= flip;
            let _outcome = opened(&broken, &Limits::default());
        }
    }
}

#[test]
fn packs_plain_files_only_and_always_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out");
    fs::create_dir_all(out.join("sub/empty")).unwrap();
    fs::write(out.join("sub/b.txt"), "b").unwrap();
    fs::write(out.join("a.txt"), vec![b'a'; 200_000]).unwrap();
    fs::write(out.join("empty"), "").unwrap();
    fs::write(dir.path().join("secret"), "not for you").unwrap();
    #[cfg(unix)]
    for (link, target) in [("link", "../secret"), ("sub/loop", ".."), ("dangling", "nowhere")] {
        std::os::unix::fs::symlink(target, out.join(link)).unwrap();
    }
    let (first, second) = (dir.path().join("1.zip"), dir.path().join("2.zip"));
    let packed = pack(&out, &first, &Limits::default()).unwrap();
    assert_eq!(packed.files, 3);
    #[cfg(unix)]
    assert_eq!(packed.skipped, ["dangling", "link", "sub/loop"]);

    // The same files, made in another order and at another time.
    fs::remove_file(out.join("a.txt")).unwrap();
    let again = File::create(out.join("a.txt")).unwrap();
    (&again).write_all(&vec![b'a'; 200_000]).unwrap();
    again.set_modified(std::time::SystemTime::UNIX_EPOCH).unwrap();
    pack(&out, &second, &Limits::default()).unwrap();
    assert_eq!(fs::read(&first).unwrap(), fs::read(&second).unwrap());

    let to = dir.path().join("to");
    fs::create_dir(&to).unwrap();
    let names = unpack(File::open(&first).unwrap(), &to, &Limits::default()).unwrap();
    assert_eq!(names, ["a.txt", "empty", "sub/b.txt"]);
    assert_eq!(fs::read(to.join("a.txt")).unwrap(), [b'a'; 200_000]);
}

#[test]
fn packing_has_limits_and_leaves_nothing_behind() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out");
    fs::create_dir(&out).unwrap();
    fs::write(out.join("a"), [0; 1000]).unwrap();
    fs::write(out.join("b"), [0; 1000]).unwrap();
    let to = dir.path().join("to.zip");
    let content = Limits { content_bytes_max: 1999, ..Limits::default() };
    assert!(matches!(pack(&out, &to, &content), Err(ArchiveError::ContentTooLarge { .. })));
    let count = Limits { files_max: 1, ..Limits::default() };
    assert!(matches!(pack(&out, &to, &count), Err(ArchiveError::TooManyFiles { .. })));
    let archive = Limits { archive_bytes_max: 10, ..Limits::default() };
    assert!(matches!(pack(&out, &to, &archive), Err(ArchiveError::ArchiveTooLarge { .. })));
    assert!(matches!(pack(Path::new("/nonexistent"), &to, &archive), Err(ArchiveError::Io { .. })));
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
}

/// The vectors of middleware A.5.
#[test]
fn digests_equal_the_published_ones() {
    let f = ("a.txt", &b"hello\n"[..]);
    let g = ("b.txt", &b"world\n"[..]);
    let below = |(name, content): (&str, &'static [u8])| (format!("dir/{name}"), content);
    let (df, dg) = (below(f), below(g));
    let single = digest_of("/iexec_out/a.txt", &[f, g]).unwrap();
    assert_eq!(single.0, b256!("5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03"));
    let two = digest_of("/iexec_out/dir/", &[f, (&dg.0, dg.1), (&df.0, df.1)]).unwrap();
    assert_eq!(two.0, b256!("3a73242c72ddede9db1a4085151d159175e956ee47eb34d272492784e16f7a58"));
    let nested = digest_of("/iexec_out/./x/../dir", &[(&df.0, df.1), ("dir/sub/c", b"c")]).unwrap();
    assert_eq!(nested.0, b256!("5e0c3040e53ee159c1cab119e0610cffeecc52b3bfa8042072660641b546b01d"));
    let with_empty = digest_of("iexec_out/dir", &[(&df.0, df.1), ("dir/b.txt", b"")]).unwrap();
    assert_eq!(with_empty.0, b256!("c778fe1198ca5b4a5ff3dd167c6ff424d67b767d5e8a382531f6cb8abfed2bab"));
    let empty = digest_of("/iexec_out/dir", &[f]).unwrap();
    assert_eq!(empty.0, b256!("c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470"));
    // The whole directory includes the declaration itself.
    assert_ne!(digest_of("/iexec_out", &[f]).unwrap(), empty);
}

#[test]
fn refuses_results_without_a_usable_declaration() {
    for path in ["/etc/passwd", "/iexec_out/../etc", "/iexec_out/../../x", "", "/", "/iexec_outside"] {
        let refused = digest_of(path, &[]);
        assert!(matches!(refused, Err(ArchiveError::Outside { .. })), "{path}: {refused:?}");
    }
    let long = format!("{{\"x\":\"{}\"}}", "y".repeat(1 << 20));
    for computed in ["", "[]", "{}", "{\"deterministic-output-path\": 5}", &long] {
        let zip = zip_of(&[("computed.json", computed.as_bytes()), ("a", b"x")]);
        let refused = result_digest(Cursor::new(zip), DigestRules::Standard, &Limits::default());
        assert!(matches!(refused, Err(ArchiveError::NoComputed { .. })), "{refused:?}");
    }
    let none = result_digest(Cursor::new(zip_of(&[("a", b"x")])), DigestRules::Standard, &Limits::default());
    assert!(matches!(none, Err(ArchiveError::NoComputed { .. })));
}
