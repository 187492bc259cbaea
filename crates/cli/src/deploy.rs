//! `metacloud deploy`: the contracts onto any EVM chain, or the plan of it.

use std::path::{Path, PathBuf};

use alloy_primitives::Address;
use clap::Args;
use metacloud_sdk::deploy::{Addresses, DeployError, Deployment, Terms, plan};
use serde_json::json;

use crate::failure::{Failure, chained};
use crate::key;

#[derive(Args, Debug)]
#[command(after_help = "If it ends early, run the same command again: it goes on where it ended.")]
pub(crate) struct DeployArguments {
    /// JSON-RPC of the chain
    #[arg(long, value_name = "URL", required_unless_present = "plan", requires = "key")]
    rpc: Option<String>,
    /// File with the key of the account that sends and pays: 64 hexadecimal digits
    #[arg(long, value_name = "KEYFILE", required_unless_present = "plan", requires = "rpc")]
    key: Option<PathBuf>,
    /// Write the transactions to FILE (JSON; - is stdout) and send nothing; needs no chain
    #[arg(long, value_name = "FILE", conflicts_with_all = ["rpc", "key", "afresh"], requires_all = ["deployer", "chain_id"])]
    plan: Option<PathBuf>,
    /// The account that will send the planned transactions
    #[arg(long, value_name = "ADDRESS", value_parser = account, requires = "plan")]
    deployer: Option<Address>,
    /// Its nonce for the first of them
    #[arg(long, value_name = "N", default_value_t = 0, requires = "plan")]
    nonce: u64,
    /// Chain id; with --rpc the one that the node must have
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    chain_id: Option<u64>,
    /// Owner of hub and registries in the end [default: the account that sends]
    #[arg(long, value_name = "ADDRESS", value_parser = account)]
    owner: Option<Address>,
    /// An existing token with 9 decimals [default: a fresh RLC, held by the account that sends]
    #[arg(long, value_name = "ADDRESS", value_parser = account)]
    token: Option<Address>,
    /// Prefix of the token URIs of apps [default: https://nfts-metadata.iex.ec/app/CHAINID/]
    #[arg(long, value_name = "URI")]
    app_base_uri: Option<String>,
    /// Prefix of the token URIs of datasets [default: as above with dataset]
    #[arg(long, value_name = "URI")]
    dataset_base_uri: Option<String>,
    /// Prefix of the token URIs of workerpools [default: as above with workerpool]
    #[arg(long, value_name = "URI")]
    workerpool_base_uri: Option<String>,
    /// Leave what an earlier deployment made and begin a new one
    #[arg(long)]
    afresh: bool,
    /// Print one JSON object on stdout
    #[arg(long)]
    json: bool,
}

/// Deploys, or writes the plan.
pub(crate) async fn deploy(arguments: DeployArguments) -> Result<(), Failure> {
    let terms = Terms {
        owner: arguments.owner,
        token: arguments.token,
        app_base_uri: arguments.app_base_uri.clone(),
        dataset_base_uri: arguments.dataset_base_uri.clone(),
        workerpool_base_uri: arguments.workerpool_base_uri.clone(),
    };
    if let Some(file) = &arguments.plan {
        return write_plan(&arguments, &terms, file);
    }
    let rpc = arguments.rpc.as_deref().expect("clap demands it without --plan");
    let file = arguments.key.as_deref().expect("clap demands it without --plan");
    let key = key::from_file(file)?.0;
    let deployment =
        Deployment::prepare(rpc, arguments.chain_id, key, &terms, arguments.afresh).await.map_err(failure)?;
    if deployment.found() > 0 {
        eprintln!("Going on: {} contracts of an earlier deployment are there.", deployment.found());
    }
    let sent = deployment
        .run(|number, total, what| eprintln!("{number} of {total}: {what}"))
        .await
        .map_err(failure)?;
    if arguments.json {
        let mut report = json!(deployment.addresses());
        report["chainId"] = json!(deployment.chain_id());
        report["deployer"] = json!(deployment.deployer());
        report["transactions"] = json!(sent);
        println!("{report}");
    } else {
        show(deployment.addresses());
    }
    Ok(())
}

fn write_plan(arguments: &DeployArguments, terms: &Terms, file: &Path) -> Result<(), Failure> {
    let deployer = arguments.deployer.expect("clap demands it with --plan");
    let chain_id = arguments.chain_id.expect("clap demands it with --plan");
    let plan = plan(&terms.params(deployer, arguments.nonce, chain_id));
    let text = format!("{:#}\n", json!(plan));
    if file == Path::new("-") {
        print!("{text}");
        return Ok(());
    }
    std::fs::write(file, text)
        .map_err(|error| Failure::environment(format!("{}: {error}", file.display())))?;
    if arguments.json {
        println!("{}", json!(plan.addresses));
    } else {
        show(&plan.addresses);
    }
    Ok(())
}

fn show(addresses: &Addresses) {
    println!("hub                 {}", addresses.hub);
    println!("rlc                 {}", addresses.rlc);
    println!("appRegistry         {}", addresses.app_registry);
    println!("datasetRegistry     {}", addresses.dataset_registry);
    println!("workerpoolRegistry  {}", addresses.workerpool_registry);
    println!("dataProtector       {}", addresses.data_protector);
}

/// An account; the zero address is none.
fn account(text: &str) -> Result<Address, String> {
    match text.parse::<Address>() {
        Ok(address) if !address.is_zero() => Ok(address),
        Ok(_) => Err("the zero address is no account".to_owned()),
        Err(_) => Err("not an address: 0x and 40 hexadecimal digits".to_owned()),
    }
}

fn failure(error: DeployError) -> Failure {
    Failure::environment(chained(&error))
}
