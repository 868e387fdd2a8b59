//! SQLite against the suite of `ports::Store`, and against what its own file can do to it.

use huecry_backends::sqlite::SqliteStore;
use ports::Store;
use tempfile::TempDir;

/// A store and the folder that goes with it.
struct Fresh {
    store: SqliteStore,
    dir: TempDir,
}

impl Fresh {
    fn as_store(&self) -> &dyn Store {
        &self.store
    }
}

async fn sqlite() -> Fresh {
    let dir = tempfile::tempdir().unwrap();
    let store = SqliteStore::open_path(&dir.path().join("state/huecry.db")).await.unwrap();
    Fresh { store, dir }
}

mod sqlite_conformance {
    use super::sqlite;
    ports::store_conformance!(sqlite);
}

mod own {
    use super::sqlite;
    use huecry_backends::sqlite::SqliteStore;
    use model::{AuditField, AuditRecord, Principal, Severity};
    use ports::store::ERASE_ACTION;
    use ports::store::conformance::Bench;
    use ports::{Store, StoreError};

    #[tokio::test]
    async fn what_was_committed_is_there_after_opening_again() {
        let fresh = sqlite().await;
        let incident = Bench::new(1).opened(&fresh.store, 1, "root").await;
        let newest = fresh.store.wait_for_change(ports::store::ChangeSeq(0)).await.unwrap();
        fresh.store.close().await;
        assert!(matches!(fresh.store.begin().await, Err(StoreError::Closed)));
        assert!(matches!(fresh.store.wait_for_change(newest).await, Err(StoreError::Closed)));

        let again = SqliteStore::open_path(&fresh.dir.path().join("state/huecry.db")).await.unwrap();
        assert_eq!(again.read().await.unwrap().incidents().get(incident.id).await.unwrap(), Some(incident));
        assert_eq!(again.wait_for_change(ports::store::ChangeSeq(0)).await.unwrap(), newest);
    }

    #[tokio::test]
    async fn the_file_is_durable_as_promised_and_checks_its_references() {
        let fresh = sqlite().await;
        let mut writer = fresh.store.writer().acquire().await.unwrap();
        for (pragma, value) in [
            ("SELECT journal_mode FROM pragma_journal_mode", "wal"),
            ("SELECT CAST(synchronous AS TEXT) FROM pragma_synchronous", "2"),
            ("SELECT CAST(foreign_keys AS TEXT) FROM pragma_foreign_keys", "1"),
        ] {
            let found: String = sqlx::query_scalar(pragma).fetch_one(&mut *writer).await.unwrap();
            assert_eq!(found, value, "{pragma}");
        }
    }

    #[tokio::test]
    async fn every_table_says_where_its_data_must_be_kept() {
        let fresh = sqlite().await;
        let without: Vec<String> = sqlx::query_scalar(
            "SELECT t.name FROM pragma_table_list t WHERE t.type = 'table' AND t.schema = 'main' \
             AND t.name NOT LIKE 'sqlite_%' AND t.name NOT LIKE '\\_sqlx%' ESCAPE '\\' \
             AND t.name NOT LIKE 'incident\\_titles%' ESCAPE '\\' \
             AND (t.strict = 0 OR NOT EXISTS (SELECT 1 FROM pragma_table_info(t.name) c WHERE c.name = 'region'))",
        )
        .fetch_all(fresh.store.readers())
        .await
        .unwrap();
        assert_eq!(without, Vec::<String>::new());
    }

    #[tokio::test]
    async fn audit_records_cannot_be_altered_by_sql_either() {
        let fresh = sqlite().await;
        Bench::new(2).opened(&fresh.store, 1, "root").await;
        for sql in ["UPDATE audit SET reason = 'x'", "DELETE FROM audit"] {
            let refused = sqlx::query(sql).execute(fresh.store.writer()).await.unwrap_err();
            assert!(refused.to_string().contains("audit records are never"), "{refused}");
        }
    }

