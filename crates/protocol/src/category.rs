//! Categories and the timers that follow from them (poco 4).

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

/// Contribution deadline after the start of the deal, in multiples of the category's time.
pub const CONTRIBUTION_DEADLINE_RATIO: u64 = 7;
/// Reveal window after consensus, in multiples of the category's time.
pub const REVEAL_DEADLINE_RATIO: u64 = 2;
/// Final deadline after the start of the deal, in multiples of the category's time.
pub const FINAL_DEADLINE_RATIO: u64 = 10;

/// A class of tasks by how long they may run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Category {
    /// Short name.
    pub name: Cow<'static, str>,
    /// Free text; the default categories carry a JSON text.
    pub description: Cow<'static, str>,
    /// Time reference T, seconds: how long one execution may take. A greater value on chain reads as `u64::MAX`.
    pub work_clock_time_ref_s: u64,
}

/// The categories of a fresh hub, by index (poco 4 and 20).
pub const DEFAULT_CATEGORIES: [Category; 5] = [
    default("XS", 300),
    default("S", 1_200),
    default("M", 3_600),
    default("L", 10_800),
    default("XL", 36_000),
];

const fn default(name: &'static str, work_clock_time_ref_s: u64) -> Category {
    Category { name: Cow::Borrowed(name), description: Cow::Borrowed("\"\""), work_clock_time_ref_s }
}

/// Until when a task accepts contributions (exclusive), seconds since the epoch. Saturates: a deadline past
/// `u64::MAX` never comes.
pub fn contribution_deadline_s(deal_start_s: u64, time_ref_s: u64) -> u64 {
    after(deal_start_s, time_ref_s, CONTRIBUTION_DEADLINE_RATIO)
}

/// Until when a consensus accepts reveals (exclusive), seconds since the epoch. Saturates.
pub fn reveal_deadline_s(consensus_s: u64, time_ref_s: u64) -> u64 {
    after(consensus_s, time_ref_s, REVEAL_DEADLINE_RATIO)
}

/// Until when a task can be finalized (exclusive) and from when it can be claimed, seconds since the epoch. Saturates.
pub fn final_deadline_s(deal_start_s: u64, time_ref_s: u64) -> u64 {
    after(deal_start_s, time_ref_s, FINAL_DEADLINE_RATIO)
}

fn after(start_s: u64, time_ref_s: u64, ratio: u64) -> u64 {
    start_s.saturating_add(time_ref_s.saturating_mul(ratio))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn default_categories_have_the_published_windows() {
        let windows = DEFAULT_CATEGORIES.map(|category| {
            let time_ref_s = category.work_clock_time_ref_s;
            (
                category.name,
                contribution_deadline_s(0, time_ref_s),
                reveal_deadline_s(0, time_ref_s),
                final_deadline_s(0, time_ref_s),
            )
        });
        assert_eq!(
            windows,
            [
                ("XS".into(), 2_100, 600, 3_000),
                ("S".into(), 8_400, 2_400, 12_000),
                ("M".into(), 25_200, 7_200, 36_000),
                ("L".into(), 75_600, 21_600, 108_000),
                ("XL".into(), 252_000, 72_000, 360_000),
            ]
        );
        assert!(DEFAULT_CATEGORIES.iter().all(|c| c.description == "\"\""));
    }

    #[test]
    fn absurd_times_never_come() {
        assert_eq!(contribution_deadline_s(5, u64::MAX), u64::MAX);
        assert_eq!(final_deadline_s(u64::MAX, 1), u64::MAX);
    }
}
