//! From an OCI archive to the WebAssembly in it: an artifact with one Wasm layer, or an image for a WASI platform
//! whose entrypoint is one file.
//!
//! An archive is a tar of an image layout (OCI image spec 1.1). Every blob is compared with its digest, so that what
//! the archive's checksum vouches for is what runs. Images for other platforms are recognised and refused by name.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::{Cursor, Read as _};

use flate2::read::MultiGzDecoder;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use sha2::{Digest as _, Sha256};
use tar::{Archive, EntryType};

use crate::Failure;
use crate::limits::{
    MODULE_BYTES_MAX, PACKAGE_DEPTH_MAX, PACKAGE_ENTRIES_MAX, PACKAGE_LAYERS_MAX, PACKAGE_MANIFESTS_MAX,
};

/// Media types of a layer that is a module or component itself: that of the Wasm OCI artifact (CNCF), and two older.
const WASM_LAYERS: [&str; 3] = [
    "application/wasm",
    "application/vnd.wasm.content.layer.v1+wasm",
    "application/vnd.module.wasm.content.layer.v1+wasm",
];
/// Media types of plain and compressed file system layers, OCI's and Docker's.
const TAR_LAYERS: [&str; 1] = ["application/vnd.oci.image.layer.v1.tar"];
const GZIP_LAYERS: [&str; 2] =
    ["application/vnd.oci.image.layer.v1.tar+gzip", "application/vnd.docker.image.rootfs.diff.tar.gzip"];
/// Media types of a list of manifests.
const INDEXES: [&str; 2] =
    ["application/vnd.oci.image.index.v1+json", "application/vnd.docker.distribution.manifest.list.v2+json"];
/// Operating systems of images that hold WebAssembly.
const WASI: [&str; 3] = ["wasi", "wasip1", "wasip2"];
/// Prefix of a file that removes another one of an earlier layer.
const WHITEOUT: &str = ".wh.";

/// The WebAssembly in a file: the file itself, or what an OCI archive holds.
///
/// # Errors
/// [`Failure::Package`] for an archive that is broken or says what is not understood, [`Failure::ContainerImage`] for
/// an image of another platform. Files that are no archive pass unchanged.
pub(crate) fn wasm_in(file: &[u8]) -> Result<Cow<'_, [u8]>, Failure> {
    if file.get(257..262) != Some(b"ustar") {
        return Ok(Cow::Borrowed(file));
    }
    let files = files(file)?;
    if !files.contains_key("index.json") {
        return match files.contains_key("manifest.json") {
            true => Err(Failure::ContainerImage { platforms: "an unknown platform".to_owned() }),
            // Some other archive: what it looks like is told elsewhere.
            false => Ok(Cow::Borrowed(file)),
        };
    }
    Layout { files }.wasm()
}

#[derive(Deserialize)]
struct Index {
    manifests: Vec<Descriptor>,
}

#[derive(Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Descriptor {
    #[serde(default)]
    media_type: String,
    digest: String,
}

#[derive(Deserialize)]
struct Manifest {
    config: Descriptor,
    #[serde(default)]
    layers: Vec<Descriptor>,
}

/// Configuration of an image.
#[derive(Default, Deserialize)]
struct Image {
    #[serde(default)]
    os: String,
    #[serde(default)]
    architecture: String,
    #[serde(default)]
    config: Process,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Process {
    entrypoint: Option<Vec<String>>,
    cmd: Option<Vec<String>>,
    env: Option<Vec<String>>,
}

fn broken(what: impl Into<String>) -> Failure {
    Failure::Package(what.into())
}

/// Regular files of a tar archive by path without leading `./` and `/`, as slices of it.
fn files(archive: &[u8]) -> Result<BTreeMap<String, &[u8]>, Failure> {
    let bad = |error: std::io::Error| broken(format!("its archive is malformed: {error}"));
    let mut files = BTreeMap::new();
    for (number, entry) in Archive::new(Cursor::new(archive)).entries_with_seek().map_err(bad)?.enumerate() {
        if number == PACKAGE_ENTRIES_MAX {
            return Err(broken(format!("its archive has more than {PACKAGE_ENTRIES_MAX} entries")));
        }
        let entry = entry.map_err(bad)?;
        if entry.header().entry_type() != EntryType::Regular {
            continue;
        }
        let path = entry.path_bytes();
        let path =
            std::str::from_utf8(&path).map_err(|_| broken("its archive has a name that is no text"))?;
        let path = path.trim_start_matches("./").trim_start_matches('/').to_owned();
        let begin = usize::try_from(entry.raw_file_position()).ok();
        let size = usize::try_from(entry.size()).ok();
        let content = begin.zip(size).and_then(|(begin, size)| archive.get(begin..begin.checked_add(size)?));
        files.insert(path, content.ok_or_else(|| broken("its archive ends too early"))?);
    }
    Ok(files)
}

/// An image layout.
struct Layout<'a> {
    files: BTreeMap<String, &'a [u8]>,
}

