//! The playbooks that ship: connectors have what they ask for, their rules exist, and each goes the ways that its
//! scenarios tell.

use crate::connectors;
use respond::calls;
use respond::playbook::{Playbook, StepKind, read};
use respond::run::{
    End, HANDLER_MS_MAX, RUN_MS_MAX, Scenario, ToldOutcome, handler_limit_ms, limit_ms, play, read_scenarios,
    rehearse, run_limit_ms,
};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::{Path, PathBuf};

const CONTENT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../content");
const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/reference/playbooks.md");

/// Least number of playbooks.
const PLAYBOOKS_MIN: usize = 15;

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<PathBuf> =
        entries.filter(|path| path.extension().is_some_and(|end| end == "yaml" || end == "yml")).collect();
    files.sort();
    files
}

/// Every playbook by the name of its file.
fn playbooks() -> BTreeMap<String, Playbook> {
    let one = |path: PathBuf| {
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        let text = std::fs::read_to_string(&path).unwrap();
        let (playbook, complaints) = read(&text).unwrap_or_else(|refused| panic!("{name}: {refused}"));
        assert!(complaints.is_empty(), "{name}: {complaints:?}");
        (name, playbook)
    };
    let all: BTreeMap<_, _> = files(&Path::new(CONTENT).join("playbooks")).into_iter().map(one).collect();
    assert!(all.len() >= PLAYBOOKS_MIN, "{} playbooks", all.len());
    all
}

/// The titles of the rules that ship, by id, with the folder they are in.
fn rules() -> BTreeMap<String, (String, String)> {
    let mut rules = BTreeMap::new();
    for folder in std::fs::read_dir(Path::new(CONTENT).join("rules")).unwrap().map(|e| e.unwrap().path()) {
        let class = folder.file_name().unwrap().to_string_lossy().into_owned();
        for file in files(&folder) {
            let text = std::fs::read_to_string(&file).unwrap();
            for document in text.split("\n---\n") {
                let rule: Value = serde_saphyr::from_str(document)
                    .unwrap_or_else(|error| panic!("{}: {error}", file.display()));
                let text = |name: &str| rule[name].as_str().unwrap_or_default().to_owned();
                rules.insert(text("id"), (text("title"), class.clone()));
            }
        }
    }
    rules
}

#[test]
fn connectors_have_what_playbooks_ask_for() {
    let connectors = connectors::shipped();
    for (name, playbook) in playbooks() {
        let complaints = calls::check(&playbook, &connectors);
        assert!(complaints.is_empty(), "{name}: {complaints:#?}");
    }
}

#[test]
fn playbooks_are_attached_to_rules_that_ship() {
    let (rules, mut ids) = (rules(), BTreeSet::new());
    for (name, playbook) in playbooks() {
        assert!(ids.insert(playbook.id.clone()), "{name}: its id is of another one too");
        let extension = playbook.extension.unwrap_or_else(|| panic!("{name} does not say what it is for"));
        assert!(extension.attach.rules.len() >= 3, "{name}: {:?}", extension.attach.rules);
        for rule in &extension.attach.rules {
            assert!(rules.contains_key(rule), "{name}: there is no rule {rule}");
        }
        assert!(!extension.attach.classes.is_empty() && !extension.attach.severities.is_empty(), "{name}");
        // what is said beside an id is its title
        let text =
            std::fs::read_to_string(Path::new(CONTENT).join(format!("playbooks/{name}.yaml"))).unwrap();
        for line in text.lines().filter_map(|line| line.trim().strip_prefix("- ")) {
            if let Some((id, title)) = line.split_once(" # ") {
                assert_eq!(rules.get(id).map(|(title, _)| title.as_str()), Some(title), "{name}");
            }
        }
    }
}

#[test]
fn every_class_of_threats_has_playbooks() {
    let labels: Vec<String> = playbooks().into_values().flat_map(|playbook| playbook.labels).collect();
    for class in
        ["anomalous-access", "lateral-movement", "suspicious-configuration-change", "malicious-ci-artifact"]
    {
        let count = labels.iter().filter(|label| *label == class).count();
        assert!(count >= 3, "{class} has {count}");
    }
}

