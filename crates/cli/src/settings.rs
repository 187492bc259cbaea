//! Where the settings of a role come from: flags over environment over a TOML file over a ready file over defaults.
//!
//! What the file and the ready file say is handed to clap as defaults of the flags, below what was given and below the
//! environment, so that there is one set of names, one set of checks and one set of messages. The key of a wallet is no
//! setting that could be given as a value; see `key`.

mod file;
mod show;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::parser::ValueSource;
use clap::{Arg, ArgMatches, Command, CommandFactory, FromArgMatches};
use metacloud_sdk::ready::ReadyFile;

use crate::args::{Arguments, ROLES};
use crate::failure::Failure;
use crate::places;
use crate::ready;
use file::{Entry, SettingsFile};

pub(crate) use show::show;

/// Keys whose values are paths: in a settings file they are relative to it.
const PATHS: [&str; 4] = ["data-dir", "key", "key-file", "ready-file"];
/// Flags that are no settings.
const NOT_SETTINGS: [&str; 5] = ["config", "help", "json", "verbose", "version"];
/// Roles that read a ready file (`up` writes it).
const READERS: [&str; 5] = ["market", "explorer", "secrets", "scheduler", "worker"];

/// What was asked, and the settings of the role that it concerns.
pub(crate) struct Asked {
    pub(crate) arguments: Arguments,
    /// None for commands that are no role.
    pub(crate) settings: Option<Settings>,
}

/// The settings of one role as they are in force.
pub(crate) struct Settings {
    pub(crate) role: &'static str,
    pub(crate) values: Vec<Setting>,
    /// The ready file that some of them come from.
    pub(crate) ready: Option<(PathBuf, ReadyFile)>,
}

/// One setting.
pub(crate) struct Setting {
    /// As a flag, without the dashes, and as in the file.
    pub(crate) key: String,
    /// The value as text; none if it has none.
    pub(crate) value: Option<String>,
    pub(crate) source: Source,
}

/// Where a value comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    Flag,
    Environment(String),
    File {
        path: PathBuf,
        line: usize,
    },
    Ready(PathBuf),
    Default,
    /// It has no value, and needs none or lacks one.
    Unset,
}

/// Why the arguments make no command.
pub(crate) enum Refused {
    /// clap's words, or its help.
    Usage(clap::Error),
    Settings(Failure),
}

impl From<clap::Error> for Refused {
    fn from(error: clap::Error) -> Self {
        Self::Usage(error)
    }
}

impl From<Failure> for Refused {
    fn from(failure: Failure) -> Self {
        Self::Settings(failure)
    }
}

impl Settings {
    /// Where the value of a key comes from.
    pub(crate) fn source(&self, key: &str) -> Source {
        let found = self.values.iter().find(|setting| setting.key == key);
        found.map_or(Source::Unset, |setting| setting.source.clone())
    }
}

/// Reads the command line, and the settings of the role that it names.
pub(crate) fn read(line: &[OsString]) -> Result<Asked, Refused> {
    let command = command();
    let given = command.clone().try_get_matches_from(line)?;
    let Some((place, matches)) = role_of(&given) else {
        return Ok(Asked { arguments: Arguments::from_arg_matches(&given)?, settings: None });
    };
    let role = place.role;
    // Of the unchanged command: changing an argument moves it to the end.
    let roles = keys(&Arguments::command());
    let file = settings_file(&given, matches)?;
    let entries = match &file {
        Some(file) => file.entries(role, &roles)?,
        None => BTreeMap::new(),
    };
    let ready = ready_file(role, matches, &entries)?;
    let below = Below::new(role, &roles, &entries, ready.as_ref());
    let known = place.change(command, |command| below.inject(command));
    let all =
        known.try_get_matches_from(line).map_err(|error| below.explain(error, matches, file.as_ref()))?;
    let (_, matches) = role_of(&all).expect("the same words name the same role");
    let values = roles[role].iter().map(|key| below.setting(key, matches, file.as_ref())).collect();
    let arguments = Arguments::from_arg_matches(&all)?;
    let ready = ready.map(|(path, ready, _)| (path, ready));
    Ok(Asked { arguments, settings: Some(Settings { role, values, ready }) })
}

