//! A new report: asked for, shown, masked, sent.

use super::ask::Asker;
use super::outbox::{Outgoing, mask};
use super::place::{context_at, file_at};
use super::receipt::{self, Receipt, moment};
use super::{items, plain, wrong};
use crate::cli::{Cli, ContextArg, NewReport, Sending};
use crate::client::{Ask, Client};
use crate::config::Config;
use crate::exit::{Exit, Failure};
use crate::terminal;
use model::{Clock, SystemClock};
use privacy::Span;
use report::context::Context;
use report::draft::{AskedForm, Draft, Filled, ReceiptLink};
use serde_json::{Value, json};
use std::io::{IsTerminal, Read};
use std::path::Path;

/// Longest answer that is read from a file, in bytes.
const ANSWER_BYTES_MAX: u64 = 256 << 10;
/// Most places that are told one by one.
const PLACES_TOLD_MAX: usize = 12;

/// What is to be reported, as the command line says it.
#[derive(Debug, Default)]
pub(super) struct Asked {
    form: Option<String>,
    title: Option<String>,
    answers: Vec<(String, String)>,
    files: Vec<(String, String)>,
}

impl Asked {
    pub(super) fn of(form: &str, answers: &[(&str, &str)]) -> Self {
        let owned = |(name, answer): &(&str, &str)| ((*name).to_owned(), (*answer).to_owned());
        Self { form: Some(form.to_owned()), answers: answers.iter().map(owned).collect(), ..Self::default() }
    }
}

impl From<&NewReport> for Asked {
    fn from(new: &NewReport) -> Self {
        Self {
            form: new.form.clone(),
            title: new.title.clone(),
            answers: new.set.clone(),
            files: new.set_file.clone(),
        }
    }
}

fn which_form(forms: &[AskedForm]) -> Failure {
    let names: Vec<&str> = forms.iter().map(|form| form.form_type.as_str()).collect();
    Failure::new(Exit::Usage, "which form?").hint(format!("--form {}", names.join(" | ")))
}

/// Reports it, or keeps or prints what would be sent.
pub(super) fn run(
    asked: Asked,
    sending: &Sending,
    cli: &Cli,
    config: &Config,
    json: bool,
) -> Result<Exit, Failure> {
    let client = Client::of_reporter(cli, config, sending.anonymous)?;
    let is_offline_good = sending.dry_run || sending.save.is_some();
    let forms = forms(&client, is_offline_good)?;
    // an answer from standard input leaves nobody to ask
    let reads_stdin = asked.files.iter().any(|(_, file)| file == "-");
    let is_asked = !sending.yes
        && !json
        && !reads_stdin
        && std::io::stdin().is_terminal()
        && std::io::stderr().is_terminal();
    let mut asker = is_asked.then(|| Asker::new(std::io::stdin().lock(), std::io::stderr()));
    let form = match (&asked.form, &mut asker) {
        (Some(name), _) => AskedForm::find(&forms, name).map_err(|e| wrong(&e))?,
        (None, Some(asker)) => {
            let options: Vec<_> =
                forms.iter().map(|form| (form.title.as_str(), form.description.as_str())).collect();
            &forms[asker.choose("What is it about?", &options)?]
        }
        (None, None) => return Err(which_form(&forms)),
    };
    let (mut draft, known) = answered(form, &asked, sending)?;
    if let Some(asker) = &mut asker {
        terminal::note(format_args!("\n{}\n{}\n", plain(&form.title), plain(&form.warning)));
        let missing: Vec<_> = draft.missing(form).cloned().collect();
        missing.iter().try_for_each(|field| asker.field(form, field, &mut draft))?;
    }
    complete(&draft, form)?;
    let written: Vec<String> = draft.texts_mut(form).into_iter().map(|(_, text)| text.clone()).collect();
    for warning in form.warnings(&written.join("\n")) {
        terminal::note(format_args!("mind           {}", plain(warning)));
    }
    let places = mask(&mut draft, form)?;
    if !json {
        preview(&draft, form, &known, &places);
    }
    if let Some(asker) = &mut asker
        && !is_offline_good
    {
        offer_related(asker, &client, &mut draft, form)?;
    }
    let report = Outgoing::new(draft.body(), client.is_guest());
    if sending.dry_run {
        terminal::line(report.text());
        return Ok(Exit::Done);
    }
    if let Some(file) = &sending.save {
        report.save(file)?;
        return Ok(kept(file, json));
    }
    let as_whom = if client.is_guest() { " as a guest" } else { "" };
    if let Some(asker) = &mut asker
        && !asker.confirm(&format!("send this to {}{as_whom}?", client.base()))?
    {
        terminal::note("nothing was sent");
        return Ok(Exit::Done);
    }
    drop(asker);
    let answer = report.send(&client).map_err(|failure| keep_typed(failure, &report, is_asked))?;
    print_sent(&answer, json);
    attach(&answer, sending, json)
}

