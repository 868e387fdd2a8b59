//! The state in one SQLite file: one writer, a pool of readers, write-ahead log, `synchronous=FULL`.
//!
//! | file | holds |
//! |---|---|
//! | `session` | one transaction: what [`Snapshot`] and [`UnitOfWork`] are here |
//! | `incidents`, `comments`, `findings`, `moves`, `timeline` | cases |
//! | `incident_list`, `incident_filter`, `facets`, `views` | the queue: pages, what narrows them, counts, kept filters |
//! | `registry`, `consumers`, `trail` | tokens and sources; positions and dead letters; changes, answers |
//! | `people`, `visible` | who may sign in, and is; which incidents someone may see |
//! | `reports`, `report_changes`, `report_talk`, `report_appeals`, `bulletin` | what people report; words and files; appeals and ledger; notices, digests, thanks |
//! | `containments`, `delegations`, `runs` | actions on targets; who answers for whom; executions of playbooks |
//! | `letters` | what people are told by e-mail, until it is sent |
//! | `rules` | stages of rules, and how often they matched |
//! | `audit` | who did what, with leaves for the Merkle tree |
//! | `values` | how ids, numbers and errors cross the border |
//!
//! **Invariant:** SQL is made of constant text; whatever comes from outside is bound.
//!
//! **Invariant:** the writer's pool has one connection, so `begin` queues in order of arrival instead of
//! fighting for SQLite's lock, and `BEGIN IMMEDIATE` never fails half way for want of it.
//!
//! The file belongs to one process: [`Store::wait_for_change`] hears of this process's commits only.

mod audit;
mod bulletin;
mod comments;
mod consumers;
mod containments;
mod delegations;
mod facets;
mod findings;
mod incident_filter;
mod incident_list;
mod incidents;
mod letters;
mod moves;
mod people;
mod registry;
mod report_appeals;
mod report_changes;
mod report_talk;
mod reports;
mod rules;
mod runs;
mod session;
mod timeline;
mod trail;
mod values;
mod views;
mod visible;

use async_trait::async_trait;
use disk::{OsDisk, create_dir_durably};
use ports::store::{ChangeSeq, Snapshot, Store, StoreError, UnitOfWork};
use session::Session;
use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};
use sqlx::{Connection, Row, SqlSafeStr};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::sync::watch;
use values::failed;

/// How many connections read at a time.
const READERS_MAX: u32 = 4;
/// How long [`Store::begin`] and [`Store::read`] wait for their turn.
const TURN_WAIT_MAX: Duration = Duration::from_secs(30);
/// How long SQLite waits for a lock that another process (a backup, the `sqlite3` shell) holds.
const LOCK_WAIT_MAX: Duration = Duration::from_secs(5);

/// The state in one SQLite file.
#[derive(Debug)]
pub struct SqliteStore {
    writer: SqlitePool,
    readers: SqlitePool,
    committed: watch::Sender<u64>,
}

impl SqliteStore {
    /// Opens or creates the file that `url` names (`sqlite:state/huecry.db`; relative to the working
    /// directory, or absolute as `sqlite:/var/lib/huecry/huecry.db`), and brings its schema up to date.
    ///
    /// # Errors
    /// [`StoreError::BadUrl`]; [`StoreError::Backend`] when the file cannot be opened or was written by a
    /// newer version.
    pub async fn open(url: &str) -> Result<Self, StoreError> {
        Self::open_path(&path_of(url)?).await
    }

