//! A contract that calls the hub while the hub calls it, in the EVM and in the model: the consumer of results, the
//! spender of approvals, and whoever hears of moves of a base token that tells.
//!
//! Each time it is entered in a transaction it plays the next of its scripts: calls, of each of which it logs whether it
//! succeeded and what came back, and an end.

use std::fmt::Write as _;

use alloy_primitives::{Address, Bytes, U256, hex};
use alloy_sol_types::{SolCall, sol};
use metacloud_protocol::event::Event;
use metacloud_protocol::hub::{Call, Hub, Moment};
use metacloud_protocol::revert::Revert;
use revm::state::Bytecode;

use crate::asm::asm;
use crate::encode;
use crate::strangers::{Stranger, size};
use crate::world::{Others, receiveApprovalCall};

sol! {
    function receiveResult(bytes32 taskId, bytes result);
    function tokensMove();
}

/// Most calls of the first script; later ones make one. A callback's gas is enough for them.
pub(crate) const CALLS_MAX: usize = 3;
/// Gas that callbacks get while the puppet plays.
pub(crate) const CALLBACK_GAS: u64 = 2_000_000;

/// How a script ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum End {
    /// Returns true.
    #[default]
    Return,
    /// Undoes everything that the script did.
    Revert,
    /// The same with all gas burnt.
    Burn,
}

/// What the puppet does when it is entered.
#[derive(Clone, Debug)]
pub(crate) struct Script {
    /// Where the calls go, their data, and what they mean.
    pub(crate) calls: Vec<(Address, Bytes, Call)>,
    pub(crate) end: End,
}

/// What the base token does besides what it should, when the hub calls it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mood {
    /// Tells the puppet before and after it moves.
    Telling,
    /// Tells the puppet, moves nothing, and answers false.
    Refusing,
    /// Tells the puppet, moves nothing, and answers nothing.
    Silent,
    /// Tells the puppet, moves nothing, and answers 2.
    Garbled,
    /// Tells the puppet, and reverts with data.
    Reverting,
}

/// What a [`Mood::Reverting`] token reverts with.
const REFUSAL: [u8; 4] = hex!("0badf00d");

/// What came of a call of the puppet.
#[derive(Clone, Debug)]
pub(crate) struct Outcome {
    /// The name of the call, for people.
    pub(crate) function: String,
    /// What was returned.
    pub(crate) outcome: Result<Bytes, Revert>,
}

/// The state of the puppet in one transaction of the model.
#[derive(Clone, Debug, Default)]
pub(crate) struct Puppet {
    pub(crate) scripts: Vec<Script>,
    pub(crate) token: Option<Mood>,
    /// Scripts played so far.
    entered: usize,
    /// How the puppet answered as a spender.
    pub(crate) approval: End,
    /// Inside of a callback, whose gas is bounded.
    bounded: bool,
    /// What came of its calls.
    pub(crate) outcomes: Vec<Outcome>,
}

impl Puppet {
    /// Forgets what a transaction did.
    pub(crate) fn rest(&mut self) {
        (self.entered, self.bounded) = (0, false);
        self.outcomes.clear();
    }

    /// What it logs of its calls.
    pub(crate) fn told(&self) -> Vec<Bytes> {
        let told = |outcome: &Outcome| {
            let (success, data) = match &outcome.outcome {
                Ok(data) => (1_u8, data.clone()),
                Err(revert) => (0, revert.data()),
            };
            [&U256::from(success).to_be_bytes::<32>()[..], &data].concat().into()
        };
        self.outcomes.iter().map(told).collect()
    }

    pub(crate) fn refusal(&self) -> Option<Result<bool, Revert>> {
        match self.token? {
            Mood::Telling => None,
            Mood::Refusing => Some(Ok(false)),
            Mood::Silent | Mood::Garbled => Some(Err(Revert::Empty)),
            Mood::Reverting => Some(Err(Revert::Foreign(REFUSAL.into()))),
        }
    }
}

