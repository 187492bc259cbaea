//! Bounds of the role. Those of the machine are in [`metacloud_dispatch::limits`], those of messages in
//! [`metacloud_wire::pool`].

use std::time::Duration;

/// Streams open at once, welcomed or not.
pub(crate) const STREAMS_MAX: usize = 16_384;
/// Streams that have not answered their challenge.
pub(crate) const LOGINS_MAX: usize = 256;
/// How long a challenge can be answered.
pub(crate) const CHALLENGE_TTL_S: u64 = 30;
/// How long a stream may take from its challenge to its welcome.
pub(crate) const LOGIN_MAX: Duration = Duration::from_secs(30);
/// Messages queued for one worker, and those it did not acknowledge. More than its slots, so that it can be filled.
pub(crate) const SESSION_QUEUE_MAX: usize = 16_384;
/// Messages that a worker may send in a burst: after a reconnection it repeats a report per held task.
pub(crate) const BURST_MAX: u32 = 20_000;
/// Messages per second that it may send for long.
pub(crate) const MESSAGES_PER_SECOND: u32 = 1_000;
/// Inputs queued for the owner; senders wait beyond.
pub(crate) const INPUTS_MAX: usize = 4_096;
/// Inputs that share one sync of the journal.
pub(crate) const BATCH_MAX: usize = 512;
/// Held tasks of a worker that one journal record names.
pub(crate) const HELD_MAX: usize = 8_192;
/// Records after which the journal is replaced by a snapshot.
pub(crate) const SNAPSHOT_EVERY: usize = 20_000;
/// Blocks of which it is remembered what they told; as many as a follower can fall back by.
pub(crate) const HISTORY_BLOCKS_MAX: usize = 1_024;
/// Deals or tasks read at once after blocks were reverted.
pub(crate) const REREAD_TOGETHER: usize = 64;
/// Logs of tasks that are kept: 400 MB if every one is as long as it may be.
pub(crate) const LOGS_MAX: u32 = 2_048;
/// Logs that wait to be written; further ones are lost.
pub(crate) const LOGS_WAITING_MAX: usize = 256;
/// Blocks read ahead of the owner.
pub(crate) const BLOCKS_AHEAD_MAX: usize = 64;
/// Transactions waited for at once; further ones wait for room.
pub(crate) const TRANSACTIONS_MAX: usize = 256;
/// Results verified at once.
pub(crate) const VERIFICATIONS_MAX: usize = 4;
/// Bytes of a result archive that is taken.
pub(crate) const ARCHIVE_BYTES_MAX: u64 = 1 << 30;
/// Longest verification of one result; just below the time that the machine waits.
pub(crate) const VERIFY_MAX: Duration = Duration::from_secs(55);
/// Workers whose score and deposit are read at once.
pub(crate) const ASSESS_MAX: usize = 64;
/// Pause before a read of the chain that failed is tried again, doubled each time up to the second value.
pub(crate) const READ_RETRY: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(10));
/// Seconds between heartbeats that workers are asked for.
pub(crate) const HEARTBEAT_S: u32 = 1;
/// How often the other end of a connection is asked for a sign of life, and how long it may take to give one.
pub(crate) const KEEPALIVE: Duration = Duration::from_secs(20);
