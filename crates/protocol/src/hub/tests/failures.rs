//! Failures with their forms, above all where ours differs from the reference (poco 21).

use super::*;
use crate::deal::CONTRIBUTORS_MAX;
use crate::order::Signed;
use crate::revert::{CustomError, Incompatibility};
use crate::rules::MatchRefusal;

fn refused(refusal: MatchRefusal) -> Revert {
    Revert::Text(refusal.text().into())
}

#[test]
fn nobody_signs_for_the_zero_address() {
    let mut stage = Stage::new();
    let mut orders = stage.orders(1, 1);
    orders.request.order.requester = Address::ZERO;
    orders.request.sign = vec![0; 65].into();
    let call = Call::Matching(MatchingCall::SponsorMatchOrders(Box::new(orders.clone())));
    assert_eq!(stage.tries(SPONSOR, call), Err(refused(MatchRefusal::RequestOrderNotSigned)));
    orders.request.sign = Bytes::new();
    assert_eq!(stage.match_orders(&orders), Err(Revert::text("invalid-signature-format")));
}

#[test]
fn match_guard_lets_only_the_requester_spend_its_money() {
    let mut stage = Stage::new();
    let guard = EscrowCall::SetMatchGuard { enabled: true };
    stage.does(REQUESTER, Call::Escrow(guard));
    let orders = Box::new(stage.orders(1, 1));
    let by_other = Call::Matching(MatchingCall::MatchOrders(orders.clone()));
    assert_eq!(stage.tries(SPONSOR, by_other), Err(CustomError::MatchGuarded(account(REQUESTER)).into()));
    let sponsored = Call::Matching(MatchingCall::SponsorMatchOrders(orders));
    let (_, events) = stage.does(SPONSOR, sponsored);
    assert!(matches!(events.last(), Some(Event::DealSponsored { .. })));
    assert_eq!(stage.locked(REQUESTER), Nrlc::ZERO);
    let second = Box::new(stage.orders(1, 2));
    stage.does(REQUESTER, Call::Matching(MatchingCall::MatchOrders(second)));
}

#[test]
fn contract_accounts_sign_and_groups_admit() {
    let mut stage = Stage::new();
    stage.others.owners.insert(APP, CONTRACT);
    let mut orders = stage.orders(1, 1);
    orders.app.order.requesterrestrict = GROUP;
    assert_eq!(
        stage.match_orders(&orders),
        Err(refused(MatchRefusal::AppOrderNotSigned)),
        "a key's signature is nothing to an account with code"
    );
    orders.app.sign = vec![7].into();
    stage.match_orders(&orders).unwrap();
}

#[test]
fn presigned_order_needs_no_signature_while_its_owner_owns() {
    let mut stage = Stage::new();
    let mut orders = stage.orders(1, 1);
    orders.app.sign = Bytes::new();
    let operation = |operation, sign: Bytes| {
        Call::Order(Box::new(OrderCall::ManageApp(Operation {
            order: orders.app.order.clone(),
            operation,
            sign,
        })))
    };
    assert_eq!(
        stage.tries(SPONSOR, operation(0, Bytes::new())),
        Err(Revert::text("invalid-signature-format"))
    );
    assert_eq!(
        stage.tries(SPONSOR, operation(0, vec![0; 65].into())),
        Err(Revert::text("invalid-sender-or-signature"))
    );
    assert_eq!(stage.tries(APP_PROVIDER, operation(2, Bytes::new())), Err(Revert::Empty));
    let digest = OrderOperation::Sign.digest(&orders.app.order, stage.hub.domain());
    let signature = crate::signing::sign(&key(APP_PROVIDER), digest);
    stage.does(SPONSOR, operation(0, signature.into()));
    stage.others.owners.insert(APP, account(SPONSOR));
    assert_eq!(stage.match_orders(&orders), Err(Revert::text("invalid-signature-format")));
    stage.others.owners.insert(APP, account(APP_PROVIDER));
    stage.match_orders(&orders).unwrap();
    stage.does(APP_PROVIDER, operation(1, Bytes::new()));
    let mut more = stage.orders(1, 2);
    more.app = orders.app.clone();
    assert_eq!(stage.match_orders(&more), Err(refused(MatchRefusal::VolumeUsedUp)));
}