    /// As [`open`](Self::open), by path.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub async fn open_path(path: &Path) -> Result<Self, StoreError> {
        if let Some(dir) = path.parent().filter(|dir| !dir.as_os_str().is_empty()) {
            make_folder(dir.to_owned()).await.map_err(|e| StoreError::Backend {
                doing: "making the folder of the store",
                source: e.into(),
            })?;
        }
        let options = SqliteConnectOptions::new()
            .filename(path)
            .busy_timeout(LOCK_WAIT_MAX)
            .foreign_keys(true)
            .pragma("temp_store", "memory");
        let pool = |connections| {
            SqlitePoolOptions::new()
                .max_connections(connections)
                .acquire_timeout(TURN_WAIT_MAX)
                .idle_timeout(None)
                .max_lifetime(None)
                .before_acquire(|connection, _| {
                    // A COMMIT that fails on a full disk ends SQLite's transaction but not the driver's, which
                    // then refuses every later one: such a connection is closed and opened anew.
                    let usable = !connection.is_in_transaction();
                    Box::pin(async move { Ok(usable) })
                })
        };
        let writer = pool(1)
            .connect_with(
                options
                    .clone()
                    .create_if_missing(true)
                    .journal_mode(SqliteJournalMode::Wal)
                    .synchronous(SqliteSynchronous::Full)
                    .pragma("cache_size", "-32768")
                    .pragma("journal_size_limit", "67108864"),
            )
            .await
            .map_err(failed("opening the store"))?;
        migrator()
            .run(&writer)
            .await
            .map_err(|e| StoreError::Backend { doing: "bringing the store up to date", source: e.into() })?;
        audit::fill_leaf_hashes(&writer).await?;
        let newest = newest_change(&writer).await?;
        let readers =
            pool(READERS_MAX).connect_lazy_with(options.read_only(true).pragma("cache_size", "-8192"));
        Ok(Self { writer, readers, committed: watch::Sender::new(newest) })
    }

    /// The reader's pool, so that a test can look at the plans of queries.
    #[doc(hidden)]
    pub fn readers(&self) -> &SqlitePool {
        &self.readers
    }

    /// The writer's connection, so that a test can fill a large store or break it.
    #[doc(hidden)]
    pub fn writer(&self) -> &SqlitePool {
        &self.writer
    }
}

#[async_trait]
impl Store for SqliteStore {
    async fn begin(&self) -> Result<Box<dyn UnitOfWork>, StoreError> {
        let tx = self.writer.begin_with("BEGIN IMMEDIATE").await.map_err(failed("opening a unit of work"))?;
        Ok(Box::new(Session::writing(tx, self.committed.clone())))
    }

    async fn read(&self) -> Result<Box<dyn Snapshot>, StoreError> {
        let tx = self.readers.begin().await.map_err(failed("opening a view"))?;
        Ok(Box::new(Session::reading(tx, self.committed.clone())))
    }

    async fn wait_for_change(&self, after: ChangeSeq) -> Result<ChangeSeq, StoreError> {
        let mut committed = self.committed.subscribe();
        tokio::select! {
            newest = committed.wait_for(|newest| *newest > after.0) => {
                newest.map(|newest| ChangeSeq(*newest)).map_err(|_| StoreError::Closed)
            }
            () = async { self.writer.close_event().await } => Err(StoreError::Closed),
        }
    }

    async fn check(&self) -> Result<(), StoreError> {
        newest_change(&self.readers).await?;
        // taking the writer's lock and giving it back writes nothing, but fails where writing would
        let tx = self.writer.begin_with("BEGIN IMMEDIATE").await.map_err(failed("checking the store"))?;
        tx.rollback().await.map_err(failed("checking the store"))
    }

    async fn close(&self) {
        self.readers.close().await;
        self.writer.close().await;
    }
}

/// Makes the folder if it is not there. SQLite syncs the names in it, nobody else the folder's own: without that a power
/// cut may take a new store with all that it acknowledged.
async fn make_folder(dir: PathBuf) -> std::io::Result<()> {
    tokio::task::spawn_blocking(move || create_dir_durably(&OsDisk, &dir)).await?
}

/// The newest change ever made, also when the feed was cut since.
async fn newest_change(pool: &SqlitePool) -> Result<u64, StoreError> {
    let row = sqlx::query("SELECT coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'changes'), 0)")
        .fetch_one(pool)
        .await
        .map_err(failed("reading the feed of changes"))?;
    Ok(row.get::<i64, _>(0).max(0) as u64)
}

