use alloy_primitives::{Address, B256};

use crate::ParseError;
use crate::cause::{CAUSE_MESSAGE_BYTES_MAX, CAUSES_MAX, Cause, Failure};

use super::proto;

pub(super) fn address(field: &'static str, bytes: &[u8]) -> Result<Address, ParseError> {
    let (found, wanted) = (bytes.len(), Address::len_bytes());
    Address::try_from(bytes).map_err(|_| ParseError::Length { field, found, wanted })
}

pub(super) fn word(field: &'static str, bytes: &[u8]) -> Result<B256, ParseError> {
    let (found, wanted) = (bytes.len(), B256::len_bytes());
    B256::try_from(bytes).map_err(|_| ParseError::Length { field, found, wanted })
}

pub(super) fn at_most(field: &'static str, found: usize, max: usize) -> Result<(), ParseError> {
    if found > max { Err(ParseError::TooLong { field, found, max }) } else { Ok(()) }
}

pub(super) fn value(field: &'static str, holds: bool, why: &'static str) -> Result<(), ParseError> {
    if holds { Ok(()) } else { Err(ParseError::Value { field, why }) }
}

pub(super) fn present<T>(field: &'static str, member: Option<T>) -> Result<T, ParseError> {
    member.ok_or(ParseError::Missing { field })
}

pub(super) fn causes(field: &'static str, causes: Vec<proto::Cause>) -> Result<Vec<Failure>, ParseError> {
    at_most(field, causes.len(), CAUSES_MAX)?;
    causes
        .into_iter()
        .map(|failure| {
            at_most(field, failure.message.len(), CAUSE_MESSAGE_BYTES_MAX)?;
            let cause = Cause::parse(&failure.cause)?;
            Ok(Failure { cause, message: failure.message })
        })
        .collect()
}
