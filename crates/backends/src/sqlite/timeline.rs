//! What happened to an incident: findings, comments and records, each a run of an index, merged.

use super::audit;
use super::comments::comment;
use super::values::{bytes, failed, get, get_json, get_ulid, int, uint, ulid};
use model::{CommentId, FindingId, IncidentId};
use ports::store::{COMMENT_ACTION, Cursor, Moment, Page, PageRequest, StoreError, TimelineOrder};
use sqlx::SqliteConnection;

const READING: &str = "reading a timeline";

/// What a page is read by: the oldest first, and the newest first.
pub(super) const FINDINGS: [&str; 2] = [
    "SELECT id, body FROM findings WHERE incident = ? AND (time_ms, id) > (?, ?) \
        ORDER BY time_ms, id LIMIT ?",
    "SELECT id, body FROM findings WHERE incident = ? AND (time_ms, id) < (?, ?) \
        ORDER BY time_ms DESC, id DESC LIMIT ?",
];
pub(super) const COMMENTS: [&str; 2] = [
    "SELECT * FROM comments WHERE incident = ? AND (created_at_ms, id) > (?, ?) \
        ORDER BY created_at_ms, id LIMIT ?",
    "SELECT * FROM comments WHERE incident = ? AND (created_at_ms, id) < (?, ?) \
        ORDER BY created_at_ms DESC, id DESC LIMIT ?",
];
pub(super) const RECORDS: [&str; 2] = [
    "SELECT * FROM audit INDEXED BY audit_of_object WHERE object = ? AND (at_ms, seq) > (?, ?) \
        AND action <> ? ORDER BY seq LIMIT ?",
    "SELECT * FROM audit INDEXED BY audit_of_object WHERE object = ? AND (at_ms, seq) < (?, ?) \
        AND action <> ? ORDER BY seq DESC LIMIT ?",
];

/// Where a page ended: time, rank, and the id within the rank.
struct Start {
    at_ms: i64,
    rank: u8,
    id: String,
}

/// A moment with what it is told apart by from others of its rank and time.
struct Told {
    moment: Moment,
    id: String,
}

/// The first and the last of all ids of a rank: blobs and numbers.
const LAST_BLOB: [u8; 17] = [0xff; 17];

pub(super) async fn timeline(
    conn: &mut SqliteConnection,
    incident: IncidentId,
    order: TimelineOrder,
    page: &PageRequest,
) -> Result<Page<Moment>, StoreError> {
    let list = match order {
        TimelineOrder::OldestFirst => "timeline",
        TimelineOrder::NewestFirst => "timeline-newest",
    };
    let start = page.after.as_ref().map(|cursor| start(cursor, list)).transpose()?;
    let reader = Reader { incident, order, start, items: i64::from(page.items()) + 1 };
    let mut told = reader.findings(conn).await?;
    told.extend(reader.comments(conn).await?);
    told.extend(reader.records(conn).await?);
    // each rank came in its own order already, and the sort keeps it
    match order {
        TimelineOrder::OldestFirst => told.sort_by_key(|t| (t.moment.at_ms(), t.moment.rank())),
        TimelineOrder::NewestFirst => {
            told.sort_by_key(|t| std::cmp::Reverse((t.moment.at_ms(), t.moment.rank())));
        }
    }
    let page = Page::of(told, page.items(), |last| {
        Cursor::new(list, &[last.moment.at_ms(), i64::from(last.moment.rank())], &last.id)
    });
    Ok(Page { items: page.items.into_iter().map(|told| told.moment).collect(), next: page.next })
}

fn start(cursor: &Cursor, list: &str) -> Result<Start, StoreError> {
    let ([at_ms, rank], id) = cursor.parts::<2>(list)?;
    let rank = u8::try_from(rank).map_err(|_| StoreError::BadCursor)?;
    Ok(Start { at_ms, rank, id: id.to_owned() })
}

struct Reader {
    incident: IncidentId,
    order: TimelineOrder,
    start: Option<Start>,
    items: i64,
}

