//! Management and relay of orders (poco 8).

use alloy_primitives::{Address, Bytes};

use super::{Context, Hub, Return};
use crate::event::Event;
use crate::order::{AppOrder, DatasetOrder, Order, OrderOperation, RequestOrder, Signed, WorkerpoolOrder};
use crate::revert::{Revert, require_or};

/// An operation of an owner on its order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operation<O> {
    /// The order.
    pub order: O,
    /// SIGN 0, CLOSE 1; any other number fails.
    pub operation: u8,
    /// The owner's signature of the operation; not looked at when the owner calls.
    pub sign: Bytes,
}

/// A call of the hub about orders.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OrderCall {
    /// `manageAppOrder`.
    ManageApp(Operation<AppOrder>),
    /// `manageDatasetOrder`.
    ManageDataset(Operation<DatasetOrder>),
    /// `manageWorkerpoolOrder`.
    ManageWorkerpool(Operation<WorkerpoolOrder>),
    /// `manageRequestOrder`.
    ManageRequest(Operation<RequestOrder>),
    /// `broadcastAppOrder`.
    BroadcastApp(Signed<AppOrder>),
    /// `broadcastDatasetOrder`.
    BroadcastDataset(Signed<DatasetOrder>),
    /// `broadcastWorkerpoolOrder`.
    BroadcastWorkerpool(Signed<WorkerpoolOrder>),
    /// `broadcastRequestOrder`.
    BroadcastRequest(Signed<RequestOrder>),
}

impl Hub {
    pub(super) fn order_call(
        &mut self,
        context: &mut Context<'_>,
        call: &OrderCall,
    ) -> Result<Return, Revert> {
        let owner_of = |asset| context.world.owner_of(asset);
        match call {
            OrderCall::ManageApp(operation) => {
                let owner = owner_of(operation.order.app)?;
                self.manage(context, operation, owner)?;
            }
            OrderCall::ManageDataset(operation) => {
                let owner = owner_of(operation.order.dataset)?;
                self.manage(context, operation, owner)?;
            }
            OrderCall::ManageWorkerpool(operation) => {
                let owner = owner_of(operation.order.workerpool)?;
                self.manage(context, operation, owner)?;
            }
            OrderCall::ManageRequest(operation) => {
                self.manage(context, operation, operation.order.requester)?;
            }
            OrderCall::BroadcastApp(order) => {
                context.events.push(Event::BroadcastAppOrder(order.clone()));
            }
            OrderCall::BroadcastDataset(order) => {
                context.events.push(Event::BroadcastDatasetOrder(order.clone()));
            }
            OrderCall::BroadcastWorkerpool(order) => {
                context.events.push(Event::BroadcastWorkerpoolOrder(order.clone()));
            }
            OrderCall::BroadcastRequest(order) => {
                context.events.push(Event::BroadcastRequestOrder(order.clone()));
            }
        }
        Ok(Return::Nothing)
    }

    fn manage<O: Order>(
        &mut self,
        context: &mut Context<'_>,
        operation: &Operation<O>,
        owner: Address,
    ) -> Result<(), Revert> {
        let Operation { order, operation, sign } = operation;
        let operation = OrderOperation::from_number(*operation).ok_or(Revert::Empty)?;
        let authorized = context.caller == owner
            || self.verify_signature(context.world, owner, operation.digest(order, &self.domain), sign)?;
        require_or(authorized, Revert::text("invalid-sender-or-signature"))?;
        let (kind, hash) = (O::KIND, order.hash(&self.domain));
        context.events.push(match operation {
            OrderOperation::Sign => {
                self.presigned.insert(hash, owner);
                Event::OrderSigned { kind, hash }
            }
            OrderOperation::Close => {
                self.consumed.insert(hash, order.volume());
                Event::OrderClosed { kind, hash }
            }
        });
        Ok(())
    }
}
