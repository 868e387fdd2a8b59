//! When files that are in force are looked at again.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// Looks every `interval_s` seconds (0: never), and at SIGHUP, then with `true`: whatever has changed. Until `shutdown`. A look
/// that falls is logged, and the next one comes all the same. `what` names it in messages.
pub(crate) fn watch(
    what: &'static str,
    interval_s: u32,
    shutdown: &CancellationToken,
    tasks: &mut JoinSet<Result<(), String>>,
    look: impl FnMut(bool) + Send + 'static,
) {
    let (shutdown, look) = (shutdown.clone(), Arc::new(Mutex::new(look)));
    tasks.spawn(async move {
        let mut hangup = signal(SignalKind::hangup()).map_err(|e| format!("{what}: {e}"))?;
        loop {
            let pause = async {
                match interval_s {
                    0 => std::future::pending().await,
                    seconds => tokio::time::sleep(Duration::from_secs(seconds.into())).await,
                }
            };
            let force = tokio::select! {
                () = shutdown.cancelled() => return Ok(()),
                received = hangup.recv() => received.is_some(),
                () = pause => false,
            };
            // files are read and verified on a thread that may wait
            let look = Arc::clone(&look);
            let looked = tokio::task::spawn_blocking(move || {
                let mut look = look.lock().unwrap_or_else(PoisonError::into_inner);
                look(force);
            });
            if let Err(error) = looked.await {
                tracing::error!(what, %error, "files could not be read again");
            }
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_look_that_falls_is_not_the_last() {
        let (shutdown, mut tasks) = (CancellationToken::new(), JoinSet::new());
        let (tell, mut told) = tokio::sync::mpsc::unbounded_channel();
        let mut number = 0;
        watch("files", 1, &shutdown, &mut tasks, move |force| {
            number += 1;
            tell.send((number, force)).unwrap();
            assert_ne!(number, 1, "the first one falls");
        });
        assert_eq!(told.recv().await, Some((1, false)));
        assert_eq!(told.recv().await, Some((2, false)));
        shutdown.cancel();
        assert_eq!(tasks.join_next().await.unwrap().unwrap(), Ok(()));
        assert!(told.recv().await.is_none());
    }
}
