//! Gas of every operation beside the reference's (poco 22): the bounds that the contracts keep, the figures that are
//! committed in `contracts/gas`, and a second opinion from anvil. `cargo xtask gas` prints and renews the figures.

#![allow(clippy::unwrap_used)]

#[path = "../harness/mod.rs"]
mod harness;

#[path = "../harness/anvil.rs"]
mod anvil;
mod boost;
mod classic;
mod ledger;
mod replay;
mod table;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use harness::World;
use metacloud_abi::Contract;
use metacloud_abi::deploy::{BaseUris, DeployParams, creations};
use serde_json::{Value, json};
use table::Table;

/// Set to write the figures rather than to compare them.
const WRITE: &str = "METACLOUD_GAS_WRITE";

/// Everything measured, and the worlds in which it was, by name.
struct Measured {
    table: Table,
    worlds: Vec<(&'static str, World)>,
}

fn measured() -> &'static Measured {
    static MEASURED: OnceLock<Measured> = OnceLock::new();
    MEASURED.get_or_init(|| {
        let mut table = Table::default();
        let worlds = vec![
            ("assets", ledger::assets(&mut table)),
            ("escrow", ledger::escrow(&mut table)),
            ("orders", ledger::orders(&mut table)),
            ("first use", classic::first_use(&mut table)),
            ("classic", classic::classic(&mut table)),
            ("one step", classic::one_step(&mut table)),
            ("boost", boost::boost(&mut table)),
        ];
        Measured { table, worlds }
    })
}

fn committed(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../contracts/gas").join(name)
}

/// Compares a file of figures with what it should hold, or writes it.
fn compare_or_write(name: &str, found: &Value) {
    let path = committed(name);
    let found = format!("{found:#}\n");
    if std::env::var_os(WRITE).is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, found).unwrap();
        return;
    }
    let held = std::fs::read_to_string(&path).unwrap_or_default();
    let changed: Vec<String> =
        found.lines().filter(|line| !held.contains(line)).map(|line| line.trim().to_owned()).collect();
    assert!(
        held == found,
        "contracts/gas/{name} is old; run `cargo xtask gas` and commit. Now: {changed:#?}"
    );
}

#[test]
fn operations_stay_within_their_share_of_the_reference() {
    let over = measured().table.over_their_bounds();
    assert!(over.is_empty(), "over their bounds: {over:?}");
}

#[test]
fn floors_lie_below_what_is_measured() {
    let below = measured().table.below_their_floors();
    assert!(below.is_empty(), "cheaper than their floors: {below:?}");
}

#[test]
fn figures_are_those_committed() {
    compare_or_write("operations.json", &measured().table.to_json());
}

#[test]
fn code_sizes_are_those_committed() {
    let params = DeployParams {
        deployer: harness::person("deployer"),
        first_nonce: 0,
        chain_id: harness::CHAIN_ID,
        owner: harness::person("owner"),
        token: None,
        base_uri: BaseUris::default(),
    };
    let size = |contract: Contract| (contract.name(), contract.deployed_code().len());
    let sizes: BTreeMap<&str, usize> = creations(&params).into_iter().map(size).collect();
    compare_or_write("sizes.json", &json!(sizes));
}

/// Whatever exists besides, deals of the same orders and assets included, a match and a task cost the same.
#[test]
fn nothing_costs_more_for_what_exists_already() {
    let mut scene = classic::warm_scene();
    // Trust 1, since scores grow otherwise and fewer workers are needed.
    let mut orders = scene.orders();
    let (mut lives, mut matches) = (Vec::new(), Vec::new());
    for number in 0..40 {
        // One byte differs from deal to deal, and it is never zero.
        orders.request.salt = alloy_primitives::B256::repeat_byte(0x11);
        orders.request.salt.0[31] = number + 1;
        let life = classic::live(&mut scene, &orders, 1);
        lives.push(life.settled_gas());
        matches.push(life.bare_matching());
        let (app, pool) = (format!("app {number:02}"), format!("pool {number:02}"));
        scene.world.create_app(harness::person("app owner"), &app);
        scene.world.create_workerpool(harness::person("scheduler"), &pool);
    }
    // Identifiers have a zero byte now and then, which is cheaper to send: some hundred gas.
    let (least, most) = (lives[1..].iter().min().unwrap(), lives[1..].iter().max().unwrap());
    assert!(most - least < 1_000, "{least} to {most}");
    // The first match writes the word of the workerpool order, which later ones change.
    let (least, most) = (matches[1..].iter().min().unwrap(), matches[1..].iter().max().unwrap());
    assert!(most - least < 100, "matching: {least} to {most}");
}

#[test]
#[ignore = "needs npm, for anvil; .ci/run runs it"]
fn anvil_charges_the_same_gas() {
    for (name, world) in &measured().worlds {
        replay::replay(name, world);
    }
}
