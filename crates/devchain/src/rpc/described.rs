//! What the one route takes and answers, for people and programs (OpenAPI).

use metacloud_routes::{Operation, Shape, Tag};

use super::jsonrpc::BATCH_CALLS_MAX;

pub(super) const TAG: Tag =
    Tag { name: "chain", about: "JSON-RPC 2.0 of the chain: `eth_*`, `net_*`, `web3_*`." };

pub(super) fn call() -> Operation {
    let id = || Shape::id();
    let version = || Shape::words(&["2.0"]);
    let request = Shape::object(
        "JsonRpcRequest",
        [
            ("jsonrpc", version(), true),
            ("id", id(), false),
            ("method", Shape::any_text(), true),
            ("params", Shape::any(), false),
        ],
    );
    let error = Shape::object(
        "JsonRpcError",
        [
            ("code", Shape::signed(-32_768, 3), true),
            ("message", Shape::any_text(), true),
            ("data", Shape::pattern("^0x([0-9a-f]{2})*$"), false),
        ],
    );
    let answer = Shape::any_of([
        Shape::object(
            "JsonRpcResult",
            [("jsonrpc", version(), true), ("id", id(), true), ("result", Shape::any(), true)],
        ),
        Shape::object(
            "JsonRpcFailure",
            [("jsonrpc", version(), true), ("id", id(), true), ("error", error, true)],
        ),
    ]);
    let about = format!(
        "One call, or a list of at most {BATCH_CALLS_MAX}. What goes wrong in a call is told in its answer, with status \
         200; a call without `id` gets no answer. Methods: those of Ethereum nodes that wallets and libraries use, \
         `eth_chainId`, `eth_blockNumber`, `eth_call`, `eth_estimateGas`, `eth_sendRawTransaction`, `eth_getLogs`, \
         filters, and over WebSocket subscriptions. A method that is not known is answered with code -32601."
    );
    Operation::new("callChain", "Calls methods of the chain.")
        .about(&about)
        .takes_shape("application/json", Shape::any_of([request.clone(), request.list()]))
        .answers_shape(
            200,
            "application/json",
            Shape::any_of([answer.clone(), answer.list()]),
            "The answers.",
        )
        .answers_shape(400, "text/plain; charset=utf-8", Shape::any_text(), "The body cannot be read.")
        .answers_shape(413, "text/plain; charset=utf-8", Shape::any_text(), "The body is longer than 8 MiB.")
}

pub(super) fn upgrade() -> Operation {
    Operation::new("openWebSocket", "Opens a WebSocket for calls and subscriptions.")
        .answers_empty(101, "It is open.")
        .answers_shape(
            200,
            "text/plain; charset=utf-8",
            Shape::any_text(),
            "Without an upgrade: what this is.",
        )
        .answers_shape(503, "text/plain; charset=utf-8", Shape::any_text(), "Too many are open.")
}