/// The settings of a role as `config show ROLE` without further words would have them, the file apart.
pub(crate) fn of_role(role: &str, config: Option<&Path>) -> Result<Settings, Refused> {
    let mut line: Vec<OsString> = ["metacloud", "config", "show"].map(OsString::from).into();
    if let Some(config) = config {
        line.extend(["--config".into(), config.into()]);
    }
    line.push(role.into());
    let asked = read(&line)?;
    Ok(asked.settings.expect("a role was named"))
}

/// The command line with the data folders of this user as defaults.
fn command() -> Command {
    let mut command = Arguments::command();
    for role in ROLES {
        let Some(folder) = places::data().map(|folder| folder.join(role)) else { continue };
        for place in [Place { role, shown: false }, Place { role, shown: true }] {
            let folder = folder.clone();
            command =
                place.change(command, |command| with_default(command, "data_dir", folder.into_os_string()));
        }
    }
    command
}

/// Where a role stands on the command line.
#[derive(Clone, Copy)]
struct Place {
    role: &'static str,
    /// Behind `config show`.
    shown: bool,
}

impl Place {
    fn change(self, command: Command, change: impl FnOnce(Command) -> Command) -> Command {
        if !self.shown {
            return command.mut_subcommand(self.role, change);
        }
        command.mut_subcommand("config", |config| {
            config.mut_subcommand("show", |show| show.mut_subcommand(self.role, change))
        })
    }
}

fn role_of(matches: &ArgMatches) -> Option<(Place, &ArgMatches)> {
    let named = |matches: &'_ ArgMatches| -> Option<&'static str> {
        ROLES.into_iter().find(|role| matches.subcommand_name() == Some(role))
    };
    if let Some(role) = named(matches) {
        return Some((Place { role, shown: false }, matches.subcommand()?.1));
    }
    let show = matches.subcommand_matches("config")?.subcommand_matches("show")?;
    let role = named(show)?;
    Some((Place { role, shown: true }, show.subcommand()?.1))
}

/// The keys of every role.
fn keys(command: &Command) -> BTreeMap<&'static str, Vec<String>> {
    let of = |role: &'static str| {
        let command = command.find_subcommand(role).expect("every role is a command");
        let longs = command.get_arguments().filter_map(Arg::get_long);
        (role, longs.filter(|long| !NOT_SETTINGS.contains(long)).map(str::to_owned).collect())
    };
    ROLES.into_iter().map(of).collect()
}

/// clap names arguments by the fields.
fn id_of(key: &str) -> String {
    key.replace('-', "_")
}

/// Values live as long as the command, which is read once or twice in the life of the process.
fn with_default(command: Command, id: &str, value: OsString) -> Command {
    let value: &'static std::ffi::OsStr = Box::leak(value.into_boxed_os_str());
    command.mut_arg(id, |argument| argument.default_value(value))
}

fn settings_file(given: &ArgMatches, role: &ArgMatches) -> Result<Option<SettingsFile>, Failure> {
    let of = |matches: &ArgMatches| matches.get_one::<PathBuf>("config").cloned();
    let show = given.subcommand_matches("config").and_then(|config| config.subcommand_matches("show"));
    match of(role).or_else(|| show.and_then(of)) {
        Some(path) => SettingsFile::read(path).map(Some),
        None => match places::settings().filter(|path| path.exists()) {
            Some(path) => SettingsFile::read(path).map(Some),
            None => Ok(None),
        },
    }
}

type Ready = (PathBuf, ReadyFile, BTreeMap<&'static str, String>);

fn ready_file(
    role: &str,
    given: &ArgMatches,
    entries: &BTreeMap<String, Entry>,
) -> Result<Option<Ready>, Failure> {
    if !READERS.contains(&role) {
        return Ok(None);
    }
    let path = match given.get_one::<PathBuf>("ready_file") {
        Some(path) => path.clone(),
        None => match entries.get("ready-file") {
            Some(entry) => PathBuf::from(&entry.value),
            None => return Ok(None),
        },
    };
    let file = ready::read(&path, "give the file that `metacloud up --ready-file` wrote")?;
    let mut values = BTreeMap::from([
        ("rpc", file.rpc_url.clone()),
        ("hub", file.hub.to_string()),
        ("chain-id", file.chain_id.to_string()),
        ("workerpool", file.workerpool.to_string()),
        ("scheduler", file.scheduler_url.clone()),
        ("market", file.gateway_url.clone()),
        ("ipfs-node", file.ipfs_node_url.clone()),
        ("ipfs-gateway", file.ipfs_gateway_url.clone()),
    ]);
    // What not every cloud has.
    let data_protector = file.data_protector.map(|address| address.to_string());
    let more = [("data-protector", data_protector), ("compass", file.compass_url.clone())];
    values.extend(more.into_iter().filter_map(|(key, value)| Some((key, value?))));
    Ok(Some((path, file, values)))
}

/// What stands below flags and environment for one role.
struct Below<'a> {
    keys: &'a [String],
    entries: &'a BTreeMap<String, Entry>,
    ready: Option<&'a Ready>,
}

