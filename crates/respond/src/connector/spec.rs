//! A connector's file.

use super::exchange::Exchange;
use super::pick::Pick;
use super::template::{Template, Values};
use crate::impact::{Impact, Reversibility};
use crate::protect::TargetKind;
use regex::Regex;
use serde::Deserialize;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

/// What a setting is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SettingKind {
    /// An address, `https://…`.
    Url,
    /// A text that everyone may see.
    Text,
    /// A secret; sealed where it is kept, and never shown.
    Secret,
    /// The path of a file of root certificates (PEM). Where it is set, requests of this connection trust these and no
    /// others; see [`HttpRemote::trusting`](super::HttpRemote::trusting).
    CaFile,
    /// Addresses and networks of IPv4, by commas: `10.0.9.0/24, 10.0.8.1`.
    #[serde(rename = "ipv4_networks")]
    Ipv4Networks,
    /// The same of IPv6.
    #[serde(rename = "ipv6_networks")]
    Ipv6Networks,
    /// The path of any other file, or of a socket, that is used when a request is made: the file of a private key.
    Path,
}

/// Something that the operator sets.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Setting {
    /// What it is.
    pub kind: SettingKind,
    /// What to put in, and where it is found.
    pub help: String,
    /// What stands there if nothing is set.
    pub default: Option<String>,
}

/// How requests are signed in.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Auth {
    /// By the `Authorization` header.
    Header {
        /// Its value, with a place for the secret.
        value: Template,
    },
    /// By a signature of AWS (Signature Version 4) over the request.
    AwsSigv4 {
        /// The service that is asked: `iam`.
        service: String,
        /// Its region.
        region: Template,
        /// The access key's id.
        access_key: Template,
        /// Its secret.
        secret_key: Template,
    },
    /// By a token that is asked for before each phase, as `Authorization: Bearer …`: grants of OAuth 2.0 (RFC 6749), and
    /// what works like them. It is kept nowhere.
    Token {
        /// Where it is asked for.
        url: Template,
        /// What the form says.
        #[serde(default)]
        form: BTreeMap<String, Template>,
        /// Who asks, where that goes by HTTP's basic authentication (RFC 7617).
        basic: Option<Basic>,
        /// Where it stands in the answer.
        #[serde(default = "access_token")]
        at: Pick,
    },
    /// By SSH: its requests are commands on hosts. See [`HostCommand`](super::HostCommand).
    Ssh {
        /// The host, of what an action is about.
        #[serde(default = "target")]
        host: Template,
        /// Its port.
        port: Template,
        /// As whom.
        user: Template,
        /// The path of a private key's file; or `agent`.
        key_file: Template,
        /// The path of an agent's socket.
        agent: Template,
        /// The path of the file of the keys of hosts that are known. Others are not spoken to.
        known_hosts: Template,
        /// The hosts that there are for it, by commas, where `*` is any text.
        hosts: Template,
    },
    /// Not at all.
    None,
}

/// A name and a secret.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Basic {
    /// The name.
    pub user: Template,
    /// The secret.
    pub password: Template,
}

fn access_token() -> Pick {
    Pick::below("access_token")
}

fn target() -> Template {
    Template::value("target")
}

/// The form of answers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AnswerForm {
    /// JSON.
    #[default]
    Json,
    /// XML; elements become objects, `member` and `item` lists.
    Xml,
}

/// Something that whoever asks for the action says.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// What to say.
    pub help: String,
    /// The form of it, as a regular expression over the whole value.
    pub pattern: String,
    /// What is taken if nothing is said.
    pub default: Option<String>,
}

/// A change as the plan tells it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChangeSpec {
    /// Of what.
    pub what: Template,
    /// As it is, of facts that were read.
    pub before: Template,
    /// As it would be.
    pub after: Template,
}

/// Whose the target is, of parts of its name and of facts that were read.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OwnerSpec {
    /// What the owner is.
    pub kind: TargetKind,
    /// Its name.
    pub name: Template,
    /// A JSON list that was read, for as many owners as it has: the members of an object are values of `name` by their
    /// names, a text is the value `each`. What lacks a member that `name` takes is none of these owners.
    pub each: Option<Template>,
    /// Which names are left out, as a regular expression over the whole of them.
    pub except: Option<String>,
    /// Whether there may be none. Of others, a look that tells none is refused: nobody would know whose it is.
    #[serde(default)]
    pub optional: bool,
}

/// How a connector finds out as whom it is signed in: nobody is to be locked out by what is to help them.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WhoAmI {
    /// Looks, changing nothing: `GET`, or a `POST` that the vendor describes as a question.
    pub read: Vec<Exchange>,
    /// Its own names, by what was read; no action of the connector is for these, or for what belongs to them. Names that
    /// come out empty are left out; if all do, nobody can tell.
    pub is: Vec<OwnerSpec>,
}

