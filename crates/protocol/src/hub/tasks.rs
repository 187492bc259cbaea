//! The life of a task (poco 11 and 12).

use alloy_primitives::{Address, Bytes, U256};

use super::{Context, Hub, Moment, Return, callback_fits};
use crate::category::{CONTRIBUTION_DEADLINE_RATIO, FINAL_DEADLINE_RATIO, reveal_deadline_s};
use crate::consensus::{Consensus, log2_weight, worker_weight};
use crate::deal::{CONTRIBUTORS_MAX, Contribution, ContributionStatus, Deal, Task, TaskStatus};
use crate::event::Event;
use crate::ids::{
    DealId, ResultDigest, ResultHash, ResultSeal, TaskId, authorization_hash, eip191, enclave_hash,
};
use crate::revert::{ASSERTION, CustomError, Revert, require, require_or};

/// A call of the hub about tasks.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "members carry the names of the ABI")]
pub enum TaskCall {
    /// `initialize`.
    Initialize { deal: DealId, index: U256 },
    /// `initializeArray`.
    InitializeArray { deals: Vec<DealId>, indexes: Vec<U256> },
    /// `contribute`.
    Contribute {
        task: TaskId,
        hash: ResultHash,
        seal: ResultSeal,
        enclave_challenge: Address,
        enclave_sign: Bytes,
        authorization_sign: Bytes,
    },
    /// `reveal`.
    Reveal { task: TaskId, digest: ResultDigest },
    /// `reopen`.
    Reopen { task: TaskId },
    /// `finalize`.
    Finalize { task: TaskId, results: Bytes, results_callback: Bytes },
    /// `contributeAndFinalize`.
    ContributeAndFinalize {
        task: TaskId,
        digest: ResultDigest,
        results: Bytes,
        results_callback: Bytes,
        enclave_challenge: Address,
        enclave_sign: Bytes,
        authorization_sign: Bytes,
    },
    /// `claim`.
    Claim { task: TaskId },
    /// `claimArray`.
    ClaimArray { tasks: Vec<TaskId> },
    /// `initializeAndClaimArray`.
    InitializeAndClaimArray { deals: Vec<DealId>, indexes: Vec<U256> },
}

/// What a worker shows with its contribution.
struct Proof<'a> {
    enclave_challenge: Address,
    enclave_sign: &'a [u8],
    authorization_sign: &'a [u8],
}

impl Hub {
    pub(super) fn task_call(&mut self, context: &mut Context<'_>, call: &TaskCall) -> Result<Return, Revert> {
        match call {
            TaskCall::Initialize { deal, index } => {
                return self.initialize(context, *deal, *index).map(Return::Task);
            }
            TaskCall::InitializeArray { deals, indexes } => {
                require(deals.len() == indexes.len())?;
                for (&deal, &index) in deals.iter().zip(indexes) {
                    self.initialize(context, deal, index)?;
                }
                return Ok(Return::True);
            }
            TaskCall::Contribute {
                task,
                hash,
                seal,
                enclave_challenge,
                enclave_sign,
                authorization_sign,
            } => {
                let proof = Proof { enclave_challenge: *enclave_challenge, enclave_sign, authorization_sign };
                self.contribute(context, *task, *hash, *seal, &proof)?;
            }
            TaskCall::Reveal { task, digest } => self.reveal(context, *task, *digest)?,
            TaskCall::Reopen { task } => self.reopen(context, *task)?,
            TaskCall::Finalize { task, results, results_callback } => {
                self.finalize(context, *task, results, results_callback)?;
            }
            TaskCall::ContributeAndFinalize {
                task,
                digest,
                results,
                results_callback,
                enclave_challenge,
                enclave_sign,
                authorization_sign,
            } => {
                let proof = Proof { enclave_challenge: *enclave_challenge, enclave_sign, authorization_sign };
                self.contribute_and_finalize(context, *task, *digest, results, results_callback, &proof)?;
            }
            TaskCall::Claim { task } => self.claim(context, *task)?,
            TaskCall::ClaimArray { tasks } => {
                for &task in tasks {
                    self.claim(context, task)?;
                }
                return Ok(Return::True);
            }
            TaskCall::InitializeAndClaimArray { deals, indexes } => {
                require(deals.len() == indexes.len())?;
                for (&deal, &index) in deals.iter().zip(indexes) {
                    let task = self.initialize(context, deal, index)?;
                    self.claim(context, task)?;
                }
                return Ok(Return::True);
            }
        }
        Ok(Return::Nothing)
    }

