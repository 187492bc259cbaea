//! Who sells what: the open orders of each resource, and the resources of each signer.

use std::collections::HashMap;

use alloy_primitives::Address;
use foldhash::fast::FixedState;

use super::class::Key;
use crate::slab::Slab;

/// An open order of a resource.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry {
    pub(crate) key: Key,
    pub(crate) class: u32,
}

#[derive(Debug)]
struct Resource {
    address: Address,
    entries: Vec<Entry>,
    /// Signers of these orders, and how many each signed. More than one only where an asset changed hands.
    signers: Vec<(Address, u32)>,
}

/// Resources with open orders.
#[derive(Debug)]
pub(crate) struct Resources {
    by_address: HashMap<Address, u32, FixedState>,
    resources: Slab<Resource>,
    of_signer: HashMap<Address, Vec<u32>, FixedState>,
}

impl Resources {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            by_address: HashMap::with_hasher(FixedState::with_seed(seed)),
            resources: Slab::default(),
            of_signer: HashMap::with_hasher(FixedState::with_seed(!seed)),
        }
    }

    /// Notes an order; answers the number of its resource and where it is there.
    pub(super) fn insert(&mut self, address: Address, signer: Address, entry: Entry) -> (u32, u32) {
        let resources = &mut self.resources;
        let id = *self.by_address.entry(address).or_insert_with(|| {
            resources.insert(Resource { address, entries: Vec::new(), signers: Vec::new() })
        });
        let resource = &mut resources[id];
        let at = u32::try_from(resource.entries.len()).expect("a book holds far fewer than 2^32 orders");
        resource.entries.push(entry);
        match resource.signers.iter_mut().find(|(known, _)| *known == signer) {
            Some((_, count)) => *count += 1,
            None => {
                resource.signers.push((signer, 1));
                self.of_signer.entry(signer).or_default().push(id);
            }
        }
        (id, at)
    }

    /// Forgets an order; answers the slot of the one that took its place, if one did.
    pub(super) fn remove(&mut self, id: u32, at: u32, signer: Address) -> Option<u32> {
        let resource = &mut self.resources[id];
        resource.entries.swap_remove(at as usize);
        let moved = resource.entries.get(at as usize).map(|entry| entry.key.slot);
        let of = resource.signers.iter().position(|(known, _)| *known == signer);
        let of = of.expect("the signer of every order is known");
        resource.signers[of].1 -= 1;
        if resource.signers[of].1 == 0 {
            resource.signers.swap_remove(of);
            let theirs = self.of_signer.get_mut(&signer).expect("every signer has resources");
            theirs.retain(|known| *known != id);
            if theirs.is_empty() {
                self.of_signer.remove(&signer);
            }
        }
        if self.resources[id].entries.is_empty() {
            let resource = self.resources.remove(id);
            self.by_address.remove(&resource.address);
        }
        moved
    }

    pub(crate) fn addresses(&self) -> impl Iterator<Item = Address> {
        self.by_address.keys().copied()
    }

    pub(crate) fn contains(&self, address: Address) -> bool {
        self.by_address.contains_key(&address)
    }

    /// Orders of a resource, in no order.
    pub(crate) fn entries(&self, address: Address) -> &[Entry] {
        self.by_address.get(&address).map_or(&[], |id| &self.resources[*id].entries)
    }

    /// Orders of all resources of a signer, in no order; some may be signed by others.
    pub(super) fn of_signer(&self, signer: Address) -> impl Iterator<Item = &Entry> {
        self.of_signer.get(&signer).into_iter().flatten().flat_map(|id| &self.resources[*id].entries)
    }
}
