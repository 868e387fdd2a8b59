//! `GET /api/v1/receipt/events`: says that something about the report changed, so that a page that is open reads it again.
//!
//! It says nothing of what changed, and nothing when nothing did that the reporter may see: comings and goings of the team
//! cannot be told by it.

use super::receipt;
use crate::code::Code;
use crate::extract::OpenReceipt;
use crate::problem::{Problem, ProblemBody};
use crate::report_parts::Reports;
use crate::state::App;
use crate::streams::{Full, Place};
use axum::extract::State;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures::stream::Stream;
use model::{AppealBy, ReportId};
use ports::store::{ChangeSeq, StoreError};
use report::{Listener, News, incident_for_reporter};
use std::convert::Infallible;
use std::time::Duration;

/// How often it is looked at whatever happens, in milliseconds; another process may have changed it.
const IDLE_MS: u64 = 3_000;

/// How long changes are gathered before it is looked at, in milliseconds.
const GATHER_MS: u64 = 200;

/// What the reporter sees of a report, in so far as it tells that something changed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Sight {
    version: u64,
    messages: usize,
    files: usize,
    appeals: Vec<&'static str>,
    /// Where the work on the incident stands, if everybody who works here may see that.
    incident: Option<&'static str>,
}

/// Follow the report
///
/// Server-sent events `changed` without data; ends when the receipt does.
#[utoipa::path(
    get,
    path = "/api/v1/receipt/events",
    tag = "reports",
    responses(
        (status = 200, description = "Events until the receipt closes", body = String, content_type = "text/event-stream"),
        (status = 404, description = "The report is not there any more", body = ProblemBody, content_type = "application/problem+json"),
        (status = 429, description = "Too many streams are open", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn get(
    State(app): State<App>,
    reports: Reports,
    open: OpenReceipt,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Problem> {
    let id = receipt::report(&app, &open).await?.id;
    let place = app.receipt_streams.take_for(id.to_string()).map_err(|full| {
        let (code, detail) = match full {
            Full::All => (Code::StreamsExhausted, "too many follow their reports at once"),
            Full::One => (Code::StreamsTooMany, "this report is followed too often at once"),
        };
        Problem::new(code, detail).retry_after(Some(IDLE_MS))
    })?;
    // listening begins before the first look: what changes in between is heard
    let listener = reports.0.desk.feed().listen();
    let at = app.store.read().await?.changes().bounds().await?.unwrap_or_default().1;
    let seen = look(&app, id).await?.unwrap_or_default();
    let expires_at_ms = open.0.expires_at_ms;
    let follower = Follower { app, id, listener, at, seen, expires_at_ms, greeted: false, _place: place };
    let events = futures::stream::unfold(follower, |mut follower| async move {
        let event = follower.next().await?;
        Some((Ok(event), follower))
    });
    Ok(Sse::new(events).keep_alive(KeepAlive::new().interval(Duration::from_millis(IDLE_MS * 3))))
}

struct Follower {
    app: App,
    id: ReportId,
    listener: Listener,
    /// The last change of incidents that was heard of.
    at: ChangeSeq,
    seen: Sight,
    expires_at_ms: i64,
    greeted: bool,
    _place: Place,
}

impl Follower {
    /// The next event; `None` ends the stream.
    async fn next(&mut self) -> Option<Event> {
        if !self.greeted {
            self.greeted = true;
            // takes the answer's head along: the page knows at once that it is connected
            return Some(Event::default().comment("following"));
        }
        loop {
            tokio::select! {
                () = self.app.shutdown.cancelled() => return None,
                news = self.listener.next() => match news? {
                    News::Of(id) if id != self.id => continue,
                    News::Of(_) | News::Missed => {}
                },
                changed = self.app.store.wait_for_change(self.at) => {
                    self.at = changed.ok()?;
                    // incidents of others change too: they are looked at together
                    tokio::time::sleep(Duration::from_millis(GATHER_MS)).await;
                }
                () = tokio::time::sleep(Duration::from_millis(IDLE_MS)) => {}
            }
            if self.app.clock.now_ms() >= self.expires_at_ms {
                return None;
            }
            let now = look(&self.app, self.id).await.ok()??;
            if now != self.seen {
                self.seen = now;
                return Some(Event::default().event("changed").data("{}"));
            }
        }
    }
}

/// What there is to be seen now; `None` when the report is gone.
async fn look(app: &App, id: ReportId) -> Result<Option<Sight>, StoreError> {
    let mut snapshot = app.store.read().await?;
    let Some(report) = snapshot.reports().get(id).await? else { return Ok(None) };
    let incident = incident_for_reporter(&mut *snapshot, &report).await?;
    let appeals = snapshot.appeals().of_report(id).await?;
    Ok(Some(Sight {
        version: report.version,
        messages: snapshot.report_messages().public_of_report(id).await?.len(),
        files: snapshot.attachments().of_report(id).await?.len(),
        appeals: appeals
            .iter()
            .filter(|appeal| appeal.by == AppealBy::Reporter)
            .map(|appeal| appeal.state.as_str())
            .collect(),
        incident: incident.map(|incident| incident.status.as_str()),
    }))
}
