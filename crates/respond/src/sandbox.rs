//! Scripts of playbooks, where they can do nothing: commands of type `bash` compute a value of what they are given, and
//! that is all.
//!
//! Each runs in a process of its own, in namespaces of its own (users, mounts, network, processes, names, messages), by
//! bubblewrap (<https://github.com/containers/bubblewrap>): it sees the programs of the system and nothing else of its
//! disk, has no network and not even its own loopback's peers, an empty environment, a folder in memory, bounded time,
//! memory and processes. So one that is cut off is simply run again.
//!
//! **Invariant:** a script never runs outside. Where the sandbox cannot be made, it is refused.

use crate::process::{self, Bounds, Ended};
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// Longest time that a script can be given, in seconds: less than a worker has for a step.
pub const SCRIPT_SECONDS_MAX: u64 = 60;

/// Most bytes of a script's output that are kept.
pub const SCRIPT_OUTPUT_BYTES_MAX: usize = 64 << 10;

/// Largest file that a script can make, and what its folder holds, in bytes.
const FOLDER_BYTES_MAX: u64 = 16 << 20;

/// Most files that one process has open.
const OPEN_FILES_MAX: u32 = 128;

/// As whom it runs where this program is root: nobody. Limits of processes do not hold for root.
const NOBODY: u32 = 65_534;

/// Where its programs are looked for.
const PATH: &str = "/usr/bin:/bin";

/// A place where scripts of playbooks run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sandbox {
    /// The path of bubblewrap, 0.8 or later.
    pub program: PathBuf,
    /// How long a script may take, in seconds; at most [`SCRIPT_SECONDS_MAX`].
    pub seconds_max: u64,
    /// How much memory each of its processes may have, in MiB.
    pub memory_mib_max: u64,
    /// How many processes it may be at one time.
    pub processes_max: u64,
}

impl Default for Sandbox {
    fn default() -> Self {
        Self {
            program: PathBuf::from("/usr/bin/bwrap"),
            seconds_max: 30,
            memory_mib_max: 128,
            processes_max: 32,
        }
    }
}

/// What came of a script.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ran {
    /// Its exit code; none if its time was over, or it was killed for taking too much.
    pub code: Option<i32>,
    /// What is kept of its output.
    pub output: String,
    /// What is kept of its error stream.
    pub errors: String,
    /// Whether its time was over.
    pub is_late: bool,
}

/// Scripts cannot be run here.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SandboxError {
    /// Bubblewrap is not there, or cannot be started.
    #[error("{program}: {reason}", program = .program.display())]
    Program {
        /// What was to be started.
        program: PathBuf,
        /// Why not.
        reason: String,
    },
    /// It cannot make namespaces here.
    #[error("no namespaces can be made here: {0}")]
    Namespaces(String),
}

impl Sandbox {
    /// Whether scripts can be run here: makes a sandbox, and looks whether it is one.
    ///
    /// # Errors
    /// [`SandboxError`] with what is missing.
    pub fn probe(&self) -> Result<(), SandboxError> {
        let ran = self.run("[ ! -e /etc/passwd ] && [ $$ -lt 20 ] && echo inside")?;
        let inside = ran.code == Some(0) && ran.output == "inside\n";
        if inside { Ok(()) } else { Err(SandboxError::Namespaces(said(&ran))) }
    }

    /// Runs a script to its end.
    ///
    /// # Errors
    /// [`SandboxError`]; then nothing of it was run.
    pub fn run(&self, script: &str) -> Result<Ran, SandboxError> {
        let mut command = Command::new(&self.program);
        command.env_clear().current_dir("/").args(surroundings()).arg("--").args(self.limited(script));
        if is_root() {
            command.uid(NOBODY).gid(NOBODY);
        }
        let bounds = Bounds {
            input: b"",
            ready: None,
            time: Duration::from_secs(self.seconds_max.min(SCRIPT_SECONDS_MAX)),
            output_bytes_max: SCRIPT_OUTPUT_BYTES_MAX,
        };
        let ended = process::run(command, &bounds).map_err(|error| SandboxError::Program {
            program: self.program.clone(),
            reason: error.to_string(),
        })?;
        let Ended { code, output, errors, is_late, .. } = ended;
        // what bubblewrap says of itself before anything is run
        if code.is_some_and(|code| code != 0) && output.is_empty() && errors.starts_with("bwrap: ") {
            return Err(SandboxError::Namespaces(errors.trim_end().to_owned()));
        }
        Ok(Ran { code, output, errors, is_late })
    }

    /// The script under limits that it cannot lift: they are set before it begins.
    fn limited(&self, script: &str) -> Vec<String> {
        let (seconds, kib) =
            (self.seconds_max.min(SCRIPT_SECONDS_MAX), self.memory_mib_max.saturating_mul(1024));
        let limits = format!(
            "ulimit -c 0 && ulimit -t {seconds} && ulimit -v {kib} && ulimit -u {processes} && ulimit -n {OPEN_FILES_MAX} \
             && ulimit -f {blocks} || exit 126; exec bash --noprofile --norc -c \"$1\" playbook",
            processes = self.processes_max,
            blocks = FOLDER_BYTES_MAX / 1024,
        );
        ["bash", "--noprofile", "--norc", "-c", &limits, "limits", script].map(str::to_owned).into()
    }
}

/// What a script has around it.
fn surroundings() -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    let mut add = |words: &[&str]| all.extend(words.iter().map(|word| (*word).to_owned()));
    add(&["--unshare-all", "--unshare-user", "--disable-userns", "--die-with-parent", "--new-session"]);
    add(&["--cap-drop", "ALL", "--uid", "65534", "--gid", "65534", "--hostname", "sandbox"]);
    add(&[
        "--clearenv",
        "--setenv",
        "PATH",
        PATH,
        "--setenv",
        "HOME",
        "/tmp",
        "--setenv",
        "LC_ALL",
        "C.UTF-8",
    ]);
    add(&["--ro-bind", "/usr", "/usr"]);
    // programs that are found by way of these
    add(&["--ro-bind-try", "/etc/alternatives", "/etc/alternatives"]);
    add(&["--ro-bind-try", "/etc/ld.so.cache", "/etc/ld.so.cache"]);
    for name in ["bin", "lib", "lib32", "lib64", "libx32"] {
        let outside = format!("/{name}");
        match std::fs::read_link(&outside) {
            Ok(of) => add(&["--symlink", &of.to_string_lossy(), &outside]),
            Err(_) if Path::new(&outside).is_dir() => add(&["--ro-bind", &outside, &outside]),
            Err(_) => {}
        }
    }
    let bytes = FOLDER_BYTES_MAX.to_string();
    add(&["--proc", "/proc", "--dev", "/dev", "--remount-ro", "/dev"]);
    add(&["--size", &bytes, "--tmpfs", "/tmp", "--chdir", "/tmp", "--remount-ro", "/"]);
    all
}

/// Whether this program is root, by who has its own entry among processes.
fn is_root() -> bool {
    std::fs::metadata("/proc/self").is_ok_and(|entry| entry.uid() == 0)
}

/// What a script said last, in one line.
pub(crate) fn said(ran: &Ran) -> String {
    let last = ran.errors.lines().chain(ran.output.lines()).map(str::trim).rfind(|line| !line.is_empty());
    let last = last.unwrap_or_default();
    match ran.code {
        _ if ran.is_late => "its time was over".to_owned(),
        None => format!("it was killed {last}").trim_end().to_owned(),
        Some(code) if last.is_empty() => format!("exit code {code}"),
        Some(code) => format!("exit code {code}: {last}"),
    }
}
