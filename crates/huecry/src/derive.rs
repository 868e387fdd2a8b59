//! Computes from a kept record what the lake does not keep: the OCSF event, and what its mapping left over.

use crate::engine::{Engine, Scratch};
use model::{Position, RawRecord};
use normalize::RawData;
use std::sync::{Arc, Mutex, PoisonError};

/// Over the mappings that are loaded; queries share it.
pub struct Deriver {
    engine: Arc<Engine>,
    /// Buffers that no query uses now.
    idle: Mutex<Vec<Scratch>>,
}

/// Most buffers that are kept for later.
const IDLE_MAX: usize = 16;

impl Deriver {
    /// Over the engine's mappings.
    pub fn new(engine: Arc<Engine>) -> Self {
        Self { engine, idle: Mutex::new(Vec::new()) }
    }

    fn with<R>(&self, run: impl FnOnce(&Engine, &mut Scratch) -> R) -> R {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut scratch = idle.unwrap_or_else(|| Scratch::new(RawData::Exclude));
        let result = run(&self.engine, &mut scratch);
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < IDLE_MAX {
            idle.push(scratch);
        }
        result
    }
}

impl ports::query::Derive for Deriver {
    fn event(&self, record: &RawRecord<'_>, position: Position, out: &mut Vec<u8>) -> bool {
        self.with(|engine, scratch| {
            let made = engine.normalize(record, position, scratch).is_ok();
            if made {
                out.extend_from_slice(scratch.event_json());
            }
            made
        })
    }

    fn unmapped(&self, record: &RawRecord<'_>, position: Position, out: &mut Vec<u8>) -> bool {
        self.with(|engine, scratch| engine.unmapped(record, position, scratch, out).is_ok())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::{Offset, Partition, Topic};
    use ports::query::Derive;
    use serde_json::Value;

    #[test]
    fn event_and_rest_are_made_of_the_record_alone() {
        let (engine, _) = Engine::load([]).unwrap();
        let deriver = Deriver::new(Arc::new(engine));
        let body = br#"{"eventVersion":"1.08","eventID":"e","eventName":"ListUsers","eventSource":"iam.amazonaws.com",
            "eventTime":"2026-03-01T10:00:00Z","awsRegion":"eu-west-1","novel":{"a":1}}"#;
        let record = RawRecord {
            source: "trail",
            kind: "aws_cloudtrail",
            event_type: None,
            delivery_id: None,
            region: "default",
            received_at_ms: 1,
            body,
        };
        let position = Position::new(Topic::Raw, Partition(0), Offset(0));
        let (mut event, mut rest) = (Vec::new(), Vec::new());
        assert!(
            deriver.event(&record, position, &mut event) && deriver.unmapped(&record, position, &mut rest)
        );
        let event: Value = serde_json::from_slice(&event).unwrap();
        assert_eq!(event["api"]["operation"], "ListUsers");
        assert_eq!(rest, br#"{"novel":{"a":1}}"#);
        let unknown = RawRecord { kind: "unknown", ..record };
        let mut nothing = Vec::new();
        assert!(!deriver.event(&unknown, position, &mut nothing) && nothing.is_empty());
        assert!(!deriver.unmapped(&unknown, position, &mut nothing) && nothing.is_empty());
    }
}
