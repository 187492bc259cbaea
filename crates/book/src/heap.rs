//! A queue that gives the first and lets anyone leave.

/// Children of a node. With four, leaving and coming touch half as many lines of memory as with two.
const ARITY: usize = 4;
/// Room that an empty queue keeps for the next orders.
const KEPT: usize = 8;

/// What stands in a queue: ordered, and known by the number of a slot.
pub(crate) trait Ranked: Copy + Ord {
    /// The slot.
    fn slot(self) -> usize;
}

/// Where the member of each slot stands, so that it can leave.
pub(crate) type Places = [Place];

/// Where an order stands in two lists.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Place {
    /// In the queue of its class.
    pub(crate) queue: u32,
    /// Among the orders of its resource.
    pub(crate) sale: u32,
}

/// Members in heap order: each is before its children.
#[derive(Debug)]
pub(crate) struct Heap<K> {
    members: Vec<K>,
}

impl<K> Default for Heap<K> {
    fn default() -> Self {
        Self { members: Vec::new() }
    }
}

impl<K: Ranked> Heap<K> {
    /// Everyone, in no order.
    pub(crate) fn members(&self) -> &[K] {
        &self.members
    }

    pub(crate) fn push(&mut self, member: K, places: &mut Places) {
        self.members.push(member);
        self.rise(self.members.len() - 1, member, places);
    }

    /// The first, out of the queue.
    pub(crate) fn pop(&mut self, places: &mut Places) -> Option<K> {
        let first = *self.members.first()?;
        self.remove(0, places);
        Some(first)
    }

    /// Takes out who stands there.
    ///
    /// # Panics
    /// If nobody does.
    pub(crate) fn remove(&mut self, at: u32, places: &mut Places) -> K {
        let at = at as usize;
        let gone = self.members.swap_remove(at);
        if let Some(moved) = self.members.get(at).copied() {
            match at > 0 && moved < self.members[(at - 1) / ARITY] {
                true => self.rise(at, moved, places),
                false => self.sink(at, moved, places),
            }
        }
        if self.members.is_empty() && self.members.capacity() > KEPT {
            self.members = Vec::new();
        }
        gone
    }

    fn put(&mut self, at: usize, member: K, places: &mut Places) {
        self.members[at] = member;
        places[member.slot()].queue = u32::try_from(at).expect("a book holds far fewer than 2^32 orders");
    }

    fn rise(&mut self, mut at: usize, member: K, places: &mut Places) {
        while at > 0 {
            let parent = (at - 1) / ARITY;
            if self.members[parent] < member {
                break;
            }
            self.put(at, self.members[parent], places);
            at = parent;
        }
        self.put(at, member, places);
    }

    fn sink(&mut self, mut at: usize, member: K, places: &mut Places) {
        loop {
            let first = at * ARITY + 1;
            let children = self.members.get(first..self.members.len().min(first + ARITY)).unwrap_or(&[]);
            let least = (first..).zip(children).min_by_key(|(_, child)| **child);
            match least {
                Some((child, found)) if *found < member => {
                    self.put(at, *found, places);
                    at = child;
                }
                Some(_) | None => break,
            }
        }
        self.put(at, member, places);
    }
}
