//! From a deal to a job for the sandbox: application, inputs, dataset, arguments, environment.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use alloy_primitives::{Address, B256};
use metacloud_blobs::Location;
use metacloud_enclave::talk;
use metacloud_protocol::params::{DealParams, split_args};
use metacloud_sandbox::limits::{INPUT_FILES_MAX, MODULE_BYTES_MAX};
use metacloud_sandbox::{InputFile, Job, Limits};
use metacloud_wire::cause::{Cause, Failure};
use metacloud_wire::orders::DatasetOrderBody;
use metacloud_wire::pool::Assign;

use crate::bulk::{self, Slice};
use crate::checks::Terms;
use crate::context::Context;
use crate::environment::{dataset_name, environment, input_name};
use crate::fetch::{self, Fetched, Missing, Storage};
use crate::halt::Halt;

/// A job, and what it uses of the cache: files stay until this is dropped.
pub(crate) struct Prepared {
    pub(crate) job: Job,
    _files: Vec<Fetched>,
}

/// A job for an enclave, and what it uses of the cache.
pub(crate) struct PreparedForEnclave {
    pub(crate) application: PathBuf,
    pub(crate) limits: Limits,
    pub(crate) args: Vec<String>,
    pub(crate) env: Vec<(String, String)>,
    pub(crate) inputs: Vec<talk::Input>,
    pub(crate) datasets: Vec<talk::Dataset>,
    /// Orders of the datasets of a task of a bulk.
    pub(crate) slice: Option<Vec<DatasetOrderBody>>,
    /// What the deal needs secrets for, if it does.
    pub(crate) needs: Option<&'static str>,
    _files: Vec<Fetched>,
}

/// What preparing ends with.
pub(crate) enum Preparation {
    /// Run it.
    Ready(Box<Prepared>),
    /// Application, dataset or input cannot be had by anybody: an error result is due (middleware B.8).
    Unavailable(Failure),
}

/// Directory of the task in which the application's output is collected.
pub(crate) fn out_dir(task_dir: &Path) -> PathBuf {
    task_dir.join("out")
}

/// Empties both directories of what a run that was killed left, and makes the one for inputs.
fn fresh(out: &Path, inputs: &Path) -> io::Result<()> {
    for dir in [out, inputs] {
        match std::fs::remove_dir_all(dir) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            Ok(()) | Err(_) => {}
        }
    }
    std::fs::create_dir_all(inputs)
}

/// Fetches everything that the task needs and builds its job.
pub(crate) async fn prepare(ctx: &Context, assign: &Assign, terms: &Terms) -> Result<Preparation, Halt> {
    let read = DealParams::read(&terms.deal.params);
    if !read.ignored.is_empty() {
        tracing::warn!(task = %assign.task, keys = ?read.ignored, "deal parameters that are not understood");
    }
    let params = read.params;
    without_enclave(&params)?;
    let args = arguments(&params, !terms.deal.callback.is_zero())?;
    let storage = ctx.storage().await?;
    let _permit = ctx.transfers.acquire().await.expect("never closed");
    let dir = ctx.task_dir(assign.task);
    let fetcher = Fetcher { ctx, storage: &storage, dir: dir.join("in") };
    fresh(&out_dir(&dir), &fetcher.dir).map_err(|error| Halt::disk("make a task directory", error))?;
    match fetcher.fetch_all(terms, &params).await {
        Ok(found) => Ok(Preparation::Ready(Box::new(found.into_job(ctx, assign, terms, &params, args)))),
        Err(Trouble::Halt(halt)) => Err(halt),
        Err(Trouble::Unavailable(failure)) => Ok(Preparation::Unavailable(failure)),
    }
}

/// Fetches everything that a task in an enclave needs. What cannot be had ends the task.
pub(crate) async fn prepare_for_enclave(
    ctx: &Context,
    assign: &Assign,
    terms: &Terms,
) -> Result<PreparedForEnclave, Halt> {
    let read = DealParams::read(&terms.deal.params);
    if !read.ignored.is_empty() {
        tracing::warn!(task = %assign.task, keys = ?read.ignored, "deal parameters that are not understood");
    }
    let params = read.params;
    let args = arguments(&params, !terms.deal.callback.is_zero())?;
    let storage = ctx.storage().await?;
    let _permit = ctx.transfers.acquire().await.expect("never closed");
    let dir = ctx.task_dir(assign.task);
    let fetcher = Fetcher { ctx, storage: &storage, dir: dir.join("in") };
    fresh(&out_dir(&dir), &fetcher.dir).map_err(|error| Halt::disk("make a task directory", error))?;
    let found = async {
        let found = fetcher.fetch_all(terms, &params).await?;
        let slice = match &params.bulk_cid {
            Some(cid) => Some(bulk::slice(&fetcher, cid, assign.index).await?),
            None => None,
        };
        Ok((found, slice))
    };
    match found.await {
        Ok((found, slice)) => Ok(found.into_enclave(ctx, assign, terms, &params, args, slice)),
        Err(Trouble::Halt(halt)) => Err(halt),
        Err(Trouble::Unavailable(failure)) => Err(Halt::Failed(vec![failure])),
    }
}

