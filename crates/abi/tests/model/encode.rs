//! The model's calls, events and records as the bytes of the ABI.

use alloy_primitives::{Address, Bytes, LogData, U256};
use alloy_sol_types::{SolCall, SolEvent, SolValue};
use metacloud_abi::{Hub, Rlc};
use metacloud_protocol::event::Event;
use metacloud_protocol::hub::{
    ApprovalData, BoostCall, BoostDeal, Call, ConfigurationCall, EscrowCall, MatchingCall, OrderCall, Return,
    StakedRlcCall, TaskCall, TokenCall,
};
use metacloud_protocol::{Nrlc, OrderKind, Signed, SignedOrders};

/// Where a call goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    Hub,
    Token,
}

pub(crate) fn match_orders(orders: &SignedOrders) -> Hub::matchOrdersCall {
    Hub::matchOrdersCall {
        appOrder: orders.app.clone().into(),
        datasetOrder: orders.dataset.clone().into(),
        workerpoolOrder: orders.workerpool.clone().into(),
        requestOrder: orders.request.clone().into(),
    }
}

/// The transaction of a call.
pub(crate) fn call(call: &Call, hub: Address) -> (Target, Bytes) {
    let (target, data) = match call {
        Call::Token(call) => (Target::Token, token(call, hub)),
        Call::Escrow(call) => (Target::Hub, escrow(call)),
        Call::StakedRlc(call) => (Target::Hub, staked_rlc(call)),
        Call::Order(call) => (Target::Hub, order(call)),
        Call::Matching(MatchingCall::MatchOrders(orders)) => (Target::Hub, match_orders(orders).abi_encode()),
        Call::Matching(MatchingCall::SponsorMatchOrders(orders)) => {
            let Hub::matchOrdersCall { appOrder, datasetOrder, workerpoolOrder, requestOrder } =
                match_orders(orders);
            let call = Hub::sponsorMatchOrdersCall { appOrder, datasetOrder, workerpoolOrder, requestOrder };
            (Target::Hub, call.abi_encode())
        }
        Call::Task(call) => (Target::Hub, task(call)),
        Call::Boost(call) => (Target::Hub, boost(call)),
        Call::Configuration(call) => (Target::Hub, configuration(call, hub)),
    };
    (target, data.into())
}

fn token(call: &TokenCall, hub: Address) -> Vec<u8> {
    match call {
        TokenCall::Transfer { to, value } => Rlc::transferCall { to: *to, value: value.0 }.abi_encode(),
        TokenCall::Approve { spender, value } => {
            Rlc::approveCall { spender: *spender, value: value.0 }.abi_encode()
        }
        TokenCall::ApproveAndCallHub { value, data } => {
            Rlc::approveAndCallCall { spender: hub, value: value.0, extraData: approval(data) }.abi_encode()
        }
    }
}

fn approval(data: &ApprovalData) -> Bytes {
    match data {
        ApprovalData::Nothing => Bytes::new(),
        ApprovalData::TooShort(bytes) => bytes.clone(),
        ApprovalData::Other(selector) => [selector.as_slice(), &[1; 40]].concat().into(),
        ApprovalData::Malformed => [Hub::matchOrdersCall::SELECTOR.as_slice(), &[0xff; 200]].concat().into(),
        ApprovalData::Match(orders) => match_orders(orders).abi_encode().into(),
    }
}

fn escrow(call: &EscrowCall) -> Vec<u8> {
    match call {
        EscrowCall::Deposit { amount } => Hub::depositCall { amount: amount.0 }.abi_encode(),
        EscrowCall::DepositFor { amount, target } => {
            Hub::depositForCall { amount: amount.0, target: *target }.abi_encode()
        }
        EscrowCall::DepositForArray { amounts, targets } => Hub::depositForArrayCall {
            amounts: amounts.iter().map(|amount| amount.0).collect(),
            targets: targets.clone(),
        }
        .abi_encode(),
        EscrowCall::Withdraw { amount } => Hub::withdrawCall { amount: amount.0 }.abi_encode(),
        EscrowCall::WithdrawTo { amount, target } => {
            Hub::withdrawToCall { amount: amount.0, target: *target }.abi_encode()
        }
        EscrowCall::Recover => Hub::recoverCall {}.abi_encode(),
        EscrowCall::ReceiveApproval { sender, amount, token, data } => Hub::receiveApprovalCall {
            sender: *sender,
            amount: amount.0,
            token: *token,
            data: approval(data),
        }
        .abi_encode(),
        EscrowCall::SetMatchGuard { enabled } => Hub::setMatchGuardCall { enabled: *enabled }.abi_encode(),
    }
}

