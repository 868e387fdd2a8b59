//! The verbs about rules.

use super::{RulesBacktest, RulesStage, RulesTune};
use clap::Subcommand;
use std::path::PathBuf;

/// `huecry rules`
#[derive(Debug, Clone, Subcommand)]
pub enum Rules {
    /// Load rules and say which were refused, and why.
    Load {
        /// Folders or files [default: the configuration's rules].
        dirs: Vec<PathBuf>,
    },
    /// Run the rules' own tests; of a failure, say which selection decided it, on which field and value.
    Test {
        /// Folders or files [default: the configuration's rules].
        dirs: Vec<PathBuf>,
        /// File for the results as JUnit XML.
        #[arg(long, value_name = "FILE")]
        junit: Option<PathBuf>,
        /// File for what failed as SARIF 2.1.0.
        #[arg(long, value_name = "FILE")]
        sarif: Option<PathBuf>,
    },
    /// Say what is allowed but unwise.
    Lint {
        /// Folders or files [default: the configuration's rules].
        dirs: Vec<PathBuf>,
        /// File for the remarks as SARIF 2.1.0.
        #[arg(long, value_name = "FILE")]
        sarif: Option<PathBuf>,
    },
    /// Say why a rule matches an event or not, selection by selection; exit code 1 where it does not match.
    Explain {
        /// The rule: its file, or the id, name or title of one that is configured.
        rule: String,
        /// File with the event as its source sends it; `-` is standard input.
        #[arg(long, value_name = "FILE")]
        event: PathBuf,
        /// Folder of rules to look for it in [default: the configuration's rules].
        #[arg(long, value_name = "DIR")]
        rules: Vec<PathBuf>,
        /// The kind of record [default: told from its own fields].
        #[arg(long, value_name = "KIND")]
        source: Option<String>,
    },
    /// Judge the rules' tests: change one thing of a rule at a time, and see whether a test notices.
    Mutate {
        /// Folders or files [default: the configuration's rules].
        dirs: Vec<PathBuf>,
        /// Exit code 1 if a rule's tests notice less than this share of the changes, in percent.
        #[arg(long, value_name = "PERCENT")]
        min_score: Option<f64>,
    },
    /// Which ATT&CK techniques rules look for, on which sources, and which are blind because no source feeds them.
    Coverage {
        /// Folders or files [default: the configuration's rules].
        dirs: Vec<PathBuf>,
        /// Techniques as STIX 2 objects (enterprise-attack.json), instead of the list that comes along.
        #[arg(long, value_name = "FILE")]
        attack: Option<PathBuf>,
        /// A kind of record that is sent; may be given several times [default: all that have a mapping].
        #[arg(long, value_name = "KIND")]
        source: Vec<String>,
        /// File for a layer of ATT&CK Navigator.
        #[arg(long, value_name = "FILE")]
        navigator: Option<PathBuf>,
        /// List techniques without a rule too.
        #[arg(long)]
        gaps: bool,
    },
    /// Compare two folders of rules, or two git revisions of one: what is added, removed, changed in what it matches.
    Diff {
        /// The folder, or with --dir the revision, before.
        old: String,
        /// The folder or revision after [with --dir: the files as they are].
        new: Option<String>,
        /// Folder of rules in a git work tree; the others are revisions then.
        #[arg(long, value_name = "DIR")]
        dir: Option<PathBuf>,
        /// Print Markdown, for a comment on a pull request.
        #[arg(long, conflicts_with = "json")]
        markdown: bool,
    },
    /// Match records of files without a server: one JSON line a match.
    Match {
        /// Folder of rules [default: the configuration's rules].
        #[arg(long, value_name = "DIR")]
        rules: Vec<PathBuf>,
        /// The kind of records [default: told from each record's own fields].
        #[arg(long, value_name = "KIND")]
        source: Option<String>,
        /// Files as for `huecry ingest`.
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
    },
    /// Findings per 1,000 events and speed, on files or on the demo organisation's benign part.
    Bench {
        /// Folder of rules [default: the configuration's rules].
        #[arg(long, value_name = "DIR")]
        rules: Vec<PathBuf>,
        /// The kind of records [default: told from each record's own fields].
        #[arg(long, value_name = "KIND")]
        source: Option<String>,
        /// Files as for `huecry ingest`; none: the demo organisation, benign part.
        #[arg(value_name = "FILE")]
        files: Vec<PathBuf>,
    },
    /// The rules that the server runs, with stage, tests, and how often and when each matched.
    List,
    /// Have the server read its rules again, now.
    Reload,
    /// Decide how far a rule's findings go: shadow counts, canary marks, active is what the rule says.
    Stage(RulesStage),
    /// Run changed rules over what happened, and say what would be new and gone.
    Backtest(RulesBacktest),
    /// Make a finding again, of its own records and with the rules in force; says why if it comes out differently.
    Replay {
        /// Its id.
        finding: String,
    },
    /// Propose the smallest filter that takes out what was judged false positives and no true positive.
    Tune(RulesTune),
}
