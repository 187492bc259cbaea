//! How things look on a terminal: amounts, bars, tables. Everything here goes to stderr.

use alloy_primitives::U256;
use comfy_table::presets::NOTHING;
use comfy_table::{CellAlignment, ContentArrangement, Table};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use metacloud_protocol::Nrlc;

/// nRLC in one RLC.
const RLC: u64 = 1_000_000_000;

/// An amount for people: `1.5 RLC`.
pub(crate) fn rlc(amount: Nrlc) -> String {
    format!("{} RLC", bare_rlc(amount))
}

/// An amount in RLC where the unit stands elsewhere: `1.5`.
pub(crate) fn bare_rlc(amount: Nrlc) -> String {
    let (whole, rest) = amount.0.div_rem(U256::from(RLC));
    let rest = format!("{rest:0>9}");
    let rest = rest.trim_end_matches('0');
    if rest.is_empty() { whole.to_string() } else { format!("{whole}.{rest}") }
}

/// A bar of `length` steps; drawn only on a terminal and only unless `quiet`.
pub(crate) fn bar(length: u64, quiet: bool) -> ProgressBar {
    let target = if quiet { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() };
    let bar = ProgressBar::with_draw_target(Some(length), target);
    let style = ProgressStyle::with_template("{prefix:>12} [{bar:32}] {pos}/{len}  {msg}")
        .expect("the template is written here")
        .progress_chars("=> ");
    bar.set_style(style);
    bar
}

/// A line that says what is going on; drawn only on a terminal and only unless `quiet`.
pub(crate) fn spinner(quiet: bool) -> ProgressBar {
    let target = if quiet { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() };
    let spinner = ProgressBar::with_draw_target(None, target);
    spinner.set_style(
        ProgressStyle::with_template("{spinner} {msg} ({elapsed})").expect("the template is written here"),
    );
    spinner.enable_steady_tick(std::time::Duration::from_millis(100));
    spinner
}

/// A table with a head and no lines; columns from `numbers` on are aligned to the right.
pub(crate) fn table(head: &[&str], numbers: usize) -> Table {
    let mut table = Table::new();
    table.load_style(NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(head.to_vec());
    for (index, column) in table.column_iter_mut().enumerate() {
        column.set_padding((0, 2));
        if index >= numbers {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_read_like_money() {
        for (nrlc, text) in [
            (0, "0 RLC"),
            (1, "0.000000001 RLC"),
            (1_500_000_000, "1.5 RLC"),
            (1_000_000_000, "1 RLC"),
            (20_000_000_001, "20.000000001 RLC"),
        ] {
            assert_eq!(rlc(Nrlc::new(nrlc)), text);
        }
    }
}
