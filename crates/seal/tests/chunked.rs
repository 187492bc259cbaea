//! The chunked form: what it gives back, and every way in which a file may be damaged.

#![allow(clippy::unwrap_used)]

use std::io::{self, Cursor, Read};

use metacloud_seal::AesKey;
use metacloud_seal::chunked::{
    CHUNK_BYTES, ChunkedError, HEADER_BYTES, Opened, decrypt, encrypt, sealed_bytes,
};
use metacloud_seal::sealed::SealKey;
use proptest::prelude::*;

const SEALED: usize = CHUNK_BYTES + 16;
/// Lengths around the edges of chunks.
const LENGTHS: [usize; 9] = [
    0,
    1,
    15,
    CHUNK_BYTES - 1,
    CHUNK_BYTES,
    CHUNK_BYTES + 1,
    2 * CHUNK_BYTES,
    2 * CHUNK_BYTES + 1,
    3 * CHUNK_BYTES - 7,
];

fn key() -> SealKey {
    SealKey::new([7; 32])
}

fn plain(length: usize) -> Vec<u8> {
    (0..length).map(|i| (i * 7 % 251) as u8).collect()
}

fn sealed(plain: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let file_key = AesKey::new([3; 32]);
    let bytes = encrypt(&key().public(), &file_key, [4; 32], &mut &*plain, &mut out).unwrap();
    assert_eq!(bytes, plain.len() as u64);
    out
}

fn opened(sealed: &[u8]) -> Result<Vec<u8>, ChunkedError> {
    let mut out = Vec::new();
    let bytes = decrypt(&key(), &mut &*sealed, &mut out)?;
    assert_eq!(bytes, out.len() as u64);
    Ok(out)
}

/// That neither reading as a stream nor at any place takes it.
fn refused(sealed: &[u8]) {
    opened(sealed).unwrap_err();
    let Ok(mut opened) = Opened::new(&key(), Cursor::new(sealed)) else { return };
    let mut whole = vec![0; usize::try_from(opened.plain_bytes()).unwrap()];
    opened.read_at(0, &mut whole).unwrap_err();
}

#[test]
fn what_goes_in_comes_out_at_every_edge() {
    for length in LENGTHS {
        let plain = plain(length);
        let sealed = sealed(&plain);
        assert_eq!(sealed.len() as u64, sealed_bytes(length as u64), "{length}");
        assert!(opened(&sealed).unwrap() == plain, "{length}");
        let mut random = Opened::new(&key(), Cursor::new(&sealed)).unwrap();
        assert_eq!(random.plain_bytes(), length as u64);
        for (offset, bytes) in
            [(0, length), (length / 2, length - length / 2), (length, 0), (length / 3, length.min(9))]
        {
            if offset + bytes > length {
                continue;
            }
            let mut part = vec![0; bytes];
            random.read_at(offset as u64, &mut part).unwrap();
            assert!(part == plain[offset..offset + bytes], "{length} {offset} {bytes}");
        }
        for (offset, bytes) in [(length as u64, 1), (length as u64 + 1, 0), (u64::MAX, 1)] {
            let past = random.read_at(offset, &mut vec![0; bytes]);
            assert!(matches!(past, Err(ChunkedError::OutOfRange { .. })), "{length} {offset}");
        }
    }
}

/// Fixed bytes: files of one version open in every later one.
#[test]
fn the_form_stays_what_it_is() {
    let sealed = sealed(b"hello");
    let hex: String = sealed.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(hex, include_str!("data/hello.mcseal.hex").trim());
}

#[test]
fn files_of_another_form_version_or_key_are_refused_by_name() {
    let good = sealed(&plain(100));
    for bad in [&b""[..], b"mcseal", &good[..HEADER_BYTES - 1], &[0; 1_000]] {
        assert!(matches!(opened(bad), Err(ChunkedError::NotThisForm)));
        assert!(matches!(Opened::new(&key(), Cursor::new(bad)), Err(ChunkedError::NotThisForm)));
    }
    let mut later = good.clone();
    later[6] = 2;
    assert!(matches!(opened(&later), Err(ChunkedError::Version(2))));
    let stranger = decrypt(&SealKey::new([8; 32]), &mut good.as_slice(), &mut Vec::new());
    assert!(matches!(stranger, Err(ChunkedError::OtherKey)));
    let nobody = encrypt(&[0; 32], &AesKey::new([3; 32]), [4; 32], &mut io::empty(), &mut Vec::new());
    assert!(matches!(nobody, Err(ChunkedError::PublicKey)));
}