/// A playbook is good to be led by: somebody verifies, every failure has a way to a person, everything has a time.
#[test]
fn playbooks_leave_nobody_alone() {
    for (name, playbook) in playbooks() {
        let is_manual = |kind: &StepKind| match kind {
            StepKind::Action { commands, .. } => commands.iter().all(|command| command.kind == "manual"),
            _ => false,
        };
        let handler = playbook.exception.as_ref().and_then(|id| playbook.step(id));
        assert!(handler.is_some_and(|step| is_manual(&step.kind)), "{name}: no person has its failures");
        let mut verified = false;
        for step in playbook.steps.values() {
            let StepKind::Action { commands, .. } = &step.kind else { continue };
            assert!(step.timeout_ms.is_some(), "{name}: {} has no time", step.name);
            if commands.iter().any(|command| command.call.is_some()) {
                let next = step.on_failure.as_ref().and_then(|id| playbook.step(id));
                assert!(next.is_some(), "{name}: {} may fail without a way", step.name);
            }
            let text = commands.iter().filter_map(|command| command.text.as_deref()).collect::<String>();
            assert!(text.len() < 1_000, "{name}: {} is long", step.name);
            // the question at the end asks for a proof
            verified |= is_manual(&step.kind) && step.name.ends_with('?') || step.name == "Keep it closed";
        }
        assert!(verified, "{name}: nobody verifies");
        assert!(playbook.steps.len() <= 30, "{name} has {} steps", playbook.steps.len());
        let ending = rehearse(&playbook, &external(&playbook)).unwrap().end;
        assert_eq!(ending, Some(End::Completed), "{name}");
    }
}

/// Some value for each variable that comes from outside.
fn external(playbook: &Playbook) -> Vec<(String, String)> {
    let empty = playbook.variables.iter().filter(|(_, variable)| variable.value.is_none());
    empty.map(|(name, _)| (name.to_owned(), "x".to_owned())).collect()
}

