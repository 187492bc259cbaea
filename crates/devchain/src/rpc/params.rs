//! Arguments of a method: an array, taken apart one by one so that a missing or malformed one is named.

use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use crate::error::RpcError;

/// Arguments that any method takes.
const ARGUMENTS_MAX: usize = 8;

/// The arguments of one call.
pub(crate) struct Params<'a>(Vec<&'a RawValue>);

impl<'a> Params<'a> {
    /// Takes the `params` member apart.
    ///
    /// # Errors
    /// It is neither absent, null nor an array of a few values.
    pub(crate) fn parse(params: Option<&'a RawValue>) -> Result<Self, RpcError> {
        let Some(params) = params else {
            return Ok(Self(Vec::new()));
        };
        match params.get().as_bytes().first() {
            Some(b'n') => return Ok(Self(Vec::new())),
            Some(b'[') => {}
            Some(_) | None => return Err(RpcError::invalid_params("non-array args")),
        }
        let arguments: Vec<&RawValue> = serde_json::from_str(params.get())
            .map_err(|error| RpcError::invalid_params(format!("invalid params: {error}")))?;
        if arguments.len() > ARGUMENTS_MAX {
            return Err(RpcError::invalid_params(format!(
                "too many arguments, want at most {ARGUMENTS_MAX}"
            )));
        }
        Ok(Self(arguments))
    }

    /// An argument that must be there.
    ///
    /// # Errors
    /// It is missing, null, or of another shape.
    pub(crate) fn required<T: DeserializeOwned>(&self, index: usize) -> Result<T, RpcError> {
        self.optional(index)?
            .ok_or_else(|| RpcError::invalid_params(format!("missing value for required argument {index}")))
    }

    /// An argument that may be missing or null.
    ///
    /// # Errors
    /// It is of another shape.
    pub(crate) fn optional<T: DeserializeOwned>(&self, index: usize) -> Result<Option<T>, RpcError> {
        match self.0.get(index) {
            None => Ok(None),
            Some(raw) if raw.get() == "null" => Ok(None),
            Some(raw) => serde_json::from_str(raw.get())
                .map(Some)
                .map_err(|error| RpcError::invalid_params(format!("invalid argument {index}: {error}"))),
        }
    }

    /// The text of an argument, unparsed.
    pub(crate) fn raw(&self, index: usize) -> Option<&'a RawValue> {
        self.0.get(index).copied()
    }
}
