use huecry_ingest::{Accepted, Delivery, IngestError, Options, Service, Telemetry};
use model::{ManualClock, Offset, Partition, RawRecord, SourceName, Topic};
use ports::log::{Bounds, Retained};
use ports::{Log, LogError, RecordBatch, Records};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

/// Keeps what was appended; refuses as told.
#[derive(Default)]
struct ScriptedLog {
    refusals: Mutex<VecDeque<LogError>>,
    batches: Mutex<Vec<(Partition, RecordBatch)>>,
}

#[async_trait::async_trait]
impl Log for ScriptedLog {
    fn partitions(&self, _: Topic) -> u32 {
        8
    }
    async fn append(&self, _: Topic, at: Partition, batch: RecordBatch, _: i64) -> Result<Offset, LogError> {
        if let Some(refusal) = self.refusals.lock().unwrap().pop_front() {
            return Err(refusal);
        }
        self.batches.lock().unwrap().push((at, batch));
        Ok(Offset(0))
    }
    async fn read(&self, _: Topic, _: Partition, _: Offset, _: usize) -> Result<Records, LogError> {
        Err(LogError::Closed)
    }
    async fn bounds(&self, _: Topic, _: Partition) -> Result<Bounds, LogError> {
        Err(LogError::Closed)
    }
    async fn wait_for(&self, _: Topic, _: Partition, _: Offset) -> Result<Offset, LogError> {
        Err(LogError::Closed)
    }
    async fn register(&self, _: &str, _: Topic, _: Partition) -> Result<Offset, LogError> {
        Err(LogError::Closed)
    }
    async fn commit(&self, _: &str, _: Topic, _: Partition, _: Offset) -> Result<(), LogError> {
        Err(LogError::Closed)
    }
    async fn committed(&self, _: &str, _: Topic, _: Partition) -> Result<Option<Offset>, LogError> {
        Err(LogError::Closed)
    }
    async fn unregister(&self, _: &str, _: Topic, _: Partition) -> Result<(), LogError> {
        Err(LogError::Closed)
    }
    async fn retain(&self, _: i64) -> Result<Retained, LogError> {
        Err(LogError::Closed)
    }
    async fn close(&self) -> Result<(), LogError> {
        Ok(())
    }
}

struct Fixture {
    log: Arc<ScriptedLog>,
    service: Service,
    source: SourceName,
}

impl Fixture {
    fn new(in_flight_bytes_max: usize) -> Self {
        let log = Arc::new(ScriptedLog::default());
        let clock = Arc::new(ManualClock::at(1_700_000_000_000));
        let options = Options { in_flight_bytes_max };
        let service = Service::new(log.clone(), clock, Telemetry::default(), options);
        Self { log, service, source: SourceName::new("acme").unwrap() }
    }

    fn delivery(&self) -> Delivery<'_> {
        Delivery {
            source: &self.source,
            kind: "okta",
            region: "default",
            stream: None,
            event_type: Some("push"),
            delivery_id: Some("d-1"),
        }
    }

    async fn accept(&self, records: &[Vec<u8>]) -> Result<Accepted, IngestError> {
        let mut room = self.service.room().unwrap();
        self.service.accept(&self.delivery(), records, &mut room).await
    }
}

#[tokio::test]
async fn records_stand_on_the_log_byte_for_byte() {
    let fixture = Fixture::new(1 << 20);
    let records = [b"{\"a\": 1}".to_vec(), b"not json \xff".to_vec()];
    assert_eq!(fixture.accept(&records).await.unwrap(), Accepted { records: 2, bytes: 18 });
    let batches = fixture.log.batches.lock().unwrap();
    let read: Vec<_> = batches[0].1.iter().map(|bytes| RawRecord::decode(bytes).unwrap()).collect();
    assert_eq!(read.iter().map(|record| record.body.to_vec()).collect::<Vec<_>>(), records);
    let first = read[0];
    assert_eq!((first.source, first.kind, first.region), ("acme", "okta", "default"));
    assert_eq!((first.event_type, first.delivery_id), (Some("push"), Some("d-1")));
    assert_eq!(first.received_at_ms, 1_700_000_000_000);
    assert_eq!(fixture.service.telemetry().accepted_records_of("acme"), 2);
}

