//! CPU and memory of this process and its threads, from `/proc` (Linux).

use std::fs;

/// Seconds for which this thread had a processor, and for which it waited for one.
pub(crate) fn thread_seconds() -> [f64; 2] {
    let text = fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let mut fields = text.split(' ').filter_map(|field| field.trim().parse::<f64>().ok());
    [fields.next().unwrap_or_default() / 1e9, fields.next().unwrap_or_default() / 1e9]
}

/// Seconds for which this thread had a processor.
pub(crate) fn thread_cpu() -> f64 {
    thread_seconds()[0]
}

/// A value of `/proc/self/status` in MiB.
fn status_mib(name: &str) -> u64 {
    let text = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = text.lines().find(|line| line.starts_with(name)).unwrap_or_default();
    line.split_whitespace().nth(1).and_then(|kib| kib.parse::<u64>().ok()).unwrap_or_default() / 1024
}

/// The most memory that was ever resident, in MiB.
pub(crate) fn peak_mib() -> u64 {
    status_mib("VmHWM")
}
