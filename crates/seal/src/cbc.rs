//! AES-256-CBC with PKCS#7 padding, the initialisation vector first: datasets and results of iExec clients
//! (http-surface 9).
//!
//! The form has no authentication. Whoever decrypts checks the SHA-256 of the encrypted bytes against the chain first;
//! [`CbcError::Malformed`] says no more than that the bytes do not end as this key would have ended them.

use std::fmt;
use std::io::{self, Read, Write};

use aws_lc_rs::cipher::{
    AES_256, DecryptionContext, EncryptionContext, StreamingDecryptingKey, StreamingEncryptingKey,
    UnboundCipherKey,
};
use aws_lc_rs::iv::FixedLength;
use zeroize::Zeroizing;

use crate::key::{AesKey, IV_BYTES, Iv};

/// Bytes of a block.
const BLOCK_BYTES: usize = 16;
/// Bytes read, turned and written at once by the streaming forms: past 16 KiB nothing is gained, the caches keep it.
const CHUNK_BYTES: usize = 64 * 1024;

/// Why bytes are not encrypted or decrypted.
#[derive(Debug, thiserror::Error)]
pub enum CbcError {
    /// Too short, not whole blocks, or ended by other padding: another key, or not this format.
    #[error("not the AES-256-CBC form of this key")]
    Malformed,
    /// The source or the sink failed.
    #[error("cannot {step} while turning AES-256-CBC: {source}")]
    Io {
        /// `read` or `write`.
        step: &'static str,
        /// The cause.
        source: io::Error,
    },
}

/// Bytes of the encrypted form of a plaintext of `plain_bytes`.
pub const fn encrypted_bytes(plain_bytes: u64) -> u64 {
    let block = BLOCK_BYTES as u64;
    IV_BYTES as u64 + (plain_bytes / block + 1) * block
}

/// Encrypts a whole message: vector, then ciphertext.
pub fn encrypt(key: &AesKey, iv: Iv, plain: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(IV_BYTES + plain.len() + BLOCK_BYTES);
    let mut encryptor = Encryptor::new(key, iv, &mut out);
    encryptor.update(plain, &mut out);
    encryptor.finish(&mut out);
    out
}

/// Decrypts a whole message.
///
/// # Errors
/// [`CbcError::Malformed`].
pub fn decrypt(key: &AesKey, encrypted: &[u8]) -> Result<Zeroizing<Vec<u8>>, CbcError> {
    let mut out = Zeroizing::new(Vec::with_capacity(encrypted.len()));
    let mut decryptor = Decryptor::new(key);
    decryptor.update(encrypted, &mut out)?;
    decryptor.finish(&mut out)?;
    Ok(out)
}

/// Encrypts a stream in constant memory. Returns the bytes written.
///
/// # Errors
/// [`CbcError::Io`].
pub fn encrypt_stream(
    key: &AesKey,
    iv: Iv,
    source: &mut impl Read,
    sink: &mut impl Write,
) -> Result<u64, CbcError> {
    let (mut plain, mut room) = buffers();
    let mut encryptor = Encryptor::begin(key, iv);
    write(sink, &iv)?;
    let mut written_bytes = IV_BYTES as u64;
    loop {
        let read_bytes = read(source, &mut plain)?;
        if read_bytes == 0 {
            break;
        }
        let turned_bytes = encryptor.turn(&plain[..read_bytes], &mut room);
        write(sink, &room[..turned_bytes])?;
        written_bytes += turned_bytes as u64;
    }
    let last_bytes = encryptor.end(&mut room);
    write(sink, &room[..last_bytes])?;
    Ok(written_bytes + last_bytes as u64)
}

/// Decrypts a stream in constant memory. Returns the bytes written.
///
/// The sink has received plaintext before an error at the end is seen: drop it then.
///
/// # Errors
/// [`CbcError`].
pub fn decrypt_stream(key: &AesKey, source: &mut impl Read, sink: &mut impl Write) -> Result<u64, CbcError> {
    let (mut encrypted, mut room) = buffers();
    let mut decryptor = Decryptor::new(key);
    let mut written_bytes = 0;
    loop {
        let read_bytes = read(source, &mut encrypted)?;
        if read_bytes == 0 {
            break;
        }
        let turned_bytes = decryptor.turn(&encrypted[..read_bytes], &mut room)?;
        write(sink, &room[..turned_bytes])?;
        written_bytes += turned_bytes as u64;
    }
    let last_bytes = decryptor.end(&mut room)?;
    write(sink, &room[..last_bytes])?;
    Ok(written_bytes + last_bytes as u64)
}

/// Encrypts bytes as they are pushed.
pub struct Encryptor(StreamingEncryptingKey);

