//! The promoted columns: what of an event stands beside it, typed, so that a query can filter on it.
//!
//! A column's name is its OCSF path with `_` for `.`; what an array holds is promoted from its first member.

/// The type of a column's values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ColumnKind {
    /// UTF-8 text.
    Text,
    /// A signed integer of 64 bits.
    Int,
}

/// What a value says about a person, and so who may see it unmasked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sensitivity {
    /// Nothing about a person.
    Open,
    /// Names a person, their machine or their whereabouts, or may hold text that does.
    Personal,
}

/// One promoted column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Column {
    /// The name in queries.
    pub name: &'static str,
    /// The OCSF path that it is promoted from.
    pub path: &'static str,
    /// The type of its values.
    pub kind: ColumnKind,
    /// Who may see it.
    pub sensitivity: Sensitivity,
}

/// The number of a column: its index in [`COLUMNS`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ColumnId(pub u8);

macro_rules! columns {
    ($($name:ident: $path:literal $kind:ident $sensitivity:ident,)*) => {
        /// Every promoted column, in the order of the lake's schema. Only ever appended to: files that were
        /// written before a column existed read as nulls there.
        pub const COLUMNS: &[Column] = &[$(Column {
            name: stringify!($name),
            path: $path,
            kind: ColumnKind::$kind,
            sensitivity: Sensitivity::$sensitivity,
        },)*];
    };
}

columns! {
    activity_id: "activity_id" Int Open,
    severity_id: "severity_id" Int Open,
    status_id: "status_id" Int Open,
    status_code: "status_code" Text Open,
    message: "message" Text Personal,
    metadata_product_name: "metadata.product.name" Text Open,
    metadata_original_event_uid: "metadata.original_event_uid" Text Open,
    metadata_correlation_uid: "metadata.correlation_uid" Text Open,
    cloud_account_uid: "cloud.account.uid" Text Open,
    cloud_region: "cloud.region" Text Open,
    api_service_name: "api.service.name" Text Open,
    api_operation: "api.operation" Text Open,
    actor_user_name: "actor.user.name" Text Personal,
    actor_user_uid: "actor.user.uid" Text Personal,
    actor_user_email_addr: "actor.user.email_addr" Text Personal,
    actor_user_credential_uid: "actor.user.credential_uid" Text Open,
    actor_session_uid: "actor.session.uid" Text Open,
    actor_app_name: "actor.app_name" Text Open,
    actor_process_name: "actor.process.name" Text Open,
    actor_process_pid: "actor.process.pid" Int Open,
    actor_process_path: "actor.process.path" Text Personal,
    actor_process_cmd_line: "actor.process.cmd_line" Text Personal,
    user_name: "user.name" Text Personal,
    user_uid: "user.uid" Text Personal,
    user_email_addr: "user.email_addr" Text Personal,
    src_endpoint_ip: "src_endpoint.ip" Text Personal,
    src_endpoint_port: "src_endpoint.port" Int Open,
    src_endpoint_hostname: "src_endpoint.hostname" Text Personal,
    dst_endpoint_ip: "dst_endpoint.ip" Text Personal,
    dst_endpoint_port: "dst_endpoint.port" Int Open,
    dst_endpoint_hostname: "dst_endpoint.hostname" Text Personal,
    device_hostname: "device.hostname" Text Personal,
    process_name: "process.name" Text Open,
    process_pid: "process.pid" Int Open,
    process_path: "process.path" Text Personal,
    process_cmd_line: "process.cmd_line" Text Personal,
    process_parent_process_name: "process.parent_process.name" Text Open,
    file_name: "file.name" Text Personal,
    file_path: "file.path" Text Personal,
    resources_uid: "resources.uid" Text Open,
    resources_name: "resources.name" Text Open,
    resources_type: "resources.type" Text Open,
    http_request_user_agent: "http_request.user_agent" Text Personal,
    query_hostname: "query.hostname" Text Personal,
}

/// The column that an OCSF path is promoted to.
pub fn column_of(path: &str) -> Option<ColumnId> {
    COLUMNS.iter().position(|column| column.path == path).map(|at| ColumnId(at as u8))
}

impl ColumnId {
    /// What the column is.
    pub fn column(self) -> Option<&'static Column> {
        COLUMNS.get(usize::from(self.0))
    }
}

/// One value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ColumnValue<'a> {
    /// Of a [`ColumnKind::Text`] column.
    Text(&'a str),
    /// Of a [`ColumnKind::Int`] column.
    Int(i64),
}

#[derive(Debug, Clone, Copy)]
enum Cell {
    Absent,
    Text { start: u32, end: u32 },
    Int(i64),
}

/// The promoted values of one event: buffers that are filled, read and reused from event to event.
#[derive(Debug, Clone)]
pub struct ColumnValues {
    text: String,
    cells: [Cell; COLUMNS.len()],
}

impl Default for ColumnValues {
    fn default() -> Self {
        Self { text: String::new(), cells: [Cell::Absent; COLUMNS.len()] }
    }
}

impl ColumnValues {
    /// Forgets all values; keeps the buffers.
    pub fn clear(&mut self) {
        self.text.clear();
        self.cells = [Cell::Absent; COLUMNS.len()];
    }

    /// Sets a text, unless the column has a value already.
    pub fn put_text(&mut self, column: ColumnId, text: &str) {
        self.put_text_with(column, |out| out.push_str(text));
    }

    /// Sets a text that `write` appends to what it is given, unless the column has a value already.
    pub fn put_text_with(&mut self, column: ColumnId, write: impl FnOnce(&mut String)) {
        let Some(cell @ Cell::Absent) = self.cells.get_mut(usize::from(column.0)) else { return };
        let start = self.text.len();
        write(&mut self.text);
        *cell = Cell::Text { start: start as u32, end: self.text.len() as u32 };
    }

    /// Sets a number, unless the column has a value already.
    pub fn put_int(&mut self, column: ColumnId, value: i64) {
        if let Some(cell @ Cell::Absent) = self.cells.get_mut(usize::from(column.0)) {
            *cell = Cell::Int(value);
        }
    }

    /// Takes a column's value back.
    pub fn take_back(&mut self, column: ColumnId) {
        if let Some(cell) = self.cells.get_mut(usize::from(column.0)) {
            *cell = Cell::Absent;
        }
    }

    /// A column's value.
    pub fn get(&self, column: ColumnId) -> Option<ColumnValue<'_>> {
        match *self.cells.get(usize::from(column.0))? {
            Cell::Absent => None,
            Cell::Int(value) => Some(ColumnValue::Int(value)),
            Cell::Text { start, end } => self.text.get(start as usize..end as usize).map(ColumnValue::Text),
        }
    }

    /// Every column's value in the order of [`COLUMNS`].
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Option<ColumnValue<'_>>> {
        (0..COLUMNS.len()).map(|at| self.get(ColumnId(at as u8)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_column_is_named_after_its_path() {
        for column in COLUMNS {
            assert_eq!(column.name, column.path.replace('.', "_"));
        }
    }

    #[test]
    fn the_first_value_stays_until_it_is_taken_back() {
        let name = column_of("actor.user.name").unwrap();
        let mut values = ColumnValues::default();
        values.put_text(name, "bob");
        values.put_text(name, "eve");
        assert_eq!(values.get(name), Some(ColumnValue::Text("bob")));
        values.take_back(name);
        values.put_text(name, "eve");
        assert_eq!(values.get(name), Some(ColumnValue::Text("eve")));
        assert_eq!(values.iter().flatten().count(), 1);
        values.clear();
        assert_eq!(values.iter().flatten().count(), 0);
    }
}