/// The forms that the server has; where it is away and nothing is sent anyhow, those that the program comes with.
fn forms(client: &Client, is_offline_good: bool) -> Result<Vec<AskedForm>, Failure> {
    let answer = client.ask(&Ask { method: "GET", path: "/api/v1/forms", ..Ask::default() });
    let list = match answer {
        Err(failure) if failure.exit == Exit::Server && is_offline_good => {
            terminal::note(format_args!("{failure}; the forms are those of this program"));
            shipped()?
        }
        answer => answer?.good()?.body["items"].clone(),
    };
    let forms: Result<Vec<AskedForm>, _> = serde_json::from_value(list);
    let forms = forms.map_err(|e| {
        Failure::new(Exit::Server, format!("the forms of {} cannot be read: {e}", client.base()))
            .hint("is the server of another version? `huecry --version`")
    })?;
    if forms.is_empty() {
        return Err(Failure::new(Exit::Server, format!("{} has no forms", client.base())));
    }
    Ok(forms)
}

fn shipped() -> Result<Value, Failure> {
    let forms = report::form::Forms::shipped().map_err(|e| Failure::new(Exit::Usage, e))?;
    let views: Vec<_> = forms.iter().map(report::form::Form::view).collect();
    serde_json::to_value(views).map_err(|e| Failure::new(Exit::Usage, e))
}

/// A draft with what the command line and the machine say.
fn answered(
    form: &AskedForm,
    asked: &Asked,
    sending: &Sending,
) -> Result<(Draft, (Context, Vec<Filled>)), Failure> {
    let mut draft = Draft::new(form);
    draft.is_anonymous = sending.anonymous;
    draft.link.clone_from(&sending.link);
    let own = [("service", &sending.service), ("title", &asked.title)];
    let own = own.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value.clone()?)));
    let read = asked.files.iter().map(|(name, file)| Ok((name.clone(), answer_in(file)?)));
    let read: Vec<(String, String)> = read.collect::<Result<_, Failure>>()?;
    for (name, answer) in own.chain(asked.answers.iter().cloned()).chain(read) {
        draft.set(form, &name, &answer).map_err(|e| wrong(&e))?;
    }
    // whoever wants no name wants no trace of their machine, unless they say so
    let default = if sending.anonymous { ContextArg::Off } else { ContextArg::Auto };
    let here = std::env::current_dir()?;
    let mut context = match sending.context.unwrap_or(default) {
        ContextArg::Auto => context_at(&here),
        ContextArg::Off => Context::default(),
    };
    if let Some(named) = &sending.at {
        file_at(&mut context, &here, named);
    }
    let filled = draft.fill(form, &context, &now());
    Ok((draft, (context, filled)))
}

/// This second, RFC 3339.
fn now() -> String {
    let second = jiff::Timestamp::from_second(SystemClock.now_ms() / 1_000);
    second.map(|at| at.to_string()).unwrap_or_default()
}

fn answer_in(file: &str) -> Result<String, Failure> {
    let mut text = String::new();
    let read = match file {
        "-" => std::io::stdin().lock().take(ANSWER_BYTES_MAX + 1).read_to_string(&mut text),
        file => {
            std::fs::File::open(file).and_then(|f| f.take(ANSWER_BYTES_MAX + 1).read_to_string(&mut text))
        }
    };
    let bytes = read.map_err(|e| Failure::new(Exit::Faults, format!("cannot read {file}: {e}")))?;
    if bytes as u64 > ANSWER_BYTES_MAX {
        return Err(Failure::new(Exit::Faults, format!("{file} is too long for an answer"))
            .hint("send the part that matters, and attach the rest with --attach"));
    }
    Ok(text)
}

fn complete(draft: &Draft, form: &AskedForm) -> Result<(), Failure> {
    let missing: Vec<String> = draft.missing(form).map(|field| format!("--set {}=…", field.name)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let labels: Vec<&str> = draft.missing(form).map(|field| field.label.as_str()).collect();
    Err(Failure::new(Exit::Usage, format!("`{}` asks for more: {}", form.form_type, labels.join(" ")))
        .hint(missing.join(" ")))
}

/// What will be sent, on stderr: never a value that was masked.
fn preview(draft: &Draft, form: &AskedForm, known: &(Context, Vec<Filled>), places: &[(String, Span)]) {
    let row = |name: &str, value: &str, from: Option<&str>| {
        let from = from.map(|from| format!("  (from {from})")).unwrap_or_default();
        terminal::note(format_args!("{name:<14} {value}{from}"));
    };
    let (context, filled) = known;
    let from_of =
        |name: &str| filled.iter().find(|filled| filled.field == name).map(|f| f.known.from.as_str());
    row("form", &form.form_type, None);
    for (name, value) in [("service", &draft.service), ("title", &draft.title)] {
        if let Some(value) = value {
            row(name, &plain(value), from_of(name));
        }
    }
    for (name, value) in &draft.fields {
        row(name, &shown(value), from_of(name));
    }
    // what stands among the answers is not told twice
    for (name, value) in draft.context.iter().filter(|(name, value)| draft.fields.get(*name) != Some(value)) {
        let from = context.values().find(|(key, _)| key == name).map(|(_, known)| known.from.as_str());
        row(name, &shown(value), from);
    }
    for (name, span) in places.iter().take(PLACES_TOLD_MAX) {
        let (kind, chars) = (span.class.name(), span.end_utf16 - span.start_utf16);
        row("masked", &format!("{name}: {} for {chars} characters ({kind})", span.replacement), None);
    }
    if places.len() > PLACES_TOLD_MAX {
        row("masked", &format!("{} places more", places.len() - PLACES_TOLD_MAX), None);
    }
}

fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => plain(text).replace('\n', "\n               "),
        Value::Array(all) => all.iter().map(shown).collect::<Vec<_>>().join("\n               "),
        other => other.to_string(),
    }
}

