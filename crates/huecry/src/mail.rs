//! E-mail on this node: the server that it is given to, and who is told of containments.

use crate::config::{Config, MailConfig, SettingValue};
use crate::exit::{Exit, Failure};
use crate::storage::Storage;
use access::{Directory, Scope};
use async_trait::async_trait;
use backends::smtp::{ANSWER_WAIT_MAX, SmtpMailer, SmtpOptions};
use model::{Incident, PersonId};
use ports::Mailer;
use ports::mail::MailAddress;
use ports::store::{Person, StoreError};
use respond::letter::{Courier, CourierOptions, Delivered, Delivery, Readers};
use server::ContainTelemetry;
use std::sync::Arc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// What gives mail to the configured server; `None` where no mail is configured. Nothing is connected yet.
///
/// # Errors
/// [`Failure`] with the key that is wrong; never with the password.
pub(crate) fn mailer(config: &Config) -> Result<Option<Arc<dyn Mailer>>, Failure> {
    let Some(mail) = &config.mail else { return Ok(None) };
    let wrong = |key: &str, reason: &dyn std::fmt::Display| {
        Failure::new(Exit::Usage, format!("mail.{key}: {reason}"))
    };
    if mail.host.trim().is_empty() {
        return Err(wrong("host", &"it is empty"));
    }
    let roots_pem = match &mail.ca_file {
        Some(file) => {
            let read = std::fs::read(file);
            Some(read.map_err(|error| wrong("ca_file", &format!("{}: {error}", file.display())))?)
        }
        None => None,
    };
    let is_domain = |domain: &&String| format!("x@{domain}").parse::<MailAddress>().is_ok();
    if let Some(domain) = mail.allowed_domains.iter().find(|domain| !is_domain(domain)) {
        return Err(wrong("allowed_domains", &format!("{domain:?} is no domain, such as example.com")));
    }
    let options = SmtpOptions {
        host: mail.host.clone(),
        port: mail.port.unwrap_or(mail.tls.port()),
        tls: mail.tls.backend(),
        roots_pem,
        sign_in: sign_in(mail).map_err(|reason| wrong("password", &reason))?,
        from: mail.from.parse::<MailAddress>().map_err(|error| wrong("from", &error))?,
        answer_wait: ANSWER_WAIT_MAX,
    };
    let mailer = SmtpMailer::new(options).map_err(|error| wrong("tls", &error))?;
    Ok(Some(Arc::new(mailer)))
}

fn sign_in(mail: &MailConfig) -> Result<Option<(String, String)>, String> {
    let (user, password) = match (&mail.user, &mail.password) {
        (None, None) => return Ok(None),
        (Some(user), Some(password)) => (user.clone(), password),
        _ => return Err("user and password are said both, or neither".to_owned()),
    };
    let password = match password {
        SettingValue::Text(_) => {
            return Err(
                "it is a secret, which does not stand in the configuration: write { env = \"NAME\" } or \
                        { file = \"/path\" }"
                    .to_owned(),
            );
        }
        SettingValue::Env { env } => {
            std::env::var(env).map_err(|_| format!("the environment has no variable {env}"))?
        }
        SettingValue::File { file } => {
            let text =
                std::fs::read_to_string(file).map_err(|error| format!("{}: {error}", file.display()))?;
            // an editor's line end, which no secret has
            text.trim_end_matches(['\r', '\n']).to_owned()
        }
    };
    if password.is_empty() { Err("it is empty".to_owned()) } else { Ok(Some((user, password))) }
}

/// Those who may approve, by the policies, and who are neither kept out nor gone.
struct Deciders(Arc<Directory>);

impl Deciders {
    fn reads(&self, person: &Person, incident: Option<&Incident>) -> bool {
        let (scopes, visible) = self.0.reach_of_person(person);
        scopes.has(Scope::ContainmentsApprove) && incident.is_none_or(|incident| visible.sees(incident))
    }
}

#[async_trait]
impl Readers for Deciders {
    async fn all(&self, incident: Option<&Incident>) -> Result<Vec<Arc<Person>>, StoreError> {
        let mut people = self.0.people().await?;
        people.retain(|person| self.reads(person, incident));
        Ok(people)
    }

