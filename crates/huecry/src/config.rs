//! The configuration file: TOML, every key optional, unknown keys refused.

mod access;
mod mail;
mod reports;
mod respond;

pub use self::access::{AccessConfig, OidcConfig};
pub use self::mail::{MailConfig, MailTls};
pub use self::reports::{PublicServices, PublicWord, ReportsConfig};
pub use self::respond::{
    ApprovalConfig, AutomaticConfig, LimitConfig, ProtectedConfig, ProtectedKind, RespondConfig, SettingValue,
};

use crate::questions::QueryConfig;
use detect::stage::NewRuleStage;
use model::Stage;
use ports::lake::RetentionRule;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

/// Where the file is looked for when none is named.
pub const DEFAULT_FILE: &str = "huecry.toml";

/// Why a configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read {path}: {source}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file is not the configuration this program knows.
    #[error("{path}: {reason}")]
    Invalid {
        /// The file.
        path: PathBuf,
        /// What is wrong, with line and column.
        reason: String,
        /// The key that was probably meant.
        suggestion: Option<String>,
    },
    /// A storage URL names a backend that this program does not have.
    #[error("{key} = {url:?}: no backend for {scheme:?} is compiled in (there is {known})")]
    UnknownBackend {
        /// The key.
        key: &'static str,
        /// Its value.
        url: String,
        /// The part before the colon.
        scheme: String,
        /// What there is.
        known: &'static str,
    },
}

/// The whole configuration.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The HTTP server.
    pub server: ServerConfig,
    /// Where data is kept.
    pub storage: StorageConfig,
    /// The durable log.
    pub log: LogConfig,
    /// The lake: every event, for years.
    pub lake: LakeConfig,
    /// Detection rules.
    pub rules: RulesConfig,
    /// Correlations over several events.
    pub correlation: CorrelationConfig,
    /// What is known of events beside their records: services, owners, addresses.
    pub enrich: EnrichConfig,
    /// Grouping of findings into incidents.
    pub triage: TriageConfig,
    /// Bounds of questions about events.
    pub query: QueryConfig,
    /// The tamper-evident record of who did what.
    pub audit: AuditConfig,
    /// Who may enter.
    pub access: AccessConfig,
    /// What people may report.
    pub reports: ReportsConfig,
    /// Containment, and its undoing.
    pub respond: RespondConfig,
    /// The server that e-mail is given to. Nobody is told by e-mail if nothing stands here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mail: Option<MailConfig>,
}

/// The HTTP server.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ServerConfig {
    /// Address and port to listen on.
    #[schemars(with = "String")]
    pub listen: SocketAddr,
    /// Where people reach the server, such as `https://hue.example.com`. With `https:` cookies go over TLS only. Not
    /// said: `http:` and the address that a request was sent to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub public_url: Option<String>,
    /// Most bytes of requests that are worked on at once; past it senders get 429.
    pub in_flight_bytes_max: usize,
}

impl Default for ServerConfig {
    fn default() -> Self {
        let listen = SocketAddr::from(([127, 0, 0, 1], 8787));
        Self { listen, public_url: None, in_flight_bytes_max: 128 << 20 }
    }
}

/// Where data is kept. The scheme of a URL picks the backend.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct StorageConfig {
    /// Folder for everything embedded: log, state, key, first token.
    pub data_dir: PathBuf,
    /// The log; `file:` (inside `data_dir` unless it names a path).
    pub log: String,
    /// State; `sqlite:` (inside `data_dir` unless it names a path).
    pub state: String,
    /// The lake; `file:` (inside `data_dir` unless it names a path).
    pub lake: String,
}

impl Default for StorageConfig {
    fn default() -> Self {
        Self {
            data_dir: PathBuf::from("data"),
            log: "file:".to_owned(),
            state: "sqlite:".to_owned(),
            lake: "file:".to_owned(),
        }
    }
}

