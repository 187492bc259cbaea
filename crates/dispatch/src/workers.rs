//! Workers: what each offers, what it is busy with, and who is idle.

use std::collections::{BTreeMap, BTreeSet};

use alloy_primitives::Address;
use metacloud_protocol::amount::Nrlc;
use metacloud_protocol::ids::TaskId;
use metacloud_protocol::tag::Tag;
use serde::{Deserialize, Serialize};

use crate::limits::SCAN_MAX;
use crate::ready::Found;
use crate::terms::{Profile, Requirement, WorkerId};
use crate::time::Instant;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Worker {
    pub(crate) profile: Profile,
    pub(crate) presence: Presence,
    /// Tasks that hold one of its slots.
    pub(crate) computing: BTreeSet<TaskId>,
    /// Tasks, not ended, of which it has a replica: what it is told when it comes back.
    pub(crate) engaged: BTreeSet<TaskId>,
    /// Stakes that its pending replicas will lock.
    pub(crate) reserved: Nrlc,
    /// By its own fault, since its last success.
    pub(crate) failures_in_row: u32,
    pub(crate) paused_until: Option<Instant>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Presence {
    /// Its stream is open.
    Here,
    /// Its stream ended, its lease did not.
    Away,
    /// Its lease ended; kept while it is engaged.
    Gone,
}

impl Worker {
    pub(crate) fn new(profile: Profile) -> Self {
        Self {
            profile,
            presence: Presence::Here,
            computing: BTreeSet::new(),
            engaged: BTreeSet::new(),
            reserved: Nrlc::ZERO,
            failures_in_row: 0,
            paused_until: None,
        }
    }

    /// What it offers, less the deposit that its pending replicas will lock.
    pub(crate) fn available(&self) -> Profile {
        let deposit = self.profile.deposit.checked_sub(self.reserved).unwrap_or(Nrlc::ZERO);
        Profile { deposit, ..self.profile }
    }

    pub(crate) fn can_take(&self) -> bool {
        let slots = usize::try_from(self.profile.slots).unwrap_or(usize::MAX);
        self.presence == Presence::Here && self.paused_until.is_none() && self.computing.len() < slots
    }
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Workers {
    all: BTreeMap<WorkerId, Worker>,
    /// Workers that can take a task, by capabilities.
    #[serde(with = "crate::ready::pairs")]
    idle: BTreeMap<Tag, BTreeSet<WorkerId>>,
    /// Workers that are here or away.
    joined: usize,
}

impl Workers {
    pub(crate) fn get(&self, worker: WorkerId) -> Option<&Worker> {
        self.all.get(&worker)
    }

    pub(crate) fn len(&self) -> usize {
        self.all.len()
    }

    /// Workers whose lease runs.
    pub(crate) fn joined(&self) -> usize {
        self.joined
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&WorkerId, &Worker)> {
        self.all.iter()
    }

    /// Changes a worker and keeps the index of idle ones true. A worker that is gone and engaged in nothing is
    /// forgotten.
    pub(crate) fn change<T>(&mut self, worker: WorkerId, change: impl FnOnce(&mut Worker) -> T) -> Option<T> {
        let record = self.all.get_mut(&worker)?;
        let (tag, could, counted) =
            (record.profile.tag, record.can_take(), record.presence != Presence::Gone);
        let result = change(record);
        let counts = record.presence != Presence::Gone;
        let (new_tag, can) = (record.profile.tag, record.can_take());
        let forget = !counts && record.engaged.is_empty();
        self.joined = self.joined - usize::from(counted) + usize::from(counts);
        if could && (!can || tag != new_tag) {
            self.unlist(tag, worker);
        }
        if can {
            self.idle.entry(new_tag).or_default().insert(worker);
        }
        if forget {
            self.all.remove(&worker);
        }
        Some(result)
    }

    /// Adds a worker that is not known.
    pub(crate) fn insert(&mut self, worker: WorkerId, record: Worker) {
        if record.can_take() {
            self.idle.entry(record.profile.tag).or_default().insert(worker);
        }
        self.joined += usize::from(record.presence != Presence::Gone);
        let before = self.all.insert(worker, record);
        assert!(before.is_none(), "only unknown workers are inserted");
    }

    /// An idle worker that satisfies `requirement` and did not have the task. The search begins at the address `from`
    /// (drawn anew for each decision) and looks at no more than [`SCAN_MAX`] workers beyond those who had it.
    pub(crate) fn find(
        &self,
        requirement: &Requirement,
        from: Address,
        had: impl Fn(WorkerId) -> bool,
    ) -> Found<WorkerId> {
        let from = WorkerId(from);
        let mut looked_at = 0;
        for (_, workers) in self.idle.iter().filter(|(tag, _)| tag.contains(requirement.tag)) {
            for &worker in workers.range(from..).chain(workers.range(..from)) {
                if had(worker) {
                    continue;
                }
                if requirement.missing_in(&self.all[&worker].available()).is_none() {
                    return Found::One(worker);
                }
                looked_at += 1;
                if looked_at >= SCAN_MAX {
                    return Found::Unfinished;
                }
            }
        }
        Found::Nothing
    }

    /// The first `max` idle workers from the address `from` on.
    pub(crate) fn idle_from(&self, from: Address, max: usize) -> Vec<WorkerId> {
        let from = WorkerId(from);
        let groups = self.idle.values();
        groups.flat_map(|group| group.range(from..).chain(group.range(..from))).take(max).copied().collect()
    }

    pub(crate) fn is_listed_idle(&self, worker: WorkerId) -> bool {
        self.idle.values().any(|workers| workers.contains(&worker))
    }

    fn unlist(&mut self, tag: Tag, worker: WorkerId) {
        if let Some(workers) = self.idle.get_mut(&tag) {
            workers.remove(&worker);
            if workers.is_empty() {
                self.idle.remove(&tag);
            }
        }
    }
}