/// Whether the parameters ask for something that a task without enclave cannot have (C.1).
fn without_enclave(params: &DealParams) -> Result<(), Halt> {
    let invalid = |message: &str| Err(Halt::failed(Cause::TASK_DESCRIPTION_INVALID, message));
    if params.result_encryption {
        return invalid("iexec_result_encryption needs an enclave, this deal has none");
    }
    if params.bulk_cid.is_some() {
        return invalid("bulk_cid needs an enclave, this deal has none");
    }
    Ok(())
}

/// The arguments of the application.
fn arguments(params: &DealParams, callback: bool) -> Result<Vec<String>, Halt> {
    let invalid = |message: &str| Err(Halt::failed(Cause::TASK_DESCRIPTION_INVALID, message));
    if params.input_files.len() >= INPUT_FILES_MAX {
        return invalid("iexec_input_files has too many entries");
    }
    match params.storage_provider.as_deref() {
        None | Some("ipfs") => {}
        Some(_) if callback => {}
        Some(other) => {
            let message = format!("results are stored on ipfs here, not on {other:?}");
            return Err(Halt::failed(Cause::RESULT_LINK_MISSING, message));
        }
    }
    split_args(params.args.as_deref().unwrap_or_default())
        .map_err(|error| Halt::failed(Cause::TASK_DESCRIPTION_INVALID, format!("iexec_args: {error}")))
}

pub(crate) enum Trouble {
    Halt(Halt),
    Unavailable(Failure),
}

impl From<Halt> for Trouble {
    fn from(halt: Halt) -> Self {
        Self::Halt(halt)
    }
}

struct Found {
    app: Fetched,
    /// With its checksum on chain.
    dataset: Option<(Fetched, B256)>,
    inputs: Vec<(String, Fetched)>,
}

pub(crate) struct Fetcher<'a> {
    pub(crate) ctx: &'a Context,
    storage: &'a Storage,
    /// Where content that is not addressed by its hash goes.
    dir: PathBuf,
}

impl Fetcher<'_> {
    async fn fetch_all(&self, terms: &Terms, params: &DealParams) -> Result<Found, Trouble> {
        let app = self.app(terms).await?;
        let dataset = self.dataset(terms).await?;
        let mut inputs = vec![];
        for url in &params.input_files {
            let name = input_name(url);
            // The same URL twice is the same file.
            if !inputs.iter().any(|(known, _)| *known == name) {
                let file = self.input(url, &name).await?;
                inputs.push((name, file));
            }
        }
        Ok(Found { app, dataset, inputs })
    }

    async fn app(&self, terms: &Terms) -> Result<Fetched, Trouble> {
        let pointer = terms.deal.app.pointer;
        let app = self.ctx.ask(|| self.ctx.hub.view_app(pointer)).await?;
        // Another worker may run container images; this one only cannot.
        let location = Location::from_chain(&app.multiaddr).map_err(|error| {
            let message = format!("this worker runs WebAssembly by content address or URL: {error}");
            Halt::failed(Cause::APP_IMAGE_DOWNLOAD_FAILED, message)
        })?;
        let found = self.get(&location, "app", MODULE_BYTES_MAX, Cause::APP_IMAGE_DOWNLOAD_FAILED).await?;
        checksum(app.checksum, &found, Cause::APP_IMAGE_DOWNLOAD_FAILED, "application")?;
        Ok(found)
    }

    async fn dataset(&self, terms: &Terms) -> Result<Option<(Fetched, B256)>, Trouble> {
        if !terms.deal.has_dataset() {
            return Ok(None);
        }
        self.dataset_at(terms.deal.dataset.pointer, "dataset").await
    }

    /// A dataset with its checksum on chain; `name` is that of its file, if it is not kept in the cache.
    pub(crate) async fn dataset_at(
        &self,
        pointer: Address,
        name: &str,
    ) -> Result<Option<(Fetched, B256)>, Trouble> {
        let dataset = self.ctx.ask(|| self.ctx.hub.view_dataset(pointer)).await?;
        if dataset.m_datasetMultiaddr.is_empty() {
            tracing::warn!(%pointer, "dataset without location counts as none");
            return Ok(None);
        }
        let cause = Cause::DATASET_FILE_DOWNLOAD_FAILED;
        let location = Location::from_chain(&dataset.m_datasetMultiaddr)
            .map_err(|error| Trouble::Unavailable(Failure::new(cause.clone(), error.to_string())))?;
        let found = self.get(&location, name, self.ctx.limits.input_bytes_max, cause).await?;
        checksum(dataset.m_datasetChecksum, &found, Cause::DATASET_FILE_BAD_CHECKSUM, "dataset")?;
        Ok(Some((found, dataset.m_datasetChecksum)))
    }

    async fn input(&self, url: &str, name: &str) -> Result<Fetched, Trouble> {
        let cause = Cause::INPUT_FILES_DOWNLOAD_FAILED;
        let location: Location = url
            .parse()
            .map_err(|error| Trouble::Unavailable(Failure::new(cause.clone(), format!("{error}"))))?;
        self.get(&location, name, self.ctx.limits.input_bytes_max, cause).await
    }

    pub(crate) async fn get(
        &self,
        from: &Location,
        name: &str,
        size_max: u64,
        cause: Cause,
    ) -> Result<Fetched, Trouble> {
        let own = self.dir.join(name);
        let fetched = fetch::fetch(from, self.storage, &self.ctx.cache, &own, size_max).await;
        fetched.map_err(|missing| match missing {
            Missing::Published(why) => Trouble::Unavailable(Failure::new(cause, why)),
            Missing::Here(why) => Trouble::Halt(Halt::failed(cause, why)),
        })
    }
}

