//! Deal parameters: the JSON text in a request order's `params` (middleware C).

mod args;

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

pub use args::{NoForm, UnbalancedQuotes, join_args, split_args};

/// What a request asks of the worker, off chain.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct DealParams {
    /// Command line of the application, to be split by [`split_args`].
    #[serde(rename = "iexec_args", skip_serializing_if = "Option::is_none")]
    pub args: Option<String>,
    /// URLs fetched before the run.
    #[serde(rename = "iexec_input_files", skip_serializing_if = "Vec::is_empty")]
    pub input_files: Vec<String>,
    /// Requester secrets by index; attested tasks only.
    #[serde(rename = "iexec_secrets", skip_serializing_if = "BTreeMap::is_empty")]
    pub secrets: BTreeMap<u64, String>,
    /// Whether the result is encrypted for the beneficiary.
    #[serde(rename = "iexec_result_encryption", skip_serializing_if = "std::ops::Not::not")]
    pub result_encryption: bool,
    /// Where the result goes: `ipfs` or `dropbox`.
    #[serde(rename = "iexec_result_storage_provider", skip_serializing_if = "Option::is_none")]
    pub storage_provider: Option<String>,
    /// Result proxy instead of the pool's.
    #[serde(rename = "iexec_result_storage_proxy", skip_serializing_if = "Option::is_none")]
    pub storage_proxy: Option<String>,
    /// CID of the list of dataset slices.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bulk_cid: Option<String>,
}

/// Parameters as read from the chain, with what was not understood.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReadParams {
    /// What was understood.
    pub params: DealParams,
    /// Keys that are unknown or whose value has the wrong type; they belong in the task record.
    pub ignored: Vec<String>,
}

/// Why parameters must not be signed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidParams {
    /// Keys of secrets are positive.
    #[error("iexec_secrets has the key 0; keys are positive integers")]
    SecretKey,
    /// Names of secrets are not empty.
    #[error("iexec_secrets[{0}] is empty")]
    SecretName(u64),
    /// Neither `ipfs` nor `dropbox`.
    #[error("iexec_result_storage_provider is {0:?}; it is \"ipfs\" or \"dropbox\"")]
    StorageProvider(String),
    /// An input file without name.
    #[error("iexec_input_files[{0}] is empty")]
    InputFile(usize),
    /// Not the letters and digits of a CID.
    #[error("bulk_cid {0:?} is not a CID")]
    BulkCid(String),
}

impl DealParams {
    /// Reads the `params` of a deal. Never fails: a JSON object is read key by key, anything else is the whole
    /// command line.
    pub fn read(text: &str) -> ReadParams {
        let Ok(Value::Object(object)) = serde_json::from_str(text) else {
            let args = (!text.is_empty()).then(|| text.to_owned());
            return ReadParams { params: Self { args, ..Self::default() }, ignored: vec![] };
        };
        let mut read = ReadParams::default();
        for (key, value) in object {
            if !read.params.set(&key, value, &mut read.ignored) {
                read.ignored.push(key);
            }
        }
        read
    }

    /// The JSON text to sign: the keys of the standard in its order, those with default values left out.
    ///
    /// # Errors
    /// The first value that readers would not accept.
    pub fn to_json(&self) -> Result<String, InvalidParams> {
        self.check()?;
        Ok(serde_json::to_string(self).expect("strings and numbers are always JSON"))
    }

    fn check(&self) -> Result<(), InvalidParams> {
        if let Some(index) = self.input_files.iter().position(String::is_empty) {
            return Err(InvalidParams::InputFile(index));
        }
        if self.secrets.contains_key(&0) {
            return Err(InvalidParams::SecretKey);
        }
        if let Some((&index, _)) = self.secrets.iter().find(|(_, name)| name.is_empty()) {
            return Err(InvalidParams::SecretName(index));
        }
        if let Some(provider) = &self.storage_provider
            && !matches!(provider.as_str(), "ipfs" | "dropbox")
        {
            return Err(InvalidParams::StorageProvider(provider.clone()));
        }
        if let Some(cid) = &self.bulk_cid
            && (cid.is_empty() || !cid.bytes().all(|byte| byte.is_ascii_alphanumeric()))
        {
            return Err(InvalidParams::BulkCid(cid.clone()));
        }
        Ok(())
    }

