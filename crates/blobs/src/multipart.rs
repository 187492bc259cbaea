//! Reads `multipart/form-data` piece by piece, in memory bounded by one header block and one delimiter.
//!
//! Why not the HTTP framework's reader: it takes from the socket all that is there before it looks at it, so a
//! fast sender of a large file, or of headers without an end, fills memory.

use bytes::{Bytes, BytesMut};
use memchr::memmem::Finder;

/// Headers of one part; more is refused.
const HEADER_BYTES_MAX: usize = 16 * 1024;
/// Longest boundary (RFC 2046, 5.1.1).
const BOUNDARY_BYTES_MAX: usize = 70;

/// What a body is made of, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// A part begins.
    Started(Part),
    /// Bytes of the part that began last.
    Data(Bytes),
    /// That part is complete.
    Ended,
}

/// What the headers of a part say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Part {
    /// `filename` of the content disposition; `None` marks a plain form field.
    pub(crate) file_name: Option<String>,
    /// The part's content type, empty if not given.
    pub(crate) content_type: String,
}

/// Why a body is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Malformed {
    #[error(
        "the content type is not multipart/form-data with a boundary of 1 to {BOUNDARY_BYTES_MAX} characters"
    )]
    NoBoundary,
    #[error("the headers of a part exceed {HEADER_BYTES_MAX} bytes")]
    HeadersTooLong,
    #[error("a part has no content disposition")]
    NoDisposition,
    #[error("the body ends before its closing delimiter")]
    Truncated,
}

/// The reader of one body. After the closing delimiter it swallows whatever follows.
pub(crate) struct Reader {
    /// CRLF, two dashes, the boundary.
    delimiter: Finder<'static>,
    buffer: BytesMut,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Before the first delimiter; its bytes mean nothing.
    Preamble,
    Headers,
    Data,
    Closed,
}

/// What follows a delimiter.
enum After {
    Part {
        skip: usize,
    },
    Close,
    /// It only looked like a delimiter.
    Content,
    Unknown,
}

impl Reader {
    /// A reader for a body whose `Content-Type` header is given.
    pub(crate) fn new(content_type: &str) -> Result<Self, Malformed> {
        let boundary = boundary(content_type).ok_or(Malformed::NoBoundary)?;
        let delimiter = format!("\r\n--{boundary}");
        Ok(Self {
            delimiter: Finder::new(delimiter.as_bytes()).into_owned(),
            // The first delimiter has no line end before it: lend it one.
            buffer: BytesMut::from(&b"\r\n"[..]),
            state: State::Preamble,
        })
    }

    /// Takes the next piece of the body and appends what it completes to `events`.
    pub(crate) fn feed(&mut self, piece: &[u8], events: &mut Vec<Event>) -> Result<(), Malformed> {
        if self.state == State::Closed {
            return Ok(());
        }
        self.buffer.extend_from_slice(piece);
        while self.step(events)? {}
        Ok(())
    }

    /// To be asked at the end of the body.
    pub(crate) fn finish(&self) -> Result<(), Malformed> {
        match self.state {
            State::Closed => Ok(()),
            State::Preamble | State::Headers | State::Data => Err(Malformed::Truncated),
        }
    }

    /// One step; false when more bytes are needed.
    fn step(&mut self, events: &mut Vec<Event>) -> Result<bool, Malformed> {
        match self.state {
            State::Closed => {
                self.buffer.clear();
                Ok(false)
            }
            State::Headers => self.headers(events),
            State::Preamble | State::Data => Ok(self.content(events)),
        }
    }

    fn headers(&mut self, events: &mut Vec<Event>) -> Result<bool, Malformed> {
        // A part without headers has an empty line at once; it has no disposition either.
        if self.buffer.starts_with(b"\r\n") {
            return Err(Malformed::NoDisposition);
        }
        let window = &self.buffer[..self.buffer.len().min(HEADER_BYTES_MAX)];
        let Some(end) = memchr::memmem::find(window, b"\r\n\r\n") else {
            if self.buffer.len() >= HEADER_BYTES_MAX {
                return Err(Malformed::HeadersTooLong);
            }
            return Ok(false);
        };
        let block = self.buffer.split_to(end + 4);
        events.push(Event::Started(part(&block[..end])?));
        self.state = State::Data;
        Ok(true)
    }

