//! The arithmetic of a receipt, without a chain.

use std::collections::{BTreeMap, BTreeSet};

use alloy_primitives::aliases::I512;
use alloy_primitives::{Address, U256};
use metacloud_chain::HubEvent;
use metacloud_protocol::{Nrlc, TaskId};

use super::{Holding, Line, Mismatch, Party, Receipt};

/// All balances at one moment.
#[derive(Debug, Clone, Default)]
pub(super) struct Books {
    /// Of the parties and of the hub itself.
    pub(super) holdings: BTreeMap<Address, Holding>,
    /// All stake there is.
    pub(super) supply: Nrlc,
}

/// One event that moves money or says why.
#[derive(Debug, Clone)]
pub(super) enum Entry {
    Hub(HubEvent),
    Token { from: Address, to: Address, amount: Nrlc },
}

/// Changes of one account, signed.
#[derive(Debug, Clone, Copy, Default)]
struct Change {
    stake: I512,
    locked: I512,
    tokens: I512,
    earned: I512,
    paid: I512,
    seized: I512,
    refunded: I512,
}

/// Why a seizure happened.
enum Seizure {
    Payment,
    Punishment,
    PoolStake,
}

/// Sums of the events.
#[derive(Debug, Default)]
struct Sums {
    accounts: BTreeMap<Address, Change>,
    faulty: BTreeSet<(TaskId, Address)>,
    claimed: BTreeSet<TaskId>,
    minted: I512,
    earned: I512,
    paid: I512,
    from_workers: I512,
    from_pools: I512,
}

/// Applies `entries` to `before` and compares with `after`.
pub(super) fn settle(
    hub: Address,
    parties: &[Party],
    before: &Books,
    after: &Books,
    entries: Vec<Entry>,
) -> Receipt {
    let mut sums = Sums::default();
    // What a seizure was for is told by other events of the same task.
    for entry in &entries {
        match entry {
            Entry::Hub(HubEvent::FaultyContribution { worker, task }) => {
                sums.faulty.insert((*task, *worker));
            }
            Entry::Hub(HubEvent::TaskClaimed { task }) => {
                sums.claimed.insert(*task);
            }
            _ => {}
        }
    }
    entries.iter().for_each(|entry| sums.add(entry));
    let mut mismatches = Vec::new();
    let lines = parties.iter().map(|party| sums.line(party, before, after)).collect::<Vec<_>>();
    for line in &lines {
        let change = sums.of(line.party.address);
        compare_holding(&line.party.name, change, line.before, line.after, &mut mismatches);
    }
    sums.compare_totals(hub, before, after, &mut mismatches);
    let listed = |account: &Address| before.holdings.contains_key(account) || account.is_zero();
    let unlisted = sums.accounts.keys().filter(|account| !listed(account)).copied().collect();
    Receipt {
        lines,
        mismatches,
        unlisted,
        paid: amount(sums.paid),
        earned: amount(sums.earned),
        seized_from_workers: amount(sums.from_workers),
        seized_from_pools: amount(sums.from_pools),
    }
}

impl Sums {
    fn of(&self, account: Address) -> Change {
        self.accounts.get(&account).copied().unwrap_or_default()
    }

    fn at(&mut self, account: Address) -> &mut Change {
        self.accounts.entry(account).or_default()
    }

    fn add(&mut self, entry: &Entry) {
        match entry {
            Entry::Token { from, to, amount } => {
                self.at(*from).tokens -= signed(*amount);
                self.at(*to).tokens += signed(*amount);
            }
            Entry::Hub(HubEvent::Transfer { from, to, amount }) => {
                let value = signed(*amount);
                self.at(*from).stake -= value;
                self.at(*to).stake += value;
                // From and to nobody: minted and burnt.
                self.minted += if from.is_zero() { value } else { I512::ZERO };
                self.minted -= if to.is_zero() { value } else { I512::ZERO };
            }
            Entry::Hub(HubEvent::Lock { owner, amount }) => self.at(*owner).locked += signed(*amount),
            Entry::Hub(HubEvent::Unlock { owner, amount }) => {
                let change = self.at(*owner);
                change.locked -= signed(*amount);
                change.refunded += signed(*amount);
            }
            Entry::Hub(HubEvent::Reward { owner, amount, .. }) => {
                self.at(*owner).earned += signed(*amount);
                self.earned += signed(*amount);
            }
            Entry::Hub(HubEvent::Seize { owner, amount, task }) => self.seize(*owner, *amount, *task),
            // The other events move nothing.
            Entry::Hub(_) => {}
        }
    }

    fn seize(&mut self, owner: Address, amount: Nrlc, task: TaskId) {
        let value = signed(amount);
        let why = match (self.faulty.contains(&(task, owner)), self.claimed.contains(&task)) {
            (true, _) => Seizure::Punishment,
            (false, true) => Seizure::PoolStake,
            (false, false) => Seizure::Payment,
        };
        let change = self.accounts.entry(owner).or_default();
        change.locked -= value;
        match why {
            Seizure::Payment => {
                change.paid += value;
                self.paid += value;
            }
            Seizure::Punishment => {
                change.seized += value;
                self.from_workers += value;
            }
            Seizure::PoolStake => {
                change.seized += value;
                self.from_pools += value;
            }
        }
    }

