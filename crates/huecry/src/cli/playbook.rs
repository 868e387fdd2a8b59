//! `huecry playbook` and `huecry connector`.

use clap::Subcommand;
use std::path::PathBuf;

/// `huecry playbook`
#[derive(Debug, Clone, Subcommand)]
pub enum Playbook {
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

/// `huecry connector`
#[derive(Debug, Clone, Subcommand)]
pub enum Connector {
    /// List the actions that ship with the product.
    List,
    /// Print everything that is wrong with files of connectors.
    Check {
        /// Files of connectors.
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
    },
}
