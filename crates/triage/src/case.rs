//! What machines know of one incident.

use model::{
    Entity, Finding, FindingId, INCIDENT_RULES_MAX, Incident, IncidentId, Ownership, Severity, Status,
};
use ports::store::{FindingsOutline, GroupKey, MachineUpdate, OpenIncident};
use std::cmp::Reverse;
use std::collections::BTreeSet;

/// Longest title, in bytes.
pub const INCIDENT_TITLE_BYTES_MAX: usize = 300;
/// From so many distinct rules on, several things are wrong with one entity, and the severity is raised.
const RAISING_RULES: usize = 3;
/// From so many distinct tactics on (by two rules at least), one entity walks along a chain of attack.
const RAISING_TACTICS: usize = 3;

/// ATT&CK's enterprise tactics, as Sigma writes them in tags (attack.mitre.org/tactics/enterprise; version 18
/// split defense evasion into stealth and defense impairment, rules carry either).
const TACTICS: [&str; 16] = [
    "reconnaissance",
    "resource-development",
    "initial-access",
    "execution",
    "persistence",
    "privilege-escalation",
    "defense-evasion",
    "stealth",
    "defense-impairment",
    "credential-access",
    "discovery",
    "lateral-movement",
    "collection",
    "command-and-control",
    "exfiltration",
    "impact",
];

/// Orders findings by how much they tell: the gravest, of these the earliest, of these the smallest id.
type Rank = (Severity, Reverse<i64>, Reverse<FindingId>);

/// An incident's machine side while findings join it. Every field is a maximum, a minimum, a sum or a set, so
/// the order in which findings join does not matter.
#[derive(Debug, Clone, PartialEq)]
pub struct Case {
    /// Which incident.
    pub id: IncidentId,
    /// Whether people have worked on it; it is then never absorbed.
    pub touched_by_people: bool,
    /// Whether it is in the store already.
    pub stored: bool,
    /// Incidents of the store that turned out to be this one.
    pub absorbed: Vec<IncidentId>,
    /// The group that it is named after; findings of further groups may join where people merged incidents.
    pub group: GroupKey,
    gravest: Rank,
    rule_title: String,
    /// What the gravest finding that knows says of the owner.
    owned: Option<(Rank, Ownership)>,
    first_seen_ms: i64,
    last_seen_ms: i64,
    findings: u64,
    rules: BTreeSet<String>,
    tactics: BTreeSet<String>,
    entities: BTreeSet<Entity>,
}

impl Case {
    /// A new case, opened by `finding`.
    pub fn opened_by(id: IncidentId, group: GroupKey, finding: &Finding) -> Self {
        let mut case = Self {
            id,
            touched_by_people: false,
            stored: false,
            absorbed: Vec::new(),
            group,
            gravest: rank(finding),
            rule_title: finding.rule_title.clone(),
            owned: None,
            first_seen_ms: finding.time_ms,
            last_seen_ms: finding.time_ms,
            findings: 0,
            rules: BTreeSet::new(),
            tactics: BTreeSet::new(),
            entities: BTreeSet::new(),
        };
        case.join(finding);
        case
    }

    /// A case from the store, whose title is kept until a graver finding joins.
    pub fn of_open(open: &OpenIncident) -> Self {
        let incident = &open.incident;
        Self {
            id: incident.id,
            touched_by_people: open.touched_by_people,
            stored: true,
            absorbed: Vec::new(),
            group: open.group(),
            gravest: (open.gravest_severity, Reverse(open.gravest_time_ms), Reverse(incident.gravest)),
            rule_title: rule_of(&incident.title, &incident.group).to_owned(),
            owned: owned(open),
            first_seen_ms: incident.first_seen_ms,
            last_seen_ms: incident.last_seen_ms,
            findings: incident.findings,
            rules: incident.rules.iter().cloned().collect(),
            tactics: incident.tactics.iter().cloned().collect(),
            entities: BTreeSet::new(),
        }
    }

