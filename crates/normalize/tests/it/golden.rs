//! Small records of our own beside the mappings, with the event that each must become.
//!
//! `HUECRY_UPDATE_GOLDEN=1` writes what the mapping gives now; the diff is for a person to judge.

use crate::corpora::files;
use crate::judge::Judge;
use serde_json::{Value, json};
use std::fs;
use std::path::Path;

#[test]
fn each_golden_record_becomes_its_event() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../content/mappings/tests");
    let update = std::env::var("HUECRY_UPDATE_GOLDEN").as_deref() == Ok("1");
    let mut judge = Judge::new();
    let paths = files(&folder, &[".json"]);
    assert!(paths.len() >= 30, "the golden records are gone");
    for path in paths {
        let name = path.strip_prefix(&folder).unwrap().display().to_string();
        let golden: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        // a record that comes as text stands there as text
        let text = golden["record"].as_str().map(str::to_owned);
        let body = text.unwrap_or_else(|| golden["record"].to_string()).into_bytes();
        let kind = golden["kind"].as_str().unwrap();
        let mut judged = judge.take(kind, golden["event_type"].as_str(), &body, &name).unwrap();
        // the record stands in the file already
        judged.event.as_object_mut().unwrap().remove("raw_data");
        let logsource = judge.normalizer.logsource(judged.summary.logsource).unwrap();
        let mut now = golden.clone();
        now["logsource"] = json!({"product": logsource.product, "service": logsource.service});
        if let Some(category) = &logsource.category {
            now["logsource"]["category"] = json!(category);
        }
        now["entities"] = json!(judged.entities.iter().map(|(k, v)| format!("{k} {v}")).collect::<Vec<_>>());
        now["event"] = judged.event;
        if update && now != golden {
            fs::write(&path, format!("{}\n", serde_json::to_string_pretty(&now).unwrap())).unwrap();
        }
        assert!(update || now == golden, "{name} became\n{}", serde_json::to_string_pretty(&now).unwrap());
    }
    assert!(judge.score.invalid.is_empty(), "{:#?}", judge.score.invalid);
}
