//! A bucket of a service that speaks S3.
//!
//! `files/<name>`, `blocks/<name>` and `layouts/<name>` as on a disk, and `owner`, which names the one store whose bucket
//! it is: pins and open uploads lie in that store's directory, so a second store over the same bucket would collect what
//! the first one pinned. An object appears whole or not at all. A thing added again is sent again, which makes its age
//! that of now.
//!
//! Memory: two parts of [`PART_BYTES`] per file on its way in, one request's answer as it comes per reader.

use std::fs;
use std::io::{self, Read as _};
use std::ops::Range;
use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use futures::stream::BoxStream;
use futures::{StreamExt as _, TryStreamExt as _};
use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::path::Path as Name;
use object_store::{ClientOptions, Error, ObjectStore as _, ObjectStoreExt as _, RetryConfig};
use tokio::task::JoinHandle;

use super::{
    Backend, Content, Doing, Fault, Found, Listed, Sort, Whole, is_recorded, layout_of, layout_text,
};
use crate::blocking;
use crate::dag::Block;
use crate::key::Key;
use crate::tree::Layout;

/// Bytes of one part of an upload; S3 wants at least 5 MiB, and at most 10 000 parts.
const PART_BYTES: usize = 8 << 20;
/// Bytes asked for at a time, so that no request lasts long.
const READ_BYTES: u64 = 8 << 20;
/// How long one request may last.
const REQUEST_TIME: Duration = Duration::from_secs(60);
/// How long a connection may take.
const CONNECT_TIME: Duration = Duration::from_secs(10);
/// Further tries of a request that failed for a reason that may pass.
const RETRIES_MAX: usize = 3;
/// How long all tries of one request may last together.
const RETRY_TIME: Duration = Duration::from_secs(90);
/// Longest record of a layout or an owner.
const RECORD_BYTES_MAX: u64 = 128;

/// Where a bucket is. Keys come from the environment (`AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`,
/// `AWS_SESSION_TOKEN`), or from the machine's role, as everywhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bucket {
    /// `s3://bucket` or `s3://bucket/prefix`.
    pub url: String,
    /// The service, if it is not Amazon's: `https://host[:port]`, or `http://…` within a trusted network.
    pub endpoint: Option<String>,
    /// Its region; `AWS_REGION` if absent.
    pub region: Option<String>,
}

/// A bucket.
#[derive(Clone, Debug)]
pub(crate) struct S3 {
    store: AmazonS3,
    prefix: Name,
}

impl S3 {
    /// Connects, and makes sure that the bucket belongs to the store in `dir`, or to none yet.
    pub(crate) async fn open(bucket: &Bucket, dir: &Path) -> Result<Self, String> {
        let (name, prefix) = parse(&bucket.url)?;
        let client = ClientOptions::new().with_timeout(REQUEST_TIME).with_connect_timeout(CONNECT_TIME);
        let retry =
            RetryConfig { max_retries: RETRIES_MAX, retry_timeout: RETRY_TIME, ..RetryConfig::default() };
        let mut builder =
            AmazonS3Builder::from_env().with_bucket_name(name).with_client_options(client).with_retry(retry);
        if let Some(endpoint) = &bucket.endpoint {
            builder = builder.with_endpoint(endpoint).with_allow_http(endpoint.starts_with("http://"));
        }
        if let Some(region) = &bucket.region {
            builder = builder.with_region(region);
        }
        let store = builder.build().map_err(|error| error.to_string())?;
        let this = Self { store, prefix };
        this.take_over(dir).await?;
        Ok(this)
    }

