//! What a file that is not a WebAssembly module seems to be, so that its sender sees the mistake.

use std::fmt;

/// A guess from the first bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LooksLike {
    /// No bytes at all.
    Empty,
    /// A Linux program or library.
    Elf,
    /// A Windows program.
    Pe,
    /// A macOS program.
    MachO,
    /// A zip or jar archive.
    Zip,
    /// A gzip stream, as of an image layer.
    Gzip,
    /// A tar archive, as of a saved image.
    Tar,
    /// The text form of WebAssembly.
    WebAssemblyText,
    /// A program for an interpreter.
    Script,
    /// JSON.
    Json,
    /// Other text.
    Text,
    /// Nothing known.
    Unknown,
}

impl LooksLike {
    /// Guesses from the whole file or its head.
    pub fn guess(bytes: &[u8]) -> Self {
        const MAGICS: [(&[u8], LooksLike); 10] = [
            (b"\x7fELF", LooksLike::Elf),
            (b"MZ", LooksLike::Pe),
            (b"\xcf\xfa\xed\xfe", LooksLike::MachO),
            (b"\xce\xfa\xed\xfe", LooksLike::MachO),
            (b"\xca\xfe\xba\xbe", LooksLike::MachO),
            (b"PK\x03\x04", LooksLike::Zip),
            (b"PK\x05\x06", LooksLike::Zip),
            (b"\x1f\x8b", LooksLike::Gzip),
            (b"#!", LooksLike::Script),
            (b"(module", LooksLike::WebAssemblyText),
        ];
        if bytes.is_empty() {
            return Self::Empty;
        }
        if let Some((_, found)) = MAGICS.iter().find(|(magic, _)| bytes.starts_with(magic)) {
            return *found;
        }
        if bytes.get(257..262) == Some(b"ustar") {
            return Self::Tar;
        }
        let head = &bytes[..bytes.len().min(512)];
        if head.iter().any(|b| matches!(b, 0..=8 | 14..=31 | 127..)) {
            return Self::Unknown;
        }
        match head.iter().find(|b| !b.is_ascii_whitespace()) {
            Some(b'{' | b'[') => Self::Json,
            _ => Self::Text,
        }
    }
}

impl fmt::Display for LooksLike {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "it is empty",
            Self::Elf => "it looks like a Linux program (ELF)",
            Self::Pe => "it looks like a Windows program",
            Self::MachO => "it looks like a macOS program or a Java class",
            Self::Zip => "it looks like a zip archive",
            Self::Gzip => "it looks like a gzip file",
            Self::Tar => "it looks like a tar archive",
            Self::WebAssemblyText => "it is the text form of WebAssembly; the binary form is needed",
            Self::Script => "it looks like a script",
            Self::Json => "it looks like JSON",
            Self::Text => "it looks like text",
            Self::Unknown => "its first bytes are of no known kind",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn common_mistakes_are_recognised() {
        let cases: [(&[u8], LooksLike); 8] = [
            (b"", LooksLike::Empty),
            (b"\x7fELF\x02\x01\x01", LooksLike::Elf),
            (b"PK\x03\x04rest", LooksLike::Zip),
            (b"#!/bin/sh\n", LooksLike::Script),
            (b"(module)", LooksLike::WebAssemblyText),
            (b"\n {\"a\": 1}", LooksLike::Json),
            (b"hello there\n", LooksLike::Text),
            (b"\x00\x01\x02", LooksLike::Unknown),
        ];
        for (bytes, expected) in cases {
            assert_eq!(LooksLike::guess(bytes), expected);
        }
    }
}