fn migrator() -> Migrator {
    let migration = |version, name: &'static str, sql: &'static str| {
        Migration::new(version, name.into(), MigrationType::Simple, sql.into_sql_str(), false)
    };
    Migrator::with_migrations(vec![
        migration(1, "state", include_str!("../../migrations/sqlite/0001_state.sql")),
        migration(2, "audit", include_str!("../../migrations/sqlite/0002_audit.sql")),
        migration(3, "ownership", include_str!("../../migrations/sqlite/0003_ownership.sql")),
        migration(4, "rules", include_str!("../../migrations/sqlite/0004_rules.sql")),
        migration(5, "access", include_str!("../../migrations/sqlite/0005_access.sql")),
        migration(6, "desk", include_str!("../../migrations/sqlite/0006_desk.sql")),
        migration(7, "vouching", include_str!("../../migrations/sqlite/0007_vouching.sql")),
        migration(8, "chained merges", include_str!("../../migrations/sqlite/0008_chained_merges.sql")),
        migration(9, "reports", include_str!("../../migrations/sqlite/0009_reports.sql")),
        migration(10, "containment", include_str!("../../migrations/sqlite/0010_containment.sql")),
        migration(11, "letters", include_str!("../../migrations/sqlite/0011_letters.sql")),
    ])
}

