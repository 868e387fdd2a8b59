//! An entry as one JSON line: what `records.jsonl` of a copy is made of, and the API's feed of entries.
//!
//! ```text
//! {"index":0,"id":"aud_…","at_ms":…,"clock_ms":…,"action":"incident.assign","values":{"principal":
//! {"salt":"<32 hex>","text":"{\"kind\":…}"},…,"reason":{"salt":"…","text":null},"origin":{"erased":"<64 hex>"},…}}
//! ```
//! A value that the reader may not know is `{"withheld":"<64 hex>"}`.
//!
//! Keys stand in this order, without spaces; a line in any other form is refused, so that no bit of a copy can
//! be flipped without notice.

use model::{AUDIT_FIELDS, AuditEntry, AuditField, CommittedValue};
use serde::ser::{SerializeMap, SerializeStruct};
use serde::{Deserialize, Serialize, Serializer};

/// Longest line that is read, in bytes.
pub const LINE_BYTES_MAX: usize = 4 * 1024 * 1024;

struct Line<'e>(&'e AuditEntry);
struct Values<'e>(&'e AuditEntry);
struct Value<'e>(&'e CommittedValue);

impl Serialize for Line<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut line = serializer.serialize_struct("entry", 6)?;
        line.serialize_field("index", &self.0.index)?;
        line.serialize_field("id", &self.0.id)?;
        line.serialize_field("at_ms", &self.0.at_ms)?;
        line.serialize_field("clock_ms", &self.0.clock_ms)?;
        line.serialize_field("action", &self.0.action)?;
        line.serialize_field("values", &Values(self.0))?;
        line.end()
    }
}

impl Serialize for Values<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut values = serializer.serialize_map(Some(AUDIT_FIELDS))?;
        for field in AuditField::ALL {
            values.serialize_entry(field.as_str(), &Value(self.0.value(field)))?;
        }
        values.end()
    }
}

impl Serialize for Value<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut value = serializer.serialize_map(None)?;
        match self.0 {
            CommittedValue::Open { salt, text } => {
                value.serialize_entry("salt", &hex(salt))?;
                value.serialize_entry("text", text)?;
            }
            CommittedValue::Erased { commitment } => value.serialize_entry("erased", &hex(commitment))?,
            CommittedValue::Withheld { commitment } => {
                value.serialize_entry("withheld", &hex(commitment))?;
            }
        }
        value.end()
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ReadLine {
    index: u64,
    id: model::AuditId,
    at_ms: i64,
    clock_ms: i64,
    action: String,
    values: ReadValues,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ReadValues {
    principal: ReadValue,
    object: ReadValue,
    before: ReadValue,
    after: ReadValue,
    reason: ReadValue,
    origin: ReadValue,
    request_id: ReadValue,
}

#[derive(Deserialize)]
#[serde(untagged, deny_unknown_fields)]
enum ReadValue {
    Open { salt: String, text: Option<String> },
    Erased { erased: String },
    Withheld { withheld: String },
}

/// The line of an entry, without a line break.
pub fn line_of(entry: &AuditEntry) -> String {
    // numbers, texts and maps with text keys always have a JSON text
    serde_json::to_string(&Line(entry)).unwrap_or_default()
}

/// The entry of a line; `None` where the line is not written as [`line_of`] writes it.
pub fn entry_of(line: &str) -> Option<AuditEntry> {
    let read: ReadLine = serde_json::from_str(line).ok()?;
    let v = read.values;
    let values = [v.principal, v.object, v.before, v.after, v.reason, v.origin, v.request_id];
    let mut opened = Vec::with_capacity(AUDIT_FIELDS);
    for value in values {
        opened.push(match value {
            ReadValue::Open { salt, text } => CommittedValue::Open { salt: unhex(&salt)?, text },
            ReadValue::Erased { erased } => CommittedValue::Erased { commitment: unhex(&erased)? },
            ReadValue::Withheld { withheld } => CommittedValue::Withheld { commitment: unhex(&withheld)? },
        });
    }
    let entry = AuditEntry {
        index: read.index,
        id: read.id,
        at_ms: read.at_ms,
        clock_ms: read.clock_ms,
        action: read.action,
        values: opened.try_into().ok()?,
    };
    (line_of(&entry) == line).then_some(entry)
}

/// Lower-case hex.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The bytes of lower-case or upper-case hex of exactly that length.
pub fn unhex<const N: usize>(text: &str) -> Option<[u8; N]> {
    if text.len() != 2 * N || !text.is_ascii() {
        return None;
    }
    let mut bytes = [0; N];
    for (at, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&text[2 * at..2 * at + 2], 16).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::{AuditRecord, ManualClock, Principal, SeededEntropy};

    fn entry() -> AuditEntry {
        let (clock, entropy) = (ManualClock::at(1_700_000_000_000), SeededEntropy::new(7));
        let principal = Principal::Local { account: "ana \"ö\" \u{7f}\u{1}/".into() };
        let mut record = AuditRecord::new(&clock, &entropy, principal, "incident.assign", "inc_1");
        record.reason = Some("two\nlines\u{2028}".into());
        let mut entry = AuditEntry::of(&record, 3, 0).unwrap();
        entry.values[3] = CommittedValue::Erased { commitment: [0xab; 32] };
        entry.withhold(AuditField::Origin);
        entry
    }

    #[test]
    fn a_line_gives_back_its_entry_and_only_its_own_form_is_read() {
        let line = line_of(&entry());
        assert!(!line.contains('\n'));
        assert_eq!(entry_of(&line), Some(entry()));
        let mut refused = 0;
        for bit in 0..line.len() * 8 {
            let mut flipped = line.clone().into_bytes();
            flipped[bit / 8] ^= 1 << (bit % 8);
            let Ok(flipped) = String::from_utf8(flipped) else { continue };
            match entry_of(&flipped) {
                None => refused += 1,
                Some(other) => assert_ne!(other.leaf_hash(), entry().leaf_hash(), "{flipped}"),
            }
        }
        assert!(refused > 1_000);
    }
}
