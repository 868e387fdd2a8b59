//! `huecry people`, as data.

use access::Role;
use clap::Subcommand;
use model::PersonId;

/// `huecry people`
#[derive(Debug, Clone, Subcommand)]
pub enum People {
    /// Everyone who may sign in.
    List {
        /// At most this many.
        #[arg(long, default_value_t = 50)]
        limit: u32,
        /// Go on where an earlier answer ended.
        #[arg(long)]
        cursor: Option<String>,
    },
    /// Make a one-time link that signs one person in, and print it. It ends after a day.
    Link {
        /// What somebody new will be: reporter, responder, detection_engineer, service_owner, moderator, privacy_officer,
        /// auditor, admin; may be given several times.
        #[arg(long = "role", value_name = "ROLE", required_unless_present = "person")]
        roles: Vec<Role>,
        /// The name of somebody new.
        #[arg(long, required_unless_present = "person")]
        name: Option<String>,
        /// Whom to let in again, by id, instead of somebody new.
        #[arg(long, value_name = "ID", conflicts_with_all = ["roles", "name"])]
        person: Option<PersonId>,
    },
    /// Say what a person is; whatever is given replaces what was.
    Set {
        /// Their id.
        id: PersonId,
        /// What they are; may be given several times.
        #[arg(long = "role", value_name = "ROLE")]
        roles: Vec<Role>,
        /// Their teams, as the catalogue names them; may be given several times.
        #[arg(long = "team", value_name = "TEAM")]
        teams: Vec<String>,
        /// Their services; may be given several times.
        #[arg(long = "service", value_name = "SERVICE")]
        services: Vec<String>,
        /// Where to write to.
        #[arg(long, value_name = "ADDRESS")]
        email: Option<String>,
    },
    /// Keep a person out; they are signed out at once.
    Disable {
        /// Their id.
        id: PersonId,
    },
    /// Let a person in again.
    Enable {
        /// Their id.
        id: PersonId,
    },
}
