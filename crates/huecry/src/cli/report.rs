//! `huecry report`, `huecry mask`, `huecry init`, as data.

use clap::{Args, Subcommand, ValueEnum};
use privacy::Class;
use report::draft::{Digest, PackageUrl, ReceiptLink};
use std::path::PathBuf;

/// `huecry report`
#[derive(Debug, Clone, Args)]
pub struct Report {
    /// What to report, where no verb follows.
    #[command(flatten)]
    pub new: NewReport,
    /// How to send it.
    #[command(flatten)]
    pub sending: Sending,
    /// A verb.
    #[command(subcommand)]
    pub verb: Option<ReportVerb>,
}

impl Report {
    /// Whether it is a moderator's verb, which a server's own folder is the place for.
    pub fn is_of_desk(&self) -> bool {
        matches!(self.verb, Some(ReportVerb::Desk(_)))
    }
}

/// What is reported.
#[derive(Debug, Clone, Default, PartialEq, Eq, Args)]
pub struct NewReport {
    /// Kind of report, such as leaked-secret; asked for in a terminal.
    #[arg(long, value_name = "FORM")]
    pub form: Option<String>,
    /// What it is called; else made of the text.
    #[arg(long, value_name = "TEXT")]
    pub title: Option<String>,
    /// An answer; may be given several times, and again for another line of a list.
    #[arg(long = "set", value_name = "FIELD=TEXT", value_parser = assignment)]
    pub set: Vec<(String, String)>,
    /// An answer from a file; `-` is standard input.
    #[arg(long = "set-file", value_name = "FIELD=FILE", value_parser = assignment)]
    pub set_file: Vec<(String, String)>,
}

/// How a report is sent.
#[derive(Debug, Clone, Default, PartialEq, Eq, Args)]
pub struct Sending {
    /// The service it is about [default: what files of the work tree say].
    #[arg(long, value_name = "NAME")]
    pub service: Option<String>,
    /// The file it is about, with its lines: src/pay.rs, src/pay.rs:7 or src/pay.rs:7-12.
    #[arg(long, value_name = "FILE")]
    pub at: Option<String>,
    /// A file to attach; may be given several times. Text is masked, other files are sent as they are.
    #[arg(long = "attach", value_name = "FILE")]
    pub attach: Vec<PathBuf>,
    /// Send no token, and nothing of this machine unless --context auto is given too.
    #[arg(long)]
    pub anonymous: bool,
    /// Whether commit, branch, repository and CI run go with it [default: auto, with --anonymous off].
    #[arg(long, value_enum, value_name = "WHAT")]
    pub context: Option<ContextArg>,
    /// The token of a signed link that the report answers.
    #[arg(long, value_name = "TOKEN")]
    pub link: Option<String>,
    /// Print the body of the request and send nothing.
    #[arg(long, conflicts_with_all = ["save", "attach"])]
    pub dry_run: bool,
    /// Keep the masked report in a file instead; `huecry report send FILE` sends it.
    #[arg(long, value_name = "FILE", conflicts_with = "attach")]
    pub save: Option<PathBuf>,
    /// Ask nothing.
    #[arg(long, short)]
    pub yes: bool,
}

/// Whether what the machine knows goes with a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ContextArg {
    /// Only what is given.
    Off,
    /// What CI system and git say.
    Auto,
}

