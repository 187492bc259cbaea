//! One origin for HTTP services. Each service brings its own CORS layer (browsers of any origin may ask, and each knows
//! what it exposes), so none is added here: two of them would each write their headers.

use std::net::SocketAddr;
use std::time::Duration;

use axum::http::StatusCode;
use axum::{Json, Router};
use metacloud_ends::Ended;
use metacloud_wire::market::ErrorBody;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::error::StartError;

/// How long open requests may take to end once the server is told to stop.
const GRACE: Duration = Duration::from_secs(2);

/// A port that is ours but not served yet.
pub(crate) struct Reserved {
    listener: TcpListener,
    address: SocketAddr,
}

/// A running server; ended by [`Served::stop`].
pub(crate) struct Served {
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
    ended: Ended,
}

/// Takes a port for `what`; 0 picks a free one.
///
/// # Errors
/// [`StartError::Listen`], "address in use" above all.
pub(crate) async fn reserve(what: &'static str, address: SocketAddr) -> Result<Reserved, StartError> {
    let taken = async {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        Ok(Reserved { listener, address })
    };
    taken.await.map_err(|source| StartError::Listen { what, address, source })
}

impl Reserved {
    /// Where clients reach it.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Serves `services` until stopped.
    pub(crate) fn serve(self, services: Router) -> Served {
        let (stop, stopped) = oneshot::channel::<()>();
        let (ends, ended) = metacloud_ends::channel("the server");
        let services = services.fallback(no_such_route);
        let services = services.into_make_service_with_connect_info::<SocketAddr>();
        let task = tokio::spawn(async move {
            let server = axum::serve(self.listener, services).with_graceful_shutdown(async {
                let _ = stopped.await;
            });
            match server.await {
                Ok(()) => ends.asked(),
                Err(error) => ends.tell(error.to_string()),
            }
        });
        Served { stop, task, ended }
    }
}

/// Clients read a body of every refusal (http-surface 3).
async fn no_such_route() -> (StatusCode, Json<ErrorBody>) {
    (StatusCode::NOT_FOUND, Json(ErrorBody::new("there is no such route")))
}

impl Served {
    /// Waits until the server ends, which it does not do by itself unless something is wrong; answers what.
    pub(crate) async fn ended(&self) -> String {
        self.ended.reason().await
    }

    /// Stops accepting, lets open requests end, and waits for it at most [`GRACE`].
    pub(crate) async fn stop(self) {
        let _ = self.stop.send(());
        let abort = self.task.abort_handle();
        if tokio::time::timeout(GRACE, self.task).await.is_err() {
            abort.abort();
        }
    }
}
