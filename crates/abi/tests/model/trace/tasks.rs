//! What happens to tasks.

use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use metacloud_protocol::hub::{Call, TaskCall};
use metacloud_protocol::ids::{authorization_hash, eip191, enclave_hash};
use metacloud_protocol::{DealId, ResultDigest, ResultHash, ResultSeal, TaskId};

use super::matching::compact;
use super::{Agreed, Trace};
use crate::cast::Who;
use crate::ops::{CallbackData, Contribute, Flaw};

/// The results that workers may find, as callback data.
fn callback_data(result: u8) -> Bytes {
    vec![result; 5].into()
}

fn digest(result: u8) -> ResultDigest {
    ResultDigest(keccak256(callback_data(result)))
}

impl Trace {
    /// A deal and an index of it; offset 3 and more may lie beyond its end.
    fn index_of(&self, deal: u8, offset: u8) -> (DealId, U256) {
        let id = self.deal_id(deal);
        let first = self.stage.hub.deal(id).bot_first;
        (id, first.wrapping_add(U256::from(offset)))
    }

    pub(crate) fn initialize(&mut self, deal: u8, offset: u8, by: Who) -> Agreed {
        let (deal, index) = self.index_of(deal, offset);
        self.perform(by, &Call::Task(TaskCall::Initialize { deal, index }))?;
        self.compare_task(&|| "after initialize".into(), TaskId::derive(deal, index))
    }

    pub(crate) fn initialize_array(&mut self, tasks: &[(u8, u8)], uneven: bool) -> Agreed {
        let (deals, indexes) = self.pairs(tasks, uneven);
        let call = Call::Task(TaskCall::InitializeArray { deals, indexes });
        self.perform(Who::Scheduler, &call)?;
        self.find_tasks();
        Ok(())
    }

    pub(crate) fn initialize_and_claim(&mut self, tasks: &[(u8, u8)], uneven: bool) -> Agreed {
        let (deals, indexes) = self.pairs(tasks, uneven);
        let call = Call::Task(TaskCall::InitializeAndClaimArray { deals, indexes });
        self.perform(Who::Pauper, &call)?;
        self.find_tasks();
        Ok(())
    }

    fn pairs(&self, tasks: &[(u8, u8)], uneven: bool) -> (Vec<DealId>, Vec<U256>) {
        let (deals, mut indexes): (Vec<_>, Vec<_>) =
            tasks.iter().map(|&(deal, offset)| self.index_of(deal, offset)).unzip();
        if uneven {
            indexes.push(U256::ZERO);
        }
        (deals, indexes)
    }

    /// Learns of tasks that an array initialized.
    pub(super) fn find_tasks(&mut self) {
        let new: Vec<_> =
            self.stage.hub.tasks().map(|(id, _)| id).filter(|id| !self.tasks.contains(id)).collect();
        self.tasks.extend(new);
    }

    pub(crate) fn contribute(&mut self, contribute: Contribute) -> Agreed {
        let task = self.task_id(contribute.task);
        let worker = contribute.worker.address();
        let digest = digest(contribute.result);
        let sealed_for =
            if matches!(contribute.flaw, Flaw::SealOfSomeoneElse) { Address::ZERO } else { worker };
        let hash = ResultHash::derive(task, digest);
        let seal = ResultSeal::derive(sealed_for, task, digest);
        let (enclave_challenge, enclave_sign) = enclave(contribute.flaw, hash, seal);
        let (Contribute { flaw, worker: who, .. }, scheduler) = (contribute, self.deal_owner(task));
        let authorization_sign = self.authorization(flaw, who, scheduler, task, enclave_challenge);
        let before = self.stage.hub.contribution(task, worker);
        let call =
            TaskCall::Contribute { task, hash, seal, enclave_challenge, enclave_sign, authorization_sign };
        self.perform(contribute.worker, &Call::Task(call))?;
        if self.stage.hub.contribution(task, worker) != before {
            self.results.insert((task, worker), contribute.result);
        }
        Ok(())
    }

    pub(crate) fn one_step(&mut self, contribute: Contribute, data: CallbackData) -> Agreed {
        let task = self.task_id(contribute.task);
        let worker = contribute.worker.address();
        let digest = digest(contribute.result);
        let hash = ResultHash::derive(task, digest);
        let seal = ResultSeal::derive(worker, task, digest);
        let (enclave_challenge, enclave_sign) = enclave(contribute.flaw, hash, seal);
        let (Contribute { flaw, worker: who, .. }, scheduler) = (contribute, self.deal_owner(task));
        let authorization_sign = self.authorization(flaw, who, scheduler, task, enclave_challenge);
        let call = TaskCall::ContributeAndFinalize {
            task,
            digest,
            results: vec![contribute.result; usize::from(contribute.task)].into(),
            results_callback: self.callback(task, contribute.result, data),
            enclave_challenge,
            enclave_sign,
            authorization_sign,
        };
        self.perform(contribute.worker, &Call::Task(call))
    }

