//! Starts the program and talks to it.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

pub(crate) fn huecry() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_huecry"));
    for variable in ["HUECRY_CONFIG", "HUECRY_TOKEN", "HUECRY_SOURCE_TOKEN", "HUECRY_TOKEN_FILE"] {
        command.env_remove(variable);
    }
    command.env("RUST_LOG", "huecry=info");
    command
}

pub(crate) fn run(args: &[&str]) -> Output {
    huecry().args(args).output().unwrap()
}

/// The folder of real data, or `None` with a loud note; required where the environment says so.
pub(crate) fn shared_data() -> Option<PathBuf> {
    let folder = std::env::var_os("HUECRY_SHARED_DATA")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data"), PathBuf::from);
    if folder.is_dir() {
        return Some(folder);
    }
    assert!(
        std::env::var_os("HUECRY_REQUIRE_ALL").is_none(),
        "no shared data folder at {}",
        folder.display()
    );
    eprintln!("SKIPPED: no shared data folder (set HUECRY_SHARED_DATA)");
    None
}

/// A running server on a data folder that outlives it.
pub(crate) struct Server {
    child: Child,
    pub(crate) url: String,
    pub(crate) admin: String,
    pub(crate) agent: ureq::Agent,
}

impl Server {
    /// Starts `huecry serve` on `folder`, with the rules in `rules` alone if given.
    pub(crate) fn start(folder: &Path, rules: Option<&Path>) -> Self {
        let text = rules.map_or_else(String::new, |dir| {
            format!("[rules]\nbuiltin = false\ndirs = [{:?}]\n", dir.display().to_string())
        });
        Self::start_with(folder, &text)
    }

    /// The same with the text of a configuration.
    pub(crate) fn start_with(folder: &Path, text: &str) -> Self {
        Self::start_logging(folder, text, "huecry=info")
    }

    /// The same with a log as verbose as `RUST_LOG` says.
    pub(crate) fn start_logging(folder: &Path, text: &str, log_filter: &str) -> Self {
        let listen = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let config = folder.join("huecry.toml");
        std::fs::write(&config, text).unwrap();
        let log =
            std::fs::OpenOptions::new().create(true).append(true).open(folder.join("stderr.log")).unwrap();
        let child = huecry()
            .env("RUST_LOG", log_filter)
            .args(["serve", "--listen", &listen.to_string(), "--config"])
            .arg(&config)
            .arg("--data-dir")
            .arg(folder.join("data"))
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        let config = ureq::Agent::config_builder().http_status_as_error(false).build();
        let mut server =
            Self { child, url: format!("http://{listen}"), admin: String::new(), agent: config.into() };
        server.wait_ready(folder);
        let token = folder.join("data").join(huecry::storage::FIRST_TOKEN_FILE);
        server.admin = std::fs::read_to_string(token).unwrap().trim().to_owned();
        server
    }

    fn wait_ready(&mut self, folder: &Path) {
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            let answer = self.agent.get(format!("{}/readyz", self.url)).call();
            if answer.is_ok_and(|a| a.status() == 200) {
                return;
            }
            let ended = self.child.try_wait().unwrap();
            let stderr = || std::fs::read_to_string(folder.join("stderr.log")).unwrap_or_default();
            assert!(ended.is_none(), "the server ended: {ended:?}\n{}", stderr());
            assert!(Instant::now() < deadline, "not ready in 60 s\n{}", stderr());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    pub(crate) fn get(&self, path: &str) -> String {
        let bearer = format!("Bearer {}", self.admin);
        let mut answer =
            self.agent.get(format!("{}{path}", self.url)).header("authorization", bearer).call().unwrap();
        answer.body_mut().read_to_string().unwrap()
    }

    pub(crate) fn post(&self, path: &str, token: &str, body: &[u8]) -> Result<(u16, String), ureq::Error> {
        let mut answer = self
            .agent
            .post(format!("{}{path}", self.url))
            .header("authorization", format!("Bearer {token}"))
            .header("content-type", "application/json")
            .send(body)?;
        Ok((answer.status().as_u16(), answer.body_mut().read_to_string()?))
    }

    /// Adds a source and gives its token.
    pub(crate) fn add_source(&self, name: &str, kind: &str) -> String {
        let source = serde_json::json!({ "name": name, "kind": kind }).to_string();
        let (status, text) = self.post("/api/v1/sources", &self.admin, source.as_bytes()).unwrap();
        assert_eq!(status, 201, "{text}");
        let token = serde_json::json!({ "name": name, "source": name }).to_string();
        let (status, text) = self.post("/api/v1/tokens", &self.admin, token.as_bytes()).unwrap();
        assert_eq!(status, 201, "{text}");
        let answer: serde_json::Value = serde_json::from_str(&text).unwrap();
        answer["secret"].as_str().unwrap().to_owned()
    }

    /// Findings that triage has worked off since the server began.
    pub(crate) fn findings_seen(&self) -> u64 {
        let url = format!("{}/metrics", self.url);
        let bearer = format!("Bearer {}", self.admin);
        let answer = self.agent.get(url).header("authorization", bearer).call();
        let text = answer.unwrap().body_mut().read_to_string().unwrap();
        let line = |name: &str| {
            let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
            value.map_or(0, |value| value.parse::<u64>().unwrap())
        };
        line("huecry_triaged_findings_total") + line("huecry_triaged_duplicates_total")
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// SIGKILL.
    pub(crate) fn kill(mut self) {
        // it may be dead already
        let _ = self.child.kill();
        self.child.wait().unwrap();
    }

    /// SIGTERM, and waits for the end.
    pub(crate) fn stop(mut self) -> std::process::ExitStatus {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
        self.child.wait().unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
