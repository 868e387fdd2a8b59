//! A command on a host: who is to be reached, how, and what is said there. Everything is checked here before a client
//! sees it, so that no name is read as an option and no path as something to expand.

use super::exchange::{Exchange, FormatError};
use super::spec::{Auth, Connector};
use super::template::{Place, Template, Values};
use crate::shell::{self, ShellError};

/// Longest time of a command where its file says nothing of it, in seconds.
pub const COMMAND_SECONDS_DEFAULT: u64 = 15;

/// Longest time that a file can give a command, in seconds: less than a worker has for a step.
pub const COMMAND_SECONDS_MAX: u64 = 60;

/// Longest time of all commands of a step together, in seconds: less than a worker has for a step.
pub const STEP_SECONDS_MAX: u64 = 115;

/// By what one signs in at a host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SshKey {
    /// A private key, by the path of its file.
    File(String),
    /// The keys of an agent, by the path of its socket.
    Agent(String),
}

/// What would be run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostCommand {
    /// On which host, by name or address.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// As whom.
    pub user: String,
    /// Signed in by what.
    pub key: SshKey,
    /// The file of the keys of hosts that are known. A host whose key is not in it, or another one, is not spoken to.
    pub known_hosts: String,
    /// The command as a line for a shell, every word quoted.
    pub line: String,
    /// What the command reads.
    pub stdin: String,
    /// How long it may take, in seconds.
    pub seconds_max: u64,
}

/// A command cannot be run there.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HostError {
    /// It is no name of a host.
    #[error("{0:?} is no name or address of a host")]
    Host(String),
    /// The operator does not list it.
    #[error("commands on {0} are not allowed; the operator lists hosts that are")]
    NotAllowed(String),
    /// It is no name of an account.
    #[error("{0:?} is no name of an account")]
    User(String),
    /// It is no port.
    #[error("{0:?} is no port")]
    Port(String),
    /// A path that is not plain.
    #[error("{0:?} is no plain path: from the root, of letters, digits and ./_-+@=,")]
    Path(String),
    /// Nothing to sign in by, or two things.
    #[error("it is signed in by the file of a key or by an agent: set one of both")]
    Key,
    /// A word cannot be said.
    #[error(transparent)]
    Shell(#[from] ShellError),
}

impl Exchange {
    /// The command with its values put in, where the connector goes by SSH; nothing where it goes by HTTP.
    ///
    /// # Errors
    /// [`FormatError`].
    pub fn command(
        &self,
        connector: &Connector,
        values: &Values,
    ) -> Result<Option<HostCommand>, FormatError> {
        let Auth::Ssh { host, port, user, key_file, agent, known_hosts, hosts } = &connector.auth else {
            return Ok(None);
        };
        let plain = |template: &Template| template.fill(values, Place::Json);
        let host = host_name(plain(host)?)?;
        if !is_listed(&plain(hosts)?, &host) {
            return Err(HostError::NotAllowed(host).into());
        }
        let port = plain(port)?;
        let key = match (plain(key_file)?, plain(agent)?) {
            (file, agent) if agent.is_empty() && !file.is_empty() => SshKey::File(path(file)?),
            (file, agent) if file.is_empty() && !agent.is_empty() => SshKey::Agent(path(agent)?),
            _ => return Err(HostError::Key.into()),
        };
        let words: Result<Vec<String>, _> = self.run.iter().map(plain).collect();
        let stdin = self.stdin.as_ref().map(|text| text.fill(values, Place::Plain)).transpose()?;
        Ok(Some(HostCommand {
            port: port.parse::<u16>().ok().filter(|port| *port > 0).ok_or(HostError::Port(port))?,
            user: user_name(plain(user)?)?,
            key,
            known_hosts: path(plain(known_hosts)?)?,
            line: shell::line(words?.iter().map(String::as_str)).map_err(HostError::from)?,
            stdin: stdin.unwrap_or_default(),
            seconds_max: self.seconds_max.unwrap_or(COMMAND_SECONDS_DEFAULT).min(COMMAND_SECONDS_MAX),
            host,
        }))
    }
}

