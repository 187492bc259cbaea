//! Chains to deploy to: the embedded one in this process, and anvil from npm.

use metacloud_devchain::{BaseFee, Config, Devchain};
use serde_json::{Value, json};

use crate::anvil::{self, Anvil};

/// Chain id of every chain here.
pub(crate) const CHAIN_ID: u64 = 31_337;
/// Gas that a transaction of a plan is sent with: the most that one may have (EIP-7825).
const GAS: &str = "0x1000000";
/// A chain with funded development accounts and nothing else.
pub(crate) struct Node {
    pub(crate) name: &'static str,
    pub(crate) url: String,
    _running: Running,
}

#[allow(dead_code, reason = "held until the test ends")]
enum Running {
    Devchain(Devchain, tokio::runtime::Runtime),
    Anvil(Anvil),
}

impl Node {
    /// The embedded chain, on which gas costs nothing.
    pub(crate) fn devchain() -> Self {
        Self::embedded(Config::in_memory(CHAIN_ID))
    }

    /// The embedded chain with a base fee.
    pub(crate) fn devchain_with_fees() -> Self {
        let base_fee_wei = BaseFee::Eip1559 { initial: 1_000_000_000 };
        Self::embedded(Config { base_fee_wei, ..Config::in_memory(CHAIN_ID) })
    }

    fn embedded(config: Config) -> Self {
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        let chain = runtime.block_on(metacloud_devchain::start(config)).expect("devchain");
        Self { name: "devchain", url: chain.rpc_url(), _running: Running::Devchain(chain, runtime) }
    }

    pub(crate) fn anvil() -> Self {
        let anvil = Anvil::start(CHAIN_ID);
        Self { name: "anvil", url: anvil.url(), _running: Running::Anvil(anvil) }
    }

    /// One JSON-RPC call; its result.
    pub(crate) fn rpc(&self, method: &str, params: Value) -> Value {
        anvil::rpc(self.address(), method, params)
    }

    /// `host:port`.
    fn address(&self) -> &str {
        self.url.trim_start_matches("http://").trim_end_matches('/')
    }

    pub(crate) fn code(&self, address: &str) -> String {
        self.rpc("eth_getCode", json!([address, "latest"])).as_str().expect("code is text").to_owned()
    }

    /// Transactions that an account has sent.
    pub(crate) fn nonce(&self, address: &str) -> u64 {
        let nonce = self.rpc("eth_getTransactionCount", json!([address, "latest"]));
        u64::from_str_radix(nonce.as_str().expect("a number").trim_start_matches("0x"), 16).expect("hex")
    }

    /// What a contract answers to a call.
    pub(crate) fn view(&self, to: &str, data: &str) -> String {
        let call = json!([{"to": to, "data": data}, "latest"]);
        self.rpc("eth_call", call).as_str().expect("return data is text").to_owned()
    }

    /// Sends a transaction of a plan as the development account that it is from, and returns its receipt.
    pub(crate) fn send(&self, planned: &Value) -> Value {
        let mut transaction = planned.clone();
        let members = transaction.as_object_mut().expect("a transaction is an object");
        members.remove("creates");
        if members["to"].is_null() {
            members.remove("to");
        }
        members.insert("gas".to_owned(), json!(GAS));
        anvil::transact(self.address(), &transaction)
    }
}
