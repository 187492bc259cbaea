use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

const MS_PER_DAY: u64 = 86_400_000;
/// First millisecond of the year 10000, which the four-digit form cannot show.
const MS_END: u64 = 253_402_300_800_000;

/// Milliseconds since the Unix epoch, before the year 10000; in JSON `2026-01-15T10:00:00.000Z`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Timestamp(u64);

impl Timestamp {
    /// The moment `ms` milliseconds after the epoch; later ones than the year 9999 are cut to its end.
    pub fn from_ms(ms: u64) -> Self {
        Self(ms.min(MS_END - 1))
    }

    /// The moment `seconds` after the epoch, as blocks carry it.
    pub fn from_secs(seconds: u64) -> Self {
        Self::from_ms(seconds.saturating_mul(1_000))
    }

    /// Milliseconds since the epoch.
    pub fn as_ms(self) -> u64 {
        self.0
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = date_of(self.0 / MS_PER_DAY);
        let ms = self.0 % MS_PER_DAY;
        let (hour, minute) = (ms / 3_600_000, ms / 60_000 % 60);
        let (second, milli) = (ms / 1_000 % 60, ms % 1_000);
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{milli:03}Z")
    }
}

impl FromStr for Timestamp {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const RULE: &str = "a date has the form 2026-01-15T10:00:00.000Z";
        if text.len() != 24 || !text.is_ascii() {
            return Err(RULE);
        }
        let number = |from: usize, to: usize| -> Result<u64, &'static str> {
            let digits = &text[from..to];
            if !digits.bytes().all(|b| b.is_ascii_digit()) {
                return Err(RULE);
            }
            digits.parse().map_err(|_| RULE)
        };
        let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
        let (hour, minute) = (number(11, 13)?, number(14, 16)?);
        let (second, milli) = (number(17, 19)?, number(20, 23)?);
        if year < 1970
            || !(1..=12).contains(&month)
            || !(1..=31).contains(&day)
            || hour > 23
            || minute > 59
            || second > 59
        {
            return Err(RULE);
        }
        let ms = ((days_until(year, month, day) * 24 + hour) * 60 + minute) * 60_000 + second * 1_000 + milli;
        let found = Self(ms);
        // Separators and days past the end of a month show in the round trip.
        if found.to_string() == text { Ok(found) } else { Err(RULE) }
    }
}

impl TryFrom<String> for Timestamp {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Timestamp> for String {
    fn from(timestamp: Timestamp) -> Self {
        timestamp.to_string()
    }
}

fn is_leap(year: u64) -> bool {
    year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
}

fn month_days(year: u64, month: u64) -> u64 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if is_leap(year) => 29,
        2 => 28,
        _ => 31,
    }
}

/// Days from 1 January 1970 to 1 January of `year`.
fn days_until_year(year: u64) -> u64 {
    let y = year - 1;
    y * 365 + y / 4 - y / 100 + y / 400 - 719_162
}

fn days_until(year: u64, month: u64, day: u64) -> u64 {
    days_until_year(year) + (1..month).map(|m| month_days(year, m)).sum::<u64>() + day - 1
}

fn date_of(days: u64) -> (u64, u64, u64) {
    let mut year = 1970 + days / 366;
    while days_until_year(year + 1) <= days {
        year += 1;
    }
    let mut rest = days - days_until_year(year);
    let mut month = 1;
    while rest >= month_days(year, month) {
        rest -= month_days(year, month);
        month += 1;
    }
    (year, month, rest + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_moments_are_written_and_read_back() {
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_400, "2000-02-29T00:00:00.000Z"),
            (1_768_471_230, "2026-01-15T10:00:30.000Z"),
            (4_107_542_399, "2100-02-28T23:59:59.000Z"),
            (253_402_300_799, "9999-12-31T23:59:59.000Z"),
        ] {
            assert_eq!(Timestamp::from_secs(seconds).to_string(), text);
            assert_eq!(text.parse(), Ok(Timestamp::from_secs(seconds)));
        }
        assert_eq!(Timestamp::from_ms(1_001).to_string(), "1970-01-01T00:00:01.001Z");
        assert_eq!(Timestamp::from_secs(u64::MAX).to_string(), "9999-12-31T23:59:59.999Z");
    }

    #[test]
    fn what_is_not_a_date_is_refused() {
        for text in [
            "",
            "2026-02-30T10:00:00.000Z",
            "2026-13-01T10:00:00.000Z",
            "2026-01-15 10:00:00.000Z",
            "1969-12-31T23:59:59.999Z",
            "2026-01-15T24:00:00.000Z",
            "+026-01-15T10:00:00.000Z",
        ] {
            assert!(text.parse::<Timestamp>().is_err(), "{text}");
        }
    }
}
