//! `[access]`: how long sessions last, and who vouches for people.

use crate::exit::{Exit, Failure};
use access::{OidcSettings, Role, SessionTimes};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Who may enter.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct AccessConfig {
    /// A session ends when it is not used for so many minutes.
    pub session_idle_minutes: u32,
    /// A session ends after so many hours whatever happens.
    pub session_hours: u32,
    /// The cookie of a session is exchanged after so many minutes.
    pub session_rotate_minutes: u32,
    /// The own tokens of people who come by an identity provider rest when their owner has not signed in for so many days.
    pub token_rest_days: u32,
    /// Identity providers (OpenID Connect).
    pub oidc: Vec<OidcConfig>,
}

impl Default for AccessConfig {
    fn default() -> Self {
        Self {
            session_idle_minutes: 60,
            session_hours: 12,
            session_rotate_minutes: 15,
            token_rest_days: 30,
            oidc: Vec::new(),
        }
    }
}

impl AccessConfig {
    /// How long people's own tokens act after a sign-in, in milliseconds.
    pub fn token_rest_ms(&self) -> i64 {
        i64::from(self.token_rest_days.max(1)) * 24 * 60 * 60_000
    }

    /// How long sessions last.
    pub fn times(&self) -> SessionTimes {
        let minutes_ms = |minutes: u32| i64::from(minutes.max(1)) * 60_000;
        SessionTimes {
            idle_ms: minutes_ms(self.session_idle_minutes),
            absolute_ms: minutes_ms(self.session_hours.max(1).saturating_mul(60)),
            rotate_ms: minutes_ms(self.session_rotate_minutes),
        }
    }
}

/// An identity provider.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OidcConfig {
    /// Its name in paths: 1 to 32 of a-z, 0-9 and -. Its callback is `/auth/oidc/ID/callback`.
    pub id: String,
    /// Its name for people.
    pub name: String,
    /// The issuer, below which `/.well-known/openid-configuration` stands.
    pub issuer: String,
    /// Who this server is there.
    pub client_id: String,
    /// File with the client's secret, as its only line. With neither file nor variable it is a public client.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_secret_file: Option<PathBuf>,
    /// Environment variable with the client's secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_secret_env: Option<String>,
    /// File with certificates (PEM) that the provider's TLS certificate may be signed by, beside Mozilla's roots.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_file: Option<PathBuf>,
    /// What is asked for beside `openid`.
    #[serde(default = "profile_and_email")]
    pub scopes: Vec<String>,
    /// The claim of the id token, or where it is not there of the userinfo answer, with the person's groups, which are
    /// their teams too.
    #[serde(default = "groups")]
    pub groups_claim: String,
    /// What groups come to: `{ "sec-oncall" = ["responder"] }`.
    #[serde(default)]
    pub roles: BTreeMap<String, Vec<String>>,
    /// What everybody is whom the provider lets in. With none, only groups let in.
    #[serde(default)]
    pub roles_of_all: Vec<String>,
}

fn profile_and_email() -> Vec<String> {
    vec!["profile".to_owned(), "email".to_owned()]
}

fn groups() -> String {
    "groups".to_owned()
}

impl OidcConfig {
    /// The provider's settings, for a server that people reach at `public_url`.
    ///
    /// # Errors
    /// [`Failure`] where the secret cannot be read, or a role is not known.
    pub fn settings(&self, public_url: &str) -> Result<OidcSettings, Failure> {
        let wrong = |reason: String| {
            Failure::new(Exit::Usage, format!("[[access.oidc]] {}: {reason}", self.id))
                .hint("docs/guide/access.md shows the whole of it")
        };
        let roles = |names: &Vec<String>| -> Result<Vec<Role>, Failure> {
            names.iter().map(|name| name.parse::<Role>().map_err(|e| wrong(e.to_string()))).collect()
        };
        let by_group = self.roles.iter().map(|(group, names)| Ok((group.clone(), roles(names)?)));
        Ok(OidcSettings {
            id: self.id.clone(),
            name: self.name.clone(),
            issuer: self.issuer.clone(),
            client_id: self.client_id.clone(),
            client_secret: self.secret().map_err(wrong)?,
            scopes: self.scopes.clone(),
            groups_claim: self.groups_claim.clone(),
            roles: by_group.collect::<Result<_, Failure>>()?,
            roles_of_all: roles(&self.roles_of_all)?,
            public_url: public_url.to_owned(),
            ca_pem: self.ca_file.as_ref().map(|file| read(file)).transpose().map_err(wrong)?,
        })
    }

    fn secret(&self) -> Result<Option<String>, String> {
        let text = match (&self.client_secret_file, &self.client_secret_env) {
            (None, None) => return Ok(None),
            (Some(_), Some(_)) => {
                return Err("give client_secret_file or client_secret_env, not both".to_owned());
            }
            (Some(file), None) => std::fs::read_to_string(file)
                .map_err(|e| format!("client_secret_file {}: {e}", file.display()))?,
            (None, Some(name)) => {
                std::env::var(name).map_err(|_| format!("client_secret_env: there is no variable {name}"))?
            }
        };
        let text = text.trim_end_matches(['\r', '\n']).to_owned();
        if text.is_empty() { Err("the client's secret is empty".to_owned()) } else { Ok(Some(text)) }
    }
}

fn read(file: &std::path::Path) -> Result<Vec<u8>, String> {
    std::fs::read(file).map_err(|e| format!("ca_file {}: {e}", file.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn provider(more: &str) -> OidcConfig {
        let text = format!(
            "id = \"corp\"\nname = \"Corp\"\nissuer = \"https://id.example\"\nclient_id = \"hue\"\n{more}"
        );
        toml::from_str(&text).unwrap()
    }

    #[test]
    fn what_is_not_said_is_usual() {
        let settings = provider("roles = { sec = [\"responder\"] }").settings("https://hue.example").unwrap();
        assert_eq!((settings.groups_claim.as_str(), settings.client_secret), ("groups", None));
        assert_eq!(settings.scopes, ["profile", "email"]);
        assert_eq!(settings.roles["sec"], [Role::Responder]);
        let times = AccessConfig::default().times();
        assert_eq!(times, SessionTimes::default());
        assert_eq!(AccessConfig::default().token_rest_ms(), access::TOKEN_REST_MS);
    }

    #[test]
    fn a_role_or_secret_that_is_not_there_is_named() {
        for (more, named) in [
            ("roles = { sec = [\"root\"] }", "root"),
            ("client_secret_env = \"HUECRY_TEST_NO_SUCH_VARIABLE\"", "HUECRY_TEST_NO_SUCH_VARIABLE"),
            ("client_secret_file = \"/no/such/file\"", "/no/such/file"),
            ("ca_file = \"/no/such/ca.pem\"", "/no/such/ca.pem"),
        ] {
            let failure = provider(more).settings("https://hue.example").unwrap_err();
            assert!(failure.to_string().contains(named), "{failure}");
        }
    }
}
