//! `docs/reference/rule-pack.md` lists the rules that ship: made from them, and held to them.

use crate::shipped::{self, Shipped};
use crate::{detonations, panther, shared_data};
use serde_json::Value as Json;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

const PAGE: &str = "../../docs/reference/rule-pack.md";
/// How the made part with figures begins; without the data that they come from it stays as it is.
const FIGURES: &str = "## How good it is\n";

/// One document of the pack, as it is written.
struct Entry {
    class: String,
    file: String,
    document: Json,
}

impl Entry {
    fn text(&self, key: &str) -> &str {
        self.document[key].as_str().unwrap_or_default()
    }

    fn is_correlation(&self) -> bool {
        self.document["correlation"].is_object()
    }

    fn techniques(&self) -> String {
        let tags = self.document["tags"].as_array().map_or(&[][..], Vec::as_slice);
        let names =
            tags.iter().filter_map(|tag| tag.as_str()?.strip_prefix("attack.t")).map(|id| format!("T{id}"));
        names.collect::<Vec<_>>().join(", ")
    }

    /// Product and service or category.
    fn source(&self) -> String {
        let logsource = &self.document["logsource"];
        let parts = ["product", "category", "service"].map(|key| logsource[key].as_str());
        parts.into_iter().flatten().collect::<Vec<_>>().join("/")
    }

    /// The ids or names of the rules that a correlation is over.
    fn bases(&self) -> Vec<&str> {
        let rules = &self.document["correlation"]["rules"];
        let many = rules.as_array().map_or(&[][..], Vec::as_slice);
        many.iter().filter_map(Json::as_str).chain(rules.as_str()).collect()
    }
}

fn entries() -> Vec<Entry> {
    let folder = shipped::folder();
    let mut entries = Vec::new();
    for path in shared_data::files(&folder, ".yml") {
        let file = path.strip_prefix(&folder).unwrap().to_str().unwrap().to_owned();
        let class = file.split('/').next().unwrap_or_default().to_owned();
        let text = std::fs::read_to_string(&path).unwrap();
        for document in serde_saphyr::from_multiple::<Json>(&text).unwrap() {
            entries.push(Entry { class: class.clone(), file: file.clone(), document });
        }
    }
    entries
}

/// The sources of a rule; of a correlation those of its base rules.
fn sources(entry: &Entry, all: &[Entry]) -> Vec<String> {
    if !entry.is_correlation() {
        return vec![entry.source()];
    }
    let bases = entry.bases();
    let named = |other: &&Entry| bases.contains(&other.text("id")) || bases.contains(&other.text("name"));
    let mut sources: Vec<String> =
        all.iter().filter(named).flat_map(|base| sources_of_base(base, all)).collect();
    sources.sort();
    sources.dedup();
    sources
}

fn sources_of_base(base: &Entry, all: &[Entry]) -> Vec<String> {
    if base.is_correlation() { sources(base, all) } else { vec![base.source()] }
}

fn page(entries: &[Entry], figures: &str) -> String {
    let correlations = entries.iter().filter(|entry| entry.is_correlation()).count();
    let mut page = String::from("# The rules that ship\n\n");
    let _ = writeln!(
        page,
        "Made from `content/rules` by `HUECRY_BLESS=1 cargo nextest run -p huecry-detect rule_pack`; a test fails when\n\
         it is out of date. {} rules, {correlations} of them correlations. How to write one: [the guide](../guide/rules.md).\n",
        entries.len()
    );
    let mut by_source: BTreeMap<String, usize> = BTreeMap::new();
    for source in entries.iter().flat_map(|entry| sources(entry, entries)) {
        *by_source.entry(source).or_default() += 1;
    }
    page.push_str("| source | rules |\n|---|---|\n");
    for (source, rules) in &by_source {
        let _ = writeln!(page, "| {source} | {rules} |");
    }
    let _ = write!(page, "\n{FIGURES}\n{figures}");
    let mut class = "";
    for entry in entries {
        if entry.class != class {
            class = &entry.class;
            let _ =
                write!(page, "\n## {class}\n\n| rule | level | technique | source |\n|---|---|---|---|\n");
        }
        let (title, level) = (entry.text("title"), entry.text("level"));
        let (techniques, sources) = (entry.techniques(), sources(entry, entries).join(", "));
        let file = &entry.file;
        let _ =
            writeln!(page, "| [{title}](../../content/rules/{file}) | {level} | {techniques} | {sources} |");
    }
    page
}

/// What the rules do on data that others made; `None` where that is not at hand.
fn figures() -> Option<String> {
    let mut shipped = Shipped::load();
    let tallies = panther::judge(&mut shipped)?;
    let (cases, named) = detonations::judge(&mut shipped)?;
    let mut text = String::from(
        "Events that the public rules of [panther-analysis](https://github.com/panther-labs/panther-analysis) are tested\n\
         with, of the log types above: those of rules with an ATT&CK technique are to be found, harmless ones are not.\n\
         Each event is judged alone, so what shows only in a series of events counts as missed.\n\n\
         | log type | found | | false alarms | |\n|---|---|---|---|---|\n",
    );
    let order = tallies.iter().filter(|(name, _)| *name != panther::ALL);
    for (name, tally) in order.chain(tallies.get_key_value(panther::ALL)) {
        let _ = writeln!(text, "{}", tally.row(name));
    }
    let _ = writeln!(
        text,
        "\nOf {cases} recordings of real attack techniques on AWS (Stratus Red Team, its own traces removed) {named} raise a\n\
         finding that names the technique, and exactly the same findings with those traces."
    );
    Some(text)
}

#[test]
fn the_page_of_the_rule_pack_is_up_to_date() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(PAGE);
    let old = std::fs::read_to_string(&path).unwrap_or_default();
    let kept = old.split_once(FIGURES).and_then(|(_, rest)| rest.split_once("\n## "));
    let kept = kept.map_or("", |(figures, _)| figures.trim_start_matches('\n'));
    let figures = figures().unwrap_or_else(|| kept.to_owned());
    let new = page(&entries(), &figures);
    if std::env::var_os("HUECRY_BLESS").is_some() {
        std::fs::write(&path, &new).unwrap();
        return;
    }
    assert!(old == new, "{} is out of date: run with HUECRY_BLESS=1", path.display());
}

#[test]
fn the_pack_is_whole() {
    let entries = entries();
    let shipped = Shipped::load();
    assert!(shipped.report.refused.is_empty(), "{:?}", shipped.report.refused);
    let correlations = entries.iter().filter(|entry| entry.is_correlation()).count();
    assert!(entries.len() >= 150, "{} rules", entries.len());
    println!("{} rules, {correlations} correlations", entries.len());
    for entry in &entries {
        let lacks =
            ["id", "title", "status", "description", "level", "owner", "runbook", "falsepositives", "tests"]
                .into_iter()
                .find(|key| entry.document[*key].is_null());
        // the base of a correlation is no finding by itself
        let takes = |other: &Entry| {
            let bases = other.bases();
            bases.contains(&entry.text("id")) || bases.contains(&entry.text("name"))
        };
        let is_base = entries.iter().any(takes);
        assert!(lacks.is_none() || is_base, "{} lacks {lacks:?}", entry.file);
    }
}
