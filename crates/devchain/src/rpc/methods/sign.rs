//! Signatures with the development keys.

use alloy::dyn_abi::TypedData;
use alloy::signers::SignerSync as _;
use alloy::signers::local::PrivateKeySigner;
use alloy_primitives::{Address, Bytes};
use serde_json::value::RawValue;

use crate::accounts;
use crate::error::RpcError;
use crate::rpc::jsonrpc::json;
use crate::rpc::params::Params;

/// Signs a message or typed data.
pub(super) fn sign(method: &str, params: &Params<'_>) -> Result<Option<Vec<u8>>, RpcError> {
    let signature = match method {
        "eth_sign" => signer(params, 0)?.sign_message_sync(&params.required::<Bytes>(1)?),
        "personal_sign" => signer(params, 1)?.sign_message_sync(&params.required::<Bytes>(0)?),
        "eth_signTypedData" | "eth_signTypedData_v4" => {
            let signer = signer(params, 0)?;
            let data = typed_data(params.raw(1))?;
            let hash = data
                .eip712_signing_hash()
                .map_err(|error| RpcError::invalid_params(format!("invalid argument 1: {error}")))?;
            signer.sign_hash_sync(&hash)
        }
        _ => return Ok(None),
    }
    .map_err(|error| RpcError::internal(format!("could not sign: {error}")))?;
    json(&Bytes::copy_from_slice(&signature.as_bytes())).map(Some)
}

fn signer(params: &Params<'_>, index: usize) -> Result<&'static PrivateKeySigner, RpcError> {
    let address: Address = params.required(index)?;
    accounts::signer(address).ok_or_else(|| RpcError::refused("unknown account"))
}

/// Typed data comes as an object, or as its text in a string.
fn typed_data(argument: Option<&RawValue>) -> Result<TypedData, RpcError> {
    let malformed =
        |error: serde_json::Error| RpcError::invalid_params(format!("invalid argument 1: {error}"));
    let raw =
        argument.ok_or_else(|| RpcError::invalid_params("missing value for required argument 1"))?.get();
    if raw.starts_with('"') {
        let text: String = serde_json::from_str(raw).map_err(malformed)?;
        serde_json::from_str(&text).map_err(malformed)
    } else {
        serde_json::from_str(raw).map_err(malformed)
    }
}
