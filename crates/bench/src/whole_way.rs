//! From a sender's socket to findings: HTTP in, fsync, OCSF, rules.

use crate::limits::Limits;
use crate::load::{Door, Doors, full_speed, paced, quantile_ms};
use crate::process::{cpu_seconds, peak_bytes};
use crate::server::Server;
use crate::{Args, Failed};
use std::fmt;
use std::time::{Duration, Instant};

/// Records in one request of the paced loads.
pub(crate) const PACED_BATCH: usize = 100;
/// Sources that records are spread over; the partition of the log follows from the source.
const SOURCES: usize = 16;

pub(crate) struct WholeWay {
    rules: usize,
    records: u64,
    acknowledged_per_second: f64,
    finished_per_second: f64,
    server_cpu_us: f64,
    senders_cpu_us: f64,
    /// (share of the maximum, records a second, p50, p99 in milliseconds)
    paced: Vec<(f64, f64, f64, f64)>,
    peak_bytes: u64,
    append_sync: f64,
    append_sync_cpu_us: f64,
    parse_tape: f64,
}

pub(crate) fn measure(args: &Args, rules: &[(String, String)], limits: &Limits) -> Result<WholeWay, Failed> {
    let server = Server::start(&args.huecry, rules)?;
    let doors = doors(&server, args.senders)?;
    let mut records = acme::bench_records(7, u64::MAX);
    // a first part, so that caches and buffers are as they will stay
    let warm_up = bodies(&mut records, 20_000, args.batch);
    full_speed(&doors, &warm_up)?;
    let mut expected = 20_000;
    wait_finished(&server, expected)?;

    let batches = bodies(&mut records, args.records, args.batch);
    let me = std::process::id();
    let (server_cpu, senders_cpu) = (cpu_seconds(server.pid())?, cpu_seconds(me)?);
    let started = Instant::now();
    full_speed(&doors, &batches)?;
    let acknowledged = started.elapsed().as_secs_f64();
    let senders_cpu = cpu_seconds(me)? - senders_cpu;
    expected += args.records;
    wait_finished(&server, expected)?;
    let finished = started.elapsed().as_secs_f64();
    let server_cpu = cpu_seconds(server.pid())? - server_cpu;
    drop(batches);

    let count = args.records as f64;
    let maximum = count / finished;
    let mut loads = Vec::new();
    for share in [0.1, 0.8] {
        let rate = maximum * share;
        let paced_records = (rate * args.paced_seconds as f64) as u64;
        let bodies = bodies(&mut records, paced_records, PACED_BATCH);
        let latencies = paced(&doors, &bodies, rate / PACED_BATCH as f64)?;
        expected += paced_records;
        wait_finished(&server, expected)?;
        loads.push((share, rate, quantile_ms(&latencies, 0.5), quantile_ms(&latencies, 0.99)));
    }
    Ok(WholeWay {
        rules: rules.len(),
        records: args.records,
        acknowledged_per_second: count / acknowledged,
        finished_per_second: maximum,
        server_cpu_us: server_cpu * 1e6 / count,
        senders_cpu_us: senders_cpu * 1e6 / count,
        paced: loads,
        peak_bytes: peak_bytes(server.pid())?,
        append_sync: limits.append_sync,
        append_sync_cpu_us: limits.append_sync_cpu_us,
        parse_tape: limits.parse_tape,
    })
}

/// Sources to send to.
pub(crate) fn doors(server: &Server, senders: usize) -> Result<Doors, Failed> {
    let mut doors = Vec::new();
    for number in 0..SOURCES {
        let name = format!("bench-{number}");
        let token = server.add_source(&name)?;
        doors.push(Door { url: format!("{}/api/v1/ingest/{name}", server.url), token });
    }
    Ok(Doors { doors, senders })
}

/// Bodies of `count` records.
pub(crate) fn bodies(
    records: &mut impl Iterator<Item = acme::Record>,
    count: u64,
    batch: usize,
) -> Vec<Vec<u8>> {
    let mut left = count;
    let mut bodies = Vec::new();
    while left > 0 {
        let mut body = Vec::new();
        for record in records.by_ref().take(batch.min(left as usize)) {
            body.extend_from_slice(record.body.as_bytes());
            body.push(b'\n');
        }
        left -= (batch as u64).min(left);
        bodies.push(body);
    }
    bodies
}

/// Waits until so many records went the whole way.
pub(crate) fn wait_finished(server: &Server, expected: u64) -> Result<(), Failed> {
    let deadline = Instant::now() + Duration::from_secs(300);
    loop {
        let finished = server.finished()?;
        if finished >= expected {
            return Ok(());
        }
        if Instant::now() > deadline {
            return Err(format!("{finished} of {expected} records finished in 300 s").into());
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

impl fmt::Display for WholeWay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ideal = self.append_sync_cpu_us + 1e6 / self.parse_tape;
        writeln!(
            f,
            "\nthe whole way: HTTP, fsync, OCSF, {} rules, findings ({} records)",
            self.rules, self.records
        )?;
        writeln!(
            f,
            "  acknowledged                   {:>12.0} records/s ({:.2} × append + fdatasync only)",
            self.acknowledged_per_second,
            self.acknowledged_per_second / self.append_sync
        )?;
        writeln!(f, "  finished                       {:>12.0} records/s", self.finished_per_second)?;
        writeln!(
            f,
            "  server CPU                     {:>12.1} µs a record ({:.1} × parse + append only)",
            self.server_cpu_us,
            self.server_cpu_us / ideal
        )?;
        writeln!(f, "  senders' CPU (not counted)     {:>12.1} µs a record", self.senders_cpu_us)?;
        for (share, rate, p50, p99) in &self.paced {
            writeln!(
                f,
                "  acknowledgement at {:>3.0} %       {rate:>12.0} records/s: p50 {p50:.1} ms, p99 {p99:.1} ms",
                share * 100.0
            )?;
        }
        write!(f, "  peak memory of the server      {:>12.0} MB", self.peak_bytes as f64 / 1e6)
    }
}
