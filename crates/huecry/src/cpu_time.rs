//! CPU time of a process, from `/proc` (Linux).

use std::path::Path;

/// Clock ticks a second in `/proc/<pid>/stat`; 100 on every Linux architecture that matters (proc(5)).
const TICKS_PER_SECOND: f64 = 100.0;

/// User and system CPU seconds of this process so far; `None` off Linux.
pub(crate) fn own_seconds() -> Option<f64> {
    of_stat(Path::new("/proc/self/stat"))
}

fn of_stat(path: &Path) -> Option<f64> {
    let text = std::fs::read_to_string(path).ok()?;
    // the command's name, in parentheses, may hold spaces
    let fields: Vec<&str> = text.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks = |index: usize| fields.get(index)?.parse::<f64>().ok();
    Some((ticks(11)? + ticks(12)?) / TICKS_PER_SECOND)
}
