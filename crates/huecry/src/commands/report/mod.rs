//! `huecry report`: report something, follow it, decide what others reported.

mod ask;
mod desk;
mod new;
pub(super) mod outbox;
pub(super) mod place;
mod receipt;

use crate::cli::{Cli, ContextArg, NewReport, Report, ReportDesk, ReportVerb, Sending};
use crate::client::Client;
use crate::config::Config;
use crate::exit::{Exit, Failure};
use crate::terminal;
use new::Asked;
use receipt::{Receipt, Saying};
use report::draft::DraftError;
use serde_json::{Map, Value, json};

/// The form that a dependency is reported with.
const DEPENDENCY_FORM: &str = "malicious-dependency";
/// The form that an artifact of a build is reported with.
const ARTIFACT_FORM: &str = "suspicious-ci";

/// Runs it.
pub(super) fn run(args: &Report, cli: &Cli, config: &Config, json: bool) -> Result<Exit, Failure> {
    let Some(verb) = &args.verb else {
        return new::run(Asked::from(&args.new), &args.sending, cli, config, json);
    };
    if args.new != NewReport::default() || args.sending != Sending::default() {
        return Err(Failure::new(
            Exit::Usage,
            "options of a new report stand before a verb that takes none of them",
        )
        .hint("options of a verb stand behind it; `huecry report VERB --help`"));
    }
    match verb {
        ReportVerb::Dep { package, why, sending } => {
            let asked = Asked::of(
                DEPENDENCY_FORM,
                &[
                    ("package", &package.to_string()),
                    ("ecosystem", package.ecosystem()),
                    ("what_happened", why),
                ],
            );
            new::run(asked, sending, cli, config, json)
        }
        ReportVerb::Artifact { digest, why, sending } => {
            let answers = [("artifact_digest", digest.to_string()), ("what_happened", why.clone())];
            let answers = answers.iter().map(|(name, answer)| (*name, answer.as_str())).collect::<Vec<_>>();
            new::run(Asked::of(ARTIFACT_FORM, &answers), sending, cli, config, json)
        }
        ReportVerb::Send { file, anonymous, as_me } => {
            let kept = outbox::Outgoing::load(file)?;
            send_kept(kept, (*anonymous, *as_me), (cli, config), json)
        }
        ReportVerb::Status { link, watch, interval } => {
            receipt::status(&mut Receipt::open(link, cli, config)?, *watch, *interval, json)
        }
        ReportVerb::Reply { link, text } => {
            receipt::say(&mut Receipt::open(link, cli, config)?, Saying::Reply(text), json)
        }
        ReportVerb::Appeal { link, text } => {
            receipt::say(&mut Receipt::open(link, cli, config)?, Saying::Appeal(text), json)
        }
        ReportVerb::Withdraw { link } => {
            receipt::say(&mut Receipt::open(link, cli, config)?, Saying::Withdraw, json)
        }
        ReportVerb::Attach { link, files } => {
            receipt::attach(&Receipt::open(link, cli, config)?, files, json)
        }
        ReportVerb::Link { service, form, expires, context } => {
            let link = Link { service, form: form.as_deref(), expires_in_s: *expires, context: *context };
            make_link(&link, &Client::of(cli, config)?, json)
        }
        // it is everybody's to read
        ReportVerb::Desk(verb @ ReportDesk::Policy) => {
            desk::run(verb, &Client::of_reporter(cli, config, false)?, json)
        }
        ReportVerb::Desk(verb) => desk::run(verb, &Client::of(cli, config)?, json),
    }
}

/// Sends a report that was kept.
fn send_kept(
    mut kept: outbox::Outgoing,
    (anonymous, as_me): (bool, bool),
    (cli, config): (&Cli, &Config),
    json: bool,
) -> Result<Exit, Failure> {
    if anonymous {
        kept.body["anonymous"] = json!(true);
    }
    // nobody is named who was not when they wrote it
    let is_nobodys = kept.body["anonymous"] == true || (kept.is_guests && !as_me);
    let client = Client::of_reporter(cli, config, is_nobodys)?;
    if as_me && client.is_guest() {
        return Err(Failure::new(
            Exit::Usage,
            "there is no token that says who you are, or the report is anonymous",
        )
        .hint("set HUECRY_TOKEN or --token-file, or leave out --as-me"));
    }
    new::print_sent(&kept.send(&client)?, json);
    Ok(Exit::Done)
}

/// A signed link that is to be made.
struct Link<'a> {
    service: &'a str,
    form: Option<&'a str>,
    expires_in_s: u64,
    context: ContextArg,
}

fn make_link(link: &Link<'_>, client: &Client, json: bool) -> Result<Exit, Failure> {
    let mut known = match link.context {
        ContextArg::Auto => place::context_at(&std::env::current_dir()?).to_json(),
        ContextArg::Off => Map::new(),
    };
    // whoever follows the link is another, so it says nothing of the commit's signature
    known.remove("signed_commit");
    if let Some(form) = link.form {
        known.insert("form".to_owned(), json!(form));
    }
    let new = json!({ "service": link.service, "context": known, "expires_in_s": link.expires_in_s });
    let made = client.post("/api/v1/report-links", &new)?.body;
    if json {
        terminal::line(&made);
        return Ok(Exit::Done);
    }
    terminal::line(made["url"].as_str().unwrap_or_default());
    let until = made["expires_at"].as_str().map(receipt::moment).unwrap_or_default();
    terminal::note(format_args!("whoever has it may report with it until {until}"));
    Ok(Exit::Done)
}

/// A fault of a report before it is sent.
fn wrong(error: &DraftError) -> Failure {
    Failure::new(Exit::Usage, error).hint(error.hint())
}

/// A text of somebody else for a terminal: what would move the cursor or change colours is shown as a stand-in.
fn plain(text: &str) -> String {
    let is_safe = |c: char| c == '\n' || c == '\t' || !c.is_control();
    text.chars()
        .map(|c| if is_safe(c) && !('\u{202A}'..='\u{202E}').contains(&c) { c } else { '\u{FFFD}' })
        .collect()
}

/// The items of a list.
fn items(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_of_others_do_not_move_the_cursor() {
        assert_eq!(plain("a\u{1b}[2Jb\r\nc\u{202E}d\té"), "a\u{FFFD}[2Jb\u{FFFD}\nc\u{FFFD}d\té");
    }
}
