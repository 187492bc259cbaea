//! Uploads that go on where they were broken off: tus 1.0.0 as the node's `/files` speaks it.

use std::time::Duration;

use reqwest::header::{CONTENT_TYPE, HeaderMap, LOCATION};
use reqwest::{Client, Method, RequestBuilder, Response, StatusCode, Url};

use super::Upload;
use super::upload::{Source, answer, short};
use crate::Cid;

/// The version spoken.
const PROTOCOL: &str = "1.0.0";
/// Tries in a row that bring less than [`PROGRESS_BYTES_MIN`] further.
const TRIES_MAX: u32 = 8;
/// What a try must bring to count as none that failed.
const PROGRESS_BYTES_MIN: u64 = 1 << 20;
/// Pause after the first try that failed; it doubles with each further one, up to [`PAUSE_MAX`].
const PAUSE: Duration = Duration::from_millis(50);
/// Longest pause between two tries.
const PAUSE_MAX: Duration = Duration::from_secs(2);

/// Whether a node knows of resumable uploads; one that does not answer is asked again by whoever uploads.
pub(super) async fn is_spoken(http: &Client, url: &str) -> bool {
    let answer = asking(http, Method::OPTIONS, url).send().await;
    answer.is_ok_and(|answer| {
        let versions = answer.headers().get("tus-version").and_then(|text| text.to_str().ok());
        versions.is_some_and(|text| text.split(',').any(|version| version.trim() == PROTOCOL))
    })
}

/// What a request brought.
enum Step {
    /// The node opened an upload.
    Begun(Url),
    /// The node has the bytes up to here.
    At(u64),
    /// The node has all, under the name expected.
    Done,
    /// The node forgot the upload.
    Gone,
}

/// What a request met.
enum Trouble {
    /// Worth another try.
    Passing(Upload),
    Lasting(Upload),
}

/// Uploads content; what arrived before a failure is not sent again.
///
/// # Errors
/// [`Upload`]: what the node refuses for good, or what went wrong the last time.
pub(super) async fn send(
    http: &Client,
    url: &str,
    source: &Source,
    cid: Cid,
    size_bytes: u64,
) -> Result<Cid, Upload> {
    let (mut upload, mut at) = (None, None);
    let (mut furthest, mut failures) = (0, 0);
    loop {
        let step = match (&upload, at) {
            (None, _) => begin(http, url, size_bytes).await,
            (Some(upload), None) => standing(http, upload, cid).await,
            (Some(upload), Some(at)) => go_on(http, upload, source, at, cid).await,
        };
        let failure = match step {
            Ok(Step::Done) => return Ok(cid),
            Ok(Step::Begun(place)) => {
                (upload, at) = (Some(place), Some(0));
                continue;
            }
            Ok(Step::At(reached)) => {
                if reached >= furthest + PROGRESS_BYTES_MIN {
                    (furthest, failures) = (reached, 0);
                }
                at = Some(reached);
                continue;
            }
            Ok(Step::Gone) => {
                (upload, furthest) = (None, 0);
                refused(url, StatusCode::GONE, b"the node forgets uploads")
            }
            Err(Trouble::Lasting(failure)) => return Err(failure),
            Err(Trouble::Passing(failure)) => failure,
        };
        at = None;
        failures += 1;
        if failures >= TRIES_MAX {
            return Err(failure);
        }
        tracing::debug!(%failure, failures, "an upload is resumed");
        tokio::time::sleep(PAUSE.saturating_mul(1 << failures).min(PAUSE_MAX)).await;
    }
}

/// Opens an upload.
async fn begin(http: &Client, url: &str, size_bytes: u64) -> Result<Step, Trouble> {
    let request = asking(http, Method::POST, url).header("Upload-Length", size_bytes);
    let answered = sent(request, url).await?;
    let place = answered.headers().get(LOCATION).and_then(|place| place.to_str().ok());
    let place = place.and_then(|place| answered.url().join(place).ok());
    match place {
        // A node may not send the content elsewhere.
        Some(place) if answered.status().is_success() && place.origin() == answered.url().origin() => {
            Ok(Step::Begun(place))
        }
        _ => Err(trouble(answered, url).await),
    }
}

/// Asks where an upload stands.
async fn standing(http: &Client, upload: &Url, cid: Cid) -> Result<Step, Trouble> {
    let url = upload.as_str();
    let answered = sent(asking(http, Method::HEAD, url), url).await?;
    match told(answered.headers(), url, cid)? {
        Some(step) if answered.status().is_success() => Ok(step),
        _ if matches!(answered.status(), StatusCode::NOT_FOUND | StatusCode::GONE) => Ok(Step::Gone),
        _ => Err(trouble(answered, url).await),
    }
}

/// Sends the rest.
async fn go_on(http: &Client, upload: &Url, source: &Source, at: u64, cid: Cid) -> Result<Step, Trouble> {
    let url = upload.as_str();
    let body = source.body(at).await.map_err(Trouble::Lasting)?;
    let request = asking(http, Method::PATCH, url)
        .header("Upload-Offset", at)
        .header(CONTENT_TYPE, "application/offset+octet-stream")
        .body(body);
    let answered = sent(request, url).await?;
    match told(answered.headers(), url, cid)? {
        Some(Step::At(reached)) if reached <= at => Err(trouble(answered, url).await),
        Some(step) if answered.status().is_success() => Ok(step),
        _ if matches!(answered.status(), StatusCode::NOT_FOUND | StatusCode::GONE) => Ok(Step::Gone),
        _ => Err(trouble(answered, url).await),
    }
}

fn asking(http: &Client, method: Method, url: &str) -> RequestBuilder {
    http.request(method, url).header("Tus-Resumable", PROTOCOL)
}

async fn sent(request: RequestBuilder, url: &str) -> Result<Response, Trouble> {
    let unreachable = |source| Trouble::Passing(Upload::Unreachable { url: url.to_owned(), source });
    request.send().await.map_err(unreachable)
}

/// What the headers of an answer say of the upload.
fn told(headers: &HeaderMap, url: &str, cid: Cid) -> Result<Option<Step>, Trouble> {
    let text = |name| headers.get(name).and_then(|text| text.to_str().ok());
    if let Some(name) = text("upload-cid") {
        return match name.parse::<Cid>() {
            Ok(name) if name == cid => Ok(Some(Step::Done)),
            _ => {
                let answered = name.chars().take(128).collect();
                Err(Trouble::Lasting(Upload::WrongName { url: url.to_owned(), cid, answered }))
            }
        };
    }
    Ok(text("upload-offset").and_then(|at| at.parse().ok()).map(Step::At))
}

/// What an answer that is no step forward means.
async fn trouble(answered: Response, url: &str) -> Trouble {
    let status = answered.status();
    let words = answer(answered).await.unwrap_or_default();
    let failure = refused(url, status, &words);
    match status {
        StatusCode::CONFLICT | StatusCode::LOCKED | StatusCode::TOO_MANY_REQUESTS => {
            Trouble::Passing(failure)
        }
        StatusCode::INSUFFICIENT_STORAGE => Trouble::Lasting(failure),
        status if status.is_client_error() => Trouble::Lasting(failure),
        _ => Trouble::Passing(failure),
    }
}

fn refused(url: &str, status: StatusCode, words: &[u8]) -> Upload {
    Upload::Refused { url: url.to_owned(), status: status.as_u16(), message: short(words) }
}
