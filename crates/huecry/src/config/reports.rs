//! `[reports]`: what people may report, and who is told what.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// Reports from people.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ReportsConfig {
    /// Whether people may report at all.
    pub enabled: bool,
    /// Whether people without an account may.
    pub guest_reports: bool,
    /// Services that people without an account are told by name: a list, `"all"` or `"none"`.
    pub public_services: PublicServices,
    /// Folder of forms; each file replaces the shipped form of its type or adds one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub forms_dir: Option<PathBuf>,
    /// Whether people who agreed to it are thanked by name at `/credits`.
    pub leaderboard: bool,
    /// Largest attachment, in bytes.
    pub attachment_bytes_max: u64,
    /// Most bytes of the attachments of all reports without a name together.
    pub attachment_guest_bytes_max: u64,
    /// Whether a report that telemetry bears out, by a trusted person whose session or token proves who they are, is accepted
    /// without a person; else a person reads it first.
    pub accept_by_automation: bool,
    /// Hours after which a reporter hears of the report again.
    pub update_due_h: u32,
    /// Days within which a decision can be appealed, and an appeal is decided.
    pub appeal_due_d: u32,
    /// A digest tells a number only of at least so many reports.
    pub digest_k: u32,
}

/// Services that everybody may know of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum PublicServices {
    /// These.
    Names(Vec<String>),
    /// All or none.
    Word(PublicWord),
}

/// All or none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PublicWord {
    /// Every service of the catalogue.
    All,
    /// None.
    None,
}

impl Default for ReportsConfig {
    fn default() -> Self {
        Self {
            enabled: true,
            guest_reports: true,
            public_services: PublicServices::Word(PublicWord::None),
            forms_dir: None,
            leaderboard: false,
            attachment_bytes_max: 10 << 20,
            attachment_guest_bytes_max: 1 << 30,
            accept_by_automation: false,
            update_due_h: 72,
            appeal_due_d: 7,
            digest_k: 5,
        }
    }
}
