//! The transactions of a world once more, on anvil.

use serde_json::json;

use crate::anvil::Anvil;
use crate::harness::{CHAIN_ID, Deed, GAS_MAX, World};

/// Ether of every sender, wei.
const BALANCE: &str = "0xffffffffffffffffffffffff";

/// Every transaction must use the gas that it used in the world.
pub(crate) fn replay(name: &str, world: &World) {
    let anvil = Anvil::start(CHAIN_ID);
    let mut senders = Vec::new();
    for (index, deed) in world.deeds.iter().enumerate() {
        match deed {
            Deed::Code(address, code) => {
                anvil.rpc("anvil_setCode", json!([address, code]));
            }
            Deed::Sent { at_s, from, to, data, value, gas } => {
                if !senders.contains(from) {
                    anvil.rpc("anvil_impersonateAccount", json!([from]));
                    anvil.rpc("anvil_setBalance", json!([from, BALANCE]));
                    senders.push(*from);
                }
                anvil.rpc("evm_setNextBlockTimestamp", json!([at_s]));
                let mut call =
                    json!({"from": from, "data": data, "value": value, "gas": format!("{GAS_MAX:#x}")});
                if let Some(to) = to {
                    call["to"] = json!(to);
                }
                let receipt = anvil.transact(&call);
                assert_eq!(receipt["status"], "0x1", "{name}: transaction {index}");
                assert_eq!(receipt["gasUsed"], format!("{gas:#x}"), "{name}: transaction {index}");
            }
        }
    }
}
