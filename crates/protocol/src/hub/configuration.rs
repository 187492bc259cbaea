//! Configuration and ownership (poco 4, 12.4 and 19).

use alloy_primitives::{Address, U256};

use super::{Context, Hub, HubCategory, Registries, Return};
use crate::event::Event;
use crate::revert::{CustomError, Revert, require_or};

/// Most gas that a result callback can be given.
pub const CALLBACK_GAS_MAX: U256 = U256::from_limbs([2_000_000, 0, 0, 0]);

/// A call of the hub about its configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "members carry the names of the ABI")]
pub enum ConfigurationCall {
    /// `configure` on a hub that is configured.
    Configure,
    /// `updateDomainSeparator`.
    UpdateDomainSeparator,
    /// `importScore` on a hub without predecessor.
    ImportScore { worker: Address },
    /// `setTeeBroker`.
    SetTeeBroker { broker: Address },
    /// `setCallbackGas`.
    SetCallbackGas { gas_limit: U256 },
    /// `changeRegistries`.
    ChangeRegistries(Registries),
    /// `createCategory`.
    CreateCategory(HubCategory),
    /// `transferOwnership`.
    TransferOwnership { new_owner: Address },
}

impl Hub {
    pub(super) fn configuration_call(
        &mut self,
        context: &mut Context<'_>,
        call: &ConfigurationCall,
    ) -> Result<Return, Revert> {
        match call {
            ConfigurationCall::Configure => {
                self.only_owner(context)?;
                return Err(Revert::text("already-configured"));
            }
            ConfigurationCall::UpdateDomainSeparator => {}
            ConfigurationCall::ImportScore { .. } => return Err(Revert::Empty),
            ConfigurationCall::SetTeeBroker { broker } => {
                self.only_owner(context)?;
                self.tee_broker = *broker;
            }
            ConfigurationCall::SetCallbackGas { gas_limit } => {
                self.only_owner(context)?;
                let bounded = *gas_limit <= CALLBACK_GAS_MAX;
                require_or(bounded, CustomError::CallbackGasTooHigh(*gas_limit))?;
                self.callback_gas = *gas_limit;
            }
            ConfigurationCall::ChangeRegistries(registries) => {
                self.only_owner(context)?;
                self.registries = *registries;
            }
            ConfigurationCall::CreateCategory(category) => {
                self.only_owner(context)?;
                return Ok(self.create_category(context, category));
            }
            ConfigurationCall::TransferOwnership { new_owner } => {
                let (user, owner) = (context.caller, self.owner);
                require_or(user == owner, CustomError::NotContractOwner { user, owner })?;
                self.owner = *new_owner;
                context.events.push(Event::OwnershipTransferred { previous: owner, new: *new_owner });
            }
        }
        Ok(Return::Nothing)
    }

    fn create_category(&mut self, context: &mut Context<'_>, category: &HubCategory) -> Return {
        let id = U256::from(self.categories.len());
        self.categories.push(category.clone());
        context.events.push(Event::CreateCategory {
            id,
            name: category.name.clone(),
            description: category.description.clone(),
            work_clock_time_ref_s: category.work_clock_time_ref_s,
        });
        Return::Category(id)
    }

    pub(super) fn only_owner(&self, context: &Context<'_>) -> Result<(), Revert> {
        require_or(context.caller == self.owner, Revert::text("Ownable: caller is not the owner"))
    }
}