/// A name or an address; it begins with a letter or a digit, so it is no option.
fn host_name(host: String) -> Result<String, HostError> {
    let fits = |sign: char| sign.is_ascii_alphanumeric() || matches!(sign, '.' | '-' | ':' | '_');
    let is_name = host.starts_with(|first: char| first.is_ascii_alphanumeric() || first == ':')
        && host.len() <= 253
        && host.chars().all(fits);
    if is_name { Ok(host) } else { Err(HostError::Host(short(&host))) }
}

fn user_name(user: String) -> Result<String, HostError> {
    let fits = |sign: char| sign.is_ascii_alphanumeric() || matches!(sign, '.' | '-' | '_');
    let is_name = user.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
        && user.len() <= 64
        && user.chars().all(fits);
    if is_name { Ok(user) } else { Err(HostError::User(short(&user))) }
}

/// Clients expand `~`, `%h` and `${…}` in paths, and split them at spaces.
fn path(path: String) -> Result<String, HostError> {
    let fits = |sign: char| {
        sign.is_ascii_alphanumeric() || matches!(sign, '.' | '/' | '_' | '-' | '+' | '@' | '=' | ',')
    };
    let is_plain = path.starts_with('/') && path.chars().all(fits);
    if is_plain { Ok(path) } else { Err(HostError::Path(short(&path))) }
}

fn short(text: &str) -> String {
    text.chars().take(80).collect()
}