impl Others {
    /// The model of [`code`] and [`token_code`].
    pub(crate) fn play(&self, hub: &mut Hub, now_s: u64, moment: Moment, events: &mut Vec<Event>) -> bool {
        let visited = match moment {
            Moment::BeforeMove | Moment::AfterMove => self.puppet.borrow().token.is_some(),
            Moment::Callback(consumer) | Moment::Approval(consumer) => consumer == Stranger::Puppet.address(),
        };
        let bounded = self.puppet.borrow().bounded;
        if !visited {
            let burns =
                matches!(moment, Moment::Callback(it) if Stranger::of(it).is_some_and(Stranger::burns));
            return !(burns && bounded);
        }
        let entry = self.puppet.borrow().entered;
        self.puppet.borrow_mut().approval = End::Return;
        let Some(script) = self.puppet.borrow().scripts.get(entry).cloned() else { return true };
        let before = (hub.clone(), events.len(), self.puppet.borrow().outcomes.len());
        self.puppet.borrow_mut().entered += 1;
        self.puppet.borrow_mut().bounded |= matches!(moment, Moment::Callback(_));
        for (_, _, call) in &script.calls {
            let mark = (self.puppet.borrow().entered, self.puppet.borrow().outcomes.len());
            let outcome = match hub.reenter(now_s, Stranger::Puppet.address(), call, self) {
                Ok((returned, nested)) => {
                    events.extend(nested);
                    Ok(encode::returned(&returned))
                }
                Err(revert) => {
                    self.puppet.borrow_mut().entered = mark.0;
                    self.puppet.borrow_mut().outcomes.truncate(mark.1);
                    Err(revert)
                }
            };
            let function = function(call);
            self.puppet.borrow_mut().outcomes.push(Outcome { function, outcome });
        }
        let mut puppet = self.puppet.borrow_mut();
        (puppet.bounded, puppet.approval) = (bounded, script.end);
        if script.end != End::Return {
            *hub = before.0;
            events.truncate(before.1);
            puppet.outcomes.truncate(before.2);
            puppet.entered = entry;
        }
        !(bounded && script.end == End::Burn)
    }
}

/// The name of a call: the words before its arguments.
fn function(call: &Call) -> String {
    let text = format!("{call:?}");
    let words = text.split([' ', '{']).next().unwrap_or_default();
    words.trim_end_matches('(').to_owned()
}

/// The puppet: a wallet, except when it is told of results, approvals and moves.
pub(crate) fn code(scripts: &[Script]) -> Bytecode {
    let selectors = [receiveResultCall::SELECTOR, receiveApprovalCall::SELECTOR, tokensMoveCall::SELECTOR];
    let mut text = "push0 calldataload 0xe0 shr".to_owned();
    for selector in selectors {
        write!(text, " dup1 0x{} eq @play jumpi", hex::encode(selector)).expect("a string takes it");
    }
    text += " 0x44 calldataload 0x01 eq 0x1626ba7e 0xe0 shl mul push0 mstore 0x20 push0 return";
    text += " play: push0 tload";
    for entry in 0..scripts.len() {
        write!(text, " dup1 0x{entry:02x} eq @script{entry} jumpi").expect("a string takes it");
    }
    text += " 0x01 push0 mstore 0x20 push0 return";
    let mut data = Vec::new();
    for (entry, script) in scripts.iter().enumerate() {
        write!(text, " script{entry}: 0x{:02x} push0 tstore", entry + 1).expect("a string takes it");
        for (target, call, _) in &script.calls {
            let (size, number) = (size(call), data.len());
            write!(
                text,
                " {size} #{number} push0 codecopy push0 push0 {size} push0 push0 {target:#x} gas call \
                 push0 mstore returndatasize push0 0x20 returndatacopy returndatasize 0x20 add push0 log0"
            )
            .expect("a string takes it");
            data.push(call.clone());
        }
        text += match script.end {
            End::Return => " 0x01 push0 mstore 0x20 push0 return",
            End::Revert => " push0 push0 revert",
            End::Burn => " invalid",
        };
    }
    asm(&text, &data)
}

/// A token in a mood: the sound one, whose code lies at `sound`, runs in the place of this one.
pub(crate) fn token_code(mood: Mood, hub: Address, sound: Address) -> Bytecode {
    let transfer = hex::encode(metacloud_abi::Rlc::transferCall::SELECTOR);
    let transfer_from = hex::encode(metacloud_abi::Rlc::transferFromCall::SELECTOR);
    let tell = format!(
        "0x{} push0 mstore push0 push0 0x04 0x1c push0 {:#x} gas call pop",
        hex::encode(tokensMoveCall::SELECTOR),
        Stranger::Puppet.address()
    );
    let run = format!(
        "calldatasize push0 push0 calldatacopy push0 push0 calldatasize push0 {sound:#x} gas delegatecall"
    );
    let word = "push0 mstore 0x20 push0 return";
    let answer = match mood {
        Mood::Telling => format!("{run} iszero @fail jumpi {tell} 0x01 {word}"),
        Mood::Refusing => format!("push0 {word}"),
        Mood::Silent => "stop".to_owned(),
        Mood::Garbled => format!("0x02 {word}"),
        Mood::Reverting => format!("0x{} push0 mstore 0x04 0x1c revert", hex::encode(REFUSAL)),
    };
    let text = format!(
        "push0 calldataload 0xe0 shr dup1 0x{transfer} eq swap1 0x{transfer_from} eq or \
         caller {hub:#x} eq and iszero @plain jumpi {tell} {answer} \
         plain: {run} iszero @fail jumpi returndatasize push0 push0 returndatacopy returndatasize push0 return \
         fail: returndatasize push0 push0 returndatacopy returndatasize push0 revert"
    );
    asm(&text, &[])
}