fn staked_rlc(call: &StakedRlcCall) -> Vec<u8> {
    match call.clone() {
        StakedRlcCall::Transfer { to, value } => {
            Hub::transferCall { recipient: to, amount: value.0 }.abi_encode()
        }
        StakedRlcCall::Approve { spender, value } => {
            Hub::approveCall { spender, value: value.0 }.abi_encode()
        }
        StakedRlcCall::TransferFrom { from, to, value } => {
            Hub::transferFromCall { sender: from, recipient: to, amount: value.0 }.abi_encode()
        }
        StakedRlcCall::IncreaseAllowance { spender, by } => {
            Hub::increaseAllowanceCall { spender, addedValue: by.0 }.abi_encode()
        }
        StakedRlcCall::DecreaseAllowance { spender, by } => {
            Hub::decreaseAllowanceCall { spender, subtractedValue: by.0 }.abi_encode()
        }
        StakedRlcCall::ApproveAndCall { spender, value, data } => {
            Hub::approveAndCallCall { spender, value: value.0, extraData: data }.abi_encode()
        }
    }
}

fn order(call: &OrderCall) -> Vec<u8> {
    /// `(order, operation, sign)` as the ABI of an operation with any number, so that 2 and more can be sent.
    fn operation(selector: [u8; 4], order: Vec<u8>, operation: u8, sign: &Bytes) -> Vec<u8> {
        let word = |number: usize| U256::from(number).to_be_bytes::<32>();
        let head = [word(32), word(96), word(operation.into()), word(96 + order.len())].concat();
        [&selector[..], &head, &order, &sign.abi_encode()[32..]].concat()
    }
    // The members of a dynamic tuple, without the offset in front.
    let tuple = |encoded: Vec<u8>| encoded[32..].to_vec();
    match call {
        OrderCall::ManageApp(op) => operation(
            Hub::manageAppOrderCall::SELECTOR,
            tuple(Hub::AppOrder::from(Signed::unsigned(op.order.clone())).abi_encode()),
            op.operation,
            &op.sign,
        ),
        OrderCall::ManageDataset(op) => operation(
            Hub::manageDatasetOrderCall::SELECTOR,
            tuple(Hub::DatasetOrder::from(Signed::unsigned(op.order.clone())).abi_encode()),
            op.operation,
            &op.sign,
        ),
        OrderCall::ManageWorkerpool(op) => operation(
            Hub::manageWorkerpoolOrderCall::SELECTOR,
            tuple(Hub::WorkerpoolOrder::from(Signed::unsigned(op.order.clone())).abi_encode()),
            op.operation,
            &op.sign,
        ),
        OrderCall::ManageRequest(op) => operation(
            Hub::manageRequestOrderCall::SELECTOR,
            tuple(Hub::RequestOrder::from(Signed::unsigned(op.order.clone())).abi_encode()),
            op.operation,
            &op.sign,
        ),
        OrderCall::BroadcastApp(signed) => {
            Hub::broadcastAppOrderCall { order: signed.clone().into() }.abi_encode()
        }
        OrderCall::BroadcastDataset(signed) => {
            Hub::broadcastDatasetOrderCall { order: signed.clone().into() }.abi_encode()
        }
        OrderCall::BroadcastWorkerpool(signed) => {
            Hub::broadcastWorkerpoolOrderCall { order: signed.clone().into() }.abi_encode()
        }
        OrderCall::BroadcastRequest(signed) => {
            Hub::broadcastRequestOrderCall { order: signed.clone().into() }.abi_encode()
        }
    }
}