    /// Passes content on up to the next delimiter; outside a part it is dropped.
    fn content(&mut self, events: &mut Vec<Event>) -> bool {
        let length = self.delimiter.needle().len();
        let Some(at) = self.delimiter.find(&self.buffer) else {
            let sure = (self.buffer.len() + 1).saturating_sub(length);
            self.emit(sure, events);
            return false;
        };
        match after_delimiter(&self.buffer[at + length..]) {
            After::Unknown => {
                self.emit(at, events);
                false
            }
            After::Content => {
                self.emit(at + length, events);
                true
            }
            After::Part { skip } => {
                self.end_part(at, length + skip, events);
                self.state = State::Headers;
                true
            }
            After::Close => {
                self.end_part(at, length, events);
                self.state = State::Closed;
                true
            }
        }
    }

    fn end_part(&mut self, content: usize, skip: usize, events: &mut Vec<Event>) {
        self.emit(content, events);
        let _delimiter = self.buffer.split_to(skip);
        if self.state == State::Data {
            events.push(Event::Ended);
        }
    }

    fn emit(&mut self, bytes: usize, events: &mut Vec<Event>) {
        let data = self.buffer.split_to(bytes).freeze();
        if self.state == State::Data && !data.is_empty() {
            events.push(Event::Data(data));
        }
    }
}

fn after_delimiter(rest: &[u8]) -> After {
    /// Blanks allowed between a delimiter and its line end.
    const PADDING_BYTES_MAX: usize = 64;
    if rest.starts_with(b"--") {
        return After::Close;
    }
    let padding = rest.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
    match &rest[padding..] {
        _ if padding > PADDING_BYTES_MAX => After::Content,
        [b'\r', b'\n', ..] => After::Part { skip: padding + 2 },
        [] | [b'\r'] => After::Unknown,
        [b'-'] if padding == 0 => After::Unknown,
        _ => After::Content,
    }
}

/// The boundary of a `multipart/form-data` content type: a token or a quoted string, of any odd characters.
fn boundary(content_type: &str) -> Option<String> {
    let (kind, parameters) = content_type.split_once(';')?;
    if !kind.trim().eq_ignore_ascii_case("multipart/form-data") {
        return None;
    }
    let boundary = parameter(parameters, "boundary")?;
    let sound = (1..=BOUNDARY_BYTES_MAX).contains(&boundary.len())
        && boundary.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic())
        && !boundary.ends_with(' ');
    sound.then_some(boundary)
}

/// The value of one `name=value` of a `;`-separated list; quoted values may hold `;` and escaped characters.
fn parameter(list: &str, name: &str) -> Option<String> {
    let mut rest = list;
    loop {
        rest = rest.trim_start_matches([' ', '\t', ';']);
        let (key, after) = rest.split_once('=')?;
        let (value, after) = match after.strip_prefix('"') {
            Some(quoted) => unquote(quoted)?,
            None => {
                let end = after.find(';').unwrap_or(after.len());
                (after[..end].trim_end().to_owned(), &after[end..])
            }
        };
        if key.trim().eq_ignore_ascii_case(name) {
            return Some(value);
        }
        rest = after;
    }
}

/// The text up to the closing quote, and what follows it.
fn unquote(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut escaped = false;
    for (at, character) in text.char_indices() {
        match character {
            '\\' if !escaped => escaped = true,
            '"' if !escaped => return Some((value, &text[at + 1..])),
            _ => {
                value.push(character);
                escaped = false;
            }
        }
    }
    None
}