#[tokio::test]
async fn what_does_not_fit_one_batch_goes_in_several() {
    let fixture = Fixture::new(usize::MAX >> 4);
    let records: Vec<_> = (0..5_u8).map(|n| vec![n; 15 << 20]).collect();
    assert_eq!(fixture.accept(&records).await.unwrap().records, 5);
    let batches = fixture.log.batches.lock().unwrap();
    assert_eq!(batches.iter().map(|(_, batch)| batch.len()).collect::<Vec<_>>(), [2, 2, 1]);
    let firsts: Vec<u8> = batches
        .iter()
        .flat_map(|(_, batch)| batch.iter().map(|bytes| RawRecord::decode(bytes).unwrap().body[0]))
        .collect();
    assert_eq!(firsts, [0, 1, 2, 3, 4]);
}

#[tokio::test]
async fn refusals_of_the_log_are_told_apart() {
    let fixture = Fixture::new(1 << 20);
    let script = [
        LogError::Overloaded { retry_after_ms: 70 },
        LogError::DiskFull,
        LogError::TooLarge { bytes: 9, bytes_max: 8 },
        LogError::Closed,
    ];
    fixture.log.refusals.lock().unwrap().extend(script);
    let record = [b"{}".to_vec()];
    let mut answers = Vec::new();
    for _ in 0..4 {
        answers.push(fixture.accept(&record).await.unwrap_err());
    }
    assert!(matches!(answers[0], IngestError::Overloaded { retry_after_ms: 70 }));
    assert!(matches!(answers[1], IngestError::DiskFull));
    assert!(matches!(answers[2], IngestError::TooLarge { bytes: 9, bytes_max: 8 }));
    assert!(matches!(answers[3], IngestError::Unavailable(LogError::Closed)));
    assert_eq!(fixture.service.telemetry().accepted_records_of("acme"), 0);
    assert!(fixture.accept(&record).await.is_ok(), "all room was given back");
}

#[tokio::test]
async fn memory_is_bounded_and_given_back() {
    let fixture = Fixture::new(1_000);
    let mut first = fixture.service.room().unwrap();
    fixture.service.grow(&mut first, 900).unwrap();
    let mut second = fixture.service.room().unwrap();
    assert!(matches!(fixture.service.grow(&mut second, 101), Err(IngestError::NoRoom)));
    fixture.service.grow(&mut second, 100).unwrap();
    assert!(!fixture.service.has_room());
    drop(first);
    fixture.service.grow(&mut second, 900).unwrap();
    assert_eq!(second.bytes(), 1_000);
    let refused = fixture.accept(&[b"{}".to_vec()]).await.unwrap_err();
    assert!(matches!(refused, IngestError::NoRoom) && refused.retry_after_ms().is_some());
}

#[tokio::test]
async fn one_stream_has_one_partition_and_many_spread() {
    let fixture = Fixture::new(1_000);
    let partition = |stream| {
        let delivery = Delivery { stream, ..fixture.delivery() };
        fixture.service.partition_of(&delivery)
    };
    assert_eq!(partition(Some("a")), partition(Some("a")));
    // fixed for ever: a change would break the order of streams across an upgrade
    assert_eq!((partition(None), partition(Some("acme/web"))), (Partition(0), Partition(1)));
    let streams: Vec<String> = (0..100).map(|n| format!("host-{n}")).collect();
    let used: std::collections::BTreeSet<_> = streams.iter().map(|s| partition(Some(s))).collect();
    assert_eq!(used.len(), 8);
}
