//! Bounds and time limits of the machine.

use std::time::Duration;

/// How long a silent worker keeps its tasks.
pub const LEASE: Duration = Duration::from_secs(4);
/// Workers known at once; further ones are refused.
pub const WORKERS_MAX: usize = 1 << 17;
/// Slots that one worker may offer; more are cut to it.
pub const SLOTS_MAX: u32 = 4_096;
/// Deals known at once; further ones are refused until others end.
pub const DEALS_MAX: usize = 1 << 18;
/// Tasks that are opened and not ended; the rest of a deal waits as a range, which costs no memory per task.
pub const OPEN_TASKS_MAX: usize = 1 << 15;
/// Tasks of a refused deal that are opened at once, so that whoever asks is told why they do not run.
pub const REFUSED_TASKS_SHOWN: u64 = 16;
/// Open tasks up to which that is done: the rest of the window is for tasks that run.
pub const REFUSED_TASKS_SHOWN_WITHIN: usize = OPEN_TASKS_MAX / 2;
/// Tasks that wait for their initialization to be mined; the next ones are opened when they are.
pub const OPENING_TASKS_MAX: usize = 512;
/// Ended tasks kept for display; the oldest are forgotten.
pub const ENDED_TASKS_MAX: usize = 1 << 15;
/// Replicas that one task may ever have; the contract accepts at most 256 contributors.
pub const REPLICAS_MAX: usize = 64;
/// Distinct workers that must report the same inherent cause before a task's supply stops (all of them, if the pool
/// has fewer).
pub const SAME_CAUSE_WORKERS: usize = 3;
/// Failed or lost replicas of one task after which its supply stops.
pub const FAILED_REPLICAS_MAX: usize = 16;
/// How often a lost worker that came back may start the same replica again.
pub const REATTACH_MAX: u32 = 3;
/// Entries of a ready queue, or idle workers, that one decision looks at.
pub const SCAN_MAX: usize = 32;
/// When a scan that stopped at [`SCAN_MAX`] continues.
pub const RESCAN_AFTER: Duration = Duration::from_millis(50);
/// Idle workers that one rescan tries.
pub const RESCAN_WORKERS_MAX: usize = 256;
/// Tasks opened in one transaction (about 130,000 gas each).
pub const INITIALIZE_BATCH_MAX: usize = 32;
/// Tasks claimed in one transaction (about 250,000 gas each with their initialization).
pub const CLAIM_BATCH_MAX: usize = 16;
/// First pause after a failed transaction; it doubles with every further failure.
pub const RETRY_FIRST: Duration = Duration::from_millis(500);
/// Longest pause between two tries of a transaction.
pub const RETRY_MAX: Duration = Duration::from_secs(60);
/// A transaction without outcome for this long is tried again (the shell looks at the chain before it resends).
pub const TRANSACTION_WATCHDOG: Duration = Duration::from_secs(120);
/// Time above the category's reference that a replica has from assignment to contribution.
pub const REPLICA_SLACK: Duration = Duration::from_secs(120);
/// How long a worker has to store a result that it was asked for, and the shell to verify it.
pub const UPLOAD_TIMEOUT: Duration = Duration::from_secs(60);
/// How often one worker may be asked to store the same result.
pub const UPLOAD_TRIES_MAX: u32 = 3;
/// Failures in a row, by its own fault, after which a worker pauses.
pub const WORKER_FAILURES_MAX: u32 = 3;
/// First such pause; it doubles with every further failure.
pub const WORKER_PAUSE_FIRST: Duration = Duration::from_secs(1);
/// Longest such pause.
pub const WORKER_PAUSE_MAX: Duration = Duration::from_secs(300);
/// Status changes kept per task, and per replica.
pub const HISTORY_MAX: usize = 64;
/// Failures of a transaction after which the task's status tells of them.
pub const TRANSACTION_FAILURES_SHOWN: u32 = 3;
/// Causes kept per replica.
pub const CAUSES_MAX: usize = 8;
/// Bytes kept of the name or the sentence of a cause.
pub const CAUSE_TEXT_MAX: usize = 2_048;