fn task(call: &TaskCall) -> Vec<u8> {
    match call.clone() {
        TaskCall::Initialize { deal, index } => Hub::initializeCall { dealId: deal.0, index }.abi_encode(),
        TaskCall::InitializeArray { deals, indexes } => {
            let deals = deals.iter().map(|deal| deal.0).collect();
            Hub::initializeArrayCall { dealIds: deals, indexes }.abi_encode()
        }
        TaskCall::Contribute { task, hash, seal, enclave_challenge, enclave_sign, authorization_sign } => {
            Hub::contributeCall {
                taskId: task.0,
                resultHash: hash.0,
                resultSeal: seal.0,
                enclaveChallenge: enclave_challenge,
                enclaveSign: enclave_sign,
                authorizationSign: authorization_sign,
            }
            .abi_encode()
        }
        TaskCall::Reveal { task, digest } => {
            Hub::revealCall { taskId: task.0, resultDigest: digest.0 }.abi_encode()
        }
        TaskCall::Reopen { task } => Hub::reopenCall { taskId: task.0 }.abi_encode(),
        TaskCall::Finalize { task, results, results_callback } => {
            Hub::finalizeCall { taskId: task.0, results, resultsCallback: results_callback }.abi_encode()
        }
        TaskCall::ContributeAndFinalize {
            task,
            digest,
            results,
            results_callback,
            enclave_challenge,
            enclave_sign,
            authorization_sign,
        } => Hub::contributeAndFinalizeCall {
            taskId: task.0,
            resultDigest: digest.0,
            results,
            resultsCallback: results_callback,
            enclaveChallenge: enclave_challenge,
            enclaveSign: enclave_sign,
            authorizationSign: authorization_sign,
        }
        .abi_encode(),
        TaskCall::Claim { task } => Hub::claimCall { taskId: task.0 }.abi_encode(),
        TaskCall::ClaimArray { tasks } => {
            Hub::claimArrayCall { taskIds: tasks.iter().map(|task| task.0).collect() }.abi_encode()
        }
        TaskCall::InitializeAndClaimArray { deals, indexes } => {
            let deals = deals.iter().map(|deal| deal.0).collect();
            Hub::initializeAndClaimArrayCall { dealIds: deals, indexes }.abi_encode()
        }
    }
}

fn boost(call: &BoostCall) -> Vec<u8> {
    match call {
        BoostCall::Match(orders) => {
            let Hub::matchOrdersCall { appOrder, datasetOrder, workerpoolOrder, requestOrder } =
                match_orders(orders);
            Hub::matchOrdersBoostCall { appOrder, datasetOrder, workerpoolOrder, requestOrder }.abi_encode()
        }
        BoostCall::SponsorMatch(orders) => {
            let Hub::matchOrdersCall { appOrder, datasetOrder, workerpoolOrder, requestOrder } =
                match_orders(orders);
            Hub::sponsorMatchOrdersBoostCall { appOrder, datasetOrder, workerpoolOrder, requestOrder }
                .abi_encode()
        }
        BoostCall::Push(push) => {
            let push = push.as_ref().clone();
            Hub::pushResultBoostCall {
                dealId: push.deal.0,
                index: push.index,
                results: push.results,
                resultsCallback: push.results_callback,
                authorizationSign: push.authorization_sign,
                enclaveChallenge: push.enclave_challenge,
                enclaveSign: push.enclave_sign,
            }
            .abi_encode()
        }
        BoostCall::Claim { deal, index } => {
            Hub::claimBoostCall { dealId: deal.0, index: *index }.abi_encode()
        }
    }
}

/// A Boost deal as the hub's view gives it.
pub(crate) fn boost_deal(deal: &BoostDeal) -> Hub::DealBoost {
    Hub::DealBoost {
        appOwner: deal.app_owner,
        appPrice: deal.app_price.0.to(),
        datasetOwner: deal.dataset_owner,
        datasetPrice: deal.dataset_price.0.to(),
        workerpoolOwner: deal.workerpool_owner,
        workerpoolPrice: deal.workerpool_price.0.to(),
        requester: deal.requester,
        workerReward: deal.worker_reward.0.to(),
        callback: deal.callback,
        deadline: U256::from(deal.deadline_s).to(),
        botFirst: deal.bot_first,
        botSize: deal.bot_size,
        shortTag: deal.short_tag.into(),
        sponsor: deal.sponsor,
    }
}