/// The file that a `sqlite:` URL names.
fn path_of(url: &str) -> Result<PathBuf, StoreError> {
    let bad = |reason: &str| StoreError::BadUrl { url: url.to_owned(), reason: reason.to_owned() };
    let path = url.strip_prefix("sqlite:").ok_or_else(|| bad("write sqlite:PATH"))?;
    let path = path.strip_prefix("//").unwrap_or(path);
    if path.is_empty() || path.contains(['?', '#']) {
        return Err(bad("write sqlite:PATH, without parameters"));
    }
    if path.contains(":memory:") {
        return Err(bad("the state must be a file: readers and the writer have connections of their own"));
    }
    Ok(PathBuf::from(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_name_files() {
        for (url, path) in [
            ("sqlite:a.db", Some("a.db")),
            ("sqlite:state/a.db", Some("state/a.db")),
            ("sqlite:///var/a.db", Some("/var/a.db")),
            ("sqlite:/var/a.db", Some("/var/a.db")),
            ("sqlite:", None),
            ("sqlite::memory:", None),
            ("sqlite:a.db?mode=ro", None),
            ("postgres://db", None),
        ] {
            assert_eq!(path_of(url).ok(), path.map(PathBuf::from), "{url}");
        }
    }

    /// Rows as a store has them that was written before the queue was searched and counted.
    const BEFORE: &str = r#"
        INSERT INTO incidents (id, region, title, machine_severity, gravest, group_kind, group_value, first_seen_ms,
            last_seen_ms, findings, rules, tactics, created_at_ms, updated_at_ms, status, assignee, merged_into)
        VALUES (x'000000000000000000000000000000a1', 'default', 'Root login: root', 4, x'00000000000000000000000000000001',
                'actor', 'root', 1, 2, 2, '["r1"]', '[]', 1, 1, 2, 'ana', NULL),
               (x'000000000000000000000000000000a2', 'default', 'Root login: root', 3, x'00000000000000000000000000000002',
                'actor', 'root', 2, 2, 1, '["r1"]', '[]', 1, 1, 1, NULL, x'000000000000000000000000000000a1');
        INSERT INTO sources VALUES ('trail', 'default', 'aws_cloudtrail', '{}', NULL, 1, 1, 1, 1);
        INSERT INTO findings (id, region, incident, first_incident, rule_id, source, severity, time_ms, detected_at_ms, body)
        VALUES (x'00000000000000000000000000000001', 'default', x'000000000000000000000000000000a1',
                x'000000000000000000000000000000a1', 'r1', 'trail', 4, 1, 1, '{"rule_title":"Root without MFA"}'),
               (x'00000000000000000000000000000002', 'default', x'000000000000000000000000000000a1',
                x'000000000000000000000000000000a2', 'r1', 'gone', 3, 2, 2, '{"rule_title":"Root without MFA"}');
        INSERT INTO incident_entities VALUES ('198.51.100.7', 'address', 1, 'default');
        INSERT INTO comments VALUES (x'000000000000000000000000000000c1', 'default',
            x'000000000000000000000000000000a1', 'ana', 'the laptop', 5);
    "#;

    /// A store that was made by the migrations before 0006 and filled with rows, then perhaps ran with some more of them,
    /// and is brought up to date.
    async fn store_from_before(
        rows: &'static str,
        ran_with: Option<i64>,
    ) -> (tempfile::TempDir, SqliteStore) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("s.db");
        let options = SqliteConnectOptions::new().filename(&path).create_if_missing(true).foreign_keys(true);
        let old = SqlitePoolOptions::new().max_connections(1).connect_with(options).await.unwrap();
        let until = |version: i64| {
            let all = migrator();
            let some = all.migrations.iter().filter(|m| m.version <= version).cloned().collect();
            Migrator::with_migrations(some)
        };
        until(5).run(&old).await.unwrap();
        sqlx::raw_sql(rows).execute(&old).await.unwrap();
        if let Some(version) = ran_with {
            until(version).run(&old).await.unwrap();
        }
        old.close().await;
        let store = SqliteStore::open_path(&path).await.unwrap();
        (dir, store)
    }

    /// Incidents a1 to a5, each with the finding of its number: a1 was merged into a2 and that into a3, and a5 into a4,
    /// before moves were kept.
    const CHAINED: &str = r#"
        INSERT INTO incidents (id, region, title, machine_severity, gravest, group_kind, group_value, first_seen_ms,
            last_seen_ms, findings, rules, tactics, created_at_ms, updated_at_ms, merged_into)
        SELECT unhex(printf('%032x', 160 + n)), 'default', 'Root login: root', 3, unhex(printf('%032x', n)), 'actor',
            'root', n, n, 1, '["r1"]', '[]', n, n, unhex(printf('%032x', into_id))
        FROM (SELECT 1 AS n, 162 AS into_id UNION ALL SELECT 2, 163 UNION ALL SELECT 5, 164);
        INSERT INTO incidents (id, region, title, machine_severity, gravest, group_kind, group_value, first_seen_ms,
            last_seen_ms, findings, rules, tactics, created_at_ms, updated_at_ms)
        SELECT unhex(printf('%032x', 160 + n)), 'default', 'Root login: root', 3, unhex(printf('%032x', n)), 'actor',
            'root', n, n, 1, '["r1"]', '[]', n, n FROM (SELECT 3 AS n UNION ALL SELECT 4);
        INSERT INTO findings (id, region, incident, first_incident, rule_id, source, severity, time_ms, detected_at_ms, body)
        SELECT unhex(printf('%032x', n)), 'default', unhex(printf('%032x', iif(n <= 3, 163, 164))),
            unhex(printf('%032x', 160 + n)), 'r1', 'trail', 3, n, n, '{"rule_title":"Root login"}'
        FROM (SELECT 1 AS n UNION ALL SELECT 2 UNION ALL SELECT 3 UNION ALL SELECT 4 UNION ALL SELECT 5);
    "#;

    /// The numbers of the findings that an incident of [`CHAINED`] holds.
    async fn held(store: &SqliteStore, incident: u128) -> Vec<i64> {
        let id = incident.to_be_bytes().to_vec();
        let sql = "SELECT time_ms FROM findings WHERE incident = ? ORDER BY 1";
        sqlx::query_scalar(sql).bind(id).fetch_all(&store.readers).await.unwrap()
    }

    #[tokio::test]
    async fn chained_merges_from_before_are_taken_back_in_any_order() {
        use model::{IncidentId, Ulid};
        use ports::store::Regrouping;
        use ports::store::conformance::Bench;
        // what is taken back, from whom; and what each incident holds then
        type Step = ((u128, u128), &'static [(u128, &'static [i64])]);
        let orders: [&[Step]; 3] = [
            &[
                ((0xa1, 0xa3), &[(0xa1, &[1]), (0xa2, &[]), (0xa3, &[2, 3])]),
                ((0xa2, 0xa3), &[(0xa1, &[1]), (0xa2, &[2]), (0xa3, &[3])]),
            ],
            &[
                ((0xa2, 0xa3), &[(0xa1, &[]), (0xa2, &[1, 2]), (0xa3, &[3])]),
                ((0xa1, 0xa2), &[(0xa1, &[1]), (0xa2, &[2]), (0xa3, &[3])]),
            ],
            &[((0xa5, 0xa4), &[(0xa4, &[4]), (0xa5, &[5])])],
        ];
        let bench = Bench::new(1);
        for ran_with in [None, Some(6)] {
            for steps in orders {
                let (_dir, store) = store_from_before(CHAINED, ran_with).await;
                for ((id, survivor), holds) in steps {
                    let (id, survivor) = (IncidentId(Ulid(*id)), IncidentId(Ulid(*survivor)));
                    let (audit, other_audit) = (bench.audit(id), bench.audit(survivor));
                    let back =
                        Regrouping { version: None, at_ms: 9, audit: &audit, other_audit: &other_audit };
                    let mut unit = store.begin().await.unwrap();
                    unit.moves().unmerge(id, survivor, back).await.unwrap();
                    unit.commit().await.unwrap();
                    for (incident, findings) in *holds {
                        assert_eq!(held(&store, *incident).await, *findings, "{incident:x} of {steps:?}");
                    }
                }
            }
        }
    }

    #[tokio::test]
    async fn a_store_from_before_is_searched_counted_and_taken_apart() {
        use model::{IncidentId, Ulid};
        use ports::store::conformance::Bench;
        use ports::store::{Facet, IncidentFilter, PageRequest, Regrouping};
        let (_dir, store) = store_from_before(BEFORE, None).await;
        let mut view = store.read().await.unwrap();
        for (text, found) in
            [("laptop", 1), ("without mfa", 1), ("198.51.100", 1), ("\"out mfa\" 51.100", 1), ("zebra", 0)]
        {
            let filter = IncidentFilter { text: Some(text.to_owned()), ..IncidentFilter::default() };
            let page = view.incidents().list(&filter, Default::default(), &PageRequest::default()).await;
            assert_eq!(page.unwrap().items.len(), found, "{text}");
        }
        let facets = view.incidents().facets(&IncidentFilter::default()).await.unwrap();
        assert_eq!(facets.total, 1);
        let of = |wanted: Facet| {
            let counts = &facets.counts.iter().find(|(facet, _)| *facet == wanted).unwrap().1;
            counts.iter().map(|c| (c.value.as_str(), c.count)).collect::<Vec<_>>()
        };
        assert_eq!(of(Facet::Source), [("aws_cloudtrail", 1), ("gone", 1)]);
        assert_eq!((of(Facet::Rule), of(Facet::Assignee)), (vec![("r1", 1)], vec![("ana", 1)]));
        drop(view);

        let (survivor, merged) = (IncidentId(Ulid(0xa1)), IncidentId(Ulid(0xa2)));
        let bench = Bench::new(1);
        let (audit, other_audit) = (bench.audit(merged), bench.audit(survivor));
        let back = Regrouping { version: None, at_ms: 9, audit: &audit, other_audit: &other_audit };
        let mut unit = store.begin().await.unwrap();
        assert_eq!(unit.moves().unmerge(merged, survivor, back).await.unwrap(), 1);
        unit.commit().await.unwrap();
        let facets =
            store.read().await.unwrap().incidents().facets(&IncidentFilter::default()).await.unwrap();
        assert_eq!(facets.total, 2);
    }
}
