//! Orders and deals told as they happen, to clients that speak Socket.IO by hand: over a websocket and by polling.

use futures::{SinkExt as _, StreamExt as _};
use metacloud_wire::orders::AppOrderBody;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{WebSocketStream, client_async};

use crate::world::{CHAIN_ID, World};

/// Separates packets of one answer to a client that polls.
const BETWEEN: char = '\u{1e}';

/// A client on a websocket.
struct Client(WebSocketStream<TcpStream>);

impl Client {
    async fn connect(world: &World) -> Self {
        let host = world.url.strip_prefix("http://").unwrap();
        let stream = TcpStream::connect(host).await.unwrap();
        let url = format!("ws://{host}/ws/?EIO=4&transport=websocket");
        let (socket, _) = client_async(url, stream).await.unwrap();
        let mut client = Self(socket);
        let opened = client.next().await;
        assert!(opened.starts_with("0{"), "{opened}");
        client.send("40").await;
        let connected = client.next().await;
        assert!(connected.starts_with("40{"), "{connected}");
        client
    }

    async fn send(&mut self, text: &str) {
        self.0.send(Message::text(text)).await.unwrap();
    }

    /// The next packet that is no ping.
    async fn next(&mut self) -> String {
        loop {
            let text = self.0.next().await.unwrap().unwrap().into_text().unwrap().to_string();
            if text != "2" {
                return text;
            }
            self.send("3").await;
        }
    }

    /// The answer to `join`.
    async fn join(&mut self, said: Value) -> Value {
        self.send(&format!("427{}", json!(["join", said]))).await;
        let answer = self.next().await;
        let answer: Value = serde_json::from_str(answer.strip_prefix("437").unwrap()).unwrap();
        answer[0].clone()
    }

    /// The next event and what it says.
    async fn event(&mut self) -> (String, Value) {
        event(&self.next().await)
    }
}

fn event(packet: &str) -> (String, Value) {
    let event: Value = serde_json::from_str(packet.strip_prefix("42").unwrap()).unwrap();
    (event[0].as_str().unwrap().to_owned(), event[1].clone())
}

