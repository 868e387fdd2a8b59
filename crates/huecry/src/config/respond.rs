//! `[respond]`: what may be contained, by whom, and how systems are reached.

use respond::protect::TargetKind;
use respond::sandbox::Sandbox;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Containment, and its undoing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RespondConfig {
    /// Whether anything is contained at all.
    pub enabled: bool,
    /// Folder of connectors; each file replaces the shipped connector of its name or adds one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connectors_dir: Option<PathBuf>,
    /// Folder of playbooks (CACAO 2.0, as JSON or YAML); each replaces the shipped one of its id or adds one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub playbooks_dir: Option<PathBuf>,
    /// The files of both folders are looked at for changes every this many seconds (and at SIGHUP, with the files of secrets); 0 is
    /// never.
    pub reload_interval_s: u32,
    /// Hosts that playbooks may send requests to by themselves, as `host` or `host:port`.
    pub http_hosts: Vec<String>,
    /// Scripts of playbooks (commands of type `bash`), in a sandbox.
    pub bash: BashConfig,
    /// How many targets an action may have in a time.
    pub limit: LimitConfig,
    /// How people are asked.
    pub approval: ApprovalConfig,
    /// What no action may touch, beside what belongs to the product itself and break-glass accounts.
    pub protected: Vec<ProtectedConfig>,
    /// What is asked for by itself when a rule matches. Nothing if nothing stands here.
    pub automatic: Vec<AutomaticConfig>,
    /// How systems are reached: settings by connector. `huecry connector list` names the connectors.
    pub connections: BTreeMap<String, BTreeMap<String, SettingValue>>,
}

/// A standing order: what is asked for by itself when a rule matches. What it asks for is applied at once only where it
/// disturbs little and ends by itself; all else waits for people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AutomaticConfig {
    /// What people call it; once among the orders.
    pub name: String,
    /// The id of the rule whose findings are sure.
    pub rule: String,
    /// Names of the sources that are authoritative for it.
    pub sources: Vec<String>,
    /// The action: `aws.deactivate_key`; or a playbook.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub action: Option<String>,
    /// The action's target, with places for what the finding is about: `{credential}`, `{actor}`, `{address}`, `{repository}`,
    /// `{account}`, `{resource}`, `{host}`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// After what time the action is taken back, in minutes; its default if not said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ttl_minutes: Option<u64>,
    /// The playbook to run, by name or id; or an action.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub playbook: Option<String>,
    /// Inputs of the action or variables of the playbook, by name, with places as in `target`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub set: BTreeMap<String, String>,
}

/// The value of a connector's setting.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum SettingValue {
    /// As it stands here; never a secret.
    Text(String),
    /// The value of a variable of the environment.
    Env {
        /// The variable's name.
        env: String,
    },
    /// What is in a file.
    File {
        /// The file.
        file: PathBuf,
    },
}

/// Scripts of playbooks, each in a sandbox of its own (bubblewrap): without a network, without files, with bounded time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct BashConfig {
    /// Whether they are run at all. The server does not start where no sandbox can be made.
    pub enabled: bool,
    /// The path of bubblewrap, 0.8 or later.
    pub bwrap: PathBuf,
    /// How long a script may take, in seconds; 1 to 60.
    pub seconds_max: u64,
    /// How much memory each of its processes may have, in MiB; 16 to 4096.
    pub memory_mib_max: u64,
    /// How many processes it may be at one time; 4 to 1024.
    pub processes_max: u64,
}

impl Default for BashConfig {
    fn default() -> Self {
        let Sandbox { program, seconds_max, memory_mib_max, processes_max } = Sandbox::default();
        Self { enabled: false, bwrap: program, seconds_max, memory_mib_max, processes_max }
    }
}

/// How many targets an action may have in a time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct LimitConfig {
    /// Most targets of one action in the window.
    pub targets: u32,
    /// The window, in minutes.
    pub window_minutes: u32,
    /// Other numbers of targets for single actions: `{ "okta.clear_sessions" = 50 }`.
    pub targets_by_action: BTreeMap<String, u32>,
}

impl Default for LimitConfig {
    fn default() -> Self {
        Self { targets: 10, window_minutes: 60, targets_by_action: BTreeMap::new() }
    }
}

/// How people are asked. How many must agree is in the table of decisions, and is not set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ApprovalConfig {
    /// How long people are asked, in minutes; what nobody decides by then is not done.
    pub wait_minutes: u32,
    /// Roles and teams of which each must be among those who say yes, by action (`aws.delete_key`) or by impact (`low`, `medium`,
    /// `high`).
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub quorum: BTreeMap<String, Vec<String>>,
}

impl Default for ApprovalConfig {
    fn default() -> Self {
        Self { wait_minutes: 240, quorum: BTreeMap::new() }
    }
}

/// Something that no action may touch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ProtectedConfig {
    /// What it is.
    pub kind: ProtectedKind,
    /// Its name; `*` stands for any text. An address, or a network in CIDR form, for networks.
    pub pattern: String,
    /// Why; told to who is refused.
    pub reason: String,
}

/// What kind of thing is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ProtectedKind {
    /// Somebody's account, or a machine's.
    Account,
    /// A key or token, by its id.
    Credential,
    /// A host, instance or pod.
    Host,
    /// An address or network.
    Network,
    /// A repository, workflow or branch.
    Repository,
    /// A deployment or service.
    Service,
}

impl From<ProtectedKind> for TargetKind {
    fn from(kind: ProtectedKind) -> Self {
        match kind {
            ProtectedKind::Account => Self::Account,
            ProtectedKind::Credential => Self::Credential,
            ProtectedKind::Host => Self::Host,
            ProtectedKind::Network => Self::Network,
            ProtectedKind::Repository => Self::Repository,
            ProtectedKind::Service => Self::Service,
        }
    }
}

impl Default for RespondConfig {
    fn default() -> Self {
        Self {
            enabled: true,
            connectors_dir: None,
            playbooks_dir: None,
            reload_interval_s: 5,
            http_hosts: Vec::new(),
            bash: BashConfig::default(),
            limit: LimitConfig::default(),
            approval: ApprovalConfig::default(),
            protected: Vec::new(),
            automatic: Vec::new(),
            connections: BTreeMap::new(),
        }
    }
}
