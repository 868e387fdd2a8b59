//! The standalone verifier, kept running so that a thousand copies can be judged.

use huecry_audit::copy::VERIFIER;
use huecry_audit::{PublicKey, SignedCheckpoint};
use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use tempfile::TempDir;

const DRIVER: &str = "
import json, sys
sys.path.insert(0, sys.argv[1])
sys.dont_write_bytecode = True
import verify
for line in sys.stdin:
    asked = json.loads(line)
    report = verify.verify(asked['folder'], sys.argv[2], asked['kept'])
    codes = sorted({finding['code'] for finding in report.findings})
    print(json.dumps(codes), flush=True)
";

pub(crate) struct Python {
    child: Child,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
    _dir: TempDir,
}

impl Python {
    /// Starts it; `None` with a loud note where there is no Python.
    pub(crate) fn start(key: &PublicKey) -> Option<Self> {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("verify.py"), VERIFIER).unwrap();
        let started = Command::new("python3")
            .args(["-I", "-c", DRIVER])
            .arg(dir.path())
            .arg(key.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn();
        let Ok(mut child) = started else {
            assert!(std::env::var_os("HUECRY_REQUIRE_ALL").is_none(), "there is no python3");
            eprintln!("SKIPPED: the standalone verifier, there is no python3");
            return None;
        };
        let (to, from) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
        Some(Self { child, to, from, _dir: dir })
    }

    /// The codes of what it finds.
    pub(crate) fn codes(&mut self, folder: &Path, kept: &[&SignedCheckpoint]) -> BTreeSet<String> {
        let kept: Vec<_> = kept.iter().map(|signed| ("kept", &signed.note)).collect();
        let asked = serde_json::json!({ "folder": folder, "kept": kept });
        writeln!(self.to, "{asked}").unwrap();
        let mut line = String::new();
        self.from.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap_or_else(|_| panic!("the verifier failed on {}", folder.display()))
    }
}

impl Drop for Python {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
