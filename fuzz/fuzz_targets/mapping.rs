//! Whatever bytes come, for whatever source: a valid event or a refusal, and the tape stays usable.

#![no_main]

use libfuzzer_sys::fuzz_target;
use model::{FieldTable, Offset, Partition, Position, RawRecord, Tape, Topic};
use normalize::{Decoded, Normalizer, Output, RawData, Refusal, Schema};
use std::cell::RefCell;

struct Bench {
    schema: Schema,
    fields: FieldTable,
    normalizer: Normalizer,
    decoded: Decoded,
    tape: Tape,
    output: Output,
}

impl Bench {
    fn new() -> Self {
        let (schema, mut fields) = (Schema::builtin(), FieldTable::default());
        let normalizer = Normalizer::builtin(&mut fields, &schema).expect("the mappings load");
        let (decoded, tape, output) = (Decoded::default(), Tape::new(), Output::new(RawData::Include));
        Self { schema, fields, normalizer, decoded, tape, output }
    }

    fn normalize(&mut self, kind: &str, event_type: Option<&str>, body: &[u8]) -> Result<(), Refusal> {
        let record = RawRecord {
            source: "fuzz",
            kind,
            event_type,
            delivery_id: None,
            region: "default",
            received_at_ms: 1_750_000_000_000,
            body,
        };
        let position = Position::new(Topic::Raw, Partition(0), Offset(0));
        let json = self.normalizer.decode(kind, body, &mut self.decoded)?;
        let view = self.tape.parse_as(&self.fields, self.normalizer.vocabulary(kind), json)?;
        self.normalizer.normalize(&record, &view, position, &mut self.output).map(|_| ())
    }
}

thread_local! {
    static BENCH: RefCell<Bench> = RefCell::new(Bench::new());
}

// the first byte chooses the kind and whether the transport names the event's type.
fuzz_target!(|input: &[u8]| {
    let Some((&how, body)) = input.split_first() else { return };
    let kinds = [
        "aws_cloudtrail",
        "okta",
        "github",
        "windows_eventlog",
        "linux_auditd",
        "falco",
        "osquery",
        "entra",
        "google_workspace",
        "gitlab",
        "kubernetes_audit",
        "gcp_audit",
        "m365",
        "slack_audit",
        "elsewhere",
        "okta",
    ];
    let kind = kinds[usize::from(how & 15)];
    let types = [None, Some("push"), Some("member"), Some("dependabot_alert")];
    BENCH.with_borrow_mut(|bench| {
        if bench.normalize(kind, types[usize::from(how >> 4 & 3)], body).is_ok() {
            let event = serde_json::from_slice(bench.output.json()).expect("the event is JSON");
            let violations = bench.schema.validate(&event);
            assert!(violations.is_empty(), "{violations:?}");
        }
        let after = bench.normalize("okta", None, br#"{"eventType":"user.session.start"}"#);
        assert!(after.is_ok(), "the tape is broken: {after:?}");
    });
});
