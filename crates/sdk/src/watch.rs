//! Follows the tasks of a deal: the chain tells what counts, the pool tells why something fails.

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use alloy_primitives::Address;
use futures::StreamExt;
use futures::stream;
use metacloud_chain::{BlockRef, ChainEvent, Cursor, Follower, HubClient, HubEvent};
use metacloud_protocol::{TaskId, TaskStatus};
use metacloud_wire::cause::{Cause, Failure, Fault};
use tokio::time::{Instant, sleep_until};
use tracing::debug;

use crate::deal::Deal;
use crate::error::Error;
use crate::pool::{GivenUp, PoolApi};

/// Pauses between questions to the pool; each round without news doubles it.
const ASK_MIN: Duration = Duration::from_millis(250);
const ASK_MAX: Duration = Duration::from_secs(2);
/// Tasks asked about in one round, and at once.
const ASKED_MAX: usize = 64;
const ASKED_AT_ONCE: usize = 8;

/// What happened to a task. `index` is its place in [`Deal::tasks`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Progress {
    /// The pool made it active.
    Initialized {
        /// Which task.
        index: usize,
    },
    /// A worker committed to a result.
    Contributed {
        /// Which task.
        index: usize,
        /// Who.
        worker: Address,
    },
    /// Enough workers agree on one result.
    Agreed {
        /// Which task.
        index: usize,
    },
    /// A worker proved its result.
    Revealed {
        /// Which task.
        index: usize,
        /// Who.
        worker: Address,
    },
    /// Nobody proved the result in time; workers are asked anew.
    Reopened {
        /// Which task.
        index: usize,
    },
    /// A worker was found wrong and lost its stake.
    Rejected {
        /// Which task.
        index: usize,
        /// Who.
        worker: Address,
    },
    /// Verified and paid.
    Completed {
        /// Which task.
        index: usize,
    },
    /// The pool will not complete it; the money comes back by a claim after the final deadline.
    GivenUp {
        /// Which task.
        index: usize,
        /// Why.
        causes: Vec<Failure>,
        /// Who answers for it.
        fault: Fault,
    },
    /// Claimed: the money came back.
    Claimed {
        /// Which task.
        index: usize,
    },
    /// The chain took blocks back; what was told of some tasks may be told again.
    Reverted,
}

/// How a task ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ending {
    /// Verified and paid.
    Completed,
    /// Not completed, with the causes.
    GivenUp {
        /// Why.
        causes: Vec<Failure>,
        /// Who answers for it.
        fault: Fault,
    },
    /// Claimed after the final deadline.
    Claimed,
}

/// See the module. Made by [`Deal::watch`].
#[derive(Debug)]
pub struct Watch {
    hub: HubClient,
    pool: Option<PoolApi>,
    follower: Follower,
    board: Board,
    final_deadline_s: u64,
    ask_at: Instant,
    pause: Duration,
    /// Where the next round of questions starts.
    turn: usize,
}

impl Watch {
    pub(crate) async fn start(deal: &Deal, since: Cursor) -> Result<Self, Error> {
        let hub = deal.cloud().hub().clone();
        let pool = deal.cloud().pool().cloned();
        let mut board = Board::new(deal.tasks().iter().map(|(_, task)| *task));
        // Of a deal that was made before, the past is read as states, the rest as events.
        let (since, is_old) = match since {
            Cursor::Head => (hub.chain().head().await?.into(), true),
            Cursor::Genesis | Cursor::After { .. } => (since, false),
        };
        if is_old {
            board.read(&statuses(&hub, &board.tasks).await?);
        }
        let final_deadline_s = deal.final_deadline_s().await?;
        let follower = hub.chain().follow(since, vec![hub.address()]);
        let ask_at = Instant::now() + ASK_MIN;
        Ok(Self { hub, pool, follower, board, final_deadline_s, ask_at, pause: ASK_MIN, turn: 0 })
    }

    /// What happens next; `None` when every task has ended. Cancelling loses nothing.
    ///
    /// # Errors
    /// The chain cannot be followed any more.
    pub async fn next(&mut self) -> Result<Option<Progress>, Error> {
        loop {
            if let Some(progress) = self.board.news.pop_front() {
                return Ok(Some(progress));
            }
            if self.board.has_ended() {
                return Ok(None);
            }
            tokio::select! {
                event = self.follower.next() => self.on_chain(event?).await?,
                () = sleep_until(self.ask_at) => self.ask().await,
            }
        }
    }

    /// How each task ended so far, in order.
    pub fn endings(&self) -> &[Option<Ending>] {
        &self.board.endings
    }

