//! Policies, the table of cases made of them, and the condition in the store say the same.

use backends::sqlite::SqliteStore;
use huecry_access::{
    IncidentFacts, Policies, ReportSight, Resource, Role, RoleSet, Scope, ScopeSet, Subject,
};
use model::{Incident, Ownership, Severity, Visibility};
use ports::Store;
use ports::store::conformance::Bench;
use ports::store::{IncidentEdit, IncidentFilter, IncidentOrder, PageRequest, Visible};
use proptest::prelude::*;
use std::collections::BTreeSet;

const PERSON: &str = "per_ana";

fn facts(incident: &Incident) -> IncidentFacts<'_> {
    let (visibility, ownership) = (incident.visibility, &incident.ownership);
    IncidentFacts { visibility, ownership, assignee: incident.assignee.as_deref() }
}

/// Names that meet often, and some that try to break out of where they are put.
fn name() -> impl Strategy<Value = String> {
    prop::sample::select(vec!["payments", "identity", "@acme/payments", "per_ana", "\"]}", "own", "%", ""])
        .prop_map(str::to_owned)
}

fn roles() -> impl Strategy<Value = RoleSet> {
    prop::collection::vec(prop::sample::select(Role::ALL), 0..4).prop_map(RoleSet::from_iter)
}

fn scopes() -> impl Strategy<Value = ScopeSet> {
    let some = [Scope::IncidentsRead, Scope::IncidentsWrite, Scope::IncidentsRestricted, Scope::AuditRead];
    prop::collection::vec(prop::sample::select(some.to_vec()), 0..4).prop_map(ScopeSet::from_iter)
}

fn incident() -> impl Strategy<Value = Incident> {
    let some = || prop::option::of(name());
    let assignee =
        prop::option::of(prop::sample::select(vec![PERSON, "per_eve", ""]).prop_map(str::to_owned));
    let whose = (some(), some(), some(), some(), some());
    (prop::sample::select(Visibility::ALL.to_vec()), whose, assignee).prop_map(
        |(visibility, whose, assignee)| {
            let (team, owner, service, criticality, environment) = whose;
            let bench = Bench::new(1);
            let finding = bench.finding(1, "root", 1, Severity::High);
            let ownership = Ownership { team, owner, service, criticality, environment };
            Incident { visibility, assignee, ownership, ..bench.incident(&finding) }
        },
    )
}

fn config() -> ProptestConfig {
    ProptestConfig { cases: 600, ..ProptestConfig::default() }
}

#[test]
fn the_table_of_cases_is_what_cedar_says() {
    let policies = Policies::builtin().unwrap();
    let names = |most| prop::collection::vec(name(), 0..most);
    proptest!(config(), |(roles in roles(), teams in names(3), services in names(2), incident in incident())| {
        let reach = policies.reach_of_roles(roles);
        let subject = Subject::Person { id: PERSON, roles, teams: &teams, services: &services };
        let resource = Resource::Incident(facts(&incident));
        for (scope, cases) in [(Scope::IncidentsRead, reach.readable), (Scope::IncidentsWrite, reach.writable)] {
            let visible = Visible::of(cases, teams.clone(), services.clone(), Some(PERSON.to_owned()));
            let cedar = policies.allows(&subject, scope, &resource);
            prop_assert_eq!(visible.sees(&incident), cedar, "{} of {:?}", scope, incident);
            prop_assert!(!cedar || reach.scopes.has(scope), "an incident may be reached that the route hides");
        }
    });
}

#[test]
fn the_reports_that_somebody_reads_are_those_that_cedar_allows() {
    let policies = Policies::builtin().unwrap();
    let some = || prop::option::of(name());
    let whose = (some(), some(), some()).prop_map(|(team, owner, service)| Ownership {
        team,
        owner,
        service,
        ..Ownership::default()
    });
    let names = |most| prop::collection::vec(name(), 0..most);
    proptest!(config(), |(roles in roles(), teams in names(3), services in names(2), whose in whose)| {
        let reach = policies.reach_of_roles(roles);
        let subject = Subject::Person { id: PERSON, roles, teams: &teams, services: &services };
        let cedar = policies.allows(&subject, Scope::ReportsRead, &Resource::Report(&whose));
        let sight = ReportSight::of(reach.reports, teams.clone(), services.clone());
        prop_assert_eq!(sight.sees(&whose), cedar, "{:?}", whose);
        prop_assert!(!cedar || reach.scopes.has(Scope::ReportsRead));
        prop_assert!(cedar || !sight.is_everything());
    });
}