#[test]
fn runs_go_as_scenarios_tell() {
    let (playbooks, connectors) = (playbooks(), connectors::shipped());
    let (mut played, mut wrong) = (BTreeMap::<String, usize>::new(), Vec::new());
    for file in files(&Path::new(CONTENT).join("playbooks/scenarios")) {
        let text = std::fs::read_to_string(&file).unwrap();
        let scenarios = read_scenarios(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        assert_eq!(file.file_stem().unwrap().to_str(), Some(scenarios.playbook.as_str()));
        let playbook = playbooks.get(&scenarios.playbook);
        let playbook = playbook.unwrap_or_else(|| panic!("there is no playbook {}", scenarios.playbook));
        for scenario in &scenarios.scenarios {
            wrong.extend(
                play(playbook, &connectors, scenario).err().map(|e| format!("{}: {e}", scenarios.playbook)),
            );
        }
        let bad = scenarios.scenarios.iter().flat_map(|scenario| &scenario.outcomes);
        let fails = bad.filter(|told| !matches!(told.outcome, ToldOutcome::Success(_))).count();
        assert!(fails > 0, "{}: no scenario has a step that fails", scenarios.playbook);
        played.insert(scenarios.playbook, scenarios.scenarios.len());
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    for name in playbooks.keys() {
        assert!(played.get(name).is_some_and(|count| *count > 0), "{name} has no scenario");
    }
}

/// Every step of every playbook is gone through by a scenario.
#[test]
fn scenarios_go_through_every_step() {
    let playbooks = playbooks();
    for file in files(&Path::new(CONTENT).join("playbooks/scenarios")) {
        let scenarios = read_scenarios(&std::fs::read_to_string(&file).unwrap()).unwrap();
        let seen: BTreeSet<&str> =
            scenarios.scenarios.iter().flat_map(|scenario| &scenario.trail).map(String::as_str).collect();
        let all = playbooks[&scenarios.playbook].steps.values().map(|step| step.name.as_str());
        // the last resort is the same everywhere; some scenarios take it
        let missed: Vec<&str> = all
            .filter(|name| !name.is_empty() && *name != "A person takes over" && !seen.contains(name))
            .collect();
        // the same step for each provider is in several playbooks; one of these goes through all of them
        let providers = ["End sessions at", "Suspend at", "Disable at"];
        let is_one_of_several = |name: &&str| providers.iter().any(|start| name.starts_with(start));
        let missed: Vec<&str> = missed
            .into_iter()
            .filter(|name| scenarios.playbook == "mfa-fatigue" || !is_one_of_several(name))
            .collect();
        assert!(missed.is_empty(), "{}: {missed:?}", scenarios.playbook);
    }
}

#[test]
fn a_scenario_that_is_otherwise_is_told() {
    let (playbooks, connectors) = (playbooks(), connectors::shipped());
    let playbook = &playbooks["leaked-aws-key"];
    let file = Path::new(CONTENT).join("playbooks/scenarios/leaked-aws-key.yaml");
    let good = read_scenarios(&std::fs::read_to_string(file).unwrap()).unwrap().scenarios.remove(0);
    play(playbook, &connectors, &good).unwrap();
    type Change = fn(&mut Scenario);
    let cases: [(&str, Change); 8] = [
        ("the way was", |s| drop(s.trail.pop())),
        ("it ended as", |s| s.end = "failed: Deactivate the key".to_owned()),
        ("it waits for", |s| drop(s.outcomes.pop())),
        ("is not waited for", |s| s.outcomes[0].step = "Delete the old key".to_owned()),
        ("is not waited for", |s| s.outcomes.push(s.outcomes[0].clone())),
        ("does not begin", |s| drop(s.variables.insert("__none__".to_owned(), "x".to_owned()))),
        ("has no value yet", |s| drop(s.variables.remove("__key__"))),
        ("cannot be asked for", |s| drop(s.variables.insert("__key__".to_owned(), "AKIA ttl=9d".to_owned()))),
    ];
    for (expected, change) in cases {
        let mut scenario = good.clone();
        change(&mut scenario);
        let reason = play(playbook, &connectors, &scenario).unwrap_err().to_string();
        assert!(reason.contains(expected), "{expected}: {reason}");
    }
    for bad in ["", "playbook: x", "playbook: x\nscenarios: [{name: x}]", "[]"] {
        assert!(read_scenarios(bad).is_err(), "{bad}");
    }
}

/// The table of what there is.
fn page() -> String {
    let rules = rules();
    let mut page = String::from(
        "# Playbooks\n\nGenerated from `content/playbooks`; a test holds it. How to write one: [the guide](../guide/playbooks.md).\n\n\
         | playbook | against | offered for | actions that it may ask for | steps | scenarios |\n|---|---|---|---|---|---|\n",
    );
    for (name, playbook) in playbooks() {
        let file = Path::new(CONTENT).join(format!("playbooks/scenarios/{name}.yaml"));
        let scenarios = read_scenarios(&std::fs::read_to_string(file).unwrap()).unwrap().scenarios.len();
        let commands = playbook.steps.values().filter_map(|step| match &step.kind {
            StepKind::Action { commands, .. } => Some(commands),
            _ => None,
        });
        let actions: BTreeSet<String> = commands
            .flatten()
            .filter_map(|command| Some(format!("`{}`", command.call.as_ref()?.action)))
            .collect();
        let actions: Vec<String> = actions.into_iter().collect();
        let attach = playbook.extension.as_ref().unwrap().attach.clone();
        let titles: Vec<&str> = attach.rules.iter().map(|rule| rules[rule].0.as_str()).collect();
        let _ = writeln!(
            page,
            "| [{}](../../content/playbooks/{name}.yaml) | {} | `{}`; {} | {} | {} | {scenarios} |",
            playbook.name,
            playbook.labels.join(", "),
            attach.classes.join("`, `"),
            titles.join("; "),
            actions.join(", "),
            playbook.steps.len(),
        );
    }
    page
}

#[test]
fn the_page_of_playbooks_is_true() {
    let page = page();
    if std::env::var_os("HUECRY_BLESS").is_some() {
        std::fs::write(PAGE, &page).unwrap();
    }
    let kept = std::fs::read_to_string(PAGE).unwrap_or_default();
    assert!(
        kept == page,
        "docs/reference/playbooks.md is stale: HUECRY_BLESS=1 cargo nextest run -p huecry-respond page"
    );
}

/// What a playbook says of its steps' times holds: a run has them all, and so has its handler.
#[test]
fn runs_have_the_times_that_playbooks_say() {
    for (name, playbook) in playbooks() {
        let limits_ms = (run_limit_ms(&playbook), handler_limit_ms(&playbook).unwrap_or_default());
        let longest_ms = playbook.steps.values().map(|step| limit_ms(&playbook, step)).max().unwrap();
        assert!(limits_ms.0 > i64::try_from(longest_ms).unwrap(), "{name}: {limits_ms:?}");
        assert!(limits_ms.0 < RUN_MS_MAX && limits_ms.1 < HANDLER_MS_MAX, "{name}: {limits_ms:?}");
        assert!(limits_ms.1 > 0, "{name} has nobody who takes what fails");
    }
}
