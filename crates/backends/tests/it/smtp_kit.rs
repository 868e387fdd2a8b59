//! A real mail server for tests. Used by the tests of other crates too, by its path.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use tempfile::TempDir;

/// A mail server that ends with the test.
pub(crate) struct MailServer {
    process: Child,
    dir: TempDir,
    pub(crate) port: u16,
}

impl Drop for MailServer {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl MailServer {
    /// One that is started with these arguments; `None` with a loud note where there is none to start.
    pub(crate) fn start(arguments: &[&str]) -> Option<Self> {
        let Some(python) = std::env::var_os("HUECRY_SMTP") else {
            assert!(std::env::var_os("HUECRY_REQUIRE_ALL").is_none(), "HUECRY_SMTP names no mail server");
            eprintln!("SKIPPED: HUECRY_SMTP names no Python with a mail server (.ci/smtp installs it)");
            return None;
        };
        let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../backends/tests/it/smtp_server.py");
        let dir = tempfile::tempdir().unwrap();
        let mut command = Command::new(python);
        command.arg(script).arg("--dir").arg(dir.path()).args(arguments);
        let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let port = line.trim().parse().unwrap_or_else(|_| panic!("the mail server does not start: {line:?}"));
        Some(Self { process, dir, port })
    }

    /// What it has, as it came, with lines that end in `\n`.
    pub(crate) fn received(&self) -> Vec<String> {
        mails(self.dir.path())
    }
}

fn mails(dir: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<PathBuf> =
        entries.filter(|path| path.extension().is_some_and(|end| end == "eml")).collect();
    files.sort();
    let text =
        |path: &PathBuf| String::from_utf8(std::fs::read(path).unwrap()).unwrap().replace("\r\n", "\n");
    files.iter().map(text).collect()
}