#[test]
fn a_task_has_a_bound_on_contributors() {
    let mut stage = Stage::new();
    let mut orders = stage.orders(1_000, 1);
    orders.workerpool.order.workerpoolprice = U256::ZERO;
    let SignedOrders { app, dataset, workerpool, request } = orders;
    let orders = stage.sign(app.order, dataset.order, workerpool.order, request.order);
    let deal = stage.match_orders(&orders).unwrap();
    let task = stage.initialized(deal, U256::ZERO);
    let first = 1_000;
    for worker in (first..).take(CONTRIBUTORS_MAX) {
        let call = stage.contribution(worker, task, ResultDigest(U256::from(worker).into()));
        let (caller, call) = (account(worker), Call::Task(call));
        stage.hub.handle(START_S, caller, &call, &stage.others).unwrap();
    }
    let last = first + CONTRIBUTORS_MAX as u64;
    let call = stage.contribution(last, task, digest(1));
    assert_eq!(stage.task_call(last, call), Err(CustomError::TooManyContributors.into()));
    let again = stage.contribution(first, task, digest(1));
    assert_eq!(stage.task_call(first, again), Err(Revert::Empty), "check 3 comes before");
}

#[test]
fn enclaves_prove_and_the_broker_authorizes_when_there_is_one() {
    let mut stage = Stage::new();
    let task = stage.task(1);
    let enclave = account(ENCLAVE);
    let hash = crate::ids::ResultHash::derive(task, digest(1));
    let seal = crate::ids::ResultSeal::derive(account(WORKER), task, digest(1));
    let call = |signer, enclave_sign| TaskCall::Contribute {
        task,
        hash,
        seal,
        enclave_challenge: enclave,
        enclave_sign,
        authorization_sign: authorization(signer, WORKER, task, enclave),
    };
    let proof = enclave_proof(hash, seal);
    let broker = account(SPONSOR);
    let set = ConfigurationCall::SetTeeBroker { broker };
    stage.does(OWNER, Call::Configuration(set));
    assert_eq!(stage.task_call(WORKER, call(SCHEDULER, proof.clone())), Err(Revert::Empty));
    assert_eq!(
        stage.task_call(WORKER, call(SPONSOR, Bytes::new())),
        Err(Revert::text("invalid-signature-format"))
    );
    let foreign = enclave_proof(hash, crate::ids::ResultSeal::ZERO);
    assert_eq!(stage.task_call(WORKER, call(SPONSOR, foreign)), Err(Revert::Empty));
    stage.task_call(WORKER, call(SPONSOR, proof)).unwrap();
}

#[test]
fn deposit_and_match_fails_in_its_own_forms() {
    let mut stage = Stage::new();
    let approve = |data| Call::Token(TokenCall::ApproveAndCallHub { value: Nrlc::ZERO, data });
    let orders = stage.orders(1, 1);
    let cases = [
        (ApprovalData::TooShort(vec![1].into()), Revert::Empty),
        (ApprovalData::Malformed, Revert::Empty),
        (ApprovalData::Other([1; 4].into()), CustomError::UnsupportedOperation([1; 4].into()).into()),
    ];
    for (data, revert) in cases {
        assert_eq!(stage.tries(REQUESTER, approve(data)), Err(revert));
    }
    let matched = ApprovalData::Match(Box::new(orders.clone()));
    assert_eq!(
        stage.tries(SPONSOR, approve(matched.clone())),
        Err(CustomError::CallerIsNotTheRequester.into())
    );
    let mut unknown = orders;
    unknown.app.order.app = Address::repeat_byte(9);
    unknown.request.order.app = Address::repeat_byte(9);
    assert_eq!(
        stage.tries(REQUESTER, approve(ApprovalData::Match(Box::new(unknown)))),
        Err(CustomError::OperationFailed.into()),
        "an app without code reverts empty inside"
    );
    stage.does(REQUESTER, Call::Escrow(EscrowCall::SetMatchGuard { enabled: true }));
    let (_, events) = stage.does(REQUESTER, approve(matched));
    assert!(matches!(events.last(), Some(Event::OrdersMatched { .. })));
}

#[test]
fn deposits_cannot_be_forced_by_others() {
    let mut stage = Stage::new();
    let forced = |token| {
        Call::Escrow(EscrowCall::ReceiveApproval {
            sender: account(OWNER),
            amount: Nrlc::new(1),
            token,
            data: ApprovalData::Nothing,
        })
    };
    assert_eq!(stage.tries(SPONSOR, forced(HUB)), Err(Revert::text("wrong-token")));
    assert_eq!(stage.tries(SPONSOR, forced(RLC)), Err(CustomError::CallerIsNotTheToken.into()));
}

