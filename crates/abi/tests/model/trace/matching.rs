//! From a match in words to four signed orders.

use alloy_primitives::{Address, B256, U256};
use metacloud_protocol::hub::{
    ApprovalData, BoostCall, Call, EscrowCall, MatchingCall, Operation, OrderCall, TokenCall, World,
};
use metacloud_protocol::{
    AppOrder, DatasetOrder, Nrlc, Order, OrderOperation, RequestOrder, Signed, SignedOrders, WorkerpoolOrder,
};

use super::{Agreed, Trace};
use crate::cast::Who;
use crate::ops::{Asset, Callback, Fault, Manage, MatchOp, Payer};

/// An account without code and without part in any trace.
const NOWHERE: Address = Address::repeat_byte(0x77);

impl Trace {
    pub(crate) fn asset(&self, asset: Asset) -> Address {
        match asset {
            Asset::App(number) => self.stage.apps[usize::from(number)],
            Asset::Dataset(number) => self.stage.datasets[usize::from(number)],
            Asset::Workerpool(number) => self.stage.workerpools[usize::from(number)],
            Asset::Foreign(stranger) => stranger.address(),
            Asset::Nothing => NOWHERE,
        }
    }

    pub(crate) fn match_new(&mut self, op: &MatchOp) -> Agreed {
        let orders = self.signed_orders(op);
        self.orders.push(orders.clone());
        self.match_by(op.by, orders)
    }

    pub(crate) fn match_again(&mut self, which: u8, by: Payer) -> Agreed {
        match self.some_orders(which) {
            Some(orders) => self.match_by(by, orders),
            None => Ok(()),
        }
    }

    pub(crate) fn some_orders(&self, which: u8) -> Option<SignedOrders> {
        self.orders.get(usize::from(which).checked_rem(self.orders.len())?).cloned()
    }

    fn match_by(&mut self, by: Payer, orders: SignedOrders) -> Agreed {
        let requester = orders.request.order.requester;
        let boxed = Box::new(orders);
        let (caller, call) = match by {
            Payer::Requester => (requester, Call::Matching(MatchingCall::MatchOrders(boxed))),
            Payer::CalledBy(who) => (who.address(), Call::Matching(MatchingCall::MatchOrders(boxed))),
            Payer::Sponsor(who) => (who.address(), Call::Matching(MatchingCall::SponsorMatchOrders(boxed))),
            Payer::Approval(amount) => {
                let data = ApprovalData::Match(boxed);
                let value = Nrlc::new(amount.into());
                (requester, Call::Token(TokenCall::ApproveAndCallHub { value, data }))
            }
            Payer::ApprovalBy(who) => {
                let data = ApprovalData::Match(boxed);
                (who.address(), Call::Token(TokenCall::ApproveAndCallHub { value: Nrlc::ZERO, data }))
            }
            Payer::Boost => (requester, Call::Boost(BoostCall::Match(boxed))),
            Payer::BoostBy(who) => (who.address(), Call::Boost(BoostCall::Match(boxed))),
            Payer::BoostSponsor(who) => (who.address(), Call::Boost(BoostCall::SponsorMatch(boxed))),
        };
        // Nobody can call as the zero address.
        let caller = if caller.is_zero() { Who::Sponsor.address() } else { caller };
        let before = self.stage.hub.deals().count();
        let known = self.deals.len();
        self.perform_from(caller, &call)?;
        if by.is_boost() {
            self.boost_deals.extend(self.deals.split_off(known));
        }
        if matches!(call, Call::Token(_)) && self.stage.hub.deals().count() > before {
            let known = self.deals.clone();
            let new = self.stage.hub.deals().map(|(id, _)| id).find(|id| !known.contains(id));
            self.deals.extend(new);
        }
        Ok(())
    }

    fn signed_orders(&self, op: &MatchOp) -> SignedOrders {
        let mut orders = self.fitting_orders(op);
        self.spoil_terms(op, &mut orders);
        self.sign(op, &mut orders);
        orders
    }

