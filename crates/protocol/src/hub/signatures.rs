//! Who signed what, and who may use what (poco 7).

use alloy_primitives::{Address, B256};

use super::{Hub, World};
use crate::ids::OrderHash;
use crate::revert::{Revert, require_or};
use crate::rules;
use crate::signing;

impl Hub {
    /// `verifySignature`: a contract account is asked, any other must have signed with its key.
    ///
    /// # Errors
    /// `invalid-signature-format` for a length other than 64 and 65 bytes, of an account without code.
    pub fn verify_signature(
        &self,
        world: &dyn World,
        account: Address,
        hash: B256,
        signature: &[u8],
    ) -> Result<bool, Revert> {
        if world.has_code(account) {
            return Ok(world.is_valid_signature(account, hash, signature));
        }
        require_or(signing::well_formed(signature), Revert::text("invalid-signature-format"))?;
        Ok(!account.is_zero() && signing::recover(hash, signature) == Some(account))
    }

    /// `verifyPresignature`.
    pub fn verify_presignature(&self, account: Address, hash: OrderHash) -> bool {
        !account.is_zero() && self.presigned(hash) == account
    }

    /// `verifyPresignatureOrSignature`: the signature counts, and can fail, only without pre-signature.
    ///
    /// # Errors
    /// As [`Hub::verify_signature`].
    pub fn verify_presignature_or_signature(
        &self,
        world: &dyn World,
        account: Address,
        hash: OrderHash,
        signature: &[u8],
    ) -> Result<bool, Revert> {
        if self.verify_presignature(account, hash) {
            return Ok(true);
        }
        self.verify_signature(world, account, hash.0, signature)
    }
}

/// Whether a group contract has a member.
pub(super) fn is_member(world: &dyn World) -> impl Fn(Address, Address) -> bool + '_ {
    |group, account| world.has_code(group) && world.is_member(group, account)
}

/// The rule of restrictions in a world.
pub(super) fn accepts(world: &dyn World, restriction: Address, account: Address) -> bool {
    rules::accepts(restriction, account, is_member(world))
}
