//! What clients of the market write.

use metacloud_protocol::params::{DealParams, join_args, split_args};
use metacloud_wire::login::Authorization;
use metacloud_wire::market::PublishRequest;
use metacloud_wire::orders::{
    AppOrderBody, DatasetOrderBody, OrderBody, RequestOrderBody, WorkerpoolOrderBody,
};

/// Body of a publication, as each kind of order.
pub(crate) fn order(bytes: &[u8]) {
    order_as::<AppOrderBody>(bytes);
    order_as::<DatasetOrderBody>(bytes);
    order_as::<WorkerpoolOrderBody>(bytes);
    order_as::<RequestOrderBody>(bytes);
}

fn order_as<O: OrderBody<Order: PartialEq>>(bytes: &[u8]) {
    let Ok(read) = serde_json::from_slice::<PublishRequest<O>>(bytes) else { return };
    let signed = read.order.to_signed();
    let written = O::from_signed(&signed).expect("what was read can be written");
    let again: O = serde_json::from_value(written.to_client_json()).expect("what is written can be read");
    assert!(again.to_signed() == signed, "an order changed on its way");
}

/// Header of a login.
pub(crate) fn authorization(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let Some(read) = Authorization::parse(text) else { return };
    let text = format!("{}_{}_{}", read.digest, read.signature, read.address);
    assert_eq!(Authorization::parse(&text), Some(read));
}

/// The `params` of a deal, and its command line.
pub(crate) fn params(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let read = DealParams::read(text).params;
    if let Ok(written) = read.to_json() {
        let again = DealParams::read(&written);
        assert_eq!(again.params, read);
        assert!(again.ignored.is_empty(), "own keys are known: {:?}", again.ignored);
    }
    let Some(Ok(args)) = read.args.as_deref().map(split_args) else { return };
    if let Ok(joined) = join_args(&args) {
        assert_eq!(split_args(&joined).expect("what was joined can be split"), args);
    }
}
