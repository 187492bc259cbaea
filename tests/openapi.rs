//! What a running cloud answers is what its OpenAPI documents say, whatever it is asked.

#![allow(clippy::unwrap_used)] // a test stops at the first surprise

#[path = "openapi/schema.rs"]
mod schema;

use std::collections::BTreeMap;

use metacloud_node::{Up, UpConfig};
use reqwest::header::{CONTENT_TYPE, HeaderMap};
use reqwest::{Client, Method};
use serde_json::{Value, json};

const CHAIN_ID: u64 = 65_535;
const METHODS: [&str; 7] = ["get", "head", "post", "put", "patch", "delete", "options"];
/// Longer than any JSON route takes, and than any value.
const LONG_BYTES: usize = 2 << 20;

/// An origin and its document.
struct Origin {
    url: String,
    document: Value,
    http: Client,
}

/// One request.
#[derive(Clone, Debug, Default)]
struct Ask {
    path: Vec<(String, String)>,
    query: Vec<(String, String)>,
    headers: Vec<(String, String)>,
    body: Option<(&'static str, Vec<u8>)>,
}

/// An answer that fits the document.
struct Answer {
    status: u16,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

impl Origin {
    async fn open(url: &str) -> Self {
        let http = Client::builder().no_proxy().build().unwrap();
        let document = http.get(format!("{url}/openapi.json")).send().await.unwrap().json().await.unwrap();
        Self { url: url.to_owned(), document, http }
    }

    fn operations(&self) -> Vec<(String, &'static str)> {
        let paths = self.document["paths"].as_object().unwrap();
        let of = |(path, item): (&String, &Value)| -> Vec<_> {
            METHODS
                .iter()
                .filter(|method| item[**method].is_object())
                .map(|method| (path.clone(), *method))
                .collect()
        };
        paths.iter().flat_map(of).collect()
    }

    async fn ask(&self, path: &str, method: &str, ask: &Ask) -> Answer {
        self.try_ask(path, method, ask).await.unwrap_or_else(|why| panic!("{why}"))
    }

    /// Asks, and holds the answer against the document.
    async fn try_ask(&self, path: &str, method: &str, ask: &Ask) -> Result<Answer, String> {
        let mut place = path.to_owned();
        for (name, value) in &ask.path {
            place = place.replace(&format!("{{{name}}}"), value);
        }
        let mut url = format!("{}{place}", self.url);
        for (at, (name, value)) in ask.query.iter().enumerate() {
            url += &format!("{}{name}={value}", if at == 0 { '?' } else { '&' });
        }
        let shown = format!("{method} {}", url.chars().take(200).collect::<String>());
        let mut request =
            self.http.request(Method::from_bytes(method.to_uppercase().as_bytes()).unwrap(), url);
        for (name, value) in &ask.headers {
            request = request.header(name, value);
        }
        if let Some((kind, body)) = &ask.body {
            request = request.header(CONTENT_TYPE, *kind).body(body.clone());
        }
        let answer = request.send().await.unwrap_or_else(|error| panic!("{shown}: {error:?}"));
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        let body = answer.bytes().await.unwrap_or_else(|error| panic!("{shown}: {error:?}")).to_vec();
        let answer = Answer { status, headers, body };
        match self.holds(path, method, &answer) {
            Ok(()) => Ok(answer),
            Err(why) => {
                let (_, body) = ask.body.clone().unwrap_or_default();
                let body = String::from_utf8_lossy(&body[..body.len().min(200)]).into_owned();
                Err(format!("{shown} {body:?}: {status}: {why}"))
            }
        }
    }

