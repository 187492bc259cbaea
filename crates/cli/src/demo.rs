//! `metacloud demo`: what a person sees of the main job.

use indicatif::ProgressBar;
use metacloud_node::demo::{self, DemoError, DemoEvent, DemoOptions, DemoReport, TileState};
use metacloud_protocol::Nrlc;
use metacloud_sdk::receipt::{Holding, Receipt};

use crate::args::DemoArguments;
use crate::failure::{Failure, chained};
use crate::signals::{Signal, Signals};
use crate::terminal::{bar, bare_rlc, rlc, table};

/// Runs the demo and shows it, or prints its report as JSON.
pub(crate) async fn demo(arguments: DemoArguments) -> Result<(), Failure> {
    let quiet = arguments.json;
    let options = DemoOptions { honest_workers: usize::from(arguments.workers), out: arguments.out };
    let mut screen = Screen::new(quiet);
    let mut signals = Signals::catch()?;
    let mut caught = None;
    let interrupted = async { caught = Some(signals.next().await) };
    let ran = demo::run(options, |event| screen.show(event), interrupted).await;
    match &ran {
        Ok(_) => screen.end(),
        Err(_) => screen.clear(),
    }
    let report = ran.map_err(|error| failure(error, caught))?;
    if arguments.json {
        let text = serde_json::to_string(&report.to_json()).expect("numbers and texts always serialise");
        println!("{text}");
    } else {
        print_report(&report);
    }
    if report.holds() { Ok(()) } else { Err(Failure::no(what_does_not_hold(&report))) }
}

fn failure(error: DemoError, caught: Option<Signal>) -> Failure {
    match error {
        DemoError::Interrupted => Failure::Interrupted(caught.unwrap_or(Signal::Interrupt), chained(&error)),
        DemoError::Tile { .. } | DemoError::Picture(_) | DemoError::Direct(_) => Failure::no(chained(&error)),
        DemoError::Start(_)
        | DemoError::Stop(_)
        | DemoError::Ended(_)
        | DemoError::Out { .. }
        | DemoError::Sdk(_)
        | DemoError::Io(_) => Failure::environment(chained(&error)),
    }
}

fn what_does_not_hold(report: &DemoReport) -> String {
    if report.verified < report.tiles {
        return format!("only {} of {} tiles were verified", report.verified, report.tiles);
    }
    if !report.equals_direct {
        return "the merged picture differs from the direct render".to_owned();
    }
    let mismatches: Vec<String> = report.receipt.mismatches.iter().map(ToString::to_string).collect();
    let unlisted = report.receipt.unlisted.len();
    format!(
        "the ledger does not add up: {} mismatches ({}), {unlisted} unlisted accounts",
        mismatches.len(),
        mismatches.join("; ")
    )
}

/// The screen while the demo runs.
struct Screen {
    quiet: bool,
    tiles: Vec<TileState>,
    lies: usize,
    computed: Option<ProgressBar>,
    verified: Option<ProgressBar>,
    bars: indicatif::MultiProgress,
}

impl Screen {
    fn new(quiet: bool) -> Self {
        let bars = indicatif::MultiProgress::new();
        if quiet {
            bars.set_draw_target(indicatif::ProgressDrawTarget::hidden());
        }
        Self { quiet, tiles: Vec::new(), lies: 0, computed: None, verified: None, bars }
    }

    fn say(&self, text: &str) {
        if !self.quiet {
            self.bars.suspend(|| eprintln!("{text}"));
        }
    }

