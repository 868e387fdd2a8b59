//! `[mail]`: the server that e-mail is given to.

use super::SettingValue;
use backends::smtp::SmtpTls;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// The server that e-mail is given to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MailConfig {
    /// Its name; its certificate must be for it.
    pub host: String,
    /// Its port. Not said: 465 with `implicit`, 587 with `starttls`, 25 with `none`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    /// How it is spoken to in secret.
    #[serde(default)]
    pub tls: MailTls,
    /// A PEM file with the root certificate of the server, where it is no public one; others are not trusted then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_file: Option<PathBuf>,
    /// The name to sign in by, where the server wants one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// The password: `{ env = "NAME" }` or `{ file = "/path" }`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<SettingValue>,
    /// The sender's address.
    pub from: String,
    /// Domains that the action `email.notify` may write to. None: there is no such action. Who has an account here is told of
    /// containments wherever their address is.
    #[serde(default)]
    pub allowed_domains: Vec<String>,
}

/// How a mail server is spoken to in secret.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum MailTls {
    /// TLS from the start.
    #[default]
    Implicit,
    /// STARTTLS, without which nothing is sent. Its first words are in the open: where the server has it, take `implicit`.
    Starttls,
    /// None; only to this machine itself.
    None,
}

impl MailTls {
    pub(crate) const fn backend(self) -> SmtpTls {
        match self {
            Self::Implicit => SmtpTls::Implicit,
            Self::Starttls => SmtpTls::StartTls,
            Self::None => SmtpTls::None,
        }
    }

    pub(crate) const fn port(self) -> u16 {
        match self {
            Self::Implicit => 465,
            Self::Starttls => 587,
            Self::None => 25,
        }
    }
}