fn part(headers: &[u8]) -> Result<Part, Malformed> {
    let headers = String::from_utf8_lossy(headers);
    let field = |name: &str| {
        headers.split("\r\n").find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.trim().eq_ignore_ascii_case(name).then(|| value.trim())
        })
    };
    let disposition = field("content-disposition").ok_or(Malformed::NoDisposition)?;
    let (_, parameters) = disposition.split_once(';').unwrap_or((disposition, ""));
    Ok(Part {
        file_name: parameter(parameters, "filename"),
        content_type: field("content-type").unwrap_or_default().to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The boundary and headers that kubo's JavaScript client sends (http-surface 8.1).
    const KUBO: &str = "multipart/form-data; boundary=-----------------------------aRE5t_xLcAm15nWlnqKw-";

    fn body(content: &[u8]) -> Vec<u8> {
        let mut body = b"-------------------------------aRE5t_xLcAm15nWlnqKw-\r\n\
            Content-Disposition: form-data; name=\"file\"; filename=\"\"\r\n\
            Content-Type: application/octet-stream\r\n\r\n"
            .to_vec();
        body.extend_from_slice(content);
        body.extend_from_slice(b"\r\n-------------------------------aRE5t_xLcAm15nWlnqKw---\r\n");
        body
    }

    /// Parts as (headers, content), fed in pieces of `step` bytes.
    fn read(content_type: &str, body: &[u8], step: usize) -> Result<Vec<(Part, Vec<u8>)>, Malformed> {
        let mut reader = Reader::new(content_type)?;
        let mut events = Vec::new();
        for piece in body.chunks(step) {
            reader.feed(piece, &mut events)?;
            assert!(reader.buffer.len() <= HEADER_BYTES_MAX + step, "memory is bounded");
        }
        reader.finish()?;
        let mut parts = Vec::new();
        for event in events {
            match event {
                Event::Started(part) => parts.push((part, Vec::new())),
                Event::Data(data) => {
                    parts.last_mut().expect("data is inside a part").1.extend_from_slice(&data)
                }
                Event::Ended => {}
            }
        }
        Ok(parts)
    }

    #[test]
    fn refuses_bodies_without_an_end_or_a_boundary() {
        for content_type in [
            "",
            "multipart/form-data",
            "multipart/form-data; boundary=",
            "multipart/form-data; boundary=\"never closed",
            "multipart/mixed; boundary=x",
            "application/json; boundary=x",
        ] {
            assert_eq!(read(content_type, b"", 1), Err(Malformed::NoBoundary), "{content_type}");
        }
        let long = format!("multipart/form-data; boundary={}", "b".repeat(71));
        assert_eq!(read(&long, b"", 1), Err(Malformed::NoBoundary));
        let whole = body(b"content");
        for end in 0..whole.len() - 2 {
            assert_eq!(read(KUBO, &whole[..end], 7), Err(Malformed::Truncated), "cut at {end}");
        }
    }

    #[test]
    fn refuses_headers_without_an_end() {
        let mut hostile = b"--x\r\nContent-Disposition: ".to_vec();
        hostile.resize(HEADER_BYTES_MAX * 4, b'a');
        let content_type = "multipart/form-data; boundary=x";
        assert_eq!(read(content_type, &hostile, 4096), Err(Malformed::HeadersTooLong));
        let nameless = b"--x\r\n\r\ncontent\r\n--x--";
        assert_eq!(read(content_type, nameless, 3), Err(Malformed::NoDisposition));
    }

    #[test]
    fn reads_fields_files_and_quoted_boundaries() {
        let content_type = "Multipart/Form-Data; charset=utf-8; Boundary=\"a b;c\"";
        let body = b"ignored\r\n--a b;c  \r\nContent-Disposition: form-data; name=x\r\n\r\nfield\r\n\
            --a b;c\r\ncontent-disposition: form-data; name=\"file?mode=420\"; filename=\"q\\\"uo;te\"\r\n\
            content-type: text/plain\r\n\r\n\r\n--a b;c--trailing";
        let parts = read(content_type, body, 5).unwrap();
        assert_eq!(parts.len(), 2);
        assert_eq!((parts[0].0.file_name.as_deref(), &parts[0].1[..]), (None, &b"field"[..]));
        assert_eq!(parts[1].0.file_name.as_deref(), Some("q\"uo;te"));
        assert_eq!(parts[1].0.content_type, "text/plain");
        assert!(parts[1].1.is_empty());
    }

    proptest! {
        /// Content made of delimiter-like pieces arrives unchanged, however the body is cut.
        #[test]
        fn content_arrives_unchanged(
            pieces in proptest::collection::vec(
                prop_oneof![
                    Just(&b"\r\n"[..]), Just(&b"\r"[..]), Just(&b"--"[..]), Just(&b"-"[..]),
                    Just(&b"-----------------------------aRE5t_xLcAm15nWlnqKw-"[..]),
                    Just(&b"\r\n-------------------------------aRE5t_xLcAm15nWlnqKw"[..]),
                    Just(&b"data\0"[..]),
                ],
                0..12,
            ),
            step in 1usize..80,
        ) {
            let content = pieces.concat();
            let whole = [b"\r\n--", &KUBO.as_bytes()[30..]].concat();
            prop_assume!(memchr::memmem::find(&content, &whole).is_none());
            let parts = read(KUBO, &body(&content), step).unwrap();
            prop_assert_eq!(parts.len(), 1);
            prop_assert_eq!(&parts[0].1, &content);
            prop_assert_eq!(parts[0].0.file_name.as_deref(), Some(""));
        }
    }
}
