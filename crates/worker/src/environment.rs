//! What the application sees besides its files (middleware A.3, B.3).

use alloy_primitives::{Address, B256, hex};
use metacloud_protocol::{Deal, DealId, TaskId};
use sha2::{Digest as _, Sha256};

/// Where the application finds its inputs.
const IN: &str = "/iexec_in";
/// Where it leaves its results.
const OUT: &str = "/iexec_out";

/// Local name of an input file: the hash of its URL (A.3).
pub(crate) fn input_name(url: &str) -> String {
    B256::from_slice(&Sha256::digest(url.as_bytes())).to_string()
}

/// Local name of a dataset: its address in lower case.
pub(crate) fn dataset_name(dataset: Address) -> String {
    format!("0x{}", hex::encode(dataset))
}

/// The environment of one task without its secrets, in the order of B.3. `slice`: the datasets of a task of a bulk.
pub(crate) fn environment(
    deal_id: DealId,
    deal: &Deal,
    task: TaskId,
    index: u64,
    inputs: &[String],
    slice: Option<&[String]>,
) -> Vec<(String, String)> {
    let dataset = dataset_name(deal.dataset.pointer);
    let mut environment: Vec<(String, String)> = [
        ("IEXEC_DEAL_ID", deal_id.to_string()),
        ("IEXEC_TASK_INDEX", index.to_string()),
        ("IEXEC_TASK_ID", task.to_string()),
        ("IEXEC_IN", IN.to_owned()),
        ("IEXEC_OUT", OUT.to_owned()),
        ("IEXEC_BOT_SIZE", deal.bot_size.to_string()),
        ("IEXEC_BOT_FIRST_INDEX", deal.bot_first.to_string()),
        ("IEXEC_BOT_TASK_INDEX", index.to_string()),
        ("IEXEC_DATASET_ADDRESS", dataset.clone()),
        ("IEXEC_DATASET_FILENAME", dataset),
        ("IEXEC_INPUT_FILES_NUMBER", inputs.len().to_string()),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into();
    if !inputs.is_empty() {
        environment.push(("IEXEC_INPUT_FILES_FOLDER".to_owned(), IN.to_owned()));
    }
    for (position, name) in (1..).zip(inputs) {
        environment.push((format!("IEXEC_INPUT_FILE_NAME_{position}"), name.clone()));
    }
    if let Some(datasets) = slice {
        environment.push(("IEXEC_BULK_SLICE_SIZE".to_owned(), datasets.len().to_string()));
        for (position, name) in (1..).zip(datasets) {
            environment.push((format!("IEXEC_DATASET_{position}_FILENAME"), name.clone()));
        }
    }
    environment
}

#[cfg(test)]
mod tests {
    use alloy_primitives::U256;

    use super::*;

    #[test]
    fn input_file_has_the_published_name() {
        assert_eq!(
            input_name("https://example.org/data.csv"),
            "0xa3f804ffa64d89cf969c87bed67f2c55d3bccf6ce70ab4061b6fcb1390cb2987"
        );
    }

    fn names(inputs: &[String]) -> Vec<(String, String)> {
        let deal = Deal { bot_first: U256::from(2), bot_size: U256::from(9), ..Deal::default() };
        let (deal_id, task) = (DealId(B256::repeat_byte(0x11)), TaskId(B256::repeat_byte(0xab)));
        environment(deal_id, &deal, task, 3, inputs, None)
    }

    #[test]
    fn task_without_inputs_has_the_fixed_names_alone() {
        let environment = names(&[]);
        let value =
            |name: &str| environment.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
        assert_eq!(environment.len(), 11);
        assert_eq!(value("IEXEC_TASK_INDEX"), Some("3"));
        assert_eq!(value("IEXEC_BOT_FIRST_INDEX"), Some("2"));
        assert_eq!(value("IEXEC_BOT_SIZE"), Some("9"));
        assert_eq!(value("IEXEC_TASK_ID"), Some(format!("0x{}", "ab".repeat(32)).as_str()));
        assert_eq!(value("IEXEC_DATASET_ADDRESS"), Some("0x0000000000000000000000000000000000000000"));
        assert_eq!(value("IEXEC_INPUT_FILES_NUMBER"), Some("0"));
        assert_eq!(value("IEXEC_INPUT_FILES_FOLDER"), None);
    }

    #[test]
    fn inputs_are_named_from_one_on() {
        let environment = names(&["0xaa".into(), "0xbb".into()]);
        let last: Vec<_> = environment[10..].iter().map(|(name, value)| format!("{name}={value}")).collect();
        assert_eq!(
            last,
            [
                "IEXEC_INPUT_FILES_NUMBER=2",
                "IEXEC_INPUT_FILES_FOLDER=/iexec_in",
                "IEXEC_INPUT_FILE_NAME_1=0xaa",
                "IEXEC_INPUT_FILE_NAME_2=0xbb",
            ]
        );
    }
}
