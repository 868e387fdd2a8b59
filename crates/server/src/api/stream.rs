//! `/api/v1/stream`: findings, incidents and comments as they come (server-sent events).

use crate::code::Code;
use crate::extract::{As, Params};
use crate::problem::{Problem, ProblemBody};
use crate::state::App;
use crate::streams::{Full, Place};
use crate::view::{CommentView, FindingView, IncidentView};
use access::{Admitted, Rule, Scope, Sight};
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures::stream::Stream;
use ports::Snapshot;
use ports::store::{Change, ChangeKind, ChangeSeq, StoreError};
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use utoipa::{IntoParams, ToSchema};

/// Who may follow the stream.
pub(crate) const RULE: Rule = Rule::Scope(Scope::IncidentsRead);

/// Changes that are read at once.
const CHANGES_PER_READ_MAX: u32 = 100;

/// How often an idle stream checks that its token still holds, and says that it lives, in milliseconds.
const IDLE_MS: u64 = 10_000;

/// Where to begin.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct StreamParams {
    /// The number of the last change seen; the same as the header `Last-Event-ID`, which wins.
    after: Option<u64>,
}

/// The data of one event; its type is the kind of change, its id the change's number.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct StreamedChange {
    /// The number of the change.
    seq: u64,
    /// `finding.added`, `incident.opened`, `incident.updated`, `incident.merged`, `comment.added`, `containment.changed` or
    /// `run.changed`; the last two for those who may see containments.
    kind: &'static str,
    /// The id of what changed.
    object: String,
    /// The incident concerned, as it is now.
    incident: Option<IncidentView>,
    /// The finding that was added.
    #[serde(skip_serializing_if = "Option::is_none")]
    finding: Option<FindingView>,
    /// The comment that was added.
    #[serde(skip_serializing_if = "Option::is_none")]
    comment: Option<CommentView>,
    /// When it changed.
    at_ms: i64,
}

/// Follow findings and incidents
///
/// Server-sent events. A client that lost the connection sends the last id it saw in `Last-Event-ID` and
/// misses nothing; if that is too long ago, the first event is `reset` and the client loads anew. Ends when
/// the token does.
#[utoipa::path(
    get,
    path = "/api/v1/stream",
    tag = "incidents",
    params(StreamParams, ("last-event-id" = Option<u64>, Header, description = "The last change seen")),
    responses(
        (status = 200, description = "Events without end", body = StreamedChange,
            content_type = "text/event-stream"),
        (status = 429, description = "Too many streams are open, in all or of the asker", body = ProblemBody,
            content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn get(
    State(app): State<App>,
    Params(params): Params<StreamParams>,
    As(admitted): As,
    headers: HeaderMap,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Problem> {
    let place = app.streams.take(&admitted).map_err(|full| {
        let (code, detail) = match full {
            Full::All => (Code::StreamsExhausted, format!("{} streams are open", app.options.streams_max)),
            Full::One => {
                (Code::StreamsTooMany, format!("you have {} streams open", app.options.streams_of_one_max))
            }
        };
        Problem::new(code, detail).retry_after(Some(IDLE_MS))
    })?;
    let last = headers.get("last-event-id").and_then(|value| value.to_str().ok()?.trim().parse().ok());
    let bounds = app.store.read().await?.changes().bounds().await?;
    let start = Start::of(last.or(params.after).map(ChangeSeq), bounds);
    // the first bytes take the answer's head along: a client knows at once that it is connected
    let first = if start.reset { reset(start.after) } else { Event::default().comment("following") };
    let ready = VecDeque::from([first]);
    let follower = Follower { app, admitted, after: start.after, ready, _place: place };
    let events = futures::stream::unfold(follower, |mut follower| async move {
        let event = follower.next().await?;
        Some((Ok(event), follower))
    });
    Ok(Sse::new(events).keep_alive(KeepAlive::new().interval(Duration::from_millis(IDLE_MS))))
}

/// Where a stream begins.
#[derive(Debug, PartialEq, Eq)]
struct Start {
    after: ChangeSeq,
    /// Whether the client has missed changes that are not kept any more.
    reset: bool,
}

impl Start {
    fn of(last: Option<ChangeSeq>, bounds: Option<(ChangeSeq, ChangeSeq)>) -> Self {
        let (oldest, newest) = bounds.unwrap_or_default();
        match last {
            None => Self { after: newest, reset: false },
            // `oldest - 1` is the last that a client may have seen without missing any
            Some(last) if last.0 + 1 >= oldest.0 && last <= newest => Self { after: last, reset: false },
            Some(_) => Self { after: newest, reset: true },
        }
    }
}

fn reset(newest: ChangeSeq) -> Event {
    Event::default().event("reset").id(newest.0.to_string()).data("{}")
}

struct Follower {
    app: App,
    admitted: Arc<Admitted>,
    after: ChangeSeq,
    ready: VecDeque<Event>,
    _place: Place,
}

impl Follower {
    /// The next event; `None` ends the stream.
    async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Some(event);
            }
            tokio::select! {
                () = self.app.shutdown.cancelled() => return None,
                changed = self.app.store.wait_for_change(self.after) => { changed.ok()?; }
                () = tokio::time::sleep(Duration::from_millis(IDLE_MS)) => {}
            }
            let admitted = self.app.gate.still_admitted(RULE, &self.admitted).await.ok()?;
            self.admitted = Arc::new(admitted);
            if let Err(error) = self.read().await {
                tracing::warn!(%error, "stream of changes ended");
                return None;
            }
        }
    }

    async fn read(&mut self) -> Result<(), StoreError> {
        let mut snapshot = self.app.store.read().await?;
        for change in snapshot.changes().after(self.after, CHANGES_PER_READ_MAX).await? {
            self.after = change.seq;
            let Some(streamed) = streamed(&mut *snapshot, change, &self.admitted).await? else { continue };
            let event = Event::default().event(streamed.kind).id(streamed.seq.to_string());
            if let Ok(event) = event.json_data(&streamed) {
                self.ready.push_back(event);
            }
        }
        Ok(())
    }
}