    fn fitting_orders(&self, op: &MatchOp) -> SignedOrders {
        let salt = B256::with_last_byte(op.salt);
        let tag = |byte| B256::with_last_byte(byte);
        let dataset = op.dataset.map_or(Address::ZERO, |dataset| self.asset(dataset));
        let [app_price, dataset_price, pool_price] = op.prices.map(|price| price.nrlc());
        let [app_volume, dataset_volume, pool_volume, request_volume] =
            op.volumes.map(|volume| volume.tasks());
        let category = U256::from(op.category);
        let app = AppOrder {
            app: self.asset(op.app),
            appprice: app_price,
            volume: app_volume,
            tag: tag(op.tags[0]),
            salt,
            ..AppOrder::default()
        };
        let dataset_order = if dataset.is_zero() {
            DatasetOrder::none()
        } else {
            DatasetOrder {
                dataset,
                datasetprice: dataset_price,
                volume: dataset_volume,
                tag: tag(op.tags[1]),
                salt,
                ..DatasetOrder::default()
            }
        };
        let workerpool = WorkerpoolOrder {
            workerpool: self.asset(op.workerpool),
            workerpoolprice: pool_price,
            volume: pool_volume,
            tag: tag(op.tags[0] | (op.tags[1] & !0x0e) | op.tags[2]),
            category,
            trust: op.trust.level(),
            salt,
            ..WorkerpoolOrder::default()
        };
        let request = RequestOrder {
            app: app.app,
            appmaxprice: app_price,
            dataset,
            datasetmaxprice: dataset_price,
            workerpoolmaxprice: pool_price,
            requester: op.requester.address(),
            volume: request_volume,
            tag: tag(op.tags[2]),
            category,
            trust: op.trust.level(),
            beneficiary: Who::Sponsor.address(),
            callback: match op.callback {
                Some(Callback::Contract(stranger)) => stranger.address(),
                Some(Callback::Account(who)) => who.address(),
                None => Address::ZERO,
            },
            params: op.params.iter().map(|&byte| char::from(byte)).collect(),
            salt,
            ..RequestOrder::default()
        };
        SignedOrders {
            app: Signed::unsigned(app),
            dataset: Signed::unsigned(dataset_order),
            workerpool: Signed::unsigned(workerpool),
            request: Signed::unsigned(request),
        }
    }

    fn spoil_terms(&self, op: &MatchOp, orders: &mut SignedOrders) {
        let one = U256::from(1);
        let SignedOrders { app, dataset, workerpool, request } = orders;
        let (app, dataset, pool, request) =
            (&mut app.order, &mut dataset.order, &mut workerpool.order, &mut request.order);
        match op.fault {
            Fault::Overpriced(0) => request.appmaxprice = request.appmaxprice.saturating_sub(one),
            Fault::Overpriced(1) => request.datasetmaxprice = request.datasetmaxprice.saturating_sub(one),
            Fault::Overpriced(_) => {
                request.workerpoolmaxprice = request.workerpoolmaxprice.saturating_sub(one)
            }
            Fault::OtherCategory => pool.category += one,
            Fault::UnknownCategory => {
                pool.category = U256::MAX;
                request.category = U256::MAX;
            }
            Fault::TrustNotOffered => pool.trust = pool.trust.saturating_sub(one),
            Fault::TagNotOffered => pool.tag = B256::ZERO,
            Fault::OtherApp => request.app = NOWHERE,
            Fault::OtherDataset => request.dataset = NOWHERE,
            Fault::Restricted(which, who) => {
                let restrictions = [
                    &mut request.workerpool,
                    &mut app.datasetrestrict,
                    &mut app.workerpoolrestrict,
                    &mut app.requesterrestrict,
                    &mut dataset.apprestrict,
                    &mut dataset.workerpoolrestrict,
                    &mut dataset.requesterrestrict,
                    &mut pool.apprestrict,
                    &mut pool.datasetrestrict,
                    &mut pool.requesterrestrict,
                ];
                if let Some(restriction) = restrictions.into_iter().nth(which.into()) {
                    *restriction = who.address();
                }
            }
            Fault::RestrictedToItself => {
                request.workerpool = pool.workerpool;
                (app.datasetrestrict, app.workerpoolrestrict) = (dataset.dataset, pool.workerpool);
                app.requesterrestrict = request.requester;
                (dataset.apprestrict, dataset.workerpoolrestrict) = (app.app, pool.workerpool);
                dataset.requesterrestrict = request.requester;
                (pool.apprestrict, pool.datasetrestrict) = (app.app, dataset.dataset);
                pool.requesterrestrict = request.requester;
            }
            Fault::RequesterZero => request.requester = Address::ZERO,
            Fault::AbsentDatasetWithTerms if dataset.dataset.is_zero() => {
                dataset.datasetprice = U256::from(5);
                dataset.tag = B256::repeat_byte(0xff);
                dataset.apprestrict = NOWHERE;
                dataset.requesterrestrict = NOWHERE;
            }
            Fault::None
            | Fault::AbsentDatasetWithTerms
            | Fault::SignedBy(..)
            | Fault::NotSigned(_)
            | Fault::Compact(_)
            | Fault::BadRecoveryByte(_) => {}
        }
    }