/// The verbs of `huecry report`.
#[derive(Debug, Clone, Subcommand)]
pub enum ReportVerb {
    /// Report a dependency by its package URL.
    Dep {
        /// Such as pkg:npm/left-pad@1.3.0.
        #[arg(value_name = "PURL")]
        package: PackageUrl,
        /// What makes you suspicious.
        #[arg(long)]
        why: String,
        /// How to send it.
        #[command(flatten)]
        sending: Sending,
    },
    /// Report an artifact of a build by its digest.
    Artifact {
        /// sha256: and 64 digits.
        #[arg(value_name = "DIGEST")]
        digest: Digest,
        /// What makes you suspicious.
        #[arg(long)]
        why: String,
        /// How to send it.
        #[command(flatten)]
        sending: Sending,
    },
    /// Send a report that was kept with --save.
    Send {
        /// The file.
        file: PathBuf,
        /// Send no token.
        #[arg(long)]
        anonymous: bool,
        /// Send the token that there is, though the report was kept without one.
        #[arg(long, conflicts_with = "anonymous")]
        as_me: bool,
    },
    /// How a report stands, by the link of its receipt; `-` reads the link from standard input.
    Status {
        /// The link.
        link: ReceiptArg,
        /// Go on until it is decided, and print what changes.
        #[arg(long)]
        watch: bool,
        /// Seconds between two looks.
        #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=3600))]
        interval: u64,
    },
    /// Answer a question, or add something.
    Reply {
        /// The link.
        link: ReceiptArg,
        /// What to say; `-` is standard input. It is masked first.
        text: String,
    },
    /// Ask for another look at a decision, by somebody else.
    Appeal {
        /// The link.
        link: ReceiptArg,
        /// Why; `-` is standard input. It is masked first.
        text: String,
    },
    /// Attach files to a report that was sent.
    Attach {
        /// The link.
        link: ReceiptArg,
        /// The files. Text is masked, other files are sent as they are.
        #[arg(required = true)]
        files: Vec<PathBuf>,
    },
    /// Take a report back.
    Withdraw {
        /// The link.
        link: ReceiptArg,
    },
    /// Make a signed link to the form, with service and context filled in; needs a token with reports:write.
    Link {
        /// The service.
        #[arg(long, value_name = "NAME")]
        service: String,
        /// The form that opens, such as suspicious-ci.
        #[arg(long, value_name = "FORM")]
        form: Option<String>,
        /// How long it works: 30m, 12h, 7d.
        #[arg(long, value_name = "AGE", default_value = "7d", value_parser = seconds)]
        expires: u64,
        /// Whether commit, branch, repository and CI run go into it.
        #[arg(long, value_enum, value_name = "WHAT", default_value = "auto")]
        context: ContextArg,
    },
    /// A verb of moderators.
    #[command(flatten)]
    Desk(ReportDesk),
}

/// The verbs of moderators.
#[derive(Debug, Clone, Subcommand)]
pub enum ReportDesk {
    /// Reports, newest first.
    List {
        /// Only in this state: held, received, needs_info, accepted, merged, declined, withdrawn.
        #[arg(long)]
        state: Option<String>,
        /// Only of this form.
        #[arg(long)]
        form: Option<String>,
        /// Only about this service.
        #[arg(long)]
        service: Option<String>,
        /// Only with these words.
        #[arg(long)]
        search: Option<String>,
        /// At most this many.
        #[arg(long, default_value_t = 50)]
        limit: u32,
        /// Go on where an earlier answer ended.
        #[arg(long)]
        cursor: Option<String>,
    },
    /// One report with its messages and what is known beside it.
    Show {
        /// Its id.
        id: String,
    },
    /// Accept it: a finding is raised.
    Accept {
        /// Its id.
        id: String,
        /// How grave it is, instead of the form's own.
        #[arg(long)]
        severity: Option<String>,
        /// Why: an id of `huecry report policy`.
        #[arg(long)]
        reason: Option<String>,
        /// What the reporter is told.
        #[arg(long, default_value = "")]
        note: String,
    },
    /// Decline it.
    Decline {
        /// Its id.
        id: String,
        /// Why: an id of `huecry report policy`.
        #[arg(long)]
        reason: String,
        /// What the reporter is told.
        #[arg(long)]
        note: String,
    },
    /// Ask the reporter something.
    Ask {
        /// Its id.
        id: String,
        /// The question.
        question: String,
    },
    /// Say that it belongs to an incident.
    Merge {
        /// Its id.
        id: String,
        /// The incident's id.
        incident: String,
        /// What the reporter is told.
        #[arg(long, default_value = "")]
        note: String,
    },
    /// Appeals.
    Appeals {
        /// Only in this state.
        #[arg(long, default_value = "open")]
        state: String,
    },
    /// Find for who appealed: the decision and what followed from it fall.
    Overturn {
        /// The appeal's id.
        id: String,
        /// Why; who appealed reads it.
        #[arg(long)]
        explanation: String,
    },
    /// Find for the decision.
    Uphold {
        /// The appeal's id.
        id: String,
        /// Why; who appealed reads it.
        #[arg(long)]
        explanation: String,
    },
    /// The policy that reports are decided by, with the ids of its reasons.
    Policy,
}

