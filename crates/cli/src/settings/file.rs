//! The settings file: TOML, one table per role, and above them what several roles share.
//!
//! ```toml
//! rpc = "https://node.example"        # for every role that knows the key
//! hub = "0x…"
//!
//! [worker]
//! slots = 4
//! key = "worker.key"                  # a path, relative to this file
//! ```

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::PATHS;
use crate::args::ROLES;
use crate::failure::Failure;

/// Bytes of a settings file that are read.
const FILE_BYTES_MAX: u64 = 64 << 10;
/// Keys that describe the network rather than one process, and may stand above the tables.
const SHARED: [&str; 8] =
    ["chain-id", "confirmations", "hub", "ipfs-gateway", "ipfs-node", "ready-file", "rpc", "workerpool"];

/// A settings file, read.
#[derive(Debug)]
pub(crate) struct SettingsFile {
    pub(crate) path: PathBuf,
    text: String,
}

/// A value of the file, as the text that a flag would have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) value: String,
    /// Counted from 1.
    pub(crate) line: usize,
}

impl SettingsFile {
    pub(crate) fn read(path: PathBuf) -> Result<Self, Failure> {
        let read = || {
            let mut text = String::new();
            std::fs::File::open(&path)?.take(FILE_BYTES_MAX + 1).read_to_string(&mut text)?;
            Ok::<_, std::io::Error>(text)
        };
        let text = read().map_err(|error| {
            Failure::environment(format!(
                "the settings file {} cannot be read: {error}; give another with --config FILE",
                path.display()
            ))
        })?;
        if text.len() as u64 > FILE_BYTES_MAX {
            return Err(Failure::environment(format!(
                "the settings file {} has more than {FILE_BYTES_MAX} bytes; give another with --config FILE",
                path.display()
            )));
        }
        Ok(Self { path, text })
    }

    /// A line of the file, for messages.
    pub(crate) fn at(&self, line: usize) -> String {
        format!("{} line {line}", self.path.display())
    }

    /// What the file says for a role. The whole file is checked against the keys of all roles, whichever is asked for.
    pub(crate) fn entries(
        &self,
        role: &str,
        roles: &BTreeMap<&'static str, Vec<String>>,
    ) -> Result<BTreeMap<String, Entry>, Failure> {
        let table = DeTable::parse(&self.text).map_err(|error| {
            let line = error.span().map_or(1, |span| self.line(span.start));
            self.refuse(line, format!("{}; write it as TOML", error.message()))
        })?;
        let (mut shared, mut own) = (BTreeMap::new(), BTreeMap::new());
        for (key, value) in table.get_ref() {
            let (name, line) = (key.get_ref().as_ref(), self.line(key.span().start));
            match value.get_ref() {
                DeValue::Table(section) => {
                    let known = roles.get(name).ok_or_else(|| self.no_role(line, name))?;
                    for (key, value) in section {
                        let entry = self.entry(name, known, key, value)?;
                        if name == role {
                            own.insert(key.get_ref().to_string(), entry);
                        }
                    }
                }
                _ => {
                    self.check_shared(line, name, roles)?;
                    shared.insert(name.to_owned(), self.value(key, value)?);
                }
            }
        }
        shared.retain(|key, _| roles[role].contains(key));
        shared.extend(own);
        Ok(shared)
    }

    fn entry(
        &self,
        role: &str,
        known: &[String],
        key: &Spanned<std::borrow::Cow<'_, str>>,
        value: &Spanned<DeValue<'_>>,
    ) -> Result<Entry, Failure> {
        let (name, line) = (key.get_ref().as_ref(), self.line(key.span().start));
        if !known.iter().any(|known| known == name) {
            let known = known.join(", ");
            return Err(self.refuse(line, format!("[{role}] has no setting {name:?}; it has: {known}")));
        }
        self.value(key, value)
    }

    fn check_shared(
        &self,
        line: usize,
        key: &str,
        roles: &BTreeMap<&'static str, Vec<String>>,
    ) -> Result<(), Failure> {
        if SHARED.contains(&key) {
            return Ok(());
        }
        let owners: Vec<String> = roles
            .iter()
            .filter(|(_, keys)| keys.iter().any(|known| known == key))
            .map(|(role, _)| format!("[{role}]"))
            .collect();
        if owners.is_empty() {
            return Err(self.refuse(
                line,
                format!("no role has a setting {key:?}; `metacloud config show` lists what there is"),
            ));
        }
        Err(self.refuse(line, format!("{key:?} belongs into the table of its role: {}", owners.join(", "))))
    }

