//! One child process, bounded: in time, in what is kept of what it says, and in what it is told of this one.

use std::io::{Read, Write};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::{Duration, Instant};

/// Most bytes of the error stream that are kept.
const ERROR_BYTES_MAX: usize = 8 << 10;

/// Most bytes before the line by which the other side says that it is ready.
const BEFORE_READY_BYTES_MAX: usize = 64 << 10;

/// Bytes that are read at once.
const PIECE_BYTES: usize = 16 << 10;

/// Pieces that wait to be taken up: a flood waits in the pipe, not here.
const PIECES_MAX: usize = 4;

/// How often one looks whether a process has ended that has closed its output.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// What a process gets, and how far it may go.
pub(crate) struct Bounds<'b> {
    /// What it reads.
    pub(crate) input: &'b [u8],
    /// A line that it says before it reads anything; what it says before that line is noise, and left out.
    pub(crate) ready: Option<&'b str>,
    /// How long it may take. Then it is killed.
    pub(crate) time: Duration,
    /// Most bytes of its output that are kept; the rest is read and thrown away.
    pub(crate) output_bytes_max: usize,
}

/// What came of it.
#[derive(Debug)]
pub(crate) struct Ended {
    /// Its exit code; none if it was killed.
    pub(crate) code: Option<i32>,
    /// What is kept of its output.
    pub(crate) output: String,
    /// Whether there was more.
    pub(crate) is_cut: bool,
    /// What is kept of its error stream.
    pub(crate) errors: String,
    /// Whether it was given its input: at once, or after it said that it was ready.
    pub(crate) went_ahead: bool,
    /// Whether its time was over.
    pub(crate) is_late: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stream {
    Output,
    Errors,
}

type Piece = (Stream, Vec<u8>);

/// Runs it to its end, or until its time is over. The environment is as the command says, so clear it there.
///
/// # Errors
/// If it cannot be started; then nothing has happened.
pub(crate) fn run(mut command: Command, bounds: &Bounds<'_>) -> std::io::Result<Ended> {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let until = Instant::now() + bounds.time;
    let mut child = command.spawn()?;
    let heard = listen(&mut child);
    let mut kept = Kept::new(bounds);
    if kept.went_ahead {
        tell(&mut child, bounds.input);
    }
    let is_late = loop {
        match heard.recv_timeout(until.saturating_duration_since(Instant::now())) {
            Ok((stream, bytes)) => {
                if kept.take(stream, &bytes) {
                    tell(&mut child, bounds.input);
                }
            }
            Err(RecvTimeoutError::Disconnected) => break false,
            Err(RecvTimeoutError::Timeout) => break true,
        }
    };
    let status = if is_late { None } else { wait_until(&mut child, until)? };
    if status.is_none() {
        // it may have ended by itself just now
        let _ = child.kill();
        child.wait()?;
    }
    Ok(Ended {
        code: status.and_then(|status| status.code()),
        is_late: status.is_none(),
        is_cut: kept.is_cut,
        went_ahead: kept.went_ahead,
        output: String::from_utf8_lossy(&kept.output).into_owned(),
        errors: String::from_utf8_lossy(&kept.errors).into_owned(),
    })
}

/// Threads that read what it says; they end with the streams, or when nobody listens any more.
fn listen(child: &mut Child) -> Receiver<Piece> {
    let (told, heard) = sync_channel(PIECES_MAX);
    if let (Some(output), Some(errors)) = (child.stdout.take(), child.stderr.take()) {
        let also = told.clone();
        std::thread::spawn(move || pass_on(Stream::Output, output, &told));
        std::thread::spawn(move || pass_on(Stream::Errors, errors, &also));
    }
    heard
}

fn pass_on(stream: Stream, mut read: impl Read, told: &SyncSender<Piece>) {
    let mut piece = vec![0; PIECE_BYTES];
    loop {
        let bytes = match read.read(&mut piece) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(_) => return,
        };
        let Some(said) = piece.get(..bytes).filter(|said| !said.is_empty()) else { return };
        if told.send((stream, said.to_vec())).is_err() {
            return;
        }
    }
}

/// Gives it its input, on a thread of its own: it may say much before it has read all of it.
fn tell(child: &mut Child, input: &[u8]) {
    let Some(mut stdin) = child.stdin.take() else { return };
    let input = input.to_vec();
    // who does not read what they are told has ended, or will
    std::thread::spawn(move || drop(stdin.write_all(&input)));
}

fn wait_until(child: &mut Child, until: Instant) -> std::io::Result<Option<ExitStatus>> {
    loop {
        let status = child.try_wait()?;
        if status.is_some() || Instant::now() >= until {
            return Ok(status);
        }
        std::thread::sleep(LOOK_EVERY);
    }
}

