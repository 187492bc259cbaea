//! Evidence of an enclave, and what a secrets service answers to it.
//!
//! An enclave makes its own keys, states them together with the task that it serves ([`Statement`]), and a root of trust
//! signs a report of the enclave's measurement and of that statement ([`Report`]). Schedulers and secrets services
//! verify the two against the roots that they admit ([`Roots`]). A simulated enclave has a key in a file as its root: it
//! shows that the code path works, not that anybody is protected; its kind says so everywhere.

mod bundle;
mod evidence;

pub use bundle::{
    AuthorizationView, BUNDLE_PURPOSE, Bundle, DatasetKey, SLICE_ORDERS_MAX, SecretsAnswer, SecretsRequest,
};
pub use evidence::{
    EnclaveKind, Evidence, EvidenceError, LIFE_S_MAX, Report, Roots, Statement, Verified, measurement,
};
