//! Events that were kept long enough.

use crate::file_lake::{Inner, locked};
use crate::manifest::{Change, FileRow};
use crate::parquet_file::over_ms;
use ports::LakeError;
use ports::lake::{Maintained, RetentionRule};

impl Inner {
    /// Takes the files out whose day is so long over that the rule of their class says so. Files of the first
    /// level wait until they are merged.
    pub(crate) fn expire(
        &self,
        now_ms: i64,
        rules: &[RetentionRule],
        done: &mut Maintained,
    ) -> Result<(), LakeError> {
        let _turn = locked(&self.merge_turn);
        let (old, events) = {
            let state = locked(&self.state);
            let rows = state.files.values().map(|listed| &listed.row);
            let expired = rows.filter(|row| is_expired(row, now_ms, rules));
            expired.fold((Vec::new(), 0), |(mut old, events), row| {
                old.push(row.number);
                (old, events + row.rows)
            })
        };
        if old.is_empty() {
            return Ok(());
        }
        done.files_expired += old.len() as u64;
        done.events_expired += events;
        self.apply(Change::Expire { old })?;
        self.sweep();
        Ok(())
    }
}

fn is_expired(row: &FileRow, now_ms: i64, rules: &[RetentionRule]) -> bool {
    let Some(class_uid) = row.class_uid else { return false };
    let of_class = rules.iter().find(|rule| rule.class_uid == Some(class_uid));
    let rule = of_class.or_else(|| rules.iter().find(|rule| rule.class_uid.is_none()));
    rule.is_some_and(|rule| over_ms(row).saturating_add(rule.age_ms_max) <= now_ms)
}