fn configuration(call: &ConfigurationCall, hub: Address) -> Vec<u8> {
    match call {
        ConfigurationCall::Configure => Hub::configureCall {
            token: hub,
            name: "x".into(),
            symbol: "x".into(),
            decimals: 1,
            appRegistry: hub,
            datasetRegistry: hub,
            workerpoolRegistry: hub,
            v3Hub: hub,
        }
        .abi_encode(),
        ConfigurationCall::UpdateDomainSeparator => Hub::updateDomainSeparatorCall {}.abi_encode(),
        ConfigurationCall::ImportScore { worker } => Hub::importScoreCall { worker: *worker }.abi_encode(),
        ConfigurationCall::SetTeeBroker { broker } => Hub::setTeeBrokerCall { broker: *broker }.abi_encode(),
        ConfigurationCall::SetCallbackGas { gas_limit } => {
            Hub::setCallbackGasCall { gasLimit: *gas_limit }.abi_encode()
        }
        ConfigurationCall::ChangeRegistries(registries) => Hub::changeRegistriesCall {
            appRegistry: registries.app,
            datasetRegistry: registries.dataset,
            workerpoolRegistry: registries.workerpool,
        }
        .abi_encode(),
        ConfigurationCall::CreateCategory(category) => Hub::createCategoryCall {
            name: category.name.clone(),
            description: category.description.clone(),
            workClockTimeRef: category.work_clock_time_ref_s,
        }
        .abi_encode(),
        ConfigurationCall::TransferOwnership { new_owner } => {
            Hub::transferOwnershipCall { newOwner: *new_owner }.abi_encode()
        }
    }
}

/// The return data of a successful call.
pub(crate) fn returned(value: &Return) -> Bytes {
    match value {
        Return::Nothing => vec![],
        Return::True => true.abi_encode(),
        Return::Amount(amount) => amount.0.abi_encode(),
        Return::Deal(deal) => deal.0.abi_encode(),
        Return::Task(task) => task.0.abi_encode(),
        Return::Category(id) => id.abi_encode(),
    }
    .into()
}

