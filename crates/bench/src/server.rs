//! The program under measurement, as a child process on a data folder of its own.

use crate::Failed;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// An answer that is longer than this is none that a person asked for.
const ANSWER_BYTES_MAX: u64 = 64 << 20;

pub(crate) struct Server {
    child: Child,
    pub(crate) url: String,
    admin: String,
    agent: ureq::Agent,
    _data: tempfile::TempDir,
}

impl Server {
    /// Starts `huecry serve` with these rules and waits until it is ready.
    pub(crate) fn start(program: &Path, rules: &[(String, String)]) -> Result<Self, Failed> {
        Self::start_in(Self::folder()?, program, rules, "")
    }

    /// A folder for a server's data, of which `data/state.db` is the state.
    pub(crate) fn folder() -> Result<tempfile::TempDir, Failed> {
        Ok(tempfile::Builder::new().prefix("huecry-bench").tempdir_in(".")?)
    }

    /// The same on a folder that has something in it, with more lines of configuration.
    pub(crate) fn start_in(
        data: tempfile::TempDir,
        program: &Path,
        rules: &[(String, String)],
        more: &str,
    ) -> Result<Self, Failed> {
        let rules_dir = data.path().join("rules");
        std::fs::create_dir(&rules_dir)?;
        for (number, (_, text)) in rules.iter().enumerate() {
            std::fs::write(rules_dir.join(format!("{number}.yml")), text)?;
        }
        let listen = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let config = data.path().join("huecry.toml");
        std::fs::write(
            &config,
            format!("{more}[rules]\nbuiltin = false\ndirs = [{:?}]\n", rules_dir.display()),
        )?;
        let folder = data.path().join("data");
        let child = Command::new(program)
            .args(["serve", "--listen", &listen.to_string(), "--config"])
            .arg(&config)
            .arg("--data-dir")
            .arg(&folder)
            .stdout(Stdio::null())
            .stderr(std::fs::File::create("/tmp/huecry-bench-server.log")?)
            .spawn()?;
        let agent = ureq::Agent::new_with_defaults();
        let url = format!("http://{listen}");
        let mut server = Self { child, url, admin: String::new(), agent, _data: data };
        server.wait_ready()?;
        server.admin =
            std::fs::read_to_string(folder.join(huecry::storage::FIRST_TOKEN_FILE))?.trim().to_owned();
        Ok(server)
    }

    fn wait_ready(&mut self) -> Result<(), Failed> {
        let deadline = Instant::now() + Duration::from_secs(30);
        while Instant::now() < deadline {
            if self.agent.get(format!("{}/readyz", self.url)).call().is_ok() {
                return Ok(());
            }
            if let Some(status) = self.child.try_wait()? {
                return Err(format!("the server ended at its start: {status}").into());
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Err("the server was not ready in 30 s".into())
    }

    /// Asks the API as the first admin.
    pub(crate) fn get(&self, path: &str, query: &[(&str, &str)]) -> Result<serde_json::Value, Failed> {
        let request =
            self.agent.get(format!("{}/api/v1/{path}", self.url)).query_pairs(query.iter().copied());
        let request = request.header("authorization", format!("Bearer {}", self.admin));
        Ok(request.call()?.body_mut().with_config().limit(ANSWER_BYTES_MAX).read_json()?)
    }

    /// Sends the API something as the first admin.
    pub(crate) fn post(&self, path: &str, body: &serde_json::Value) -> Result<serde_json::Value, Failed> {
        let request = self.agent.post(format!("{}/api/v1/{path}", self.url));
        let request = request.header("authorization", format!("Bearer {}", self.admin));
        Ok(request.send_json(body)?.body_mut().read_json()?)
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Adds a source of CloudTrail records and gives its token.
    pub(crate) fn add_source(&self, name: &str) -> Result<String, Failed> {
        self.post("sources", &serde_json::json!({ "name": name, "kind": "aws_cloudtrail" }))?;
        let answer = self.post("tokens", &serde_json::json!({ "name": name, "source": name }))?;
        let secret = answer["secret"].as_str().ok_or("no secret in the answer")?;
        Ok(secret.to_owned())
    }

    /// Records that the pipeline has finished with: events, duplicates and dead letters.
    pub(crate) fn finished(&self) -> Result<u64, Failed> {
        let text = self
            .agent
            .get(format!("{}/metrics", self.url))
            .header("authorization", format!("Bearer {}", self.admin))
            .call()?
            .body_mut()
            .read_to_string()?;
        let counts = ["huecry_events_total", "huecry_duplicates_total", "huecry_dead_letters_total"];
        let lines = text.lines().filter(|line| counts.iter().any(|count| line.starts_with(count)));
        Ok(lines.filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok()).sum())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // the measurement is over; how the server ends does not matter to it
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