    fn line(&self, party: &Party, before: &Books, after: &Books) -> Line {
        let change = self.of(party.address);
        let holding = |books: &Books| books.holdings.get(&party.address).copied().unwrap_or_default();
        Line {
            party: party.clone(),
            earned: amount(change.earned),
            paid: amount(change.paid),
            seized: amount(change.seized),
            refunded: amount(change.refunded),
            before: holding(before),
            after: holding(after),
        }
    }

    /// What must hold of the whole, whoever the parties are.
    fn compare_totals(&self, hub: Address, before: &Books, after: &Books, mismatches: &mut Vec<Mismatch>) {
        let holding = |books: &Books| books.holdings.get(&hub).copied().unwrap_or_default();
        let (opened, closed) = (holding(before), holding(after));
        compare_holding("the hub", self.of(hub), opened, closed, mismatches);
        compare("all stake", signed(before.supply) + self.minted, after.supply, mismatches);
        let locked: I512 = self.accounts.values().fold(I512::ZERO, |sum, change| sum + change.locked);
        // What the hub itself holds is what is locked, all accounts together.
        compare("locked by all", signed(opened.stake) + locked, closed.stake, mismatches);
        // Each unit of stake is a unit of the token; a surplus sent to the hub beside deposits stays.
        let surplus = signed(opened.tokens) - signed(before.supply);
        compare("tokens behind all stake", signed(after.supply) + surplus, closed.tokens, mismatches);
        let seized = self.paid + self.from_workers + self.from_pools;
        compare("seized and rewarded", seized, amount(self.earned), mismatches);
    }
}

fn compare_holding(
    name: &str,
    change: Change,
    before: Holding,
    after: Holding,
    mismatches: &mut Vec<Mismatch>,
) {
    for (what, change, before, after) in [
        ("free stake", change.stake, before.stake, after.stake),
        ("locked stake", change.locked, before.locked, after.locked),
        ("tokens", change.tokens, before.tokens, after.tokens),
    ] {
        compare(&format!("{what} of {name}"), signed(before) + change, after, mismatches);
    }
}

fn compare(what: &str, expected: I512, found: Nrlc, mismatches: &mut Vec<Mismatch>) {
    if expected != signed(found) {
        mismatches.push(Mismatch {
            what: what.to_owned(),
            expected: format!("{expected} nRLC"),
            found: found.to_string(),
        });
    }
}

/// Amounts are below 2^256 and a chain has fewer than 2^200 events, so sums fit in 512 bits with sign.
fn signed(amount: Nrlc) -> I512 {
    I512::from_raw(amount.0.to())
}

/// A sum of amounts, none of them negative.
fn amount(sum: I512) -> Nrlc {
    debug_assert!(!sum.is_negative());
    Nrlc(U256::saturating_from(sum.into_raw()))
}

#[cfg(test)]
mod tests {
    use alloy_primitives::B256;

    use super::*;

    const HUB: Address = Address::repeat_byte(0xaa);
    const REQUESTER: Address = Address::repeat_byte(1);
    const WORKER: Address = Address::repeat_byte(2);
    const LIAR: Address = Address::repeat_byte(3);

    fn task() -> TaskId {
        TaskId(B256::repeat_byte(7))
    }

    fn holding(stake: u64, locked: u64, tokens: u64) -> Holding {
        Holding { stake: Nrlc::new(stake), locked: Nrlc::new(locked), tokens: Nrlc::new(tokens) }
    }

    fn books(requester: Holding, worker: Holding, liar: Holding, hub: Holding, supply: u64) -> Books {
        let holdings = [(REQUESTER, requester), (WORKER, worker), (LIAR, liar), (HUB, hub)];
        Books { holdings: holdings.into_iter().collect(), supply: Nrlc::new(supply) }
    }

    fn parties() -> Vec<Party> {
        let party = |(name, address): (&str, Address)| Party { name: name.to_owned(), address };
        [("requester", REQUESTER), ("worker", WORKER), ("liar", LIAR)].map(party).to_vec()
    }

    fn moved(from: Address, to: Address, amount: u64) -> Entry {
        Entry::Hub(HubEvent::Transfer { from, to, amount: Nrlc::new(amount) })
    }