/// The durable log.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct LogConfig {
    /// Partitions of the raw topic: how many pipeline workers can run side by side. Only grows.
    pub raw_partitions: u32,
    /// Partitions of the internal topic of matches: how many correlators can run side by side. Only grows.
    pub match_partitions: u32,
    /// Segment size in bytes; retention removes whole segments.
    pub segment_bytes: u64,
    /// Raw records older than this many days are removed.
    pub raw_retention_days: u32,
    /// At most this many bytes of raw records are kept in each partition.
    pub raw_retention_bytes: u64,
    /// Findings and dead letters older than this many days are removed from the log; incidents and the list
    /// of dead letters stay in the state.
    pub finding_retention_days: u32,
}

impl Default for LogConfig {
    fn default() -> Self {
        Self {
            raw_partitions: 2,
            match_partitions: 2,
            segment_bytes: 64 << 20,
            raw_retention_days: 400,
            raw_retention_bytes: 64 << 30,
            finding_retention_days: 400,
        }
    }
}

/// Correlations over several events.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct CorrelationConfig {
    /// An event may come so many seconds (of event time) after a later one of its stream; correlations wait so long for
    /// it. One that comes later is counted and left out.
    pub lateness_s: u32,
    /// Other numbers of seconds for single products, by the name that rules have for them. AWS delivers the calls of
    /// different regions minutes apart: `{ aws = 300 }`.
    pub lateness_s_by_product: BTreeMap<String, u32>,
    /// The same for history, which is nobody's to wait for.
    pub past_lateness_s: u32,
    /// A stream that brings nothing for so many seconds is not waited for. Longer than the longest pause between two
    /// deliveries of a source whose events are correlated with those of others.
    pub idle_s: u32,
    /// A correlator that begins, and one that meets another import of history, judges nothing for so many seconds, so that
    /// streams that begin a moment later are waited for.
    pub warmup_s: u32,
    /// An event that is older than so many seconds when it is received is history: it is correlated by its time too, but
    /// apart from what happens now.
    pub past_after_s: u32,
    /// Most memory of the state, in bytes, for each partition of the topic of matches. Past it the groups longest without
    /// a match are forgotten.
    pub state_bytes_max: usize,
    /// Least seconds between two snapshots of the state.
    pub snapshot_interval_s: u32,
}

impl Default for CorrelationConfig {
    fn default() -> Self {
        Self {
            lateness_s: 60,
            lateness_s_by_product: BTreeMap::from([("aws".to_owned(), 300)]),
            past_lateness_s: 86_400,
            idle_s: 60,
            warmup_s: 10,
            past_after_s: 3_600,
            state_bytes_max: 64 << 20,
            snapshot_interval_s: 10,
        }
    }
}

impl CorrelationConfig {
    /// How correlations run, with their states in `dir`.
    pub fn options(&self, dir: PathBuf) -> crate::pipeline::Correlation {
        let ms = |seconds: u32| i64::from(seconds) * 1_000;
        crate::pipeline::Correlation {
            dir: Some(dir),
            options: sigma::correlation::Options {
                lateness_ms: [ms(self.lateness_s), ms(self.past_lateness_s)],
                idle_ms: ms(self.idle_s.max(1)),
                warmup_ms: ms(self.warmup_s),
                state_bytes_max: self.state_bytes_max,
            },
            lateness_ms_by_product: self
                .lateness_s_by_product
                .iter()
                .map(|(product, seconds)| (product.clone(), ms(*seconds)))
                .collect(),
            past_after_ms: ms(self.past_after_s),
            snapshot_ms_min: ms(self.snapshot_interval_s),
            ..crate::pipeline::Correlation::default()
        }
    }
}

/// The lake.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct LakeConfig {
    /// Whether events are kept in a lake at all; without one there is nothing to query.
    pub enabled: bool,
    /// Events are removed so many days after they happened, in whole days.
    pub retention_days: u32,
    /// Memory for events that wait to be written to a file, in bytes; past it the pipeline waits. Writing and
    /// merging files take up to about twice as much again.
    pub waiting_bytes_max: usize,
    /// Other numbers of days for single OCSF classes, by `class_uid`: `{ "4001" = 30 }`.
    pub retention_days_by_class: BTreeMap<u32, u32>,
}

impl Default for LakeConfig {
    fn default() -> Self {
        Self {
            enabled: true,
            retention_days: 1_095,
            waiting_bytes_max: 96 << 20,
            retention_days_by_class: BTreeMap::new(),
        }
    }
}

