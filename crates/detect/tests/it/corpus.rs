//! Real records and rules by others, from the shared data folder.
//!
//! Windows records come as flat JSON, the fields of `System` and `EventData` side by side, as the product's vocabulary
//! of the event log shows them to rules; so that any engine can be given the same bytes.

use std::io::Read;
use std::path::Path;

use evtx::{EvtxParser, ParserSettings};
use serde_json::{Map, Value as Json};

use crate::shared_data::files;

/// A rule file: its name below the folder, and its text.
pub(crate) type RuleFile = (String, String);

/// Every rule file below these folders of `sigma`.
pub(crate) fn sigma_rules(sigma: &Path, folders: &[&str]) -> Vec<RuleFile> {
    let paths = folders.iter().flat_map(|folder| files(&sigma.join(folder), ".yml"));
    let read = |path: std::path::PathBuf| {
        let name = path.strip_prefix(sigma).unwrap_or(&path).to_string_lossy().into_owned();
        (name, std::fs::read_to_string(&path).unwrap())
    };
    paths.map(read).collect()
}

/// The records of the visible event logs and of the OTRF data sets.
pub(crate) fn windows_events(data: &Path) -> Vec<Json> {
    let mut events = evtx_events(data);
    events.extend(otrf_events(data));
    events
}

/// The records of the visible event logs, in the order of the files. Nearly every file is of an attack.
pub(crate) fn evtx_events(data: &Path) -> Vec<Json> {
    let mut events = Vec::new();
    for path in ["endpoint-evtx", "endpoint-sigma"].iter().flat_map(|f| files(&data.join(f), ".evtx")) {
        let Ok(mut parser) = EvtxParser::from_path(&path) else { continue };
        parser = parser.with_configuration(ParserSettings::new().num_threads(1));
        // what is torn is left out here; the product's reader has tests of its own
        events.extend(parser.records_json_value().filter_map(Result::ok).map(|record| flat(&record.data)));
    }
    events
}

/// The records of the OTRF data sets: attacks in the noise of a machine at work.
pub(crate) fn otrf_events(data: &Path) -> Vec<Json> {
    let mut events = Vec::new();
    for path in files(&data.join("endpoint-windows"), ".zip") {
        let mut archive = zip::ZipArchive::new(std::fs::File::open(&path).unwrap()).unwrap();
        for index in 0..archive.len() {
            let mut file = archive.by_index(index).unwrap();
            let is_record = file.name().is_ok_and(|n| n.ends_with(".json") && !n.starts_with("__MACOSX"));
            if is_record {
                let mut text = String::new();
                file.read_to_string(&mut text).unwrap();
                let lines = text.lines().filter(|line| !line.trim().is_empty());
                events.extend(lines.map(|line| nxlog(serde_json::from_str(line).unwrap())));
            }
        }
    }
    events
}

/// The records of every CloudTrail file: an array, or a delivery file's `Records`.
pub(crate) fn cloudtrail_events(data: &Path) -> Vec<Json> {
    let sets = ["stratus-detonation", "stratus-detonation-deleaked", "invictus-aws_dataset"];
    let mut events = Vec::new();
    for path in sets.iter().flat_map(|set| files(&data.join("cloud-aws").join(set), ".json")) {
        match serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap() {
            Json::Array(items) => events.extend(items),
            Json::Object(mut envelope) => match envelope.remove("Records") {
                Some(Json::Array(items)) => events.extend(items),
                _ => events.push(Json::Object(envelope)),
            },
            _ => panic!("{} is neither a list nor an envelope", path.display()),
        }
    }
    events
}

/// A converter puts an element's text beside its attributes.
fn text_of(value: &Json) -> &Json {
    value.get("#text").unwrap_or(value)
}

/// `{"Event":{"System":{…},"EventData":{…}}}` with the fields side by side.
fn flat(record: &Json) -> Json {
    let mut fields = Map::new();
    let event = &record["Event"];
    for (name, value) in event["System"].as_object().into_iter().flatten() {
        let attribute = |key: &str| value["#attributes"].get(key).cloned();
        let known = match name.as_str() {
            "Provider" => attribute("Name").map(|value| ("Provider_Name", value)),
            "Security" => attribute("UserID").map(|value| ("UserID", value)),
            "TimeCreated" => attribute("SystemTime").map(|value| ("TimeCreated", value)),
            name => Some((name, text_of(value).clone())).filter(|(_, value)| !value.is_object()),
        };
        if let Some((name, value)) = known {
            fields.insert(name.to_owned(), value);
        }
    }
    let user_data = event["UserData"].as_object().into_iter().flat_map(Map::values);
    for data in user_data.chain([&event["EventData"]]).filter_map(Json::as_object) {
        let named = data.iter().filter(|(name, _)| *name != "#attributes");
        for (name, value) in named {
            fields.insert(name.replace(' ', ""), text_of(value).clone());
        }
    }
    Json::Object(fields)
}

/// NXLog has two names of its own.
fn nxlog(mut record: Json) -> Json {
    if let Some(fields) = record.as_object_mut() {
        for (theirs, ours) in [("SourceName", "Provider_Name"), ("Hostname", "Computer")] {
            if let (Some(value), false) = (fields.get(theirs).cloned(), fields.contains_key(ours)) {
                fields.insert(ours.to_owned(), value);
            }
        }
    }
    record
}
