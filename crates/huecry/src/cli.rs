//! The command line, as data.

mod contain;
mod people;
mod playbook;
mod report;
mod rollout;

pub use contain::{Contain, ContainWhat, Run, StepAnswerArg, YesNo};
pub use people::People;
pub use playbook::{Connector, Playbook};
pub use report::{
    ChannelArg, ContextArg, Init, Mask, NewReport, ReceiptArg, Report, ReportDesk, ReportVerb, Sending,
};
pub use rollout::{ReportFormat, RulesBacktest, RulesStage, RulesTune, StageArg};

use clap::{Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;

mod rules;

pub use rules::Rules;

/// See it, shout it, stop it: telemetry and reports in, incidents out.
#[derive(Debug, Parser)]
#[command(name = "huecry", version, max_term_width = 100, subcommand_required = true)]
#[command(
    after_help = "Exit codes: 0 done · 1 the input has faults (the output says which) · 2 wrong usage or \
    configuration · 3 the server cannot be reached or failed · 4 not allowed · 5 conflict with another change · 6 what was signed was \
    changed (audit verify)"
)]
pub struct Cli {
    /// Configuration file [default: huecry.toml if it is there].
    #[arg(long, global = true, env = "HUECRY_CONFIG", value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Folder for everything embedded, instead of the configuration's.
    #[arg(long, global = true, env = "HUECRY_DATA_DIR", value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
    /// Print JSON instead of text for people.
    #[arg(long, global = true)]
    pub json: bool,
    /// The server's address [default: the configuration's].
    #[arg(long, global = true, env = "HUECRY_URL", value_name = "URL")]
    pub url: Option<String>,
    /// File with the API token [default: the first token in the data folder]; or HUECRY_TOKEN.
    #[arg(long, global = true, env = "HUECRY_TOKEN_FILE", value_name = "FILE")]
    pub token_file: Option<PathBuf>,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the product: doors, pipeline, triage, API.
    Serve(Serve),
    /// Run it with an invented organisation's telemetry: 90 days at once, then live.
    Demo(Demo),
    /// Send files to a server, or judge them without one (--dry-run).
    ///
    /// With an API token (HUECRY_TOKEN, --token-file or the data folder's) a source token is made for the run.
    /// With a source token in HUECRY_SOURCE_TOKEN, nothing else is needed.
    Ingest(Ingest),
    /// Ask about events, in read-only SQL.
    Query(Query),
    /// Work on incidents.
    #[command(subcommand)]
    Incident(Incident),
    /// Test, check and measure detection rules.
    #[command(subcommand)]
    Rules(Rules),
    /// Ask who owns what, and check the files that say so.
    #[command(subcommand)]
    Owners(Owners),
    /// Plan, ask for, approve and undo actions that contain.
    #[command(subcommand)]
    Contain(Contain),
    /// Follow playbooks that are being executed, and answer their steps.
    #[command(subcommand)]
    Run(Run),
    /// Response procedures: check and rehearse them, and run them.
    #[command(subcommand)]
    Playbook(Playbook),
    /// Actions that contain, and the files that describe them.
    #[command(subcommand)]
    Connector(Connector),
    /// Look after the lake while no server runs: check it, take events out, bring events in.
    #[command(subcommand)]
    Lake(Lake),
    /// Look at records that could not become events, and drive them again.
    #[command(subcommand)]
    DeadLetter(DeadLetter),
    /// Configured senders.
    #[command(subcommand)]
    Source(Source),
    /// API tokens and source tokens.
    #[command(subcommand)]
    Token(Token),
    /// People who may sign in, and one-time links for more.
    #[command(subcommand)]
    People(People),
    /// Who did what, and the proof that nobody changed it since.
    #[command(subcommand)]
    Audit(Audit),
    /// Report something suspicious, follow it, and decide what others reported.
    ///
    /// In a terminal it asks for what is missing; with flags alone it asks nothing. What the text holds of personal data and
    /// secrets is masked before anything leaves this machine. A token is sent if there is one; none is needed.
    Report(Box<Report>),
    /// Mask personal data and secrets in text.
    Mask(Mask),
    /// Write a first configuration: one service, one way to report on it.
    Init(Init),
    /// Check configuration, data folder, rules and server, and say what to mend.
    Doctor,
    /// Print the configuration in force, or its JSON schema.
    Config(ConfigCommand),
    /// Print a completion script for a shell.
    Completions {
        /// For which shell.
        shell: clap_complete::Shell,
    },
}

