//! Each check alone, the order of the checks, and deals without dataset.

use alloy_primitives::{Address, B256, U256};

use super::*;

fn low(byte: u8) -> Address {
    Address::with_last_byte(byte)
}

#[derive(Clone, Default)]
struct Four {
    app: AppOrder,
    dataset: DatasetOrder,
    workerpool: WorkerpoolOrder,
    request: RequestOrder,
}

impl Four {
    fn orders(&self) -> Orders<'_> {
        Orders {
            app: &self.app,
            dataset: &self.dataset,
            workerpool: &self.workerpool,
            request: &self.request,
        }
    }

    fn check(&self) -> Result<(), MatchRefusal> {
        // The only group contract is 0x…ee; its only member is nobody here.
        self.orders().check(U256::from(5), |group, member| {
            assert!(!group.is_zero() && group != member, "trivial cases are not asked");
            false
        })
    }
}

fn matching() -> Four {
    let mut four = Four::default();
    four.app.app = low(0xa1);
    four.app.appprice = U256::from(10);
    four.app.tag = Tag::TEE.0;
    four.dataset.dataset = low(0xd1);
    four.dataset.datasetprice = U256::from(20);
    four.dataset.tag = (Tag::SCONE | Tag::GPU).0;
    four.workerpool.workerpool = low(0xb1);
    four.workerpool.workerpoolprice = U256::from(30);
    four.workerpool.category = U256::from(4);
    four.workerpool.trust = U256::from(8);
    four.workerpool.tag = (Tag::TEE | Tag::GPU).0;
    four.request = RequestOrder {
        app: low(0xa1),
        appmaxprice: U256::from(10),
        dataset: low(0xd1),
        datasetmaxprice: U256::from(20),
        workerpool: low(0xb1),
        workerpoolmaxprice: U256::from(30),
        requester: low(0xc1),
        category: U256::from(4),
        trust: U256::from(8),
        ..RequestOrder::default()
    };
    four
}

type Break = (MatchRefusal, fn(&mut Four));

/// One change per check, in the order of the checks.
const BREAKS: [Break; 20] = [
    (MatchRefusal::CategoryMismatch, |four| {
        four.workerpool.category = U256::from(3);
    }),
    (MatchRefusal::CategoryUnknown, |four| {
        four.workerpool.category = U256::from(5);
        four.request.category = U256::from(5);
    }),
    (MatchRefusal::TrustNotOffered, |four| {
        four.workerpool.trust = U256::from(7);
    }),
    (MatchRefusal::AppOverpriced, |four| {
        four.app.appprice = U256::from(11);
    }),
    (MatchRefusal::DatasetOverpriced, |four| {
        four.dataset.datasetprice = U256::from(21);
    }),
    (MatchRefusal::WorkerpoolOverpriced, |four| {
        four.workerpool.workerpoolprice = U256::from(31);
    }),
    (MatchRefusal::TagNotOffered, |four| {
        four.workerpool.tag = Tag::TEE.0;
    }),
    (MatchRefusal::TeeMismatch, |four| {
        four.app.tag = B256::ZERO;
        four.request.tag = Tag::TEE.0;
    }),
    (MatchRefusal::OtherApp, |four| four.request.app = low(9)),
    (MatchRefusal::OtherDataset, |four| {
        four.request.dataset = low(9);
    }),
    (MatchRefusal::RequestRestrictsWorkerpool, |four| {
        four.request.workerpool = low(9);
    }),
    (MatchRefusal::AppRestrictsDataset, |four| {
        four.app.datasetrestrict = low(9);
    }),
    (MatchRefusal::AppRestrictsWorkerpool, |four| {
        four.app.workerpoolrestrict = low(9);
    }),
    (MatchRefusal::AppRestrictsRequester, |four| {
        four.app.requesterrestrict = low(9);
    }),
    (MatchRefusal::DatasetRestrictsApp, |four| {
        four.dataset.apprestrict = low(9);
    }),
    (MatchRefusal::DatasetRestrictsWorkerpool, |four| {
        four.dataset.workerpoolrestrict = low(9);
    }),
    (MatchRefusal::DatasetRestrictsRequester, |four| {
        four.dataset.requesterrestrict = low(9);
    }),
    (MatchRefusal::WorkerpoolRestrictsApp, |four| {
        four.workerpool.apprestrict = low(9);
    }),
    (MatchRefusal::WorkerpoolRestrictsDataset, |four| {
        four.workerpool.datasetrestrict = low(9);
    }),
    (MatchRefusal::WorkerpoolRestrictsRequester, |four| {
        four.workerpool.requesterrestrict = low(9);
    }),
];

