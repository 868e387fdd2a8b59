//! What the routes of people's reports work with, beside the store.

use crate::code::Code;
use crate::problem::Problem;
use crate::state::App;
use axum::extract::FromRequestParts;
use axum::http::request::Parts as Head;
use report::form::Forms;
use report::link::LinkKeys;
use report::policy::Policy;
use report::{Intake, ReportDesk};
use std::collections::BTreeSet;
use std::sync::Arc;

/// Which services guests may know of.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum PublicServices {
    /// None.
    #[default]
    None,
    /// All of the catalogue.
    All,
    /// These.
    Named(BTreeSet<String>),
}

impl PublicServices {
    /// Whether guests may know of the service of that name.
    pub fn has(&self, name: &str) -> bool {
        match self {
            Self::None => false,
            Self::All => true,
            Self::Named(names) => names.contains(name),
        }
    }
}

/// What an installation wants of reports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportOptions {
    /// Which services guests may know of.
    pub public_services: PublicServices,
    /// Whether those report who are nobody here.
    pub guest_reports: bool,
    /// Whether everybody sees who is thanked.
    pub leaderboard: bool,
    /// Largest file with a report, in bytes.
    pub attachment_bytes_max: usize,
    /// Where reports are kept.
    pub region: String,
}

impl Default for ReportOptions {
    fn default() -> Self {
        Self {
            public_services: PublicServices::None,
            guest_reports: true,
            leaderboard: false,
            attachment_bytes_max: report::attachment::ATTACHMENT_BYTES_MAX,
            region: "default".to_owned(),
        }
    }
}

/// Everything about reports that the handlers use.
pub struct ReportParts {
    /// Where reports come in.
    pub intake: Arc<Intake>,
    /// Where they are decided.
    pub desk: ReportDesk,
    /// Kinds of reports.
    pub forms: Arc<Forms>,
    /// How they are decided.
    pub policy: Arc<Policy>,
    /// What links to the form are signed with.
    pub links: LinkKeys,
    /// What the installation wants.
    pub options: ReportOptions,
}

impl std::fmt::Debug for ReportParts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ReportParts").field("options", &self.options).finish_non_exhaustive()
    }
}

impl ReportParts {
    /// What a form is called; its type where it is not there any more.
    pub(crate) fn form_title(&self, form: &str) -> String {
        self.forms.get(form).map_or_else(|| form.to_owned(), |form| form.title().to_owned())
    }
}

/// The parts, where this server takes reports.
#[derive(Debug, Clone)]
pub(crate) struct Reports(pub(crate) Arc<ReportParts>);

impl Reports {
    pub(crate) fn of(app: &App) -> Result<Self, Problem> {
        let parts = app.reports.as_ref().map(Arc::clone).map(Self);
        parts.ok_or_else(|| Problem::new(Code::ReportsDisabled, "no reports are taken here"))
    }

    /// Refuses guests where none are let in.
    pub(crate) fn open_to<T>(&self, known: Option<&T>) -> Result<(), Problem> {
        if known.is_some() || self.0.options.guest_reports {
            return Ok(());
        }
        Err(Problem::new(Code::ReportsDisabled, "only those who are signed in report here"))
    }
}

impl FromRequestParts<App> for Reports {
    type Rejection = Problem;
    async fn from_request_parts(_: &mut Head, app: &App) -> Result<Self, Problem> {
        Self::of(app)
    }
}
