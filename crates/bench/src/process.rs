//! CPU and memory of a process, from `/proc` (Linux).

use crate::Failed;

const TICKS_PER_SECOND: f64 = 100.0;

/// User and system CPU seconds of a process so far.
pub(crate) fn cpu_seconds(pid: u32) -> Result<f64, Failed> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let fields: Vec<&str> = text.rsplit_once(')').ok_or("no )")?.1.split_whitespace().collect();
    let ticks = |index: usize| -> Result<f64, Failed> { Ok(fields.get(index).ok_or("short")?.parse()?) };
    Ok((ticks(11)? + ticks(12)?) / TICKS_PER_SECOND)
}

/// The most memory that a process ever had resident, in bytes.
pub(crate) fn peak_bytes(pid: u32) -> Result<u64, Failed> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:")).ok_or("no VmHWM")?;
    Ok(line.trim().trim_end_matches(" kB").trim().parse::<u64>()? * 1024)
}