    fn value(
        &self,
        key: &Spanned<std::borrow::Cow<'_, str>>,
        value: &Spanned<DeValue<'_>>,
    ) -> Result<Entry, Failure> {
        let (name, line) = (key.get_ref().as_ref(), self.line(value.span().start));
        let wrong = || {
            self.refuse(
                line,
                format!("{name} must be a text, a whole number, true or false, or a list of texts"),
            )
        };
        let text = match value.get_ref() {
            DeValue::String(text) => text.to_string(),
            DeValue::Integer(number) if number.radix() == 10 => number.as_str().to_owned(),
            DeValue::Boolean(truth) => truth.to_string(),
            DeValue::Array(list) => {
                let texts = list.iter().map(|item| item.get_ref().as_str().ok_or_else(wrong));
                texts.collect::<Result<Vec<_>, _>>()?.join(",")
            }
            DeValue::Integer(_) | DeValue::Float(_) | DeValue::Datetime(_) | DeValue::Table(_) => {
                return Err(wrong());
            }
        };
        if !PATHS.contains(&name) {
            return Ok(Entry { value: text, line });
        }
        let folder = self.path.parent().unwrap_or(Path::new(""));
        Ok(Entry { value: folder.join(text).display().to_string(), line })
    }

    fn no_role(&self, line: usize, name: &str) -> Failure {
        let roles = ROLES.map(|role| format!("[{role}]")).join(", ");
        self.refuse(line, format!("there is no role [{name}]; there are: {roles}"))
    }

    fn line(&self, offset: usize) -> usize {
        let before = self.text.get(..offset).unwrap_or(&self.text);
        1 + before.bytes().filter(|byte| *byte == b'\n').count()
    }

    fn refuse(&self, line: usize, why: impl std::fmt::Display) -> Failure {
        Failure::environment(format!("{}: {why}", self.at(line)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn roles() -> BTreeMap<&'static str, Vec<String>> {
        let keys = |keys: &[&str]| keys.iter().map(|&key| key.to_owned()).collect();
        BTreeMap::from([
            ("chain", keys(&["chain-id", "listen"])),
            ("scheduler", keys(&["allow", "rpc", "key"])),
            ("worker", keys(&["ephemeral", "key", "rpc", "slots"])),
        ])
    }

    fn entries(text: &str, role: &str) -> Result<BTreeMap<String, Entry>, String> {
        let file = SettingsFile { path: PathBuf::from("/etc/mc/config.toml"), text: text.to_owned() };
        file.entries(role, &roles()).map_err(|failure| format!("{failure:?}"))
    }

    #[test]
    fn a_table_stands_over_what_is_shared_and_paths_are_relative_to_the_file() {
        let text = "rpc = \"http://shared\"\nchain-id = 5\n[worker]\nslots = 4\nkey = \"w.key\"\nephemeral = true\n\
                    [scheduler]\nrpc = \"http://own\"\nkey = \"/abs.key\"\nallow = [\"a\", \"b\"]\n";
        let entry = |value: &str, line| Entry { value: value.to_owned(), line };
        let worker = entries(text, "worker").unwrap();
        assert_eq!(worker["rpc"], entry("http://shared", 1));
        assert_eq!(worker["slots"], entry("4", 4));
        assert_eq!(worker["key"], entry("/etc/mc/w.key", 5));
        assert_eq!(worker["ephemeral"], entry("true", 6));
        assert_eq!(worker.len(), 4, "the chain id is not for a worker");
        let scheduler = entries(text, "scheduler").unwrap();
        assert_eq!(scheduler["rpc"], entry("http://own", 8));
        assert_eq!(scheduler["key"], entry("/abs.key", 9));
        assert_eq!(scheduler["allow"], entry("a,b", 10));
    }

    #[test]
    fn what_is_wrong_is_named_with_its_line_and_the_next_step() {
        for (text, words) in [
            ("[worker]\nslot = 1\n", &["line 2", "slot", "slots"][..]),
            ("\n\n[wroker]\nslots = 1\n", &["line 3", "wroker", "[worker]"]),
            ("slots = 1\n", &["line 1", "slots", "[worker]"]),
            ("colour = \"red\"\n", &["line 1", "colour", "config show"]),
            ("[worker]\nslots = 1.5\n", &["line 2", "slots", "whole number"]),
            ("[worker]\nslots = 0x10\n", &["line 2", "slots"]),
            ("[worker]\nslots = 1979-05-27\n", &["line 2", "slots"]),
            ("[worker]\nkey = [1]\n", &["line 2", "key"]),
            ("[worker]\nslots = 1\nslots = 2\n", &["line 3"]),
            ("[worker\nslots = 1\n", &["line 1"]),
            ("rpc = \"unended\n", &["line 1"]),
            ("[chain]\nlisten = { port = 1 }\n", &["line 2", "listen"]),
        ] {
            // A typo in another role's table is a typo as well.
            for role in ["worker", "scheduler"] {
                let error = entries(text, role).unwrap_err();
                for word in words {
                    assert!(error.contains(word), "{word:?} is missing in {error}");
                }
            }
        }
    }

    #[test]
    fn a_file_that_cannot_be_read_or_is_too_long_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let missing = SettingsFile::read(folder.path().join("none.toml")).unwrap_err();
        assert!(format!("{missing:?}").contains("none.toml"));
        let long = folder.path().join("long.toml");
        std::fs::write(&long, "#".repeat(65_537)).unwrap();
        assert!(format!("{:?}", SettingsFile::read(long).unwrap_err()).contains("65536"));
    }
}