    /// The authorization that the deal asks for, or a flawed one.
    pub(super) fn authorization(
        &self,
        flaw: Flaw,
        worker: Who,
        scheduler: Address,
        task: TaskId,
        challenge: Address,
    ) -> Bytes {
        let broker = self.stage.hub.tee_broker();
        let signer = if challenge.is_zero() || broker.is_zero() { scheduler } else { broker };
        let signer = Who::of(signer).unwrap_or(Who::Scheduler);
        let about = |task| eip191(authorization_hash(worker.address(), task, challenge));
        match flaw {
            Flaw::NotAuthorized => Bytes::new(),
            Flaw::AuthorizedBy(who) => who.sign(about(task)),
            Flaw::AuthorizationOfAnotherTask => signer.sign(about(TaskId::ZERO)),
            Flaw::CompactAuthorization => compact(signer.sign(about(task)).to_vec()).into(),
            Flaw::None
            | Flaw::SealOfSomeoneElse
            | Flaw::Enclave(_)
            | Flaw::LyingEnclave
            | Flaw::UnsignedEnclave => signer.sign(about(task)),
        }
    }

    pub(crate) fn reveal(&mut self, task: u8, worker: Who, result: Option<u8>) -> Agreed {
        let task = self.task_id(task);
        let contributed = self.results.get(&(task, worker.address())).copied();
        let digest = digest(result.or(contributed).unwrap_or_default());
        self.perform(worker, &Call::Task(TaskCall::Reveal { task, digest }))
    }

    pub(crate) fn reveal_all(&mut self, number: u8) -> Agreed {
        let task = self.task_id(number);
        for worker in self.stage.hub.task(task).contributors {
            let result = self.results.get(&(task, worker)).copied().unwrap_or_default();
            let call = Call::Task(TaskCall::Reveal { task, digest: digest(result) });
            self.perform_from(worker, &call)?;
        }
        Ok(())
    }

    /// The scheduler in the deal of a task; zero without one.
    fn deal_owner(&self, task: TaskId) -> Address {
        let hub = &self.stage.hub;
        hub.deal(hub.task(task).deal).workerpool.owner
    }

    fn scheduler_of(&self, task: TaskId) -> Address {
        let owner = self.deal_owner(task);
        if owner.is_zero() { Who::Scheduler.address() } else { owner }
    }

    pub(crate) fn reopen(&mut self, task: u8, by: Option<Who>) -> Agreed {
        let task = self.task_id(task);
        let caller = by.map_or_else(|| self.scheduler_of(task), Who::address);
        self.perform_from(caller, &Call::Task(TaskCall::Reopen { task }))
    }

    pub(crate) fn finalize(&mut self, number: u8, by: Option<Who>, data: CallbackData) -> Agreed {
        let task = self.task_id(number);
        let caller = by.map_or_else(|| self.scheduler_of(task), Who::address);
        let revealed = self.stage.hub.task(task).result_digest;
        let result = (0..3).find(|&result| digest(result) == revealed).unwrap_or_default();
        let call = TaskCall::Finalize {
            task,
            results: vec![number; usize::from(number)].into(),
            results_callback: self.callback(task, result, data),
        };
        self.perform_from(caller, &Call::Task(call))
    }

    fn callback(&self, task: TaskId, result: u8, data: CallbackData) -> Bytes {
        let hub = &self.stage.hub;
        let wanted = !hub.deal(hub.task(task).deal).callback.is_zero();
        match data {
            CallbackData::Fitting if wanted => callback_data(result),
            CallbackData::Always => callback_data(result),
            CallbackData::Wrong => b"wrong".into(),
            CallbackData::Fitting | CallbackData::Empty => Bytes::new(),
        }
    }

    pub(crate) fn claim(&mut self, task: u8, by: Who) -> Agreed {
        let task = self.task_id(task);
        self.perform(by, &Call::Task(TaskCall::Claim { task }))
    }

    pub(crate) fn claim_array(&mut self, tasks: &[u8]) -> Agreed {
        let tasks: Vec<_> = tasks.iter().map(|&task| self.task_id(task)).collect();
        self.perform(Who::Pauper, &Call::Task(TaskCall::ClaimArray { tasks: tasks.clone() }))?;
        for task in tasks {
            self.compare_task(&|| "after claimArray".into(), task)?;
        }
        Ok(())
    }
}

/// The challenge and the proof of an enclave.
fn enclave(flaw: Flaw, hash: ResultHash, seal: ResultSeal) -> (Address, Bytes) {
    let proof = eip191(enclave_hash(hash, seal));
    match flaw {
        Flaw::Enclave(who) => (who.address(), who.sign(proof)),
        Flaw::LyingEnclave => (Who::Enclave.address(), Who::Enclave.sign(B256::ZERO)),
        Flaw::UnsignedEnclave => (Who::Enclave.address(), Bytes::new()),
        Flaw::None
        | Flaw::SealOfSomeoneElse
        | Flaw::NotAuthorized
        | Flaw::AuthorizedBy(_)
        | Flaw::AuthorizationOfAnotherTask
        | Flaw::CompactAuthorization => (Address::ZERO, Bytes::new()),
    }
}