    fn holds(&self, path: &str, method: &str, answer: &Answer) -> Result<(), String> {
        let described = &self.document["paths"][path][method]["responses"][answer.status.to_string()];
        if !described.is_object() {
            return Err(format!("not described: {}", String::from_utf8_lossy(&answer.body)));
        }
        for name in described["headers"].as_object().into_iter().flatten().map(|(name, _)| name) {
            // Some headers tell of one case only.
            if name != "content-range" && !answer.headers.contains_key(name) {
                return Err(format!("header {name} is missing"));
            }
        }
        if method == "head" {
            return Ok(());
        }
        let Some(content) = described["content"].as_object() else {
            return if answer.body.is_empty() {
                Ok(())
            } else {
                Err("a body that is not described".to_owned())
            };
        };
        let kind =
            answer.headers.get(CONTENT_TYPE).ok_or("no content type")?.to_str().map_err(|e| e.to_string())?;
        let content = content.get(kind).or(content.get("*/*")).ok_or(format!("content type {kind}"))?;
        if kind != "application/json" {
            return Ok(());
        }
        // Kubo's answers may be several lines.
        for value in serde_json::Deserializer::from_slice(&answer.body).into_iter::<Value>() {
            let value = value.map_err(|error| format!("no JSON: {error}"))?;
            if let Some(why) = schema::misfit(&self.document, &content["schema"], &value) {
                return Err(why);
            }
        }
        Ok(())
    }
}

async fn start() -> Up {
    let config = UpConfig {
        chain_id: CHAIN_ID,
        enclave_program: Some(env!("CARGO_BIN_EXE_metacloud").into()),
        iapps: BTreeMap::from([("mail".to_owned(), alloy_primitives::Address::repeat_byte(7))]),
        ..UpConfig::ephemeral(1)
    };
    Up::start(config).await.unwrap()
}

fn pair(name: &str, value: impl ToString) -> (String, String) {
    (name.to_owned(), value.to_string())
}

/// A request that names the right chain wherever one is named, and nothing else that is right.
fn plain(described: &Value) -> Ask {
    let mut ask = Ask::default();
    for parameter in described["parameters"].as_array().into_iter().flatten() {
        let name = parameter["name"].as_str().unwrap();
        let value = match name {
            "chainId" => CHAIN_ID.to_string(),
            "address" | "requester" | "app" | "subject" => {
                "0x1a642f0E3c3aF545E7AcBD38b07251B3990914F1".to_owned()
            }
            "tus-resumable" => "1.0.0".to_owned(),
            _ => "1".to_owned(),
        };
        match parameter["in"].as_str().unwrap() {
            "path" => ask.path.push((name.to_owned(), value)),
            "query" if parameter["required"] == true => ask.query.push((name.to_owned(), value)),
            "header" if parameter["required"] == true => ask.headers.push((name.to_owned(), value)),
            _ => {}
        }
    }
    ask
}

/// Values that fit no parameter, in the form of a URL.
fn bad_values() -> Vec<String> {
    let long = "x".repeat(5_000);
    [
        "",
        "-1",
        "1e309",
        "99999999999999999999999999",
        "0x",
        "0xzz",
        "%00",
        "%ff",
        "%F0%9F%A6%80",
        "1.5",
        "..%2f..",
        "NaN",
        &long,
    ]
    .map(str::to_owned)
    .to_vec()
}

/// Bodies that fit no JSON route.
fn bad_bodies(of: &Value) -> Vec<Vec<u8>> {
    let mut bodies: Vec<Vec<u8>> = [
        "",
        " ",
        "{",
        "}",
        "[]",
        "null",
        "true",
        "1",
        "-1",
        "1e400",
        "\"text\"",
        "{}",
        "{\"\":{}}",
        "[[[]]]",
        "{\"order\":1}",
        "{\"order\":{}}",
        "\u{feff}{}",
    ]
    .map(|text| text.as_bytes().to_vec())
    .to_vec();
    bodies.push(b"\xff\xfe\x00".to_vec());
    bodies.push([b"[".repeat(20_000), b"]".repeat(20_000)].concat());
    bodies.push(format!("{{\"x\":\"{}\"}}", "x".repeat(LONG_BYTES)).into_bytes());
    // Each member in turn of a type that it is not.
    let members: Vec<_> =
        of["properties"].as_object().into_iter().flatten().map(|(name, _)| name.clone()).collect();
    for name in &members {
        for wrong in
            [json!(-1), json!(1e300), json!({}), json!([1]), json!("x"), json!(null), json!(u64::MAX)]
        {
            bodies.push(json!({ name: wrong }).to_string().into_bytes());
            let all = members
                .iter()
                .map(|other| (other.clone(), if other == name { wrong.clone() } else { json!("0x00") }));
            bodies.push(Value::Object(all.collect()).to_string().into_bytes());
        }
    }
    bodies
}

fn bad_logins() -> Vec<String> {
    let (hash, signature, address) = ("11".repeat(32), "22".repeat(65), "33".repeat(20));
    vec![
        "x".to_owned(),
        "Bearer x".to_owned(),
        "0x".to_owned(),
        "__".to_owned(),
        format!("0x{signature}"),
        format!("0x{hash}_0x{signature}_0x{address}"),
        format!("0x{hash}_0x_0x{}", "00".repeat(20)),
        "0x".to_owned() + &"ab".repeat(6_000),
    ]
}

/// Everything that is wrong with one operation, one thing at a time.
fn nonsense(origin: &Origin, path: &str, method: &str) -> Vec<Ask> {
    let described = &origin.document["paths"][path][method];
    let right = plain(described);
    let mut asks = vec![right.clone(), Ask { query: Vec::new(), headers: Vec::new(), ..right.clone() }];
    for (at, _) in right.path.iter().enumerate() {
        for value in bad_values().into_iter().filter(|value| !value.is_empty()) {
            let mut ask = right.clone();
            ask.path[at].1 = value;
            asks.push(ask);
        }
    }
    for parameter in described["parameters"].as_array().into_iter().flatten() {
        let name = parameter["name"].as_str().unwrap();
        for value in bad_values() {
            let mut ask = right.clone();
            match parameter["in"].as_str().unwrap() {
                "query" => {
                    ask.query.retain(|(known, _)| known != name);
                    ask.query.extend([pair(name, &value), pair(name, "1")]);
                }
                "header" if value.is_ascii() => {
                    ask.headers.retain(|(known, _)| known != name);
                    ask.headers.push(pair(name, &value));
                }
                _ => continue,
            }
            asks.push(ask);
        }
    }
    for (name, _) in right.query.iter().filter(|(name, _)| name == "chainId") {
        let mut ask = right.clone();
        ask.query.retain(|(known, _)| known != name);
        ask.query.push(pair(name, CHAIN_ID + 1));
        asks.push(ask);
    }
    let mut bodies = vec![None];
    for (kind, content) in described["requestBody"]["content"].as_object().into_iter().flatten() {
        let target =
            content["schema"]["$ref"].as_str().unwrap_or("#/none").trim_start_matches('#').to_owned();
        let of = origin.document.pointer(&target).cloned().unwrap_or_default();
        let kind: &'static str = match kind.as_str() {
            "application/json" => "application/json",
            "text/plain" => "text/plain",
            "multipart/form-data" => "multipart/form-data; boundary=x",
            _ => "application/offset+octet-stream",
        };
        for body in bad_bodies(&of) {
            bodies.push(Some((kind, body)));
        }
        bodies.push(Some(("", b"{}".to_vec())));
        bodies.push(Some(("text/html", b"<p>".to_vec())));
        bodies.push(Some(("multipart/form-data", b"--x".to_vec())));
    }
    if bodies.len() > 1 {
        asks.extend(bodies.into_iter().map(|body| Ask { body, ..right.clone() }));
    }
    if described["security"].is_array() {
        for login in bad_logins() {
            let body = described["requestBody"].is_object().then(|| ("application/json", b"{}".to_vec()));
            asks.push(Ask { headers: vec![pair("authorization", login)], body, ..right.clone() });
        }
    }
    asks
}

/// Every operation of the document, so that a new one is asked too.
#[tokio::test(flavor = "multi_thread")]
async fn nonsense_is_refused_as_described() {
    let up = start().await;
    let (mut asked, mut wrong) = (0, BTreeMap::new());
    for url in [&up.ready().gateway_url, &up.ready().rpc_url, &up.ready().scheduler_url] {
        let origin = Origin::open(url).await;
        for (path, method) in origin.operations() {
            for ask in nonsense(&origin, &path, method) {
                let answer = origin.try_ask(&path, method, &ask).await;
                let answer = answer.and_then(|answer| match answer.status < 500 {
                    true => Ok(()),
                    false => Err(format!("{path} {ask:.300?}: {}", answer.status)),
                });
                if let Err(why) = answer {
                    // One of each operation tells enough.
                    wrong.entry((path.clone(), method)).or_insert(why);
                }
                asked += 1;
            }
        }
    }
    let wrong: Vec<_> = wrong.into_values().collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(asked > 1_000, "{asked}");
    up.stop().await.unwrap();
}

/// Methods that a path does not serve are told so, with those that it does.
#[tokio::test(flavor = "multi_thread")]
async fn other_methods_are_refused_in_json() {
    let up = start().await;
    let origin = Origin::open(&up.ready().gateway_url).await;
    for (path, _) in origin.operations() {
        // Tells its methods apart by itself.
        for method in ["TRACE", "FROB"] {
            let url = format!("{}{}", origin.url, path.replace(['{', '}'], ""));
            let answer = origin
                .http
                .request(Method::from_bytes(method.as_bytes()).unwrap(), url)
                .send()
                .await
                .unwrap();
            assert!(answer.status().is_client_error(), "{method} {path}: {}", answer.status());
            let text = answer.text().await.unwrap();
            let known =
                path == "/docs" || path == "/openapi.json" || serde_json::from_str::<Value>(&text).is_ok();
            assert!(known, "{method} {path}: {text}");
        }
    }
    up.stop().await.unwrap();
}

/// Honest requests to each service get what is described.
#[tokio::test(flavor = "multi_thread")]
async fn honest_answers_are_as_described() {
    let up = start().await;
    let ready = up.ready();
    let origin = Origin::open(&ready.gateway_url).await;
    let account = "0x1a642f0E3c3aF545E7AcBD38b07251B3990914F1";
    let of_chain = |more: &[(&str, &str)]| Ask {
        query: [("chainId", CHAIN_ID.to_string().as_str())]
            .iter()
            .chain(more)
            .map(|(name, value)| pair(name, value))
            .collect(),
        ..Ask::default()
    };
    for (path, ask) in [
        ("/openapi.json", Ask::default()),
        ("/docs", Ask::default()),
        ("/version", Ask::default()),
        ("/challenge", of_chain(&[("address", account)])),
        ("/tasks/logs/challenge", of_chain(&[("address", account)])),
        ("/categories", of_chain(&[])),
        ("/categories/{catid}", Ask { path: vec![pair("catid", 0)], ..of_chain(&[]) }),
        ("/deals", of_chain(&[("requester", account)])),
        ("/metrics", of_chain(&[])),
        ("/apporders", of_chain(&[("app", "any"), ("pageSize", "10")])),
        ("/datasetorders", of_chain(&[("dataset", "any"), ("bulkOnly", "true")])),
        ("/workerpoolorders", of_chain(&[("category", "0")])),
        ("/requestorders", of_chain(&[("app", account)])),
        (
            "/{chainId}/workerpools/{address}",
            Ask {
                path: vec![pair("chainId", CHAIN_ID), pair("address", ready.workerpool)],
                ..Ask::default()
            },
        ),
        (
            "/{chainId}/iapps/{name}",
            Ask { path: vec![pair("chainId", CHAIN_ID), pair("name", "mail")], ..Ask::default() },
        ),
    ] {
        assert_eq!(origin.ask(path, "get", &ask).await.status, 200, "{path}");
    }
    let offers = origin.ask("/workerpoolorders", "get", &of_chain(&[("category", "0")])).await.json();
    let hash = offers["orders"][0]["orderHash"].as_str().expect("the pool's own offer").to_owned();
    let ask = Ask { path: vec![pair("orderHash", hash)], ..of_chain(&[]) };
    assert_eq!(origin.ask("/workerpoolorders/{orderHash}", "get", &ask).await.status, 200);

    let query = |text: &str| Ask {
        body: Some(("application/json", json!({ "query": text }).to_string().into_bytes())),
        ..Ask::default()
    };
    for path in ["/subgraph/poco", "/subgraph/dataprotector"] {
        for text in ["{ __typename }", "{ nothing }", "{"] {
            assert_eq!(origin.ask(path, "post", &query(text)).await.status, 200);
        }
    }
    storage(&origin).await;
    uploads(&origin).await;
    chain(&Origin::open(&ready.rpc_url).await).await;
    up.stop().await.unwrap();
}

async fn storage(origin: &Origin) {
    let file = "--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"d/a.txt\"\r\n\r\nhello\r\n--x--\r\n";
    let form = || Some(("multipart/form-data; boundary=x", file.as_bytes().to_vec()));
    let added = origin.ask("/api/v0/add", "post", &Ask { body: form(), ..Ask::default() }).await;
    let text = String::from_utf8(added.body).unwrap();
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 2, "{lines:?}");
    let (file, folder) = (lines[0]["Hash"].as_str().unwrap(), lines[1]["Hash"].as_str().unwrap());
    let of = |cid: &str| Ask { query: vec![pair("arg", cid)], ..Ask::default() };
    for (path, cid) in [
        ("/api/v0/cat", file),
        ("/api/v0/ls", folder),
        ("/api/v0/block/get", folder),
        ("/api/v0/block/stat", file),
        ("/api/v0/dag/export", folder),
        ("/api/v0/files/stat", folder),
        ("/api/v0/pin/add", folder),
        ("/api/v0/pin/ls", folder),
        ("/api/v0/pin/rm", folder),
    ] {
        assert_eq!(origin.ask(path, "post", &of(cid)).await.status, 200, "{path}");
    }
    for path in ["/api/v0/repo/stat", "/api/v0/version", "/api/v0/pin/ls"] {
        assert_eq!(origin.ask(path, "post", &Ask::default()).await.status, 200, "{path}");
    }
    let put = Ask { body: form(), ..Ask::default() };
    assert_eq!(origin.ask("/api/v0/block/put", "post", &put).await.status, 200);
    for (path, format, range, status) in [
        (file.to_owned(), "", "", 200),
        (file.to_owned(), "", "bytes=1-2", 206),
        (file.to_owned(), "", "bytes=90-", 416),
        (folder.to_owned(), "", "", 200),
        (format!("{folder}/a.txt"), "raw", "", 200),
        (format!("{folder}/none"), "", "", 404),
        (folder.to_owned(), "car", "", 200),
    ] {
        let mut ask =
            Ask { path: vec![pair("path", path)], query: vec![pair("format", format)], ..Ask::default() };
        if format.is_empty() {
            ask.query.clear();
        }
        if !range.is_empty() {
            ask.headers.push(pair("range", range));
        }
        for method in ["get", "head"] {
            assert_eq!(origin.ask("/ipfs/{path}", method, &ask).await.status, status);
        }
    }
}

