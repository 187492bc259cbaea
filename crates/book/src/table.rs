//! Numbers found by a hash: the index under every other index here.
//!
//! A hash map would keep keys beside numbers. The keys are in the records already, so that this table holds eight bytes
//! per record, and a question for what is not there rarely reads more than one line of memory.

/// Entries of the smallest table.
const CAPACITY_MIN: usize = 16;

/// Numbers of records by the hash of their key. The caller compares keys; the table only narrows the choice.
#[derive(Debug)]
pub(crate) struct Table {
    /// The upper half of the hash above the number plus one; zero where nothing is. A power of two of them, at most half
    /// of them used, each as near after the place of its hash as there was room.
    entries: Vec<u64>,
    len: usize,
}

impl Default for Table {
    fn default() -> Self {
        Self { entries: vec![0; CAPACITY_MIN], len: 0 }
    }
}

const fn entry(hash: u64, id: u32) -> u64 {
    (hash >> 32 << 32) | (id as u64 + 1)
}

const fn id(entry: u64) -> u32 {
    (entry as u32).wrapping_sub(1)
}

impl Table {
    /// Where the search for an entry, or for a hash, begins.
    #[inline]
    const fn home(&self, entry_or_hash: u64) -> usize {
        (entry_or_hash >> 32) as usize & (self.entries.len() - 1)
    }

    #[inline]
    const fn after(&self, at: usize) -> usize {
        (at + 1) & (self.entries.len() - 1)
    }

    /// How many numbers there are.
    pub(crate) const fn len(&self) -> usize {
        self.len
    }

    /// Reads where a search for this hash begins, so that several searches wait for memory at the same time.
    #[inline]
    pub(crate) fn peek(&self, hash: u64) -> u64 {
        self.entries[self.home(hash)]
    }

    /// The number with this hash whose key is the one asked for.
    #[inline]
    pub(crate) fn find(&self, hash: u64, mut is_it: impl FnMut(u32) -> bool) -> Option<u32> {
        let mut at = self.home(hash);
        // Half of the entries are empty, so that every search ends.
        loop {
            let found = self.entries[at];
            if found == 0 {
                return None;
            }
            if found >> 32 == hash >> 32 && is_it(id(found)) {
                return Some(id(found));
            }
            at = self.after(at);
        }
    }

    /// Adds a number whose key is not there.
    ///
    /// # Panics
    /// With 2^32 - 1 numbers; a book holds far fewer.
    pub(crate) fn insert(&mut self, hash: u64, id: u32) {
        assert_ne!(id, u32::MAX, "a book holds far fewer than 2^32 orders");
        if self.len * 2 >= self.entries.len() {
            self.grow();
        }
        self.place(entry(hash, id));
        self.len += 1;
    }

    fn place(&mut self, entry: u64) {
        let mut at = self.home(entry);
        while self.entries[at] != 0 {
            at = self.after(at);
        }
        self.entries[at] = entry;
    }

    fn grow(&mut self) {
        let doubled = vec![0; self.entries.len() * 2];
        for entry in std::mem::replace(&mut self.entries, doubled) {
            if entry != 0 {
                self.place(entry);
            }
        }
    }

    /// Takes a number out.
    ///
    /// # Panics
    /// If it is not there under this hash.
    pub(crate) fn remove(&mut self, hash: u64, id: u32) {
        let wanted = entry(hash, id);
        let mut hole = self.home(hash);
        while self.entries[hole] != wanted {
            assert_ne!(self.entries[hole], 0, "every record is in its index");
            hole = self.after(hole);
        }
        // What stands behind moves up, as far as its hash lets it, so that no search ends early.
        let mut at = self.after(hole);
        while self.entries[at] != 0 {
            let moving = self.entries[at];
            let mask = self.entries.len() - 1;
            let from_home = at.wrapping_sub(self.home(moving)) & mask;
            let from_hole = at.wrapping_sub(hole) & mask;
            if from_home >= from_hole {
                self.entries[hole] = moving;
                hole = at;
            }
            at = self.after(at);
        }
        self.entries[hole] = 0;
        self.len -= 1;
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    /// Few hashes, all at the end of the smallest table: they collide and go round.
    fn hash(key: u8) -> u64 {
        u64::from(13 + key % 4) << 32
    }

    proptest! {
        #[test]
        fn holds_what_a_map_holds_however_hashes_collide(steps in proptest::collection::vec(any::<(bool, u8)>(), 0..200)) {
            let (mut table, mut map) = (Table::default(), HashMap::new());
            for (insert, key) in steps {
                let found = table.find(hash(key), |id| id == u32::from(key));
                prop_assert_eq!(found, map.get(&key).copied());
                match (insert, found) {
                    (true, None) => {
                        table.insert(hash(key), u32::from(key));
                        map.insert(key, u32::from(key));
                    }
                    (false, Some(id)) => {
                        table.remove(hash(key), id);
                        map.remove(&key);
                    }
                    _ => {}
                }
                prop_assert_eq!(table.len(), map.len());
            }
            for key in 0..=u8::MAX {
                prop_assert_eq!(table.find(hash(key), |id| id == u32::from(key)), map.get(&key).copied());
            }
        }
    }
}
