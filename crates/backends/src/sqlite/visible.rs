//! The condition of [`Visible`] on a row of `incidents`.

use super::values::get;
use model::Visibility;
use ports::store::{StoreError, Visible};
use sqlx::sqlite::SqliteRow;
use sqlx::{QueryBuilder, Sqlite};

/// Adds `AND …` for a row of `incidents`, which the query calls by that name. The text is always the same, whoever
/// asks and whatever policies say: the case of the row is computed, and its bit looked up.
pub(super) fn push(sql: &mut QueryBuilder<Sqlite>, visible: Option<&Visible>) {
    let Some(visible) = visible.filter(|visible| !visible.is_everything()) else { return };
    let names = |names: &[String]| serde_json::Value::from(names).to_string();
    sql.push(" AND (").push_bind(i64::from(visible.cases()));
    sql.push(
        " >> (incidents.visibility * 4 + 2 * max(coalesce(incidents.team IN (SELECT value FROM json_each(",
    );
    sql.push_bind(names(visible.teams()));
    sql.push(")), 0), coalesce(incidents.owner IN (SELECT value FROM json_each(");
    sql.push_bind(names(visible.teams()));
    sql.push(")), 0), coalesce(incidents.service IN (SELECT value FROM json_each(");
    sql.push_bind(names(visible.services()));
    sql.push(")), 0)) + coalesce(incidents.assignee = ").push_bind(visible.person().map(str::to_owned));
    sql.push(", 0))) & 1");
}

/// Who may see the incident of a row.
pub(super) fn visibility(row: &SqliteRow) -> Result<Visibility, StoreError> {
    let number: i64 = get(row, "visibility")?;
    let found = usize::try_from(number).ok().and_then(|number| Visibility::ALL.get(number).copied());
    found.ok_or_else(|| StoreError::corrupt("visibility", number))
}
