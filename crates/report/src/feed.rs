//! Who waits for news of a report hears of it.

use model::ReportId;
use tokio::sync::broadcast;

/// So many changes a slow listener may be behind; then it hears that it missed some.
const CHANGES_MAX: usize = 1024;

/// Tells of changes of reports within this process: which report, never what. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Feed(broadcast::Sender<ReportId>);

/// What a listener hears.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum News {
    /// This report changed.
    Of(ReportId),
    /// So many changed that some were missed: look at everything that matters.
    Missed,
}

/// Hears of changes.
#[derive(Debug)]
pub struct Listener(broadcast::Receiver<ReportId>);

impl Default for Feed {
    fn default() -> Self {
        Self(broadcast::Sender::new(CHANGES_MAX))
    }
}

impl Feed {
    /// Tells everybody who listens.
    pub fn tell(&self, id: ReportId) {
        // nobody listens: nobody to tell
        let _ = self.0.send(id);
    }

    /// Listens from now on.
    pub fn listen(&self) -> Listener {
        Listener(self.0.subscribe())
    }
}

impl Listener {
    /// Waits for news; `None` when there will be none any more.
    pub async fn next(&mut self) -> Option<News> {
        match self.0.recv().await {
            Ok(id) => Some(News::Of(id)),
            Err(broadcast::error::RecvError::Lagged(_)) => Some(News::Missed),
            Err(broadcast::error::RecvError::Closed) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::Ulid;

    #[tokio::test]
    async fn who_falls_behind_hears_that_they_did() {
        let feed = Feed::default();
        let mut listener = feed.listen();
        feed.tell(ReportId(Ulid(7)));
        assert_eq!(listener.next().await, Some(News::Of(ReportId(Ulid(7)))));
        (0..2 * CHANGES_MAX).for_each(|n| feed.tell(ReportId(Ulid(n as u128))));
        assert_eq!(listener.next().await, Some(News::Missed));
        drop(feed);
        while listener.next().await.is_some() {}
    }
}
