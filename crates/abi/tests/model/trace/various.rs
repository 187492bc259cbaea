//! Money, configuration, assets, and views that answer questions.

use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use alloy_sol_types::{SolCall, SolValue};
use metacloud_abi::{AppRegistry, Hub, Workerpool};
use metacloud_protocol::hub::{
    ApprovalData, Call, ConfigurationCall, EscrowCall, HubCategory, Registries, StakedRlcCall, TokenCall,
    WorkerpoolPolicy,
};
use metacloud_protocol::revert::Revert;
use metacloud_protocol::{Nrlc, Order};
use proptest::test_runner::TestCaseError;

use super::matching::compact;
use super::{Agreed, Trace};
use crate::cast::Who;
use crate::ops::{Asset, Money, Question, Receiver, Setting};

impl Trace {
    fn receiver(&self, receiver: Receiver) -> Address {
        match receiver {
            Receiver::Account(who) => who.address(),
            Receiver::Zero => Address::ZERO,
            Receiver::Hub => self.stage.addresses.hub,
            Receiver::Token => self.stage.addresses.rlc,
        }
    }

    pub(crate) fn money(&mut self, by: Who, money: &Money) -> Agreed {
        let (n, hub) = (Nrlc::new, self.stage.addresses.hub);
        let most = Nrlc(U256::MAX);
        let call = match money.clone() {
            Money::TokenTransfer(to, value) => {
                Call::Token(TokenCall::Transfer { to: to.address(), value: n(value) })
            }
            Money::TokenTransferToHub(value) => Call::Token(TokenCall::Transfer { to: hub, value: n(value) }),
            Money::TokenApproveHub(value) => {
                Call::Token(TokenCall::Approve { spender: hub, value: n(value) })
            }
            Money::Approval { value, data } => {
                let data = match data {
                    0 => ApprovalData::Nothing,
                    1 => ApprovalData::TooShort(vec![1, 2, 3].into()),
                    2 => ApprovalData::Other([1, 2, 3, 4].into()),
                    _ => ApprovalData::Malformed,
                };
                Call::Token(TokenCall::ApproveAndCallHub { value: n(value), data })
            }
            Money::ReceiveApproval { sender, token } => return self.receive_approval(by, sender, token),
            Money::Deposit(amount) => Call::Escrow(EscrowCall::Deposit { amount: n(amount) }),
            Money::DepositFor(amount, to) => {
                let target = self.receiver(to);
                Call::Escrow(EscrowCall::DepositFor { amount: n(amount), target })
            }
            Money::DepositForArray(pairs, uneven) => {
                let mut amounts: Vec<_> = pairs.iter().map(|&(amount, _)| n(amount)).collect();
                amounts.extend(uneven.then_some(Nrlc::ZERO));
                let targets = pairs.iter().map(|&(_, to)| self.receiver(to)).collect();
                Call::Escrow(EscrowCall::DepositForArray { amounts, targets })
            }
            Money::Withdraw(amount) => Call::Escrow(EscrowCall::Withdraw { amount: n(amount) }),
            Money::WithdrawTo(amount, to) => {
                let target = self.receiver(to);
                Call::Escrow(EscrowCall::WithdrawTo { amount: n(amount), target })
            }
            Money::Recover => Call::Escrow(EscrowCall::Recover),
            Money::MatchGuard(enabled) => Call::Escrow(EscrowCall::SetMatchGuard { enabled }),
            Money::Transfer(to, value) => {
                Call::StakedRlc(StakedRlcCall::Transfer { to: self.receiver(to), value: n(value) })
            }
            Money::Approve(to, value) => {
                Call::StakedRlc(StakedRlcCall::Approve { spender: self.receiver(to), value: n(value) })
            }
            Money::ApproveMost(to) => {
                Call::StakedRlc(StakedRlcCall::Approve { spender: self.receiver(to), value: most })
            }
            Money::TransferFrom(from, to, value) => {
                let (from, to) = (from.address(), self.receiver(to));
                Call::StakedRlc(StakedRlcCall::TransferFrom { from, to, value: n(value) })
            }
            Money::IncreaseAllowance(to, by) => {
                let spender = self.receiver(to);
                Call::StakedRlc(StakedRlcCall::IncreaseAllowance { spender, by: n(by) })
            }
            Money::IncreaseAllowanceByMost(to) => {
                let spender = self.receiver(to);
                Call::StakedRlc(StakedRlcCall::IncreaseAllowance { spender, by: most })
            }
            Money::DecreaseAllowance(to, by) => {
                let spender = self.receiver(to);
                Call::StakedRlc(StakedRlcCall::DecreaseAllowance { spender, by: n(by) })
            }
            Money::ApproveAndCall(to, value, data) => {
                let spender = self.receiver(to);
                let data = data.into();
                Call::StakedRlc(StakedRlcCall::ApproveAndCall { spender, value: n(value), data })
            }
        };
        self.perform(by, &call)
    }

    pub(crate) fn configure(&mut self, by: Who, setting: &Setting) -> Agreed {
        let real = self.stage.others.registries;
        let call = match setting {
            Setting::Configure => ConfigurationCall::Configure,
            Setting::UpdateDomainSeparator => ConfigurationCall::UpdateDomainSeparator,
            Setting::ImportScore(who) => ConfigurationCall::ImportScore { worker: who.address() },
            Setting::TeeBroker(who) => {
                ConfigurationCall::SetTeeBroker { broker: who.map_or(Address::ZERO, Who::address) }
            }
            Setting::CallbackGas(gas) => ConfigurationCall::SetCallbackGas { gas_limit: U256::from(*gas) },
            Setting::SwapRegistries => ConfigurationCall::ChangeRegistries(Registries {
                app: real.dataset,
                dataset: real.app,
                workerpool: real.workerpool,
            }),
            Setting::ForeignRegistries([app, dataset, workerpool]) => {
                ConfigurationCall::ChangeRegistries(Registries {
                    app: app.address(),
                    dataset: dataset.address(),
                    workerpool: workerpool.address(),
                })
            }
            Setting::RestoreRegistries => ConfigurationCall::ChangeRegistries(real),
            Setting::Category(number) => ConfigurationCall::CreateCategory(HubCategory {
                name: format!("category {number}"),
                description: "d".repeat(usize::from(*number) * 20),
                work_clock_time_ref_s: unusual_time(*number),
            }),
            Setting::Ownership(who) => ConfigurationCall::TransferOwnership { new_owner: who.address() },
        };
        self.perform(by, &Call::Configuration(call))
    }