#[test]
fn each_check_refuses_alone_and_the_first_of_several_decides() {
    assert_eq!(matching().check(), Ok(()));
    for (index, (refusal, break_it)) in BREAKS.iter().enumerate() {
        let mut one = matching();
        break_it(&mut one);
        assert_eq!(one.check(), Err(*refusal));
        for (later, break_later) in &BREAKS[index + 1..] {
            let mut two = matching();
            break_later(&mut two);
            break_it(&mut two);
            assert_eq!(two.check(), Err(*refusal), "{refusal:?} before {later:?}");
        }
    }
}

#[test]
fn groups_accept_their_members() {
    let mut four = matching();
    four.app.requesterrestrict = low(0xee);
    assert_eq!(four.check(), Err(MatchRefusal::AppRestrictsRequester));
    let member = |group, account| group == low(0xee) && account == low(0xc1);
    assert_eq!(four.orders().check(U256::from(5), member), Ok(()));
}

#[test]
fn absent_dataset_order_has_no_effect_but_can_be_demanded() {
    let mut four = matching();
    four.request.dataset = Address::ZERO;
    four.dataset = DatasetOrder {
        dataset: Address::ZERO,
        datasetprice: U256::MAX,
        tag: B256::repeat_byte(0xff),
        apprestrict: low(9),
        workerpoolrestrict: low(9),
        requesterrestrict: low(9),
        ..DatasetOrder::none()
    };
    assert_eq!(four.check(), Ok(()));
    assert_eq!(four.orders().tag(), Tag::TEE);

    let mut demanded = four.clone();
    demanded.app.datasetrestrict = low(0xd1);
    assert_eq!(demanded.check(), Err(MatchRefusal::AppRestrictsDataset));
    let mut demanded = four.clone();
    demanded.workerpool.datasetrestrict = low(0xd1);
    assert_eq!(demanded.check(), Err(MatchRefusal::WorkerpoolRestrictsDataset));
}

#[test]
fn volume_is_that_of_the_scarcest_order() {
    let mut four = matching();
    four.app.volume = U256::from(10);
    four.dataset.volume = U256::from(3);
    four.workerpool.volume = U256::from(8);
    four.request.volume = U256::from(9);
    let mut consumed = Consumed { app: U256::from(5), ..Consumed::default() };
    assert_eq!(four.orders().volume(consumed), Ok(U256::from(3)));
    four.request.dataset = Address::ZERO;
    four.dataset.dataset = Address::ZERO;
    assert_eq!(four.orders().volume(consumed), Ok(U256::from(5)));
    consumed.request = U256::from(9);
    assert_eq!(four.orders().volume(consumed), Err(MatchRefusal::VolumeUsedUp));
}

#[test]
fn texts_are_those_of_the_hub() {
    assert_eq!(MatchRefusal::WorkerpoolRestrictsRequester.text(), "iExecV5-matchOrders-0x1b");
    assert_eq!(MatchRefusal::CategoryMismatch.text(), "iExecV5-matchOrders-0x00");
    for refusal in MatchRefusal::ALL {
        assert_eq!(MatchRefusal::from_text(&refusal.text()), Some(refusal));
    }
    assert_eq!(MatchRefusal::from_text("iExecV5-matchOrders-0x1B"), None);
}
