//! What a list can be narrowed by, and how many incidents each choice would leave.

/// Most values of one facet; those with the most incidents come first, and the rest is not shown.
pub const FACET_VALUES_MAX: usize = 50;
/// Most rules of the facet of rules.
pub const FACET_RULES_MAX: usize = 20;
/// Facets are exact when status and severity narrow the list, however many incidents there are; and whatever else does
/// so, as long as it leaves at most so many incidents. Of more, so many are counted, and the answer says that it is not
/// exact.
pub const FACET_CANDIDATES_MAX: usize = 3_000;

/// One thing that incidents differ by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Facet {
    /// Where the work stands.
    Status,
    /// As it counts.
    Severity,
    /// Who has it.
    Assignee,
    /// What it turned out to be.
    Verdict,
    /// Whose it is about.
    Service,
    /// Kinds of source that it has findings of.
    Source,
    /// Rules that it has findings of.
    Rule,
}

impl Facet {
    /// Every facet.
    pub const ALL: [Facet; 7] = [
        Self::Status,
        Self::Severity,
        Self::Assignee,
        Self::Verdict,
        Self::Service,
        Self::Source,
        Self::Rule,
    ];

    /// The name in the API, which is that of its filter.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Status => "status",
            Self::Severity => "severity",
            Self::Assignee => "assignee",
            Self::Verdict => "verdict",
            Self::Service => "service",
            Self::Source => "source",
            Self::Rule => "rule",
        }
    }
}

/// One value of a facet.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct FacetCount {
    /// As the API names it; empty for incidents that have none (nobody's, of no service, without verdict).
    pub value: String,
    /// What people call it, where the value is an id: a rule's title.
    pub label: Option<String>,
    /// How many incidents.
    pub count: u64,
}

/// Counts of a filtered list.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Facets {
    /// How many incidents fit the whole filter.
    pub total: u64,
    /// Whether all incidents that fit were counted, or only [`FACET_CANDIDATES_MAX`] of them.
    pub exact: bool,
    /// By facet, in the order of [`Facet::ALL`]; the values with the most incidents first, of these by name.
    pub counts: Vec<(Facet, Vec<FacetCount>)>,
}
