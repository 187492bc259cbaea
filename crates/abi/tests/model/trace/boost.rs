//! What happens to Boost deals.

use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use metacloud_protocol::hub::{BoostCall, Call, Push};
use metacloud_protocol::ids::{boost_enclave_hash, eip191};
use metacloud_protocol::{DealId, TaskId};

use super::{Agreed, Trace, pick};
use crate::cast::Who;
use crate::ops::{CallbackData, Flaw, PushOp};

impl Trace {
    /// The Boost deal of a number; now and then a classic one, or one that does not exist.
    fn boost_id(&self, number: u8) -> DealId {
        let deals = if number.is_multiple_of(16) { &self.deals } else { &self.boost_deals };
        pick(deals, number).unwrap_or(DealId(B256::repeat_byte(number)))
    }

    pub(crate) fn push(&mut self, op: PushOp) -> Agreed {
        let deal = self.boost_id(op.deal);
        let index = U256::from(op.offset);
        let task = TaskId::derive(deal, index);
        let record = self.stage.hub.boost_deal(deal);
        let results: Bytes = vec![op.result; 40].into();
        let results_callback: Bytes = match op.data {
            CallbackData::Fitting if record.callback.is_zero() => Bytes::new(),
            CallbackData::Fitting | CallbackData::Always | CallbackData::Wrong => vec![op.result; 5].into(),
            CallbackData::Empty => Bytes::new(),
        };
        let proven = if record.callback.is_zero() { &results } else { &results_callback };
        let proof = eip191(boost_enclave_hash(op.worker.address(), task, proven));
        let (enclave_challenge, enclave_sign) = match op.flaw {
            Flaw::Enclave(who) => (who.address(), who.sign(proof)),
            Flaw::LyingEnclave => (Who::Enclave.address(), Who::Enclave.sign(keccak256(proof))),
            Flaw::UnsignedEnclave => (Who::Enclave.address(), Bytes::new()),
            Flaw::None
            | Flaw::SealOfSomeoneElse
            | Flaw::NotAuthorized
            | Flaw::AuthorizedBy(_)
            | Flaw::AuthorizationOfAnotherTask
            | Flaw::CompactAuthorization => (Address::ZERO, Bytes::new()),
        };
        let scheduler = record.workerpool_owner;
        let authorization_sign = self.authorization(op.flaw, op.worker, scheduler, task, enclave_challenge);
        let push = Push {
            deal,
            index,
            results,
            results_callback,
            authorization_sign,
            enclave_challenge,
            enclave_sign,
        };
        self.perform(op.worker, &Call::Boost(BoostCall::Push(Box::new(push))))
    }

    pub(crate) fn claim_boost(&mut self, deal: u8, offset: u8, by: Who) -> Agreed {
        let call = BoostCall::Claim { deal: self.boost_id(deal), index: U256::from(offset) };
        self.perform(by, &Call::Boost(call))
    }
}
