//! `Range` of RFC 9110: which bytes of a content are wanted.

use std::ops::Range;

/// Ranges of one request; more are answered with the whole content.
const RANGES_MAX: usize = 16;

/// What a header wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    /// No usable range: RFC 9110 has it ignored.
    Whole,
    /// One or several parts, none of them empty, together no more than the content.
    Parts(Vec<Range<u64>>),
    Nothing,
}

/// Reads the header. Parts that the content does not have are left out, unless that leaves nothing.
pub(super) fn wanted(header: &str, size_bytes: u64) -> Wanted {
    let Some(list) = header.strip_prefix("bytes=") else { return Wanted::Whole };
    let mut parts = Vec::new();
    for (at, text) in list.split(',').enumerate() {
        let Some(part) = part(text.trim(), size_bytes) else { return Wanted::Whole };
        if at >= RANGES_MAX {
            return Wanted::Whole;
        }
        if !part.is_empty() {
            parts.push(part);
        }
    }
    let sum = parts.iter().try_fold(0u64, |sum, part| sum.checked_add(part.end - part.start));
    match (parts.is_empty(), sum) {
        (true, _) => Wanted::Nothing,
        (false, Some(sum)) if sum <= size_bytes => Wanted::Parts(parts),
        (false, _) => Wanted::Whole,
    }
}

/// One part, empty if the content ends before it; `None` if it is none.
fn part(text: &str, size_bytes: u64) -> Option<Range<u64>> {
    let number = |text: &str| -> Option<u64> {
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        // A number too large for 64 bits lies beyond any content.
        digits.then(|| text.parse().unwrap_or(u64::MAX))
    };
    let (first, last) = text.split_once('-')?;
    let (start, end) = match (first, last) {
        ("", last) => (size_bytes.saturating_sub(number(last)?), size_bytes),
        (first, "") => (number(first)?, size_bytes),
        (first, last) => {
            let (first, last) = (number(first)?, number(last)?);
            if first > last {
                return None;
            }
            (first, last.saturating_add(1).min(size_bytes))
        }
    };
    Some(if start < end { start..end } else { 0..0 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_follow_rfc_9110() {
        let one = |start, end| Wanted::Parts(vec![Range { start, end }]);
        for (header, expected) in [
            ("bytes=0-0", one(0, 1)),
            ("bytes=2-", one(2, 10)),
            ("bytes=-3", one(7, 10)),
            ("bytes=-30", one(0, 10)),
            ("bytes=5-99", one(5, 10)),
            ("bytes=10-", Wanted::Nothing),
            ("bytes=-0", Wanted::Nothing),
            ("bytes=3-2", Wanted::Whole),
            ("bytes=0-1, 4-5", Wanted::Parts(vec![0..2, 4..6])),
            ("bytes=0-1,40-50", one(0, 2)),
            ("bytes=40-50,60-", Wanted::Nothing),
            ("bytes=0-,0-", Wanted::Whole),
            ("bytes=x-", Wanted::Whole),
            ("bytes=+1-2", Wanted::Whole),
            ("bytes=0-1,", Wanted::Whole),
            ("items=0-1", Wanted::Whole),
            ("bytes=0-18446744073709551615", one(0, 10)),
            ("bytes=99999999999999999999999-", Wanted::Nothing),
            ("bytes=-99999999999999999999999", one(0, 10)),
        ] {
            assert_eq!(wanted(header, 10), expected, "{header}");
        }
        assert_eq!(wanted("bytes=0-", 0), Wanted::Nothing);
        let many = format!("bytes={}", vec!["0-0"; RANGES_MAX + 1].join(","));
        assert_eq!(wanted(&many, 1000), Wanted::Whole);
    }
}
