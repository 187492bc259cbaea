//! Which enclaves this pool admits, and whether the evidence about one is worth its authorization.

use alloy_primitives::Address;
use metacloud_dispatch as dispatch;
use metacloud_dispatch::{Blame, Enclave, WorkerId};
use metacloud_protocol::Tag;
use metacloud_wire::cause::Cause;
use metacloud_wire::enclave::{EnclaveKind, Evidence, Roots};
use metacloud_wire::pool;

/// What a tag says of enclaves: bit 0, and the framework bits.
const ABOUT_ENCLAVES: [Tag; 4] = [Tag::TEE, Tag::SCONE, Tag::GRAMINE, Tag::TDX];

/// What this pool admits.
#[derive(Clone, Debug)]
pub(crate) struct Admission {
    roots: Roots,
    /// Signs authorizations of enclaves in place of the pool's owner, if the hub has such an account.
    broker: Address,
}

impl Admission {
    pub(crate) fn new(roots: Roots, broker: Address) -> Self {
        Self { roots, broker }
    }

    /// Why this pool does not run deals with this tag (middleware A.4), if so.
    pub(crate) fn refusal(&self, tag: Tag) -> Option<String> {
        if !tag.tee() && tag.frameworks() == 0 {
            return None;
        }
        if !tag.tee() || tag.frameworks() != 1 {
            return Some("the tag demands an enclave without naming exactly one framework".to_owned());
        }
        if self.roots.simulation.is_empty() {
            return Some("the deal demands an enclave, and this pool admits none".to_owned());
        }
        if !self.broker.is_zero() {
            return Some(format!(
                "the deal demands an enclave, which on this hub the broker {} has to authorize, not this pool",
                self.broker
            ));
        }
        let other = !tag.contains(Tag::TDX);
        other.then(|| "this pool has no enclaves of the deal's framework, only of tdx".to_owned())
    }

    /// What a worker's offer is worth here, and the tag that is believed of it.
    pub(crate) fn judge(&self, capacity: &pool::Capacity) -> (Tag, dispatch::EnclaveOffer) {
        let claimed = ABOUT_ENCLAVES.iter().fold(capacity.tag, |tag, bit| tag.without(*bit));
        match capacity.enclave {
            None => (claimed, dispatch::EnclaveOffer::None),
            Some(pool::EnclaveOffer { kind: EnclaveKind::Simulation, root })
                if self.roots.simulation.contains(&root) =>
            {
                let kind = dispatch::EnclaveKind::Simulation;
                (claimed | Tag::TEE | Tag::TDX, dispatch::EnclaveOffer::Admitted(kind))
            }
            Some(_) => (claimed, dispatch::EnclaveOffer::NotAdmitted),
        }
    }

    /// The enclave that the evidence is about, if it is an admitted one of this worker. `now_s` is Unix time.
    pub(crate) fn verify(
        &self,
        worker: WorkerId,
        evidence: &Evidence,
        now_s: u64,
    ) -> Result<Enclave, dispatch::Failure> {
        let refused = |why: String| dispatch::Failure {
            cause: Cause::TEE_PREPARATION_FAILED.as_str().to_owned(),
            message: format!("the evidence about the enclave is refused: {why}"),
            blame: Blame::Worker,
        };
        let verified = evidence.verify(&self.roots, now_s).map_err(|error| refused(error.to_string()))?;
        let statement = verified.statement();
        if statement.worker != worker.0 {
            return Err(refused(format!("it is of worker {}, not of {worker}", statement.worker)));
        }
        let kind = match verified.kind() {
            EnclaveKind::Simulation => dispatch::EnclaveKind::Simulation,
        };
        Ok(Enclave { kind, address: statement.enclave })
    }
}

/// The kind in the words of the interface.
pub(crate) fn kind(kind: dispatch::EnclaveKind) -> EnclaveKind {
    match kind {
        dispatch::EnclaveKind::Simulation => EnclaveKind::Simulation,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOT: Address = Address::repeat_byte(0x99);

    fn admission(simulation: Vec<Address>, broker: Address) -> Admission {
        Admission::new(Roots { chain_id: 1, hub: Address::repeat_byte(1), simulation }, broker)
    }

    #[test]
    fn deals_that_cannot_run_here_are_refused_with_their_reason() {
        let tdx = Tag::TEE | Tag::TDX;
        let admits = admission(vec![ROOT], Address::ZERO);
        for (tag, why) in [
            (Tag::TEE, "exactly one framework"),
            (Tag::TDX, "exactly one framework"),
            (tdx | Tag::SCONE, "exactly one framework"),
            (Tag::TEE | Tag::SCONE, "only of tdx"),
        ] {
            assert!(admits.refusal(tag).is_some_and(|found| found.contains(why)), "{tag:?}");
        }
        assert_eq!(admits.refusal(tdx), None);
        assert_eq!(admits.refusal(Tag::GPU), None);
        let none = admission(vec![], Address::ZERO);
        assert!(none.refusal(tdx).is_some_and(|why| why.contains("admits none")));
        assert_eq!(none.refusal(Tag::NONE), None);
        let brokered = admission(vec![ROOT], Address::repeat_byte(7));
        assert!(brokered.refusal(tdx).is_some_and(|why| why.contains("broker")));
    }

    #[test]
    fn enclave_bits_that_a_worker_claims_are_not_believed() {
        let claimed = Tag::TEE | Tag::TDX | Tag::SCONE | Tag::GPU;
        let offer = |root| Some(pool::EnclaveOffer { kind: EnclaveKind::Simulation, root });
        let capacity = |enclave| pool::Capacity { slots: 1, memory_bytes: 0, tag: claimed, enclave };
        let admits = admission(vec![ROOT], Address::ZERO);
        assert_eq!(admits.judge(&capacity(None)), (Tag::GPU, dispatch::EnclaveOffer::None));
        let stranger = offer(Address::repeat_byte(0x98));
        assert_eq!(admits.judge(&capacity(stranger)), (Tag::GPU, dispatch::EnclaveOffer::NotAdmitted));
        let admitted = dispatch::EnclaveOffer::Admitted(dispatch::EnclaveKind::Simulation);
        assert_eq!(admits.judge(&capacity(offer(ROOT))), (Tag::GPU | Tag::TEE | Tag::TDX, admitted));
    }
}