/// What is kept of what it says.
struct Kept<'b> {
    ready: Option<&'b str>,
    before: Vec<u8>,
    output: Vec<u8>,
    errors: Vec<u8>,
    output_bytes_max: usize,
    is_cut: bool,
    went_ahead: bool,
}

impl<'b> Kept<'b> {
    fn new(bounds: &Bounds<'b>) -> Self {
        Self {
            ready: bounds.ready,
            before: Vec::new(),
            output: Vec::new(),
            errors: Vec::new(),
            output_bytes_max: bounds.output_bytes_max,
            is_cut: false,
            went_ahead: bounds.ready.is_none(),
        }
    }

    /// Takes a piece; true if by this it is ready for its input.
    fn take(&mut self, stream: Stream, bytes: &[u8]) -> bool {
        match (stream, self.ready) {
            (Stream::Errors, _) => {
                keep(&mut self.errors, bytes, ERROR_BYTES_MAX);
                false
            }
            (Stream::Output, Some(ready)) if !self.went_ahead => {
                keep(&mut self.before, bytes, BEFORE_READY_BYTES_MAX);
                let Some(after) = after_line(&self.before, ready) else { return false };
                let after = self.before.split_off(after);
                self.went_ahead = true;
                self.is_cut |= keep(&mut self.output, &after, self.output_bytes_max);
                true
            }
            (Stream::Output, _) => {
                self.is_cut |= keep(&mut self.output, bytes, self.output_bytes_max);
                false
            }
        }
    }
}

/// Keeps what there is room for; true if that is not all.
fn keep(kept: &mut Vec<u8>, bytes: &[u8], bytes_max: usize) -> bool {
    let room = bytes_max.saturating_sub(kept.len());
    kept.extend(bytes.iter().take(room));
    bytes.len() > room
}

/// Where that follows which comes after the line, if it is there.
fn after_line(said: &[u8], line: &str) -> Option<usize> {
    let mut at = 0;
    for one in said.split_inclusive(|byte| *byte == b'\n') {
        at += one.len();
        if one.strip_suffix(b"\n") == Some(line.as_bytes()) {
            return Some(at);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bounds<'b>(input: &'b str, ready: Option<&'b str>) -> Bounds<'b> {
        Bounds { input: input.as_bytes(), ready, time: Duration::from_secs(20), output_bytes_max: 100 }
    }

    fn sh(script: &str, bounds: &Bounds<'_>) -> Ended {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", script]).env_clear();
        run(command, bounds).unwrap()
    }

    #[test]
    fn what_a_process_says_is_kept_as_far_as_it_is_bounded() {
        let ended = sh("cat; echo no >&2; exit 3", &bounds("a\nb", None));
        assert_eq!((ended.code, ended.output.as_str(), ended.errors.as_str()), (Some(3), "a\nb", "no\n"));
        assert!(!ended.is_late && !ended.is_cut && ended.went_ahead);
        // a flood is read to its end, and hardly anything of it kept
        let flood =
            "i=0; while [ $i -lt 3000 ]; do echo 0123456789012345678901234567890123456789; i=$((i+1)); done";
        let ended = sh(flood, &bounds("", None));
        assert_eq!((ended.code, ended.output.len(), ended.is_cut), (Some(0), 100, true));
        // what it is told may be more than a pipe holds, though it reads nothing of it
        let ended = sh("exit 0", &bounds(&"x".repeat(1 << 20), None));
        assert_eq!(ended.code, Some(0));
    }

    #[test]
    fn it_gets_its_input_when_it_is_ready() {
        let waits = "echo noise; echo ready; IFS= read -r go; echo \"got $go\"; cat";
        let ended = sh(waits, &bounds("go\nmore", Some("ready")));
        assert_eq!((ended.output.as_str(), ended.went_ahead), ("got go\nmore", true));
        for never in ["echo unready; cat", "exit 1"] {
            let short = Bounds { time: Duration::from_millis(300), ..bounds("go\n", Some("ready")) };
            let ended = sh(never, &short);
            assert!(!ended.went_ahead && ended.output.is_empty(), "{never}");
        }
    }

    #[test]
    fn its_time_is_over_at_some_time() {
        let begun = Instant::now();
        // it closes what it says and goes on
        for script in ["sleep 60", "exec >&- 2>&-; sleep 60"] {
            let short = Bounds { time: Duration::from_millis(300), ..bounds("", None) };
            let ended = sh(script, &short);
            assert_eq!((ended.code, ended.is_late), (None, true), "{script}");
        }
        assert!(begun.elapsed() < Duration::from_secs(20));
    }
}