    async fn on_chain(&mut self, event: ChainEvent) -> Result<(), Error> {
        match event {
            ChainEvent::Block { block, logs } => {
                let events = logs.iter().filter_map(HubEvent::decode);
                if self.board.apply_all(events) {
                    self.pause = ASK_MIN;
                }
                self.close_late(block);
            }
            ChainEvent::Reverted { .. } => {
                let statuses = statuses(&self.hub, &self.board.tasks).await?;
                self.board.start_over(&statuses);
            }
        }
        Ok(())
    }

    fn close_late(&mut self, block: BlockRef) {
        if block.timestamp_s >= self.final_deadline_s {
            self.board.close(&past_deadline());
        }
    }

    /// Asks the pool about some tasks. A pool that does not answer is no failure: the chain decides.
    async fn ask(&mut self) {
        let now_s = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_secs());
        if now_s >= self.final_deadline_s {
            self.board.close(&past_deadline());
        }
        if let Some(pool) = self.pool.clone() {
            let asked = self.board.open_from(self.turn, ASKED_MAX);
            self.turn = asked.last().map_or(0, |(index, _)| index + 1);
            let questions = asked.into_iter().map(|(index, task)| {
                let pool = &pool;
                async move { (index, pool.given_up(task).await) }
            });
            let answers: Vec<_> = stream::iter(questions).buffer_unordered(ASKED_AT_ONCE).collect().await;
            for (index, answer) in answers {
                match answer {
                    Ok(Some(given_up)) => self.board.give_up(index, given_up),
                    Ok(None) => {}
                    Err(reason) => debug!(index, reason, "the pool does not tell"),
                }
            }
        }
        self.ask_at = Instant::now() + self.pause;
        self.pause = (self.pause * 2).min(ASK_MAX);
    }
}

async fn statuses(hub: &HubClient, tasks: &[TaskId]) -> Result<Vec<TaskStatus>, Error> {
    Ok(hub.view_tasks(tasks).await?.iter().map(|task| task.status).collect())
}

fn past_deadline() -> GivenUp {
    let message = "the final deadline has passed without a result; claim to get the money back";
    GivenUp { causes: vec![Failure::new(Cause::UNKNOWN, message)], fault: Fault::Pool }
}

/// The pure part: where each task stands, and what is still to be told.
#[derive(Debug)]
struct Board {
    tasks: Vec<TaskId>,
    index: HashMap<TaskId, usize>,
    endings: Vec<Option<Ending>>,
    /// Tasks without ending.
    open: usize,
    news: VecDeque<Progress>,
}

impl Board {
    fn new(tasks: impl Iterator<Item = TaskId>) -> Self {
        let tasks: Vec<TaskId> = tasks.collect();
        let index = tasks.iter().enumerate().map(|(index, task)| (*task, index)).collect();
        let (endings, open) = (vec![None; tasks.len()], tasks.len());
        Self { tasks, index, endings, open, news: VecDeque::new() }
    }

    fn has_ended(&self) -> bool {
        self.open == 0
    }

    /// Applies events; true if any was of a task here.
    fn apply_all(&mut self, events: impl Iterator<Item = HubEvent>) -> bool {
        let before = self.news.len();
        events.for_each(|event| self.apply(&event));
        self.news.len() > before
    }

    fn apply(&mut self, event: &HubEvent) {
        let (task, news): (&TaskId, fn(usize, Address) -> Progress) = match event {
            HubEvent::TaskInitialize { task, .. } => (task, |index, _| Progress::Initialized { index }),
            HubEvent::TaskContribute { task, .. } => {
                (task, |index, worker| Progress::Contributed { index, worker })
            }
            HubEvent::TaskConsensus { task, .. } => (task, |index, _| Progress::Agreed { index }),
            HubEvent::TaskReveal { task, .. } => (task, |index, worker| Progress::Revealed { index, worker }),
            HubEvent::TaskReopen { task } => (task, |index, _| Progress::Reopened { index }),
            HubEvent::FaultyContribution { task, .. } => {
                (task, |index, worker| Progress::Rejected { index, worker })
            }
            HubEvent::TaskFinalize { task, .. } => (task, |index, _| Progress::Completed { index }),
            HubEvent::TaskClaimed { task } => (task, |index, _| Progress::Claimed { index }),
            // Everything else concerns orders, money or other deals.
            _ => return,
        };
        let worker = match event {
            HubEvent::TaskContribute { worker, .. }
            | HubEvent::TaskReveal { worker, .. }
            | HubEvent::FaultyContribution { worker, .. } => *worker,
            _ => Address::ZERO,
        };
        let Some(&index) = self.index.get(task) else { return };
        let news = news(index, worker);
        match news {
            Progress::Completed { .. } => self.end(index, Ending::Completed),
            Progress::Claimed { .. } => self.end(index, Ending::Claimed),
            _ => {}
        }
        self.news.push_back(news);
    }

