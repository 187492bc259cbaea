//! Accounts that are contracts: they log in and sign by their own word (ERC-1271).

use alloy_primitives::{Address, B256, Bytes, U256, hex};
use metacloud_chain::AppListing;
use metacloud_protocol::{AppOrder, Signed};
use metacloud_wire::orders::{AppOrderBody, OrderBody as _};
use serde_json::{Value, json};

use crate::world::{World, error};

/// Answers every call with `isValidSignature`'s magic value if the first word of the signature, the third argument word
/// after offset and length, is 1; else with zero.
/// `PUSH1 1 PUSH1 0x64 CALLDATALOAD EQ PUSH32 1626ba7e… MUL PUSH0 MSTORE PUSH1 32 PUSH0 RETURN`
const ACCOUNT: [u8; 46] =
    hex!("6001606435147f1626ba7e00000000000000000000000000000000000000000000000000000000025f5260205ff3");

const GOOD: B256 = B256::with_last_byte(1);
const BAD: B256 = B256::with_last_byte(2);

async fn account(world: &World) -> Address {
    let address = Address::repeat_byte(0xc7);
    let code = Bytes::from_static(&ACCOUNT);
    let _set: Value = world.chain.request("anvil_setCode", json!([address, code])).await.unwrap();
    address
}

/// The header of a login whose signature is this word.
async fn login(world: &World, address: Address, word: B256) -> String {
    let (status, challenge) = world.get(&format!("/challenge?address={address}")).await;
    assert_eq!(status, 200, "{challenge}");
    format!("{}_{word}_{address}", crate::world::digest(&challenge["data"]))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_contract_logs_in_and_sells_by_its_own_word() {
    let world = World::start().await;
    let owner = account(&world).await;
    let listing = AppListing {
        owner,
        name: "of a contract".into(),
        app_type: "WASM".into(),
        multiaddr: Bytes::from_static(b"http://host/app.wasm"),
        checksum: B256::repeat_byte(1),
        mrenclave: Bytes::new(),
    };
    let registry = world.hub.registries().await.unwrap().app;
    let app = world.hub.create_app(&world.stranger, registry, &listing).await.unwrap();
    let order = |price: u64| AppOrder {
        app,
        appprice: U256::from(price),
        volume: U256::from(1),
        ..AppOrder::default()
    };
    let body = |price, word: B256| {
        let signed = Signed { order: order(price), sign: Bytes::from(word.0) };
        json!({"order": AppOrderBody::from_signed(&signed).unwrap().to_client_json()}).to_string()
    };
    // A login that the contract does not accept, one of an address without code, and one that is used up.
    let bad = login(&world, owner, BAD).await;
    let (status, answer) = world.write("POST", "apporders", &bad, body(1, GOOD)).await;
    assert_eq!((status, error(&answer)), (403, "invalid authorization"));
    let nobody = login(&world, Address::repeat_byte(0xc8), GOOD).await;
    let (status, answer) = world.write("POST", "apporders", &nobody, body(1, GOOD)).await;
    assert_eq!((status, error(&answer)), (403, "invalid authorization"));
    let good = login(&world, owner, GOOD).await;
    let (status, answer) = world.write("POST", "apporders", &good, body(1, BAD)).await;
    assert_eq!((status, error(&answer)), (403, "invalid sign"));
    let (status, answer) = world.write("POST", "apporders", &good, body(1, GOOD)).await;
    assert_eq!((status, error(&answer)), (403, "invalid authorization"));

    let good = login(&world, owner, GOOD).await;
    let (status, answer) = world.write("POST", "apporders", &good, body(1, GOOD)).await;
    assert_eq!(status, 200, "{answer}");
    assert_eq!(answer["published"]["signer"], json!(owner.to_checksum(None)));
    let hash = answer["published"]["orderHash"].clone();
    let good = login(&world, owner, GOOD).await;
    let taken_back = json!({"orderHash": hash}).to_string();
    assert_eq!(world.write("PUT", "apporders", &good, taken_back).await.0, 200);
}