    fn initialize(
        &mut self,
        context: &mut Context<'_>,
        deal_id: DealId,
        index: U256,
    ) -> Result<TaskId, Revert> {
        let deal = self.deal(deal_id);
        require(deal.covers(index))?;
        let id = TaskId::derive(deal_id, index);
        require(self.task(id).status == TaskStatus::Unset)?;
        let time_ref = self.category_of(&deal).work_clock_time_ref_s;
        let deadline = |ratio: u64| {
            let after = time_ref.checked_mul(U256::from(ratio));
            let deadline = after.and_then(|after| after.checked_add(U256::from(deal.start_time_s)));
            deadline.map(|deadline| deadline.saturating_to()).ok_or(Revert::ARITHMETIC)
        };
        let task = Task {
            status: TaskStatus::Active,
            deal: deal_id,
            index,
            time_ref_s: time_ref.saturating_to(),
            contribution_deadline_s: deadline(CONTRIBUTION_DEADLINE_RATIO)?,
            final_deadline_s: deadline(FINAL_DEADLINE_RATIO)?,
            ..Task::default()
        };
        self.tasks.insert(id, task);
        self.consensus.insert(id, Consensus::default());
        let workerpool = deal.workerpool.pointer;
        context.events.push(Event::TaskInitialize { task: id, workerpool });
        Ok(id)
    }

    fn contribute(
        &mut self,
        context: &mut Context<'_>,
        id: TaskId,
        hash: ResultHash,
        seal: ResultSeal,
        proof: &Proof<'_>,
    ) -> Result<(), Revert> {
        let worker = context.caller;
        let task = self.task(id);
        require(task.status == TaskStatus::Active)?;
        require(context.now_s < task.contribution_deadline_s)?;
        require(self.contribution(id, worker).status == ContributionStatus::Unset)?;
        require_or(task.contributors.len() < CONTRIBUTORS_MAX, CustomError::TooManyContributors)?;
        let deal = self.deal(task.deal);
        self.check_proof(context, &deal, id, hash, seal, proof)?;

        let weight = worker_weight(self.score(worker));
        let contribution = Contribution {
            status: ContributionStatus::Contributed,
            result_hash: hash,
            result_seal: seal,
            enclave_challenge: proof.enclave_challenge,
            weight: log2_weight(weight),
        };
        self.contributions.insert((id, worker), contribution);
        self.task_mut(id).contributors.push(worker);
        self.ledger.lock(worker, deal.worker_stake, &mut context.events)?;
        context.events.push(Event::TaskContribute { task: id, worker, hash });
        let consensus = self.consensus.entry(id).or_default();
        consensus.contribute(hash, weight)?;
        if consensus.reached(hash, deal.trust)? {
            self.reach_consensus(context, id, hash);
        }
        Ok(())
    }

    fn reach_consensus(&mut self, context: &mut Context<'_>, id: TaskId, hash: ResultHash) {
        let winners = self.backers(id, hash, ContributionStatus::Contributed).len();
        let now_s = context.now_s;
        let task = self.task_mut(id);
        task.status = TaskStatus::Revealing;
        task.consensus = hash;
        task.reveal_deadline_s = reveal_deadline_s(now_s, task.time_ref_s);
        task.reveal_counter = 0;
        task.winner_counter = winners as u64;
        context.events.push(Event::TaskConsensus { task: id, consensus: hash });
    }

    /// Checks 4 to 6 of poco 11.3.
    fn check_proof(
        &self,
        context: &Context<'_>,
        deal: &Deal,
        id: TaskId,
        hash: ResultHash,
        seal: ResultSeal,
        proof: &Proof<'_>,
    ) -> Result<(), Revert> {
        let challenge = proof.enclave_challenge;
        let enclave = !challenge.is_zero();
        require(enclave || !deal.tag.tee())?;
        let signer =
            if enclave && !self.tee_broker.is_zero() { self.tee_broker } else { deal.workerpool.owner };
        let authorization = eip191(authorization_hash(context.caller, id, challenge));
        require(self.verify_signature(context.world, signer, authorization, proof.authorization_sign)?)?;
        if enclave {
            let message = eip191(enclave_hash(hash, seal));
            require(self.verify_signature(context.world, challenge, message, proof.enclave_sign)?)?;
        }
        Ok(())
    }

    fn reveal(&mut self, context: &mut Context<'_>, id: TaskId, digest: ResultDigest) -> Result<(), Revert> {
        let worker = context.caller;
        let task = self.task(id);
        let contribution = self.contribution(id, worker);
        require(task.status == TaskStatus::Revealing)?;
        require(context.now_s < task.reveal_deadline_s)?;
        require(contribution.status == ContributionStatus::Contributed)?;
        require(contribution.result_hash == task.consensus)?;
        require(contribution.result_hash == ResultHash::derive(id, digest))?;
        require(contribution.result_seal == ResultSeal::derive(worker, id, digest))?;

        self.set_status(id, worker, ContributionStatus::Proved);
        let task = self.task_mut(id);
        task.reveal_counter += 1;
        task.result_digest = digest;
        context.events.push(Event::TaskReveal { task: id, worker, digest });
        Ok(())
    }

    fn reopen(&mut self, context: &mut Context<'_>, id: TaskId) -> Result<(), Revert> {
        let task = self.task(id);
        let deal = self.deal(task.deal);
        require(context.caller == deal.workerpool.owner)?;
        require(task.status == TaskStatus::Revealing)?;
        require(context.now_s < task.final_deadline_s)?;
        require(context.now_s >= task.reveal_deadline_s && task.reveal_counter == 0)?;

        for worker in self.backers(id, task.consensus, ContributionStatus::Contributed) {
            self.set_status(id, worker, ContributionStatus::Rejected);
        }
        self.consensus.entry(id).or_default().reset(task.consensus);
        let task = self.task_mut(id);
        task.status = TaskStatus::Active;
        task.consensus = ResultHash::ZERO;
        task.reveal_deadline_s = 0;
        task.winner_counter = 0;
        context.events.push(Event::TaskReopen { task: id });
        Ok(())
    }