impl<'a> Below<'a> {
    fn new(
        role: &str,
        roles: &'a BTreeMap<&'static str, Vec<String>>,
        entries: &'a BTreeMap<String, Entry>,
        ready: Option<&'a Ready>,
    ) -> Self {
        Self { keys: &roles[role], entries, ready }
    }

    fn ready_value(&self, key: &str) -> Option<&str> {
        self.ready.and_then(|(_, _, values)| values.get(key)).map(String::as_str)
    }

    fn inject(&self, mut command: Command) -> Command {
        for key in self.keys {
            let value = self.entries.get(key).map(|entry| entry.value.as_str());
            if let Some(value) = value.or_else(|| self.ready_value(key)) {
                command = with_default(command, &id_of(key), value.into());
            }
        }
        command
    }

    /// A value that clap refuses may be one of the file: then its line is named.
    fn explain(&self, error: clap::Error, given: &ArgMatches, file: Option<&SettingsFile>) -> Refused {
        let argument = match error.get(ContextKind::InvalidArg) {
            Some(ContextValue::String(argument)) => argument.clone(),
            _ => return error.into(),
        };
        let named = |key: &&String| argument.split([' ', '=']).next() == Some(&format!("--{key}"));
        let Some((key, file)) = self.keys.iter().find(named).zip(file) else { return error.into() };
        let refused = matches!(error.kind(), ErrorKind::ValueValidation | ErrorKind::InvalidValue);
        match self.entries.get(key) {
            Some(entry) if refused && given.value_source(&id_of(key)).is_none_or(is_default) => {
                use std::error::Error as _;
                let why =
                    error.source().map_or_else(|| "not a possible value".to_owned(), ToString::to_string);
                let place = file.at(entry.line);
                Failure::environment(format!("{place}: {key} = {:?}: {why}", entry.value)).into()
            }
            _ => error.into(),
        }
    }

    fn setting(&self, key: &str, matches: &ArgMatches, file: Option<&SettingsFile>) -> Setting {
        let id = id_of(key);
        let source = match matches.value_source(&id) {
            Some(ValueSource::CommandLine) => Source::Flag,
            Some(ValueSource::EnvVariable) => Source::Environment(variable(key)),
            _ => match (self.entries.get(key).zip(file), self.ready) {
                (Some((entry, file)), _) => Source::File { path: file.path.clone(), line: entry.line },
                (None, Some((path, ..))) if self.ready_value(key).is_some() => Source::Ready(path.clone()),
                _ => Source::Default,
            },
        };
        let raw = matches.get_raw(&id).into_iter().flatten();
        let texts: Vec<String> = raw.map(|text| text.to_string_lossy().into_owned()).collect();
        let value = (!texts.is_empty()).then(|| texts.join(","));
        let source = if value.is_none() { Source::Unset } else { source };
        Setting { key: key.to_owned(), value, source }
    }
}

fn is_default(source: ValueSource) -> bool {
    source == ValueSource::DefaultValue
}

/// The environment variable of a key.
pub(crate) fn variable(key: &str) -> String {
    format!("METACLOUD_{}", key.replace('-', "_").to_uppercase())
}

#[cfg(test)]
mod tests {
    use clap::ArgAction;

    use super::*;

    #[test]
    fn every_setting_has_the_variable_of_its_name_and_a_switch_is_a_truth() {
        let command = Arguments::command();
        for (role, keys) in keys(&command) {
            let role = command.find_subcommand(role).unwrap();
            for key in keys {
                let argument = role.get_arguments().find(|a| a.get_long() == Some(&key)).unwrap();
                assert_eq!(argument.get_env().and_then(|name| name.to_str()), Some(variable(&key).as_str()));
                assert!(matches!(
                    argument.get_action(),
                    ArgAction::Set | ArgAction::SetTrue | ArgAction::Append
                ));
                assert!(!argument.is_required_set(), "{key}: a file could give it");
            }
        }
    }
}