/// `huecry serve`
#[derive(Debug, Args)]
pub struct Serve {
    /// Address and port to listen on, instead of the configuration's.
    #[arg(long, value_name = "ADDRESS")]
    pub listen: Option<std::net::SocketAddr>,
}

/// `huecry demo`
#[derive(Debug, Args)]
pub struct Demo {
    /// Address and port to listen on.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8787")]
    pub listen: std::net::SocketAddr,
    /// Days of the past to play.
    #[arg(long, default_value_t = 90)]
    pub days: u32,
    /// Seed of the invented organisation; the same seed and day give the same records.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Stop when the past has been played and the incidents are printed.
    #[arg(long)]
    pub once: bool,
}

/// `huecry ingest`
#[derive(Debug, Args)]
pub struct Ingest {
    /// The source's name; with --dry-run the kind of records, such as aws_cloudtrail or windows_eventlog; left
    /// out there, each record tells its kind.
    #[arg(long, value_name = "NAME")]
    pub source: Option<String>,
    /// The type of all records, where the sender's transport would name it (GitHub's X-GitHub-Event).
    #[arg(long, value_name = "TYPE", requires = "dry_run")]
    pub event_type: Option<String>,
    /// Need no server: print the OCSF events on stdout, a summary on stderr.
    #[arg(long)]
    pub dry_run: bool,
    /// Check every event against the OCSF schema (with --dry-run).
    #[arg(long, requires = "dry_run")]
    pub validate: bool,
    /// Begin again even where an earlier run got through a part of the files.
    #[arg(long)]
    pub restart: bool,
    /// Files: JSON, lines of auditd, .evtx; plain or .gz, .zst, .zip; `-` is standard input. Of a folder, files
    /// of records are read (.json, .ndjson, .jsonl, .log, .evtx, packed or not), and it is said how many others
    /// were left alone.
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
}

/// `huecry query`
#[derive(Debug, Args)]
pub struct Query {
    /// One SELECT over events or a view of a class, such as api_activity.
    #[arg(value_name = "SQL")]
    pub sql: Option<String>,
    /// Value of $1, $2, … in order; a number, true, false, null, or else text.
    #[arg(long = "param", value_name = "VALUE", allow_hyphen_values = true, requires = "sql")]
    pub params: Vec<String>,
    /// What the answer is printed as [default: table].
    #[arg(long, value_enum)]
    pub format: Option<QueryFormat>,
    /// File for the answer, instead of standard output; it is there only when it is whole.
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Most rows [default: 1,000 for a table, else 1,000,000].
    #[arg(long, value_name = "N")]
    pub max_rows: Option<u64>,
    /// Most seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 30)]
    pub timeout: u64,
    /// List events and the views of its classes.
    #[arg(long, conflicts_with_all = ["sql", "schema"])]
    pub tables: bool,
    /// List the columns of a table.
    #[arg(long, value_name = "TABLE", num_args = 0..=1, default_missing_value = "events", conflicts_with = "sql")]
    pub schema: Option<String>,
}

/// What an answer is printed as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum QueryFormat {
    /// For people; long values are cut.
    Table,
    /// RFC 4180, with a header.
    Csv,
    /// One object: columns, rows, truncated.
    Json,
    /// One object a line.
    Ndjson,
    /// A Parquet file.
    Parquet,
}

/// Statuses of an incident.
#[derive(Debug, Clone, Copy, ValueEnum)]
#[value(rename_all = "snake_case")]
#[allow(missing_docs, reason = "the names say it")]
pub enum StatusArg {
    New,
    InProgress,
    OnHold,
    Resolved,
    Closed,
}

/// `huecry incident`
#[derive(Debug, Clone, Subcommand)]
pub enum Incident {
    /// The queue, gravest first.
    List {
        /// Only these statuses [default: the open ones].
        #[arg(long, value_enum, value_delimiter = ',')]
        status: Vec<StatusArg>,
        /// Only at least this severity: informational, low, medium, high, critical.
        #[arg(long)]
        severity: Option<String>,
        /// Only this assignee's.
        #[arg(long)]
        assignee: Option<String>,
        /// Only those with these words, and phrases in double quotes: each stands in the title of a rule, an entity, a
        /// title that a person gave, or a comment.
        #[arg(long)]
        search: Option<String>,
        /// At most this many.
        #[arg(long, default_value_t = 50)]
        limit: u32,
        /// Go on where an earlier answer ended.
        #[arg(long)]
        cursor: Option<String>,
    },
    /// One incident with its findings, comments and history.
    Show {
        /// Its id.
        id: String,
    },
    /// Give it to someone (or to nobody).
    Assign {
        /// Its id.
        id: String,
        /// To whom; empty for nobody.
        to: String,
    },
    /// Say something about it.
    Comment {
        /// Its id.
        id: String,
        /// Markdown.
        text: String,
    },
    /// Say where the work stands.
    Status {
        /// Its id.
        id: String,
        /// The new status; to close use `incident close`.
        #[arg(value_enum)]
        status: StatusArg,
    },
    /// Close it with a verdict.
    Close {
        /// Its id.
        id: String,
        /// What it was: true_positive, false_positive, benign, duplicate, test, …
        #[arg(long)]
        verdict: String,
        /// Why, in your words.
        #[arg(long)]
        reason: Option<String>,
    },
}