    /// A case from the store whoever worked on it, with the findings that give title and owner, if they are there.
    pub(crate) fn of_stored(incident: &Incident, gravest: Option<&Finding>, owner: Option<&Finding>) -> Self {
        Self::of_open(&OpenIncident {
            incident: incident.clone(),
            gravest_severity: gravest.map_or(incident.machine_severity, |finding| finding.severity),
            gravest_time_ms: gravest.map_or(incident.first_seen_ms, |finding| finding.time_ms),
            owned_rank: owner.map(|finding| (finding.severity, finding.time_ms)),
            touched_by_people: true,
            via: Vec::new(),
        })
    }

    /// The same without any finding: people moved all of them to other incidents. Title and times stay.
    pub(crate) fn emptied(self) -> Self {
        let (rules, tactics) = (BTreeSet::new(), BTreeSet::new());
        Self { findings: 0, rules, tactics, owned: None, ..self }
    }

    /// The same with the number and the times of all findings, of which it was made of some.
    pub(crate) fn outlined(self, outline: &FindingsOutline) -> Self {
        let FindingsOutline { findings, first_seen_ms, last_seen_ms, .. } = *outline;
        Self { findings, first_seen_ms, last_seen_ms, ..self }
    }

    /// The finding that gives the title.
    pub(crate) const fn gravest_id(&self) -> FindingId {
        self.gravest.2.0
    }

    /// A finding joins.
    pub fn join(&mut self, finding: &Finding) {
        let rank = rank(finding);
        if rank > self.gravest {
            self.gravest = rank;
            self.rule_title.clone_from(&finding.rule_title);
        }
        if !finding.ownership.is_empty() {
            self.own(rank, &finding.ownership);
        }
        self.first_seen_ms = self.first_seen_ms.min(finding.time_ms);
        self.last_seen_ms = self.last_seen_ms.max(finding.time_ms);
        self.findings += 1;
        self.rules.insert(finding.rule_id.clone());
        self.tactics.extend(finding.tags.iter().filter_map(|tag| tactic(tag)));
        self.entities.extend(finding.entities.iter().cloned());
        self.bound();
    }

    /// Another case of the group turns out to be this one.
    pub fn absorb(&mut self, other: Self) {
        if other.gravest > self.gravest {
            self.gravest = other.gravest;
            self.rule_title = other.rule_title;
        }
        if let Some((rank, ownership)) = &other.owned {
            self.own(*rank, ownership);
        }
        self.first_seen_ms = self.first_seen_ms.min(other.first_seen_ms);
        self.last_seen_ms = self.last_seen_ms.max(other.last_seen_ms);
        self.findings += other.findings;
        self.rules.extend(other.rules);
        self.tactics.extend(other.tactics);
        self.entities.extend(other.entities);
        self.absorbed.extend(other.absorbed);
        if other.stored {
            self.absorbed.push(other.id);
        }
        self.bound();
    }

    fn own(&mut self, rank: Rank, ownership: &Ownership) {
        if self.owned.as_ref().is_none_or(|(known, _)| rank > *known) {
            self.owned = Some((rank, ownership.clone()));
        }
    }

    /// From the first to the last finding, event time.
    pub const fn span_ms(&self) -> (i64, i64) {
        (self.first_seen_ms, self.last_seen_ms)
    }

    /// The gravest finding's severity, one step up when several things are wrong at once: three distinct
    /// rules, or three distinct tactics of at least two rules.
    pub fn severity(&self) -> Severity {
        let (gravest, ..) = self.gravest;
        let raised = self.rules.len() >= RAISING_RULES
            || (self.tactics.len() >= RAISING_TACTICS && self.rules.len() >= 2);
        let up = Severity::ALL.get(gravest as usize + usize::from(raised));
        up.copied().unwrap_or(gravest)
    }

    /// What is written into an incident that exists.
    pub fn update(&self, now_ms: i64) -> MachineUpdate {
        MachineUpdate {
            id: self.id,
            title: title(&self.rule_title, &self.group.entity),
            machine_severity: self.severity(),
            gravest: self.gravest.2.0,
            first_seen_ms: self.first_seen_ms,
            last_seen_ms: self.last_seen_ms,
            findings: self.findings,
            rules: self.rules.iter().cloned().collect(),
            tactics: self.tactics.iter().cloned().collect(),
            ownership: self.owned.as_ref().map(|(_, ownership)| ownership.clone()).unwrap_or_default(),
            owned_by: self.owned.as_ref().map(|(rank, _)| rank.2.0),
            entities: self.entities(),
            updated_at_ms: now_ms,
        }
    }

