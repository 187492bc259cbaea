//! Telling compass where a pool's API is.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use alloy_primitives::Address;
use metacloud_wire::Signature;
use metacloud_wire::compass::{Announcement, digest};
use metacloud_wire::market::ErrorBody;

use crate::cloud::Cloud;
use crate::error::Error;
use crate::market::{client, send};

impl Cloud {
    /// Tells the compass at `compass_url` that the API of `workerpool` is at `api_url` from now on for the time `life`. The
    /// wallet must be that of the pool's owner.
    ///
    /// # Errors
    /// [`Error::Compass`].
    pub async fn announce_pool(
        &self,
        compass_url: &str,
        workerpool: Address,
        name: &str,
        api_url: &str,
        life: Duration,
    ) -> Result<(), Error> {
        let failed = |status, reason| Error::Compass { url: compass_url.to_owned(), status, reason };
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let expires_s = (now + life).as_secs();
        let (hub, chain_id) = (self.hub().address(), self.hub().chain().id());
        let hash = digest(chain_id, hub, workerpool, name, api_url, expires_s);
        let signature =
            Signature::try_from(self.wallet().sign_hash(hash)).expect("a key's signature has 65 bytes");
        let announcement =
            Announcement { name: name.to_owned(), api_url: api_url.to_owned(), expires_s, signature };
        let url = format!("{}/{chain_id}/workerpools/{workerpool}", compass_url.trim_end_matches('/'));
        let request = client(&url).post(&url).json(&announcement);
        let (status, body) = send(request).await.map_err(|reason| failed(None, reason))?;
        if (200..300).contains(&status) {
            return Ok(());
        }
        let words = serde_json::from_slice::<ErrorBody>(&body).map(|body| body.error);
        Err(failed(Some(status), words.unwrap_or_else(|_| format!("HTTP {status}"))))
    }
}