    async fn take_over(&self, dir: &Path) -> Result<(), String> {
        let path = dir.join("bucket-owner");
        let ours = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let text = format!("metacloud blobs 1 {}\n", hex::encode(rand::random::<[u8; 16]>()));
                fs::write(&path, &text)
                    .map_err(|error| format!("cannot write {}: {error}", path.display()))?;
                text
            }
            Err(error) => return Err(format!("cannot read {}: {error}", path.display())),
        };
        let owner = self.prefix.clone().join("owner");
        match self.record(&owner).await {
            Ok(Some(found)) if found == ours => Ok(()),
            Ok(Some(found)) => Err(format!(
                "the bucket belongs to another store ({}); if that is gone, remove the object {owner}, or put its \
                 bucket-owner file into {}",
                found.trim_end(),
                dir.display()
            )),
            Ok(None) => {
                let put = self.store.put(&owner, ours.into_bytes().into()).await;
                put.map(drop).map_err(|error| format!("cannot write {owner}: {error}"))
            }
            Err(error) => Err(format!("cannot read {owner}: {error}")),
        }
    }

    fn name(&self, shelf: &str, key: Key) -> Name {
        self.prefix.clone().join(shelf).join(key.to_string())
    }

    fn name_of(&self, sort: Sort, key: Key) -> Name {
        self.name(shelf(sort), key)
    }

    /// A short text; `None` if it is not there.
    async fn record(&self, name: &Name) -> Result<Option<String>, Error> {
        match self.store.get_range(name, 0..RECORD_BYTES_MAX).await {
            Ok(bytes) => Ok(Some(String::from_utf8_lossy(&bytes).into_owned())),
            Err(Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The size of an object; `None` if it is not there.
    async fn size(&self, name: &Name) -> Result<Option<u64>, Fault> {
        match self.store.head(name).await {
            Ok(meta) => Ok(Some(meta.size)),
            Err(Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(refused("look at", name)(error)),
        }
    }

    async fn put(&self, name: &Name, bytes: Bytes) -> Result<(), Fault> {
        self.store.put(name, bytes.into()).await.map(drop).map_err(refused("write", name))
    }

    /// Sends a file in parts; what is broken off leaves no object, and its parts are told to be dropped.
    async fn send(&self, name: &Name, path: &Path, size_bytes: u64) -> Result<(), Fault> {
        let mut file = open(path).await?;
        if size_bytes <= PART_BYTES as u64 {
            let (piece, _) = part(file, path).await?;
            return self.put(name, piece).await;
        }
        let mut upload = self.store.put_multipart(name).await.map_err(refused("begin", name))?;
        let sent = async {
            // The next part is read while one is on its way.
            let mut under_way: Option<JoinHandle<Result<(), Error>>> = None;
            loop {
                let (piece, rest) = part(file, path).await?;
                file = rest;
                if let Some(before) = under_way.take() {
                    crate::joined(before.await).map_err(refused("write", name))?;
                }
                if piece.is_empty() {
                    return Ok(());
                }
                under_way = Some(tokio::spawn(upload.put_part(piece.into())));
            }
        };
        if let Err(fault) = sent.await {
            if let Err(error) = upload.abort().await {
                tracing::warn!(%name, %error, "parts of a broken upload may stay in the bucket");
            }
            return Err(fault);
        }
        upload.complete().await.map(drop).map_err(refused("complete", name))
    }
}

impl Backend for S3 {
    fn keep_file(&self, whole: Whole) -> Doing<'_, bool> {
        Box::pin(async move {
            let Whole { key, layout, size_bytes, path } = whole;
            if is_recorded(&layout, size_bytes) {
                self.put(&self.name("layouts", key), layout_text(&layout).into_bytes().into()).await?;
            }
            let name = self.name_of(Sort::File, key);
            let fresh = self.size(&name).await? != Some(size_bytes);
            self.send(&name, &path, size_bytes).await?;
            Ok(fresh)
        })
    }

    fn keep_block(&self, block: Block) -> Doing<'_, bool> {
        Box::pin(async move {
            let name = self.name_of(Sort::Block, block.key);
            let fresh = self.size(&name).await? != Some(block.bytes.len() as u64);
            self.put(&name, block.bytes.into()).await?;
            Ok(fresh)
        })
    }

    fn find(&self, key: Key) -> Doing<'_, Option<Found>> {
        Box::pin(async move {
            for sort in [Sort::File, Sort::Block] {
                if let Some(size_bytes) = self.size(&self.name_of(sort, key)).await? {
                    return Ok(Some(Found { sort, size_bytes }));
                }
            }
            Ok(None)
        })
    }

    fn layout(&self, key: Key) -> Doing<'_, Layout> {
        Box::pin(async move {
            let name = self.name("layouts", key);
            match self.record(&name).await.map_err(refused("read", &name))? {
                None => Ok(Layout::default()),
                Some(text) => layout_of(&text).ok_or_else(|| Fault::Remote {
                    step: "understand",
                    name: name.to_string(),
                    why: "not a layout".to_owned(),
                }),
            }
        })
    }

    fn read(&self, key: Key, sort: Sort, range: Range<u64>) -> Doing<'_, Content> {
        let this = self.clone();
        Box::pin(async move {
            let name = this.name_of(sort, key);
            let size_bytes = this.size(&name).await?;
            let size_bytes = size_bytes.ok_or_else(|| refused("read", &name)(gone(&name)))?;
            let windows = windows(range.start..range.end.min(size_bytes));
            let content = futures::stream::iter(windows).then(move |window| {
                let (store, name) = (this.store.clone(), name.clone());
                async move {
                    let options = object_store::GetOptions::new().with_range(Some(window));
                    let answer = store.get_opts(&name, options).await.map_err(io::Error::other)?;
                    Ok::<_, io::Error>(answer.into_stream().map_err(io::Error::other))
                }
            });
            Ok(content.try_flatten().boxed())
        })
    }

    fn remove(&self, key: Key, sort: Sort) -> Doing<'_, ()> {
        Box::pin(async move {
            let layout = (sort == Sort::File).then(|| self.name("layouts", key));
            for name in std::iter::once(self.name_of(sort, key)).chain(layout) {
                match self.store.delete(&name).await {
                    Ok(()) | Err(Error::NotFound { .. }) => {}
                    Err(error) => return Err(refused("remove", &name)(error)),
                }
            }
            Ok(())
        })
    }

    fn list(&self) -> BoxStream<'_, Result<Listed, Fault>> {
        let shelves = futures::stream::iter([Sort::File, Sort::Block]);
        let listed = shelves.flat_map(|sort| {
            let dir = self.prefix.clone().join(shelf(sort));
            let of_shelf = self.store.list(Some(&dir));
            of_shelf.filter_map(move |each| {
                let listed = match each {
                    // A name that is none of ours is left alone.
                    Ok(meta) => meta.location.filename().and_then(|name| name.parse().ok()).map(|key| {
                        let found = Found { sort, size_bytes: meta.size };
                        Ok(Listed { key, found, added: meta.last_modified.into() })
                    }),
                    Err(error) => Some(Err(refused("list", &dir)(error))),
                };
                std::future::ready(listed)
            })
        });
        listed.boxed()
    }
}

