//! Names given by another implementation: the npm package `ipfs-unixfs-importer` 17.1.1 with `cidVersion: 0`,
//! `rawLeaves: false`, chunks of 262144 bytes, a balanced tree of at most 174 children, no wrapping directory.
//! Content: byte `i` is `i mod 251`. Columns: bytes of content, name, bytes of all nodes.

#![allow(clippy::unwrap_used, reason = "a failed step fails the test")]

use metacloud_blobs::tree::Tree;

const GOLDEN: &[(usize, &str, u64)] = &[
    (0, "QmbFMke1KXqnYyBBWxB74N4c5SBnJMVAiMNRcGu6x1AwQH", 6),
    (1, "QmS9JArPwa55ePgDnyg6TzX24mYTS1b1vLqWNebyVotKxQ", 9),
    (262_143, "QmRfm83kqBpGJbGxJg1en9hpwq8eNnP4E2Dj8K73F4m983", 262_157),
    (262_144, "QmeqfRyS3vkku7n6krqC3DgGMex3x2sCpSeKMDmrG13QQq", 262_158),
    (262_145, "QmUSjGawaz4ptvREcMKSMJneWCa5j8dAz2wSAAvHtW2rnB", 262_267),
    (524_288, "QmX9AxjaxS7HCFKUdcQRgNKmfEj9hhjTsE57CB5iPe8zus", 524_420),
    (1_000_003, "QmQojuafiQjGaCHqGb7AnP9yiLWoSom7qLP3evT2UVV9JY", 1_000_259),
    // 174 chunks less a byte, 174 chunks, and a byte more: the second level begins.
    (45_613_055, "QmSpC61nY4dcarPju8f7JsXaMpEL99ZAYsMbQnfymuVJBs", 45_623_853),
    (45_613_056, "QmXCym15aFeWjAWyPFaAgwVmkuKB7EBsV77Skt54KmxChF", 45_623_854),
    (45_613_057, "QmTedsTekQQkgACJXb1sPZSW8bLdS9LPMrT7L4YdjNRd4n", 45_624_016),
    (45_875_200, "Qmbp67kThKoJFnWu7pUgwCu81WttemMnD13oG4uj9DiY5E", 45_886_175),
    (91_226_112, "QmYkLpueLANGRQYbKnFi9a2BtebuhbUSasChqaAWzjFna1", 91_247_817),
    (91_226_117, "QmPT28xhwVX54QyzskRNaRVh5AY6GKRtPJ3hdpc7VHbGQ4", 91_247_924),
    (104_857_677, "QmQFXcFPJjKjJuQ55TH7XtAGDtfa6E1TPEBbA4cGDc8NSZ", 104_882_718),
];

#[test]
fn names_equal_those_of_another_implementation() {
    let (longest, _, _) = GOLDEN[GOLDEN.len() - 1];
    let content: Vec<u8> = (0..longest).map(|at| (at % 251) as u8).collect();
    for &(length, cid, dag_bytes) in GOLDEN {
        let root = Tree::of(&content[..length]);
        assert_eq!((root.cid.to_string().as_str(), root.dag_bytes), (cid, dag_bytes), "{length} bytes");
    }
}