/// What a change looks like; `None` where its incident does not exist for the asker.
async fn streamed(
    snapshot: &mut dyn Snapshot,
    change: Change,
    admitted: &Admitted,
) -> Result<Option<StreamedChange>, StoreError> {
    let incident = snapshot.incidents().get(change.incident).await?;
    let seen = incident.as_ref().map_or(admitted.visible.is_everything(), |i| admitted.visible.sees(i));
    let contains = matches!(change.kind, ChangeKind::ContainmentChanged | ChangeKind::RunChanged);
    if !seen || (contains && !admitted.scopes.has(Scope::ContainmentsRead)) {
        return Ok(None);
    }
    let (mut finding, mut comment) = (None, None);
    match (change.kind, change.object.parse(), change.object.parse()) {
        (ChangeKind::FindingAdded, Ok(id), _) => finding = snapshot.findings().get(id).await?,
        (ChangeKind::CommentAdded, _, Ok(id)) => comment = snapshot.comments().get(id).await?,
        _ => {}
    }
    let mut sight = Sight::of_snapshot(snapshot, &admitted.visible);
    // a finding may have moved since, to an incident that does not exist for the asker
    if sight.names_hidden(&change.object).await? {
        return Ok(None);
    }
    let incident = match incident {
        Some(incident) => Some(IncidentView::seen(incident, &mut sight).await?),
        None => None,
    };
    Ok(Some(StreamedChange {
        seq: change.seq.0,
        kind: change.kind.as_str(),
        object: change.object,
        incident,
        finding: finding.map(Into::into),
        comment: comment.map(Into::into),
        at_ms: change.at_ms,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_begins_where_the_client_left_off() {
        let bounds = Some((ChangeSeq(5), ChangeSeq(9)));
        let cases = [
            (None, bounds, 9, false),
            (Some(7), bounds, 7, false),
            (Some(9), bounds, 9, false),
            (Some(4), bounds, 4, false),
            (Some(3), bounds, 9, true),
            (Some(10), bounds, 9, true),
            (None, None, 0, false),
            (Some(0), None, 0, false),
            (Some(1), None, 0, true),
        ];
        for (last, bounds, after, reset) in cases {
            let expected = Start { after: ChangeSeq(after), reset };
            assert_eq!(Start::of(last.map(ChangeSeq), bounds), expected, "{last:?}");
        }
    }
}
