//! What the operator has set, checked.

use super::load::Loaded;
use crate::config::{Config, SettingValue};
use crate::entropy::SystemEntropy;
use crate::exit::{Exit, Failure};
use model::SystemClock;
use respond::connector::{
    Auth, Connector, HttpRemote, MAIL_CONNECTOR, MailRemote, Remote, Setting, SettingKind, Values, ssh_client,
};
use respond::impact::Impact;
use respond::protect::{Protected, Protection, TargetKind, is_network};
use respond::sandbox::{SCRIPT_SECONDS_MAX, Sandbox};
use respond::window::Limit;
use respond::{Connection, Setup};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Longest value of a setting, in bytes.
const VALUE_BYTES_MAX: usize = 64 << 10;

/// Names of what belongs to the product, and of accounts for emergencies: nobody is to be locked out by what is to help
/// them.
const PROTECTED: [(TargetKind, &str, &str); 9] = [
    (TargetKind::Account, "*break-glass*", "accounts for emergencies stay open"),
    (TargetKind::Account, "*break_glass*", "accounts for emergencies stay open"),
    (TargetKind::Account, "*breakglass*", "accounts for emergencies stay open"),
    (TargetKind::Account, "huecry*", "Hue & Cry acts by it"),
    (TargetKind::Host, "huecry*", "Hue & Cry runs on it"),
    (TargetKind::Service, "huecry*", "it is Hue & Cry itself"),
    (TargetKind::Repository, "*/huecry", "it is Hue & Cry's own"),
    (TargetKind::Network, "127.0.0.0/8", "it is every host itself"),
    (TargetKind::Network, "::1", "it is every host itself"),
];

/// What the operator has set. Secrets are in it: it is never shown.
pub(crate) struct OperatorSetup {
    connections: BTreeMap<String, Connection>,
    protection: Arc<Protection>,
    limit: Limit,
    targets_by_action: BTreeMap<String, usize>,
    quorum: BTreeMap<String, Vec<String>>,
    hosts: BTreeSet<String>,
    sandbox: Option<Sandbox>,
    newest: BTreeMap<String, Arc<str>>,
    versions: BTreeMap<(String, i64), Arc<str>>,
}

impl OperatorSetup {
    /// Checks what is set against connectors, and reads secrets.
    ///
    /// # Errors
    /// [`Failure`] with the key that is wrong; never with the value of a secret.
    pub(crate) fn of(
        config: &Config,
        connectors: &[Arc<Connector>],
        playbooks: &Loaded,
    ) -> Result<Self, Failure> {
        let respond = &config.respond;
        let connections = connections(config, connectors)?;
        let protection = Arc::new(protection(config, &connections)?);
        let of_action = respond.limit.targets_by_action.iter();
        let known = |action: &str| {
            let (connector, name) = action.split_once('.').unwrap_or_default();
            connectors.iter().any(|known| known.connector == connector && known.actions.contains_key(name))
        };
        if let Some((action, _)) = of_action.clone().find(|(action, _)| !known(action)) {
            let what = format!("respond.limit.targets_by_action: there is no action {action:?}");
            return Err(Failure::new(Exit::Usage, what).hint("`huecry connector list` lists actions"));
        }
        let quorum = &respond.approval.quorum;
        let is_impact = |name: &str| Impact::ALL.iter().any(|impact| impact.as_str() == name);
        if let Some(name) = quorum.keys().find(|name| !known(name) && !is_impact(name)) {
            let what =
                format!("respond.approval.quorum: {name:?} is no action, and none of low, medium, high");
            return Err(Failure::new(Exit::Usage, what).hint("`huecry connector list` lists actions"));
        }
        if let Some((name, _)) =
            quorum.iter().find(|(_, all)| all.is_empty() || all.iter().any(|one| one.trim().is_empty()))
        {
            let what = format!("respond.approval.quorum.{name}: it names no roles or teams");
            return Err(Failure::new(Exit::Usage, what));
        }
        let newest = playbooks.current.iter();
        Ok(Self {
            connections,
            protection,
            limit: Limit {
                targets_max: respond.limit.targets as usize,
                window_ms: i64::from(respond.limit.window_minutes) * super::MINUTE_MS,
            },
            targets_by_action: of_action.map(|(name, targets)| (name.clone(), *targets as usize)).collect(),
            quorum: quorum.clone(),
            hosts: respond.http_hosts.iter().map(|host| host.to_ascii_lowercase()).collect(),
            sandbox: sandbox(config)?,
            newest: newest.map(|known| (known.playbook.id.to_string(), Arc::clone(&known.text))).collect(),
            versions: playbooks.versions.clone(),
        })
    }

