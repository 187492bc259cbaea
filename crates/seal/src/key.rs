use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use zeroize::{ZeroizeOnDrop, Zeroizing};

/// Bytes of an AES-256 key.
pub const KEY_BYTES: usize = 32;
/// Bytes of an initialisation vector of CBC.
pub const IV_BYTES: usize = 16;

/// An initialisation vector of CBC: fresh and unforeseeable for each encryption.
pub type Iv = [u8; IV_BYTES];

/// An AES-256 key; wiped when dropped, never shown.
#[derive(Clone, ZeroizeOnDrop)]
pub struct AesKey([u8; KEY_BYTES]);

/// Why a text is no key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a key is the base64 form of {KEY_BYTES} bytes")]
pub struct KeyError;

impl AesKey {
    /// The key of these bytes, which the caller wipes.
    pub fn new(bytes: [u8; KEY_BYTES]) -> Self {
        Self(bytes)
    }

    /// Reads the base64 form in which iExec clients store a dataset's key. White space around it does not count.
    ///
    /// # Errors
    /// [`KeyError`] for anything but the base64 of 32 bytes.
    pub fn from_base64(text: &str) -> Result<Self, KeyError> {
        let text = text.trim_ascii();
        // 44 characters; a longer text is not worth decoding.
        if text.len() > 64 {
            return Err(KeyError);
        }
        let bytes = Zeroizing::new(STANDARD.decode(text).map_err(|_| KeyError)?);
        Self::try_from(bytes.as_slice())
    }

    /// The base64 form.
    pub fn to_base64(&self) -> Zeroizing<String> {
        Zeroizing::new(STANDARD.encode(self.0))
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8; KEY_BYTES] {
        &self.0
    }
}

impl TryFrom<&[u8]> for AesKey {
    type Error = KeyError;

    fn try_from(bytes: &[u8]) -> Result<Self, KeyError> {
        bytes.try_into().map(Self).map_err(|_| KeyError)
    }
}

impl fmt::Debug for AesKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AesKey(hidden)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_read_from_their_base64_form_only() {
        let text = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
        let key = AesKey::from_base64(&format!(" {text}\n")).unwrap();
        assert_eq!(key.as_bytes().as_slice(), (0..32).collect::<Vec<u8>>());
        assert_eq!(key.to_base64().as_str(), text);
        assert!(!format!("{key:?}").contains('1'));
        for bad in ["", "AA==", &text[..43], &text.replace('A', "*"), &text.repeat(2), &"A".repeat(1 << 20)] {
            assert_eq!(AesKey::from_base64(bad).err(), Some(KeyError), "{}", bad.len());
        }
    }
}
