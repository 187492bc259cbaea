//! `metacloud secret`.

use std::path::PathBuf;

use alloy_primitives::Address;
use clap::{Args, Subcommand, ValueEnum};
use metacloud_sdk::secrets::{Policy, SecretKind};

#[derive(Subcommand, Debug)]
pub(crate) enum SecretCommand {
    /// Set a secret; the value comes from stdin or a file, never from the command line
    Set(SetSecretArguments),
    /// Remove a secret; no old message brings it back
    Delete(DeleteSecretArguments),
    /// Tell whether a secret is set, and which enclaves may receive it; exit code 1 if it is not
    Check(CheckSecretArguments),
}

/// Whose secret.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Kind {
    /// The key of a dataset, set by its owner
    Dataset,
    /// The secret of an application, set by its owner
    App,
    /// A requester's secret, which deals name
    Requester,
    /// An account's, such as iexec-result-encryption-public-key
    Account,
}

impl From<Kind> for SecretKind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Dataset => Self::Dataset,
            Kind::App => Self::App,
            Kind::Requester => Self::Requester,
            Kind::Account => Self::Account,
        }
    }
}

/// Which secret, and where.
#[derive(Args, Debug)]
pub(crate) struct WhichSecret {
    /// Whose secret
    #[arg(value_name = "KIND", value_enum)]
    pub(crate) kind: Kind,
    /// Dataset, app or account [default for requester and account: the account of the key]
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) subject: Option<Address>,
    /// Name of a requester's or an account's secret
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<String>,
    /// The network, as a ready file [default: the `up` of this machine]
    #[arg(long, value_name = "FILE", conflicts_with = "network")]
    pub(crate) ready_file: Option<PathBuf>,
    /// The network, by its name in the user's configuration folder (networks/NAME.json)
    #[arg(long, value_name = "NAME")]
    pub(crate) network: Option<String>,
    /// File with the owner's key, in hex; or put the key into METACLOUD_PRIVATE_KEY [default: the ready file's account]
    #[arg(long, value_name = "FILE")]
    pub(crate) key: Option<PathBuf>,
    /// Print one JSON object on stdout
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args, Debug)]
pub(crate) struct SetSecretArguments {
    #[command(flatten)]
    pub(crate) which: WhichSecret,
    /// File with the value, taken byte for byte [default: stdin]
    #[arg(long, value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,
    /// Enclaves that may receive it: hardware, or hardware,simulation
    #[arg(long, value_name = "LEVELS", default_value = "hardware")]
    pub(crate) release: Policy,
    /// Let a value that is already there give way
    #[arg(long)]
    pub(crate) replace: bool,
}

#[derive(Args, Debug)]
pub(crate) struct DeleteSecretArguments {
    #[command(flatten)]
    pub(crate) which: WhichSecret,
}

#[derive(Args, Debug)]
pub(crate) struct CheckSecretArguments {
    #[command(flatten)]
    pub(crate) which: WhichSecret,
}