    fn finalize(
        &mut self,
        context: &mut Context<'_>,
        id: TaskId,
        results: &Bytes,
        results_callback: &Bytes,
    ) -> Result<(), Revert> {
        let task = self.task(id);
        let deal = self.deal(task.deal);
        require(context.caller == deal.workerpool.owner)?;
        require(task.status == TaskStatus::Revealing)?;
        require(context.now_s < task.final_deadline_s)?;
        let late = task.reveal_counter > 0 && context.now_s >= task.reveal_deadline_s;
        require(task.reveal_counter == task.winner_counter || late)?;
        require(callback_fits(&deal, results_callback, task.result_digest))?;

        let task = self.task_mut(id);
        task.status = TaskStatus::Completed;
        task.results = results.clone();
        task.results_callback = results_callback.clone();
        self.settle_success(context, id, &deal)?;
        self.distribute_rewards(context, id, &deal)?;
        context.events.push(Event::TaskFinalize { task: id, results: results.clone() });
        self.call_back(context, &deal)
    }

    fn contribute_and_finalize(
        &mut self,
        context: &mut Context<'_>,
        id: TaskId,
        digest: ResultDigest,
        results: &Bytes,
        results_callback: &Bytes,
        proof: &Proof<'_>,
    ) -> Result<(), Revert> {
        let worker = context.caller;
        let task = self.task(id);
        let deal = self.deal(task.deal);
        require(task.status == TaskStatus::Active)?;
        require(context.now_s < task.contribution_deadline_s)?;
        require(task.contributors.is_empty())?;
        require(deal.trust == U256::from(1))?;
        require(callback_fits(&deal, results_callback, digest))?;
        let hash = ResultHash::derive(id, digest);
        let seal = ResultSeal::derive(worker, id, digest);
        self.check_proof(context, &deal, id, hash, seal, proof)?;

        let contribution = Contribution {
            status: ContributionStatus::Proved,
            result_hash: hash,
            result_seal: seal,
            enclave_challenge: proof.enclave_challenge,
            weight: 0,
        };
        self.contributions.insert((id, worker), contribution);
        let now_s = context.now_s;
        let task = self.task_mut(id);
        task.status = TaskStatus::Completed;
        task.consensus = hash;
        task.reveal_deadline_s = reveal_deadline_s(now_s, task.time_ref_s);
        task.reveal_counter = 1;
        task.winner_counter = 1;
        task.result_digest = digest;
        task.results = results.clone();
        task.results_callback = results_callback.clone();
        task.contributors = vec![worker];
        self.settle_success(context, id, &deal)?;
        self.reward_at_once(context, id, &deal)?;
        context.events.extend([
            Event::TaskContribute { task: id, worker, hash },
            Event::TaskConsensus { task: id, consensus: hash },
            Event::TaskReveal { task: id, worker, digest },
            Event::TaskFinalize { task: id, results: results.clone() },
        ]);
        self.call_back(context, &deal)
    }

    /// The last step of a success (poco 14): the consumer runs, and must have had all its gas.
    fn call_back(&mut self, context: &mut Context<'_>, deal: &Deal) -> Result<(), Revert> {
        let enough = deal.callback.is_zero() || self.visited(context, Moment::Callback(deal.callback));
        require_or(enough, Revert::Panic(ASSERTION))
    }

    fn claim(&mut self, context: &mut Context<'_>, id: TaskId) -> Result<(), Revert> {
        let task = self.task(id);
        let deal = self.deal(task.deal);
        require(matches!(task.status, TaskStatus::Active | TaskStatus::Revealing))?;
        require(context.now_s >= task.final_deadline_s)?;

        self.task_mut(id).status = TaskStatus::Failed;
        self.settle_failure(context, id, &deal)?;
        for worker in task.contributors {
            self.ledger.unlock(worker, deal.worker_stake, &mut context.events)?;
        }
        context.events.push(Event::TaskClaimed { task: id });
        Ok(())
    }

    /// Contributors that back a result and stand in this status, in order.
    fn backers(&self, id: TaskId, hash: ResultHash, status: ContributionStatus) -> Vec<Address> {
        let mut contributors = self.task(id).contributors;
        contributors.retain(|&worker| {
            let contribution = self.contribution(id, worker);
            contribution.result_hash == hash && contribution.status == status
        });
        contributors
    }

    fn task_mut(&mut self, id: TaskId) -> &mut Task {
        self.tasks.entry(id).or_default()
    }

    fn set_status(&mut self, id: TaskId, worker: Address, status: ContributionStatus) {
        self.contributions.entry((id, worker)).or_default().status = status;
    }
}
