//! What must be equal after each event.

use std::fmt::Debug;

use alloy_primitives::{Address, Log};
use alloy_sol_types::SolCall;
use metacloud_abi::{Hub, Rlc};
use metacloud_protocol::event::Event;
use metacloud_protocol::hub::{BoostCall, Call, MatchingCall, Return, TaskCall};
use metacloud_protocol::{Account, Contribution, Deal, DealId, Nrlc, Order, SignedOrders, Task, TaskId};
use proptest::test_runner::TestCaseError;

use super::{Agreed, Trace, name};
use crate::cast::Who;
use crate::encode;
use crate::evm::Success;
use crate::strangers::Stranger;

/// Contributions of a task that are compared after each event.
const CONTRIBUTORS_COMPARED: usize = 8;

fn equal<T: PartialEq + Debug>(story: &dyn Fn() -> String, what: &str, model: &T, contract: &T) -> Agreed {
    if model == contract {
        return Ok(());
    }
    let text = format!("{}\n  {what}\n  model:    {model:?}\n  contract: {contract:?}", story());
    Err(TestCaseError::fail(text))
}

impl Trace {
    pub(crate) fn compare_success(
        &self,
        story: &dyn Fn() -> String,
        returned: &Return,
        events: &[Event],
        success: &Success,
    ) -> Agreed {
        equal(story, "returned", &encode::returned(returned), &success.output)?;
        let puppet = Who::Contract(Stranger::Puppet).address();
        let (told, logs): (Vec<_>, Vec<_>) = success.logs.iter().partition(|log| log.address == puppet);
        let told: Vec<_> = told.into_iter().map(|log| log.data.data.clone()).collect();
        equal(story, "what the puppet met", &self.stage.others.puppet.borrow().told(), &told)?;
        for (index, (event, &log)) in events.iter().zip(&logs).enumerate() {
            let (target, data) = encode::event(event);
            let expected = Log { address: self.stage.address_of(target), data };
            equal(story, &format!("event {index}, {event:?}"), &expected, log)?;
        }
        equal(story, &format!("number of events {events:?}"), &events.len(), &logs.len())
    }

    /// Invariants, supply, and both parts of every account.
    pub(crate) fn compare_ledger(&mut self, story: &dyn Fn() -> String) -> Agreed {
        if let Err(violation) = self.stage.hub.check_invariants() {
            return Err(TestCaseError::fail(format!("{}\n  invariant broken: {violation}", story())));
        }
        for (account, purse) in self.books.purses() {
            let modelled = self.stage.hub.ledger().account(account);
            let deployed = Account { stake: Nrlc(purse.free), locked: Nrlc(purse.frozen) };
            equal(story, &format!("account {}", name(account)), &modelled, &deployed)?;
            let modelled = self.stage.hub.token().balance_of(account);
            equal(story, &format!("tokens of {}", name(account)), &modelled, &Nrlc(purse.tokens))?;
        }
        let supply = self.stage.hub.ledger().total_supply();
        let deployed = Nrlc(self.ask_hub(&Hub::totalSupplyCall {}));
        equal(story, "total supply", &supply, &deployed)
    }

    /// The records that a call is about.
    pub(crate) fn compare_call(
        &mut self,
        story: &dyn Fn() -> String,
        call: &Call,
        caller: Address,
    ) -> Agreed {
        match call {
            Call::Task(
                TaskCall::Contribute { task, .. }
                | TaskCall::Reveal { task, .. }
                | TaskCall::Reopen { task }
                | TaskCall::Finalize { task, .. }
                | TaskCall::ContributeAndFinalize { task, .. }
                | TaskCall::Claim { task },
            ) => {
                self.compare_task(story, *task)?;
                self.compare_contribution(story, *task, caller)
            }
            Call::Matching(MatchingCall::MatchOrders(orders) | MatchingCall::SponsorMatchOrders(orders)) => {
                if let Some(&deal) = self.deals.last() {
                    self.compare_deal(story, deal)?;
                }
                self.compare_orders(story, orders)
            }
            Call::Boost(BoostCall::Match(orders) | BoostCall::SponsorMatch(orders)) => {
                if let Some(&deal) = self.deals.last().or(self.boost_deals.last()) {
                    self.compare_boost_deal(story, deal)?;
                }
                self.compare_orders(story, orders)
            }
            Call::Boost(BoostCall::Push(push)) => {
                self.compare_task(story, TaskId::derive(push.deal, push.index))
            }
            Call::Boost(BoostCall::Claim { deal, index }) => {
                self.compare_task(story, TaskId::derive(*deal, *index))
            }
            _ => Ok(()),
        }
    }

    /// Everything that this trace touched.
    pub(crate) fn compare_all(&mut self) -> Agreed {
        let story = || "at the end".to_owned();
        self.compare_ledger(&story)?;
        for who in Who::all() {
            let held = self.stage.hub.token().balance_of(who.address());
            let deployed = self.token_balance(who.address());
            equal(&story, &format!("tokens of {who:?}"), &held, &deployed)?;
            self.compare_score(&story, who.address())?;
            let guard = self.stage.hub.match_guard(who.address());
            let deployed = self.ask_hub(&Hub::matchGuardCall { requester: who.address() });
            equal(&story, &format!("match guard of {who:?}"), &guard, &deployed)?;
        }
        for deal in [self.deals.clone(), self.boost_deals.clone()].concat() {
            self.compare_deal(&story, deal)?;
            self.compare_boost_deal(&story, deal)?;
        }
        let tasks: Vec<_> = self.stage.hub.tasks().map(|(id, _)| id).collect();
        for task in tasks {
            self.compare_task(&story, task)?;
            for worker in self.stage.hub.task(task).contributors {
                self.compare_contribution(&story, task, worker)?;
                self.compare_score(&story, worker)?;
            }
        }
        for orders in self.orders.clone() {
            self.compare_orders(&story, &orders)?;
        }
        self.compare_configuration(&story)
    }