impl Encryptor {
    /// Begins a message: appends the vector to `out`.
    pub fn new(key: &AesKey, iv: Iv, out: &mut Vec<u8>) -> Self {
        out.extend_from_slice(&iv);
        Self::begin(key, iv)
    }

    fn begin(key: &AesKey, iv: Iv) -> Self {
        let context = EncryptionContext::Iv128(FixedLength::from(iv));
        let key = StreamingEncryptingKey::less_safe_cbc_pkcs7(unbound(key), context);
        Self(key.expect("key and vector have the lengths of AES-256-CBC"))
    }

    /// Appends the encrypted form of all whole blocks to `out`.
    pub fn update(&mut self, plain: &[u8], out: &mut Vec<u8>) {
        for chunk in plain.chunks(CHUNK_BYTES) {
            let end = out.len();
            out.resize(end + chunk.len() + BLOCK_BYTES, 0);
            let turned_bytes = self.turn(chunk, &mut out[end..]);
            out.truncate(end + turned_bytes);
        }
    }

    /// Ends the message: appends the padded last block.
    pub fn finish(self, out: &mut Vec<u8>) {
        let mut room = [0; BLOCK_BYTES];
        let last_bytes = self.end(&mut room);
        out.extend_from_slice(&room[..last_bytes]);
    }

    /// Fills `room`, which is a block longer than the chunk; returns the bytes filled.
    fn turn(&mut self, chunk: &[u8], room: &mut [u8]) -> usize {
        assert!(chunk.len() <= CHUNK_BYTES && room.len() >= chunk.len() + BLOCK_BYTES);
        self.0.update(chunk, room).expect("room is a block longer than the chunk").written().len()
    }

    fn end(self, room: &mut [u8]) -> usize {
        let (_, last) = self.0.finish(room).expect("room is a block long");
        last.written().len()
    }
}

/// Decrypts bytes as they are pushed.
pub struct Decryptor(Decrypting);

enum Decrypting {
    /// Until all of the vector is there.
    Vector {
        key: AesKey,
        iv: Iv,
        received: usize,
    },
    Blocks(StreamingDecryptingKey),
}

impl Decryptor {
    /// Begins a message.
    pub fn new(key: &AesKey) -> Self {
        Self(Decrypting::Vector { key: key.clone(), iv: [0; IV_BYTES], received: 0 })
    }

    /// Appends the plaintext of all blocks but the last to `out`.
    ///
    /// # Errors
    /// [`CbcError::Malformed`].
    pub fn update(&mut self, encrypted: &[u8], out: &mut Vec<u8>) -> Result<(), CbcError> {
        for chunk in encrypted.chunks(CHUNK_BYTES) {
            let end = out.len();
            out.resize(end + chunk.len() + BLOCK_BYTES, 0);
            let turned = self.turn(chunk, &mut out[end..]);
            out.truncate(end + turned.as_ref().copied().unwrap_or_default());
            turned?;
        }
        Ok(())
    }

    /// Ends the message: appends the last block without its padding.
    ///
    /// # Errors
    /// [`CbcError::Malformed`].
    pub fn finish(self, out: &mut Vec<u8>) -> Result<(), CbcError> {
        let mut room = Zeroizing::new([0; BLOCK_BYTES]);
        let last_bytes = self.end(room.as_mut_slice())?;
        out.extend_from_slice(&room[..last_bytes]);
        Ok(())
    }

    /// Fills `room`, which is a block longer than the chunk; returns the bytes filled.
    fn turn(&mut self, mut chunk: &[u8], room: &mut [u8]) -> Result<usize, CbcError> {
        assert!(chunk.len() <= CHUNK_BYTES && room.len() >= chunk.len() + BLOCK_BYTES);
        if let Decrypting::Vector { key, iv, received } = &mut self.0 {
            let taken = chunk.len().min(IV_BYTES - *received);
            iv[*received..*received + taken].copy_from_slice(&chunk[..taken]);
            *received += taken;
            chunk = &chunk[taken..];
            if *received < IV_BYTES {
                return Ok(0);
            }
            let context = DecryptionContext::Iv128(FixedLength::from(*iv));
            let key = StreamingDecryptingKey::cbc_pkcs7(unbound(key), context)
                .expect("key and vector have the lengths of AES-256-CBC");
            self.0 = Decrypting::Blocks(key);
        }
        let Decrypting::Blocks(key) = &mut self.0 else { unreachable!("the vector is complete") };
        Ok(key.update(chunk, room).map_err(|_| CbcError::Malformed)?.written().len())
    }

    fn end(self, room: &mut [u8]) -> Result<usize, CbcError> {
        let Decrypting::Blocks(key) = self.0 else { return Err(CbcError::Malformed) };
        Ok(key.finish(room).map_err(|_| CbcError::Malformed)?.written().len())
    }
}

