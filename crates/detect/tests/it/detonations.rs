//! Real CloudTrail of real attack techniques: each recording raises a finding that names its technique, with the
//! tool's own traces removed as with them.

use crate::shared_data;
use crate::shipped::{Shipped, logsource};
use serde_json::Value as Json;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Least part of the recordings whose technique a finding names.
const NAMED_MIN: f64 = 0.80;

/// What ATT&CK calls the techniques that are recorded: any of these names them.
const TECHNIQUES: &[(&str, &[&str])] = &[
    ("aws.credential-access.ec2-get-password-data", &["t1552.005", "t1552", "t1555", "t1078.004"]),
    ("aws.credential-access.secretsmanager-batch-retrieve-secrets", &["t1555.006", "t1552", "t1555"]),
    ("aws.credential-access.secretsmanager-retrieve-secrets", &["t1555.006", "t1552", "t1555"]),
    ("aws.defense-evasion.cloudtrail-delete", &["t1562.008", "t1685.002"]),
    ("aws.exfiltration.rds-share-snapshot", &["t1537"]),
    ("aws.impact.bedrock-invoke-model", &["t1496", "t1496.004"]),
    ("aws.initial-access.console-login-without-mfa", &["t1078.004"]),
    ("aws.persistence.iam-create-backdoor-role", &["t1098", "t1098.003", "t1136.003"]),
    ("aws.persistence.iam-create-user-login-profile", &["t1098", "t1098.001", "t1078.004", "t1136.003"]),
    ("aws.persistence.lambda-backdoor-function", &["t1098", "t1546", "t1098.003"]),
    ("aws.persistence.sts-federation-token", &["t1098", "t1098.001", "t1550.001", "t1078.004"]),
];

fn records(path: &Path) -> Vec<Json> {
    match serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap() {
        Json::Array(records) => records,
        record => vec![record],
    }
}

/// The titles of the rules that match in a file, and their techniques.
fn found(shipped: &mut Shipped, path: &Path) -> (BTreeMap<String, usize>, BTreeSet<String>) {
    let source = logsource("aws", Some("cloudtrail"));
    let (mut titles, mut techniques) = (BTreeMap::new(), BTreeSet::new());
    for record in records(path) {
        for rule in shipped.matches(&source, &record) {
            *titles.entry(rule.title.clone()).or_default() += 1;
            techniques
                .extend(rule.tags.iter().filter_map(|tag| tag.strip_prefix("attack.")).map(str::to_owned));
        }
    }
    (titles, techniques)
}

/// How many recordings there are, and of how many a finding names the technique; `None` without the data.
pub(crate) fn judge(shipped: &mut Shipped) -> Option<(usize, usize)> {
    let folder = shared_data::folder("cloud-aws")?;
    let labels = std::fs::read_to_string(folder.join("stratus-detonation-deleaked/LABELS.csv")).unwrap();
    let (mut cases, mut named) = (0_usize, 0_usize);
    for (file, technique) in labels.lines().skip(1).filter_map(|line| line.split_once(',')) {
        let (titles, techniques) = found(shipped, &folder.join("stratus-detonation-deleaked").join(file));
        let leaked = found(shipped, &folder.join(format!("stratus-detonation/{technique}.json")));
        assert_eq!(titles, leaked.0, "{technique}: the tool's own traces change what is found");
        let wanted = TECHNIQUES.iter().find(|(name, _)| *name == technique).map_or(&[][..], |(_, ids)| ids);
        let is_named = wanted.iter().any(|id| techniques.contains(*id));
        cases += 1;
        named += usize::from(is_named);
        println!("{} {technique}: {titles:?} {techniques:?}", if is_named { "named" } else { "MISSED" });
    }
    println!("{named} of {cases} named");
    Some((cases, named))
}

#[test]
fn each_detonation_is_named_and_the_tools_traces_make_no_difference() {
    let Some((cases, named)) = judge(&mut Shipped::load()) else { return };
    assert!(cases > 5, "too few cases to judge by");
    assert!(named as f64 >= NAMED_MIN * cases as f64, "{named} of {cases}");
}

#[test]
fn no_rule_knows_the_tool() {
    for path in shared_data::files(&crate::shipped::folder(), ".yml") {
        let text = std::fs::read_to_string(&path).unwrap().to_lowercase();
        let keyed = text.lines().any(|line| line.contains("stratus"));
        assert!(!keyed, "{} names the tool that made the recordings", path.display());
    }
}
