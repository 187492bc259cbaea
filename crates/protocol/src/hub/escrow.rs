//! Deposits, withdrawals, SRLC, the base token, and deposit-and-match (poco 3.2, 3.3 and 10).

use alloy_primitives::{Address, Bytes, FixedBytes};

use super::{Context, Hub, Moment, Return};
use crate::amount::Nrlc;
use crate::event::Event;
use crate::order::SignedOrders;
use crate::revert::{CustomError, Revert, require, require_or};

/// A call of the base token.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "members carry the names of the ABI")]
pub enum TokenCall {
    /// `transfer`.
    Transfer { to: Address, value: Nrlc },
    /// `approve`.
    Approve { spender: Address, value: Nrlc },
    /// `approveAndCall` with the hub as spender.
    ApproveAndCallHub { value: Nrlc, data: ApprovalData },
}

/// The bytes that come with an approval, as the hub reads them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ApprovalData {
    /// None: a plain deposit.
    Nothing,
    /// One to three bytes.
    TooShort(Bytes),
    /// A call of something other than `matchOrders`.
    Other(FixedBytes<4>),
    /// The selector of `matchOrders` with arguments that do not decode.
    Malformed,
    /// A call of `matchOrders`.
    Match(Box<SignedOrders>),
}

/// A call of the hub about deposits and withdrawals.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "members carry the names of the ABI")]
pub enum EscrowCall {
    /// `deposit`.
    Deposit { amount: Nrlc },
    /// `depositFor`.
    DepositFor { amount: Nrlc, target: Address },
    /// `depositForArray`.
    DepositForArray { amounts: Vec<Nrlc>, targets: Vec<Address> },
    /// `withdraw`.
    Withdraw { amount: Nrlc },
    /// `withdrawTo`.
    WithdrawTo { amount: Nrlc, target: Address },
    /// `recover`.
    Recover,
    /// `receiveApproval`, called by anyone.
    ReceiveApproval { sender: Address, amount: Nrlc, token: Address, data: ApprovalData },
    /// `setMatchGuard`.
    SetMatchGuard { enabled: bool },
}

/// A call of the hub as an ERC-20.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "members carry the names of the ABI")]
pub enum StakedRlcCall {
    /// `transfer`.
    Transfer { to: Address, value: Nrlc },
    /// `approve`.
    Approve { spender: Address, value: Nrlc },
    /// `transferFrom`.
    TransferFrom { from: Address, to: Address, value: Nrlc },
    /// `increaseAllowance`.
    IncreaseAllowance { spender: Address, by: Nrlc },
    /// `decreaseAllowance`.
    DecreaseAllowance { spender: Address, by: Nrlc },
    /// `approveAndCall`.
    ApproveAndCall { spender: Address, value: Nrlc, data: Bytes },
}

impl Hub {
    pub(super) fn token_call(
        &mut self,
        context: &mut Context<'_>,
        call: &TokenCall,
    ) -> Result<Return, Revert> {
        let caller = context.caller;
        match call {
            TokenCall::Transfer { to, value } => {
                self.token.transfer(caller, *to, *value, &mut context.events)?;
            }
            TokenCall::Approve { spender, value } => {
                self.token.approve(caller, *spender, *value, &mut context.events);
            }
            TokenCall::ApproveAndCallHub { value, data } => {
                let (hub, token) = (self.domain.hub, self.token.address());
                self.token.approve(caller, hub, *value, &mut context.events);
                context.caller = token;
                self.receive_approval(context, caller, *value, token, data)?;
                return Ok(Return::Nothing);
            }
        }
        Ok(Return::True)
    }

    pub(super) fn escrow_call(
        &mut self,
        context: &mut Context<'_>,
        call: &EscrowCall,
    ) -> Result<Return, Revert> {
        let caller = context.caller;
        match call {
            EscrowCall::Deposit { amount } => self.deposit(context, caller, *amount, caller)?,
            EscrowCall::DepositFor { amount, target } => {
                self.deposit(context, caller, *amount, *target)?;
            }
            EscrowCall::DepositForArray { amounts, targets } => {
                let equal = amounts.len() == targets.len();
                require_or(equal, Revert::text("invalid-array-length"))?;
                for (&amount, &target) in amounts.iter().zip(targets) {
                    self.deposit(context, caller, amount, target)?;
                }
            }
            EscrowCall::Withdraw { amount } => self.withdraw(context, *amount, caller)?,
            EscrowCall::WithdrawTo { amount, target } => {
                self.withdraw(context, *amount, *target)?;
            }
            EscrowCall::Recover => return self.recover(context),
            EscrowCall::ReceiveApproval { sender, amount, token, data } => {
                self.receive_approval(context, *sender, *amount, *token, data)?;
            }
            EscrowCall::SetMatchGuard { enabled } => {
                if *enabled {
                    self.guarded.insert(caller);
                } else {
                    self.guarded.remove(&caller);
                }
                context.events.push(Event::MatchGuardUpdated { requester: caller, enabled: *enabled });
                return Ok(Return::Nothing);
            }
        }
        Ok(Return::True)
    }