    fn sign(&self, op: &MatchOp, orders: &mut SignedOrders) {
        let domain = *self.stage.hub.domain();
        let SignedOrders { app, dataset, workerpool, request } = orders;
        let to_sign = [
            (app.order.hash(&domain), self.signer_of(app.order.app), &mut app.sign),
            (dataset.order.hash(&domain), self.signer_of(dataset.order.dataset), &mut dataset.sign),
            (
                workerpool.order.hash(&domain),
                self.signer_of(workerpool.order.workerpool),
                &mut workerpool.sign,
            ),
            (request.order.hash(&domain), op.requester, &mut request.sign),
        ];
        for (index, (hash, signer, sign)) in (0_u8..).zip(to_sign) {
            let mut signature = signer.sign(hash.0).to_vec();
            match op.fault {
                Fault::SignedBy(which, who) if which == index => signature = who.sign(hash.0).to_vec(),
                Fault::NotSigned(which) if which == index => signature.clear(),
                Fault::Compact(which) if which == index => signature = compact(signature),
                Fault::BadRecoveryByte(which) if which == index => {
                    signature.last_mut().into_iter().for_each(|byte| *byte ^= 1);
                }
                _ => {}
            }
            *sign = signature.into();
        }
    }

    /// Who can sign for an asset, as far as the trace knows the owner.
    fn signer_of(&self, asset: Address) -> Who {
        let owner = self.stage.others.owner_of(asset).ok();
        owner.and_then(Who::of).unwrap_or(Who::AppProvider)
    }

    pub(crate) fn manage(&mut self, manage: Manage) -> Agreed {
        let Some(orders) = self.some_orders(manage.which) else { return Ok(()) };
        let requester = orders.request.order.requester;
        let (owner, call) = match manage.kind {
            0 => {
                let owner = self.signer_of(orders.app.order.app);
                (owner, OrderCall::ManageApp(self.operation(manage, owner, orders.app.order.clone())))
            }
            1 => {
                let owner = self.signer_of(orders.dataset.order.dataset);
                let operation = self.operation(manage, owner, orders.dataset.order.clone());
                (owner, OrderCall::ManageDataset(operation))
            }
            2 => {
                let owner = self.signer_of(orders.workerpool.order.workerpool);
                let operation = self.operation(manage, owner, orders.workerpool.order.clone());
                (owner, OrderCall::ManageWorkerpool(operation))
            }
            _ => {
                let owner = Who::of(requester).unwrap_or(Who::Requester);
                let operation = self.operation(manage, owner, orders.request.order.clone());
                (owner, OrderCall::ManageRequest(operation))
            }
        };
        self.perform(manage.by.unwrap_or(owner), &Call::Order(Box::new(call)))?;
        self.compare_orders(&|| format!("{manage:?}"), &orders)
    }

    fn operation<O: Order>(&self, manage: Manage, owner: Who, order: O) -> Operation<O> {
        let operation = OrderOperation::from_number(manage.operation).unwrap_or(OrderOperation::Sign);
        let digest = operation.digest(&order, self.stage.hub.domain());
        // Half of those who call for others bring the owner's signature.
        let signer = manage.signer.map(|who| if manage.salted() { who } else { owner });
        let sign = signer.map(|who| who.sign(digest)).unwrap_or_default();
        Operation { order, operation: manage.operation, sign }
    }

    pub(crate) fn broadcast(&mut self, which: u8, kind: u8, by: Who) -> Agreed {
        let Some(orders) = self.some_orders(which) else { return Ok(()) };
        let call = match kind {
            0 => OrderCall::BroadcastApp(orders.app),
            1 => OrderCall::BroadcastDataset(orders.dataset),
            2 => OrderCall::BroadcastWorkerpool(orders.workerpool),
            _ => OrderCall::BroadcastRequest(orders.request),
        };
        self.perform(by, &Call::Order(Box::new(call)))
    }

    pub(crate) fn receive_approval(&mut self, by: Who, sender: Who, token: u8) -> Agreed {
        let (hub, rlc) = (self.stage.addresses.hub, self.stage.addresses.rlc);
        let token = [rlc, hub, by.address()][usize::from(token)];
        let sender = sender.address();
        let data = ApprovalData::Nothing;
        let call = EscrowCall::ReceiveApproval { sender, amount: Nrlc::new(1), token, data };
        self.perform(by, &Call::Escrow(call))
    }
}

impl Manage {
    /// A coin that belongs to the operation.
    fn salted(self) -> bool {
        self.which.is_multiple_of(2)
    }
}

/// The 64-byte form of a 65-byte signature; anything else stays.
pub(crate) fn compact(signature: Vec<u8>) -> Vec<u8> {
    let Ok(mut whole) = <[u8; 65]>::try_from(signature.as_slice()) else { return signature };
    whole[32] |= (whole[64] - 27) << 7;
    whole[..64].to_vec()
}
