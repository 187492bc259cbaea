//! What values look like in JSON, for the description of the services: forms of foreign types, and of ours that write
//! themselves as text.

use std::borrow::Cow;

use utoipa::openapi::schema::{ObjectBuilder, Schema, SchemaFormat, Type};
use utoipa::openapi::{KnownFormat, RefOr};
use utoipa::{PartialSchema, ToSchema};

use crate::market::AddressOrAny;
use crate::orders::{PARAMS_BYTES_MAX, Params};
use crate::{Checksummed, SAFE_UINT_MAX, SIGNATURE_BYTES_MAX, SafeUint, Signature, Timestamp};

/// 32 bytes in hex: a hash, an id, a tag, a salt.
pub struct Bytes32;
/// An address in hex, of any case.
pub struct AddressText;
/// Bytes in hex.
pub struct HexBytes;
/// A number up to 2^53 - 1 as clients send it: as a number or as decimal text.
pub struct SentUint;
/// `true`.
pub struct True;
/// `false`.
pub struct False;

fn text(pattern: &str, about: &str) -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String).pattern(Some(pattern)).description(Some(about))
}

macro_rules! looks {
    ($($of:ident $name:literal: $schema:expr;)*) => {$(
        impl PartialSchema for $of {
            fn schema() -> RefOr<Schema> {
                Schema::from($schema).into()
            }
        }

        impl ToSchema for $of {
            fn name() -> Cow<'static, str> {
                $name.into()
            }
        }
    )*};
}

looks! {
    Bytes32 "Bytes32": text("^0x[0-9a-fA-F]{64}$", "32 bytes in hex: a hash, an id, a tag, a salt.");
    AddressText "Address": text("^0x[0-9a-fA-F]{40}$", "An address; written with its checksum (EIP-55), read in any case.");
    Checksummed "Address": text("^0x[0-9a-fA-F]{40}$", "An address; written with its checksum (EIP-55), read in any case.");
    AddressOrAny "AddressOrAny": text("^(any|0x[0-9a-fA-F]{40})$", "An address, or the word `any`.");
    HexBytes "HexBytes": text("^0x([0-9a-fA-F]{2})*$", "Bytes in hex.");
    Signature "Signature": text("^0x([0-9a-fA-F]{2})*$", "65 bytes of a key, more only of a contract account.")
        .max_length(Some(2 + 2 * SIGNATURE_BYTES_MAX));
    Timestamp "Timestamp": text("^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\\.[0-9]{3}Z$", "A moment, in UTC.")
        .format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime)));
    Params "Params": ObjectBuilder::new().schema_type(Type::String).max_length(Some(PARAMS_BYTES_MAX))
        .description(Some("The params of a request, JSON as text; at most so many bytes."));
    SafeUint "SafeUint": ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(0)).maximum(Some(SAFE_UINT_MAX))
        .description(Some("A number that every client reads exactly; amounts are in nRLC."));
    SentUint "SentUint": utoipa::openapi::OneOfBuilder::new()
        .item(ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(0)).maximum(Some(SAFE_UINT_MAX)))
        .item(ObjectBuilder::new().schema_type(Type::String).pattern(Some("^[0-9]{1,16}$")))
        .description(Some("A number from 0 to 9007199254740991, or its decimal digits as text."));
    True "True": ObjectBuilder::new().schema_type(Type::Boolean).enum_values(Some([true]));
    False "False": ObjectBuilder::new().schema_type(Type::Boolean).enum_values(Some([false]));
}