/// Compares content with the checksum on chain; zero there means that the publisher gave none.
fn checksum(expected: B256, found: &Fetched, cause: Cause, what: &str) -> Result<(), Trouble> {
    let sha256 = found.content().sha256;
    if expected.is_zero() || expected == sha256 {
        return Ok(());
    }
    let message = format!("the {what} has sha256 {sha256}, its checksum on chain is {expected}");
    Err(Trouble::Unavailable(Failure::new(cause, message)))
}

impl Found {
    fn into_job(
        self,
        ctx: &Context,
        assign: &Assign,
        terms: &Terms,
        params: &DealParams,
        args: Vec<String>,
    ) -> Prepared {
        let named: Vec<String> = params.input_files.iter().map(|url| input_name(url)).collect();
        let mut inputs: Vec<InputFile> = self
            .inputs
            .iter()
            .map(|(name, file)| InputFile { name: name.clone(), path: file.path().to_owned() })
            .collect();
        if let Some((dataset, _)) = &self.dataset {
            let name = dataset_name(terms.deal.dataset.pointer);
            inputs.push(InputFile { name, path: dataset.path().to_owned() });
        }
        let job = Job {
            module: self.app.path().to_owned(),
            args,
            env: environment(assign.deal, &terms.deal, assign.task, assign.index, &named, None),
            inputs,
            out_dir: out_dir(&ctx.task_dir(assign.task)),
            limits: limits(ctx, assign, terms),
            seed: assign.task.0.0,
        };
        let mut files = vec![self.app];
        files.extend(self.dataset.map(|(file, _)| file));
        files.extend(self.inputs.into_iter().map(|(_, file)| file));
        Prepared { job, _files: files }
    }

    fn into_enclave(
        self,
        ctx: &Context,
        assign: &Assign,
        terms: &Terms,
        params: &DealParams,
        args: Vec<String>,
        slice: Option<Slice>,
    ) -> PreparedForEnclave {
        let named: Vec<String> = params.input_files.iter().map(|url| input_name(url)).collect();
        let names: Option<Vec<String>> =
            slice.as_ref().map(|slice| slice.datasets.iter().map(|dataset| dataset.name.clone()).collect());
        let env = environment(assign.deal, &terms.deal, assign.task, assign.index, &named, names.as_deref());
        let inputs = self
            .inputs
            .iter()
            .map(|(name, file)| talk::Input { name: name.clone(), path: file.path().to_owned() })
            .collect();
        let mut datasets = Vec::new();
        if let Some((dataset, checksum)) = &self.dataset {
            let address = terms.deal.dataset.pointer;
            let (name, path) = (dataset_name(address), Some(dataset.path().to_owned()));
            datasets.push(talk::Dataset { address, name, checksum: *checksum, path });
        }
        let (application, needs) = (self.app.path().to_owned(), needs(params, terms));
        let mut files = vec![self.app];
        files.extend(self.dataset.map(|(file, _)| file));
        files.extend(self.inputs.into_iter().map(|(_, file)| file));
        let slice = slice.map(|slice| {
            datasets.extend(slice.datasets);
            files.extend(slice.files);
            slice.orders
        });
        let limits = limits(ctx, assign, terms);
        PreparedForEnclave { application, limits, args, env, inputs, datasets, slice, needs, _files: files }
    }
}

/// What the application may use: what its category grants, within what this worker gives.
fn limits(ctx: &Context, assign: &Assign, terms: &Terms) -> Limits {
    let offered = Duration::from_secs(terms.task.time_ref_s.min(assign.compute_seconds));
    let time = ctx.limits.compute_time_max.map_or(offered, |own| own.min(offered));
    let mut limits = Limits::for_category_time(time);
    limits.memory_bytes = limits.memory_bytes.min(ctx.limits.memory_bytes);
    limits
}

/// What the deal needs secrets for.
fn needs(params: &DealParams, terms: &Terms) -> Option<&'static str> {
    if terms.deal.has_dataset() || params.bulk_cid.is_some() {
        Some("datasets")
    } else if params.result_encryption {
        Some("the encryption of its result")
    } else if !params.secrets.is_empty() {
        Some("secrets of its requester")
    } else {
        None
    }
}