#[test]
fn a_tokens_table_is_what_cedar_says() {
    let policies = Policies::builtin().unwrap();
    proptest!(config(), |(scopes in scopes(), incident in incident())| {
        let reach = policies.reach_of_scopes(scopes);
        let subject = Subject::Token { scopes };
        let cedar = policies.allows(&subject, Scope::IncidentsRead, &Resource::Incident(facts(&incident)));
        let visible = Visible::of(reach.readable, Vec::new(), Vec::new(), None);
        prop_assert_eq!(visible.sees(&incident), cedar);
        prop_assert_eq!(reach.scopes, scopes, "a token does at all what it was made for");
    });
}

/// Every pair of roles lists a store; Cedar is asked about each row.
#[tokio::test]
async fn a_list_shows_the_rows_that_cedar_allows() {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open_path(&folder.path().join("state.db")).await.unwrap();
    let (bench, policies) = (Bench::new(7), Policies::builtin().unwrap());
    let mut rows = Vec::new();
    let mut unit = store.begin().await.unwrap();
    for number in 0..40 {
        let mut finding = bench.finding(number, "root", number as i64, Severity::High);
        let some = |of: &[Option<&str>]| bench.one_of(of).map(str::to_owned);
        finding.ownership = Ownership {
            team: some(&[None, Some("payments"), Some("identity")]),
            owner: some(&[None, Some("@acme/payments")]),
            service: some(&[None, Some("ledger")]),
            ..Ownership::default()
        };
        let opened = bench.open(&mut *unit, &finding).await;
        let (audit, visibility) = (bench.audit(opened.id), bench.one_of(&Visibility::ALL));
        unit.incidents().set_visibility(opened.id, 1, visibility, 1, &audit).await.unwrap();
        let assignee = Some(some(&[None, Some(PERSON), Some("per_eve")]));
        let (edit, audit) = (IncidentEdit { assignee, ..IncidentEdit::default() }, bench.audit(opened.id));
        rows.push(unit.incidents().edit(opened.id, 2, &edit, 1, &audit).await.unwrap());
    }
    unit.commit().await.unwrap();
    let mut view = store.read().await.unwrap();
    for (first, second) in Role::ALL.iter().flat_map(|a| Role::ALL.iter().map(move |b| (*a, *b))) {
        let roles = RoleSet::from_iter([first, second]);
        for teams in [vec![], vec!["payments".to_owned()], vec!["@acme/payments".to_owned()]] {
            let services = if teams.is_empty() { vec!["ledger".to_owned()] } else { vec![] };
            let subject = Subject::Person { id: PERSON, roles, teams: &teams, services: &services };
            let allowed = |row: &&Incident| {
                policies.allows(&subject, Scope::IncidentsRead, &Resource::Incident(facts(row)))
            };
            let cedar: BTreeSet<_> = rows.iter().filter(allowed).map(|row| row.id).collect();
            let cases = policies.reach_of_roles(roles).readable;
            let visible = Visible::of(cases, teams.clone(), services.clone(), Some(PERSON.to_owned()));
            let filter = IncidentFilter { visible: Some(visible), ..IncidentFilter::default() };
            let page = PageRequest::first(100);
            let listed = view.incidents().list(&filter, IncidentOrder::Updated, &page).await.unwrap().items;
            let listed: BTreeSet<_> = listed.iter().map(|row| row.id).collect();
            assert_eq!(listed, cedar, "{first} {second} {teams:?}");
        }
    }
}

#[test]
fn nothing_is_allowed_that_is_not_said() {
    let policies = Policies::builtin().unwrap();
    assert_eq!(policies.reach_of_roles(RoleSet::default()).scopes, ScopeSet::default());
    assert_eq!(policies.reach_of_scopes(ScopeSet::default()).readable, 0);
    let nobody = Subject::Person { id: PERSON, roles: RoleSet::default(), teams: &[], services: &[] };
    for scope in Scope::ALL {
        assert!(!policies.allows(&nobody, *scope, &Resource::Server), "{scope}");
    }
    // an action that is not for incidents is no question, and so no
    let admin =
        Subject::Person { id: PERSON, roles: RoleSet::from_iter([Role::Admin]), teams: &[], services: &[] };
    let ownership = Ownership::default();
    let facts = IncidentFacts { visibility: Visibility::Everyone, ownership: &ownership, assignee: None };
    assert!(!policies.allows(&admin, Scope::AuditRead, &Resource::Incident(facts)));
}