impl LakeConfig {
    /// The lake's options, in `dir`.
    pub fn options(&self, dir: PathBuf) -> lake::Options {
        /// A row group is held in memory while it is written.
        const ROW_BYTES: usize = 1_536;
        /// A merge holds a part of each of its files in memory.
        const FILE_BYTES: usize = 6 << 20;
        let (files, defaults) = (self.waiting_bytes_max / FILE_BYTES, lake::Options::new(dir));
        lake::Options {
            waiting_bytes_max: self.waiting_bytes_max,
            flush_bytes: self.waiting_bytes_max / 3,
            row_group_rows_max: (self.waiting_bytes_max / ROW_BYTES)
                .clamp(1_024, defaults.row_group_rows_max),
            first_level_files: files.clamp(3, defaults.first_level_files),
            merge_files: (files / 2).clamp(3, defaults.merge_files),
            ..defaults
        }
    }

    /// What is to be removed, and when.
    pub fn retention(&self) -> Vec<RetentionRule> {
        const DAY_MS: i64 = 86_400_000;
        let rule = |class_uid, days: u32| RetentionRule { class_uid, age_ms_max: i64::from(days) * DAY_MS };
        let by_class = self.retention_days_by_class.iter();
        by_class
            .map(|(class, days)| rule(Some(*class), *days))
            .chain([rule(None, self.retention_days)])
            .collect()
    }
}

/// Detection rules.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RulesConfig {
    /// Whether the rules that come with the program are loaded.
    pub builtin: bool,
    /// Folders of Sigma rules, read with all their subfolders; best a git work tree.
    pub dirs: Vec<PathBuf>,
    /// Files or folders of processing pipelines, applied to every rule; those among the rules in `dirs` are too.
    pub pipelines: Vec<PathBuf>,
    /// Files or folders with values of placeholders, `placeholders: {name: [value, …]}`; those in `dirs` count too.
    pub placeholders: Vec<PathBuf>,
    /// The files are looked at for changes every this many seconds (and at SIGHUP); 0 is never.
    pub reload_interval_s: u32,
    /// Where rules begin that come after the first load. Those whose own tests fail stay in shadow.
    pub new_rule_stage: NewRuleStageConfig,
    /// Most findings of one rule on one day of events; past it the rule goes back to shadow. A rule's own
    /// `alert_budget` counts before this. Not said: only rules that name one have a budget.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alert_budget_per_day: Option<u32>,
}

/// Where new rules begin.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum NewRuleStageConfig {
    /// Active with tests of each kind that pass, else shadow.
    #[default]
    Tested,
    /// Counted only.
    Shadow,
    /// Marked, and no graver than low.
    Canary,
    /// Active, with tests or without.
    Active,
}

impl NewRuleStageConfig {
    pub(crate) fn policy(self) -> NewRuleStage {
        match self {
            Self::Tested => NewRuleStage::Tested,
            Self::Shadow => NewRuleStage::Always(Stage::Shadow),
            Self::Canary => NewRuleStage::Always(Stage::Canary),
            Self::Active => NewRuleStage::Always(Stage::Active),
        }
    }
}

impl Default for RulesConfig {
    fn default() -> Self {
        Self {
            builtin: true,
            dirs: Vec::new(),
            pipelines: Vec::new(),
            placeholders: Vec::new(),
            reload_interval_s: 5,
            new_rule_stage: NewRuleStageConfig::default(),
            alert_budget_per_day: None,
        }
    }
}

/// What is known of events beside their records.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct EnrichConfig {
    /// Who owns what: Backstage `catalog-info.yaml` and our `services.yaml`. Files, folders (with all
    /// subfolders), or paths with `*`.
    pub catalog: Vec<PathBuf>,
    /// MaxMind DB files of countries and autonomous systems; of each, the first that knows it answers.
    pub geoip: Vec<PathBuf>,
    /// The files are looked at for changes every this many seconds (and at SIGHUP); 0 is never.
    pub reload_interval_s: u32,
    /// Who owns the paths of repositories.
    pub codeowners: Vec<CodeownersConfig>,
}

