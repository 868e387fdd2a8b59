//! What a process did to the files of one folder, as strace saw it.
//!
//! strace writes a line when it stops a thread, and a thread goes on only then: what was caused by a call stands behind
//! it, whichever threads they were of.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Calls that name, fill, shorten or sync a file. With `?`, those that not every architecture has.
const CALLS: &str = "trace=openat,?open,?creat,pwrite64,write,writev,pwritev,?pwritev2,ftruncate,truncate,fallocate,\
    fsync,fdatasync,sync_file_range,?unlink,unlinkat,?rename,?renameat,renameat2,?link,linkat,?mkdir,mkdirat,?rmdir,\
    mmap,copy_file_range,sendfile,splice,?io_uring_setup";
/// What the child writes to its standard output before the number of a unit that is held.
pub(super) const HELD: &str = "HELD ";

/// What a name stands for: a folder, or the file of that number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Node {
    Dir,
    File(usize),
}

/// A call that matters for what is on the disk, or for what was promised. Names are relative to the folder.
#[derive(Debug)]
pub(super) enum Call {
    Write {
        file: usize,
        offset: usize,
        data: Vec<u8>,
    },
    /// The file is so long from now on.
    Resize {
        file: usize,
        bytes: usize,
    },
    Sync {
        file: usize,
    },
    /// The name stands for this from now on, or for nothing.
    Name {
        name: PathBuf,
        node: Option<Node>,
    },
    /// Makes the names in the folder durable.
    SyncDir {
        dir: PathBuf,
    },
    /// The unit was acknowledged.
    Held {
        unit: u64,
    },
}

/// A call, by its place in [`Trace::calls`], begins or ends. The power may go between any two.
#[derive(Clone, Copy, Debug)]
pub(super) enum Moment {
    Begin(usize),
    End(usize),
}

#[derive(Debug, Default)]
pub(super) struct Trace {
    pub(super) calls: Vec<Call>,
    pub(super) moments: Vec<Moment>,
    /// How many files there are, with those of the beginning and those that were removed.
    pub(super) files: usize,
}

/// The command that runs `program` and writes what it does to `output`.
pub(super) fn strace(output: &Path, program: &Path) -> Command {
    let mut command = Command::new("strace");
    // all threads; names beside descriptors; bytes and names in hexadecimal; whole, however long
    command.args(["-f", "--seccomp-bpf", "-y", "-xx", "-s", "67108864"]);
    command.args(["-e", CALLS, "-e", "signal=none", "-o"]).arg(output).arg(program);
    command
}

/// Whether strace is there and may trace.
pub(super) fn strace_works() -> bool {
    let probe = Command::new("strace").args(["-f", "-o", "/dev/null", "true"]).output();
    probe.is_ok_and(|output| output.status.success())
}

impl Trace {
    /// Reads what strace wrote about `folder`, an absolute path without links, which held `names` at the beginning.
    /// Files that are made get numbers from `files` on.
    pub(super) fn read(text: &str, folder: &Path, names: &BTreeMap<PathBuf, Node>, files: usize) -> Self {
        let folder_hex = hex(folder);
        let trace = Self { files, ..Self::default() };
        let mut reader = Reader { folder: folder.to_owned(), folder_hex, live: names.clone(), trace };
        let lines = paired(text);
        // the call that each line begins
        let mut calls = vec![None; lines.len()];
        for (place, line) in lines.iter().enumerate() {
            if let Some(first) = line.ends {
                reader.trace.moments.extend(calls[first].map(Moment::End));
            } else if let Some((call, bytes)) = reader.call(line) {
                line.check(bytes);
                calls[place] = Some(reader.begin(call));
                reader.trace.moments.extend(calls[place].filter(|_| line.is_whole).map(Moment::End));
            }
        }
        reader.trace
    }
}

/// A line of strace: the beginning of a call, its end, or both.
#[derive(Debug, Default)]
struct Line<'a> {
    name: &'a str,
    args: &'a str,
    /// What the call gave, if it ended: a number, and a word for an error.
    gave: Option<&'a str>,
    is_whole: bool,
    /// The line of the beginning that this is the end of.
    ends: Option<usize>,
}

impl Line<'_> {
    fn failed(&self) -> bool {
        self.gave.is_some_and(|gave| gave.starts_with('-'))
    }

    /// An error or a short write would need a model of its own; none was ever seen.
    fn check(&self, bytes: Option<usize>) {
        let short = self.gave.zip(bytes).is_some_and(|(gave, bytes)| gave != bytes.to_string());
        assert!(!self.failed() && !short, "{} gave {:?} and not {bytes:?}", self.name, self.gave);
    }
}

/// The lines, with beginnings and ends that stand apart brought together.
fn paired(text: &str) -> Vec<Line<'_>> {
    let (mut lines, mut open) = (Vec::<Line<'_>>::new(), HashMap::new());
    for line in text.lines() {
        let (thread, rest) = line.split_once(' ').unwrap();
        let rest = rest.trim_start();
        let gave = rest.rsplit_once(" = ").map(|(_, gave)| gave).filter(|gave| !gave.starts_with('?'));
        if rest.starts_with("<... ") {
            let first: usize = open.remove(thread).unwrap();
            lines[first].gave = gave;
            // one that never ends is a call that the end of the process cut short
            let ends = gave.map(|_| first);
            lines.extend(ends.map(|first| Line { ends: Some(first), ..Line::default() }));
        } else if let Some((name, args)) = rest.split_once('(').filter(|_| !rest.starts_with(['+', '-'])) {
            let is_whole = gave.is_some() && !rest.ends_with("<unfinished ...>");
            if !is_whole {
                open.insert(thread, lines.len());
            }
            let gave = gave.filter(|_| is_whole).map(|gave| gave.split_once('<').map_or(gave, |(fd, _)| fd));
            lines.push(Line { name, args, gave, is_whole, ends: None });
        }
    }
    lines
}

