//! Commands by SSH, through the client of the system (OpenSSH): nobody else's configuration, keys or agents, no questions,
//! and no host whose key is not known.
//!
//! Whether a command was begun must be known where no answer comes: it waits at the host until it is told to go on, and is
//! told so only after it has said that it is there. So what is cut off before that had no effect, for certain.

use super::act::Unanswered;
use super::answer::Answer;
use super::host::{HostCommand, SshKey};
use crate::process::{self, Bounds, Ended};
use crate::shell;
use serde_json::{Value, json};
use std::process::{Command, Stdio};
use std::time::Duration;

/// Most bytes of a command's output that are kept.
const OUTPUT_BYTES_MAX: usize = 256 << 10;

/// Most lines of it that have numbers.
const LINES_MAX: usize = 1_000;

/// Most characters of the end of it, as they are told to people.
const TAIL_CHARS_MAX: usize = 1_000;

/// Longest wait for a host to answer at all, in seconds.
const CONNECT_SECONDS: u64 = 10;

/// How much longer than here a command may take at the host, in seconds.
const LATE_SECONDS: u64 = 5;

/// Where the client is looked for.
const PATH: &str = "/usr/local/bin:/usr/bin:/bin";

/// By this line the host says that the command waits.
const READY: &str = "huecry-ready";

/// By this line it is told to go on.
const GO: &str = "go\n";

/// The client's own exit code where it failed; a command of the host cannot have it, see [`at_host`].
const CLIENT_FAILED: i32 = 255;

/// Whether the client is there, which commands on hosts go through.
///
/// # Errors
/// What is missing, in words.
pub fn ssh_client() -> Result<(), String> {
    let mut client = Command::new("ssh");
    client.env_clear().env("PATH", PATH).arg("-V").stdin(Stdio::null());
    match client.output() {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => {
            Err(format!("ssh cannot be run: {}", last_line(&String::from_utf8_lossy(&output.stderr))))
        }
        Err(_) => Err(format!("there is no ssh in {PATH}: install OpenSSH's client")),
    }
}

/// Runs a command, and waits for its end.
///
/// The answer's status is its exit code. Its body is JSON: `exit`, `stdout` and `lines` (as texts), `json` (what it said, where
/// that is JSON), `tail` (the end of it), `stderr` and `error` (the last line of that).
///
/// # Errors
/// [`Unanswered`].
pub(super) fn run(command: &HostCommand) -> Result<Answer, Unanswered> {
    let line = at_host(&command.line, command.seconds_max)
        .map_err(|error| Unanswered::Refused(error.to_string()))?;
    let mut client = Command::new("ssh");
    client.env_clear().env("PATH", PATH).env("LC_ALL", "C").current_dir("/");
    client.args(arguments(command)).arg(line);
    let input = format!("{GO}{}", command.stdin);
    let bounds = Bounds {
        input: input.as_bytes(),
        ready: Some(READY),
        time: Duration::from_secs(command.seconds_max),
        output_bytes_max: OUTPUT_BYTES_MAX,
    };
    let ended = process::run(client, &bounds);
    let ended = ended.map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => {
            Unanswered::Refused(format!("there is no ssh in {PATH}: install OpenSSH's client"))
        }
        _ => Unanswered::NotSent(format!("ssh cannot be started: {error}")),
    })?;
    if !ended.went_ahead {
        return Err(not_begun(command, &ended));
    }
    match ended.code {
        Some(code) if code != CLIENT_FAILED && (0..=255).contains(&code) => Ok(answer(code, &ended)),
        _ if ended.is_late => Err(Unanswered::Lost(format!(
            "it took longer than {} s; it may go on there",
            command.seconds_max
        ))),
        _ => Err(Unanswered::Lost(format!("the connection ended: {}", last_line(&ended.errors)))),
    }
}