    async fn one(
        &self,
        id: PersonId,
        incident: Option<&Incident>,
    ) -> Result<Option<Arc<Person>>, StoreError> {
        let person = self.0.person(id).await?;
        Ok(person.filter(|person| self.reads(person, incident)))
    }
}

/// Starts what tells people; also where no mail is configured: letters wait then, and are given up after a day.
pub(crate) fn start(
    mailer: Option<Arc<dyn Mailer>>,
    (storage, console_url): (&Storage, String),
    telemetry: &ContainTelemetry,
    shutdown: &CancellationToken,
    tasks: &mut JoinSet<Result<(), String>>,
) {
    let courier = Courier::new(CourierOptions {
        store: Arc::clone(&storage.store),
        clock: Arc::clone(&storage.clock),
        entropy: Arc::clone(&storage.entropy),
        mailer,
        readers: Arc::new(Deciders(Arc::clone(&storage.directory))),
        console_url,
    });
    let (telemetry, shutdown) = (telemetry.clone(), shutdown.clone());
    tasks.spawn(async move {
        courier.run(shutdown, |delivered| told(&telemetry, delivered)).await;
        Ok(())
    });
}

fn told(telemetry: &ContainTelemetry, delivered: &Delivered) {
    let (letter, kind) = (delivered.letter, delivered.kind.as_str());
    telemetry.letter(kind, delivered.delivery.as_str());
    let problem = delivered.problem.as_deref().unwrap_or_default();
    match delivered.delivery {
        Delivery::Addressed(people) => tracing::debug!(%letter, kind, people, "letters were addressed"),
        Delivery::Sent => tracing::info!(%letter, kind, said = problem, "a letter was sent"),
        Delivery::Moot => tracing::info!(%letter, kind, problem, "a letter had nothing to tell"),
        Delivery::Later => tracing::warn!(%letter, kind, problem, "a letter was not sent; it is tried again"),
        Delivery::GivenUp => {
            tracing::error!(%letter, kind, problem, "a letter was given up: people were not told")
        }
        Delivery::Unconfigured => tracing::debug!(%letter, kind, "a letter waits: no e-mail is configured"),
    }
}

#[cfg(test)]
mod tests {
    use super::mailer;
    use crate::config::Config;
    use std::path::Path;

    fn made(text: &str) -> Result<bool, String> {
        let config = Config::parse(text, Path::new("huecry.toml")).map_err(|error| error.to_string())?;
        mailer(&config).map(|mailer| mailer.is_some()).map_err(|failure| failure.message)
    }

    #[test]
    fn what_is_wrong_is_named() {
        let good = "[mail]\nhost = \"mail.acme.example\"\nfrom = \"huecry@acme.example\"\n";
        assert_eq!(made(""), Ok(false));
        assert_eq!(made(good), Ok(true));
        assert_eq!(
            made(&format!("{good}tls = \"starttls\"\nport = 2525\nallowed_domains = [\"acme.example\"]\n")),
            Ok(true)
        );
        for (more, wrong) in [
            ("tls = \"none\"\n", "mail.tls"),
            ("user = \"huecry\"\n", "mail.password"),
            ("user = \"huecry\"\npassword = \"the-password\"\n", "mail.password"),
            (
                "user = \"huecry\"\npassword = { env = \"HUECRY_NO_SUCH_VARIABLE\" }\n",
                "HUECRY_NO_SUCH_VARIABLE",
            ),
            ("ca_file = \"/nowhere/root.pem\"\n", "mail.ca_file"),
            ("allowed_domains = [\"acme.example\", \"a b\"]\n", "mail.allowed_domains"),
            ("tls = \"opportunistic\"\n", "opportunistic"),
            ("pasword = \"x\"\n", "pasword"),
        ] {
            let refused = made(&format!("{good}{more}")).unwrap_err();
            assert!(refused.contains(wrong) && !refused.contains("the-password"), "{more}: {refused}");
        }
        let refused = made("[mail]\nhost = \"x\"\nfrom = \"nobody\"\n").unwrap_err();
        assert!(refused.contains("mail.from"), "{refused}");
    }
}