impl fmt::Debug for Encryptor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Encryptor(hidden)")
    }
}

impl fmt::Debug for Decryptor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Decryptor(hidden)")
    }
}

fn unbound(key: &AesKey) -> UnboundCipherKey {
    UnboundCipherKey::new(&AES_256, key.as_bytes()).expect("an AES-256 key has 32 bytes")
}

/// What is read into, and what is turned into; both wiped when dropped.
fn buffers() -> (Zeroizing<Vec<u8>>, Zeroizing<Vec<u8>>) {
    (Zeroizing::new(vec![0; CHUNK_BYTES]), Zeroizing::new(vec![0; CHUNK_BYTES + BLOCK_BYTES]))
}

fn read(source: &mut impl Read, into: &mut [u8]) -> Result<usize, CbcError> {
    loop {
        match source.read(into) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(source) => return Err(CbcError::Io { step: "read", source }),
            Ok(bytes) => return Ok(bytes),
        }
    }
}

fn write(sink: &mut impl Write, bytes: &[u8]) -> Result<(), CbcError> {
    sink.write_all(bytes).map_err(|source| CbcError::Io { step: "write", source })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn key() -> AesKey {
        AesKey::new(std::array::from_fn(|i| i as u8))
    }

    fn hex(text: &str) -> Vec<u8> {
        (0..text.len()).step_by(2).map(|i| u8::from_str_radix(&text[i..i + 2], 16).unwrap()).collect()
    }

    /// The vectors of http-surface 9 and of middleware A.5.
    #[test]
    fn files_equal_the_published_vectors() {
        let counted = std::array::from_fn(|i| i as u8);
        for (iv, plain, encrypted) in [
            ([0x0f; 16], "hello", "0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f993a56d5170a28c1eb7c90338ab01454"),
            (counted, "hello\n", "000102030405060708090a0b0c0d0e0f91b9945f1a7532e4a24fcb98b53ece52"),
        ] {
            assert_eq!(encrypt(&key(), iv, plain.as_bytes()), hex(encrypted));
            assert_eq!(decrypt(&key(), &hex(encrypted)).unwrap().as_slice(), plain.as_bytes());
        }
    }

    #[test]
    fn what_is_not_the_format_or_of_another_key_is_refused() {
        let whole = encrypt(&key(), [7; 16], &[1; 40]);
        for length in [0, 1, 15, 16, 17, 31, 33, 63] {
            assert!(matches!(decrypt(&key(), &whole[..length]), Err(CbcError::Malformed)), "{length}");
        }
        // Padding of another key is right by chance once in 256 keys; this one is not among them.
        assert!(matches!(decrypt(&AesKey::new([9; 32]), &whole), Err(CbcError::Malformed)));
        let mut long = whole;
        long.push(0);
        assert!(matches!(decrypt(&key(), &long), Err(CbcError::Malformed)));
    }

    #[test]
    fn failing_sources_and_sinks_are_named() {
        struct Broken;
        impl Read for Broken {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(io::Error::other("broken"))
            }
        }
        impl Write for Broken {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::Error::other("broken"))
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let read = encrypt_stream(&key(), [0; 16], &mut Broken, &mut Vec::new());
        assert!(matches!(read, Err(CbcError::Io { step: "read", .. })));
        let write = encrypt_stream(&key(), [0; 16], &mut [1].as_slice(), &mut Broken);
        assert!(matches!(write, Err(CbcError::Io { step: "write", .. })));
        let write = decrypt_stream(&key(), &mut encrypt(&key(), [0; 16], b"x").as_slice(), &mut Broken);
        assert!(matches!(write, Err(CbcError::Io { step: "write", .. })));
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
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn pieces_of_any_size_give_the_same_bytes(length in 0_usize..200_000, piece in 1_usize..70_000) {
            let plain: Vec<u8> = (0..length).map(|i| (i * 7 % 251) as u8).collect();
            let whole = encrypt(&key(), [3; 16], &plain);
            prop_assert_eq!(whole.len() as u64, encrypted_bytes(length as u64));
            let mut streamed = Vec::new();
            let written =
                encrypt_stream(&key(), [3; 16], &mut Dribble(&plain, piece), &mut streamed).unwrap();
            prop_assert_eq!(written, whole.len() as u64);
            prop_assert!(streamed == whole);
            let mut back = Vec::new();
            let written = decrypt_stream(&key(), &mut Dribble(&whole, piece), &mut back).unwrap();
            prop_assert_eq!(written, plain.len() as u64);
            prop_assert!(back == plain);
        }
    }
}
