//! The secrets service (http-surface 5), and its own form beside the one of iExec clients.
//!
//! The old form (`/secrets/web2`, `/secrets/web3`, `/apps/…`, `/requesters/…`) signs a digest without nonce, expiry or
//! chain: [`SecretId::old_digest`]. The signed form is one route, [`ROUTE`]:
//!
//! - `POST /v2/secrets`, body [`SetSecret`]: EIP-712, domain `{name "metacloud secrets", version "1", chainId,
//!   verifyingContract hub}`; a nonce of the signer's choice that serves once, an expiry, and the policy that says which
//!   enclaves may receive the value. 204; 400 form; 401 not the owner's signature, expired, replayed; 409 already set;
//!   413 too long. Errors are `{"error": "…"}`.
//! - `DELETE /v2/secrets`, body [`DeleteSecret`], in the same domain: 204; 404 if there is none. What was removed does not
//!   come back by an old message of either form.
//! - `GET /v2/secrets?kind=&subject=&name=`: 200 [`SecretView`] or 404. Never the value.

mod deletion;
mod old;
mod policy;
mod signed;

pub use deletion::{DeleteSecret, DeleteSecretMessage};
pub use old::{ErrorText, OldErrors, SecretId, SecretIdError, SecretKind};
pub use policy::{Level, Policy, PolicyError};
pub use signed::{LIFE_S_MAX, SecretView, SetSecret, SetSecretMessage};

/// Path of the signed form.
pub const ROUTE: &str = "/v2/secrets";
/// Longest value, in bytes (http-surface 5.1).
pub const VALUE_BYTES_MAX: usize = 4_096;
/// Longest name of a requester's secret, in characters (http-surface 5.1).
pub const REQUESTER_NAME_MAX: usize = 64;
/// Longest name of an account's secret, in bytes; ours, the names in use have at most 38.
pub const ACCOUNT_NAME_BYTES_MAX: usize = 256;
/// Name of the account secret that holds a beneficiary's key for results (http-surface 5.2).
pub const RESULT_KEY_NAME: &str = "iexec-result-encryption-public-key";