    /// The requester deposits 100 and pays 60 for a task; worker and liar stake 20 each; the liar is wrong.
    fn story() -> (Books, Books, Vec<Entry>) {
        let before = books(holding(0, 0, 150), holding(20, 0, 0), holding(20, 0, 0), holding(0, 0, 40), 40);
        let after = books(holding(40, 0, 50), holding(100, 0, 0), holding(0, 0, 0), holding(0, 0, 140), 140);
        let lock = |owner, amount| {
            let amount = Nrlc::new(amount);
            [
                Entry::Hub(HubEvent::Transfer { from: owner, to: HUB, amount }),
                Entry::Hub(HubEvent::Lock { owner, amount }),
            ]
        };
        let seize =
            |owner, amount| Entry::Hub(HubEvent::Seize { owner, amount: Nrlc::new(amount), task: task() });
        let mut entries = vec![
            Entry::Token { from: REQUESTER, to: HUB, amount: Nrlc::new(100) },
            moved(Address::ZERO, REQUESTER, 100),
        ];
        entries.extend(lock(REQUESTER, 60));
        entries.extend(lock(WORKER, 20));
        entries.extend(lock(LIAR, 20));
        entries.extend([
            seize(REQUESTER, 60),
            moved(HUB, WORKER, 20),
            Entry::Hub(HubEvent::Unlock { owner: WORKER, amount: Nrlc::new(20) }),
            moved(HUB, WORKER, 80),
            Entry::Hub(HubEvent::Reward { owner: WORKER, amount: Nrlc::new(80), task: task() }),
            seize(LIAR, 20),
            Entry::Hub(HubEvent::FaultyContribution { worker: LIAR, task: task() }),
        ]);
        (before, after, entries)
    }

    #[test]
    fn a_lie_costs_its_stake_and_everything_adds_up() {
        let (before, after, entries) = story();
        let receipt = settle(HUB, &parties(), &before, &after, entries);
        assert_eq!(receipt.mismatches, []);
        assert!(receipt.exact());
        assert_eq!(receipt.paid(), Nrlc::new(60));
        assert_eq!(receipt.earned(), Nrlc::new(80));
        assert_eq!(receipt.seized_from_workers(), Nrlc::new(20));
        assert_eq!(receipt.seized_from_pools(), Nrlc::ZERO);
        let [requester, worker, liar] = receipt.lines.as_slice() else { panic!() };
        assert_eq!((requester.paid, requester.earned), (Nrlc::new(60), Nrlc::ZERO));
        assert_eq!((worker.earned, worker.refunded), (Nrlc::new(80), Nrlc::new(20)));
        assert_eq!((liar.seized, liar.earned), (Nrlc::new(20), Nrlc::ZERO));
    }

    #[test]
    fn one_unit_too_much_or_too_little_anywhere_is_found() {
        let (before, after, entries) = story();
        for account in [REQUESTER, WORKER, LIAR, HUB] {
            for field in 0..3 {
                let mut wrong = after.clone();
                let holding = wrong.holdings.get_mut(&account).unwrap();
                let amount = match field {
                    0 => &mut holding.stake,
                    1 => &mut holding.locked,
                    _ => &mut holding.tokens,
                };
                *amount = amount.checked_add(Nrlc::new(1)).unwrap();
                let receipt = settle(HUB, &parties(), &before, &wrong, entries.clone());
                assert!(!receipt.exact(), "{account} {field}");
            }
        }
        let mut wrong = after.clone();
        wrong.supply = Nrlc::new(141);
        assert!(!settle(HUB, &parties(), &before, &wrong, entries).exact());
    }

    #[test]
    fn a_missing_event_and_an_overlooked_account_are_found() {
        let (before, after, entries) = story();
        for missing in 0..entries.len() - 1 {
            let mut entries = entries.clone();
            entries.remove(missing);
            assert!(!settle(HUB, &parties(), &before, &after, entries).exact(), "without event {missing}");
        }
        let few = &parties()[..2];
        let (mut before, mut after) = (before, after);
        before.holdings.remove(&LIAR);
        after.holdings.remove(&LIAR);
        let receipt = settle(HUB, few, &before, &after, entries);
        assert_eq!(receipt.unlisted, [LIAR]);
        assert!(!receipt.exact());
    }

    #[test]
    fn a_claimed_task_costs_the_pool_its_stake() {
        let pool = WORKER;
        let before = books(holding(0, 0, 0), holding(0, 30, 0), holding(0, 0, 0), holding(30, 0, 30), 30);
        let after = books(holding(0, 0, 0), holding(0, 0, 0), holding(0, 30, 0), holding(30, 0, 30), 30);
        let kitty = LIAR;
        let amount = Nrlc::new(30);
        let entries = vec![
            Entry::Hub(HubEvent::Seize { owner: pool, amount, task: task() }),
            moved(HUB, kitty, 30),
            Entry::Hub(HubEvent::Reward { owner: kitty, amount, task: task() }),
            moved(kitty, HUB, 30),
            Entry::Hub(HubEvent::Lock { owner: kitty, amount }),
            Entry::Hub(HubEvent::TaskClaimed { task: task() }),
        ];
        let receipt = settle(HUB, &parties(), &before, &after, entries);
        assert_eq!(receipt.mismatches, []);
        assert_eq!(receipt.seized_from_pools(), amount);
        assert_eq!(receipt.paid(), Nrlc::ZERO);
    }
}
