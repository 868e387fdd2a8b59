//! Runs the server until it is told to stop, and then until the requests in work are answered.

use crate::routes::router;
use crate::state::App;
use axum::serve::ListenerExt;
use std::future::IntoFuture;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::TcpListener;

/// Serves `app` on `listener` until [`Parts::shutdown`](crate::Parts::shutdown) is cancelled; then takes no
/// more connections and gives requests in work [`drain_ms_max`](crate::Options::drain_ms_max).
///
/// # Errors
/// When the listener fails.
pub async fn serve(listener: TcpListener, app: App) -> io::Result<()> {
    let (router, _) = router(&app);
    let shutdown = app.shutdown.clone();
    let stop = shutdown.clone();
    // answers are small and their senders wait: no delay to fill a packet
    let listener = listener.tap_io(|connection| {
        if let Err(error) = connection.set_nodelay(true) {
            tracing::debug!(%error, "nodelay not set");
        }
    });
    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    let server = axum::serve(listener, service).with_graceful_shutdown(stop.cancelled_owned());
    let drained = async {
        shutdown.cancelled().await;
        tokio::time::sleep(Duration::from_millis(app.options.drain_ms_max)).await;
    };
    tokio::select! {
        served = server.into_future() => served,
        () = drained => {
            tracing::warn!(drain_ms_max = app.options.drain_ms_max, "requests cut off at shutdown");
            Ok(())
        }
    }
}