    fn compare_configuration(&mut self, story: &dyn Fn() -> String) -> Agreed {
        let owner = self.ask_hub(&Hub::ownerCall {});
        equal(story, "hub owner", &self.stage.hub.owner(), &owner)?;
        let broker = self.ask_hub(&Hub::teebrokerCall {});
        equal(story, "TEE broker", &self.stage.hub.tee_broker(), &broker)?;
        let gas = self.ask_hub(&Hub::callbackgasCall {});
        equal(story, "callback gas", &self.stage.hub.callback_gas(), &gas)?;
        let registry = self.ask_hub(&Hub::appregistryCall {});
        equal(story, "app registry", &self.stage.hub.registries().app, &registry)?;
        let categories = self.stage.hub.categories().to_vec();
        let count = self.ask_hub(&Hub::countCategoryCall {});
        equal(story, "categories", &categories.len(), &count.to())?;
        for (index, category) in categories.into_iter().enumerate() {
            let id = alloy_primitives::U256::from(index);
            let deployed = self.ask_hub(&Hub::viewCategoryCall { categoryId: id });
            let modelled = Hub::Category {
                name: category.name,
                description: category.description,
                workClockTimeRef: category.work_clock_time_ref_s,
            };
            equal(story, &format!("category {index}"), &modelled, &deployed)?;
        }
        Ok(())
    }

    fn compare_deal(&mut self, story: &dyn Fn() -> String, deal: DealId) -> Agreed {
        let deployed = Deal::from(self.ask_hub(&Hub::viewDealCall { dealId: deal.0 }));
        equal(story, &format!("deal {deal}"), &self.stage.hub.deal(deal), &deployed)
    }

    fn compare_boost_deal(&mut self, story: &dyn Fn() -> String, deal: DealId) -> Agreed {
        let modelled = encode::boost_deal(&self.stage.hub.boost_deal(deal));
        let deployed = self.ask_hub(&Hub::viewDealBoostCall { dealId: deal.0 });
        equal(story, &format!("Boost deal {deal}"), &modelled, &deployed)
    }

    pub(crate) fn compare_task(&mut self, story: &dyn Fn() -> String, id: TaskId) -> Agreed {
        let task = self.stage.hub.task(id);
        let deployed = self.ask_hub(&Hub::viewTaskCall { taskId: id.0 });
        let deployed = Task::try_from(deployed).expect("a status of the standard");
        equal(story, &format!("task {id}"), &task, &deployed)?;
        // Of a crowd the latest here, and everybody in the end.
        for &worker in task.contributors.iter().rev().take(CONTRIBUTORS_COMPARED) {
            self.compare_contribution(story, id, worker)?;
            self.compare_score(story, worker)?;
        }
        Ok(())
    }

    fn compare_contribution(&mut self, story: &dyn Fn() -> String, task: TaskId, worker: Address) -> Agreed {
        let contribution = self.stage.hub.contribution(task, worker);
        let deployed = self.ask_hub(&Hub::viewContributionCall { taskId: task.0, worker });
        let deployed = Contribution::try_from(deployed).expect("a status of the standard");
        equal(story, &format!("contribution of {}", name(worker)), &contribution, &deployed)
    }

    fn compare_score(&mut self, story: &dyn Fn() -> String, worker: Address) -> Agreed {
        let deployed = self.ask_hub(&Hub::viewScoreCall { worker });
        equal(story, &format!("score of {}", name(worker)), &self.stage.hub.score(worker), &deployed)
    }

    pub(crate) fn compare_orders(&mut self, story: &dyn Fn() -> String, orders: &SignedOrders) -> Agreed {
        let domain = *self.stage.hub.domain();
        let hashes = [
            orders.app.order.hash(&domain),
            orders.dataset.order.hash(&domain),
            orders.workerpool.order.hash(&domain),
            orders.request.order.hash(&domain),
        ];
        for hash in hashes {
            let consumed = self.ask_hub(&Hub::viewConsumedCall { orderHash: hash.0 });
            equal(story, "consumed", &self.stage.hub.consumed(hash), &consumed)?;
            let signer = self.ask_hub(&Hub::viewPresignedCall { orderHash: hash.0 });
            equal(story, "presigned", &self.stage.hub.presigned(hash), &signer)?;
        }
        Ok(())
    }

    /// A view that cannot fail.
    pub(crate) fn ask_hub<C: SolCall>(&mut self, call: &C) -> C::Return {
        let answer =
            self.view(call.abi_encode()).unwrap_or_else(|data| panic!("{} reverted {data}", C::SIGNATURE));
        C::abi_decode_returns(&answer).unwrap_or_else(|error| panic!("{}: {error}", C::SIGNATURE))
    }

    fn token_balance(&mut self, owner: Address) -> Nrlc {
        let call = Rlc::balanceOfCall { account: owner }.abi_encode();
        let rlc = self.stage.addresses.rlc;
        let answer = self.stage.evm.call(owner, rlc, call.into()).expect("a balance");
        Nrlc(alloy_primitives::U256::from_be_slice(&answer))
    }
}
