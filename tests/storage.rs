//! `metacloud storage` as a process: killed and started again, and told where to keep things.

mod support;

use std::io::Write as _;
use std::net::TcpStream;
use std::path::Path;

use serde_json::Value;
use support::process::Process;
use support::{assert_one_line, converse, metacloud};

/// The parts of an upload's content.
const HALF_BYTES: usize = 3 << 20;

fn storage(folder: &Path) -> (Process, String) {
    let mut command = metacloud();
    command.args(["storage", "--json", "--listen", "127.0.0.1:0", "--data-dir"]).arg(folder.join("data"));
    let (process, told) = Process::announced(command, &folder.join("storage.log"));
    let url = told["ipfsNodeUrl"].as_str().expect("a storage has a URL").to_owned();
    (process, url)
}

fn ask(method: &str, url: &str, headers: &[&str], body: &[u8]) -> (String, Vec<u8>) {
    let mut all = vec!["Tus-Resumable: 1.0.0"];
    all.extend(headers);
    converse(method, url, &all, body)
}

fn value(head: &str, name: &str) -> Option<String> {
    let lines = head.lines().filter_map(|line| line.split_once(": "));
    lines.filter(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim().to_owned()).next()
}

#[test]
fn an_upload_goes_on_after_kill_9() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let (mut process, url) = storage(folder.path());
    let content: Vec<u8> = (0..2 * HALF_BYTES).map(|at| (at / 5 % 251) as u8).collect();
    let length = format!("Upload-Length: {}", content.len());
    let (created, _) = ask("POST", &format!("{url}/files"), &[&length], &[]);
    let place = value(&created, "location").expect("an upload has a place");

    // Half of it arrives; the process dies while it waits for the rest.
    let host = url.strip_prefix("http://").expect("plain http");
    let mut stream = TcpStream::connect(host).expect("the storage listens");
    let head = format!(
        "PATCH {place} HTTP/1.1\r\nHost: {host}\r\nTus-Resumable: 1.0.0\r\nUpload-Offset: 0\r\n\
         Content-Type: application/offset+octet-stream\r\nContent-Length: {}\r\n\r\n",
        content.len()
    );
    stream.write_all(head.as_bytes()).expect("head");
    stream.write_all(&content[..HALF_BYTES]).expect("half of the content");
    let id = place.rsplit('/').next().expect("an id");
    let partial = folder.path().join("data/uploads").join(id);
    support::process::until("the first half arrives", || {
        std::fs::metadata(&partial).is_ok_and(|meta| meta.len() == HALF_BYTES as u64)
    });
    process.kill();

    let (mut process, url) = storage(folder.path());
    let (standing, _) = ask("HEAD", &format!("{url}{place}"), &[], &[]);
    let offset = value(&standing, "upload-offset").expect("it is remembered");
    assert_eq!(offset, HALF_BYTES.to_string());
    let rest = [&*format!("Upload-Offset: {offset}"), "Content-Type: application/offset+octet-stream"];
    let (done, _) = ask("PATCH", &format!("{url}{place}"), &rest, &content[HALF_BYTES..]);
    let cid = value(&done, "upload-cid").unwrap_or_else(|| panic!("{done}"));
    assert_eq!(support::get(&format!("{url}/ipfs/{cid}")), (200, content.clone()));

    // The same content by the other way has the same name.
    let boundary = "boundary";
    let form = [
        format!("--{boundary}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"x\"\r\n\r\n")
            .into_bytes(),
        content,
        format!("\r\n--{boundary}--\r\n").into_bytes(),
    ]
    .concat();
    let kind = format!("multipart/form-data; boundary={boundary}");
    let (status, added) = support::post(&format!("{url}/api/v0/add?only-hash=true"), &kind, &form);
    let added: Value = serde_json::from_slice(&added).expect("one line of JSON");
    assert_eq!((status, added["Hash"].as_str()), (200, Some(&*cid)));
    process.signal("TERM");
    assert_eq!(process.wait(), Some(0));
}

#[test]
fn what_cannot_be_kept_as_told_is_told() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let storage = |more: &[&str]| {
        let mut command = metacloud();
        command.args(["storage", "--listen", "127.0.0.1:0", "--data-dir"]).arg(folder.path().join("data"));
        command.args(more).output().expect("metacloud storage starts")
    };
    // Age alone would take applications in use.
    assert_one_line(&storage(&["--keep-days", "30"]), 2, &["rpc", "--rpc"]);
    assert_one_line(&storage(&["--s3", "https://somewhere"]), 2, &["s3://BUCKET"]);
}
