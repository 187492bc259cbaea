//! JSON-RPC 2.0: from bytes to methods and back.

mod described;
pub(crate) mod dispatch;
pub(crate) mod filters;
pub(crate) mod http;
pub(crate) mod jsonrpc;
pub(crate) mod methods;
pub(crate) mod params;
pub(crate) mod present;
mod told;
pub(crate) mod ws;
