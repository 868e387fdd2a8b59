//! Where an OCSF event of System Activity names its processes (OCSF 1.8, classes 1001 to 1010, object
//! `process`).

use enrich::{ProcessEvent, ProcessRef};
use model::{EventView, FieldId, FieldTable, Scalar};

/// OCSF `class_uid` of Process Activity.
const PROCESS_ACTIVITY: u32 = 1007;
/// OCSF `activity_id` of that class.
const LAUNCH: u64 = 1;
const TERMINATE: u64 = 2;

/// Names of the host, best first.
const HOST: [&str; 4] = ["device.hostname", "device.name", "device.uid", "device.ip"];

/// The fields of one process.
#[derive(Debug, Clone, Copy)]
struct Fields {
    pid: FieldId,
    created_time: FieldId,
    path: FieldId,
    name: FieldId,
}

impl Fields {
    fn intern(table: &mut FieldTable, process: &str) -> Self {
        let mut field = |name: &str| table.intern(&format!("{process}.{name}"));
        Self {
            pid: field("pid"),
            created_time: field("created_time"),
            path: field("file.path"),
            name: field("name"),
        }
    }

    fn read<'t>(&self, event: &EventView<'t>) -> Option<ProcessRef<'t>> {
        let pid = number(event, self.pid)?;
        let started_at_ms = number(event, self.created_time).and_then(|ms| i64::try_from(ms).ok());
        let image = text(event, self.path).or_else(|| text(event, self.name)).unwrap_or_default();
        Some(ProcessRef { pid, started_at_ms, image })
    }
}

/// The ids of the fields in the table of events.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ProcessFields {
    host: [FieldId; HOST.len()],
    activity_id: FieldId,
    process: Fields,
    process_parent: Fields,
    actor: Fields,
    actor_parent: Fields,
}

impl ProcessFields {
    pub(crate) fn intern(table: &mut FieldTable) -> Self {
        Self {
            host: HOST.map(|name| table.intern(name)),
            activity_id: table.intern("activity_id"),
            process: Fields::intern(table, "process"),
            process_parent: Fields::intern(table, "process.parent_process"),
            actor: Fields::intern(table, "actor.process"),
            actor_parent: Fields::intern(table, "actor.process.parent_process"),
        }
    }

    /// Whether events of that class may name processes: OCSF's category System Activity.
    pub(crate) const fn are_in(class_uid: u32) -> bool {
        class_uid / 1_000 == 1
    }

    /// What an event says of processes. Of a start or end it is the process itself, whose parent is who acted
    /// where the event names no other; of any other event it is the process that acted.
    pub(crate) fn read<'t>(&self, event: &EventView<'t>, class_uid: u32) -> Option<ProcessEvent<'t>> {
        if !Self::are_in(class_uid) {
            return None;
        }
        let host = self.host.iter().find_map(|field| text(event, *field))?;
        let activity = number(event, self.activity_id).filter(|_| class_uid == PROCESS_ACTIVITY);
        let (starts, ends) = (activity == Some(LAUNCH), activity == Some(TERMINATE));
        let actor = self.actor.read(event);
        let own = if starts || ends { self.process.read(event) } else { None };
        Some(match own {
            Some(process) => {
                let parent = self.process_parent.read(event).or(actor).filter(|parent| *parent != process);
                ProcessEvent { host, process, parent, starts, ends }
            }
            None => {
                let parent = self.actor_parent.read(event);
                ProcessEvent { host, process: actor?, parent, starts: false, ends: false }
            }
        })
    }
}

fn text<'t>(event: &EventView<'t>, field: FieldId) -> Option<&'t str> {
    event.first(field)?.str().filter(|text| !text.is_empty())
}

fn number(event: &EventView<'_>, field: FieldId) -> Option<u64> {
    match event.first(field)?.scalar()? {
        Scalar::Uint(number) => Some(number),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::Tape;

    fn read(json: &str, class_uid: u32) -> Option<(String, u64, Option<u64>, bool, bool)> {
        let mut table = FieldTable::default();
        let fields = ProcessFields::intern(&mut table);
        let mut tape = Tape::new();
        let view = tape.parse(&table, json.as_bytes()).unwrap();
        let read = fields.read(&view, class_uid)?;
        let image = format!("{}:{}", read.host, read.process.image);
        Some((image, read.process.pid, read.parent.map(|parent| parent.pid), read.starts, read.ends))
    }

    #[test]
    fn starts_ends_and_acts_name_their_process() {
        let own = r#""device":{"hostname":"web"},"process":{"pid":7,"created_time":5,"file":{"path":"/bin/sh"},
            "parent_process":{"pid":3,"name":"sshd"}},"actor":{"process":{"pid":4,"name":"su"}}"#;
        let orphan = r#""device":{"uid":"d1"},"process":{"pid":7,"name":"sh"},"actor":{"process":{"pid":4}}"#;
        let act = r#""device":{"name":"web"},"file":{"path":"/etc/passwd"},
            "actor":{"process":{"pid":9,"name":"vi","parent_process":{"pid":8}}}"#;
        let cases = [
            (own, 1, 1007, Some(("web:/bin/sh", 7, Some(3), true, false))),
            (own, 2, 1007, Some(("web:/bin/sh", 7, Some(3), false, true))),
            (own, 3, 1007, Some(("web:su", 4, None, false, false))),
            (orphan, 1, 1007, Some(("d1:sh", 7, Some(4), true, false))),
            (act, 1, 1001, Some(("web:vi", 9, Some(8), false, false))),
            (own, 1, 6003, None),
            (r#""process":{"pid":7}"#, 1, 1007, None),
            (r#""device":{"hostname":"web"},"process":{"pid":"7"}"#, 1, 1007, None),
        ];
        for (json, activity, class_uid, expected) in cases {
            let json = format!("{{\"activity_id\":{activity},{json}}}");
            let expected =
                expected.map(|(image, pid, up, starts, ends)| (image.to_owned(), pid, up, starts, ends));
            assert_eq!(read(&json, class_uid), expected, "{json}");
        }
    }
}
