//! Provenance: what is known of how a report came, beside what it says.
//!
//! **Invariant:** what the sender claims never makes a report stronger than the credential that came with it.

use serde::{Deserialize, Serialize};

/// The strongest channel.
pub const CHANNEL_STRENGTH_MAX: u8 = 3;

/// What the request proved, by what was verified on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Credential {
    /// Nothing.
    None,
    /// A signed link that the product gave out ([`crate::link`]): it says from where, not by whom.
    Link,
    /// An API token: a machine, or a person's tool.
    Token,
    /// A person's session.
    Session {
        /// Whether the person came by the identity provider.
        sso: bool,
    },
}

impl Credential {
    /// Every kind, for tables and tests.
    pub const ALL: [Self; 5] =
        [Self::None, Self::Link, Self::Token, Self::Session { sso: false }, Self::Session { sso: true }];

    /// 0 nothing, 1 a link, 2 a token, 3 a session.
    pub const fn strength(self) -> u8 {
        match self {
            Self::None => 0,
            Self::Link => 1,
            Self::Token => 2,
            Self::Session { .. } => CHANNEL_STRENGTH_MAX,
        }
    }
}

/// The way that a report took.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Channel {
    /// The form in the browser.
    Web,
    /// The command line.
    Cli,
    /// A signed link.
    Link,
    /// A model's tool call.
    Mcp,
    /// Any other use of the API.
    Api,
}

impl Channel {
    /// All.
    pub const ALL: [Self; 5] = [Self::Web, Self::Cli, Self::Link, Self::Mcp, Self::Api];

    /// The name in the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Web => "web",
            Self::Cli => "cli",
            Self::Link => "link",
            Self::Mcp => "mcp",
            Self::Api => "api",
        }
    }

    /// The channel of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|channel| channel.as_str() == name)
    }
}

/// The channel of a submission: what the sender says, as far as the credential bears it out. A link is one only with a
/// link's proof; a model's call only with a token, and by the product's own MCP endpoint (`is_mcp`). A person's session is
/// a browser. What does not fit is `api`: the weakest thing to say.
pub fn channel_of(claimed: Option<Channel>, credential: Credential, is_mcp: bool) -> Channel {
    match (claimed, credential) {
        _ if is_mcp => Channel::Mcp,
        (_, Credential::Link) => Channel::Link,
        (Some(Channel::Web) | None, Credential::Session { .. }) => Channel::Web,
        (Some(Channel::Web), Credential::None) => Channel::Web,
        (Some(Channel::Cli), Credential::None | Credential::Token) => Channel::Cli,
        _ => Channel::Api,
    }
}

/// What a submission brings along.
#[derive(Debug, Clone, Copy)]
pub struct Evidence {
    /// What was verified.
    pub credential: Credential,
    /// Whether the client says that the commit's signature is good. It is believed of tokens and sessions only.
    pub signed_commit: Option<bool>,
    /// Other reporters who report the same (not those of one ring).
    pub corroborating_reporters: u32,
    /// Whether telemetry of an authoritative source shows something about the same entity at the same time.
    pub telemetry_match: bool,
}

/// The vector, as it is kept with the report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Vector {
    /// 0 to [`CHANNEL_STRENGTH_MAX`].
    pub channel_strength: u8,
    /// By the identity provider.
    pub sso: bool,
    /// Whether the commit is signed, as far as that can be believed.
    pub signed_commit: Option<bool>,
    /// Another reporter says the same.
    pub corroborated: bool,
    /// Telemetry says the same.
    pub telemetry_match: bool,
}

impl Vector {
    /// What the evidence comes to.
    pub fn of(evidence: &Evidence) -> Self {
        let strength = evidence.credential.strength();
        Self {
            channel_strength: strength,
            sso: evidence.credential == Credential::Session { sso: true },
            signed_commit: evidence.signed_commit.filter(|_| strength >= Credential::Token.strength()),
            corroborated: evidence.corroborating_reporters > 0,
            telemetry_match: evidence.telemetry_match,
        }
    }

    /// Between 0 and 1, for sorting: the channel 0.4, single sign-on 0.1, a signed commit 0.1, others 0.15, telemetry 0.25.
    pub fn score(&self) -> f64 {
        let channel = 0.4 * f64::from(self.channel_strength.min(CHANNEL_STRENGTH_MAX))
            / f64::from(CHANNEL_STRENGTH_MAX);
        let part = |is: bool, weight: f64| if is { weight } else { 0.0 };
        channel
            + part(self.sso, 0.1)
            + part(self.signed_commit == Some(true), 0.1)
            + part(self.corroborated, 0.15)
            + part(self.telemetry_match, 0.25)
    }
}