    fn end(&mut self, index: usize, ending: Ending) {
        if self.endings[index].replace(ending).is_none() {
            self.open -= 1;
        }
    }

    fn give_up(&mut self, index: usize, given_up: GivenUp) {
        // What the chain has settled stands.
        if self.endings[index].is_some() {
            return;
        }
        let GivenUp { causes, fault } = given_up;
        self.end(index, Ending::GivenUp { causes: causes.clone(), fault });
        self.news.push_back(Progress::GivenUp { index, causes, fault });
    }

    fn close(&mut self, given_up: &GivenUp) {
        for index in 0..self.tasks.len() {
            self.give_up(index, given_up.clone());
        }
    }

    /// Up to `most` open tasks from `start` on, from the beginning if there are none.
    fn open_from(&self, start: usize, most: usize) -> Vec<(usize, TaskId)> {
        let open = |from: usize| -> Vec<(usize, TaskId)> {
            let tasks = self.tasks.iter().copied().enumerate().skip(from);
            tasks.filter(|(index, _)| self.endings[*index].is_none()).take(most).collect()
        };
        let found = open(start);
        if found.is_empty() && start > 0 { open(0) } else { found }
    }

    /// Takes over states instead of events.
    fn read(&mut self, statuses: &[TaskStatus]) {
        debug_assert_eq!(statuses.len(), self.tasks.len());
        for (index, status) in statuses.iter().enumerate() {
            match status {
                TaskStatus::Unset => {}
                TaskStatus::Active => self.news.push_back(Progress::Initialized { index }),
                TaskStatus::Revealing => self.news.push_back(Progress::Agreed { index }),
                TaskStatus::Completed => {
                    self.end(index, Ending::Completed);
                    self.news.push_back(Progress::Completed { index });
                }
                TaskStatus::Failed => {
                    self.end(index, Ending::Claimed);
                    self.news.push_back(Progress::Claimed { index });
                }
            }
        }
    }

    fn start_over(&mut self, statuses: &[TaskStatus]) {
        self.endings.fill(None);
        self.open = self.tasks.len();
        self.news.push_back(Progress::Reverted);
        self.read(statuses);
    }
}

#[cfg(test)]
mod tests {
    use alloy_primitives::{B256, Bytes};

    use super::*;

    fn task(byte: u8) -> TaskId {
        TaskId(B256::repeat_byte(byte))
    }

    fn board() -> Board {
        Board::new([task(1), task(2)].into_iter())
    }

    fn finalized(byte: u8) -> HubEvent {
        HubEvent::TaskFinalize { task: task(byte), results: Bytes::new() }
    }

    #[test]
    fn events_of_other_deals_are_not_told() {
        let mut board = board();
        assert!(!board.apply_all([finalized(9)].into_iter()));
        assert!(board.news.is_empty() && !board.has_ended());
    }

    #[test]
    fn it_ends_when_each_task_has_ended_once() {
        let mut board = board();
        board.apply_all([finalized(1), finalized(1)].into_iter());
        assert!(!board.has_ended(), "the same task twice is one task");
        board.apply(&HubEvent::TaskClaimed { task: task(2) });
        assert!(board.has_ended());
        assert_eq!(board.endings, [Some(Ending::Completed), Some(Ending::Claimed)]);
    }

    #[test]
    fn what_the_chain_settled_the_pool_cannot_give_up() {
        let mut board = board();
        board.apply(&finalized(1));
        board.give_up(0, past_deadline());
        assert_eq!(board.endings[0], Some(Ending::Completed));
        // But the chain overrules the pool.
        board.give_up(1, past_deadline());
        board.apply(&finalized(2));
        assert_eq!(board.endings[1], Some(Ending::Completed));
        assert!(board.has_ended());
    }

    #[test]
    fn a_reverted_chain_reopens_what_had_ended() {
        let mut board = board();
        board.apply_all([finalized(1), finalized(2)].into_iter());
        board.news.clear();
        board.start_over(&[TaskStatus::Completed, TaskStatus::Active]);
        assert!(!board.has_ended());
        let news = [Progress::Reverted, Progress::Completed { index: 0 }, Progress::Initialized { index: 1 }];
        assert_eq!(board.news, news);
    }

    #[test]
    fn questions_go_round() {
        let mut board = Board::new((1..=5).map(task));
        assert_eq!(board.open_from(0, 2), [(0, task(1)), (1, task(2))]);
        board.apply(&finalized(3));
        assert_eq!(board.open_from(2, 2), [(3, task(4)), (4, task(5))]);
        assert_eq!(board.open_from(5, 2), [(0, task(1)), (1, task(2))]);
    }
}
