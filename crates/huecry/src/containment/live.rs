//! Connectors, playbooks and settings as they are now: read again when their files change, all of them or none.
//!
//! **Invariant:** what is asked sees one state of all files: connectors, playbooks, orders and settings change together.
//!
//! **Invariant:** a file that does not hold is named, and everything stays as it was.

use super::load;
use super::orders;
use super::setup::OperatorSetup;
use crate::config::{Config, SettingValue};
use crate::exit::Failure;
use crate::reload;
use ports::Mailer;
use ports::mail::{Mail, MailError};
use respond::automatic::{Order, Orders};
use respond::impact::Impact;
use respond::protect::Protection;
use respond::sandbox::Sandbox;
use respond::window::Limit;
use respond::{Connection, Setup};
use server::{Known, Knows};
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// Everything that files say.
pub(crate) struct Everything {
    pub(super) setup: OperatorSetup,
    pub(super) known: Arc<Known>,
    pub(super) orders: Arc<[Order]>,
    /// What gives mail to a server, with the password as it was read with all else.
    pub(super) mailer: Option<Arc<dyn Mailer>>,
}

impl Everything {
    /// Reads connectors, playbooks, settings, secrets (that of the mail server too) and orders.
    ///
    /// # Errors
    /// [`Failure`] with the file or the key that is wrong.
    pub(super) fn read(config: &Config) -> Result<Self, Failure> {
        let settings = &config.respond;
        let connectors = load::connectors(settings.connectors_dir.as_deref())?;
        let playbooks = load::playbooks(settings.playbooks_dir.as_deref(), &connectors)?;
        let setup = OperatorSetup::of(config, &connectors, &playbooks)?;
        let orders = orders::read(config, &connectors, &playbooks.current)?.into();
        let playbooks = playbooks.current.into_iter().map(Arc::new).collect();
        let mailer = crate::mail::mailer(config)?;
        Ok(Self { setup, known: Arc::new(Known { connectors, playbooks }), orders, mailer })
    }
}

/// What is asked for it all, for as long as the node runs.
pub(crate) struct Live {
    now: RwLock<Arc<Everything>>,
    approvers: Approvers,
}

/// Whether people with these roles may approve.
pub(super) type Approvers = Box<dyn Fn(&[String]) -> bool + Send + Sync>;

impl Live {
    pub(super) fn new(now: Everything, approvers: Approvers) -> Self {
        Self { now: RwLock::new(Arc::new(now)), approvers }
    }

