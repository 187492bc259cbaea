//! `metacloud iexec-config`: what the `iexec` command line needs to use a cloud: `chain.json` and a wallet.

use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use alloy_primitives::Address;
use clap::Args;
use metacloud_sdk::Timestamp;
use metacloud_sdk::ready::{ReadyFile, Role};
use serde_json::{Map, Value, json};

use crate::failure::Failure;
use crate::keystore::{self, Chance};
use crate::run::network;

/// Name of the chain within `chain.json`.
const CHAIN: &str = "metacloud";
/// Files of a folder that are looked at for wallets.
const FILES_MAX: usize = 10_000;

#[derive(Args, Debug)]
pub(crate) struct IexecConfigArguments {
    /// The network, as a ready file [default: the `up` of this machine]
    #[arg(long, value_name = "FILE")]
    pub(crate) ready_file: Option<PathBuf>,
    /// Where `chain.json` and the wallet go: the folder in which `iexec` will be called
    #[arg(long, value_name = "DIR", default_value = ".")]
    pub(crate) dir: PathBuf,
    /// Whose wallet: requester, appProvider, datasetProvider, workerpoolOwner, deployer or worker
    #[arg(long, value_name = "ROLE", default_value = "requester", value_parser = role)]
    pub(crate) role: Role,
    /// Password of the wallet
    #[arg(
        long,
        value_name = "TEXT",
        env = "METACLOUD_WALLET_PASSWORD",
        hide_env_values = true,
        default_value = "metacloud"
    )]
    pub(crate) password: String,
    /// Replace a `chain.json` or a wallet of the same account that is there already
    #[arg(long)]
    pub(crate) force: bool,
    /// Print one JSON object on stdout
    #[arg(long)]
    pub(crate) json: bool,
}

fn role(text: &str) -> Result<Role, String> {
    serde_json::from_value(Value::from(text)).map_err(|_| "no such role".to_owned())
}

/// Writes both files, or neither if one is in the way.
pub(crate) fn iexec_config(arguments: &IexecConfigArguments) -> Result<(), Failure> {
    let (ready, file) = network(arguments.ready_file.as_deref(), None)?;
    let account = ready
        .account(arguments.role)
        .ok_or_else(|| Failure::environment(format!("{} has no account with that role", file.display())))?;
    let dir = &arguments.dir;
    let failed =
        |path: &Path, error: std::io::Error| Failure::environment(format!("{}: {error}", path.display()));
    std::fs::create_dir_all(dir).map_err(|error| failed(dir, error))?;
    let chain = dir.join("chain.json");
    let there = wallets(dir, account.address).map_err(|error| failed(dir, error))?;
    if !arguments.force
        && let Some(path) = there.first().or_else(|| chain.exists().then_some(&chain))
    {
        return Err(Failure::environment(format!(
            "{} is there already; --force replaces it",
            path.display()
        )));
    }
    let made = Chance::fresh()
        .and_then(|chance| {
            keystore::encrypt(&account.private_key.0, account.address, &arguments.password, &chance)
        })
        .ok_or_else(|| Failure::environment("the system has no randomness to give"))?;
    let name = name(account.address);
    let wallet = dir.join(&name);
    for old in &there {
        std::fs::remove_file(old).map_err(|error| failed(old, error))?;
    }
    let chain_text = format!("{:#}\n", chain_json(&ready));
    std::fs::write(&chain, chain_text).map_err(|error| failed(&chain, error))?;
    write_secret(&wallet, &format!("{made:#}\n")).map_err(|error| failed(&wallet, error))?;
    if arguments.json {
        println!(
            "{}",
            json!({ "chain": chain, "wallet": wallet, "address": account.address.to_checksum(None) })
        );
    } else {
        println!("{}", chain.display());
        println!("{}", wallet.display());
        eprintln!();
        eprintln!(
            "In {}: iexec wallet show --keystoredir local --wallet-file {name} --password …",
            dir.display()
        );
        eprintln!("The wallet is of the account {}, whose key is public knowledge.", account.address);
    }
    Ok(())
}

/// `chain.json` has these keys and no others (http-surface 1.2); what a cloud does not have is left out.
fn chain_json(ready: &ReadyFile) -> Value {
    let keys = [
        ("id", Some(ready.chain_id.to_string())),
        ("host", Some(ready.rpc_url.clone())),
        ("hub", Some(ready.hub.to_checksum(None))),
        ("sms", ready.sms_url.clone()),
        ("ipfsGateway", Some(ready.ipfs_gateway_url.clone())),
        ("iexecGateway", Some(ready.gateway_url.clone())),
        ("compass", ready.compass_url.clone()),
        ("pocoSubgraph", ready.subgraph_url.clone()),
    ];
    let told = keys.into_iter().filter_map(|(key, value)| Some((key.to_owned(), Value::from(value?))));
    let chain: Map<String, Value> = told.collect();
    json!({ "default": CHAIN, "chains": { CHAIN: chain } })
}

/// Wallets of an account: `UTC--TIME--ADDRESS`.
fn wallets(dir: &Path, address: Address) -> std::io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir)?.take(FILES_MAX) {
        let entry = entry?;
        let name = entry.file_name();
        let owner = name.to_str().and_then(|name| name.strip_prefix("UTC--")?.rsplit_once("--"));
        if owner.is_some_and(|(_, owner)| owner.parse() == Ok(address)) {
            found.push(entry.path());
        }
    }
    Ok(found)
}

/// The newest name wins where `iexec` is not told which wallet to use.
fn name(address: Address) -> String {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let now = Timestamp::from_secs(since.as_secs()).to_string();
    let time = now.trim_end_matches('Z').replace(':', "-");
    format!("UTC--{time}000000Z--{}", address.to_checksum(None).trim_start_matches("0x"))
}

fn write_secret(path: &Path, text: &str) -> std::io::Result<()> {
    use std::io::Write as _;
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)?.write_all(text.as_bytes())
}