/// The command as it is said to the host's shell, whichever that is: it tells that it is there, waits, and goes on. Where the
/// host has `timeout`, it ends there too a little after we wait for it no more; not before, since that would be an answer.
fn at_host(line: &str, seconds_max: u64) -> Result<String, shell::ShellError> {
    let seconds = seconds_max.saturating_add(LATE_SECONDS);
    let script = format!(
        "echo {READY}; IFS= read -r huecry && [ \"$huecry\" = go ] || exit 125; unset huecry; \
         set --; timeout -k 5 1 true 2>/dev/null </dev/null && set -- timeout -k 5 {seconds}; \"$@\" {line}; huecry=$?; \
         [ \"$huecry\" -ne {CLIENT_FAILED} ] || huecry=254; exit \"$huecry\""
    );
    shell::line(["sh", "-c", &script])
}

/// Everything that the client is told but the command.
fn arguments(command: &HostCommand) -> Vec<String> {
    let mut arguments: Vec<String> = ["-F", "none", "-T", "-x", "-a"].map(str::to_owned).into();
    let mut option = |option: String| arguments.extend(["-o".to_owned(), option]);
    for fixed in [
        "BatchMode=yes",
        "StrictHostKeyChecking=yes",
        "GlobalKnownHostsFile=/dev/null",
        "UpdateHostKeys=no",
        "VerifyHostKeyDNS=no",
        "CheckHostIP=no",
        "CanonicalizeHostname=no",
        "PreferredAuthentications=publickey",
        "PasswordAuthentication=no",
        "KbdInteractiveAuthentication=no",
        "NumberOfPasswordPrompts=0",
        "AddKeysToAgent=no",
        "ClearAllForwardings=yes",
        "PermitLocalCommand=no",
        "ControlMaster=no",
        "ControlPath=none",
        "RequestTTY=no",
        "EscapeChar=none",
        "ConnectionAttempts=1",
        "ServerAliveInterval=5",
        "ServerAliveCountMax=2",
        "LogLevel=ERROR",
    ] {
        option(fixed.to_owned());
    }
    option(format!("ConnectTimeout={}", CONNECT_SECONDS.min(command.seconds_max)));
    option(format!("UserKnownHostsFile={}", command.known_hosts));
    match &command.key {
        SshKey::File(file) => {
            option("IdentitiesOnly=yes".to_owned());
            option("IdentityAgent=none".to_owned());
            option(format!("IdentityFile={file}"));
        }
        SshKey::Agent(socket) => {
            option(format!("IdentityAgent={socket}"));
            option("IdentityFile=none".to_owned());
        }
    }
    let port = command.port.to_string();
    arguments.extend(["-p", &port, "-l", &command.user, "--", &command.host].map(str::to_owned));
    arguments
}

/// Why it was not begun, in words of ours where it is about who somebody is.
fn not_begun(command: &HostCommand, ended: &Ended) -> Unanswered {
    let (said, host) = (ended.errors.as_str(), &command.host);
    let refusals = [
        (
            "REMOTE HOST IDENTIFICATION HAS CHANGED",
            format!(
                "the key of {host} is not the one that is known: another machine answers, or the host has new keys; \
                 nothing was sent. Look into it before you change {}",
                command.known_hosts
            ),
        ),
        (
            "REVOKED HOST KEY",
            format!("the key of {host} is revoked in {}; nothing was sent", command.known_hosts),
        ),
        (
            "Host key verification failed",
            format!(
                "the key of {host} (port {}) is not known: nothing was sent. Put it into {}, from the host itself",
                command.port, command.known_hosts
            ),
        ),
        (
            "bad permissions",
            "the file of the private key is open to others, so it is not used: let only its owner read it"
                .to_owned(),
        ),
        ("Permission denied", format!("{host} does not let {} in by this key", command.user)),
        (
            "Too many authentication failures",
            format!("{host} does not let {} in by these keys", command.user),
        ),
    ];
    if let Some((_, reason)) = refusals.into_iter().find(|(sign, _)| said.contains(sign)) {
        return Unanswered::Refused(reason);
    }
    let reason = last_line(said);
    Unanswered::NotSent(if ended.is_late {
        format!("{host} took longer than {} s to answer {reason}", command.seconds_max).trim_end().to_owned()
    } else if reason.is_empty() {
        format!("{host} ended the connection before the command was begun")
    } else {
        reason
    })
}

