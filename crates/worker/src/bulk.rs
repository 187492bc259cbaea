//! Tasks of a bulk: many datasets in one task, named by a list of lists (middleware C.3).

use std::path::Path;

use metacloud_blobs::Location;
use metacloud_enclave::talk;
use metacloud_wire::cause::{Cause, Failure};
use metacloud_wire::enclave::SLICE_ORDERS_MAX;
use metacloud_wire::orders::DatasetOrderBody;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::fetch::Fetched;
use crate::prepare::{Fetcher, Trouble};

/// Longest list of slices, and longest slice, in bytes.
const LIST_BYTES_MAX: u64 = 16 << 20;

/// What one task processes.
pub(crate) struct Slice {
    pub(crate) orders: Vec<DatasetOrderBody>,
    pub(crate) datasets: Vec<talk::Dataset>,
    pub(crate) files: Vec<Fetched>,
}

/// The slice of the task with this index. A dataset that cannot be had is left out: the others are worth the run.
pub(crate) async fn slice(fetcher: &Fetcher<'_>, cid: &str, index: u64) -> Result<Slice, Trouble> {
    let slices: Vec<String> = list(fetcher, cid, "bulk").await?;
    let of_task = usize::try_from(index).ok().and_then(|index| slices.get(index));
    let Some(cid) = of_task else {
        return Err(invalid(format!("the bulk has {} slices, none for task {index}", slices.len())));
    };
    let values: Vec<Value> = list(fetcher, cid, "slice").await?;
    if values.len() > SLICE_ORDERS_MAX {
        let count = values.len();
        return Err(invalid(format!("the slice has {count} datasets, at most {SLICE_ORDERS_MAX} are taken")));
    }
    let mut slice = Slice { orders: vec![], datasets: vec![], files: vec![] };
    for (position, value) in values.into_iter().enumerate() {
        let (name, order) = order(value)?;
        let address = order.dataset.0;
        let found = match fetcher.dataset_at(address, &format!("dataset-{position}")).await {
            Ok(found) => found,
            Err(Trouble::Unavailable(failure)) => {
                tracing::warn!(dataset = %address, %failure, "a dataset of a bulk is left out");
                None
            }
            Err(halt) => return Err(halt),
        };
        let (path, checksum) = match found {
            Some((file, checksum)) => {
                let path = file.path().to_owned();
                slice.files.push(file);
                (Some(path), checksum)
            }
            None => (None, alloy_primitives::B256::ZERO),
        };
        slice.datasets.push(talk::Dataset { address, name, checksum, path });
        slice.orders.push(order);
    }
    Ok(slice)
}

/// An order, and its dataset as it spells it: the application finds the file under that name.
fn order(value: Value) -> Result<(String, DatasetOrderBody), Trouble> {
    let name = value.get("dataset").and_then(Value::as_str).unwrap_or_default().to_owned();
    serde_json::from_value(value)
        .map(|order| (name, order))
        .map_err(|error| invalid(format!("a dataset order of the bulk cannot be read: {error}")))
}

async fn list<T: DeserializeOwned>(fetcher: &Fetcher<'_>, cid: &str, name: &str) -> Result<Vec<T>, Trouble> {
    let location = Location::from_chain(format!("/ipfs/{cid}").as_bytes())
        .map_err(|error| invalid(format!("bulk_cid leads to {cid:?}: {error}")))?;
    let cause = Cause::INPUT_FILES_DOWNLOAD_FAILED;
    let file = fetcher.get(&location, name, LIST_BYTES_MAX, cause).await?;
    read(file.path()).map_err(|error| invalid(format!("{cid} of the bulk cannot be read: {error}")))
}

fn read<T: DeserializeOwned>(path: &Path) -> std::io::Result<Vec<T>> {
    Ok(serde_json::from_slice(&std::fs::read(path)?)?)
}

fn invalid(message: String) -> Trouble {
    Trouble::Unavailable(Failure::new(Cause::TASK_DESCRIPTION_INVALID, message))
}