#[test]
fn policies_that_do_not_fit_are_refused() {
    let schema = include_str!("../../../../content/policies/huecry.cedarschema");
    for bad in [
        "permit (principal, action, resource",
        "permit (principal in Role::\"admin\", action == Action::\"incidents:reed\", resource);",
        "permit (principal, action == Action::\"incidents:read\", resource is Incident) when { resource.teem == \"x\" };",
    ] {
        assert!(Policies::of(schema, bad).is_err(), "{bad}");
    }
    let forbidding = "permit (principal, action, resource); \
        forbid (principal in Role::\"admin\", action == Action::\"audit:read\", resource);";
    let policies = Policies::of(schema, forbidding).unwrap();
    let reach = policies.reach_of_roles(RoleSet::from_iter([Role::Admin]));
    assert!(!reach.scopes.has(Scope::AuditRead) && reach.scopes.has(Scope::AuditWrite));
}

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/reference/roles.md");

/// The page of roles is made of the policies.
#[test]
fn the_page_of_roles_is_what_policies_say() {
    let policies = Policies::builtin().unwrap();
    let mut page = String::from(
        "# What roles may do\n\nMade from `content/policies/`; a test compares it. `HUECRY_BLESS=1` writes it anew.\n\n\
         ## Scopes\n\n| scope |",
    );
    let row = |page: &mut String, cells: &mut dyn Iterator<Item = &'static str>| {
        cells.for_each(|cell| page.push_str(&format!(" {cell} |")));
        page.push('\n');
    };
    row(&mut page, &mut Role::ALL.iter().map(|role| role.as_str()));
    page.push_str("|---|");
    row(&mut page, &mut Role::ALL.iter().map(|_| "---"));
    for scope in Scope::ALL {
        page.push_str(&format!("| `{scope}` |"));
        let has = |role: &Role| policies.reach_of_roles(RoleSet::from_iter([*role])).scopes.has(*scope);
        row(&mut page, &mut Role::ALL.iter().map(|role| if has(role) { "yes" } else { "" }));
    }
    page.push_str(
        "\n## Incidents\n\nBy visibility, by whether the incident is about a team or service of the person, and by whether \
         the person has it.\n\n| visibility | own | assigned |",
    );
    row(&mut page, &mut Role::ALL.iter().map(|role| role.as_str()));
    page.push_str("|---|---|---|");
    row(&mut page, &mut Role::ALL.iter().map(|_| "---"));
    for visibility in Visibility::ALL {
        for (own, assigned) in [(false, false), (false, true), (true, false), (true, true)] {
            let mark = |yes: bool| if yes { "yes" } else { "" };
            page.push_str(&format!("| {} | {} | {} |", visibility.as_str(), mark(own), mark(assigned)));
            let bit = 1 << Visible::case(visibility, own, assigned);
            let cell = |role: &Role| {
                let reach = policies.reach_of_roles(RoleSet::from_iter([*role]));
                match (reach.readable & bit != 0, reach.writable & bit != 0) {
                    (true, true) => "works",
                    (true, false) => "reads",
                    (false, _) => "",
                }
            };
            row(&mut page, &mut Role::ALL.iter().map(cell));
        }
    }
    page.push_str("\n## Reports\n\nBy whether the report is about a service of the person.\n\n| own |");
    row(&mut page, &mut Role::ALL.iter().map(|role| role.as_str()));
    page.push_str("|---|");
    row(&mut page, &mut Role::ALL.iter().map(|_| "---"));
    for own in [false, true] {
        page.push_str(if own { "| yes |" } else { "| |" });
        let reads = |role: &Role| {
            let reports = policies.reach_of_roles(RoleSet::from_iter([*role])).reports;
            if reports >> u8::from(own) & 1 == 1 { "reads" } else { "" }
        };
        row(&mut page, &mut Role::ALL.iter().map(reads));
    }
    let page: String = page
        .lines()
        .map(|line| format!("{}\n", line.replace("|  |", "| |").replace("|  |", "| |")))
        .collect();
    if std::env::var_os("HUECRY_BLESS").is_some() {
        std::fs::write(PAGE, &page).unwrap();
    }
    assert_eq!(std::fs::read_to_string(PAGE).unwrap_or_default(), page, "run with HUECRY_BLESS=1");
}