    fn now(&self) -> Arc<Everything> {
        Arc::clone(&self.now.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn mailer(&self) -> Result<Arc<dyn Mailer>, MailError> {
        let none = || MailError::NotSent("no e-mail is configured".to_owned());
        self.now().mailer.clone().ok_or_else(none)
    }

    fn replace(&self, now: Everything) {
        *self.now.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(now);
    }
}

impl Setup for Live {
    fn connection(&self, connector: &str) -> Option<Connection> {
        self.now().setup.connection(connector)
    }

    fn protection(&self) -> Arc<Protection> {
        self.now().setup.protection()
    }

    fn limit(&self, action: &str) -> Limit {
        self.now().setup.limit(action)
    }

    fn allows_host(&self, host: &str) -> bool {
        self.now().setup.allows_host(host)
    }

    fn may_approve(&self, roles: &[String]) -> bool {
        (self.approvers)(roles)
    }

    fn quorum(&self, action: &str, impact: Impact) -> BTreeSet<String> {
        self.now().setup.quorum(action, impact)
    }

    fn sandbox(&self) -> Option<Sandbox> {
        self.now().setup.sandbox()
    }

    fn playbook(&self, id: &str, version_ms: Option<i64>) -> Option<Arc<str>> {
        self.now().setup.playbook(id, version_ms)
    }
}

impl Knows for Live {
    fn known(&self) -> Arc<Known> {
        Arc::clone(&self.now().known)
    }
}

/// Mail by what is read now: whether there is any does not change, but the password does.
impl Mailer for Live {
    fn send(&self, mail: &Mail) -> Result<String, MailError> {
        self.mailer()?.send(mail)
    }

    fn check(&self) -> Result<String, MailError> {
        self.mailer()?.check()
    }
}

impl Orders for Live {
    fn orders(&self) -> Arc<[Order]> {
        Arc::clone(&self.now().orders)
    }
}

/// What files looked like.
pub(super) type Fingerprint = [u8; 32];

/// Names and texts of the files in both folders, and what is in the files of secrets and of the mail server's root; what cannot be
/// read counts as that.
pub(super) fn fingerprint(config: &Config) -> Fingerprint {
    let (mut hash, settings) = (Sha256::new(), &config.respond);
    for (dir, endings) in [
        (&settings.connectors_dir, &load::CONNECTOR_ENDINGS[..]),
        (&settings.playbooks_dir, &load::PLAYBOOK_ENDINGS[..]),
    ] {
        let Some(dir) = dir else { continue };
        let files =
            load::files(dir, endings).unwrap_or_else(|failure| vec![(String::new(), failure.message)]);
        hash.update((files.len() as u64).to_le_bytes());
        for text in files.iter().flat_map(|(name, text)| [name, text]) {
            hash.update((text.len() as u64).to_le_bytes());
            hash.update(text);
        }
    }
    for file in secret_files(config) {
        // no pipe is read: it would wait for who writes, or take what is meant for others
        let text = match std::fs::metadata(file) {
            Ok(found) if found.is_file() => std::fs::read(file),
            Ok(_) => Ok(Vec::new()),
            Err(error) => Err(error),
        };
        let text = text.unwrap_or_else(|error| error.to_string().into_bytes());
        hash.update((text.len() as u64).to_le_bytes());
        hash.update(text);
    }
    hash.finalize().into()
}

/// The files that secrets are kept in, and the root certificate of the mail server.
fn secret_files(config: &Config) -> impl Iterator<Item = &Path> {
    let settings = config.respond.connections.values().flat_map(|settings| settings.values());
    let password = config.mail.iter().filter_map(|mail| mail.password.as_ref());
    let secrets = settings.chain(password).filter_map(|value| match value {
        SettingValue::File { file } => Some(file.as_path()),
        SettingValue::Text(_) | SettingValue::Env { .. } => None,
    });
    secrets.chain(config.mail.iter().filter_map(|mail| mail.ca_file.as_deref()))
}

/// Looks at the files, and reads them again when they have changed and held still for one look.
struct Watch {
    config: Config,
    live: Arc<Live>,
    /// What they looked like when they were last read.
    read: Fingerprint,
    /// What they looked like at the last look.
    seen: Fingerprint,
}

impl Watch {
    fn look(&mut self, force: bool) {
        let now = fingerprint(&self.config);
        let before = std::mem::replace(&mut self.seen, now);
        if !force && (now == self.read || now != before) {
            return;
        }
        self.read = now;
        match Everything::read(&self.config) {
            Ok(everything) => {
                let (connectors, playbooks) =
                    (everything.known.connectors.len(), everything.known.playbooks.len());
                self.live.replace(everything);
                tracing::info!(connectors, playbooks, "connectors and playbooks read again");
            }
            Err(failure) => {
                let reason = failure.message;
                tracing::error!(
                    reason,
                    "connectors and playbooks have errors; all that was known before stays in force"
                );
            }
        }
    }
}

/// Reads files again when they change and at SIGHUP, until `shutdown`.
pub(super) fn watch(
    (config, read): (Config, Fingerprint),
    live: &Arc<Live>,
    shutdown: &CancellationToken,
    tasks: &mut JoinSet<Result<(), String>>,
) {
    let interval_s = config.respond.reload_interval_s;
    let mut watch = Watch { config, live: Arc::clone(live), read, seen: read };
    reload::watch("containment", interval_s, shutdown, tasks, move |force| watch.look(force));
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    const WEBHOOK: &str =
        include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../content/connectors/webhook.yaml"));

    fn titles(live: &Live) -> Vec<String> {
        live.known().connectors.iter().map(|known| known.title.clone()).collect()
    }

    #[test]
    fn files_that_changed_are_read_when_they_hold_still_and_all_or_none() {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path().join("connectors");
        fs::create_dir(&dir).unwrap();
        let text = format!("[respond]\nconnectors_dir = {:?}\n", dir.display().to_string());
        let config = Config::parse(&text, Path::new("huecry.toml")).unwrap();
        let read = fingerprint(&config);
        let live = Arc::new(Live::new(Everything::read(&config).unwrap(), Box::new(|_| true)));
        let mut watch = Watch { config, live: Arc::clone(&live), read, seen: read };
        let before = titles(&live);
        watch.look(false);
        let own = |name: &str, title: &str| {
            let text = WEBHOOK.replace("connector: webhook", &format!("connector: {name}"));
            fs::write(
                dir.join(format!("{name}.yaml")),
                text.replace("title: Webhook", &format!("title: {title}")),
            )
            .unwrap();
        };
        own("mine", "Mine");
        watch.look(false);
        assert_eq!(titles(&live), before, "it may still be written");
        watch.look(false);
        assert!(titles(&live).contains(&"Mine".to_owned()));
        // one file that does not hold, and one that does
        own("mine", "Better");
        fs::write(dir.join("broken.yaml"), "connector: broken\n").unwrap();
        for _ in 0..3 {
            watch.look(false);
        }
        assert!(titles(&live).contains(&"Mine".to_owned()), "all that was known stays");
        let refused = Everything::read(&watch.config).map(drop).unwrap_err();
        assert!(refused.message.contains("broken.yaml"), "{}", refused.message);
        fs::remove_file(dir.join("broken.yaml")).unwrap();
        watch.look(true);
        assert!(titles(&live).contains(&"Better".to_owned()));
        fs::remove_file(dir.join("mine.yaml")).unwrap();
        watch.look(false);
        watch.look(false);
        assert_eq!(titles(&live), before);
    }

    #[test]
    fn a_password_that_changed_is_read_again() {
        let folder = tempfile::tempdir().unwrap();
        let secret = folder.path().join("secret");
        fs::write(&secret, "first\n").unwrap();
        let text = format!(
            "[mail]\nhost = \"localhost\"\nfrom = \"huecry@acme.example\"\nuser = \"huecry\"\npassword = {{ file = {:?} }}\n",
            secret.display().to_string()
        );
        let config = Config::parse(&text, Path::new("huecry.toml")).unwrap();
        let read = fingerprint(&config);
        let live = Arc::new(Live::new(Everything::read(&config).unwrap(), Box::new(|_| true)));
        let mut watch = Watch { config, live: Arc::clone(&live), read, seen: read };
        let before = live.mailer().unwrap();
        watch.look(false);
        watch.look(false);
        assert!(Arc::ptr_eq(&before, &live.mailer().unwrap()), "nothing has changed");
        fs::write(&secret, "second\n").unwrap();
        watch.look(false);
        watch.look(false);
        assert!(!Arc::ptr_eq(&before, &live.mailer().unwrap()));
    }
}