    fn show(&mut self, event: DemoEvent) {
        match event {
            DemoEvent::CloudStarted { hub, workers, liar } => {
                self.say(&format!("A cloud of its own with {workers} workers."));
                self.say(&format!("  hub       {hub}"));
                self.say(&format!("  will lie  {liar}"));
            }
            DemoEvent::DealMade { deal, tiles, trust, tile_price } => {
                self.say(&format!("Deal {deal}"));
                self.say(&format!("     {tiles} tiles at {}, trust {trust}", rlc(tile_price)));
                self.tiles = vec![TileState::Waiting; tiles];
                let length = tiles as u64;
                self.computed = Some(self.named_bar("agreed", length));
                self.verified = Some(self.named_bar("verified", length));
            }
            DemoEvent::TileMoved { index, state } => {
                if let Some(tile) = self.tiles.get_mut(index) {
                    *tile = (*tile).max(state);
                }
                self.draw();
            }
            DemoEvent::LieFound { .. } => {
                self.lies += 1;
                self.draw();
            }
            DemoEvent::TilesFetched => {
                self.end();
                self.say("All tiles fetched; the same scene is rendered directly as well, to compare.");
            }
            DemoEvent::DirectRendered { equal } => {
                let verdict = if equal { "equal, pixel by pixel" } else { "DIFFERENT" };
                self.say(&format!("Merged picture and direct render: {verdict}."));
            }
        }
    }

    fn named_bar(&self, name: &'static str, length: u64) -> ProgressBar {
        self.bars.add(bar(length, self.quiet).with_prefix(name))
    }

    fn draw(&self) {
        let at_least = |state| self.tiles.iter().filter(|tile| **tile >= state).count() as u64;
        if let Some(bar) = &self.computed {
            bar.set_position(at_least(TileState::Agreed));
        }
        if let Some(bar) = &self.verified {
            bar.set_position(at_least(TileState::Verified));
            bar.set_message(match self.lies {
                0 => String::new(),
                1 => "1 lie found".to_owned(),
                lies => format!("{lies} lies found"),
            });
        }
    }

    /// Takes the bars away.
    fn clear(&mut self) {
        for bar in [self.computed.take(), self.verified.take()].into_iter().flatten() {
            bar.finish_and_clear();
        }
    }

    fn end(&mut self) {
        for bar in [self.computed.take(), self.verified.take()].into_iter().flatten() {
            bar.abandon();
        }
    }
}

fn print_report(report: &DemoReport) {
    println!("{}", receipt_table(&report.receipt));
    let exact = if report.receipt.exact() { "add up to the unit" } else { "do NOT add up" };
    println!("Escrow, tokens and events {exact}.");
    println!(
        "{} of {} tiles verified on chain by {} workers;\n{} lies found, {} seized.",
        report.verified,
        report.tiles,
        report.workers,
        report.lies_found,
        rlc(report.receipt.seized_from_workers()),
    );
    println!("Picture: {} ({:.1} s in all)", report.picture.display(), report.took.as_secs_f64());
}

/// Who earned, lost and paid what; parties whose money did not move are left out.
fn receipt_table(receipt: &Receipt) -> comfy_table::Table {
    let mut table = table(&["in RLC", "account", "paid", "earned", "seized", "change"], 2);
    let amount = |amount: Nrlc| if amount.is_zero() { "-".to_owned() } else { bare_rlc(amount) };
    for line in receipt.lines.iter().filter(|line| line.before != line.after) {
        let account = line.party.address.to_string();
        table.add_row([
            line.party.name.clone(),
            format!("{}…{}", &account[..6], &account[38..]),
            amount(line.paid),
            amount(line.earned),
            amount(line.seized),
            change(line.before, line.after),
        ]);
    }
    table
}

/// What a party has more or less, in escrow and outside together.
fn change(before: Holding, after: Holding) -> String {
    let worth = |holding: Holding| Nrlc::checked_sum([holding.stake, holding.locked, holding.tokens]);
    let (Some(before), Some(after)) = (worth(before), worth(after)) else { return "?".to_owned() };
    match (after.checked_sub(before), before.checked_sub(after)) {
        (Some(gain), _) if gain.is_zero() => "-".to_owned(),
        (Some(gain), _) => format!("+{}", bare_rlc(gain)),
        (None, Some(loss)) => format!("-{}", bare_rlc(loss)),
        (None, None) => unreachable!("one of two amounts is at least the other"),
    }
}