/// The log of an event and its emitter.
pub(crate) fn event(event: &Event) -> (Target, LogData) {
    let (from_hub, from_token) = (Target::Hub, Target::Token);
    let value = |amount: &Nrlc| amount.0;
    match event.clone() {
        Event::TokenTransfer { from, to, value: v } => {
            (from_token, Rlc::Transfer { from, to, value: v.0 }.encode_log_data())
        }
        Event::TokenApproval { owner, spender, value: v } => {
            (from_token, Rlc::Approval { owner, spender, value: v.0 }.encode_log_data())
        }
        Event::Transfer { from, to, value: v } => {
            (from_hub, Hub::Transfer { from, to, value: value(&v) }.encode_log_data())
        }
        Event::Approval { owner, spender, value: v } => {
            (from_hub, Hub::Approval { owner, spender, value: value(&v) }.encode_log_data())
        }
        Event::Lock { owner, amount } => (from_hub, Hub::Lock { owner, amount: amount.0 }.encode_log_data()),
        Event::Unlock { owner, amount } => {
            (from_hub, Hub::Unlock { owner, amount: amount.0 }.encode_log_data())
        }
        Event::Reward { owner, amount, task } => {
            (from_hub, Hub::Reward { owner, amount: amount.0, r#ref: task.0 }.encode_log_data())
        }
        Event::Seize { owner, amount, task } => {
            (from_hub, Hub::Seize { owner, amount: amount.0, r#ref: task.0 }.encode_log_data())
        }
        other => (from_hub, protocol_event(other)),
    }
}

fn protocol_event(event: Event) -> LogData {
    match event {
        Event::OrderSigned { kind, hash } => match kind {
            OrderKind::App => Hub::SignedAppOrder { appHash: hash.0 }.encode_log_data(),
            OrderKind::Dataset => Hub::SignedDatasetOrder { datasetHash: hash.0 }.encode_log_data(),
            OrderKind::Workerpool => Hub::SignedWorkerpoolOrder { workerpoolHash: hash.0 }.encode_log_data(),
            OrderKind::Request => Hub::SignedRequestOrder { requestHash: hash.0 }.encode_log_data(),
        },
        Event::OrderClosed { kind, hash } => match kind {
            OrderKind::App => Hub::ClosedAppOrder { appHash: hash.0 }.encode_log_data(),
            OrderKind::Dataset => Hub::ClosedDatasetOrder { datasetHash: hash.0 }.encode_log_data(),
            OrderKind::Workerpool => Hub::ClosedWorkerpoolOrder { workerpoolHash: hash.0 }.encode_log_data(),
            OrderKind::Request => Hub::ClosedRequestOrder { requestHash: hash.0 }.encode_log_data(),
        },
        Event::BroadcastAppOrder(order) => {
            Hub::BroadcastAppOrder { apporder: order.into() }.encode_log_data()
        }
        Event::BroadcastDatasetOrder(order) => {
            Hub::BroadcastDatasetOrder { datasetorder: order.into() }.encode_log_data()
        }
        Event::BroadcastWorkerpoolOrder(order) => {
            Hub::BroadcastWorkerpoolOrder { workerpoolorder: order.into() }.encode_log_data()
        }
        Event::BroadcastRequestOrder(order) => {
            Hub::BroadcastRequestOrder { requestorder: order.into() }.encode_log_data()
        }
        Event::SchedulerNotice { workerpool, deal } => {
            Hub::SchedulerNotice { workerpool, dealid: deal.0 }.encode_log_data()
        }
        Event::OrdersMatched { deal, app, dataset, workerpool, request, volume } => Hub::OrdersMatched {
            dealid: deal.0,
            appHash: app.0,
            datasetHash: dataset.0,
            workerpoolHash: workerpool.0,
            requestHash: request.0,
            volume,
        }
        .encode_log_data(),
        Event::DealSponsored { deal, sponsor } => {
            Hub::DealSponsored { dealId: deal.0, sponsor }.encode_log_data()
        }
        Event::CreateCategory { id, name, description, work_clock_time_ref_s } => {
            Hub::CreateCategory { catid: id, name, description, workClockTimeRef: work_clock_time_ref_s }
                .encode_log_data()
        }
        Event::OwnershipTransferred { previous, new } => {
            Hub::OwnershipTransferred { previousOwner: previous, newOwner: new }.encode_log_data()
        }
        Event::MatchGuardUpdated { requester, enabled } => {
            Hub::MatchGuardUpdated { requester, enabled }.encode_log_data()
        }
        Event::SchedulerNoticeBoost {
            workerpool,
            deal,
            app,
            dataset,
            category,
            tag,
            params,
            beneficiary,
        } => Hub::SchedulerNoticeBoost {
            workerpool,
            dealId: deal.0,
            app,
            dataset,
            category,
            tag: tag.0,
            params,
            beneficiary,
        }
        .encode_log_data(),
        Event::DealSponsoredBoost { deal, sponsor } => {
            Hub::DealSponsoredBoost { dealId: deal.0, sponsor }.encode_log_data()
        }
        Event::ResultPushedBoost { deal, index, results } => {
            Hub::ResultPushedBoost { dealId: deal.0, index, results }.encode_log_data()
        }
        task => task_event(task),
    }
}

fn task_event(event: Event) -> LogData {
    match event {
        Event::TaskInitialize { task, workerpool } => {
            Hub::TaskInitialize { taskid: task.0, workerpool }.encode_log_data()
        }
        Event::TaskContribute { task, worker, hash } => {
            Hub::TaskContribute { taskid: task.0, worker, hash: hash.0 }.encode_log_data()
        }
        Event::TaskConsensus { task, consensus } => {
            Hub::TaskConsensus { taskid: task.0, consensus: consensus.0 }.encode_log_data()
        }
        Event::TaskReveal { task, worker, digest } => {
            Hub::TaskReveal { taskid: task.0, worker, digest: digest.0 }.encode_log_data()
        }
        Event::TaskReopen { task } => Hub::TaskReopen { taskid: task.0 }.encode_log_data(),
        Event::TaskFinalize { task, results } => {
            Hub::TaskFinalize { taskid: task.0, results }.encode_log_data()
        }
        Event::TaskClaimed { task } => Hub::TaskClaimed { taskid: task.0 }.encode_log_data(),
        Event::AccurateContribution { worker, task } => {
            Hub::AccurateContribution { worker, taskid: task.0 }.encode_log_data()
        }
        Event::FaultyContribution { worker, task } => {
            Hub::FaultyContribution { worker, taskid: task.0 }.encode_log_data()
        }
        other => unreachable!("{other:?} is encoded above"),
    }
}