/// `huecry lake`
#[derive(Debug, Clone, Subcommand)]
pub enum Lake {
    /// Compare every file with the hash that the manifest lists; names what is damaged.
    Verify,
    /// Write events as they are stored, personal values included, to one Parquet file.
    Export {
        /// The file to write; it must not be there yet.
        #[arg(value_name = "FILE")]
        file: PathBuf,
        /// Only events of these OCSF classes, by `class_uid`.
        #[arg(long = "class", value_name = "UID")]
        classes: Vec<u32>,
        /// Only events of these regions.
        #[arg(long = "region", value_name = "REGION")]
        regions: Vec<String>,
    },
    /// Add the events of an exported file that the lake does not have.
    Import {
        /// The files to read.
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
    },
}

/// `huecry owners`
#[derive(Debug, Clone, Subcommand)]
pub enum Owners {
    /// Say who owns things, and which line of which file says so.
    Who {
        /// Paths, services, repositories, hosts, cloud resources, accounts or addresses.
        #[arg(required = true, value_name = "THING")]
        things: Vec<String>,
        /// Read them as paths of this repository.
        #[arg(long, value_name = "OWNER/NAME")]
        repo: Option<String>,
        /// As of this day (2026-01-31) or time (2026-01-31T08:00:00Z) [default: now].
        #[arg(long, value_name = "TIME")]
        at: Option<String>,
        /// Files to read, beside the configuration's; a CODEOWNERS file is that of --repo.
        #[arg(long, value_name = "FILE")]
        file: Vec<PathBuf>,
    },
    /// Print every fault of catalogue and CODEOWNERS files with its line.
    Lint {
        /// Files or folders [default: the configuration's].
        #[arg(value_name = "FILE")]
        files: Vec<PathBuf>,
    },
}

/// `huecry dead-letter`
#[derive(Debug, Clone, Subcommand)]
pub enum DeadLetter {
    /// The records that could not become events.
    List {
        /// At most this many.
        #[arg(long, default_value_t = 50)]
        limit: u32,
        /// Go on where an earlier answer ended.
        #[arg(long)]
        cursor: Option<String>,
    },
    /// One of them, with the raw record.
    Show {
        /// Its position, such as raw/0/42.
        position: String,
    },
    /// Drive them again with the mappings in force.
    Retry {
        /// Their positions.
        #[arg(required_unless_present = "all")]
        positions: Vec<String>,
        /// All open ones.
        #[arg(long, conflicts_with = "positions")]
        all: bool,
    },
}

/// `huecry source`
#[derive(Debug, Clone, Subcommand)]
pub enum Source {
    /// All of them.
    List,
    /// Add a sender and print its token, once.
    Add {
        /// Its name: a-z, 0-9, - and _.
        name: String,
        /// What it sends: aws_cloudtrail, okta, github, entra, google_workspace, gitlab, kubernetes_audit,
        /// gcp_audit, m365, slack_audit, windows_eventlog, linux_auditd, falco, osquery.
        #[arg(long)]
        kind: String,
        /// Where its data must be kept.
        #[arg(long, default_value = "default")]
        region: String,
        /// File with the secret its webhooks are signed with; `-` is standard input.
        #[arg(long, value_name = "FILE")]
        secret_file: Option<PathBuf>,
    },
    /// Set the secret that its webhooks are signed with, anew; the old one ends at once.
    SetSecret {
        /// Its name.
        name: String,
        /// File with the secret; `-` is standard input.
        #[arg(long, value_name = "FILE")]
        secret_file: PathBuf,
    },
    /// Open its doors again.
    Enable {
        /// Its name.
        name: String,
    },
    /// Close its doors; `huecry source enable` opens them again.
    #[command(visible_alias = "remove")]
    Disable {
        /// Its name.
        name: String,
    },
}