#[tokio::test(flavor = "multi_thread")]
async fn orders_and_deals_are_told_as_they_happen() {
    let world = World::start().await;
    let (mut orders, mut deals) = (Client::connect(&world).await, Client::connect(&world).await);
    assert_eq!(orders.join(json!({"chainId": CHAIN_ID, "topic": "orders"})).await, json!({"ok": true}));
    let digits = json!({"chainId": CHAIN_ID.to_string(), "topic": "deals"});
    assert_eq!(deals.join(digits).await, json!({"ok": true}));

    let (app, pool, request) = (world.app_order(10, 1), world.pool_order(20, 1), world.request_order(1, 1));
    let app_hash = World::taken(world.post_app(&app).await);
    let (name, told) = orders.event().await;
    let (_, mut shown) = world.get(&format!("/apporders/{}", app_hash.as_str().unwrap())).await;
    shown.as_object_mut().unwrap().remove("ok");
    assert_eq!((&*name, told), ("apporder_published", shown));
    World::taken(world.post_pool(&pool).await);
    assert_eq!(orders.event().await.0, "workerpoolorder_published");
    let request_hash = World::taken(world.post_request(&request).await);
    assert_eq!(orders.event().await.0, "requestorder_published");

    let matched = world.make_deal(&app, &pool, &request).await;
    let (name, deal) = deals.event().await;
    assert_eq!((&*name, &deal["dealid"]), ("deal_created", &json!(matched.deal.0)));
    let (_, shown) = world.get(&format!("/deals/{}", matched.deal)).await;
    assert_eq!(deal["workerpool"], shown["workerpool"]);
    let mut changed = Vec::new();
    for _ in 0..3 {
        let (name, told) = orders.event().await;
        changed.push((name, told["orderHash"].clone(), told["status"].clone(), told["remaining"].clone()));
    }
    let filled = ("requestorder_updated".to_owned(), request_hash, json!("filled"), json!(0));
    assert!(changed.contains(&filled), "{changed:?}");
    let used = ("apporder_updated".to_owned(), app_hash.clone(), json!("open"), json!(9));
    assert!(changed.contains(&used), "{changed:?}");

    let body = json!({"orderHash": app_hash}).to_string();
    let login = world.login(&world.app_owner).await;
    assert_eq!(world.write("PUT", "apporders", &login, body).await.0, 200);
    assert_eq!(orders.event().await, ("apporder_unpublished".to_owned(), app_hash));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_join_is_refused_and_the_client_stays() {
    let world = World::start().await;
    let mut client = Client::connect(&world).await;
    for said in [
        json!({"chainId": CHAIN_ID + 1, "topic": "orders"}),
        json!({"chainId": -1, "topic": "orders"}),
        json!({"chainId": CHAIN_ID, "topic": "secrets"}),
        json!({"topic": "orders"}),
        json!("orders"),
        json!(null),
        json!([[[]]]),
    ] {
        let answer = client.join(said.clone()).await;
        assert_eq!(answer["ok"], false, "{said}");
        assert!(answer["error"].is_string(), "{said}");
    }
    assert_eq!(client.join(json!({"chainId": CHAIN_ID, "topic": "orders"})).await["ok"], true);
    World::taken(world.post_app(&world.app_order(10, 1)).await);
    assert_eq!(client.event().await.0, "apporder_published");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_says_too_much_or_nonsense_is_let_go_and_others_are_served() {
    let world = World::start().await;
    for said in ["x".repeat(1 << 20), "4".to_owned(), "42[".to_owned(), "9".to_owned(), "42{}".to_owned()] {
        let mut client = Client::connect(&world).await;
        // It may be gone before all of it is sent.
        drop(client.0.send(Message::text(said)).await);
    }
    let mut client = Client::connect(&world).await;
    assert_eq!(client.join(json!({"chainId": CHAIN_ID, "topic": "orders"})).await["ok"], true);
    World::taken(world.post_app(&world.app_order(10, 1)).await);
    assert_eq!(client.event().await.0, "apporder_published");
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_without_websockets_poll() {
    let world = World::start().await;
    let url = format!("{}/ws/?EIO=4&transport=polling", world.url);
    let get = async |url: &str| world.http.get(url).send().await.unwrap().text().await.unwrap();
    let opened = get(&url).await;
    let opened: Value = serde_json::from_str(opened.strip_prefix('0').unwrap()).unwrap();
    let url = format!("{url}&sid={}", opened["sid"].as_str().unwrap());
    let post = async |body: String| {
        let answer =
            world.http.post(&url).header("content-type", "text/plain").body(body).send().await.unwrap();
        assert_eq!(answer.status(), 200);
    };
    // The packet that begins so: others may come before it, in the same answer or in an earlier one.
    let await_packet = async |start: &str| {
        loop {
            let answer = world.http.get(&url).send().await.unwrap();
            let (status, packets) = (answer.status(), answer.text().await.unwrap());
            assert_eq!(status, 200, "{packets}");
            if packets.split(BETWEEN).any(|packet| packet == "2") {
                post("3".to_owned()).await;
            }
            if let Some(found) = packets.split(BETWEEN).find(|packet| packet.starts_with(start)) {
                return found.to_owned();
            }
        }
    };
    post("40".to_owned()).await;
    await_packet("40{").await;
    post(format!("421{}", json!(["join", {"chainId": CHAIN_ID, "topic": "orders"}]))).await;
    assert_eq!(await_packet("431").await, format!("431{}", json!([{"ok": true}])));
    let hash = World::taken(world.post::<AppOrderBody>(&world.app_owner, &world.app_order(10, 1)).await);
    let (name, told) = event(&await_packet("42").await);
    assert_eq!((&*name, &told["orderHash"]), ("apporder_published", &hash));
}