impl Reader {
    /// From where a rank goes on: a time, and an id at it; `first` and `last` are before and after all ids.
    fn bound<T>(
        &self,
        rank: u8,
        parse: impl FnOnce(&str) -> Option<T>,
        first: T,
        last: T,
    ) -> Result<(i64, T), StoreError> {
        let newest = self.order == TimelineOrder::NewestFirst;
        let Some(start) = &self.start else {
            return Ok(if newest { (i64::MAX, last) } else { (i64::MIN, first) });
        };
        let id = match rank.cmp(&start.rank) {
            std::cmp::Ordering::Equal => parse(&start.id).ok_or(StoreError::BadCursor)?,
            // in both orders: what comes after the start at its time is all of a rank or nothing
            std::cmp::Ordering::Greater => first,
            std::cmp::Ordering::Less => last,
        };
        Ok((start.at_ms, id))
    }

    async fn findings(&self, conn: &mut SqliteConnection) -> Result<Vec<Told>, StoreError> {
        let parse = |id: &str| id.parse::<FindingId>().ok().map(|id| id.0.to_vec());
        let (at_ms, id) = self.bound(0, parse, Vec::new(), LAST_BLOB.to_vec())?;
        let sql = FINDINGS[usize::from(self.order == TimelineOrder::NewestFirst)];
        let query = sqlx::query(sql).bind(ulid(self.incident.0)).bind(at_ms).bind(id).bind(self.items);
        let rows = query.fetch_all(conn).await.map_err(failed(READING))?;
        rows.iter()
            .map(|row| {
                let id = FindingId(bytes(row, "id")?).to_string();
                Ok(Told { moment: Moment::Finding(Box::new(get_json(row, "body")?)), id })
            })
            .collect()
    }

    async fn comments(&self, conn: &mut SqliteConnection) -> Result<Vec<Told>, StoreError> {
        let parse = |id: &str| id.parse::<CommentId>().ok().map(|id| ulid(id.0));
        let (at_ms, id) = self.bound(1, parse, Vec::new(), LAST_BLOB.to_vec())?;
        let sql = COMMENTS[usize::from(self.order == TimelineOrder::NewestFirst)];
        let query = sqlx::query(sql).bind(ulid(self.incident.0)).bind(at_ms).bind(id).bind(self.items);
        let rows = query.fetch_all(conn).await.map_err(failed(READING))?;
        rows.iter()
            .map(|row| {
                let id = CommentId(get_ulid(row, "id")?).to_string();
                Ok(Told { moment: Moment::Comment(comment(row)?), id })
            })
            .collect()
    }

    /// Records have their numbers in the order of their times.
    async fn records(&self, conn: &mut SqliteConnection) -> Result<Vec<Told>, StoreError> {
        let parse = |id: &str| id.parse::<u64>().ok().map(int);
        let (at_ms, seq) = self.bound(2, parse, -1, i64::MAX)?;
        let sql = RECORDS[usize::from(self.order == TimelineOrder::NewestFirst)];
        let query = sqlx::query(sql).bind(self.incident.to_string()).bind(at_ms).bind(seq);
        let query = query.bind(COMMENT_ACTION).bind(self.items);
        let rows = query.fetch_all(conn).await.map_err(failed(READING))?;
        rows.iter()
            .map(|row| {
                let id = uint(row, "seq")?.to_string();
                Ok(Told { moment: Moment::Record(Box::new(audit::record_of(row)?)), id })
            })
            .collect()
    }
}

/// Titles of rules, as their findings said.
pub(super) async fn rule_titles(
    conn: &mut SqliteConnection,
    rules: &[String],
) -> Result<Vec<(String, String)>, StoreError> {
    let rows = sqlx::query(
        "SELECT r.rule, r.title FROM json_each(?) g CROSS JOIN rule_titles r ON r.rule = g.value ORDER BY r.rule, r.title",
    )
    .bind(super::values::json(&rules, READING)?)
    .fetch_all(conn)
    .await
    .map_err(failed(READING))?;
    rows.iter().map(|row| Ok((get(row, "rule")?, get(row, "title")?))).collect()
}