    pub(super) fn staked_rlc_call(
        &mut self,
        context: &mut Context<'_>,
        call: &StakedRlcCall,
    ) -> Result<Return, Revert> {
        let caller = context.caller;
        let (ledger, events) = (&mut self.ledger, &mut context.events);
        match call {
            StakedRlcCall::Transfer { to, value } => ledger.transfer(caller, *to, *value, events)?,
            StakedRlcCall::Approve { spender, value } => {
                ledger.approve(caller, *spender, *value, events)?;
            }
            StakedRlcCall::TransferFrom { from, to, value } => {
                ledger.transfer_from(caller, *from, *to, *value, events)?;
            }
            StakedRlcCall::IncreaseAllowance { spender, by } => {
                ledger.increase_allowance(caller, *spender, *by, events)?;
            }
            StakedRlcCall::DecreaseAllowance { spender, by } => {
                ledger.decrease_allowance(caller, *spender, *by, events)?;
            }
            StakedRlcCall::ApproveAndCall { spender, value, data } => {
                ledger.approve(caller, *spender, *value, events)?;
                self.call_spender(context, *spender, *value, data)?;
            }
        }
        Ok(Return::True)
    }

    fn call_spender(
        &mut self,
        context: &mut Context<'_>,
        spender: Address,
        value: Nrlc,
        data: &[u8],
    ) -> Result<(), Revert> {
        if spender == self.domain.hub {
            // The hub asks itself with itself as the token.
            return Err(Revert::text("wrong-token"));
        }
        require(spender != self.token.address())?;
        require(context.world.has_code(spender))?;
        self.visited(context, Moment::Approval(spender));
        let accepted = context.world.receive_approval(spender, context.caller, value, data)?;
        require_or(accepted, Revert::text("approval-refused"))
    }

    fn deposit(
        &mut self,
        context: &mut Context<'_>,
        from: Address,
        amount: Nrlc,
        target: Address,
    ) -> Result<(), Revert> {
        let hub = self.domain.hub;
        self.begin_move(context, Revert::text("failed-transferFrom"))?;
        self.token.transfer_from(hub, from, hub, amount, &mut context.events)?;
        self.visited(context, Moment::AfterMove);
        self.ledger.mint(target, amount, &mut context.events)
    }

    fn withdraw(&mut self, context: &mut Context<'_>, amount: Nrlc, target: Address) -> Result<(), Revert> {
        self.ledger.burn(context.caller, amount, &mut context.events)?;
        self.begin_move(context, CustomError::TransferFailed)?;
        self.token.transfer(self.domain.hub, target, amount, &mut context.events)?;
        self.visited(context, Moment::AfterMove);
        Ok(())
    }

    /// The hub calls the token, which lets others run, and may refuse: `refused` is what becomes of its `false`.
    fn begin_move(&mut self, context: &mut Context<'_>, refused: impl Into<Revert>) -> Result<(), Revert> {
        self.tokens_moved = true;
        self.visited(context, Moment::BeforeMove);
        match context.world.token_refusal() {
            None => Ok(()),
            Some(answer) => require_or(answer?, refused),
        }
    }

    fn recover(&mut self, context: &mut Context<'_>) -> Result<Return, Revert> {
        self.only_owner(context)?;
        require_or(!self.tokens_moved, CustomError::TokensInMotion)?;
        let held = self.token.balance_of(self.domain.hub);
        let surplus = held.checked_sub(self.ledger.total_supply()).ok_or(Revert::ARITHMETIC)?;
        self.ledger.mint(self.owner, surplus, &mut context.events)?;
        Ok(Return::Amount(surplus))
    }

    fn receive_approval(
        &mut self,
        context: &mut Context<'_>,
        sender: Address,
        amount: Nrlc,
        token: Address,
        data: &ApprovalData,
    ) -> Result<(), Revert> {
        let base = self.token.address();
        require_or(token == base, Revert::text("wrong-token"))?;
        require_or(context.caller == base, CustomError::CallerIsNotTheToken)?;
        self.deposit(context, sender, amount, sender)?;
        match data {
            ApprovalData::Nothing => Ok(()),
            ApprovalData::TooShort(_) | ApprovalData::Malformed => Err(Revert::Empty),
            ApprovalData::Other(selector) => Err(CustomError::UnsupportedOperation(*selector).into()),
            ApprovalData::Match(orders) => {
                let requester = orders.request.order.requester;
                require_or(requester == sender, CustomError::CallerIsNotTheRequester)?;
                context.caller = sender;
                match self.match_orders(context, orders, None) {
                    Ok(_) => Ok(()),
                    Err(Revert::Empty) => Err(CustomError::OperationFailed.into()),
                    Err(revert) => Err(revert),
                }
            }
        }
    }
}