fn shelf(sort: Sort) -> &'static str {
    match sort {
        Sort::File => "files",
        Sort::Block => "blocks",
    }
}

/// Bucket and prefix of `s3://bucket[/prefix]`.
fn parse(url: &str) -> Result<(&str, Name), String> {
    let malformed = || format!("{url:?} is not of the form s3://BUCKET[/PREFIX]");
    let rest = url.strip_prefix("s3://").ok_or_else(malformed)?;
    let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
    let sound = |character: char| character.is_ascii_alphanumeric() || matches!(character, '-' | '.' | '_');
    if bucket.is_empty() || !bucket.chars().all(sound) {
        return Err(malformed());
    }
    Ok((bucket, Name::parse(prefix.trim_matches('/')).map_err(|error| error.to_string())?))
}

/// A range, a request at a time.
fn windows(range: Range<u64>) -> impl Iterator<Item = Range<u64>> {
    let starts = (range.start..range.end).step_by(usize::try_from(READ_BYTES).unwrap_or(usize::MAX));
    starts.map(move |start| start..range.end.min(start + READ_BYTES))
}

async fn open(path: &Path) -> Result<fs::File, Fault> {
    let path = path.to_owned();
    blocking(move || fs::File::open(&path).map_err(super::local::failed("open", &path))).await
}

/// The next part of a file; empty at its end.
async fn part(mut file: fs::File, path: &Path) -> Result<(Bytes, fs::File), Fault> {
    let path = path.to_owned();
    blocking(move || {
        let mut piece = Vec::with_capacity(PART_BYTES);
        let read = (&mut file).take(PART_BYTES as u64).read_to_end(&mut piece);
        read.map_err(super::local::failed("read", &path))?;
        Ok((piece.into(), file))
    })
    .await
}

fn gone(name: &Name) -> Error {
    Error::NotFound { path: name.to_string(), source: "it was removed meanwhile".into() }
}

fn refused(step: &'static str, name: &Name) -> impl FnOnce(Error) -> Fault + use<> {
    let name = name.to_string();
    move |error| Fault::Remote { step, name, why: error.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_is_told_from_other_urls() {
        assert_eq!(parse("s3://a-bucket").unwrap(), ("a-bucket", Name::default()));
        assert_eq!(parse("s3://b/in/here/").unwrap(), ("b", Name::from("in/here")));
        for url in ["", "s3://", "s3:///x", "http://host/bucket", "s3://a b", "s3://b//x//../y"] {
            assert!(parse(url).is_err(), "{url}");
        }
    }

    #[test]
    fn a_range_is_asked_for_in_bounded_pieces() {
        assert_eq!(windows(5..5).count(), 0);
        assert!(windows(7..9).eq(std::iter::once(7..9)));
        let end = 2 * READ_BYTES + 3;
        let pieces: Vec<_> = windows(1..end).collect();
        assert_eq!(pieces, [1..1 + READ_BYTES, 1 + READ_BYTES..1 + 2 * READ_BYTES, 1 + 2 * READ_BYTES..end]);
    }
}
