//! A captured stream: its head up to a bound, its tail for the requester, and the count of what lies between.

use std::collections::VecDeque;

use crate::limits::LOG_TAIL_CHARS;

/// Most bytes that [`LOG_TAIL_CHARS`] characters of UTF-8 can take.
const TAIL_BYTES: usize = LOG_TAIL_CHARS * 4;

/// Standard output or standard error of one run.
#[derive(Debug)]
pub(crate) struct Log {
    head: Vec<u8>,
    head_bytes_max: u64,
    tail: VecDeque<u8>,
    dropped_bytes: u64,
}

impl Log {
    pub(crate) fn new(head_bytes_max: u64) -> Self {
        Self { head: Vec::new(), head_bytes_max, tail: VecDeque::new(), dropped_bytes: 0 }
    }

    pub(crate) fn write(&mut self, bytes: &[u8]) {
        let room = self.head_bytes_max.saturating_sub(self.head.len() as u64);
        let kept = usize::try_from(room).unwrap_or(usize::MAX).min(bytes.len());
        self.head.extend_from_slice(&bytes[..kept]);
        self.dropped_bytes += (bytes.len() - kept) as u64;
        let recent = &bytes[bytes.len().saturating_sub(TAIL_BYTES)..];
        let surplus = (self.tail.len() + recent.len()).saturating_sub(TAIL_BYTES);
        self.tail.drain(..surplus.min(self.tail.len()));
        self.tail.extend(recent);
        assert!(self.tail.len() <= TAIL_BYTES, "the tail is bounded");
    }

    /// The text for `stdout.txt` or `stderr.txt`: the head, and a line that says how much was dropped, if any was.
    pub(crate) fn file_text(&self) -> Vec<u8> {
        let mut text = self.head.clone();
        if self.dropped_bytes > 0 {
            text.extend_from_slice(
                format!("\n[{} further bytes were dropped]\n", self.dropped_bytes).as_bytes(),
            );
        }
        text
    }

    /// The last [`LOG_TAIL_CHARS`] characters; bytes that are not UTF-8 become replacement characters.
    pub(crate) fn tail_text(self) -> Vec<u8> {
        let bytes = Vec::from(self.tail);
        let text = String::from_utf8_lossy(&bytes);
        let start = match text.char_indices().nth_back(LOG_TAIL_CHARS - 1) {
            Some((index, _)) => index,
            None => 0,
        };
        text[start..].as_bytes().to_vec()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn head_is_kept_rest_is_counted_tail_is_shown() {
        let mut log = Log::new(4);
        log.write(b"abc");
        log.write(b"defgh");
        assert_eq!(log.file_text(), b"abcd\n[4 further bytes were dropped]\n");
        assert_eq!(log.tail_text(), b"abcdefgh");
    }

    #[test]
    fn the_tail_counts_characters() {
        let mut log = Log::new(0);
        for _ in 0..3 {
            log.write("é".repeat(50_000).as_bytes());
        }
        log.write(b"\xff");
        let tail = String::from_utf8(log.tail_text()).unwrap();
        assert_eq!(tail.chars().count(), LOG_TAIL_CHARS);
        assert!(tail.ends_with('\u{fffd}'));
    }

    #[test]
    fn one_huge_write_is_bounded() {
        let mut log = Log::new(10);
        log.write(&vec![b'x'; 5_000_000]);
        assert_eq!(log.tail.len(), TAIL_BYTES);
        assert_eq!(log.dropped_bytes, 4_999_990);
    }
}
