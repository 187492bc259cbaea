//! Keys of wallets. They come from a file or from an environment variable, never as the value of a flag: other users of
//! a machine can read the arguments of every process. They are never printed.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use metacloud_protocol::signing;
use metacloud_sdk::ready::{PrivateKey, Role};

use crate::failure::Failure;
use crate::settings::{Settings, Source};

/// The variable that holds a key itself.
const VARIABLE: &str = "METACLOUD_PRIVATE_KEY";
/// Bytes of a key file that are read; a key has 64 digits.
const KEY_FILE_BYTES_MAX: u64 = 256;

/// Where the key of a role's wallet comes from: the flag over the environment over the settings file over the ready file.
enum Place {
    File(PathBuf),
    Variable,
    /// An account of the ready file.
    Ready(PathBuf),
    Nowhere,
}

/// The key of a role's wallet. `path` is the value of the setting `key`, however it was given; `account` is the one of
/// the ready file that is used without.
pub(crate) fn read(
    settings: &Settings,
    path: Option<&Path>,
    account: Option<(Role, usize)>,
) -> Result<PrivateKey, Failure> {
    match place(settings, path)? {
        Place::File(path) => from_file(&path),
        Place::Variable => {
            let text = std::env::var(VARIABLE).unwrap_or_default();
            parse(&text).ok_or_else(|| Failure::environment(format!("{VARIABLE} is no key: {SHAPE}")))
        }
        Place::Ready(file) => from_ready(settings, &file, account),
        Place::Nowhere => Err(Failure::environment(nowhere(settings))),
    }
}

/// What `config show` says of the key: where it is, never what it is.
pub(crate) fn shown(settings: &Settings) -> (Option<String>, Source) {
    let setting = settings.values.iter().find(|setting| setting.key == "key");
    let path = setting.and_then(|setting| setting.value.as_deref()).map(Path::new);
    let source = settings.source("key");
    match place(settings, path) {
        // A key that was given in place of a file is not shown either.
        Ok(Place::File(path)) if looks_like_key(&path) => (Some("(not a file)".to_owned()), source),
        Ok(Place::File(path)) => (Some(format!("set, in {}", path.display())), source),
        Ok(Place::Variable) => (Some("set".to_owned()), Source::Environment(VARIABLE.to_owned())),
        Ok(Place::Ready(file)) if can_use_ready(settings) => {
            (Some("set, of a development account".to_owned()), Source::Ready(file))
        }
        Ok(Place::Ready(_) | Place::Nowhere) => (None, Source::Unset),
        Err(_) => (Some("set twice".to_owned()), source),
    }
}

/// What a key looks like.
const SHAPE: &str =
    "64 hexadecimal digits, with or without 0x in front, above 0 and below the order of secp256k1";

fn place(settings: &Settings, path: Option<&Path>) -> Result<Place, Failure> {
    let variable = std::env::var_os(VARIABLE).is_some();
    Ok(match (path, settings.source("key")) {
        (Some(path), Source::Flag) => Place::File(path.to_owned()),
        (Some(_), Source::Environment(name)) if variable => {
            return Err(Failure::environment(format!("both {name} and {VARIABLE} are set; unset one")));
        }
        (Some(path), Source::Environment(_)) => Place::File(path.to_owned()),
        _ if variable => Place::Variable,
        (Some(path), _) => Place::File(path.to_owned()),
        (None, _) => match &settings.ready {
            Some((file, _)) => Place::Ready(file.clone()),
            None => Place::Nowhere,
        },
    })
}

/// A worker must be told which account it is: others may run with the same ready file.
fn can_use_ready(settings: &Settings) -> bool {
    settings.role != "worker" || settings.source("account") != Source::Unset
}

fn nowhere(settings: &Settings) -> String {
    let role = settings.role;
    format!(
        "the {role} needs the key of its wallet; give --key FILE, or METACLOUD_KEY with the file's name, or \
         {VARIABLE} with the key, or `key` in [{role}] of the settings file"
    )
}