impl Default for EnrichConfig {
    fn default() -> Self {
        Self { catalog: Vec::new(), geoip: Vec::new(), reload_interval_s: 5, codeowners: Vec::new() }
    }
}

/// The CODEOWNERS of one repository.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CodeownersConfig {
    /// `owner/name`, as events name it.
    pub repository: String,
    /// The file.
    pub file: PathBuf,
    /// Whose reading of the file.
    #[serde(default)]
    pub dialect: DialectConfig,
}

/// Who reads a CODEOWNERS file how.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DialectConfig {
    /// GitLab if the file has a section or lies in a folder `.gitlab`, else GitHub.
    #[default]
    Auto,
    /// As GitHub does.
    Github,
    /// As GitLab does.
    Gitlab,
}

/// Grouping of findings into incidents.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct TriageConfig {
    /// A finding joins an open incident about the same entity whose findings are within this many hours.
    pub window_hours: u32,
}

impl Default for TriageConfig {
    fn default() -> Self {
        Self { window_hours: 24 }
    }
}

/// The tamper-evident record of who did what.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct AuditConfig {
    /// The name of the key that checkpoints are signed with, such as `example.com/huecry`; chosen once, before the
    /// first start. Not said: `huecry/` and the beginning of the key's hash.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub origin: Option<String>,
    /// A program that gets each signed checkpoint on its standard input, with its arguments. It may miss some where it
    /// is slower than they come, never the newest.
    pub witness_command: Vec<String>,
    /// A file that each signed checkpoint is appended to, best on another machine's disk.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub witness_file: Option<PathBuf>,
}

impl Config {
    /// Reads `path`, or [`DEFAULT_FILE`] if it is there, or the defaults.
    ///
    /// # Errors
    /// [`ConfigError`] when a file is named or there, and cannot be used.
    pub fn load(path: Option<&Path>) -> Result<Self, ConfigError> {
        let default = Path::new(DEFAULT_FILE);
        let path = match path {
            Some(path) => path,
            None if default.exists() => default,
            None => return Ok(Self::default()),
        };
        let text = std::fs::read_to_string(path)
            .map_err(|source| ConfigError::Unreadable { path: path.to_owned(), source })?;
        Self::parse(&text, path)
    }

    /// Reads a configuration's text; `path` is for the message.
    ///
    /// # Errors
    /// [`ConfigError::Invalid`] with line, column and the nearest known key.
    pub fn parse(text: &str, path: &Path) -> Result<Self, ConfigError> {
        toml::from_str(text).map_err(|error| ConfigError::Invalid {
            path: path.to_owned(),
            reason: error.to_string().trim_end().to_owned(),
            suggestion: suggestion(error.message()),
        })
    }

    /// The folder of the embedded log.
    ///
    /// # Errors
    /// [`ConfigError::UnknownBackend`] for another scheme than `file:`.
    pub fn log_dir(&self) -> Result<PathBuf, ConfigError> {
        self.embedded("storage.log", &self.storage.log, "file", "log")
    }

    /// The folder of the embedded lake; `None` if there is to be none.
    ///
    /// # Errors
    /// [`ConfigError::UnknownBackend`] for another scheme than `file:`.
    pub fn lake_dir(&self) -> Result<Option<PathBuf>, ConfigError> {
        let dir = self.embedded("storage.lake", &self.storage.lake, "file", "lake")?;
        Ok(self.lake.enabled.then_some(dir))
    }

    /// The folder of the audit log's tree, and of its public key.
    pub fn audit_dir(&self) -> PathBuf {
        self.storage.data_dir.join("audit")
    }

    /// The file of the embedded state.
    ///
    /// # Errors
    /// [`ConfigError::UnknownBackend`] for another scheme than `sqlite:`.
    pub fn state_file(&self) -> Result<PathBuf, ConfigError> {
        self.embedded("storage.state", &self.storage.state, "sqlite", "state.db")
    }