    /// The names of connectors that are set up.
    pub(crate) fn connected(&self) -> impl Iterator<Item = &str> {
        self.connections.keys().map(String::as_str)
    }
}

impl Setup for OperatorSetup {
    fn connection(&self, connector: &str) -> Option<Connection> {
        self.connections.get(connector).cloned()
    }

    fn protection(&self) -> Arc<Protection> {
        Arc::clone(&self.protection)
    }

    fn limit(&self, action: &str) -> Limit {
        let targets_max = self.targets_by_action.get(action).copied();
        Limit { targets_max: targets_max.unwrap_or(self.limit.targets_max), ..self.limit }
    }

    fn allows_host(&self, host: &str) -> bool {
        self.hosts.contains(&host.to_ascii_lowercase())
    }

    /// Who people are is not known here: nobody.
    fn may_approve(&self, _: &[String]) -> bool {
        false
    }

    fn quorum(&self, action: &str, impact: Impact) -> BTreeSet<String> {
        let of = |name: &str| self.quorum.get(name).into_iter().flatten().cloned();
        of(action).chain(of(impact.as_str())).collect()
    }

    fn sandbox(&self) -> Option<Sandbox> {
        self.sandbox.clone()
    }

    fn playbook(&self, id: &str, version_ms: Option<i64>) -> Option<Arc<str>> {
        match version_ms {
            Some(version_ms) => self.versions.get(&(id.to_owned(), version_ms)).cloned(),
            None => self.newest.get(id).cloned(),
        }
    }
}

fn connections(
    config: &Config,
    connectors: &[Arc<Connector>],
) -> Result<BTreeMap<String, Connection>, Failure> {
    let mut connections = BTreeMap::new();
    for (name, said) in &config.respond.connections {
        let known = connectors.iter().find(|known| known.connector == *name).ok_or_else(|| {
            let all: Vec<_> = connectors.iter().map(|known| known.connector.as_str()).collect();
            let what = format!("respond.connections.{name}: there is no such connector");
            Failure::new(Exit::Usage, what).hint(format!("there are {}", all.join(", ")))
        })?;
        let settings = Arc::new(settings(known, said)?);
        if matches!(known.auth, Auth::Ssh { .. }) {
            ssh_client().map_err(|reason| {
                Failure::new(Exit::Usage, format!("respond.connections.{name}: {reason}"))
                    .hint("its actions are commands on hosts, which go through the ssh of the system")
            })?;
        }
        let remote = remote(known, &settings)?;
        let connection = Connection { remote, ..Connection::new(Arc::clone(known), settings) };
        connections.insert(name.clone(), connection);
    }
    match (email(config, connectors)?, connections.contains_key(MAIL_CONNECTOR)) {
        (Some(connection), _) => drop(connections.insert(MAIL_CONNECTOR.to_owned(), connection)),
        (None, true) => {
            let what = format!("respond.connections.{MAIL_CONNECTOR}: no mail is sent for actions here");
            let hint = "set [mail], with the domains that actions may write to (allowed_domains)";
            return Err(Failure::new(Exit::Usage, what).hint(hint));
        }
        (None, false) => {}
    }
    Ok(connections)
}

