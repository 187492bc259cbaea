//! Who sells what: the open orders of each resource, and the resources of each signer.

use std::collections::HashMap;

use alloy_primitives::Address;
use foldhash::fast::FixedState;

use super::class::Glance;
use super::hash::Hashing;
use crate::heap::{Place, Places};
use crate::slab::Slab;
use crate::table::Table;

/// An open order of a resource.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry {
    pub(crate) price_nrlc: u64,
    pub(crate) slot: u32,
    pub(crate) class: u32,
    /// What a search compares before it reads the terms.
    pub(crate) glance: Glance,
}

#[derive(Debug)]
struct Resource {
    address: Address,
    /// Who signed the first of these orders, and how many.
    signer: Address,
    signed: u32,
    entries: Vec<Entry>,
    /// Signers of the others, and how many each signed: only where an asset changed hands.
    others: Vec<(Address, u32)>,
}

/// Resources with open orders.
#[derive(Debug)]
pub(crate) struct Resources {
    hashing: Hashing,
    by_address: Table,
    resources: Slab<Resource>,
    of_signer: HashMap<Address, Vec<u32>, FixedState>,
}

impl Resource {
    fn signed_by(&mut self, signer: Address) -> Option<&mut u32> {
        if self.signer == signer {
            return Some(&mut self.signed);
        }
        self.others.iter_mut().find(|(known, _)| *known == signer).map(|(_, count)| count)
    }
}

impl Resources {
    pub(super) fn new(hashing: Hashing, seed: u64) -> Self {
        Self {
            hashing,
            by_address: Table::default(),
            resources: Slab::default(),
            of_signer: HashMap::with_hasher(FixedState::with_seed(!seed)),
        }
    }

    fn find(&self, address: Address) -> Option<u32> {
        let hash = self.hashing.address(address);
        self.by_address.find(hash, |id| self.resources[id].address == address)
    }

    /// Notes an order; answers the number of its resource.
    pub(super) fn insert(
        &mut self,
        address: Address,
        signer: Address,
        entry: Entry,
        places: &mut Places,
    ) -> u32 {
        let id = self.find(address).unwrap_or_else(|| {
            let new = Resource { address, signer, signed: 0, entries: Vec::new(), others: Vec::new() };
            let id = self.resources.insert(new);
            self.by_address.insert(self.hashing.address(address), id);
            self.of_signer.entry(signer).or_default().push(id);
            id
        });
        let resource = &mut self.resources[id];
        let sale = u32::try_from(resource.entries.len()).expect("a book holds far fewer than 2^32 orders");
        places[entry.slot as usize].sale = sale;
        resource.entries.push(entry);
        match resource.signed_by(signer) {
            Some(count) => *count += 1,
            None => {
                resource.others.push((signer, 1));
                self.of_signer.entry(signer).or_default().push(id);
            }
        }
        id
    }

    /// Forgets an order.
    pub(super) fn remove(&mut self, id: u32, slot: u32, signer: Address, places: &mut Places) {
        let resource = &mut self.resources[id];
        let Place { sale, .. } = places[slot as usize];
        let gone = resource.entries.swap_remove(sale as usize);
        assert_eq!(gone.slot, slot, "every listing is among the orders of its resource");
        if let Some(moved) = resource.entries.get(sale as usize) {
            places[moved.slot as usize].sale = sale;
        }
        let count = resource.signed_by(signer).expect("the signer of every order is known");
        *count -= 1;
        if *count == 0 {
            self.unsign(id, signer);
        }
        if self.resources[id].entries.is_empty() {
            let resource = self.resources.remove(id);
            self.by_address.remove(self.hashing.address(resource.address), id);
        }
    }

    /// A signer has no order of a resource any more.
    fn unsign(&mut self, id: u32, signer: Address) {
        let resource = &mut self.resources[id];
        if resource.signer == signer {
            if let Some((next, count)) = resource.others.pop() {
                (resource.signer, resource.signed) = (next, count);
            }
        } else {
            resource.others.retain(|(known, _)| *known != signer);
        }
        let theirs = self.of_signer.get_mut(&signer).expect("every signer has resources");
        theirs.retain(|known| *known != id);
        if theirs.is_empty() {
            self.of_signer.remove(&signer);
        }
    }

    pub(crate) fn addresses(&self) -> impl Iterator<Item = Address> {
        self.resources.iter().map(|(_, resource)| resource.address)
    }

    pub(crate) fn contains(&self, address: Address) -> bool {
        self.find(address).is_some()
    }

    /// Orders of a resource, in no order.
    pub(crate) fn entries(&self, address: Address) -> &[Entry] {
        self.find(address).map_or(&[], |id| &self.resources[id].entries)
    }

    /// Orders of all resources of a signer, in no order; some may be signed by others.
    pub(super) fn of_signer(&self, signer: Address) -> impl Iterator<Item = &Entry> {
        self.of_signer.get(&signer).into_iter().flatten().flat_map(|id| &self.resources[*id].entries)
    }

    /// How many orders an account signed.
    pub(super) fn count_signed_by(&self, signer: Address) -> usize {
        let resources = self.of_signer.get(&signer).into_iter().flatten().map(|id| &self.resources[*id]);
        let counts = resources.map(|resource| {
            let first = (resource.signer, resource.signed);
            let all = std::iter::once(&first).chain(&resource.others);
            all.filter(|(known, _)| *known == signer).map(|(_, count)| *count as usize).sum::<usize>()
        });
        counts.sum()
    }
}
