//! Between the tuples of the ABI and the protocol's types.

use std::borrow::Cow;

use alloy_primitives::U256;
use metacloud_abi::Hub;
use metacloud_protocol::deal::ContributionStatus;
use metacloud_protocol::{
    Account, AppOrder, Category, CategoryId, Contribution, DatasetOrder, Deal, DealId, Nrlc, RequestOrder,
    Resource, ResultDigest, ResultHash, ResultSeal, Signed, Tag, Task, TaskStatus, WorkerpoolOrder,
};

/// Times past 64 bits never come.
fn seconds(time: U256) -> u64 {
    time.saturating_to()
}

pub(super) fn app_order(signed: &Signed<AppOrder>) -> Hub::AppOrder {
    let order = signed.order.clone();
    Hub::AppOrder {
        app: order.app,
        appprice: order.appprice,
        volume: order.volume,
        tag: order.tag,
        datasetrestrict: order.datasetrestrict,
        workerpoolrestrict: order.workerpoolrestrict,
        requesterrestrict: order.requesterrestrict,
        salt: order.salt,
        sign: signed.sign.clone(),
    }
}

pub(super) fn dataset_order(signed: &Signed<DatasetOrder>) -> Hub::DatasetOrder {
    let order = signed.order.clone();
    Hub::DatasetOrder {
        dataset: order.dataset,
        datasetprice: order.datasetprice,
        volume: order.volume,
        tag: order.tag,
        apprestrict: order.apprestrict,
        workerpoolrestrict: order.workerpoolrestrict,
        requesterrestrict: order.requesterrestrict,
        salt: order.salt,
        sign: signed.sign.clone(),
    }
}

pub(super) fn workerpool_order(signed: &Signed<WorkerpoolOrder>) -> Hub::WorkerpoolOrder {
    let order = signed.order.clone();
    Hub::WorkerpoolOrder {
        workerpool: order.workerpool,
        workerpoolprice: order.workerpoolprice,
        volume: order.volume,
        tag: order.tag,
        category: order.category,
        trust: order.trust,
        apprestrict: order.apprestrict,
        datasetrestrict: order.datasetrestrict,
        requesterrestrict: order.requesterrestrict,
        salt: order.salt,
        sign: signed.sign.clone(),
    }
}

pub(super) fn request_order(signed: &Signed<RequestOrder>) -> Hub::RequestOrder {
    let order = signed.order.clone();
    Hub::RequestOrder {
        app: order.app,
        appmaxprice: order.appmaxprice,
        dataset: order.dataset,
        datasetmaxprice: order.datasetmaxprice,
        workerpool: order.workerpool,
        workerpoolmaxprice: order.workerpoolmaxprice,
        requester: order.requester,
        volume: order.volume,
        tag: order.tag,
        category: order.category,
        trust: order.trust,
        beneficiary: order.beneficiary,
        callback: order.callback,
        params: order.params,
        salt: order.salt,
        sign: signed.sign.clone(),
    }
}

pub(super) fn account(account: Hub::Account) -> Account {
    Account { stake: Nrlc(account.stake), locked: Nrlc(account.locked) }
}

pub(super) fn category(category: Hub::Category) -> Category {
    Category {
        name: Cow::Owned(category.name),
        description: Cow::Owned(category.description),
        work_clock_time_ref_s: seconds(category.workClockTimeRef),
    }
}

fn resource(resource: Hub::Resource) -> Resource {
    Resource { pointer: resource.pointer, owner: resource.owner, price: Nrlc(resource.price) }
}

/// `Err` names the member that no hub of ours can hold.
pub(super) fn deal(deal: Hub::Deal) -> Result<Deal, &'static str> {
    Ok(Deal {
        app: resource(deal.app),
        dataset: resource(deal.dataset),
        workerpool: resource(deal.workerpool),
        trust: deal.trust,
        category: CategoryId(deal.category.try_into().map_err(|_| "category past 64 bits")?),
        tag: Tag(deal.tag),
        requester: deal.requester,
        beneficiary: deal.beneficiary,
        callback: deal.callback,
        params: deal.params,
        start_time_s: seconds(deal.startTime),
        bot_first: deal.botFirst,
        bot_size: deal.botSize,
        worker_stake: Nrlc(deal.workerStake),
        scheduler_reward_ratio: deal.schedulerRewardRatio,
        sponsor: deal.sponsor,
    })
}

/// `Err` names the member that no hub of ours can hold.
pub(super) fn task(task: Hub::Task) -> Result<Task, &'static str> {
    Ok(Task {
        status: TaskStatus::from_number(task.status).ok_or("task status above 4")?,
        deal: DealId(task.dealid),
        index: task.idx,
        time_ref_s: seconds(task.timeref),
        contribution_deadline_s: seconds(task.contributionDeadline),
        reveal_deadline_s: seconds(task.revealDeadline),
        final_deadline_s: seconds(task.finalDeadline),
        consensus: ResultHash(task.consensusValue),
        reveal_counter: task.revealCounter.try_into().map_err(|_| "reveal counter past 64 bits")?,
        winner_counter: task.winnerCounter.try_into().map_err(|_| "winner counter past 64 bits")?,
        contributors: task.contributors,
        result_digest: ResultDigest(task.resultDigest),
        results: task.results,
        results_callback: task.resultsCallback,
    })
}

/// `Err` names the member that no hub of ours can hold.
pub(super) fn contribution(contribution: Hub::Contribution) -> Result<Contribution, &'static str> {
    Ok(Contribution {
        status: ContributionStatus::from_number(contribution.status).ok_or("contribution status above 3")?,
        result_hash: ResultHash(contribution.resultHash),
        result_seal: ResultSeal(contribution.resultSeal),
        enclave_challenge: contribution.enclaveChallenge,
        weight: contribution.weight.try_into().map_err(|_| "weight past 64 bits")?,
    })
}