/// Where scripts of playbooks run; none where nobody has enabled them.
fn sandbox(config: &Config) -> Result<Option<Sandbox>, Failure> {
    let said = &config.respond.bash;
    if !said.enabled {
        return Ok(None);
    }
    for (key, value, range) in [
        ("seconds_max", said.seconds_max, 1..=SCRIPT_SECONDS_MAX),
        ("memory_mib_max", said.memory_mib_max, 16..=4_096),
        ("processes_max", said.processes_max, 4..=1_024),
    ] {
        if !range.contains(&value) {
            let what = format!("respond.bash.{key}: {} to {}", range.start(), range.end());
            return Err(Failure::new(Exit::Usage, what));
        }
    }
    let sandbox = Sandbox {
        program: said.bwrap.clone(),
        seconds_max: said.seconds_max,
        memory_mib_max: said.memory_mib_max,
        processes_max: said.processes_max,
    };
    sandbox.probe().map_err(|error| {
        Failure::new(Exit::Usage, format!("respond.bash: scripts cannot be shut in here: {error}")).hint(
            "install bubblewrap 0.8 or later and allow user namespaces, or set respond.bash.enabled = false",
        )
    })?;
    Ok(Some(sandbox))
}

/// Mail as an action, where there is a mail server and a domain that it may go to.
fn email(config: &Config, connectors: &[Arc<Connector>]) -> Result<Option<Connection>, Failure> {
    let domains = config.mail.iter().flat_map(|mail| mail.allowed_domains.iter().cloned());
    let domains: BTreeSet<String> = domains.collect();
    let known = connectors.iter().find(|known| known.connector == MAIL_CONNECTOR);
    let (Some(mailer), Some(known), false) = (crate::mail::mailer(config)?, known, domains.is_empty()) else {
        return Ok(None);
    };
    let remote = MailRemote::new(mailer, domains, Arc::new(SystemClock), Arc::new(SystemEntropy));
    let connection = Connection::new(Arc::clone(known), Arc::new(Values::new()));
    Ok(Some(Connection { remote: Some(Arc::new(remote)), ..connection }))
}

/// Whether the connector's system can be reached, as far as the configuration goes.
pub(super) fn is_connected(config: &Config, connector: &str) -> bool {
    let by_mail = config.mail.as_ref().is_some_and(|mail| !mail.allowed_domains.is_empty());
    config.respond.connections.contains_key(connector) || (connector == MAIL_CONNECTOR && by_mail)
}

/// What goes to a system with root certificates of its own; none for others.
fn remote(connector: &Connector, settings: &Values) -> Result<Option<Arc<dyn Remote>>, Failure> {
    let of_roots = connector.settings.iter().find(|(_, setting)| setting.kind == SettingKind::CaFile);
    let Some((key, setting)) = of_roots else { return Ok(None) };
    let Some(file) = settings.get(key).filter(|file| !file.is_empty()) else { return Ok(None) };
    let wrong = |reason: String| {
        let what = format!("respond.connections.{}.{key}: {file}: {reason}", connector.connector);
        Failure::new(Exit::Usage, what).hint(setting.help.clone())
    };
    let pem = std::fs::read(file).map_err(|error| wrong(error.to_string()))?;
    let trusting = HttpRemote::trusting(&pem).map_err(|error| wrong(error.to_string()))?;
    Ok(Some(Arc::new(trusting)))
}

fn settings(connector: &Connector, said: &BTreeMap<String, SettingValue>) -> Result<Values, Failure> {
    let name = &connector.connector;
    let in_host: BTreeSet<&str> = connector.base_url.names().collect();
    let mut values = Values::new();
    if let Some(key) = said.keys().find(|key| !connector.settings.contains_key(*key)) {
        let all: Vec<_> = connector.settings.keys().map(String::as_str).collect();
        let what = format!("respond.connections.{name}.{key}: {name} has no such setting");
        return Err(Failure::new(Exit::Usage, what).hint(format!("it has {}", all.join(", "))));
    }
    for (key, setting) in &connector.settings {
        let at = format!("respond.connections.{name}.{key}");
        let wrong =
            |reason: &str| Failure::new(Exit::Usage, format!("{at}: {reason}")).hint(setting.help.clone());
        let value = match said.get(key) {
            Some(said) => value(said, setting).map_err(|reason| wrong(&reason))?,
            None if setting.default.is_some() => continue,
            None => return Err(wrong("it is not set")),
        };
        check(&value, setting.kind, in_host.contains(key.as_str())).map_err(|reason| wrong(&reason))?;
        values.insert(key.clone(), value);
    }
    Ok(values)
}

