//! A store over a bucket, against a server that speaks S3: `METACLOUD_S3_SERVER` names the program (moto's), which takes
//! `-H HOST -p PORT` and says where it runs. Keys are in `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY`, any will do.

#![allow(clippy::unwrap_used, reason = "a failed step fails the test")]

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, SystemTime};

use metacloud_blobs::tree::Tree;
use metacloud_blobs::{Add, Backing, Blobs, Bucket, Key, Limits, Open, Settings, router};

const MIB: usize = 1 << 20;

/// A server with one bucket; killed when dropped.
struct Server {
    child: Child,
    url: String,
}

impl Server {
    async fn start() -> Self {
        let program = std::env::var_os("METACLOUD_S3_SERVER").expect("METACLOUD_S3_SERVER names a server");
        let mut command = Command::new(program);
        command.args(["-H", "127.0.0.1", "-p", "0"]).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok);
        let place = lines.find_map(|line| Some(line.split_once("Running on ")?.1.trim().to_owned()));
        let url = place.expect("the server says where it runs");
        // It goes on telling of each request; nobody may let its pipe run full.
        std::thread::spawn(move || lines.for_each(drop));
        let made = reqwest::Client::new().put(format!("{url}/cloud")).send().await.unwrap();
        assert!(made.status().is_success(), "{}", made.status());
        Self { child, url }
    }

    fn backing(&self, place: &str) -> Backing {
        let endpoint = Some(self.url.clone());
        Backing::Bucket(Bucket { url: place.to_owned(), endpoint, region: Some("us-east-1".to_owned()) })
    }

    async fn open(&self, dir: &Path) -> Result<Blobs, Open> {
        Blobs::open_on(dir, Settings::default(), &self.backing("s3://cloud/in/here")).await
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn content(length: usize) -> Vec<u8> {
    (0..length).map(|at| (at / 7 % 251) as u8).collect()
}

async fn serve(blobs: &Blobs) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let app = router(blobs.clone(), Limits::default());
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    url
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a server that speaks S3"]
async fn a_bucket_keeps_what_a_disk_keeps() {
    let server = Server::start().await;
    let dir = tempfile::tempdir().unwrap();
    let blobs = server.open(dir.path()).await.unwrap();
    let http = reqwest::Client::new();
    let url = serve(&blobs).await;

    // Three parts and a rest, read back whole, in part, and over the borders of requests.
    let whole = content(25 * MIB + 12_345);
    let added = blobs.add_bytes(&whole).await.unwrap();
    assert_eq!(added.cid, Tree::of(&whole).cid);
    assert_eq!(blobs.get_bytes(added.cid, 1 << 30).await.unwrap(), whole);
    let range = 8 * MIB - 3..16 * MIB + 5;
    let asked = http.get(format!("{url}/ipfs/{}", added.cid));
    let asked = asked.header("Range", format!("bytes={}-{}", range.start, range.end - 1));
    let part = asked.send().await.unwrap();
    assert_eq!(part.status(), 206);
    assert_eq!(part.bytes().await.unwrap(), whole[range]);

    // Another layout, of which the record lies in the bucket too, and the smallest things.
    let form = reqwest::multipart::Form::new()
        .part("file", reqwest::multipart::Part::bytes(whole[..3 * MIB].to_vec()).file_name("x"));
    let options = "cid-version=1&raw-leaves=true&chunker=size-1048576";
    let answer = http.post(format!("{url}/api/v0/add?{options}")).multipart(form).send().await.unwrap();
    let name = answer.text().await.unwrap();
    let name = name.split('"').find(|word| word.starts_with("baf")).unwrap().to_owned();
    let car = http.get(format!("{url}/ipfs/{name}?format=car")).send().await.unwrap();
    assert!(car.bytes().await.unwrap().len() > 3 * MIB);
    for small in [&b""[..], b"x"] {
        let cid = blobs.add_bytes(small).await.unwrap().cid;
        assert_eq!(blobs.get_bytes(cid, 1).await.unwrap(), small);
    }
    let absent = Tree::of(b"absent").cid;
    assert!(!blobs.has(&absent).await);

    // The same again is the same, and counts once.
    let used = blobs.used_bytes().0;
    blobs.add_bytes(&whole).await.unwrap();
    assert_eq!(blobs.used_bytes().0, used);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a server that speaks S3"]
async fn a_collection_over_a_bucket_takes_what_nothing_leads_to_and_a_restart_counts_the_rest() {
    let server = Server::start().await;
    let dir = tempfile::tempdir().unwrap();
    let blobs = server.open(dir.path()).await.unwrap();
    let kept = blobs.add_bytes(b"a deal names this").await.unwrap().cid;
    let loose = blobs.add_bytes(&content(9 * MIB)).await.unwrap().cid;
    let later = SystemTime::now() + Duration::from_secs(7200);
    let hour = Duration::from_secs(3600);
    let young = blobs.collect(&Vec::<Key>::new(), hour, SystemTime::now()).await.unwrap();
    assert_eq!((young.removed, young.kept), (0, 2));
    let collected = blobs.collect(&vec![Key::from(kept)], hour, later).await.unwrap();
    assert_eq!((collected.removed, collected.kept), (1, 1));
    assert!(blobs.has(&kept).await && !blobs.has(&loose).await);
    drop(blobs);
    let again = server.open(dir.path()).await.unwrap();
    assert_eq!(again.used_bytes().0, 4096);
    assert_eq!(again.get_bytes(kept, 100).await.unwrap(), b"a deal names this");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a server that speaks S3"]
async fn a_bucket_of_another_store_and_a_server_that_is_away_are_told() {
    let server = Server::start().await;
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let blobs = server.open(one.path()).await.unwrap();
    let foreign = server.open(two.path()).await.unwrap_err().to_string();
    assert!(foreign.contains("belongs to another store"), "{foreign}");
    // Elsewhere in the bucket there is room for it.
    let beside = Blobs::open_on(two.path(), Settings::default(), &server.backing("s3://cloud")).await;
    assert_eq!(beside.unwrap().used_bytes().0, 0);
    let three = tempfile::tempdir().unwrap();
    let none =
        Blobs::open_on(three.path(), Settings::default(), &server.backing("s3://no-such-bucket")).await;
    assert!(matches!(none, Err(Open::Backend { .. })), "{none:?}");
    let nonsense = Blobs::open_on(three.path(), Settings::default(), &server.backing("https://cloud")).await;
    assert!(matches!(nonsense, Err(Open::Backend { .. })), "{nonsense:?}");

    drop(server);
    let refused = blobs.add_bytes(b"x").await.unwrap_err();
    assert!(matches!(refused, Add::Backend { .. }), "{refused}");
    assert_eq!(blobs.used_bytes().0, 0, "what was not kept is not counted");
}