impl<'a> Layout<'a> {
    fn wasm(&self) -> Result<Cow<'a, [u8]>, Failure> {
        let index: Index = parse("index.json", self.files["index.json"])?;
        let mut manifests = Vec::new();
        self.collect(index, 0, &mut manifests)?;
        let mut platforms = Vec::new();
        for descriptor in manifests {
            let manifest: Manifest = self.json("manifest", &descriptor)?;
            if manifest.layers.len() > PACKAGE_LAYERS_MAX {
                return Err(broken(format!("it has more than {PACKAGE_LAYERS_MAX} layers")));
            }
            let is_wasm = |layer: &&Descriptor| WASM_LAYERS.contains(&layer.media_type.as_str());
            let mut layers = manifest.layers.iter().filter(is_wasm);
            match (layers.next(), layers.next()) {
                (Some(layer), None) => return self.blob(layer).map(Cow::Borrowed),
                (Some(_), Some(_)) => return Err(broken("it has several WebAssembly layers; one is needed")),
                (None, _) => {}
            }
            let image: Image = self.json("image configuration", &manifest.config)?;
            if WASI.contains(&image.os.as_str()) {
                return self.file_of_image(&manifest, &image.config).map(Cow::Owned);
            }
            platforms.push(format!("{}/{}", image.os, image.architecture));
        }
        if platforms.is_empty() {
            return Err(broken("it names no manifest"));
        }
        Err(Failure::ContainerImage { platforms: platforms.join(", ") })
    }

    /// Descriptors of all manifests, those of nested indexes too.
    fn collect(&self, index: Index, depth: usize, found: &mut Vec<Descriptor>) -> Result<(), Failure> {
        for descriptor in index.manifests {
            if INDEXES.contains(&descriptor.media_type.as_str()) {
                if depth == PACKAGE_DEPTH_MAX {
                    return Err(broken(format!("its indexes are nested deeper than {PACKAGE_DEPTH_MAX}")));
                }
                self.collect(self.json("index", &descriptor)?, depth + 1, found)?;
            } else if found.len() == PACKAGE_MANIFESTS_MAX {
                return Err(broken(format!("it names more than {PACKAGE_MANIFESTS_MAX} manifests")));
            } else {
                found.push(descriptor);
            }
        }
        Ok(())
    }

    fn blob(&self, descriptor: &Descriptor) -> Result<&'a [u8], Failure> {
        let digest = &descriptor.digest;
        let absent = || broken(format!("{digest:?} is not among its blobs"));
        let hex = digest.strip_prefix("sha256:").ok_or_else(absent)?;
        let blob = self.files.get(&format!("blobs/sha256/{hex}")).ok_or_else(absent)?;
        let actual = alloy_primitives::hex::encode(Sha256::digest(blob));
        if actual != hex {
            return Err(broken(format!("the blob named {digest} has the digest {actual}")));
        }
        Ok(blob)
    }

    fn json<T: DeserializeOwned>(&self, what: &str, descriptor: &Descriptor) -> Result<T, Failure> {
        parse(what, self.blob(descriptor)?)
    }

    /// The file that is the image's command.
    fn file_of_image(&self, manifest: &Manifest, process: &Process) -> Result<Vec<u8>, Failure> {
        let words = [&process.entrypoint, &process.cmd].into_iter().flatten().flatten();
        let words: Vec<_> = words.collect();
        let &[command] = &words[..] else {
            let what = format!("its command is {words:?}; one file without arguments is needed");
            return Err(broken(what));
        };
        let mut names = process.env.iter().flatten().map(|pair| pair.split('=').next().unwrap_or_default());
        if let Some(name) = names.find(|name| *name != "PATH") {
            return Err(broken(format!(
                "it sets the variable {name}; applications get theirs from the task"
            )));
        }
        let path = command.trim_start_matches("./").trim_start_matches('/');
        let whiteout = match path.rsplit_once('/') {
            Some((folder, name)) => format!("{folder}/{WHITEOUT}{name}"),
            None => format!("{WHITEOUT}{path}"),
        };
        // The last layer that has it or removes it counts.
        for layer in manifest.layers.iter().rev() {
            let layer = self.layer(layer)?;
            let files = files(&layer)?;
            if let Some(content) = files.get(path) {
                return Ok(content.to_vec());
            }
            if files.contains_key(&whiteout) {
                break;
            }
        }
        Err(broken(format!("its command {command:?} is in none of its layers")))
    }

    /// A file system layer, decompressed.
    fn layer(&self, descriptor: &Descriptor) -> Result<Cow<'a, [u8]>, Failure> {
        let media_type = descriptor.media_type.as_str();
        if TAR_LAYERS.contains(&media_type) {
            return self.blob(descriptor).map(Cow::Borrowed);
        }
        if !GZIP_LAYERS.contains(&media_type) {
            return Err(broken(format!("layers of type {media_type:?} are not understood")));
        }
        let mut layer = Vec::new();
        let decoder = MultiGzDecoder::new(self.blob(descriptor)?);
        let read = decoder.take(MODULE_BYTES_MAX + 1).read_to_end(&mut layer);
        read.map_err(|error| broken(format!("a layer does not decompress: {error}")))?;
        if layer.len() as u64 > MODULE_BYTES_MAX {
            return Err(broken(format!("a layer decompresses to more than {MODULE_BYTES_MAX} bytes")));
        }
        Ok(Cow::Owned(layer))
    }
}

fn parse<T: DeserializeOwned>(what: &str, json: &[u8]) -> Result<T, Failure> {
    serde_json::from_slice(json).map_err(|error| broken(format!("its {what} is malformed: {error}")))
}
