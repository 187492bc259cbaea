//! Who acts in a trace.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use alloy_primitives::{Address, B256, Bytes, U256};
use metacloud_protocol::signing::{self, SigningKey};
use proptest::prelude::*;

use crate::strangers::Stranger;

/// An account by the part that it usually plays; any of them may do anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Who {
    HubOwner,
    AppProvider,
    DatasetProvider,
    Scheduler,
    Requester,
    OtherRequester,
    Sponsor,
    Worker(u8),
    /// One of many workers of a crowded task.
    Crowd(u16),
    Enclave,
    /// Has nothing in escrow.
    Pauper,
    Contract(Stranger),
}

/// Workers of a crowd.
pub(crate) const CROWD: u16 = 258;
/// Workers with a deposit.
pub(crate) const WORKERS: u8 = 6;

impl Who {
    /// The key of an account without code.
    fn key(self) -> Option<SigningKey> {
        let number = match self {
            Self::HubOwner => 1,
            Self::AppProvider => 2,
            Self::DatasetProvider => 3,
            Self::Scheduler => 4,
            Self::Requester => 5,
            Self::OtherRequester => 6,
            Self::Sponsor => 7,
            Self::Enclave => 8,
            Self::Pauper => 9,
            Self::Worker(worker) => 10 + u64::from(worker),
            Self::Crowd(worker) => 1_000 + u64::from(worker),
            Self::Contract(_) => return None,
        };
        Some(signing::key_from_bytes(&U256::from(number).into()).expect("small numbers are keys"))
    }

    pub(crate) fn address(self) -> Address {
        match self {
            Self::Contract(stranger) => stranger.address(),
            _ => address_book().0[&self],
        }
    }

    /// What this account gives as its signature; contracts sign with one byte.
    pub(crate) fn sign(self, hash: B256) -> Bytes {
        match self.key() {
            Some(key) => signing::sign(&key, hash).into(),
            None => vec![7].into(),
        }
    }

    /// Everyone but the crowd.
    pub(crate) fn all() -> Vec<Self> {
        let mut all = vec![
            Self::HubOwner,
            Self::AppProvider,
            Self::DatasetProvider,
            Self::Scheduler,
            Self::Requester,
            Self::OtherRequester,
            Self::Sponsor,
            Self::Enclave,
            Self::Pauper,
        ];
        all.extend((0..WORKERS).map(Self::Worker));
        all.extend(crate::strangers::STRANGERS.map(Self::Contract));
        all
    }

    /// The crowd.
    pub(crate) fn crowd() -> impl Iterator<Item = Self> {
        (0..CROWD).map(Self::Crowd)
    }

    pub(crate) fn of(address: Address) -> Option<Self> {
        address_book().1.get(&address).copied()
    }
}

type AddressBook = (BTreeMap<Who, Address>, BTreeMap<Address, Who>);

/// Everyone's address, computed once: deriving one from its key takes long.
fn address_book() -> &'static AddressBook {
    static BOOK: OnceLock<AddressBook> = OnceLock::new();
    BOOK.get_or_init(|| {
        let crowd = (0..CROWD).map(Who::Crowd);
        let entry = |who: Who| match who {
            Who::Contract(stranger) => (who, stranger.address()),
            _ => (who, signing::address_of(&who.key().expect("only contracts have no key"))),
        };
        let forth: BTreeMap<_, _> = Who::all().into_iter().chain(crowd).map(entry).collect();
        let back = forth.iter().map(|(&who, &address)| (address, who)).collect();
        (forth, back)
    })
}

/// Anyone.
pub(crate) fn anyone() -> impl Strategy<Value = Who> {
    let (strangers, people): (Vec<_>, Vec<_>) =
        Who::all().into_iter().partition(|who| matches!(who, Who::Contract(_)));
    prop_oneof![
        3 => prop::sample::select(people),
        1 => prop::sample::select(strangers),
    ]
}

/// Any contract.
pub(crate) fn stranger() -> impl Strategy<Value = Stranger> {
    prop::sample::select(crate::strangers::STRANGERS.to_vec())
}

/// A requester, now and then an unusual one.
pub(crate) fn requester() -> impl Strategy<Value = Who> {
    prop_oneof![
        8 => Just(Who::Requester),
        2 => Just(Who::OtherRequester),
        1 => Just(Who::Contract(Stranger::Wallet)),
        1 => Just(Who::Contract(Stranger::Delegated)),
        2 => stranger().prop_map(Who::Contract),
        1 => anyone(),
    ]
}

/// A worker, now and then an unusual one.
pub(crate) fn worker() -> impl Strategy<Value = Who> {
    prop_oneof![
        16 => (0..WORKERS).prop_map(Who::Worker),
        1 => Just(Who::Contract(Stranger::Wallet)),
        1 => anyone(),
    ]
}
