//! A trace in progress: each event of it happens to the model and to the contracts, and both must agree.

mod books;
mod boost;
mod compare;
mod matching;
mod reentry;
mod tasks;
mod various;

use std::collections::BTreeMap;

use alloy_primitives::{Address, B256, Bytes};
use metacloud_abi::Contract;
use metacloud_protocol::hub::{Call, Return};
use metacloud_protocol::{DealId, SignedOrders, TaskId};
use proptest::test_runner::TestCaseError;
use revm::state::Bytecode;

use crate::cast::Who;
use crate::encode;
use crate::ops::{Deadline, LATEST, Op, Wait};
use crate::stage::{Stage, stage};
use books::Books;

/// A disagreement, told for people.
pub(crate) type Agreed = Result<(), TestCaseError>;

/// Under which name [`Trace::met`] counts transactions.
pub(crate) const OPERATIONS: &str = "operations";

/// Under which names it counts what came of the puppet's calls.
pub(crate) const PUPPET_SUCCEEDS: &str = "the puppet succeeds";
pub(crate) const PUPPET_FAILS: &str = "the puppet fails";

/// Both sides and what a trace refers to by number.
pub(crate) struct Trace {
    stage: Stage,
    deals: Vec<DealId>,
    boost_deals: Vec<DealId>,
    tasks: Vec<TaskId>,
    orders: Vec<SignedOrders>,
    /// Which of the few results a worker contributed.
    results: BTreeMap<(TaskId, Address), u8>,
    /// What the contracts alone told so far.
    books: Books,
    /// Calls that are not to be performed but to be collected for the puppet.
    collected: Option<Vec<Call>>,
    /// How often each event and each form of failure was met: evidence that traces reach them.
    pub(crate) met: BTreeMap<String, usize>,
}

impl Trace {
    pub(crate) fn new() -> Self {
        Self {
            stage: stage(),
            deals: vec![],
            boost_deals: vec![],
            tasks: vec![],
            orders: vec![],
            results: BTreeMap::new(),
            books: Books::default(),
            collected: None,
            met: BTreeMap::new(),
        }
    }

    /// A trace whose contracts have other code in one module.
    pub(crate) fn with_fault(module: Contract, code: &Bytes) -> Self {
        let mut trace = Self::new();
        let sound = module.deployed_code();
        let modules = trace.stage.others.ours.clone();
        let is_sound = |address: &Address| trace.stage.evm.code(*address) == *sound;
        let address = modules.iter().find(|address| is_sound(address)).expect("the module is deployed");
        trace.stage.evm.set_code(*address, Bytecode::new_raw(code.clone()));
        trace
    }

    /// Lets one event happen to both sides.
    pub(crate) fn step(&mut self, op: &Op) -> Agreed {
        match op {
            Op::Wait(wait) => {
                self.wait(*wait);
                Ok(())
            }
            Op::Match(op) => self.match_new(op),
            Op::MatchAgain { which, by } => self.match_again(*which, *by),
            Op::Initialize { deal, offset, by } => self.initialize(*deal, *offset, *by),
            Op::InitializeArray { tasks, uneven } => self.initialize_array(tasks, *uneven),
            Op::Contribute(contribute) => self.contribute(*contribute),
            Op::OneStep { contribute, data } => self.one_step(*contribute, *data),
            Op::Reveal { task, worker, result } => self.reveal(*task, *worker, *result),
            Op::RevealAll { task } => self.reveal_all(*task),
            Op::Reopen { task, by } => self.reopen(*task, *by),
            Op::Finalize { task, by, data } => self.finalize(*task, *by, *data),
            Op::Claim { task, by } => self.claim(*task, *by),
            Op::ClaimArray { tasks } => self.claim_array(tasks),
            Op::InitializeAndClaimArray { tasks, uneven } => self.initialize_and_claim(tasks, *uneven),
            Op::Push(push) => self.push(*push),
            Op::ClaimBoost { deal, offset, by } => self.claim_boost(*deal, *offset, *by),
            Op::Manage(manage) => self.manage(*manage),
            Op::Broadcast { which, kind, by } => self.broadcast(*which, *kind, *by),
            Op::Money { by, money } => self.money(*by, money),
            Op::Configure { by, setting } => self.configure(*by, setting),
            Op::GiveAsset { asset, to } => self.give_asset(*asset, *to),
            Op::ChangePolicy { pool, stake_ratio, reward_ratio } => {
                self.change_policy(*pool, *stake_ratio, *reward_ratio)
            }
            Op::Ask(question) => self.ask(question),
            Op::Delegate(is_delegated) => {
                self.delegate(*is_delegated);
                Ok(())
            }
            Op::Mischief(mischief) => self.mischief(mischief),
        }
    }

    pub(crate) fn now_s(&self) -> u64 {
        self.stage.evm.now_s
    }