    fn embedded(
        &self,
        key: &'static str,
        url: &str,
        known: &'static str,
        default: &str,
    ) -> Result<PathBuf, ConfigError> {
        let (scheme, path) = url.split_once(':').unwrap_or((url, ""));
        if scheme != known {
            let (url, scheme) = (url.to_owned(), scheme.to_owned());
            return Err(ConfigError::UnknownBackend { key, url, scheme, known });
        }
        let path = path.strip_prefix("//").unwrap_or(path);
        Ok(self.storage.data_dir.join(if path.is_empty() { default } else { path }))
    }

    /// The JSON schema of the file, as committed in `schemas/config.schema.json`.
    pub fn schema() -> schemars::Schema {
        schemars::schema_for!(Config)
    }
}

/// The known key nearest to the unknown one that serde's message names.
fn suggestion(message: &str) -> Option<String> {
    let names: Vec<&str> = message.split('`').skip(1).step_by(2).collect();
    let (unknown, known) = names.split_first()?;
    if !message.starts_with("unknown field") {
        return None;
    }
    let near = known.iter().map(|name| (strsim::damerau_levenshtein(unknown, name), name));
    let (distance, name) = near.min()?;
    (distance <= 1 + unknown.len() / 3).then(|| (*name).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Config, ConfigError> {
        Config::parse(text, Path::new("huecry.toml"))
    }

    #[test]
    fn an_empty_file_is_the_defaults() {
        assert_eq!(parse("").unwrap(), Config::default());
    }

    #[test]
    fn owners_and_addresses_are_configured() {
        let text = "[enrich]\ncatalog = [\"catalog\"]\ngeoip = [\"city.mmdb\"]\n\
            [[enrich.codeowners]]\nrepository = \"acme/web\"\nfile = \"web/CODEOWNERS\"\n";
        let enrich = parse(text).unwrap().enrich;
        assert_eq!((enrich.reload_interval_s, enrich.codeowners[0].dialect), (5, DialectConfig::Auto));
    }

    #[test]
    fn an_unknown_key_is_refused_with_the_one_that_was_meant() {
        let Err(ConfigError::Invalid { reason, suggestion, .. }) = parse("[server]\nlisen = \"x\"") else {
            panic!("accepted");
        };
        assert!(reason.contains("line 2"), "{reason}");
        assert_eq!(suggestion.as_deref(), Some("listen"));
    }

    #[test]
    fn services_are_public_by_name_or_all_or_none() {
        let public = |text: &str| {
            parse(&format!("[reports]\npublic_services = {text}")).map(|c| c.reports.public_services)
        };
        assert_eq!(public("[\"web\"]").unwrap(), PublicServices::Names(vec!["web".to_owned()]));
        assert_eq!(public("\"all\"").unwrap(), PublicServices::Word(PublicWord::All));
        assert_eq!(parse("").unwrap().reports.public_services, PublicServices::Word(PublicWord::None));
        assert!(public("\"some\"").is_err());
    }

    #[test]
    fn a_backend_that_is_not_there_is_named() {
        let config = parse("[storage]\nlog = \"nats://127.0.0.1\"").unwrap();
        let message = config.log_dir().unwrap_err().to_string();
        assert!(message.contains("nats") && message.contains("file"), "{message}");
        assert_eq!(config.state_file().unwrap(), Path::new("data/state.db"));
    }

    #[test]
    fn retention_is_by_class_and_for_the_rest() {
        let config = parse("[lake]\nretention_days = 2\nretention_days_by_class = { 4001 = 1 }").unwrap();
        let rule = |class_uid, days: i64| RetentionRule { class_uid, age_ms_max: days * 86_400_000 };
        assert_eq!(config.lake.retention(), [rule(Some(4001), 1), rule(None, 2)]);
        assert_eq!(config.lake_dir().unwrap(), Some("data/lake".into()));
        assert_eq!(parse("[lake]\nenabled = false").unwrap().lake_dir().unwrap(), None);
    }

    #[test]
    fn the_committed_schema_is_this_one() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../schemas/config.schema.json");
        let text = serde_json::to_string_pretty(&Config::schema()).unwrap() + "\n";
        if std::env::var_os("HUECRY_BLESS").is_some() {
            std::fs::write(&path, &text).unwrap();
        }
        assert_eq!(std::fs::read_to_string(&path).unwrap_or_default(), text, "run with HUECRY_BLESS=1");
    }
}
