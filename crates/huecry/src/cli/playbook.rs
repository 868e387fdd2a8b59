//! `huecry playbook` and `huecry connector`.

use clap::Subcommand;
use std::path::PathBuf;

/// `huecry playbook`
#[derive(Debug, Clone, Subcommand)]
pub enum Playbook {
    /// List the server's playbooks; with an incident those that fit it come first.
    List {
        /// The incident.
        #[arg(long, value_name = "ID")]
        incident: Option<String>,
    },
    /// Show a playbook of the server, step by step.
    Show {
        /// Its id (playbook--…) or its whole name.
        playbook: String,
    },
    /// Run a playbook. What it asks of other systems is approved like all containments, by somebody else.
    Run {
        /// Its id (playbook--…) or its whole name.
        playbook: String,
        /// A value for a variable of the playbook, such as __key__=AKIA….
        #[arg(long = "set", value_name = "NAME=VALUE")]
        set: Vec<String>,
        /// The incident that it is for.
        #[arg(long, value_name = "ID")]
        incident: Option<String>,
        /// Why.
        #[arg(long)]
        reason: String,
    },
    /// Print everything that is wrong with playbooks (CACAO 2.0, as JSON or YAML), with its place.
    Check {
        /// Playbooks, or folders of them.
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
    },
    /// Tell what a run would do if everything went well, step by step. Nothing is done.
    Rehearse {
        /// The playbook.
        #[arg(value_name = "FILE")]
        file: PathBuf,
        /// A value for a variable of the playbook, such as __key__=AKIA….
        #[arg(long = "set", value_name = "NAME=VALUE")]
        set: Vec<String>,
    },
}

impl Playbook {
    /// Whether it is asked of a server, and not of files.
    pub const fn is_of_server(&self) -> bool {
        matches!(self, Self::List { .. } | Self::Show { .. } | Self::Run { .. })
    }
}

/// `huecry connector`
#[derive(Debug, Clone, Subcommand)]
pub enum Connector {
    /// List the actions that there are: those that ship with the product, and those of the configured folder.
    List,
    /// Say whether a connector's system answers, with the settings of the configuration. Looks only: nothing is changed.
    Test {
        /// The connector, such as aws.
        name: String,
        /// An action to look for and its target, such as deactivate_key=AKIA…: the look of that action is made.
        #[arg(long = "look", value_name = "ACTION=TARGET")]
        looks: Vec<String>,
    },
    /// Print everything that is wrong with files of connectors.
    Check {
        /// Files of connectors.
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
    },
}
