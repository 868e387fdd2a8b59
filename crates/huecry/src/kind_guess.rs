//! The kind of a record by its own fields, for files whose kind nobody names.

use model::{FieldId, FieldTable, Tape};

/// Tells kinds apart by fields that every record of a kind has.
#[derive(Debug)]
pub(crate) struct KindGuess {
    fields: FieldTable,
    tape: Tape,
    marks: Vec<(&'static str, Vec<FieldId>)>,
}

/// A record is of the first kind all of whose fields it has; anything else is tried as GitHub's, whose
/// webhooks share no field.
const MARKS: [(&str, &[&str]); 2] = [
    ("aws_cloudtrail", &["eventSource", "eventName", "eventTime"]),
    ("okta", &["eventType", "published", "actor"]),
];

impl KindGuess {
    pub(crate) fn new() -> Self {
        let mut fields = FieldTable::default();
        let marks =
            MARKS.map(|(kind, names)| (kind, names.iter().map(|name| fields.intern(name)).collect())).into();
        Self { fields, tape: Tape::new(), marks }
    }

    pub(crate) fn of(&mut self, body: &[u8]) -> &'static str {
        let Ok(view) = self.tape.parse(&self.fields, body) else { return "github" };
        let has_all = |fields: &[FieldId]| fields.iter().all(|&field| view.first(field).is_some());
        self.marks.iter().find(|(_, fields)| has_all(fields)).map_or("github", |(kind, _)| kind)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_told_by_their_fields() {
        let mut guess = KindGuess::new();
        let trail = br#"{"eventSource":"iam.amazonaws.com","eventName":"X","eventTime":"t"}"#;
        assert_eq!(guess.of(trail), "aws_cloudtrail");
        assert_eq!(guess.of(br#"{"eventType":"user.session.start","published":"t","actor":{}}"#), "okta");
        assert_eq!(guess.of(br#"{"action":"created","sender":{}}"#), "github");
        assert_eq!(guess.of(b"nonsense"), "github");
    }
}