/// Something that people should know of the target before they decide: an identity's roles, second factors, last sign-in.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AboutSpec {
    /// What it is: *roles*.
    pub title: String,
    /// Looks. What it does not tell is told as not known, and stops nothing.
    pub read: Exchange,
    /// A JSON list that was read, for as many texts as it has; see [`OwnerSpec::each`].
    pub each: Option<Template>,
    /// What is asked about each member of that list besides; then that is said.
    pub of_each: Option<AboutEachSpec>,
    /// What is said, of facts that were read or of each member of the list.
    pub say: Template,
    /// What is said where there is nothing.
    pub none: String,
}

impl AboutSpec {
    fn exchanges(&self) -> impl Iterator<Item = &Exchange> {
        std::iter::once(&self.read).chain(self.of_each.as_ref().map(|of_each| &of_each.read))
    }
}

/// A look for each member of a list, by the values that the member has.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AboutEachSpec {
    /// Looks.
    pub read: Exchange,
    /// A JSON list that it tells, as in [`AboutSpec::each`].
    pub each: Option<Template>,
}

/// One action.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ActionSpec {
    /// What people call it, as a command: *Suspend the account*.
    pub title: String,
    /// What kind of thing it is about.
    pub target: TargetKind,
    /// Whether nobody knows what kind of thing a name is, so that a target is held against what is protected of every kind.
    #[serde(default)]
    pub of_any_kind: bool,
    /// The form of the target's name, as a regular expression over the whole of it.
    pub target_pattern: String,
    /// What else is said.
    #[serde(default)]
    pub inputs: BTreeMap<String, Input>,
    /// How much it disturbs.
    pub impact: Impact,
    /// Whether it can be taken back.
    pub reversibility: Reversibility,
    /// Whether the target is gone afterwards (a key is deleted): then nothing else that was done to it can be taken back.
    #[serde(default)]
    pub destroys_target: bool,
    /// What happens by itself afterwards, where it is compensable.
    pub compensation: Option<String>,
    /// After what time it is taken back unless something else is said, in minutes.
    pub ttl_minutes_default: Option<u64>,
    /// Looks, without changing anything; its facts are what the plan tells and reverting needs.
    #[serde(default)]
    pub read: Vec<Exchange>,
    /// Whose the target is, by what was read: what is protected protects what belongs to it.
    #[serde(default)]
    pub belongs_to: Vec<OwnerSpec>,
    /// Why nobody can know whose it is, where an account or a credential belongs to none.
    pub owner_unknown: Option<String>,
    /// What the plan tells. Right before it is applied all of it must be as it was approved, so facts that change by
    /// themselves (when something was used last) stand in `notes`.
    pub changes: Vec<ChangeSpec>,
    /// What people should know of the target.
    #[serde(default)]
    pub about: Vec<AboutSpec>,
    /// What people should know besides; it may be another by the time it is applied.
    #[serde(default)]
    pub notes: Vec<Template>,
    /// Does it.
    pub apply: Vec<Exchange>,
    /// Whether it is sent no second time where a look says that an earlier try has no effect: it may have had one that is over. Only
    /// what [resumes](super::Exchange::resumes) is; and where that is refused, a person is asked.
    #[serde(default)]
    pub apply_once: bool,
    /// Looks whether it took effect.
    #[serde(default)]
    pub verify: Vec<Exchange>,
    /// Whether its answer is all the proof that there can be, so that there is no look: of a command of which nobody knows
    /// what it does. Where the answer is lost, a person is asked.
    #[serde(default)]
    pub answer_is_proof: bool,
    /// Whether that tells as well, where the look finds nothing to do, that it is in effect already. Not where the look
    /// refuses for other reasons too, or where the proof is that something is not there: that is no different from a
    /// name that never was.
    #[serde(default)]
    pub verify_tells_already: bool,
    /// Takes it back.
    #[serde(default)]
    pub revert: Vec<Exchange>,
    /// Looks whether it is taken back.
    #[serde(default)]
    pub verify_revert: Vec<Exchange>,
    /// The vendor's page about it.
    pub documentation: String,
}

/// As much of a digest as nobody finds another text for.
const EDITION_BYTES: usize = 16;

