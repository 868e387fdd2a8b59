//! Files that change while events run.

use huecry_enrich::{Enricher, Facts, Pass, RepositoryFile, Sources, Telemetry};
use model::EntityKind;
use std::path::Path;

fn write(path: &Path, text: &str) {
    std::fs::write(path, text).unwrap();
}

fn owner(enricher: &Enricher, pass: &mut Pass, time_ms: i64) -> Option<String> {
    let entities = [(EntityKind::Repository, "acme/web")];
    let facts = Facts { time_ms, source: "s", entities: entities.iter().copied() };
    pass.enrich(enricher, None, &facts).owner.map(str::to_owned)
}

fn service(owner: &str) -> String {
    format!("services: [{{name: web, owner: {owner}, repositories: [acme/web]}}]\n")
}

/// Far beyond the time of change of any file.
const LATER_MS: i64 = 9_000_000_000_000;

#[test]
fn changes_count_from_when_they_are_seen_and_bad_files_change_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("services.yaml");
    write(&file, &service("first"));
    let sources = Sources { catalog: vec![dir.path().to_owned()], ..Sources::default() };
    let (enricher, faults) = Enricher::load(sources, Telemetry::default());
    assert!(faults.is_empty(), "{faults:?}");
    let mut pass = Pass::default();
    assert_eq!(owner(&enricher, &mut pass, LATER_MS).as_deref(), Some("first"));
    assert_eq!(enricher.reload(LATER_MS, false), Ok(false), "nothing changed");

    write(&file, &service("second-owner"));
    assert_eq!(enricher.reload(LATER_MS, false), Ok(true));
    assert_eq!(owner(&enricher, &mut pass, LATER_MS - 1).as_deref(), Some("first"), "the past stays");
    assert_eq!(owner(&enricher, &mut pass, LATER_MS).as_deref(), Some("second-owner"));

    write(&file, "services: [{name: web, owner: third, criticality: enormous}]\n");
    let faults = enricher.reload(LATER_MS + 10, false).unwrap_err();
    assert_eq!(faults[0].code.as_str(), "bad_value");
    assert_eq!(owner(&enricher, &mut pass, LATER_MS + 20).as_deref(), Some("second-owner"));
    assert_eq!(enricher.reload(LATER_MS + 11, false), Ok(false), "the same bad file is not read again");

    std::fs::remove_file(&file).unwrap();
    write(
        &dir.path().join("catalog-info.yaml"),
        "apiVersion: backstage.io/v1alpha1\nkind: Component\n\
        metadata: {name: web, annotations: {github.com/project-slug: acme/web}}\nspec: {owner: fourth}\n",
    );
    assert_eq!(enricher.reload(LATER_MS + 30, false), Ok(true), "a new file is seen");
    assert_eq!(owner(&enricher, &mut pass, LATER_MS + 30).as_deref(), Some("group:default/fourth"));
}

#[test]
fn code_owners_and_databases_are_watched_too() {
    let dir = tempfile::tempdir().unwrap();
    let (file, database) = (dir.path().join("CODEOWNERS"), dir.path().join("x.mmdb"));
    write(&file, "* @one\n");
    let owners =
        RepositoryFile { repository: "acme/web".into(), file: file.clone(), dialect: Default::default() };
    let sources = Sources { codeowners: vec![owners], geoip: vec![database.clone()], ..Sources::default() };
    let (enricher, faults) = Enricher::load(sources, Telemetry::default());
    assert_eq!(faults.len(), 1, "the database is not there: {faults:?}");
    let mut pass = Pass::default();
    assert_eq!(
        owner(&enricher, &mut pass, LATER_MS).as_deref(),
        Some("@one"),
        "owners are known all the same"
    );
    write(&file, "* @two-of-them\n");
    assert_eq!(enricher.reload(LATER_MS, false), Ok(true));
    assert_eq!(owner(&enricher, &mut pass, LATER_MS).as_deref(), Some("@two-of-them"));
    write(&database, "no database");
    let faults = enricher.reload(LATER_MS, false).unwrap_err();
    assert!(faults[0].reason.contains("not a sound MaxMind DB"), "{faults:?}");
    assert!(enricher.reload(LATER_MS, true).is_err(), "a forced reload reads it again");
}

#[test]
fn paths_may_be_files_folders_and_patterns() {
    let dir = tempfile::tempdir().unwrap();
    let deep = dir.path().join("a/b");
    std::fs::create_dir_all(&deep).unwrap();
    write(&deep.join("catalog-info.yaml"), "services: [{name: one, owner: x}]\n");
    write(&deep.join("other.yaml"), "services: [{name: two, owner: x}]\n");
    write(&deep.join("notes.txt"), "services: [{name: three, owner: x}]\n");
    let names = |path: &str| {
        let sources = Sources { catalog: vec![dir.path().join(path)], ..Sources::default() };
        let loaded = sources.load_catalog(None);
        let mut names: Vec<_> = loaded.catalog.services().iter().map(|s| s.name.clone()).collect();
        names.sort();
        (names.join(" "), loaded.faults.len())
    };
    assert_eq!(names(""), ("one".to_owned(), 0));
    assert_eq!(names("a/b/other.yaml"), ("two".to_owned(), 0));
    assert_eq!(names("a/**/*.yaml"), ("one two".to_owned(), 0));
    assert_eq!(names("*.txt"), ("three".to_owned(), 0));
    assert_eq!(names("*.nothing"), (String::new(), 1));
    assert_eq!(names("absent.yaml"), (String::new(), 1));
}
