//! What may be typed. Help texts live here; what commands do lives in their own modules.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use metacloud_node::BlockTime;

mod roles;
mod secret;

pub(crate) use roles::{
    ChainAccessArguments, ChainArguments, DevelopmentArguments, EnclaveArgument, ExplorerArguments,
    MarketArguments, ROLES, RoleCommand, SchedulerArguments, SecretsArguments, StorageArguments, UpArguments,
    WorkerArguments,
};

pub(crate) use secret::{SecretCommand, SetSecretArguments, WhichSecret};

/// Below the help of `metacloud` itself.
const AFTER_HELP: &str = "\
Roles (up, chain, storage, market, secrets, scheduler, worker) take their settings from flags over environment \
(METACLOUD_…) over a settings file (TOML) over a ready file over defaults; `metacloud config show` tells.

Exit codes: 0 done, 1 the answer is no (task failed, order refused), 2 usage or environment error, 130 interrupted.";

/// The Meta Cloud in one binary.
#[derive(Parser, Debug)]
#[command(
    name = "metacloud",
    version,
    about = "An open market for computing power, applications and data, with verified results",
    after_help = AFTER_HELP
)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
    /// Say more on stderr: -v what happened, -vv why
    #[arg(short, long, action = clap::ArgAction::Count, global = true, display_order = 1_000)]
    pub(crate) verbose: u8,
}

#[derive(Subcommand, Debug)]
pub(crate) enum Command {
    /// Run the main job from start to finish: a picture rendered by workers, one of whom lies
    Demo(DemoArguments),
    /// Buy one execution at the best price and fetch the result
    Run(RunArguments),
    /// Put the contracts on a chain, or write down how
    Deploy(crate::deploy::DeployArguments),
    /// Give a value to the secrets service, or ask whether it has one
    #[command(subcommand)]
    Secret(SecretCommand),
    /// Write chain.json and a wallet for the `iexec` command line
    IexecConfig(crate::iexec::IexecConfigArguments),
    #[command(flatten)]
    Role(RoleCommand),
    /// See what is configured
    #[command(subcommand)]
    Config(ConfigCommand),
}

#[derive(Subcommand, Debug)]
pub(crate) enum ConfigCommand {
    /// Show what is in force for a role, or for all, and where each value comes from
    Show(ShowArguments),
}

#[derive(Args, Debug)]
pub(crate) struct ShowArguments {
    #[command(subcommand)]
    pub(crate) role: Option<RoleCommand>,
    /// Settings (TOML) [default: metacloud/config.toml in the user's configuration folder, if it is there]
    #[arg(long, value_name = "FILE", env = "METACLOUD_CONFIG")]
    pub(crate) config: Option<PathBuf>,
    /// Print one JSON object on stdout
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args, Debug)]
pub(crate) struct DemoArguments {
    /// Where the picture goes
    #[arg(long, value_name = "FILE", default_value = "metacloud-demo.png")]
    pub(crate) out: PathBuf,
    /// Honest workers; one more lies
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u16).range(4..=14))]
    pub(crate) workers: u16,
    /// Print one JSON object on stdout and nothing else
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args, Debug)]
pub(crate) struct RunArguments {
    /// The application: a WebAssembly file, a CID (/ipfs/Qm…) or the address of a registered app (0x…)
    #[arg(value_name = "APP")]
    pub(crate) app: String,
    /// Input file, or URL of one; may be given several times
    #[arg(long, value_name = "FILE")]
    pub(crate) input: Vec<String>,
    /// Trust level: replicas are added until a wrong result would cost 1 in N
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    pub(crate) trust: u64,
    /// Category of computing time: 0 XS 5 min, 1 S 20 min, 2 M 1 h, 3 L 3 h, 4 XL 10 h
    #[arg(long, value_name = "C", default_value_t = 0)]
    pub(crate) category: u64,
    /// Most that the execution may cost in all, such as "2 RLC" or "500000 nRLC"
    #[arg(long, value_name = "P")]
    pub(crate) max_price: Option<String>,
    /// Compute in enclaves only; whether they are real or simulated depends on the pools
    #[arg(long)]
    pub(crate) confidential: bool,
    /// Leave the request at the market, whose keeper buys whenever an offer fits, and do not wait for it
    #[arg(long, requires = "max_price", conflicts_with = "out")]
    pub(crate) standing: bool,
    /// Where the result is unpacked [default: a folder named after the task]
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    /// The network, as a ready file [default: the `up` of this machine]
    #[arg(long, value_name = "FILE", conflicts_with = "network")]
    pub(crate) ready_file: Option<PathBuf>,
    /// The network, by its name in the user's configuration folder (networks/NAME.json)
    #[arg(long, value_name = "NAME")]
    pub(crate) network: Option<String>,
    /// Print one JSON object on stdout
    #[arg(long)]
    pub(crate) json: bool,
    /// Arguments of the application
    #[arg(last = true, value_name = "ARGS")]
    pub(crate) args: Vec<String>,
}

/// Longest block time, in seconds.
const BLOCK_TIME_S_MAX: u64 = 3_600;

fn block_time(text: &str) -> Result<BlockTime, String> {
    if text == "auto" {
        return Ok(BlockTime::Auto);
    }
    match text.parse::<u64>() {
        Ok(seconds @ 1..=BLOCK_TIME_S_MAX) => Ok(BlockTime::Every(Duration::from_secs(seconds))),
        _ => Err(format!("neither `auto` nor whole seconds from 1 to {BLOCK_TIME_S_MAX}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_hold_together() {
        use clap::CommandFactory;
        Arguments::command().debug_assert();
    }

    #[test]
    fn block_time_is_auto_or_whole_seconds() {
        assert_eq!(block_time("auto"), Ok(BlockTime::Auto));
        assert_eq!(block_time("5"), Ok(BlockTime::Every(Duration::from_secs(5))));
        for wrong in ["0", "-1", "1.5", "", "soon", "3601"] {
            assert!(block_time(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn data_dir_and_ephemeral_exclude_each_other() {
        let parsed = Arguments::try_parse_from(["metacloud", "up", "--ephemeral", "--data-dir", "x"]);
        assert!(parsed.is_err());
    }
}