/// Whether the host is among those that are listed, by commas; `*` stands for any text.
fn is_listed(list: &str, host: &str) -> bool {
    let host = host.to_ascii_lowercase();
    let mut patterns = list.split(',').map(|pattern| pattern.trim().to_ascii_lowercase());
    patterns.any(|pattern| !pattern.is_empty() && crate::protect::is_like(&pattern, &host))
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = r#"
connector: toy
title: Toy
version: 1
settings:
  user: {kind: text, help: who}
  port: {kind: text, help: which, default: "22"}
  key: {kind: path, help: which, default: ""}
  agent: {kind: path, help: which, default: ""}
  known: {kind: path, help: which}
  hosts: {kind: text, help: which}
auth: {kind: ssh, port: "{port}", user: "{user}", key_file: "{key}", agent: "{agent}", known_hosts: "{known}", hosts: "{hosts}"}
actions:
  say:
    title: Say it
    target: host
    target_pattern: "^.+$"
    impact: low
    reversibility: irreversible
    documentation: https://example.com
    changes: [{what: "{target}", before: silent, after: said}]
    apply: [{method: RUN, run: [echo, "{target}"], stdin: "a {{ {target} }}", expect: [0]}]
    verify: [{method: LOOK, run: ["true"], expect: [0]}]
"#;

    fn command(of: &[(&str, &str)]) -> Result<HostCommand, String> {
        let connector = super::super::read(FILE).unwrap();
        let mut settings = Values::from(
            [("user", "ops"), ("known", "/etc/known"), ("hosts", "web-*, DB-1"), ("key", "/k")]
                .map(|(name, value)| (name.to_owned(), value.to_owned())),
        );
        settings.insert("target".into(), "web-1".into());
        settings.extend(of.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        let mut values = connector.values(&settings);
        values.extend(settings.clone());
        let command = connector.actions["say"].apply[0].command(&connector, &values);
        command.map(Option::unwrap).map_err(|error| error.to_string())
    }

    #[test]
    fn a_file_that_mixes_commands_and_requests_is_refused() {
        let run = "{method: RUN, run: [echo, \"{target}\"], stdin: \"a {{ {target} }}\", expect: [0]}";
        for (from, to, expected) in [
            (run, "{method: POST, path: /x, expect: [200]}", "POST is not what the authorization is for"),
            (run, "{method: RUN, expect: [0]}", "a command has `run`"),
            (run, "{method: RUN, run: [x], path: /x, expect: [0]}", "a command has `run`"),
            (run, "{method: RUN, run: [x], body: {}, expect: [0]}", "a command has `run`"),
            (run, "{method: RUN, run: [x], seconds_max: 61, expect: [0]}", "1 to 60 seconds"),
            (
                run,
                "{method: RUN, run: [x], seconds_max: 60, expect: [0]}, {method: RUN, run: [x], seconds_max: 41, expect: [0]}",
                "may take 116 seconds together",
            ),
            ("documentation:", "answer_is_proof: true\n    documentation:", "have no `verify`"),
            (
                "verify: [{method: LOOK, run: [\"true\"], expect: [0]}]",
                "ttl_minutes_default: 1",
                "needs `changes`",
            ),
            (run, "{method: RUN, run: [\"{mood}\"], expect: [0]}", "{mood}, which nobody gives"),
            (run, "{method: RUN, run: [x], stdin: \"{mood}\", expect: [0]}", "{mood}, which nobody gives"),
            ("method: LOOK", "method: RUN", "only looks"),
            ("user: \"{user}\"", "user: \"{who}\"", "{who}, which is no setting"),
            ("kind: ssh,", "kind: ssh, host: \"{user}\",", "{user}, which the target does not tell"),
            ("kind: ssh,", "kind: ssh, shell: x,", "shell"),
            ("auth: {kind: ssh", "base_url: \"{mood}\"\nauth: {kind: ssh", "needs a setting"),
        ] {
            assert!(FILE.contains(from), "{from}");
            let refused = super::super::read(&FILE.replacen(from, to, 1)).unwrap_err().to_string();
            assert!(refused.contains(expected), "{to}: {refused}");
        }
    }

    #[test]
    fn a_command_is_for_hosts_that_are_listed() {
        let said = command(&[]).unwrap();
        let expected = HostCommand {
            host: "web-1".into(),
            port: 22,
            user: "ops".into(),
            key: SshKey::File("/k".into()),
            known_hosts: "/etc/known".into(),
            line: "'echo' 'web-1'".into(),
            stdin: "a { web-1 }".into(),
            seconds_max: COMMAND_SECONDS_DEFAULT,
        };
        assert_eq!(said, expected);
        assert_eq!(command(&[("target", "db-1")]).unwrap().host, "db-1");
        let by_agent = command(&[("key", ""), ("agent", "/run/agent")]).unwrap();
        assert_eq!(by_agent.key, SshKey::Agent("/run/agent".into()));
        for (name, value, expected) in [
            ("target", "db-2", "not allowed"),
            ("target", "web-1.example.com:22 -oProxyCommand=x", "no name or address"),
            ("target", "-oProxyCommand=x", "no name or address"),
            ("target", "web-1\n", "no name or address"),
            ("target", "ops@web-1", "no name or address"),
            ("target", "ssh://web-1", "no name or address"),
            ("target", "", "no name or address"),
            ("hosts", "", "not allowed"),
            ("hosts", " , ", "not allowed"),
            ("user", "-l", "no name of an account"),
            ("user", "a b", "no name of an account"),
            ("port", "0", "no port"),
            ("port", "65536", "no port"),
            ("port", "22 -v", "no port"),
            ("key", "", "set one of both"),
            ("agent", "/run/agent", "set one of both"),
            ("key", "~/.ssh/id", "no plain path"),
            ("key", "/keys/%h", "no plain path"),
            ("known", "/a b", "no plain path"),
            ("known", "/${HOME}", "no plain path"),
            ("known", "none", "no plain path"),
        ] {
            let refused = command(&[(name, value)]).unwrap_err();
            assert!(refused.contains(expected), "{name}={value}: {refused}");
        }
        // what is read as rules takes no value that could be one of them
        for bad in ["web-1}", "web-1;", "web-1\"", "web-1\nflush ruleset"] {
            assert!(command(&[("target", bad)]).is_err(), "{bad}");
        }
    }
}
