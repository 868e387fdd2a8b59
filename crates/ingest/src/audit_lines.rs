//! Cuts text of the Linux audit system into records: the lines of one event are one record.
//!
//! auditd writes `type=… msg=audit(time:serial): …`, several lines an event, and events of busy machines
//! interleave. A record is the stretch from an event's first line to its last; lines of other events within
//! it are told apart by their id when the record is read. So bytes stay as they were, and borrowed.

use memchr::{memchr, memmem};
use std::borrow::Cow;

/// Events that may be open at a time; auditd itself holds back a few.
const OPEN_EVENTS_MAX: usize = 32;
/// Most lines between the first and the last of one event.
const EVENT_LINES_MAX: usize = 1_024;

/// Whether the first line that is neither empty nor a comment is one of auditd.
pub fn is_audit(body: &[u8]) -> bool {
    let first = lines(body).map(|(_, line)| line).find(|line| !is_idle(line));
    first.is_some_and(|line| !line.starts_with(b"{") && event_id(line).is_some())
}

/// The id of a line's event, `seconds.milliseconds:serial`.
pub fn event_id(line: &[u8]) -> Option<&[u8]> {
    memmem::find(line, b"type=")?;
    let start = memmem::find(line, b"audit(")? + b"audit(".len();
    let id = &line[start..];
    let id = &id[..memchr(b')', id)?];
    memchr(b':', id).map(|_| id)
}

/// Whether a line says nothing: empty, or a comment.
pub fn is_idle(line: &[u8]) -> bool {
    line.is_empty() || line.starts_with(b"#")
}

fn lines(body: &[u8]) -> impl Iterator<Item = (usize, &[u8])> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let rest = body.get(at..).filter(|rest| !rest.is_empty())?;
        let end = memchr(b'\n', rest).unwrap_or(rest.len());
        let start = at;
        at += end + 1;
        Some((start, rest[..end].trim_ascii_end()))
    })
}

struct Event<'b> {
    id: Option<&'b [u8]>,
    start: usize,
    end: usize,
    first_line: usize,
    is_closed: bool,
}

/// The records of `body`, in the order of their first lines. A line without an id is a record of its own.
pub fn events(body: &[u8]) -> Vec<&[u8]> {
    let mut events: Vec<Event<'_>> = Vec::new();
    for (number, (start, line)) in lines(body).enumerate().filter(|(_, (_, line))| !is_idle(line)) {
        let (id, end) = (event_id(line), start + line.len());
        let is_last = memmem::find(line, b"type=EOE").is_some();
        let mut open = events.iter_mut().rev().take(OPEN_EVENTS_MAX);
        let known = open
            .find(|e| id.is_some() && e.id == id && !e.is_closed && number - e.first_line < EVENT_LINES_MAX);
        match known {
            Some(event) => (event.end, event.is_closed) = (end, is_last),
            None => events.push(Event { id, start, end, first_line: number, is_closed: is_last }),
        }
    }
    events.iter().map(|event| &body[event.start..event.end]).collect()
}

/// The lines of a record that are of its own event.
pub fn own_lines(record: &[u8]) -> Cow<'_, [u8]> {
    let id = lines(record).find_map(|(_, line)| event_id(line));
    let is_own = |line: &[u8]| event_id(line) == id;
    if lines(record).all(|(_, line)| is_own(line)) {
        return Cow::Borrowed(record);
    }
    let own: Vec<&[u8]> = lines(record).map(|(_, line)| line).filter(|line| is_own(line)).collect();
    Cow::Owned(own.join(&b"\n"[..]))
}

/// The id of the last line that has one.
pub fn last_event_id(body: &[u8]) -> Option<&[u8]> {
    body.rsplit(|byte| *byte == b'\n').find_map(event_id)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(of: &str, serial: u32) -> String {
        format!("type={of} msg=audit(1700000000.100:{serial}): x=1\n")
    }

    fn cut(body: &str) -> Vec<String> {
        events(body.as_bytes()).iter().map(|r| String::from_utf8_lossy(r).into_owned()).collect()
    }

    #[test]
    fn an_event_is_one_record() {
        let (a1, a2, b1, b2) = (line("SYSCALL", 1), line("CWD", 1), line("SYSCALL", 2), line("CWD", 2));
        let text =
            |parts: &[&String]| parts.iter().map(|p| p.as_str()).collect::<String>().trim_end().to_owned();
        assert_eq!(cut(&text(&[&a1, &a2, &b1, &b2])), [text(&[&a1, &a2]), text(&[&b1, &b2])]);
        // interleaved: each stretch holds the other's line, which its reader leaves out
        assert_eq!(cut(&text(&[&a1, &b1, &a2, &b2])), [text(&[&a1, &b1, &a2]), text(&[&b1, &a2, &b2])]);
        let end = line("EOE", 1);
        assert_eq!(cut(&text(&[&a1, &end, &a2])), [text(&[&a1, &end]), text(&[&a2])], "closed");
        assert_eq!(
            cut(&format!("# comment\n\n{a1}oops\n{a2}")),
            [format!("{a1}oops\n{}", a2.trim_end()), "oops".into()]
        );
    }

    #[test]
    fn only_lines_of_auditd_are_audit() {
        assert!(is_audit(line("CWD", 1).as_bytes()));
        assert!(is_audit(format!("# trace\n\nnode=web1 {}", line("CWD", 1)).as_bytes()));
        for other in ["", "{\"a\":\"type=X msg=audit(1:1)\"", "hello", "type=X msg=audit(1)"] {
            assert!(!is_audit(other.as_bytes()), "{other}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_line_is_lost(serials in proptest::collection::vec(0_u32..4, 1..40)) {
            let body: String = serials.iter().map(|serial| line("PATH", *serial)).collect();
            let mut found: Vec<u32> = Vec::new();
            for record in events(body.as_bytes()) {
                let id = lines(record).find_map(|(_, line)| event_id(line));
                let own = lines(record).filter(|(_, line)| event_id(line) == id).count();
                found.push(own as u32);
            }
            proptest::prop_assert_eq!(found.iter().sum::<u32>() as usize, serials.len());
        }
    }
}
