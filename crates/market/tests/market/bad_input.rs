//! Whatever is sent, the answer is the JSON error that clients expect, and the market goes on.

use alloy_primitives::{Address, B256};
use metacloud_wire::orders::{AppOrderBody, OrderBody as _};
use reqwest::Method;
use serde_json::{Value, json};

use crate::world::{CHAIN_ID, World, error};

const HASH: &str = "0x0101010101010101010101010101010101010101010101010101010101010101";
const ADDRESS: &str = "0x1a642f0E3c3aF545E7AcBD38b07251B3990914F1";

/// One request; the answer is JSON, whatever its status.
async fn send(
    world: &World,
    method: Method,
    path: &str,
    login: Option<&str>,
    body: Option<Vec<u8>>,
) -> (u16, Value) {
    let mut request = world.http.request(method, format!("{}{path}", world.url));
    if let Some(login) = login {
        request = request.header("authorization", login);
    }
    if let Some(body) = body {
        request = request.header("content-type", "application/json").body(body);
    }
    let answer = request.send().await.unwrap();
    let status = answer.status().as_u16();
    let kind = answer.headers().get("content-type").map(|kind| kind.to_str().unwrap().to_owned());
    assert!(kind.is_some_and(|kind| kind.contains("application/json")), "{path}: {status}");
    (status, answer.json().await.unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn queries_of_every_route_are_checked() {
    let world = World::start().await;
    let chain = format!("chainId={CHAIN_ID}");
    let routes = [
        "challenge",
        "apporders",
        "datasetorders",
        "workerpoolorders",
        "requestorders",
        "deals",
        "metrics",
        "categories",
        "best",
    ];
    for route in routes {
        for (query, says) in [
            ("", "chainId is a required field"),
            ("?chainId", "chainId is a required field"),
            ("?chainId=0", "chainId 0 is not supported"),
            ("?chainId=-65535", "chainId -65535 is not supported"),
            ("?chainId=99999999999999999999999999", "chainId 99999999999999999999999999 is not supported"),
            ("?chainId=65535%00", "chainId 65535\u{0} is not supported"),
            ("?chainId=%F0%9F%A6%80", "chainId 🦀 is not supported"),
        ] {
            let (status, answer) = send(&world, Method::GET, &format!("/{route}{query}"), None, None).await;
            assert_eq!((status, error(&answer)), (400, says), "{route}");
        }
    }
    for (path, says) in [
        ("challenge?", "address is a required field"),
        ("challenge?address=0x", "address is not a valid ethereum address"),
        ("challenge?address=any", "address is not a valid ethereum address"),
        ("apporders?app=0xzz", "app is neither \"any\" nor a valid ethereum address"),
        ("apporders?app=any&isDatasetStrict=1", "isDatasetStrict must be a boolean"),
        ("apporders?app=any&minVolume=-1", "minVolume must be greater than or equal to 1"),
        ("apporders?app=any&minVolume=1e3", "minVolume must be an integer"),
        (
            "apporders?app=any&minVolume=9007199254740992",
            "minVolume must be less than or equal to 9007199254740991",
        ),
        ("apporders?app=any&pageSize=2147483648000", "pageSize must be less than or equal to 1000"),
        ("apporders?app=any&pageIndex=-1", "pageIndex must be greater than or equal to 0"),
        (
            "apporders?app=any&pageIndex=99999999999999999999999999999999999999999",
            "pageIndex must be an integer",
        ),
        ("datasetorders?dataset=any&bulkOnly=TRUE", "bulkOnly must be a boolean"),
        ("workerpoolorders?category=-1", "category must be greater than or equal to 0"),
        ("workerpoolorders?minTag=0x00", "minTag must be a bytes32 hexstring"),
        ("requestorders?maxTrust=x", "maxTrust must be an integer"),
        ("deals?apporderHash=0x12", "apporderHash must be a bytes32 hexstring"),
        ("deals?category=0.5", "category must be an integer"),
        ("categories/x?", "catid must be an integer"),
        ("categories/-1?", "catid must be an integer"),
        ("apporders/0x12?", "orderHash must be a bytes32 hexstring"),
        ("best?", "app is a required field"),
    ] {
        let (status, answer) = send(&world, Method::GET, &format!("/{path}&{chain}"), None, None).await;
        assert_eq!((status, error(&answer)), (400, says), "{path}");
    }
    for (kind, name) in [
        ("apporders", "apporder"),
        ("datasetorders", "datasetorder"),
        ("workerpoolorders", "workerpoolorder"),
        ("requestorders", "requestorder"),
    ] {
        let path = format!("/{kind}/{HASH}?{chain}");
        let (status, answer) = send(&world, Method::GET, &path, None, None).await;
        assert_eq!((status, error(&answer)), (404, &*format!("{name} not found")));
    }
    for (method, path) in [(Method::DELETE, "apporders"), (Method::POST, "deals"), (Method::PUT, "challenge")]
    {
        let (status, answer) = send(&world, method, &format!("/{path}?{chain}"), None, None).await;
        assert_eq!((status, answer["ok"].clone()), (405, json!(false)), "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_of_every_write_are_checked() {
    let world = World::start().await;
    let bodies: Vec<Vec<u8>> = [
        "", "null", "1", "\"x\"", "[]", "{}", "{\"order\":null}", "{\"order\":[]}", "{\"order\":{}}", "{\"order\":{\"app\":1}}",
        "{\"target\":\"unpublish_everything\"}", "{\"target\":1}", "{\"orderHash\":1}", "{\"orderHash\":\"0x1\"}",
        "{\"target\":\"unpublish_last\",\"app\":\"x\",\"dataset\":\"x\",\"workerpool\":\"x\",\"requester\":\"x\"}",
        "{\"order\":{\"app\":\"0x", "\u{feff}{}", "{\"order\":{},\"order\":{}}",
    ]
    .into_iter()
    .map(|body| body.as_bytes().to_vec())
    .chain([vec![0xff; 64], vec![b'['; 50_000], b"{\"a\":".repeat(20_000), vec![0; 1_000]])
    .collect();
    for route in ["apporders", "datasetorders", "workerpoolorders", "requestorders"] {
        let path = format!("/{route}?chainId={CHAIN_ID}");
        for method in [Method::POST, Method::PUT] {
            for body in &bodies {
                let login = world.login(&world.stranger).await;
                let (status, answer) =
                    send(&world, method.clone(), &path, Some(&login), Some(body.clone())).await;
                let shown = String::from_utf8_lossy(&body[..body.len().min(60)]);
                assert_eq!(
                    (status, &answer["ok"]),
                    (400, &json!(false)),
                    "{method} {route} {shown}: {answer}"
                );
                assert!(!error(&answer).is_empty());
            }
            let login = world.login(&world.stranger).await;
            let huge = vec![b' '; 1_000_001];
            let (status, answer) = send(&world, method, &path, Some(&login), Some(huge)).await;
            assert_eq!((status, &answer["ok"]), (413, &json!(false)));
        }
    }
    assert_eq!(world.get("/metrics").await.1["metrics"]["open"]["apporders"], 0, "nothing was half taken");
}

#[tokio::test(flavor = "multi_thread")]
async fn members_of_an_order_are_checked_one_by_one() {
    let world = World::start().await;
    let good = AppOrderBody::from_signed(&world.app_order(10, 1)).unwrap().to_client_json();
    let members: Vec<String> = good.as_object().unwrap().keys().cloned().collect();
    let wrong = [
        Value::Null,
        json!(-1),
        json!(1.5),
        json!(1e300),
        json!(true),
        json!([]),
        json!({}),
        json!("-1"),
        json!(""),
        json!("0x"),
        json!("9007199254740992"),
        json!("1".repeat(400)),
        json!("0x".to_owned() + &"f".repeat(65)),
        json!(format!("0x{}", "0".repeat(10_000))),
        json!("any"),
        json!("ä"),
    ];
    for member in &members {
        let mut order = good.clone();
        order.as_object_mut().unwrap().remove(member);
        let login = world.login(&world.app_owner).await;
        let body = json!({ "order": order }).to_string();
        let (status, answer) = world.write("POST", "apporders", &login, body).await;
        assert_eq!((status, error(&answer)), (400, &*format!("{member} is a required field")));
        for value in &wrong {
            let mut order = good.clone();
            order[member] = value.clone();
            let login = world.login(&world.app_owner).await;
            let body = json!({ "order": order }).to_string();
            let (status, answer) = world.write("POST", "apporders", &login, body).await;
            // `0x` and long zeros are signatures of a form that exists; the hub does not accept them.
            let refused = status == 400 || (member == "sign" && status == 403);
            assert!(refused, "{member} {value}: {status} {answer}");
            assert_eq!(answer["ok"], false);
        }
    }
    World::taken(world.post_app(&world.app_order(10, 1)).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn logins_are_checked_before_anything_else_and_used_up() {
    let world = World::start().await;
    let body = json!({"order": AppOrderBody::from_signed(&world.app_order(10, 1)).unwrap().to_client_json()});
    let body = body.to_string();
    let path = format!("/apporders?chainId={CHAIN_ID}");
    let good = world.login(&world.app_owner).await;
    let [digest, sign, address] = good.split('_').collect::<Vec<_>>().try_into().unwrap();
    let zero = Address::ZERO.to_string();
    let other = world.login(&world.stranger).await;
    let other_digest = other.split('_').next().unwrap();
    for header in [
        String::new(),
        "Bearer abc".to_owned(),
        "_".repeat(5_000),
        format!("{digest}_{sign}"),
        format!("{digest}_{sign}_{zero}"),
        format!("{digest}_{sign}_{ADDRESS}x"),
        format!("{HASH}_{sign}_{address}"),
        format!("{other_digest}_{sign}_{address}"),
        format!("{}_{sign}_{address}", B256::ZERO),
    ] {
        for method in [Method::POST, Method::PUT] {
            let sent = Some(body.clone().into_bytes());
            let (status, answer) = send(&world, method, &path, Some(&header), sent).await;
            assert_eq!((status, error(&answer)), (403, "invalid authorization"), "{header}");
        }
    }
    let (status, answer) = send(&world, Method::POST, &path, None, Some(body.clone().into_bytes())).await;
    assert_eq!((status, error(&answer)), (403, "invalid authorization"), "no header at all");
    // Wrong signatures: of another length, malleable, of another key.
    for sign in ["0x", "0x00", &format!("0x{}", "ff".repeat(65)), &format!("0x{}", "00".repeat(65))] {
        let good = world.login(&world.app_owner).await;
        let digest = good.split('_').next().unwrap();
        let header = format!("{digest}_{sign}_{address}");
        let (status, answer) =
            send(&world, Method::POST, &path, Some(&header), Some(body.clone().into_bytes())).await;
        assert_eq!((status, error(&answer)), (403, "invalid authorization"), "{sign}");
        let (status, _) =
            send(&world, Method::POST, &path, Some(&good), Some(body.clone().into_bytes())).await;
        assert_eq!(status, 403, "the attempt used the challenge up");
    }
    // Several challenges of one wallet are open at the same time; each serves once.
    let second = world.login(&world.app_owner).await;
    let (status, answer) = world.write("POST", "apporders", &good, "{").await;
    assert_eq!(status, 400, "{answer}");
    assert_eq!(world.write("POST", "apporders", &good, body.clone()).await.0, 403, "used up by the bad body");
    assert_eq!(world.write("POST", "apporders", &second, body).await.0, 200);
}