fn from_ready(
    settings: &Settings,
    file: &Path,
    account: Option<(Role, usize)>,
) -> Result<PrivateKey, Failure> {
    let Some((role, index)) = account else {
        return Err(Failure::environment(format!("{}, or --account N of the ready file", nowhere(settings))));
    };
    let ready = &settings.ready.as_ref().expect("the place is the ready file").1;
    let mut accounts = ready.accounts.iter().filter(|account| account.role == role);
    let count = accounts.clone().count();
    accounts.nth(index).map(|account| account.private_key).ok_or_else(|| {
        Failure::environment(format!(
            "{} has {count} accounts of the role {}, not {}; give another --account, or --key FILE",
            file.display(),
            serde_json::to_value(role).ok().as_ref().and_then(|role| role.as_str()).unwrap_or_default(),
            index + 1
        ))
    })
}

/// The key in the environment, if there is one.
pub(crate) fn from_environment() -> Result<Option<PrivateKey>, Failure> {
    let Some(text) = std::env::var_os(VARIABLE) else { return Ok(None) };
    let key = text.to_str().and_then(parse);
    key.map(Some).ok_or_else(|| Failure::environment(format!("{VARIABLE} is no key: {SHAPE}")))
}

/// The key in a file.
pub(crate) fn from_file(path: &Path) -> Result<PrivateKey, Failure> {
    if looks_like_key(path) {
        return Err(Failure::environment(format!(
            "--key names a file, it does not take the key itself, which others could read in the list of processes; \
             write the key to a file, or put it into {VARIABLE}"
        )));
    }
    let shown = path.display();
    let read = || {
        let file = File::open(path)?;
        let open_to_others = others_may_read(&file)?;
        let mut text = String::new();
        file.take(KEY_FILE_BYTES_MAX).read_to_string(&mut text)?;
        Ok::<_, std::io::Error>((text, open_to_others))
    };
    let (text, open_to_others) = read()
        .map_err(|error| Failure::environment(format!("the key file {shown} cannot be read: {error}")))?;
    let key = parse(&text)
        .ok_or_else(|| Failure::environment(format!("the key file {shown} holds no key: {SHAPE}")))?;
    if open_to_others {
        eprintln!("Warning: others can read the key file {shown}; `chmod 600` it.");
    }
    Ok(key)
}

fn others_may_read(file: &File) -> std::io::Result<bool> {
    use std::os::unix::fs::PermissionsExt as _;
    let metadata = file.metadata()?;
    Ok(metadata.is_file() && metadata.permissions().mode() & 0o077 != 0)
}

fn looks_like_key(path: &Path) -> bool {
    path.to_str().is_some_and(|text| parse(text).is_some()) && !path.exists()
}

fn parse(text: &str) -> Option<PrivateKey> {
    let text = text.trim();
    let digits = text.strip_prefix("0x").unwrap_or(text);
    let key: alloy_primitives::B256 = (digits.len() == 64).then(|| digits.parse().ok())??;
    signing::key_from_bytes(&key).is_ok().then_some(PrivateKey(key))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 1, which is a key.
    const ONE: &str = "0000000000000000000000000000000000000000000000000000000000000001";

    #[test]
    fn a_key_is_64_digits_below_the_order() {
        for good in [ONE.to_owned(), format!("0x{ONE}"), format!(" 0x{ONE}\n")] {
            assert!(parse(&good).is_some(), "{good}");
        }
        let order = "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141";
        for bad in
            ["", "0x", "1", &ONE[1..], &format!("{ONE}0"), &ONE.replace('1', "g"), &"0".repeat(64), order]
        {
            assert!(parse(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn a_key_in_place_of_a_file_is_refused_without_repeating_it() {
        let refused = format!("{:?}", from_file(Path::new(ONE)).unwrap_err());
        assert!(refused.contains("list of processes") && !refused.contains(ONE), "{refused}");
    }

    #[test]
    fn a_file_without_a_key_is_named_and_not_quoted() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("worker.key");
        std::fs::write(&path, "my secret phrase").unwrap();
        let refused = format!("{:?}", from_file(&path).unwrap_err());
        assert!(refused.contains("worker.key") && !refused.contains("secret phrase"), "{refused}");
    }
}
