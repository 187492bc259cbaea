//! Tasks that want a worker, in one queue per requirement, so that a decision costs the same however many wait.

use std::collections::BTreeMap;

use metacloud_protocol::ids::TaskId;
use serde::{Deserialize, Serialize};

use crate::limits::SCAN_MAX;
use crate::terms::{Profile, Requirement};
use crate::time::ChainTime;

/// Order within a queue: the earlier contribution deadline first, then first come first served.
type Rank = (ChainTime, u64);

/// Place of a task in the queues.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Ticket {
    pub(crate) class: Requirement,
    pub(crate) rank: Rank,
    /// No worker had it yet, so that it suits every worker of its class.
    pub(crate) fresh: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Class {
    /// Tasks that some worker already had: served first, but not every worker suits.
    #[serde(with = "pairs")]
    begun: BTreeMap<Rank, TaskId>,
    #[serde(with = "pairs")]
    fresh: BTreeMap<Rank, TaskId>,
    /// Where the last bounded scan of `begun` stopped.
    cursor: Option<Rank>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Ready {
    #[serde(with = "pairs")]
    classes: BTreeMap<Requirement, Class>,
}

/// What a search brought.
pub(crate) enum Found<T> {
    One(T),
    Nothing,
    /// The bounded scan saw nothing suitable, but did not see all.
    Unfinished,
}

impl Ready {
    pub(crate) fn insert(&mut self, ticket: Ticket, task: TaskId) {
        let class = self.classes.entry(ticket.class).or_default();
        let queue = if ticket.fresh { &mut class.fresh } else { &mut class.begun };
        let before = queue.insert(ticket.rank, task);
        assert!(before.is_none(), "ranks are unique");
    }

    pub(crate) fn remove(&mut self, ticket: Ticket) {
        let class = self.classes.get_mut(&ticket.class).expect("a ticket's class exists while it is queued");
        let queue = if ticket.fresh { &mut class.fresh } else { &mut class.begun };
        let task = queue.remove(&ticket.rank);
        assert!(task.is_some(), "a ticket stands for a queued task");
        if class.begun.is_empty() && class.fresh.is_empty() {
            self.classes.remove(&ticket.class);
        }
    }

    /// The most urgent task for a worker, `had` telling which ones it had already. Tasks that were begun come before
    /// fresh ones; at most [`SCAN_MAX`] of them are looked at, the next search going on where this one stopped.
    pub(crate) fn find(&mut self, profile: &Profile, had: impl Fn(TaskId) -> bool) -> Found<TaskId> {
        let mut best: Option<(bool, Rank, TaskId)> = None;
        let mut unfinished = false;
        for (requirement, class) in &mut self.classes {
            if requirement.missing_in(profile).is_some() {
                continue;
            }
            let (begun, more) = class.scan(&had);
            unfinished |= more;
            let fresh = || class.fresh.first_key_value().map(|(rank, task)| (true, *rank, *task));
            let candidate = begun.map(|(rank, task)| (false, rank, task)).or_else(fresh);
            best = [best, candidate].into_iter().flatten().min();
        }
        match best {
            Some((_, _, task)) => Found::One(task),
            None if unfinished => Found::Unfinished,
            None => Found::Nothing,
        }
    }

    /// Tasks that wait for a worker of this requirement.
    pub(crate) fn waiting(&self, requirement: &Requirement) -> usize {
        self.classes.get(requirement).map_or(0, |class| class.begun.len() + class.fresh.len())
    }

    pub(crate) fn contains(&self, ticket: Ticket, task: TaskId) -> bool {
        self.classes.get(&ticket.class).is_some_and(|class| {
            let queue = if ticket.fresh { &class.fresh } else { &class.begun };
            queue.get(&ticket.rank) == Some(&task)
        })
    }
}

impl Class {
    /// The first task of `begun` from the cursor on, around the end, that the worker did not have; and whether tasks
    /// are left unseen.
    fn scan(&mut self, had: impl Fn(TaskId) -> bool) -> (Option<(Rank, TaskId)>, bool) {
        // A short queue is always seen whole and in its order.
        let whole = self.begun.len() <= SCAN_MAX;
        let from = if whole { Rank::default() } else { self.cursor.unwrap_or_default() };
        let around = self.begun.range(from..).chain(self.begun.range(..from));
        let mut last = None;
        for (rank, task) in around.take(SCAN_MAX) {
            last = Some(*rank);
            if !had(*task) {
                return (Some((*rank, *task)), false);
            }
        }
        if !whole {
            // The last one seen is seen again: no gap, whatever leaves the queue meanwhile.
            self.cursor = last;
        }
        (None, !whole)
    }
}

/// Maps with structured keys as lists of pairs, since JSON knows text keys alone.
pub(crate) mod pairs {
    use std::collections::BTreeMap;

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(crate) fn serialize<K: Serialize, V: Serialize, S: Serializer>(
        map: &BTreeMap<K, V>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(map)
    }

    pub(crate) fn deserialize<'de, K, V, D>(deserializer: D) -> Result<BTreeMap<K, V>, D::Error>
    where
        K: Deserialize<'de> + Ord,
        V: Deserialize<'de>,
        D: Deserializer<'de>,
    {
        Ok(Vec::<(K, V)>::deserialize(deserializer)?.into_iter().collect())
    }
}
