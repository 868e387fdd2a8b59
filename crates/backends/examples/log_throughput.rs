//! What the log makes of the disk: `append + fdatasync` by hand, then [`FileLog`] with 1 and 8 senders.
//!
//! ```console
//! $ cargo run --profile demo -p huecry-backends --example log_throughput [folder] [MiB]
//! ```
//! The folder must be on the disk in question (not a tmpfs). Batches of 64 KiB, records of 1.2 KB, not
//! compressible. `per sync` is the time of one fdatasync by hand.

#![allow(clippy::print_stdout, reason = "a program for the terminal")]

use huecry_backends::log::{FileLog, Options, TopicOptions};
use model::{Entropy, Partition, SeededEntropy, Topic};
use ports::{Log, LogError, RecordBatch};
use std::error::Error;
use std::fs::File;
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

const BATCH_BYTES: usize = 64 * 1024;
const RECORD_BYTES: usize = 1_200;
const MIB: usize = 1024 * 1024;

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let dir = args.next().map_or_else(|| PathBuf::from("target/log_throughput"), PathBuf::from);
    let mib: usize = args.next().map_or(Ok(256), |mib| mib.parse())?;
    std::fs::create_dir_all(&dir)?;
    let mut record = vec![0; BATCH_BYTES];
    SeededEntropy::new(7).fill(&mut record);
    for (name, writes_per_sync, prepare) in [
        ("by hand, growing file, sync per 64 KiB", 1, Prepare::Nothing),
        ("by hand, length set before, sync per 64 KiB", 1, Prepare::Length),
        ("by hand, zeros written before, sync per 64 KiB", 1, Prepare::Zeros),
        ("by hand, growing file, sync per 512 KiB", 8, Prepare::Nothing),
        ("by hand, growing file, sync per 4 MiB", 64, Prepare::Nothing),
    ] {
        by_hand(&dir, name, mib, &record, writes_per_sync, prepare)?;
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build()?;
    for senders in [1, 8, 64] {
        runtime.block_on(with_log(&dir, mib, senders, &record))?;
    }
    std::fs::remove_dir_all(&dir)?;
    Ok(())
}

#[derive(Clone, Copy)]
enum Prepare {
    Nothing,
    Length,
    Zeros,
}

fn by_hand(
    dir: &Path,
    name: &str,
    mib: usize,
    chunk: &[u8],
    writes_per_sync: usize,
    prepare: Prepare,
) -> Result<(), Box<dyn Error>> {
    let path = dir.join("by-hand");
    let mut file = File::create(&path)?;
    let writes = mib * MIB / BATCH_BYTES;
    match prepare {
        Prepare::Nothing => {}
        Prepare::Length => file.set_len((mib * MIB) as u64)?,
        Prepare::Zeros => {
            for _ in 0..mib {
                file.write_all(&vec![0; MIB])?;
            }
        }
    }
    file.sync_all()?;
    file.seek(SeekFrom::Start(0))?;
    let begun = Instant::now();
    for i in 1..=writes {
        file.write_all(chunk)?;
        if i % writes_per_sync == 0 {
            file.sync_data()?;
        }
    }
    let seconds = begun.elapsed().as_secs_f64();
    let sync_ms = seconds * 1000.0 * writes_per_sync as f64 / writes as f64;
    println!("{name:<50} {:>7.1} MB/s  {sync_ms:>6.2} ms per sync", (mib * MIB) as f64 / 1e6 / seconds);
    std::fs::remove_file(path)?;
    Ok(())
}

async fn with_log(dir: &Path, mib: usize, senders: usize, bytes: &[u8]) -> Result<(), Box<dyn Error>> {
    let dir = dir.join(format!("log-{senders}"));
    let mut options = Options::new(&dir);
    options.topics.insert(Topic::Raw, TopicOptions::default());
    let log = Arc::new(FileLog::open(&options, Arc::new(SeededEntropy::new(1)))?);
    let mut batch = RecordBatch::with_capacity(BATCH_BYTES / RECORD_BYTES, BATCH_BYTES);
    for record in bytes.chunks_exact(RECORD_BYTES) {
        batch.push(record)?;
    }
    let batches = mib * MIB / batch.bytes() / senders;
    let begun = Instant::now();
    let tasks: Vec<_> = (0..senders)
        .map(|_| {
            let (log, batch) = (Arc::clone(&log), batch.clone());
            tokio::spawn(async move {
                let mut latencies_us = Vec::with_capacity(batches);
                for _ in 0..batches {
                    let sent = Instant::now();
                    log.append(Topic::Raw, Partition(0), batch.clone(), 0).await?;
                    latencies_us.push(sent.elapsed().as_micros() as u64);
                }
                Ok::<_, LogError>(latencies_us)
            })
        })
        .collect();
    let mut latencies_us = Vec::new();
    for task in tasks {
        latencies_us.extend(task.await??);
    }
    let seconds = begun.elapsed().as_secs_f64();
    latencies_us.sort_unstable();
    let at = |share: f64| latencies_us[((latencies_us.len() - 1) as f64 * share) as usize] as f64 / 1000.0;
    let sent = (senders * batches * batch.bytes()) as f64;
    println!(
        "{:<50} {:>7.1} MB/s  p50 {:.2} ms, p99 {:.2} ms",
        format!("FileLog, {senders} senders of 64 KiB"),
        sent / 1e6 / seconds,
        at(0.5),
        at(0.99)
    );
    read_back(&log, sent).await?;
    drop(log);
    std::fs::remove_dir_all(dir)?;
    Ok(())
}

async fn read_back(log: &FileLog, sent: f64) -> Result<(), Box<dyn Error>> {
    let begun = Instant::now();
    let end = log.bounds(Topic::Raw, Partition(0)).await?.end;
    let mut from = model::Offset(0);
    while from < end {
        from = log.read(Topic::Raw, Partition(0), from, MIB).await?.next();
    }
    let name = "  read back from the page cache, checksums on";
    println!("{name:<50} {:>7.1} MB/s", sent / 1e6 / begun.elapsed().as_secs_f64());
    Ok(())
}
