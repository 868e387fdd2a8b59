//! A log in memory: what triage needs of one, without a disk.

use async_trait::async_trait;
use bytes::Bytes;
use model::{Offset, Partition, Topic};
use ports::log::{Bounds, RecordBatch, Records, Retained};
use ports::{Log, LogError};
use std::collections::HashMap;
use std::sync::Mutex;
use tokio::sync::watch;

#[derive(Debug)]
pub(crate) struct MemoryLog {
    partitions: u32,
    records: Mutex<HashMap<(Topic, u32), Vec<Bytes>>>,
    committed: Mutex<HashMap<(String, Topic, u32), u64>>,
    appended: watch::Sender<u64>,
}

impl MemoryLog {
    pub(crate) fn new(partitions: u32) -> Self {
        let appended = watch::Sender::new(0);
        Self { partitions, records: Mutex::default(), committed: Mutex::default(), appended }
    }

    fn end(&self, topic: Topic, partition: Partition) -> u64 {
        self.records.lock().unwrap().get(&(topic, partition.0)).map_or(0, |records| records.len() as u64)
    }
}

#[async_trait]
impl Log for MemoryLog {
    fn partitions(&self, _: Topic) -> u32 {
        self.partitions
    }

    async fn append(
        &self,
        topic: Topic,
        partition: Partition,
        batch: RecordBatch,
        _: i64,
    ) -> Result<Offset, LogError> {
        let first = self.end(topic, partition);
        let mut records = self.records.lock().unwrap();
        records.entry((topic, partition.0)).or_default().extend(batch.iter().map(Bytes::copy_from_slice));
        drop(records);
        self.appended.send_modify(|count| *count += 1);
        Ok(Offset(first))
    }

    async fn read(
        &self,
        topic: Topic,
        partition: Partition,
        from: Offset,
        bytes_max: usize,
    ) -> Result<Records, LogError> {
        let records = self.records.lock().unwrap();
        let all = records.get(&(topic, partition.0)).map_or(&[][..], Vec::as_slice);
        let (mut buf, mut spans) = (Vec::new(), Vec::new());
        for record in &all[(from.0 as usize).min(all.len())..] {
            if !spans.is_empty() && buf.len() + record.len() > bytes_max {
                break;
            }
            spans.push((buf.len() as u32, (buf.len() + record.len()) as u32));
            buf.extend_from_slice(record);
        }
        Records::new(from, buf.into(), spans)
    }

    async fn bounds(&self, topic: Topic, partition: Partition) -> Result<Bounds, LogError> {
        Ok(Bounds { start: Offset(0), end: Offset(self.end(topic, partition)) })
    }

    async fn wait_for(&self, topic: Topic, partition: Partition, offset: Offset) -> Result<Offset, LogError> {
        let mut appended = self.appended.subscribe();
        let there = appended.wait_for(|_| self.end(topic, partition) > offset.0).await;
        there.map_err(|_| LogError::Closed)?;
        Ok(Offset(self.end(topic, partition)))
    }

    async fn register(&self, group: &str, topic: Topic, partition: Partition) -> Result<Offset, LogError> {
        let mut committed = self.committed.lock().unwrap();
        Ok(Offset(*committed.entry((group.to_owned(), topic, partition.0)).or_default()))
    }

    async fn commit(
        &self,
        group: &str,
        topic: Topic,
        partition: Partition,
        next: Offset,
    ) -> Result<(), LogError> {
        self.committed.lock().unwrap().insert((group.to_owned(), topic, partition.0), next.0);
        Ok(())
    }

    async fn committed(
        &self,
        group: &str,
        topic: Topic,
        partition: Partition,
    ) -> Result<Option<Offset>, LogError> {
        Ok(self.committed.lock().unwrap().get(&(group.to_owned(), topic, partition.0)).copied().map(Offset))
    }

    async fn unregister(&self, group: &str, topic: Topic, partition: Partition) -> Result<(), LogError> {
        self.committed.lock().unwrap().remove(&(group.to_owned(), topic, partition.0));
        Ok(())
    }

    async fn retain(&self, _: i64) -> Result<Retained, LogError> {
        Ok(Retained::default())
    }

    async fn close(&self) -> Result<(), LogError> {
        Ok(())
    }
}
