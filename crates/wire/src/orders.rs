//! Signed orders in JSON (http-surface 4.3).
//!
//! Numbers are at most 2^53 - 1. A client sends them as decimal strings, a server as numbers; both are read.

use std::borrow::Cow;
use std::marker::PhantomData;

use alloy_primitives::{B256, U256};
use metacloud_protocol::{AppOrder, DatasetOrder, OrderKind, RequestOrder, Signed, WorkerpoolOrder};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::openapi::schema::{ObjectBuilder, Schema};
use utoipa::openapi::{Ref, RefOr};
use utoipa::{PartialSchema, ToSchema};

use crate::schema::{Bytes32, SentUint};
use crate::{Checksummed, SAFE_UINT_MAX, SafeUint, Signature};

/// Longest `params` of a request order in bytes: far above what fits into a transaction.
pub const PARAMS_BYTES_MAX: usize = 131_072;

/// The JSON form of one kind of signed order.
pub trait OrderBody: Serialize + DeserializeOwned + ToSchema + Clone + Send + Sync + 'static {
    /// The order of the protocol.
    type Order;
    /// Which kind.
    const KIND: OrderKind;
    /// First segment of its routes, as in `/apporders`.
    const ROUTE: &'static str;
    /// The member that names the resource (or the requester), as in the unpublish body.
    const RESOURCE: &'static str;

    /// The JSON form of a signed order.
    ///
    /// # Errors
    /// [`OrderFormError`] if a member cannot be written in JSON; the contract would take it, the market does not.
    fn from_signed(order: &Signed<Self::Order>) -> Result<Self, OrderFormError>;

    /// The signed order of the protocol.
    fn to_signed(&self) -> Signed<Self::Order>;

    /// What it looks like: as a client sends it, or as a server answers.
    fn schema(form: Written) -> RefOr<Schema>;

    /// The form in which clients send it: numbers as decimal strings.
    fn to_client_json(&self) -> Value {
        let mut body = serde_json::to_value(self).expect("numbers and strings always serialise");
        let members = body.as_object_mut().expect("an order is an object");
        for member in members.values_mut().filter(|member| member.is_number()) {
            *member = Value::String(member.to_string());
        }
        body
    }
}

/// Who writes an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Written {
    /// A client: numbers may be decimal text.
    ByClient,
    /// A server.
    ByServer,
}

/// An order as clients send it, for the description of the services.
pub struct Sent<O>(PhantomData<O>);

impl<O: OrderBody> PartialSchema for Sent<O> {
    fn schema() -> RefOr<Schema> {
        <O as OrderBody>::schema(Written::ByClient)
    }
}

impl<O: OrderBody> ToSchema for Sent<O> {
    fn name() -> Cow<'static, str> {
        format!("Sent{}", O::name()).into()
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        schemas.push((SentUint::name().into_owned(), SentUint::schema()));
        O::schemas(schemas);
    }
}

/// Why a signed order has no JSON form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OrderFormError {
    /// Above 2^53 - 1.
    #[error("{field} is above {SAFE_UINT_MAX}, the largest number that the market carries")]
    TooLarge {
        /// Which member.
        field: &'static str,
    },
    /// `params` or `sign` above its bound.
    #[error("{field} is longer than the market accepts")]
    TooLong {
        /// Which member.
        field: &'static str,
    },
}

/// `params` of a request order: at most [`PARAMS_BYTES_MAX`] bytes, kept byte for byte (they are hashed).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Params(String);

impl Params {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Params {
    type Error = OrderFormError;

    fn try_from(text: String) -> Result<Self, OrderFormError> {
        if text.len() > PARAMS_BYTES_MAX {
            Err(OrderFormError::TooLong { field: "params" })
        } else {
            Ok(Self(text))
        }
    }
}

impl From<Params> for String {
    fn from(params: Params) -> Self {
        params.0
    }
}

/// How one member travels between the protocol's type and the JSON type.
trait Member<P>: Sized {
    fn read(value: &P, field: &'static str) -> Result<Self, OrderFormError>;
    fn write(&self) -> P;
}

/// What one member looks like.
trait Looks {
    type AsSent: ToSchema;
    type AsAnswered: ToSchema;
}

impl Looks for SafeUint {
    type AsSent = SentUint;
    type AsAnswered = Self;
}

impl Looks for B256 {
    type AsSent = Bytes32;
    type AsAnswered = Bytes32;
}

impl Looks for Checksummed {
    type AsSent = Self;
    type AsAnswered = Self;
}

impl Looks for Params {
    type AsSent = Self;
    type AsAnswered = Self;
}

impl Looks for Signature {
    type AsSent = Self;
    type AsAnswered = Self;
}

fn reference<T: Looks>(form: Written) -> Ref {
    Ref::from_schema_name(match form {
        Written::ByClient => T::AsSent::name(),
        Written::ByServer => T::AsAnswered::name(),
    })
}

fn name<T: ToSchema>(schemas: &mut Vec<(String, RefOr<Schema>)>) {
    schemas.push((T::name().into_owned(), T::schema()));
}

impl Member<U256> for SafeUint {
    fn read(value: &U256, field: &'static str) -> Result<Self, OrderFormError> {
        u64::try_from(*value).ok().and_then(Self::new).ok_or(OrderFormError::TooLarge { field })
    }