    /// The incident that a new case becomes.
    pub fn incident(&self, related: Option<IncidentId>, now_ms: i64) -> Incident {
        let update = self.update(now_ms);
        Incident {
            id: self.id,
            title: update.title,
            title_override: None,
            machine_severity: update.machine_severity,
            severity_override: None,
            visibility: model::Visibility::Everyone,
            status: Status::New,
            assignee: None,
            verdict: None,
            group: self.group.entity.clone(),
            region: self.group.region.clone(),
            first_seen_ms: update.first_seen_ms,
            last_seen_ms: update.last_seen_ms,
            created_at_ms: now_ms,
            updated_at_ms: now_ms,
            findings: update.findings,
            gravest: update.gravest,
            rules: update.rules,
            tactics: update.tactics,
            ownership: update.ownership,
            owned_by: update.owned_by,
            related,
            merged_into: None,
            version: 1,
        }
    }

    /// The entities of the findings that joined here, sorted.
    pub fn entities(&self) -> Vec<Entity> {
        self.entities.iter().cloned().collect()
    }

    /// Keeps the smallest names: which ones are kept does not depend on the order either.
    fn bound(&mut self) {
        for set in [&mut self.rules, &mut self.tactics] {
            while set.len() > INCIDENT_RULES_MAX {
                set.pop_last();
            }
        }
    }
}

/// What a stored incident knows of its owner, with the rank of the finding that said so; one that is no
/// longer there ranks as low as can be.
fn owned(open: &OpenIncident) -> Option<(Rank, Ownership)> {
    let by = open.incident.owned_by?;
    let (severity, time_ms) = open.owned_rank.unwrap_or((Severity::Informational, i64::MAX));
    Some(((severity, Reverse(time_ms), Reverse(by)), open.incident.ownership.clone()))
}

fn rank(finding: &Finding) -> Rank {
    (finding.severity, Reverse(finding.time_ms), Reverse(finding.id))
}

/// A tag that names a tactic, in the spelling of today (`attack.lateral-movement`).
fn tactic(tag: &str) -> Option<String> {
    let name = tag.strip_prefix("attack.")?.replace('_', "-");
    TACTICS.contains(&name.as_str()).then(|| format!("attack.{name}"))
}

/// `Root login without MFA: arn:aws:iam::1:root`. The rule's part gives way when both are too long.
fn title(rule_title: &str, entity: &Entity) -> String {
    let entity_end = entity.value.floor_char_boundary(INCIDENT_TITLE_BYTES_MAX / 2);
    let suffix = format!(": {}", &entity.value[..entity_end]);
    let rule_end = rule_title.floor_char_boundary(INCIDENT_TITLE_BYTES_MAX - suffix.len());
    format!("{}{suffix}", &rule_title[..rule_end])
}

