//! One origin for all HTTP services.

use std::net::{Ipv4Addr, SocketAddr};

use axum::Router;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tower_http::cors::{Any, CorsLayer};

/// A port that is ours but not served yet.
pub(crate) struct Reserved {
    listener: TcpListener,
    /// Address and port.
    pub(crate) address: SocketAddr,
}

/// A running server; ended by [`Served::stop`].
pub(crate) struct Served {
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

/// Takes a port of the loopback address; 0 picks a free one.
///
/// # Errors
/// What the system says, "address in use" above all.
pub(crate) async fn reserve(port: u16) -> std::io::Result<Reserved> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
    let address = listener.local_addr()?;
    Ok(Reserved { listener, address })
}

impl Reserved {
    /// Where clients reach it.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Serves `services` until stopped; browsers of any origin may ask.
    pub(crate) fn serve(self, services: Router) -> Served {
        let cors = CorsLayer::new().allow_origin(Any).allow_methods(Any).allow_headers(Any);
        let services = services.layer(cors);
        let (stop, stopped) = oneshot::channel::<()>();
        let task = tokio::spawn(async move {
            let ended = axum::serve(self.listener, services)
                .with_graceful_shutdown(async {
                    let _ = stopped.await;
                })
                .await;
            if let Err(error) = ended {
                tracing::error!(%error, "HTTP services ended");
            }
        });
        Served { stop, task }
    }
}

/// How long open requests may take to end once the server is told to stop.
const GRACE: std::time::Duration = std::time::Duration::from_secs(2);

impl Served {
    /// Stops accepting, lets open requests end, and waits for it at most [`GRACE`].
    pub(crate) async fn stop(self) {
        let _ = self.stop.send(());
        let abort = self.task.abort_handle();
        if tokio::time::timeout(GRACE, self.task).await.is_err() {
            abort.abort();
        }
    }
}
