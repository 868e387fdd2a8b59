//! `huecry init`: a first configuration, small enough to be read.

use super::report::place::repository_at;
use crate::cli::{ChannelArg, Init};
use crate::config::{Config, DEFAULT_FILE};
use crate::exit::{Exit, Failure};
use crate::terminal;
use report::context::HINT_FILE;
use serde_json::json;
use std::io::Write;
use std::path::{Path, PathBuf};

const SERVICES_FILE: &str = "services.yaml";

/// Writes it and says what comes next.
pub(super) fn run(args: &Init, json: bool) -> Result<Exit, Failure> {
    let service = args.service.trim();
    let is_name = service.starts_with(char::is_alphanumeric)
        && service.len() <= 128
        && service.chars().all(|c| c.is_alphanumeric() || "-_./".contains(c));
    if !is_name {
        return Err(Failure::new(Exit::Usage, format!("`{service}` is no name of a service"))
            .hint("letters, digits and - _ . /, such as checkout or payments/api"));
    }
    let repository = args.repository.clone().or_else(|| repository_at(&args.dir));
    let mut files = vec![
        (DEFAULT_FILE, configuration(service, args.channel)),
        (SERVICES_FILE, services(service, args.owner.as_deref(), repository.as_deref())),
    ];
    if args.channel == ChannelArg::Cli {
        files.push((
            HINT_FILE,
            format!(
                "# What `huecry report` takes for the service in this work tree.\nservice = {}\n",
                quoted(service)
            ),
        ));
    }
    let text = &files[0].1;
    Config::parse(text, Path::new(DEFAULT_FILE))?;
    let written = write(&args.dir, &files, args.force)?;
    let next = next_steps(args, service);
    if json {
        let written: Vec<String> = written.iter().map(|path| path.display().to_string()).collect();
        terminal::line(json!({ "written": written, "next": next }));
        return Ok(Exit::Done);
    }
    for path in written {
        terminal::line(format_args!("wrote  {}", path.display()));
    }
    terminal::line("\nnext");
    for (number, step) in next.iter().enumerate() {
        terminal::line(format_args!("  {}  {step}", number + 1));
    }
    Ok(Exit::Done)
}

/// Writes all or, where one is there already, none.
fn write(dir: &Path, files: &[(&str, String)], force: bool) -> Result<Vec<PathBuf>, Failure> {
    std::fs::create_dir_all(dir)?;
    let paths: Vec<PathBuf> = files.iter().map(|(name, _)| dir.join(name)).collect();
    // a link that leads nowhere is there, too
    if let Some(there) = paths.iter().find(|path| path.symlink_metadata().is_ok())
        && !force
    {
        return Err(Failure::new(
            Exit::Usage,
            format!("{} is there already; nothing was written", there.display()),
        )
        .hint("name another folder with --dir, or replace what is there with --force"));
    }
    for (path, (_, text)) in paths.iter().zip(files) {
        let mut options = std::fs::OpenOptions::new();
        options.write(true);
        let options = if force { options.create(true).truncate(true) } else { options.create_new(true) };
        let mut file = options
            .open(path)
            .map_err(|e| Failure::new(Exit::Faults, format!("cannot write {}: {e}", path.display())))?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
    }
    Ok(paths)
}

/// A text in quotes that TOML and YAML read alike (JSON's escapes are of both).
fn quoted(text: &str) -> String {
    json!(text).to_string()
}

fn configuration(service: &str, channel: ChannelArg) -> String {
    let about = match channel {
        ChannelArg::Web => "Everybody who reaches the server may report at /report, without an account.",
        ChannelArg::Cli => "People report with `huecry report` in a clone; no account is needed.",
        ChannelArg::Ci => "Each CI run has a link to report it with; the form takes what the link says.",
    };
    let service = quoted(service);
    format!(
        "# A first configuration: one service, one way to report on it.\n\
         # `huecry config --schema` lists every key, and `huecry config` prints what is in force.\n\n\
         [server]\n\
         listen = \"127.0.0.1:8787\"\n\
         # Where people reach the server, once it stands behind TLS; links and cookies go by it.\n\
         # public_url = \"https://hue.example.com\"\n\n\
         [enrich]\n\
         catalog = [\"{SERVICES_FILE}\"]\n\n\
         # {about}\n\
         [reports]\n\
         enabled = true\n\
         # Services that people without an account are told by name.\n\
         public_services = [{service}]\n"
    )
}

fn services(service: &str, owner: Option<&str>, repository: Option<&str>) -> String {
    let mut text = format!(
        "# Who owns what; `huecry owners lint` checks it.\nservices:\n  - name: {}\n",
        quoted(service)
    );
    match owner {
        Some(owner) => text.push_str(&format!("    owner: {}\n", quoted(owner))),
        None => text.push_str("    # owner: \"@acme/payments\"\n"),
    }
    match repository {
        Some(repository) => text.push_str(&format!("    repositories: [{}]\n", quoted(repository))),
        None => text.push_str("    # repositories: [acme/checkout]\n"),
    }
    text.push_str("    # accounts: [\"111122223333\"]\n    # hosts: [\"checkout-*\"]\n");
    text
}

fn next_steps(args: &Init, service: &str) -> Vec<String> {
    let dir = &args.dir;
    let config = dir.join(DEFAULT_FILE).display().to_string();
    let mut steps = vec![
        format!("huecry owners lint {}", dir.join(SERVICES_FILE).display()),
        format!("huecry --config {config} serve     # prints a link that makes the first admin"),
    ];
    steps.push(match args.channel {
        ChannelArg::Web => format!("open http://127.0.0.1:8787/report and report on {service}"),
        ChannelArg::Cli => "commit .huecry.toml to the repository, then `huecry report` in it".to_owned(),
        ChannelArg::Ci => {
            "huecry token create ci --scope reports:write, then the snippet of docs/guide/reports-from-a-terminal.md"
                .to_owned()
        }
    });
    steps.push(
        "huecry source add NAME --kind KIND     # telemetry beside the reports; docs/guide/sources.md"
            .to_owned(),
    );
    steps
}