fn answer(code: i32, ended: &Ended) -> Answer {
    let output = ended.output.as_str();
    let lines: Vec<&str> = output.lines().take(LINES_MAX).collect();
    let skipped = output.chars().count().saturating_sub(TAIL_CHARS_MAX);
    let error = last_line(&ended.errors);
    let body = json!({
        "exit": code,
        "stdout": output,
        "lines": lines,
        "json": serde_json::from_str::<Value>(output).unwrap_or_default(),
        "tail": output.chars().skip(skipped).collect::<String>(),
        "is_cut": ended.is_cut,
        "stderr": ended.errors,
        "error": if error.is_empty() { last_line(output) } else { error },
    });
    Answer { status: u16::try_from(code).unwrap_or_default(), body: body.to_string(), retry_after_ms: None }
}

/// The last line that says something.
fn last_line(text: &str) -> String {
    let line = text.lines().rev().map(str::trim).find(|line| !line.is_empty());
    line.unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn command() -> HostCommand {
        HostCommand {
            host: "web-1".into(),
            port: 2222,
            user: "ops".into(),
            key: SshKey::File("/keys/id".into()),
            known_hosts: "/keys/known".into(),
            line: shell::line(["echo", "it's"]).unwrap(),
            stdin: String::new(),
            seconds_max: 15,
        }
    }

    #[test]
    fn nothing_is_asked_and_nobody_unknown_is_spoken_to() {
        let all = arguments(&command());
        for option in [
            "BatchMode=yes",
            "StrictHostKeyChecking=yes",
            "UserKnownHostsFile=/keys/known",
            "GlobalKnownHostsFile=/dev/null",
            "IdentitiesOnly=yes",
            "IdentityFile=/keys/id",
        ] {
            assert!(all.windows(2).any(|pair| pair == ["-o", option]), "{option}");
        }
        assert_eq!(all[..2], ["-F", "none"]);
        assert_eq!(all[all.len() - 6..], ["-p", "2222", "-l", "ops", "--", "web-1"]);
        let agent = HostCommand { key: SshKey::Agent("/run/agent".into()), ..command() };
        let all = arguments(&agent);
        assert!(all.contains(&"IdentityAgent=/run/agent".to_owned()));
        assert!(!all.iter().any(|one| one.starts_with("IdentityFile=/")));
    }

    #[test]
    fn a_command_waits_until_it_is_told_to_go_on() {
        let line = at_host(&command().line, 15).unwrap();
        for (input, code, said) in [
            ("go\n", Some(0), "huecry-ready\nit's\n"),
            ("", Some(125), "huecry-ready\n"),
            ("gone\n", Some(125), "huecry-ready\n"),
            ("go", Some(125), "huecry-ready\n"),
        ] {
            let bounds = Bounds {
                input: input.as_bytes(),
                ready: None,
                time: Duration::from_secs(20),
                output_bytes_max: 1_000,
            };
            let mut shell = Command::new("sh");
            shell.args(["-c", &line]);
            let ended = process::run(shell, &bounds).unwrap();
            assert_eq!((ended.code, ended.output.as_str()), (code, said), "{input:?}");
        }
        // what the client says of itself is never said by a command
        let line = at_host(&shell::line(["sh", "-c", "exit 255"]).unwrap(), 15).unwrap();
        let bounds =
            Bounds { input: b"go\n", ready: Some(READY), time: Duration::from_secs(20), output_bytes_max: 9 };
        let mut shell = Command::new("sh");
        shell.args(["-c", &line]);
        assert_eq!(process::run(shell, &bounds).unwrap().code, Some(254));
    }
}