    /// Takes one key; `false` if it is unknown or its value has the wrong type. Bad entries of `iexec_secrets` are
    /// skipped one by one.
    fn set(&mut self, key: &str, value: Value, ignored: &mut Vec<String>) -> bool {
        if value.is_null() {
            return true;
        }
        match (key, value) {
            ("iexec_args", Value::String(text)) => self.args = Some(text),
            ("iexec_input_files", Value::Array(urls)) => {
                let Some(urls) = urls.iter().map(|url| url.as_str().map(Into::into)).collect() else {
                    return false;
                };
                self.input_files = urls;
            }
            ("iexec_secrets", Value::Object(secrets)) => {
                for (index, name) in secrets {
                    match (index.parse(), name) {
                        (Ok(index @ 1..), Value::String(name)) if !name.is_empty() => {
                            self.secrets.insert(index, name);
                        }
                        _ => ignored.push(format!("iexec_secrets.{index}")),
                    }
                }
            }
            ("iexec_result_encryption", Value::Bool(encrypt)) => self.result_encryption = encrypt,
            ("iexec_result_storage_provider", Value::String(provider)) => {
                self.storage_provider = Some(provider);
            }
            ("iexec_result_storage_proxy", Value::String(url)) => self.storage_proxy = Some(url),
            ("bulk_cid", Value::String(cid)) => {
                self.bulk_cid = (!cid.is_empty()).then_some(cid);
            }
            _ => return false,
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_args(args: &str) -> DealParams {
        DealParams { args: Some(args.into()), ..DealParams::default() }
    }

    #[test]
    fn whatever_is_no_object_is_the_command_line() {
        for text in ["--size 5", "{", "[1]", "\"x\"", "5", "null", "{\"a\":1} x"] {
            let read = DealParams::read(text);
            assert_eq!(read.params, with_args(text));
            assert_eq!(read.ignored, [""; 0]);
        }
        assert_eq!(DealParams::read(""), ReadParams::default());
    }

    #[test]
    fn objects_stay_objects_whatever_is_in_them() {
        let read = DealParams::read(
            r#"{"iexec_args":"hello","iexec_developer_logger":true,"iexec_input_files":"x",
                "iexec_secrets":{"1":"a","0":"b","x":"c","2":"","3":4},"bulk_cid":"","iexec_result_storage_proxy":null}"#,
        );
        let expected = DealParams { secrets: BTreeMap::from([(1, "a".into())]), ..with_args("hello") };
        assert_eq!(read.params, expected);
        let mut ignored = read.ignored;
        ignored.sort();
        assert_eq!(
            ignored,
            [
                "iexec_developer_logger",
                "iexec_input_files",
                "iexec_secrets.0",
                "iexec_secrets.2",
                "iexec_secrets.3",
                "iexec_secrets.x",
            ]
        );
    }

    #[test]
    fn deep_nesting_is_text_and_not_a_crash() {
        let deep = "[".repeat(100_000);
        assert_eq!(DealParams::read(&deep).params, with_args(&deep));
    }

    #[test]
    fn what_is_written_reads_back() {
        let full = DealParams {
            args: Some("--tile 1,2 \"a b\"".into()),
            input_files: vec!["https://example.org/a".into()],
            secrets: BTreeMap::from([(1, "one".into()), (12, "twelve".into())]),
            result_encryption: true,
            storage_provider: Some("ipfs".into()),
            storage_proxy: Some("https://proxy.example".into()),
            bulk_cid: Some("QmTest".into()),
        };
        let text = full.to_json().unwrap();
        let read = DealParams::read(&text);
        assert_eq!((read.params, read.ignored), (full, vec![]));
        assert_eq!(with_args("hello").to_json().unwrap(), r#"{"iexec_args":"hello"}"#);
        assert_eq!(DealParams::default().to_json().unwrap(), "{}");
    }

    #[test]
    fn writer_refuses_what_readers_would_skip() {
        let mut params = DealParams { secrets: BTreeMap::from([(0, "a".into())]), ..DealParams::default() };
        assert_eq!(params.to_json(), Err(InvalidParams::SecretKey));
        params.secrets = BTreeMap::from([(2, String::new())]);
        assert_eq!(params.to_json(), Err(InvalidParams::SecretName(2)));
        params.secrets.clear();
        params.storage_provider = Some("ftp".into());
        assert_eq!(params.to_json(), Err(InvalidParams::StorageProvider("ftp".into())));
        params.storage_provider = None;
        params.bulk_cid = Some("../x".into());
        assert_eq!(params.to_json(), Err(InvalidParams::BulkCid("../x".into())));
        params.bulk_cid = None;
        params.input_files = vec!["a".into(), String::new()];
        assert_eq!(params.to_json(), Err(InvalidParams::InputFile(1)));
    }
}