    #[tokio::test]
    async fn what_was_erased_stands_in_no_table_or_index() {
        let fresh = sqlite().await;
        let bench = Bench::new(6);
        let long = format!("secret-of-ana {}", "x".repeat(9_000));
        let record = AuditRecord {
            principal: Principal::Local { account: "secret-of-eve".into() },
            reason: Some(long),
            object: "secret-of-bob".into(),
            ..bench.audit("")
        };
        let mut unit = fresh.store.begin().await.unwrap();
        unit.audit().add(&record).await.unwrap();
        for _ in 0..50 {
            unit.audit().add(&bench.audit("other")).await.unwrap();
        }
        unit.commit().await.unwrap();
        let fields = [AuditField::Principal, AuditField::Object, AuditField::Reason];
        let erasure = AuditRecord {
            action: ERASE_ACTION.to_owned(),
            after: serde_json::json!({ "fields": ["principal", "object", "reason"] }),
            ..bench.audit(record.id)
        };
        let mut unit = fresh.store.begin().await.unwrap();
        assert_eq!(unit.audit().erase(record.id, &fields, &erasure).await.unwrap(), 3);
        unit.commit().await.unwrap();
        // copies that earlier splits of pages left in unused space go with VACUUM; what is live would stay
        sqlx::query("VACUUM").execute(fresh.store.writer()).await.unwrap();
        // the last connection takes the write-ahead log into the file and removes it
        fresh.store.close().await;
        let file = std::fs::read(fresh.dir.path().join("state/huecry.db")).unwrap();
        let found = |text: &str| file.windows(text.len()).any(|window| window == text.as_bytes());
        assert!(found("other"), "what was not erased is there");
        assert!(!found("secret-of-") && !found(&"x".repeat(100)), "an erased value is still somewhere");
    }

    #[tokio::test]
    async fn a_full_disk_is_told_apart_and_nothing_is_lost() {
        let fresh = sqlite().await;
        let bench = Bench::new(3);
        let kept = bench.opened(&fresh.store, 1, "root").await;
        let pages: i64 =
            sqlx::query_scalar("PRAGMA page_count").fetch_one(fresh.store.writer()).await.unwrap();
        let limit = sqlx::AssertSqlSafe(format!("PRAGMA max_page_count = {pages}"));
        sqlx::query(limit).execute(fresh.store.writer()).await.unwrap();
        let mut unit = fresh.store.begin().await.unwrap();
        let mut finding = bench.finding(2, "eve", 5, Severity::Low);
        finding.event = serde_json::json!({ "text": "x".repeat(1 << 20) });
        let refused = unit.findings().insert(&[(&finding, kept.id)]).await.unwrap_err();
        assert!(matches!(refused, StoreError::DiskFull), "{refused:?}");
        assert!(matches!(unit.commit().await, Err(StoreError::Aborted)));

        sqlx::query("PRAGMA max_page_count = 1000000").execute(fresh.store.writer()).await.unwrap();
        let later = bench.opened(&fresh.store, 3, "eve").await;
        let mut view = fresh.store.read().await.unwrap();
        for incident in [kept, later] {
            assert!(view.incidents().get(incident.id).await.unwrap().is_some());
        }
        assert_eq!(view.findings().count().await.unwrap(), 2);
    }

    #[tokio::test]
    async fn a_value_of_a_newer_version_is_an_error_that_names_it() {
        let fresh = sqlite().await;
        let incident = Bench::new(4).opened(&fresh.store, 1, "root").await;
        sqlx::query("UPDATE incidents SET group_kind = 'satellite'")
            .execute(fresh.store.writer())
            .await
            .unwrap();
        let refused = fresh.store.read().await.unwrap().incidents().get(incident.id).await.unwrap_err();
        assert!(matches!(&refused, StoreError::Corrupt { what, .. } if what == "group_kind"), "{refused:?}");
    }

    #[tokio::test]
    async fn what_cannot_be_read_keeps_no_other_one_waiting() {
        let fresh = sqlite().await;
        ports::store::conformance::runs_keep_their_playbook(&fresh.store).await;
        sqlx::query("UPDATE runs SET machine = 'x' WHERE due_at_ms = 100")
            .execute(fresh.store.writer())
            .await
            .unwrap();
        let lease = |id, until_ms| model::Lease { id: model::LeaseId(model::Ulid(id)), until_ms };
        let mut unit = fresh.store.begin().await.unwrap();
        let taken = unit.runs().take(lease(1, 9_000), 1_000).await.unwrap().unwrap();
        assert_eq!(taken.due_at_ms, Some(200));
        unit.commit().await.unwrap();
        let mut unit = fresh.store.begin().await.unwrap();
        let refused = unit.runs().take(lease(2, 9_000), 1_000).await;
        assert!(matches!(refused, Err(StoreError::Corrupt { .. })), "{refused:?}");
    }
}