struct Reader {
    folder: PathBuf,
    folder_hex: String,
    /// The names as the process sees them.
    live: BTreeMap<PathBuf, Node>,
    trace: Trace,
}

impl Reader {
    fn begin(&mut self, call: Call) -> usize {
        if let Call::Name { name, node } = &call {
            match node {
                Some(node) => self.live.insert(name.clone(), *node),
                None => self.live.remove(name),
            };
        }
        self.trace.calls.push(call);
        let call = self.trace.calls.len() - 1;
        self.trace.moments.push(Moment::Begin(call));
        call
    }

    /// The call, if it matters, and how many bytes it must write, if it writes.
    fn call(&mut self, line: &Line<'_>) -> Option<(Call, Option<usize>)> {
        let args = line.args;
        if line.name == "write" && args.starts_with("1<") {
            return self.held(args);
        }
        if !args.contains(&self.folder_hex) || args.contains(&hex(Path::new("-shm"))) {
            return None;
        }
        let call = match line.name {
            "openat" => self.created(line)?,
            "pwrite64" => return Some(self.written(args)),
            "ftruncate" => {
                let bytes = args.split_once(", ").unwrap().1.split([')', ' ']).next().unwrap();
                Call::Resize { file: self.file_of(args), bytes: bytes.parse().unwrap() }
            }
            "fsync" | "fdatasync" => {
                let path = self.described(args);
                if path.as_os_str().is_empty() || self.live.get(&path) == Some(&Node::Dir) {
                    Call::SyncDir { dir: path }
                } else {
                    Call::Sync { file: self.file_of(args) }
                }
            }
            "unlink" | "unlinkat" | "mkdir" | "mkdirat" if line.failed() => return None,
            "unlink" | "unlinkat" => Call::Name { name: self.quoted_name(args), node: None },
            "mkdir" | "mkdirat" => Call::Name { name: self.quoted_name(args), node: Some(Node::Dir) },
            other => panic!("the model knows no {other}({args}"),
        };
        Some((call, None))
    }

    fn held(&self, args: &str) -> Option<(Call, Option<usize>)> {
        let (data, _) = quoted(args);
        let text = String::from_utf8(data).unwrap();
        let (_, unit) = text.split_once(HELD)?;
        Some((Call::Held { unit: unit.trim_end().parse().unwrap() }, None))
    }

    /// What is opened matters if it is new.
    fn created(&mut self, line: &Line<'_>) -> Option<Call> {
        let args = line.args;
        assert!(!args.contains("O_TRUNC") && !args.contains("O_TMPFILE"), "the model knows no openat({args}");
        if !args.contains("O_CREAT") || line.failed() {
            return None;
        }
        let name = self.quoted_name(args);
        if self.live.contains_key(&name) {
            return None;
        }
        self.trace.files += 1;
        Some(Call::Name { name, node: Some(Node::File(self.trace.files - 1)) })
    }

    fn written(&self, args: &str) -> (Call, Option<usize>) {
        let (data, rest) = quoted(args);
        let mut numbers = rest.split([',', ')', '<']).map(str::trim).filter(|part| !part.is_empty());
        let mut number = || numbers.next().unwrap().parse::<usize>().unwrap();
        let (bytes, offset) = (number(), number());
        assert_eq!(data.len(), bytes, "strace gave not all of it");
        (Call::Write { file: self.file_of(args), offset, data }, Some(bytes))
    }

    fn file_of(&self, args: &str) -> usize {
        match self.live.get(&self.described(args)) {
            Some(Node::File(file)) => *file,
            other => panic!("{other:?} is written to: {}", &args[..args.len().min(300)]),
        }
    }

    /// The name behind the descriptor that the arguments begin with.
    fn described(&self, args: &str) -> PathBuf {
        let (path, rest) = args.split_once('<').unwrap().1.split_once('>').unwrap();
        assert!(!rest.starts_with("(deleted)"), "a removed file is written to");
        self.relative(&unhex(path))
    }

    fn quoted_name(&self, args: &str) -> PathBuf {
        self.relative(&quoted(args).0)
    }

    fn relative(&self, path: &[u8]) -> PathBuf {
        let path = PathBuf::from(String::from_utf8(path.to_vec()).unwrap());
        path.strip_prefix(&self.folder).unwrap().to_owned()
    }
}

/// The first string of the arguments, and what follows it.
fn quoted(args: &str) -> (Vec<u8>, &str) {
    let (text, rest) = args.split_once('"').unwrap().1.split_once('"').unwrap();
    (unhex(text), rest)
}

/// A path as strace writes it.
fn hex(path: &Path) -> String {
    path.to_str().unwrap().bytes().map(|byte| format!("\\x{byte:02x}")).collect()
}

/// The bytes of `\x2f\x74`.
fn unhex(text: &str) -> Vec<u8> {
    let digit = |byte: u8| if byte <= b'9' { byte - b'0' } else { byte - b'a' + 10 };
    text.as_bytes().chunks_exact(4).map(|four| digit(four[2]) << 4 | digit(four[3])).collect()
}
