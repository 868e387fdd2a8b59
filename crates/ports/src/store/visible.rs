//! Which incidents someone may see, as a fixed condition on a row.
//!
//! Policies decide about one incident at a time; a list needs a condition that an index scan can carry. Policies
//! may ask three things of an incident: its visibility, whether it is about one of the asker's teams or services,
//! and whether the asker has it. That is twelve cases, so what policies say of all incidents is twelve bits, and
//! the same table answers for one incident ([`Visible::sees`]) and for a page of them (in SQL).

use model::{Incident, Ownership, Visibility};

/// Cases of the table: three visibilities, own or not, assigned or not.
pub const VISIBLE_CASES: u32 = 12;

/// Which incidents someone may see. The default is none.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Visible {
    /// A bit for each case, see [`Visible::case`].
    cases: u16,
    /// The asker's teams, as the catalogue names them.
    teams: Vec<String>,
    /// The asker's services.
    services: Vec<String>,
    /// Who asks, as `assignee` names them.
    person: Option<String>,
}

impl Visible {
    /// All of them, for machines that ask for themselves.
    pub const fn everything() -> Self {
        let cases = (1 << VISIBLE_CASES) - 1;
        Self { cases, teams: Vec::new(), services: Vec::new(), person: None }
    }

    /// Those of the cases whose bit is set.
    pub const fn of(cases: u16, teams: Vec<String>, services: Vec<String>, person: Option<String>) -> Self {
        Self { cases: cases & ((1 << VISIBLE_CASES) - 1), teams, services, person }
    }

    /// The number of a case: of so visible an incident, the asker's own or not, assigned to the asker or not.
    pub const fn case(visibility: Visibility, own: bool, assigned: bool) -> u32 {
        visibility as u32 * 4 + own as u32 * 2 + assigned as u32
    }

    /// Whether no incident is hidden.
    pub const fn is_everything(&self) -> bool {
        self.cases == (1 << VISIBLE_CASES) - 1
    }

    /// Whether this incident may be seen.
    pub fn sees(&self, incident: &Incident) -> bool {
        let assigned = self.person.is_some() && self.person == incident.assignee;
        let case = Self::case(incident.visibility, self.owns(&incident.ownership), assigned);
        self.cases & (1 << case) != 0
    }

    /// Whether what is so owned is one of the asker's teams' or services.
    pub fn owns(&self, ownership: &Ownership) -> bool {
        let of_team = |name: &Option<String>| name.as_ref().is_some_and(|name| self.teams.contains(name));
        let served = ownership.service.as_ref().is_some_and(|name| self.services.contains(name));
        of_team(&ownership.team) || of_team(&ownership.owner) || served
    }

    /// The table of cases; for backends.
    pub const fn cases(&self) -> u16 {
        self.cases
    }

    /// The asker's teams; for backends.
    pub fn teams(&self) -> &[String] {
        &self.teams
    }

    /// The asker's services; for backends.
    pub fn services(&self) -> &[String] {
        &self.services
    }

    /// Who asks; for backends.
    pub fn person(&self) -> Option<&str> {
        self.person.as_deref()
    }
}