    fn write(&self) -> U256 {
        U256::from(self.get())
    }
}

impl Member<alloy_primitives::Address> for Checksummed {
    fn read(value: &alloy_primitives::Address, _: &'static str) -> Result<Self, OrderFormError> {
        Ok(Self(*value))
    }

    fn write(&self) -> alloy_primitives::Address {
        self.0
    }
}

impl<P: Copy + Into<B256> + From<B256>> Member<P> for B256 {
    fn read(value: &P, _: &'static str) -> Result<Self, OrderFormError> {
        Ok((*value).into())
    }

    fn write(&self) -> P {
        (*self).into()
    }
}

impl Member<String> for Params {
    fn read(value: &String, _: &'static str) -> Result<Self, OrderFormError> {
        value.clone().try_into()
    }

    fn write(&self) -> String {
        self.0.clone()
    }
}

macro_rules! order_body {
    (
        $(#[$doc:meta])*
        $body:ident, $order:ident, $kind:ident, $route:literal, $resource:literal, { $($field:ident: $type:ty),* $(,)? }
    ) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
        #[expect(missing_docs, reason = "the members are those of the protocol's order, under the same names")]
        pub struct $body {
            $(pub $field: $type,)*
            pub sign: Signature,
        }

        impl OrderBody for $body {
            type Order = $order;
            const KIND: OrderKind = OrderKind::$kind;
            const ROUTE: &'static str = $route;
            const RESOURCE: &'static str = $resource;

            fn schema(form: Written) -> RefOr<Schema> {
                let object = ObjectBuilder::new()
                    $(.property(stringify!($field), reference::<$type>(form)).required(stringify!($field)))*
                    .property("sign", reference::<Signature>(form))
                    .required("sign");
                Schema::from(object).into()
            }

            fn from_signed(signed: &Signed<$order>) -> Result<Self, OrderFormError> {
                Ok(Self {
                    $($field: Member::read(&signed.order.$field, stringify!($field))?,)*
                    sign: signed.sign.clone().try_into().map_err(|_| OrderFormError::TooLong { field: "sign" })?,
                })
            }

            fn to_signed(&self) -> Signed<$order> {
                Signed {
                    order: $order { $($field: Member::write(&self.$field),)* },
                    sign: self.sign.as_bytes().clone(),
                }
            }
        }

        impl PartialSchema for $body {
            fn schema() -> RefOr<Schema> {
                <Self as OrderBody>::schema(Written::ByServer)
            }
        }

        impl ToSchema for $body {
            fn name() -> Cow<'static, str> {
                stringify!($order).into()
            }

            fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
                $(name::<<$type as Looks>::AsAnswered>(schemas);)*
                name::<Signature>(schemas);
            }
        }
    };
}

order_body! {
    /// JSON of a signed apporder.
    AppOrderBody, AppOrder, App, "apporders", "app", {
        app: Checksummed, appprice: SafeUint, volume: SafeUint, tag: B256, datasetrestrict: Checksummed,
        workerpoolrestrict: Checksummed, requesterrestrict: Checksummed, salt: B256,
    }
}
order_body! {
    /// JSON of a signed datasetorder.
    DatasetOrderBody, DatasetOrder, Dataset, "datasetorders", "dataset", {
        dataset: Checksummed, datasetprice: SafeUint, volume: SafeUint, tag: B256, apprestrict: Checksummed,
        workerpoolrestrict: Checksummed, requesterrestrict: Checksummed, salt: B256,
    }
}
order_body! {
    /// JSON of a signed workerpoolorder.
    WorkerpoolOrderBody, WorkerpoolOrder, Workerpool, "workerpoolorders", "workerpool", {
        workerpool: Checksummed, workerpoolprice: SafeUint, volume: SafeUint, tag: B256, category: SafeUint,
        trust: SafeUint, apprestrict: Checksummed, datasetrestrict: Checksummed, requesterrestrict: Checksummed,
        salt: B256,
    }
}
order_body! {
    /// JSON of a signed requestorder.
    RequestOrderBody, RequestOrder, Request, "requestorders", "requester", {
        app: Checksummed, appmaxprice: SafeUint, dataset: Checksummed, datasetmaxprice: SafeUint,
        workerpool: Checksummed, workerpoolmaxprice: SafeUint, requester: Checksummed, volume: SafeUint, tag: B256,
        category: SafeUint, trust: SafeUint, beneficiary: Checksummed, callback: Checksummed, params: Params,
        salt: B256,
    }
}
