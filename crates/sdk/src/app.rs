//! Applications: from a file to an entry of the registry.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use alloy_primitives::{Address, B256, Bytes};
use metacloud_blobs::tree::Tree;
use metacloud_blobs::{Cid, Location};
use metacloud_chain::AppListing;
use sha2::{Digest, Sha256};

use crate::cloud::Cloud;
use crate::error::{Error, sending};

/// Bytes of one module.
const MODULE_BYTES_MAX: u64 = 256 * 1024 * 1024;
/// What our own applications register as; what they are is decided by the content.
const APP_TYPE: &str = "WASM";

/// Which application.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum App {
    /// A WebAssembly module in a file: uploaded and registered if it is not yet.
    File(PathBuf),
    /// A WebAssembly module in memory, under a name for people.
    Module {
        /// The name.
        name: String,
        /// The module.
        bytes: Bytes,
    },
    /// A module in the content store: registered if it is not yet.
    Content(Cid),
    /// An application of the registry, perhaps somebody else's.
    Registered(Address),
}

impl FromStr for App {
    type Err = Error;

    /// Reads what people type: the address of a registered application (`0x…`), a CID with or without `/ipfs/` in
    /// front, or the path of a module.
    fn from_str(text: &str) -> Result<Self, Error> {
        if let Ok(address) = text.parse() {
            return Ok(Self::Registered(address));
        }
        if let Ok(cid) = text.strip_prefix("/ipfs/").unwrap_or(text).parse() {
            return Ok(Self::Content(cid));
        }
        let path = PathBuf::from(text);
        if path.is_file() { Ok(Self::File(path)) } else { Err(Error::NoApp(text.to_owned())) }
    }
}

impl Cloud {
    /// The address of an application, which is uploaded and registered as the wallet's if need be. The same module
    /// under the same name is the same application.
    ///
    /// # Errors
    /// A file, the content store or the chain.
    pub async fn app(&self, app: &App) -> Result<Address, Error> {
        match app {
            App::Registered(address) => Ok(*address),
            App::Content(cid) => {
                let bytes = self.blobs().fetch(cid, MODULE_BYTES_MAX).await?;
                self.register(&cid.to_string(), &bytes, cid).await
            }
            App::File(path) => {
                let bytes = read_file(path, MODULE_BYTES_MAX).await?;
                let name = path.file_stem().map_or("app".into(), |name| name.to_string_lossy());
                self.upload_and_register(&name, bytes).await
            }
            App::Module { name, bytes } => self.upload_and_register(name, bytes.clone()).await,
        }
    }

    async fn upload_and_register(&self, name: &str, bytes: Bytes) -> Result<Address, Error> {
        let cid = Tree::of(&bytes).cid;
        let upload = async { self.blobs().add_bytes(bytes.0.clone()).await.map_err(Error::from) };
        let (_, address) = futures::try_join!(upload, self.register(name, &bytes, &cid))?;
        Ok(address)
    }

    async fn register(&self, name: &str, bytes: &[u8], cid: &Cid) -> Result<Address, Error> {
        let listing = AppListing {
            owner: self.account(),
            name: name.to_owned(),
            app_type: APP_TYPE.to_owned(),
            multiaddr: Location::Ipfs(*cid).to_chain().into(),
            checksum: checksum(bytes),
            mrenclave: Bytes::new(),
        };
        let registry = self.registries().app;
        self.hub()
            .create_app(self.wallet(), registry, &listing)
            .await
            .map_err(sending("register the application"))
    }
}

fn checksum(bytes: &[u8]) -> B256 {
    B256::from_slice(&Sha256::digest(bytes))
}

/// Reads a whole file of bounded length.
pub(crate) async fn read_file(path: &Path, max_bytes: u64) -> Result<Bytes, Error> {
    let failed = |source| Error::File { path: path.to_owned(), source };
    let metadata = tokio::fs::metadata(path).await.map_err(failed)?;
    if metadata.len() > max_bytes {
        return Err(Error::FileTooLong { path: path.to_owned(), max_bytes });
    }
    tokio::fs::read(path).await.map(Bytes::from).map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_sha_256() {
        let expected = "0x5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03";
        assert_eq!(checksum(b"hello\n").to_string(), expected);
    }

    #[tokio::test]
    async fn a_missing_file_is_named() {
        let error = read_file(Path::new("no-such.wasm"), 1).await.unwrap_err();
        assert!(error.to_string().starts_with("no-such.wasm: "), "{error}");
    }
}