    fn wait(&mut self, wait: Wait) {
        let now_s = self.now_s();
        let until_s = match wait {
            Wait::Seconds(seconds) => now_s + u64::from(seconds),
            Wait::Until { task, deadline, shift } => {
                let task = self.stage.hub.task(self.task_id(task));
                let deadline_s = match deadline {
                    Deadline::Contribution => task.contribution_deadline_s,
                    Deadline::Reveal => task.reveal_deadline_s,
                    Deadline::Final => task.final_deadline_s,
                };
                deadline_s.saturating_add_signed(shift.into())
            }
        };
        // Time neither runs backwards nor to the end of the world.
        if until_s > now_s && until_s < 1 << 40 {
            self.stage.evm.now_s = until_s;
        }
    }

    /// A transaction of an account.
    fn perform(&mut self, who: Who, call: &Call) -> Agreed {
        self.perform_from(who.address(), call)
    }

    /// The one place where both sides act.
    fn perform_from(&mut self, caller: Address, call: &Call) -> Agreed {
        if let Some(collected) = &mut self.collected {
            collected.push(call.clone());
            return Ok(());
        }
        *self.met.entry(OPERATIONS.to_owned()).or_default() += 1;
        let now_s = self.now_s();
        let (target, data) = encode::call(call, self.stage.addresses.hub);
        let to = self.stage.address_of(target);
        self.open_books();
        self.stage.others.puppet.borrow_mut().rest();
        let modelled = self.stage.hub.handle(now_s, caller, call, &self.stage.others);
        let deployed = self.stage.evm.transact(caller, Some(to), data);
        let story = || format!("{} at {now_s} calls {call:?}", name(caller));
        let mut logs = vec![];
        match (&modelled, deployed) {
            (Ok((returned, events)), Ok(success)) => {
                events.iter().for_each(|event| self.meet(event));
                self.compare_success(&story, returned, events, &success)?;
                self.remember(*returned);
                self.meet_puppet();
                logs = success.logs;
            }
            (Err(revert), Err(data)) => {
                self.meet(revert);
                if revert.data() != data {
                    let text = format!("{}\n  model reverts {revert:?}\n  contract reverts {data}", story());
                    return Err(TestCaseError::fail(text));
                }
            }
            (modelled, deployed) => {
                let deployed = deployed.map(|success| success.output);
                let text = format!("{}\n  model: {modelled:?}\n  contract: {deployed:?}", story());
                return Err(TestCaseError::fail(text));
            }
        }
        self.check_books(&story, caller, call, &logs)?;
        self.compare_ledger(&story)?;
        self.compare_call(&story, call, caller)
    }

    /// Counts an outcome by its first word, texts of failures whole.
    fn meet(&mut self, outcome: &dyn std::fmt::Debug) {
        let text = format!("{outcome:?}");
        let end =
            if text.starts_with("Text") { text.len() } else { text.find([' ', '{']).unwrap_or(text.len()) };
        *self.met.entry(text[..end].to_owned()).or_default() += 1;
    }

    /// Counts what came of the puppet's calls, in the order of which they are kept.
    fn meet_puppet(&mut self) {
        let outcomes = self.stage.others.puppet.borrow().outcomes.clone();
        for outcome in outcomes {
            let (kind, what) = match &outcome.outcome {
                Ok(_) => (PUPPET_SUCCEEDS, outcome.function),
                Err(revert) => (PUPPET_FAILS, format!("{revert:?}")),
            };
            *self.met.entry(kind.to_owned()).or_default() += 1;
            *self.met.entry(format!("{kind}: {what}")).or_default() += 1;
        }
    }

    fn remember(&mut self, returned: Return) {
        match returned {
            Return::Deal(deal) => self.deals.push(deal),
            Return::Task(task) => self.tasks.push(task),
            Return::Nothing | Return::True | Return::Amount(_) | Return::Category(_) => {}
        }
    }

    /// The deal of a number, now and then a Boost deal; one that does not exist while there is none.
    fn deal_id(&self, number: u8) -> DealId {
        let deals =
            if number == 16 && !self.boost_deals.is_empty() { &self.boost_deals } else { &self.deals };
        pick(deals, number).unwrap_or(DealId(B256::repeat_byte(number)))
    }

    /// The task of a number; one that does not exist while there is none.
    fn task_id(&self, number: u8) -> TaskId {
        pick(&self.tasks, number).unwrap_or(TaskId(B256::repeat_byte(number)))
    }

    fn view(&mut self, data: Vec<u8>) -> Result<Bytes, Bytes> {
        let hub = self.stage.addresses.hub;
        self.stage.evm.call(Who::Pauper.address(), hub, data.into())
    }
}

fn pick<T: Copy>(list: &[T], number: u8) -> Option<T> {
    if number == LATEST {
        return list.last().copied();
    }
    list.get(usize::from(number).checked_rem(list.len())?).copied()
}

fn name(address: Address) -> String {
    Who::of(address).map_or_else(|| address.to_string(), |who| format!("{who:?}"))
}
