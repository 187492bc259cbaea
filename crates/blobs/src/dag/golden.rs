//! Names given by another implementation; `tests/golden/vectors.mjs` made them and says how.

use serde::Deserialize;
use std::collections::BTreeMap;

use super::{Child, Directory};
use crate::key::Version;
use crate::tree::{Layout, Tree};

const VECTORS: &str = include_str!("../../tests/golden/vectors.json");

#[derive(Deserialize)]
struct Vectors {
    files: Vec<File>,
    directories: Vec<Made>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct File {
    version: u8,
    raw: bool,
    chunk: usize,
    bytes: usize,
    cid: String,
    dag_bytes: u64,
}

#[derive(Deserialize)]
struct Made {
    tree: String,
    version: u8,
    lines: BTreeMap<String, (String, u64)>,
}

fn version(number: u8) -> Version {
    if number == 0 { Version::V0 } else { Version::V1 }
}

fn file(layout: Layout, bytes: usize) -> crate::tree::Branch {
    let content: Vec<u8> = (0..bytes).map(|at| (at % 251) as u8).collect();
    let mut tree = Tree::with_layout(layout);
    tree.update(&content);
    tree.root()
}

#[test]
fn files_of_every_layout_have_the_names_of_another_implementation() {
    let vectors: Vectors = serde_json::from_str(VECTORS).unwrap();
    assert_eq!(vectors.files.len(), 63);
    for given in vectors.files {
        let layout =
            Layout { chunk_bytes: given.chunk, raw_leaves: given.raw, version: version(given.version) };
        let root = file(layout, given.bytes);
        let found = (root.key.text(layout.version), root.dag_bytes);
        assert_eq!(found, (given.cid, given.dag_bytes), "{layout:?}, {} bytes", given.bytes);
    }
}

/// The trees in words, as the script has them.
fn tree(name: &str) -> Vec<(String, Option<usize>)> {
    let many = |count: usize, digits: usize| {
        (0..count).map(|at| (format!("name-{at:0digits$}"), Some(at % 7))).collect()
    };
    match name {
        "few" => [
            ("a.txt", Some(5)),
            ("b b", Some(300_000)),
            ("deep/er/est/leaf", Some(1)),
            ("deep/er/empty", None),
            ("deep/ä/☃", Some(7)),
            ("A", Some(0)),
        ]
        .map(|(path, bytes)| (path.to_owned(), bytes))
        .to_vec(),
        "flat" => many(1000, 4),
        "sharded" => many(7000, 5),
        "deeper" => many(70_000, 6),
        _ => panic!("no tree {name}"),
    }
}

#[test]
fn directories_flat_and_sharded_have_the_names_of_another_implementation() {
    let vectors: Vectors = serde_json::from_str(VECTORS).unwrap();
    assert_eq!(vectors.directories.len(), 8);
    for given in vectors.directories {
        let version = version(given.version);
        let layout = Layout { version, raw_leaves: version == Version::V1, ..Layout::default() };
        let known: Vec<_> = (0..8).map(|bytes| file(layout, bytes)).collect();
        let mut root = Directory::default();
        for (path, bytes) in tree(&given.tree) {
            let path = format!("top/{path}");
            let Some(bytes) = bytes else {
                // Another implementation, told of a path without content, has an empty directory there.
                root.enter(&path).unwrap();
                continue;
            };
            let made = known.get(bytes).copied().unwrap_or_else(|| file(layout, bytes));
            let child = Child { key: made.key, version, dag_bytes: made.dag_bytes };
            root.put(&path, child).unwrap();
        }
        let (mut blocks, mut made) = (Vec::new(), Vec::new());
        root.build("", version, &mut blocks, &mut made).unwrap();
        for made in made.iter().filter(|made| given.lines.contains_key(&made.path)) {
            let found = (made.child.key.text(version), made.child.dag_bytes);
            assert_eq!(found, given.lines[&made.path], "{} {} {:?}", given.tree, given.version, made.path);
        }
        let paths: Vec<_> = made.iter().map(|made| made.path.as_str()).collect();
        assert!(given.lines.keys().all(|path| paths.contains(&path.as_str())), "{paths:?}");
    }
}