/// `huecry token`
#[derive(Debug, Clone, Subcommand)]
pub enum Token {
    /// All of them, without their secrets.
    List,
    /// Make one and print its secret, once.
    Create {
        /// For whom or what.
        name: String,
        /// What it may do, such as incidents:read; may be given several times.
        #[arg(long = "scope", value_name = "SCOPE", required_unless_present = "source")]
        scopes: Vec<access::Scope>,
        /// Bind it to a source: it may send that source's records and nothing else.
        #[arg(long, conflicts_with = "scopes")]
        source: Option<String>,
        /// It ends after this many days.
        #[arg(long)]
        expires_in_days: Option<u32>,
    },
    /// End one.
    Revoke {
        /// Its id.
        id: String,
    },
}

/// `huecry audit`
#[derive(Debug, Clone, Subcommand)]
pub enum Audit {
    /// Who did what, the newest first.
    Log {
        /// Only this person's or part's.
        #[arg(long, alias = "principal")]
        actor: Option<String>,
        /// Only about this object, such as an incident's id or source:NAME.
        #[arg(long)]
        object: Option<String>,
        /// Only this action, such as incident.close.
        #[arg(long)]
        action: Option<String>,
        /// Not before: a time (2026-11-26T08:00:00Z), a day (UTC), or an age such as 90m, 24h, 7d.
        #[arg(long, value_name = "TIME")]
        since: Option<String>,
        /// Before: as --since.
        #[arg(long, value_name = "TIME")]
        until: Option<String>,
        /// At most this many.
        #[arg(long, default_value_t = 50)]
        limit: u32,
        /// Go on where an earlier answer ended.
        #[arg(long)]
        cursor: Option<String>,
    },
    /// One record with its values.
    Show {
        /// Its id.
        id: String,
    },
    /// The newest signed checkpoint; keep one elsewhere.
    Checkpoint,
    /// The public key that a verifier needs; keep it elsewhere.
    Key,
    /// Prove that a record is in the signed log, or that an earlier log is a prefix of a later one.
    Prove {
        /// The record's id.
        #[arg(required_unless_present = "consistency")]
        id: Option<String>,
        /// Numbers of records of an earlier and a later log.
        #[arg(long, num_args = 2, value_names = ["FROM", "TO"], conflicts_with = "id")]
        consistency: Vec<u64>,
    },
    /// Copy the whole log into a folder, for auditors and for `audit verify`.
    Export {
        /// A folder that has no copy yet.
        dir: PathBuf,
    },
    /// Judge a copy or an evidence pack, without a server; exit code 6 where anything was changed.
    Verify {
        /// The folder of a copy or of an unpacked pack, or a pack's .zip.
        path: PathBuf,
        /// The public key, from elsewhere than the copy: NAME+ID+KEY.
        #[arg(long, value_name = "VKEY")]
        key: String,
        /// A checkpoint that was kept elsewhere; may be given several times.
        #[arg(long = "checkpoint", value_name = "FILE")]
        checkpoints: Vec<PathBuf>,
    },
    /// Make an evidence pack (.zip): records, proofs, attachments, a page to read, a verifier.
    Pack {
        /// About this incident, with its findings and comments.
        #[arg(long, value_name = "ID", required_unless_present = "object")]
        incident: Option<String>,
        /// About this object.
        #[arg(long, conflicts_with = "incident")]
        object: Option<String>,
        /// Files to attach; may be given several times.
        #[arg(long = "attach", value_name = "FILE")]
        attachments: Vec<PathBuf>,
        /// For whom or what, in your words; it is recorded.
        #[arg(long)]
        reason: Option<String>,
        /// The zip to write.
        #[arg(long, short, value_name = "FILE")]
        output: PathBuf,
    },
    /// Erase personal values of a record, for good; no proof breaks, and the erasure is recorded.
    Erase {
        /// The record's id.
        id: String,
        /// Which: principal, object, before, after, reason, origin, request_id; may be given several times.
        #[arg(long = "field", value_name = "NAME", required = true, value_parser = audit_field)]
        fields: Vec<model::AuditField>,
        /// Why, such as the number of the request to be forgotten.
        #[arg(long)]
        reason: String,
    },
}

/// `huecry config`
#[derive(Debug, Args)]
pub struct ConfigCommand {
    /// Print the JSON schema instead.
    #[arg(long)]
    pub schema: bool,
}

fn audit_field(name: &str) -> Result<model::AuditField, String> {
    let names = model::AuditField::ALL.map(model::AuditField::as_str).join(", ");
    model::AuditField::from_name(name).ok_or_else(|| format!("no such value; there are {names}"))
}