async fn uploads(origin: &Origin) {
    let with = |more: &[(&str, &str)]| {
        [("tus-resumable", "1.0.0")]
            .iter()
            .chain(more)
            .map(|(name, value)| pair(name, value))
            .collect::<Vec<_>>()
    };
    let ask = Ask { headers: with(&[("upload-length", "5")]), ..Ask::default() };
    let opened = origin.ask("/files", "post", &ask).await;
    assert_eq!(opened.status, 201);
    let id = opened.headers["location"].to_str().unwrap().strip_prefix("/files/").unwrap().to_owned();
    let path = vec![pair("id", id)];
    let of = |headers, body| Ask { path: path.clone(), headers, body, ..Ask::default() };
    let piece = |text: &str| Some(("application/offset+octet-stream", text.as_bytes().to_vec()));
    assert_eq!(origin.ask("/files/{id}", "options", &of(Vec::new(), None)).await.status, 204);
    assert_eq!(origin.ask("/files/{id}", "head", &of(with(&[]), None)).await.status, 200);
    let elsewhere = of(with(&[("upload-offset", "3")]), piece("lo"));
    assert_eq!(origin.ask("/files/{id}", "patch", &elsewhere).await.status, 409);
    let too_long = of(with(&[("upload-offset", "0")]), piece("hello world"));
    assert_eq!(origin.ask("/files/{id}", "patch", &too_long).await.status, 413);
    assert_eq!(origin.ask("/files/{id}", "delete", &of(with(&[]), None)).await.status, 204);
    assert_eq!(origin.ask("/files/{id}", "head", &of(with(&[]), None)).await.status, 404);
}

async fn chain(origin: &Origin) {
    let call =
        |method: &str, params: Value| json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
    for body in [
        call("eth_chainId", json!([])),
        call("eth_getBlockByNumber", json!(["latest", true])),
        call("eth_nothing", json!([])),
        call("eth_call", json!("x")),
        json!([call("eth_blockNumber", json!([])), call("eth_getLogs", json!([{}])), 7]),
    ] {
        let ask = Ask { body: Some(("application/json", body.to_string().into_bytes())), ..Ask::default() };
        assert_eq!(origin.ask("/", "post", &ask).await.status, 200, "{body}");
    }
}