#[test]
fn chunks_cut_off_added_moved_or_exchanged_are_refused() {
    let whole = sealed(&plain(3 * CHUNK_BYTES + 5));
    let chunk = |index: usize| {
        let from = HEADER_BYTES + index * SEALED;
        whole[from..whole.len().min(from + SEALED)].to_vec()
    };
    let head = whole[..HEADER_BYTES].to_vec();
    let file = |chunks: &[Vec<u8>]| [head.clone(), chunks.concat()].concat();
    assert!(opened(&file(&[chunk(0), chunk(1), chunk(2), chunk(3)])).is_ok());
    for (name, chunks) in [
        ("nothing", vec![]),
        ("cut after a chunk", vec![chunk(0), chunk(1), chunk(2)]),
        ("cut after the first", vec![chunk(0)]),
        ("only the last", vec![chunk(3)]),
        ("one left out", vec![chunk(0), chunk(2), chunk(3)]),
        ("two exchanged", vec![chunk(1), chunk(0), chunk(2), chunk(3)]),
        ("one repeated", vec![chunk(0), chunk(0), chunk(1), chunk(2), chunk(3)]),
        ("the last repeated", vec![chunk(0), chunk(1), chunk(2), chunk(3), chunk(3)]),
        ("zeros behind", vec![chunk(0), chunk(1), chunk(2), chunk(3), vec![0; SEALED]]),
        ("one byte behind", vec![chunk(0), chunk(1), chunk(2), chunk(3), vec![0]]),
        ("an empty chunk behind", vec![chunk(0), chunk(1), chunk(2), chunk(3), vec![0; 16]]),
    ] {
        println!("{name}");
        refused(&file(&chunks));
    }
    let exact = sealed(&plain(2 * CHUNK_BYTES));
    refused(&exact[..HEADER_BYTES + SEALED]);
    refused(&[exact.as_slice(), &exact[HEADER_BYTES..]].concat());
    // Of another file with the same key: another header, by another ephemeral key.
    let mut other = Vec::new();
    let file_key = AesKey::new([3; 32]);
    encrypt(&key().public(), &file_key, [5; 32], &mut plain(100).as_slice(), &mut other).unwrap();
    let mine = sealed(&plain(100));
    refused(&[&mine[..HEADER_BYTES], &other[HEADER_BYTES..]].concat());
    refused(&[&other[..HEADER_BYTES], &mine[HEADER_BYTES..]].concat());
}

#[test]
fn a_stream_gives_out_only_what_was_checked() {
    let plain = plain(2 * CHUNK_BYTES + 9);
    let mut broken = sealed(&plain);
    broken[HEADER_BYTES + SEALED + 5] ^= 1;
    let mut out = Vec::new();
    let error = decrypt(&key(), &mut broken.as_slice(), &mut out).unwrap_err();
    assert!(matches!(error, ChunkedError::Chunk { index: 1 }));
    assert!(out == plain[..CHUNK_BYTES]);
}

/// Hands out a few bytes at a time.
struct Dribble<'a>(&'a [u8], usize);

impl Read for Dribble<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let bytes = self.1.min(into.len()).min(self.0.len());
        into[..bytes].copy_from_slice(&self.0[..bytes]);
        self.0 = &self.0[bytes..];
        Ok(bytes)
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn any_single_change_is_noticed(
        length in 0_usize..150_000,
        place in any::<prop::sample::Index>(),
        bit in 0_u32..8,
    ) {
        let good = sealed(&plain(length));
        let at = place.index(good.len());
        let mut changed = good.clone();
        changed[at] ^= 1 << bit;
        refused(&changed);
        refused(&good[..at]);
    }

    #[test]
    fn pieces_and_places_of_any_size_give_the_same_bytes(
        length in 0_usize..200_000,
        piece in 1_usize..90_000,
        reads in proptest::collection::vec((any::<prop::sample::Index>(), 0_usize..90_000), 1..8),
    ) {
        let plain = plain(length);
        let whole = sealed(&plain);
        let mut streamed = Vec::new();
        let file_key = AesKey::new([3; 32]);
        encrypt(&key().public(), &file_key, [4; 32], &mut Dribble(&plain, piece), &mut streamed).unwrap();
        prop_assert!(streamed == whole);
        let mut back = Vec::new();
        decrypt(&key(), &mut Dribble(&whole, piece), &mut back).unwrap();
        prop_assert!(back == plain);
        let mut opened = Opened::new(&key(), Cursor::new(&whole)).unwrap();
        for (place, bytes) in reads {
            let offset = place.index(length + 1);
            let mut part = vec![0; bytes.min(length - offset)];
            opened.read_at(offset as u64, &mut part).unwrap();
            prop_assert!(part == plain[offset..offset + part.len()]);
        }
    }
}