    pub(crate) fn give_asset(&mut self, asset: Asset, to: Who) -> Agreed {
        let address = self.asset(asset);
        let known = self.stage.others.assets.get_mut(&address).expect("an asset of the stage");
        // The three registries share the signature.
        let call = AppRegistry::transferFromCall {
            from: known.owner,
            to: to.address(),
            tokenId: U256::from_be_slice(address.as_slice()),
        };
        let done = self.stage.evm.transact(known.owner, Some(known.registry), call.abi_encode().into());
        known.owner = to.address();
        done.map(drop).map_err(|data| TestCaseError::fail(format!("giving {asset:?} to {to:?}: {data}")))
    }

    pub(crate) fn change_policy(&mut self, pool: u8, stake_ratio: u16, reward_ratio: u8) -> Agreed {
        let address = self.asset(Asset::Workerpool(pool));
        let known = self.stage.others.assets.get_mut(&address).expect("an asset of the stage");
        known.policy = WorkerpoolPolicy {
            worker_stake_ratio: U256::from(stake_ratio),
            scheduler_reward_ratio: U256::from(reward_ratio),
        };
        let call = Workerpool::changePolicyCall {
            newWorkerStakeRatioPolicy: known.policy.worker_stake_ratio,
            newSchedulerRewardRatioPolicy: known.policy.scheduler_reward_ratio,
        };
        let done = self.stage.evm.transact(known.owner, Some(address), call.abi_encode().into());
        done.map(drop).map_err(|data| TestCaseError::fail(format!("changing policies: {data}")))
    }

    pub(crate) fn ask(&mut self, question: &Question) -> Agreed {
        let (call, modelled): (Vec<u8>, Result<Vec<u8>, Revert>) = match question {
            Question::Volume { which } => {
                let Some(orders) = self.some_orders(*which) else { return Ok(()) };
                let call = Hub::computeDealVolumeCall {
                    appOrder: orders.app.clone().into(),
                    datasetOrder: orders.dataset.clone().into(),
                    workerpoolOrder: orders.workerpool.clone().into(),
                    requestOrder: orders.request.clone().into(),
                };
                let volume = self.stage.hub.compute_deal_volume(&orders);
                (call.abi_encode(), Ok(volume.abi_encode()))
            }
            Question::DatasetFits { which, deal } => {
                let Some(orders) = self.some_orders(*which) else { return Ok(()) };
                let deal = self.deal_id(*deal);
                let order = orders.dataset;
                let call = Hub::assertDatasetDealCompatibilityCall {
                    datasetOrder: order.clone().into(),
                    dealId: deal.0,
                };
                let (hub, others) = (&self.stage.hub, &self.stage.others);
                let fits = hub.assert_dataset_deal_compatibility(others, &order, deal);
                (call.abi_encode(), fits.map(|()| vec![]))
            }
            Question::Signature { account, signer, length } => self.ask_signature(*account, *signer, *length),
            Question::Presignature { which, account } => {
                let Some(orders) = self.some_orders(*which) else { return Ok(()) };
                let hash = orders.request.order.hash(self.stage.hub.domain());
                let account = account.address();
                let call = Hub::verifyPresignatureCall { account, hash: hash.0 };
                (call.abi_encode(), Ok(self.stage.hub.verify_presignature(account, hash).abi_encode()))
            }
            Question::ResultFor { task } => {
                let task = self.task_id(*task);
                let result = self.stage.hub.result_for(task).map(|bytes| bytes.abi_encode());
                (Hub::resultForCall { taskId: task.0 }.abi_encode(), result)
            }
        };
        let deployed = self.view(call);
        let modelled = modelled.map(Bytes::from).map_err(|revert| revert.data());
        if modelled == deployed {
            return Ok(());
        }
        let text = format!("{question:?}\n  model:    {modelled:?}\n  contract: {deployed:?}");
        Err(TestCaseError::fail(text))
    }

    fn ask_signature(
        &self,
        account: Option<Who>,
        signer: Who,
        length: u8,
    ) -> (Vec<u8>, Result<Vec<u8>, Revert>) {
        let hash: B256 = keccak256([length]);
        let mut signature = signer.sign(hash).to_vec();
        match length {
            64 => signature = compact(signature),
            65 => {}
            other => signature.resize(other.into(), 1),
        }
        let account = account.map_or(Address::ZERO, Who::address);
        let (hub, others) = (&self.stage.hub, &self.stage.others);
        let valid = hub.verify_signature(others, account, hash, &signature);
        let call = Hub::verifySignatureCall { account, hash, signature: signature.into() };
        (call.abi_encode(), valid.map(|valid| valid.abi_encode()))
    }
}

/// Time references from nothing to more than there is.
fn unusual_time(number: u8) -> U256 {
    match number {
        0 => U256::from(0),
        1 => U256::from(1),
        2 => U256::from(60),
        3 => U256::from(u64::MAX),
        4 => U256::MAX / U256::from(11),
        _ => U256::MAX,
    }
}