#[test]
fn hub_owner_has_the_few_rights_of_the_standard() {
    let mut stage = Stage::new();
    let configuration = |call| Call::Configuration(call);
    let not_owner = Revert::text("Ownable: caller is not the owner");
    let category =
        HubCategory { name: "N".into(), description: String::new(), work_clock_time_ref_s: U256::MAX };
    let create = configuration(ConfigurationCall::CreateCategory(category));
    assert_eq!(stage.tries(SPONSOR, create.clone()), Err(not_owner.clone()));
    assert_eq!(stage.does(OWNER, create).0, Return::Category(U256::from(5)));
    let gas_limit = CALLBACK_GAS_MAX + U256::from(1);
    let gas = configuration(ConfigurationCall::SetCallbackGas { gas_limit });
    assert_eq!(stage.tries(SPONSOR, gas.clone()), Err(not_owner));
    assert_eq!(stage.tries(OWNER, gas), Err(CustomError::CallbackGasTooHigh(gas_limit).into()));
    assert_eq!(
        stage.tries(OWNER, configuration(ConfigurationCall::Configure)),
        Err(Revert::text("already-configured"))
    );
    let give = configuration(ConfigurationCall::TransferOwnership { new_owner: Address::ZERO });
    stage.does(OWNER, give.clone());
    let error = CustomError::NotContractOwner { user: account(OWNER), owner: Address::ZERO };
    assert_eq!(stage.tries(OWNER, give), Err(error.into()));
}

#[test]
fn absurd_category_panics_at_initialization_and_not_before() {
    let mut stage = Stage::new();
    let category =
        HubCategory { name: "N".into(), description: String::new(), work_clock_time_ref_s: U256::MAX };
    stage.does(OWNER, Call::Configuration(ConfigurationCall::CreateCategory(category)));
    let SignedOrders { app, dataset, mut workerpool, mut request } = stage.orders(1, 1);
    workerpool.order.category = U256::from(5);
    request.order.category = U256::from(5);
    let orders = stage.sign(app.order, dataset.order, workerpool.order, request.order);
    let deal = stage.match_orders(&orders).unwrap();
    let initialize = TaskCall::Initialize { deal, index: U256::ZERO };
    assert_eq!(stage.task_call(REQUESTER, initialize), Err(Revert::ARITHMETIC));
}

#[test]
fn dataset_orders_fit_deals_by_the_published_reasons() {
    let mut stage = Stage::new();
    let SignedOrders { app, dataset, workerpool, mut request } = stage.orders(1, 1);
    request.order.dataset = Address::ZERO;
    let without = stage.sign(app.order, DatasetOrder::none(), workerpool.order, request.order);
    let deal = stage.match_orders(&without).unwrap();
    let fits =
        |signed: &Signed<_>, deal| stage.hub.assert_dataset_deal_compatibility(&stage.others, signed, deal);
    assert_eq!(fits(&dataset, deal), Ok(()));
    assert_eq!(fits(&dataset, DealId::ZERO), Err(Incompatibility::NoDeal.into()));
    let with = |change: fn(&mut DatasetOrder)| {
        let mut order = dataset.order.clone();
        change(&mut order);
        Signed::by(&key(DATASET_PROVIDER), order, stage.hub.domain())
    };
    type Case = (fn(&mut DatasetOrder), Incompatibility);
    let cases: [Case; 5] = [
        (|order| order.volume = U256::ZERO, Incompatibility::Consumed),
        (|order| order.apprestrict = Address::repeat_byte(9), Incompatibility::App),
        (|order| order.workerpoolrestrict = Address::repeat_byte(9), Incompatibility::Workerpool),
        (|order| order.requesterrestrict = Address::repeat_byte(9), Incompatibility::Requester),
        (|order| order.tag = crate::tag::Tag::GPU.0, Incompatibility::Tag),
    ];
    for (change, reason) in cases {
        assert_eq!(fits(&with(change), deal), Err(reason.into()));
    }
    assert_eq!(fits(&with(|order| order.requesterrestrict = GROUP), deal), Ok(()));
    let mut forged = dataset.clone();
    forged.sign = vec![1; 65].into();
    assert_eq!(fits(&forged, deal), Err(Incompatibility::Signature.into()));
}

#[test]
fn srlc_spender_is_asked_and_may_refuse() {
    let mut stage = Stage::new();
    let call = |spender, value| {
        Call::StakedRlc(StakedRlcCall::ApproveAndCall {
            spender,
            value: Nrlc::new(value),
            data: Bytes::new(),
        })
    };
    assert_eq!(stage.tries(OWNER, call(account(SPONSOR), 1)), Err(Revert::Empty));
    assert_eq!(stage.tries(OWNER, call(HUB, 1)), Err(Revert::text("wrong-token")));
    assert_eq!(stage.tries(OWNER, call(CONTRACT, 0)), Err(Revert::text("approval-refused")));
    assert_eq!(stage.tries(OWNER, call(GROUP, 1)), Err(Revert::Foreign(vec![1, 2, 3].into())));
    stage.does(OWNER, call(CONTRACT, 1));
    assert_eq!(stage.hub.ledger().allowance(account(OWNER), CONTRACT), Nrlc::new(1));
}