/// The rule's part of a title that [`title`] made.
fn rule_of<'a>(title: &'a str, entity: &Entity) -> &'a str {
    let entity_end = entity.value.floor_char_boundary(INCIDENT_TITLE_BYTES_MAX / 2);
    title.strip_suffix(&format!(": {}", &entity.value[..entity_end])).unwrap_or(title)
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::{EntityKind, EventId, Offset, Partition, Position, Topic, Ulid};

    fn finding(number: u64, rule: &str, severity: Severity, tags: &[&str]) -> Finding {
        let position = Position::new(Topic::Raw, Partition(0), Offset(number));
        let event_id = EventId::of_position("aws", position);
        Finding {
            id: FindingId::of_rule(rule, &[0; 32], event_id),
            rule_id: rule.to_owned(),
            rule_title: format!("Title of {rule}"),
            rule_hash: String::new(),
            engine_version: String::new(),
            severity,
            tags: tags.iter().map(|&tag| tag.to_owned()).collect(),
            event_id,
            position,
            further_events: Vec::new(),
            source: "aws".to_owned(),
            region: "default".to_owned(),
            time_ms: number as i64,
            received_at_ms: 0,
            detected_at_ms: 0,
            entities: vec![Entity { kind: EntityKind::Actor, value: "ana".to_owned() }],
            ownership: Ownership::default(),
            rule_set: String::new(),
            stage: model::Stage::Active,
            matched: Vec::new(),
            event: serde_json::Value::Null,
        }
    }

    fn case(findings: &[Finding]) -> Case {
        let mut case = Case::opened_by(IncidentId(Ulid(1)), crate::group_of(&findings[0]), &findings[0]);
        findings[1..].iter().for_each(|finding| case.join(finding));
        case
    }

    #[test]
    fn several_rules_or_tactics_raise_the_severity_one_step() {
        use Severity::{Critical, High, Low, Medium};
        type Rows<'a> = &'a [(&'a str, Severity, &'a [&'a str])];
        let cases: [(Rows<'_>, Severity); 6] = [
            (&[("a", Medium, &[])], Medium),
            (&[("a", Medium, &[]), ("b", Low, &[])], Medium),
            (&[("a", Medium, &[]), ("b", Low, &[]), ("c", Low, &[])], High),
            (&[("a", Critical, &[]), ("b", Low, &[]), ("c", Low, &[])], Critical),
            (&[("a", Low, &["attack.impact", "attack.stealth", "attack.discovery"])], Low),
            (
                &[
                    ("a", Low, &["attack.lateral_movement", "attack.t1021"]),
                    ("b", Low, &["attack.lateral-movement", "attack.impact", "attack.discovery"]),
                ],
                Medium,
            ),
        ];
        for (rows, severity) in cases {
            let findings: Vec<_> =
                rows.iter().zip(0..).map(|((rule, s, tags), n)| finding(n, rule, *s, tags)).collect();
            assert_eq!(case(&findings).severity(), severity, "{rows:?}");
        }
    }

    #[test]
    fn the_title_is_of_the_gravest_then_earliest_finding() {
        let findings = [
            finding(5, "late", Severity::High, &[]),
            finding(3, "early", Severity::High, &[]),
            finding(1, "mild", Severity::Low, &[]),
        ];
        assert_eq!(case(&findings).update(9).title, "Title of early: ana");
    }

    fn owned(number: u64, severity: Severity, owner: Option<&str>) -> Finding {
        let ownership = Ownership { owner: owner.map(str::to_owned), ..Ownership::default() };
        Finding { ownership, ..finding(number, "r", severity, &[]) }
    }

    #[test]
    fn the_owner_is_that_of_the_gravest_finding_that_knows() {
        let findings = [
            owned(1, Severity::Low, Some("first")),
            owned(2, Severity::Critical, None),
            owned(3, Severity::High, Some("gravest that knows")),
            owned(4, Severity::High, Some("later")),
        ];
        for turn in 0..findings.len() {
            let mut turned = findings.to_vec();
            turned.rotate_left(turn);
            let update = case(&turned).update(9);
            assert_eq!(update.ownership.owner.as_deref(), Some("gravest that knows"), "turned by {turn}");
            assert_eq!(update.owned_by, Some(findings[2].id));
        }
        // split over two cases, of which one was stored, it is the same
        let (mut early, late) = (case(&findings[..2]), case(&findings[2..]));
        let incident = late.incident(None, 0);
        let open = OpenIncident {
            gravest_severity: Severity::High,
            gravest_time_ms: 3,
            owned_rank: Some((Severity::High, 3)),
            touched_by_people: false,
            via: Vec::new(),
            incident,
        };
        early.absorb(Case::of_open(&open));
        assert_eq!(early.update(9).ownership.owner.as_deref(), Some("gravest that knows"));
        let unknown = case(&[owned(1, Severity::Critical, None)]).update(9);
        assert_eq!((unknown.ownership, unknown.owned_by), (Ownership::default(), None));
    }

    proptest::proptest! {
        #[test]
        fn a_title_fits_and_gives_back_its_rule(rule in "\\PC{0,400}", value in "\\PC{0,400}") {
            let entity = Entity { kind: EntityKind::Actor, value };
            let title = title(&rule, &entity);
            proptest::prop_assert!(title.len() <= INCIDENT_TITLE_BYTES_MAX);
            proptest::prop_assert!(rule.starts_with(rule_of(&title, &entity)));
            proptest::prop_assert_eq!(super::title(rule_of(&title, &entity), &entity), title);
        }
    }
}