/// The value, wherever it is kept. What is told of it is never the value.
fn value(said: &SettingValue, setting: &Setting) -> Result<String, String> {
    match said {
        SettingValue::Text(_) if setting.kind == SettingKind::Secret => Err(
            "it is a secret, which does not stand in the configuration: write { env = \"NAME\" } or { file = \"/path\" }"
                .to_owned(),
        ),
        SettingValue::Text(text) => Ok(text.clone()),
        SettingValue::File { file } if matches!(setting.kind, SettingKind::CaFile | SettingKind::Path) => {
            Err(format!("it is a path: write \"{}\"", file.display()))
        }
        SettingValue::Env { env } => {
            std::env::var(env).map_err(|_| format!("the environment has no variable {env}"))
        }
        SettingValue::File { file } => {
            let text = std::fs::read_to_string(file).map_err(|error| format!("{}: {error}", file.display()))?;
            // an editor's line end, which no secret has
            Ok(text.trim_end_matches(['\r', '\n']).to_owned())
        }
    }
}

fn check(value: &str, kind: SettingKind, in_host: bool) -> Result<(), String> {
    if value.trim().is_empty() {
        return Err("it is empty".to_owned());
    }
    if value.len() > VALUE_BYTES_MAX {
        return Err(format!("it has more than {VALUE_BYTES_MAX} bytes"));
    }
    let is_line = !value.chars().any(|c| c.is_control() && c != '\n');
    match kind {
        SettingKind::Url => match url::Url::parse(value) {
            Ok(url) if matches!(url.scheme(), "http" | "https") && url.has_host() => {
                let is_bare = url.query().is_none() && url.fragment().is_none() && url.username().is_empty();
                if is_bare { Ok(()) } else { Err("an address has no query and no name in it".to_owned()) }
            }
            _ => Err("it is no address, such as https://example.com".to_owned()),
        },
        SettingKind::Text if in_host => {
            let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-');
            if value.chars().all(fits) { Ok(()) } else { Err("it is no part of a host's name".to_owned()) }
        }
        SettingKind::Ipv4Networks | SettingKind::Ipv6Networks => {
            let of_ipv6 = kind == SettingKind::Ipv6Networks;
            let mut entries = value.split(',').map(str::trim);
            match entries.find(|entry| !is_network(entry, of_ipv6)) {
                Some(entry) => {
                    let family = if of_ipv6 { "IPv6" } else { "IPv4" };
                    Err(format!("{entry:?} is no address or network of {family}, or all of them"))
                }
                None => Ok(()),
            }
        }
        SettingKind::Path => match std::fs::metadata(value) {
            Ok(found) if !found.is_dir() => Ok(()),
            Ok(_) => Err(format!("{value} is a folder")),
            Err(error) => Err(format!("{value}: {error}")),
        },
        SettingKind::Text | SettingKind::Secret | SettingKind::CaFile if is_line => Ok(()),
        SettingKind::Text | SettingKind::Secret | SettingKind::CaFile => {
            Err("there are characters in it that are not seen".to_owned())
        }
    }
}