/// A receipt's link, or `-` where it is on standard input and so in no list of processes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReceiptArg {
    /// The link.
    Link(ReceiptLink),
    /// It is on standard input.
    Stdin,
}

impl std::str::FromStr for ReceiptArg {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "-" => Ok(Self::Stdin),
            text => text
                .parse()
                .map(Self::Link)
                .map_err(|e: report::draft::DraftError| format!("{e}; {}", e.hint())),
        }
    }
}

/// `huecry mask`
#[derive(Debug, Clone, Args)]
pub struct Mask {
    /// Only these kinds: email, phone, card, iban, national_id, ip, person, username, token, private_key, password.
    #[arg(long, value_delimiter = ',', value_name = "KIND", value_parser = class)]
    pub kinds: Vec<Class>,
    /// Print nothing of the text; the exit code is 1 if something would be masked.
    #[arg(long)]
    pub check: bool,
    /// Files to read [default: standard input]; `-` is standard input.
    #[arg(value_name = "FILE")]
    pub files: Vec<PathBuf>,
}

/// `huecry init`
#[derive(Debug, Clone, Args)]
pub struct Init {
    /// The first service.
    #[arg(long, value_name = "NAME")]
    pub service: String,
    /// Who owns it, such as @acme/payments.
    #[arg(long, value_name = "OWNER")]
    pub owner: Option<String>,
    /// Its repository [default: that of the work tree].
    #[arg(long, value_name = "OWNER/NAME")]
    pub repository: Option<String>,
    /// How people report first.
    #[arg(long, value_enum, default_value = "web")]
    pub channel: ChannelArg,
    /// Where to write it.
    #[arg(long, value_name = "DIR", default_value = ".")]
    pub dir: PathBuf,
    /// Replace files that are there.
    #[arg(long)]
    pub force: bool,
}

/// Ways to report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ChannelArg {
    /// The form at /report, for everybody who reaches the server.
    Web,
    /// `huecry report` in a clone of the repository.
    Cli,
    /// A link in the summary of each CI run.
    Ci,
}

fn assignment(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.trim().is_empty() => Ok((name.trim().to_owned(), value.to_owned())),
        _ => Err("write FIELD=TEXT, such as where='the log of run 7'".to_owned()),
    }
}

fn class(name: &str) -> Result<Class, String> {
    let known = || Class::ALL.map(Class::name).join(", ");
    Class::ALL
        .into_iter()
        .find(|class| class.name() == name)
        .ok_or_else(|| format!("no such kind; there are {}", known()))
}

/// Seconds of an age such as 30m, 12h, 7d.
fn seconds(text: &str) -> Result<u64, String> {
    let wrong = || "write 30m, 12h or 7d".to_owned();
    let unit = text.chars().last().ok_or_else(wrong)?;
    let factor = match unit {
        'm' => 60,
        'h' => 3_600,
        'd' => 86_400,
        _ => return Err(wrong()),
    };
    let number: u64 = text.trim_end_matches(unit).parse().map_err(|_| wrong())?;
    number.checked_mul(factor).filter(|seconds| *seconds > 0).ok_or_else(wrong)
}