/// Matters that seem to be the same, to add the report to one of them.
fn offer_related<R: std::io::BufRead, W: std::io::Write>(
    asker: &mut Asker<R, W>,
    client: &Client,
    draft: &mut Draft,
    form: &AskedForm,
) -> Result<(), Failure> {
    let text: Vec<String> = draft.texts_mut(form).into_iter().map(|(_, text)| text.clone()).collect();
    let body = json!({ "form": draft.form, "service": draft.service, "text": text.join("\n") }).to_string();
    let ask = Ask {
        method: "POST",
        path: "/api/v1/reports/related",
        body: Some(body.as_bytes()),
        ..Ask::default()
    };
    // it is only help: where it fails, the report is one of its own
    let Ok(answer) = client.ask(&ask).and_then(crate::client::Reply::good) else { return Ok(()) };
    let open = items(&answer.body["items"]);
    if open.is_empty() {
        return Ok(());
    }
    let titles: Vec<String> =
        open.iter().map(|matter| plain(matter["title"].as_str().unwrap_or("an open matter"))).collect();
    let mut options = vec![("it is none of these", "")];
    options.extend(titles.iter().map(|title| (title.as_str(), "")));
    let chosen = asker.choose("Is it one of these, which are open?", &options)?;
    if let Some(matter) = chosen.checked_sub(1).and_then(|at| open.get(at)) {
        draft.add_to = matter["reference"].as_str().map(str::to_owned);
    }
    Ok(())
}

fn kept(file: &Path, json: bool) -> Exit {
    let send = format!("huecry report send {}", file.display());
    if json {
        terminal::line(json!({ "saved": file.display().to_string(), "send": send }));
    } else {
        terminal::line(format_args!("kept      {}, masked; `{send}` sends it", file.display()));
    }
    Exit::Done
}

/// What somebody typed is not lost because a server is away.
fn keep_typed(failure: Failure, report: &Outgoing, was_typed: bool) -> Failure {
    if failure.exit != Exit::Server {
        return failure;
    }
    let name = format!("huecry-report-{}.json", SystemClock.now_ms());
    match was_typed.then(|| report.save(Path::new(&name))) {
        Some(Ok(())) => failure.hint(format!("it is kept, masked; `huecry report send {name}` sends it")),
        _ => failure.hint("--save FILE keeps the masked report, and `huecry report send FILE` sends it"),
    }
}

/// What was answered to a report.
pub(super) fn print_sent(answer: &Value, json: bool) {
    if json {
        terminal::line(answer);
        return;
    }
    let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
    let state = match answer["state"].as_str() {
        Some("held") => "held: it waits its turn, and a person reads it",
        Some(state) => state,
        None => "-",
    };
    terminal::line(format_args!("report    {} ({state})", text(&answer["id"])));
    terminal::line(format_args!("receipt   {}", text(&answer["receipt"]["url"])));
    if let Some(due) = answer["next_update_due"].as_str() {
        terminal::line(format_args!("next      an update is due until {}", moment(due)));
    }
    let masked = answer["masked"]["count"].as_u64().unwrap_or(0);
    if masked > 0 {
        let kinds: Vec<&str> = items(&answer["masked"]["kinds"]).iter().filter_map(Value::as_str).collect();
        terminal::line(format_args!("masked    {masked} places: {}", kinds.join(", ")));
    }
    terminal::note("keep the receipt's link: it is shown once, and whoever has it can follow and answer");
    terminal::note("follow it there, or with `huecry report status LINK`");
}

fn attach(answer: &Value, sending: &Sending, json: bool) -> Result<Exit, Failure> {
    if sending.attach.is_empty() {
        return Ok(Exit::Done);
    }
    let link: Result<ReceiptLink, _> = answer["receipt"]["url"].as_str().unwrap_or_default().parse();
    let link = link.map_err(|e| wrong(&e))?;
    let receipt = Receipt::open_at(&link.base.unwrap_or_default(), &link.secret)?;
    receipt::attach(&receipt, &sending.attach, json).map_err(|failure| {
        let message = format!("the report was sent, and not all files: {failure}");
        let hint = failure.hint.clone().unwrap_or_default();
        Failure::new(failure.exit, message)
            .hint(format!("{hint}; `huecry report attach LINK FILE` sends more").trim_start_matches("; "))
    })
}