fn protection(config: &Config, connections: &BTreeMap<String, Connection>) -> Result<Protection, Failure> {
    let entry = |kind: TargetKind, pattern: &str, reason: &str| Protected {
        kind,
        pattern: pattern.to_owned(),
        reason: reason.to_owned(),
    };
    let mut all: Vec<Protected> =
        PROTECTED.iter().map(|(kind, pattern, reason)| entry(*kind, pattern, reason)).collect();
    if let Some(host) = config
        .server
        .public_url
        .as_deref()
        .and_then(|url| url::Url::parse(url).ok()?.host_str().map(str::to_owned))
    {
        all.push(entry(TargetKind::Host, &host, "Hue & Cry is reached by it"));
    }
    let listens = config.server.listen.ip();
    if !listens.is_unspecified() {
        all.push(entry(TargetKind::Network, &listens.to_string(), "Hue & Cry listens on it"));
    }
    // of hosts one is told what they call themselves
    if let Ok(own) = std::fs::read_to_string("/proc/sys/kernel/hostname")
        && !own.trim().is_empty()
    {
        all.push(entry(TargetKind::Host, own.trim(), "Hue & Cry runs on it"));
    }
    for (name, connection) in connections {
        let reason = format!("Hue & Cry reaches {} by it", connection.connector.title);
        let settings = connection.connector.settings.iter();
        let ids = settings.filter(|(key, setting)| {
            setting.kind == SettingKind::Text && (key.ends_with("key_id") || key.ends_with("client_id"))
        });
        for (key, _) in ids {
            if let Some(id) = connection.settings.get(key) {
                tracing::debug!(connector = name, setting = key, "what it names is protected");
                all.push(entry(TargetKind::Credential, id, &reason));
            }
        }
    }
    all.extend(config.respond.protected.iter().map(|protected| Protected {
        kind: protected.kind.into(),
        pattern: protected.pattern.clone(),
        reason: protected.reason.clone(),
    }));
    Protection::new(&all).map_err(|error| Failure::new(Exit::Usage, format!("respond.protected: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::containment::load;

    fn refused(respond: &str) -> String {
        let config: Config = toml::from_str(respond).unwrap();
        let connectors = load::connectors(None).unwrap();
        let playbooks = load::playbooks(None, &connectors).unwrap();
        let setup = OperatorSetup::of(&config, &connectors, &playbooks);
        setup.map(drop).map_err(|failure| failure.message).err().unwrap_or_default()
    }

    #[test]
    fn hosts_and_scripts_are_checked_before_anything_begins() {
        if let Err(reason) = ssh_client() {
            assert!(std::env::var_os("HUECRY_REQUIRE_ALL").is_none(), "{reason}");
            return eprintln!("SKIPPED: {reason}");
        }
        let dir = tempfile::tempdir().unwrap();
        let known = dir.path().join("known");
        std::fs::write(&known, "").unwrap();
        let host = |known: &str| {
            format!("[respond.connections.ssh_host]\nssh_hosts = \"web-*\"\nssh_known_hosts = {known}\n")
        };
        let (good, folder) = (format!("{:?}", known.display()), format!("{:?}", dir.path().display()));
        for (respond, expected) in [
            (host(&good), ""),
            (host("\"/no/such/file\""), "ssh_known_hosts: /no/such/file"),
            (host(&folder), "is a folder"),
            (host(&format!("{{ file = {good} }}")), "it is a path"),
            (host(&good).replace("ssh_hosts = \"web-*\"\n", ""), "ssh_hosts: it is not set"),
            (format!("{}ssh_management_ipv4 = \"10.0.9.0/24, 10.9.0.2\"\n", host(&good)), ""),
            (
                format!("{}ssh_management_ipv4 = \"10.9.0.2 }} accept\"\n", host(&good)),
                "no address or network of IPv4",
            ),
            (format!("{}ssh_management_ipv4 = \"0.0.0.0/0\"\n", host(&good)), "or all of them"),
            (format!("{}ssh_management_ipv6 = \"10.0.9.1\"\n", host(&good)), "of IPv6"),
            (format!("{}ssh_management_ipv4 = \"10.0.9.1,\"\n", host(&good)), "\"\" is no address"),
            ("[respond.bash]\nbwrap = \"/no/such/bwrap\"\n".to_owned(), ""),
            ("[respond.bash]\nenabled = true\nbwrap = \"/no/such/bwrap\"\n".to_owned(), "/no/such/bwrap"),
            ("[respond.bash]\nenabled = true\nseconds_max = 61\n".to_owned(), "seconds_max: 1 to 60"),
            ("[respond.bash]\nenabled = true\nprocesses_max = 1\n".to_owned(), "processes_max: 4 to 1024"),
        ] {
            let said = refused(&respond);
            assert!(said.contains(expected) && said.is_empty() == expected.is_empty(), "{respond}: {said}");
        }
    }
}