/// A connector.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Connector {
    /// Its name: `okta`.
    pub connector: String,
    /// What people call it.
    pub title: String,
    /// Grows with each change of meaning; a plan names it.
    pub version: u32,
    /// What the operator sets.
    pub settings: BTreeMap<String, Setting>,
    /// Where requests go. Not said where they are commands on hosts.
    #[serde(default = "Template::empty")]
    pub base_url: Template,
    /// How they are signed in.
    pub auth: Auth,
    /// Headers of every request.
    #[serde(default)]
    pub headers: BTreeMap<String, Template>,
    /// The form of its answers.
    #[serde(default)]
    pub answers: AnswerForm,
    /// Where a refusal says what was wrong.
    #[serde(default)]
    pub error_messages: Vec<Pick>,
    /// As whom it is signed in.
    pub whoami: Option<WhoAmI>,
    /// Why that cannot be found out, where actions are about accounts or credentials.
    pub whoami_unknown: Option<String>,
    /// The actions by name.
    pub actions: BTreeMap<String, ActionSpec>,
    /// SHA-256 of its file: whatever is changed there, what was approved before was something else.
    #[serde(skip)]
    pub sha256: [u8; 32],
}

/// A name is not of the form that the action takes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{name:?} is not of the form {pattern}")]
pub struct BadForm {
    /// What was said.
    pub name: String,
    /// The form.
    pub pattern: String,
}

impl Connector {
    /// The values of its settings, with what stands where nothing is set.
    pub fn values(&self, settings: &Values) -> Values {
        let value = |(name, setting): (&String, &Setting)| {
            let value = settings.get(name).or(setting.default.as_ref())?;
            Some((name.clone(), value.clone()))
        };
        self.settings.iter().filter_map(value).collect()
    }

    /// Its version, and what it is by: a digest of its file and of what the operator has set, but for secrets, which may be
    /// exchanged at any time. A plan names it, so that it is of these requests to that system and no others.
    pub fn edition(&self, values: &Values) -> String {
        let mut digest = Sha256::new();
        digest.update(self.sha256);
        for (name, _) in self.settings.iter().filter(|(_, setting)| setting.kind != SettingKind::Secret) {
            for text in [name.as_str(), values.get(name).map_or("", String::as_str)] {
                digest.update((text.len() as u64).to_le_bytes());
                digest.update(text);
            }
        }
        let digest = digest.finalize();
        let hex =
            digest.iter().take(EDITION_BYTES).fold(String::new(), |hex, byte| format!("{hex}{byte:02x}"));
        format!("{}+{hex}", self.version)
    }
}

impl ActionSpec {
    /// The named parts of the form of its target, which are values of their own.
    pub fn target_parts(&self) -> Vec<String> {
        let pattern = Regex::new(&self.target_pattern).ok();
        pattern.iter().flat_map(Regex::capture_names).flatten().map(str::to_owned).collect()
    }

    /// The values that a target's name gives: itself as `target`, and its parts.
    ///
    /// # Errors
    /// [`BadForm`].
    pub fn target_values(&self, name: &str) -> Result<Values, BadForm> {
        let bad = || BadForm { name: name.chars().take(80).collect(), pattern: self.target_pattern.clone() };
        let pattern = Regex::new(&self.target_pattern).map_err(|_| bad())?;
        let captures = pattern.captures(name).ok_or_else(bad)?;
        let parts = pattern.capture_names().flatten();
        let mut values: Values = parts
            .filter_map(|part| Some((part.to_owned(), captures.name(part)?.as_str().to_owned())))
            .collect();
        values.insert("target".to_owned(), name.to_owned());
        Ok(values)
    }

    /// The values of what else is said, with what is taken where nothing is.
    ///
    /// # Errors
    /// [`BadForm`] for the first that is missing or of another form.
    pub fn input_values(&self, said: &Values) -> Result<Values, BadForm> {
        let mut values = Values::new();
        for (name, input) in &self.inputs {
            let value = said.get(name).or(input.default.as_ref());
            let fits =
                |value: &&String| Regex::new(&input.pattern).is_ok_and(|pattern| pattern.is_match(value));
            let value = value.filter(fits).ok_or_else(|| BadForm {
                name: format!("{name}={}", value.map_or("", String::as_str)),
                pattern: input.pattern.clone(),
            })?;
            values.insert(name.clone(), value.clone());
        }
        Ok(values)
    }

    /// Every exchange, with what it is for.
    pub fn exchanges(&self) -> impl Iterator<Item = (&'static str, &Exchange)> {
        let all = [
            ("read", &self.read),
            ("apply", &self.apply),
            ("verify", &self.verify),
            ("revert", &self.revert),
            ("verify_revert", &self.verify_revert),
        ];
        let about = self.about.iter().flat_map(AboutSpec::exchanges).map(|exchange| ("about", exchange));
        let all = all.into_iter();
        all.flat_map(|(phase, exchanges)| exchanges.iter().map(move |exchange| (phase, exchange)))
            .chain(about)
    }
}
