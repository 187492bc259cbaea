//! Foreign code in the middle of calls, and code that comes and goes.

use alloy_primitives::{Address, U256};
use metacloud_protocol::DealId;
use metacloud_protocol::hub::{Call, ConfigurationCall};
use revm::state::Bytecode;

use super::{Agreed, Trace};
use crate::encode;
use crate::ops::Mischief;
use crate::puppet::{self, CALLBACK_GAS, CALLS_MAX, Script};
use crate::stage::SOUND_TOKEN;
use crate::strangers::Stranger;

const PUPPET: Stranger = Stranger::Puppet;

impl Trace {
    pub(crate) fn delegate(&mut self, is_delegated: bool) {
        let address = Stranger::Delegated.address();
        let code = if is_delegated { self.code_of(Stranger::Delegated) } else { Bytecode::new() };
        self.stage.others.is_delegated = is_delegated;
        self.stage.evm.set_code(address, code);
    }

    fn code_of(&self, stranger: Stranger) -> Bytecode {
        stranger.code(Address::ZERO, self.stage.addresses.hub)
    }

    pub(crate) fn mischief(&mut self, mischief: &Mischief) -> Agreed {
        let gas_limit = U256::from(CALLBACK_GAS);
        let owner = self.stage.hub.owner();
        self.perform_from(owner, &Call::Configuration(ConfigurationCall::SetCallbackGas { gas_limit }))?;
        if mischief.owns_hub {
            let new_owner = PUPPET.address();
            let call = ConfigurationCall::TransferOwnership { new_owner };
            self.perform_from(owner, &Call::Configuration(call))?;
        }
        let mut scripts = Vec::new();
        for (ops, end) in &mischief.scripts {
            self.collected = Some(vec![]);
            ops.iter().try_for_each(|op| self.step(op))?;
            let calls = self.collected.take().expect("collecting until here");
            let calls = calls.into_iter().take(CALLS_MAX).map(|call| {
                let (target, data) = encode::call(&call, self.stage.addresses.hub);
                (self.stage.address_of(target), data, call)
            });
            scripts.push(Script { calls: calls.collect(), end: *end });
        }
        self.stage.evm.set_code(PUPPET.address(), puppet::code(&scripts));
        if let Some(mood) = mischief.token {
            let code = puppet::token_code(mood, self.stage.addresses.hub, SOUND_TOKEN);
            self.stage.evm.set_code(self.stage.addresses.rlc, code);
        }
        let puppet = self.stage.others.puppet.get_mut();
        (puppet.scripts, puppet.token) = (scripts, mischief.token);
        let done = self.step(&mischief.during);
        self.end_mischief();
        done
    }

    fn end_mischief(&mut self) {
        let sound = Bytecode::new_raw(self.stage.evm.code(SOUND_TOKEN));
        self.stage.evm.set_code(self.stage.addresses.rlc, sound);
        let code = self.code_of(PUPPET);
        self.stage.evm.set_code(PUPPET.address(), code);
        let puppet = self.stage.others.puppet.get_mut();
        (puppet.scripts, puppet.token) = (vec![], None);
        self.find_tasks();
        self.find_deals();
    }

    /// Learns of deals that were not made by a transaction of their own.
    pub(super) fn find_deals(&mut self) {
        let is_new = |known: &[DealId], id: &DealId| !known.contains(id);
        let new: Vec<_> =
            self.stage.hub.deals().map(|(id, _)| id).filter(|id| is_new(&self.deals, id)).collect();
        self.deals.extend(new);
        let boost = self.stage.hub.boost_deals().map(|(id, _)| id);
        let new: Vec<_> = boost.filter(|id| is_new(&self.boost_deals, id)).collect();
        self.boost_deals.extend(new);
    }
}
