//! `metacloud secret set|delete|check`: a person's values to the secrets service.

use std::fs::File;
use std::io::{IsTerminal as _, Read as _};
use std::path::Path;

use alloy_primitives::Address;
use metacloud_protocol::signing::{self, SigningKey};
use metacloud_sdk::ready::{PrivateKey, ReadyFile, Role};
use metacloud_sdk::secrets::{Policy, SecretError, SecretId, SecretKind, SecretsClient, VALUE_BYTES_MAX};
use serde_json::json;
use zeroize::Zeroizing;

use crate::args::{SecretCommand, SetSecretArguments, WhichSecret};
use crate::failure::Failure;
use crate::{key, run};

/// Sets or checks one secret.
pub(crate) async fn secret(command: SecretCommand) -> Result<(), Failure> {
    match command {
        SecretCommand::Set(arguments) => set(&arguments).await,
        SecretCommand::Delete(arguments) => delete(&arguments.which).await,
        SecretCommand::Check(arguments) => check(&arguments.which).await,
    }
}

async fn set(arguments: &SetSecretArguments) -> Result<(), Failure> {
    let SetSecretArguments { which, file, release, replace } = arguments;
    let (ready, client) = network(which)?;
    let owner = signer(which, &ready)?;
    let id = id(which, || Ok(signing::address_of(&owner)))?;
    let value = value(file.as_deref())?;
    client.set(&owner, &id, &value, *release, *replace).await.map_err(|error| failure(&error))?;
    say(which, &id, Some(*release));
    Ok(())
}

async fn delete(which: &WhichSecret) -> Result<(), Failure> {
    let (ready, client) = network(which)?;
    let owner = signer(which, &ready)?;
    let id = id(which, || Ok(signing::address_of(&owner)))?;
    client.delete(&owner, &id).await.map_err(|error| match error {
        SecretError::Refused { status: 404, .. } => Failure::no(format!("the {id} is not set")),
        error => failure(&error),
    })?;
    match which.json {
        true => say(which, &id, None),
        false => println!("The {id} is removed"),
    }
    Ok(())
}

async fn check(which: &WhichSecret) -> Result<(), Failure> {
    let (ready, client) = network(which)?;
    let id = id(which, || signer(which, &ready).map(|owner| signing::address_of(&owner)))?;
    let release = client.release_of(&id).await.map_err(|error| failure(&error))?;
    match release {
        Some(_) => {
            say(which, &id, release);
            Ok(())
        }
        None => {
            if which.json {
                say(which, &id, None);
            }
            Err(Failure::no(format!("the {id} is not set")))
        }
    }
}

fn say(which: &WhichSecret, id: &SecretId, release: Option<Policy>) {
    if which.json {
        let (kind, subject, name) = (id.kind(), id.subject(), id.name());
        let set = release.is_some();
        println!(
            "{}",
            json!({"kind": kind, "subject": subject, "name": name, "set": set, "release": release})
        );
    } else if let Some(release) = release {
        println!("The {id} is set; released to enclaves of level {release}");
    }
}

fn network(which: &WhichSecret) -> Result<(ReadyFile, SecretsClient), Failure> {
    let (ready, path) = run::network(which.ready_file.as_deref(), which.network.as_deref())?;
    let url = ready.sms_url.as_deref().ok_or_else(|| {
        Failure::environment(format!("{} names no secrets service (smsUrl)", path.display()))
    })?;
    let client = SecretsClient::new(url, ready.chain_id, ready.hub);
    Ok((ready, client))
}

fn id(which: &WhichSecret, account: impl FnOnce() -> Result<Address, Failure>) -> Result<SecretId, Failure> {
    let kind = SecretKind::from(which.kind);
    let subject = match (kind, which.subject) {
        (_, Some(subject)) => subject,
        (SecretKind::Requester | SecretKind::Account, None) => account()?,
        (SecretKind::Dataset | SecretKind::App, None) => {
            return Err(Failure::environment(format!("the secret of which {kind}? Give --subject ADDRESS")));
        }
    };
    let name = match (kind, which.name.as_deref()) {
        (SecretKind::App, None) => "1",
        (_, name) => name.unwrap_or_default(),
    };
    SecretId::new(kind, subject, name)
        .map_err(|error| Failure::environment(format!("--name {name:?}: {error}")))
}

/// The key of the flag, of the environment, or of the account of the ready file whose role fits.
fn signer(which: &WhichSecret, ready: &ReadyFile) -> Result<SigningKey, Failure> {
    let role = match SecretKind::from(which.kind) {
        SecretKind::Dataset => Role::DatasetProvider,
        SecretKind::App => Role::AppProvider,
        SecretKind::Requester | SecretKind::Account => Role::Requester,
    };
    let given = match &which.key {
        Some(path) => Some(key::from_file(path)?),
        None => key::from_environment()?,
    };
    let account = || ready.account(role).map(|account| account.private_key);
    let PrivateKey(scalar) = given.or_else(account).ok_or_else(|| {
        Failure::environment(
            "the owner's key is needed: give --key FILE, or METACLOUD_PRIVATE_KEY with the key",
        )
    })?;
    signing::key_from_bytes(&scalar).map_err(Failure::environment)
}

/// The value, byte for byte.
fn value(file: Option<&Path>) -> Result<Zeroizing<String>, Failure> {
    // One byte more, so that a value that is too long is not taken for one that is cut off.
    let most = VALUE_BYTES_MAX as u64 + 1;
    let mut value = Zeroizing::new(String::with_capacity(VALUE_BYTES_MAX + 1));
    let (shown, read) = match file {
        Some(path) => {
            let read = File::open(path).and_then(|file| file.take(most).read_to_string(&mut value));
            (path.display().to_string(), read)
        }
        None => {
            let stdin = std::io::stdin();
            if stdin.is_terminal() {
                eprintln!("The value, ended by Ctrl-D (a line end is part of it):");
            }
            ("stdin".to_owned(), stdin.take(most).read_to_string(&mut value))
        }
    };
    read.map_err(|error| Failure::environment(format!("the value cannot be read from {shown}: {error}")))?;
    Ok(value)
}

fn failure(error: &SecretError) -> Failure {
    match error {
        SecretError::Refused { status: 409, .. } => {
            Failure::no(format!("{error}; --replace lets the value that is there give way"))
        }
        SecretError::Refused { .. } => Failure::no(error),
        SecretError::TooLong { .. } | SecretError::Empty | SecretError::Unreachable { .. } => {
            Failure::environment(error)
        }
    }
}
