//! Secrets of one task, opened.

use metacloud_seal::sealed;
use metacloud_wire::cause::{Cause, Failure};
use metacloud_wire::enclave::{BUNDLE_PURPOSE, Bundle, Statement};

use crate::keys::Keys;

/// Environment variables that only the enclave itself sets.
const SECRET_NAMES: [&str; 2] = ["IEXEC_APP_DEVELOPER_SECRET", "IEXEC_REQUESTER_SECRET"];

/// Opens what was sealed to this enclave for this statement; without anything sealed there are no secrets.
pub(crate) fn open(keys: &Keys, statement: &Statement, sealed: Option<&[u8]>) -> Result<Bundle, Failure> {
    let Some(sealed) = sealed else { return Ok(Bundle::default()) };
    let failed = |why: &str| {
        let cause = Cause::TEE_SESSION_GENERATION_SECURE_SESSION_GENERATION_FAILED;
        Failure::new(cause, format!("the secrets for this enclave {why}"))
    };
    let opened = sealed::open(&keys.seal, BUNDLE_PURPOSE, statement.digest().as_slice(), sealed)
        .map_err(|_| failed("are sealed to another one, or changed"))?;
    // What is wrong with them is not told: the text around an error would hold a secret.
    serde_json::from_slice(&opened).map_err(|_| failed("cannot be read"))
}

/// The environment of the application: what the worker gave, less what it must not give, and the secrets
/// (middleware B.3).
pub(crate) fn environment(given: Vec<(String, String)>, bundle: &Bundle) -> Vec<(String, String)> {
    let mut environment: Vec<_> = given
        .into_iter()
        .filter(|(name, _)| !SECRET_NAMES.iter().any(|secret| name.starts_with(secret)))
        .collect();
    if let Some(secret) = &bundle.app_secret {
        for name in ["IEXEC_APP_DEVELOPER_SECRET", "IEXEC_APP_DEVELOPER_SECRET_1"] {
            environment.push((name.to_owned(), secret.clone()));
        }
    }
    let mut secrets: Vec<(u64, &String)> = bundle
        .requester_secrets
        .iter()
        .filter_map(|(index, value)| Some((index.parse().ok()?, value)))
        .collect();
    secrets.sort_unstable_by_key(|(index, _)| *index);
    let named = |(index, value): (u64, &String)| (format!("IEXEC_REQUESTER_SECRET_{index}"), value.clone());
    environment.extend(secrets.into_iter().map(named));
    environment
}

#[cfg(test)]
mod tests {
    use alloy_primitives::{Address, B256};
    use metacloud_protocol::TaskId;
    use metacloud_seal::sealed::seal;

    use super::*;
    use crate::keys::entropy;

    fn statement(keys: &Keys) -> Statement {
        Statement {
            chain_id: 1,
            hub: Address::repeat_byte(1),
            task_id: TaskId(B256::repeat_byte(2)),
            worker: Address::repeat_byte(3),
            enclave: keys.address(),
            seal_key: B256::from(keys.seal.public()),
            expires: 9,
        }
    }

    fn bundle() -> Bundle {
        Bundle {
            app_secret: Some("of the app".to_owned()),
            requester_secrets: [("10", "ten"), ("2", "two"), ("x", "none")]
                .map(|(index, value)| (index.to_owned(), value.to_owned()))
                .into(),
            dataset_keys: vec![],
            result_encryption_key: None,
        }
    }

    #[test]
    fn bundle_opens_for_its_enclave_and_its_statement_alone() {
        let (keys, other) = (Keys::new(), Keys::new());
        let said = statement(&keys);
        let message = serde_json::to_vec(&bundle()).unwrap();
        let sealed_for = |purpose: &[u8], binding: B256| {
            seal(&keys.seal.public(), purpose, binding.as_slice(), &message, *entropy()).unwrap()
        };
        let sealed = sealed_for(BUNDLE_PURPOSE, said.digest());
        assert_eq!(open(&keys, &said, Some(&sealed)).unwrap(), bundle());
        let later = Statement { expires: 10, ..said };
        let mut changed = sealed.clone();
        *changed.last_mut().unwrap() ^= 1;
        for (keys, said, sealed) in [
            (&other, &said, &sealed),
            (&keys, &later, &sealed),
            (&keys, &said, &changed),
            (&keys, &said, &sealed_for(b"something else", said.digest())),
            (&keys, &said, &Vec::new()),
        ] {
            let refused = open(keys, said, Some(sealed)).unwrap_err();
            assert!(refused.cause.as_str().starts_with("TEE_SESSION_GENERATION"), "{refused}");
        }
        assert_eq!(open(&keys, &said, None).unwrap(), Bundle::default());
    }

    #[test]
    fn unreadable_bundle_shows_nothing_of_itself() {
        let keys = Keys::new();
        let said = statement(&keys);
        let message = br#"{"appSecret": "hush", "datasetKeys": 5}"#;
        let binding = said.digest();
        let sealed =
            seal(&keys.seal.public(), BUNDLE_PURPOSE, binding.as_slice(), message, *entropy()).unwrap();
        let refused = open(&keys, &said, Some(&sealed)).unwrap_err();
        assert!(!refused.to_string().contains("hush"), "{refused}");
    }

    #[test]
    fn secrets_have_the_published_names_and_come_from_the_bundle_alone() {
        let given = [("IEXEC_IN", "/iexec_in"), ("IEXEC_REQUESTER_SECRET_7", "a forged one")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()));
        let named: Vec<_> = environment(given.into(), &bundle());
        let expected = [
            ("IEXEC_IN", "/iexec_in"),
            ("IEXEC_APP_DEVELOPER_SECRET", "of the app"),
            ("IEXEC_APP_DEVELOPER_SECRET_1", "of the app"),
            ("IEXEC_REQUESTER_SECRET_2", "two"),
            ("IEXEC_REQUESTER_SECRET_10", "ten"),
        ];
        assert_eq!(named, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
    }
}
