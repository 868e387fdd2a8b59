//! The events of the rows, from the shared data folder.

use std::io::Read;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value as Json};

/// Every file below a folder with this ending, sorted.
pub(crate) fn files(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display())) {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.to_str().is_some_and(|name| name.ends_with(ending)) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

/// CloudTrail: records in lists, envelopes or alone.
pub(crate) fn cloudtrail(shared: &Path) -> Vec<String> {
    let mut events = Vec::new();
    for set in ["stratus-detonation", "stratus-detonation-deleaked", "invictus-aws_dataset"] {
        for path in files(&shared.join("cloud-aws").join(set), ".json") {
            match serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap() {
                Json::Array(items) => events.extend(items),
                Json::Object(mut envelope) => match envelope.remove("Records") {
                    Some(Json::Array(items)) => events.extend(items),
                    _ => events.push(Json::Object(envelope)),
                },
                other => panic!("{}: {other}", path.display()),
            }
        }
    }
    events.iter().map(Json::to_string).collect()
}

/// Windows events with every field at the top: EVTX files flattened, and the zipped JSON lines of captures.
pub(crate) fn windows(shared: &Path) -> Vec<String> {
    let mut events = Vec::new();
    for path in files(&shared.join("endpoint-evtx"), ".evtx") {
        let mut parser = evtx::EvtxParser::from_path(&path).unwrap();
        for record in parser.records_json_value().flatten() {
            events.push(Json::Object(flat(record.data)).to_string());
        }
    }
    for path in files(&shared.join("endpoint-windows"), ".zip") {
        let mut archive = zip::ZipArchive::new(std::fs::File::open(&path).unwrap()).unwrap();
        for at in 0..archive.len() {
            let mut member = archive.by_index(at).unwrap();
            let name = member.name().unwrap().into_owned();
            if !name.ends_with(".json") || name.starts_with("__MACOSX") {
                continue;
            }
            let mut text = String::new();
            member.read_to_string(&mut text).unwrap();
            events.extend(text.lines().filter(|line| line.starts_with('{')).map(str::to_owned));
        }
    }
    events
}

/// `Event.System` and the data of an EVTX record as one flat object, in the names of Sigma's rules.
fn flat(mut record: Json) -> Map<String, Json> {
    let mut out = Map::new();
    let mut event = record["Event"].take();
    let mut put = |name: &str, value: Json| {
        if !value.is_null() {
            out.entry(name).or_insert(value);
        }
    };
    let text = |value: &mut Json| if value["#text"].is_null() { value.take() } else { value["#text"].take() };
    let mut system = event["System"].take();
    for name in ["Channel", "EventID", "Computer", "EventRecordID", "Level", "Task", "Keywords"] {
        put(name, text(&mut system[name]));
    }
    put("Provider_Name", system["Provider"]["#attributes"]["Name"].take());
    put("TimeCreated", system["TimeCreated"]["#attributes"]["SystemTime"].take());
    let mut bodies = vec![event["EventData"].take()];
    if let Json::Object(members) = event["UserData"].take() {
        bodies.extend(members.into_iter().map(|(_, body)| body));
    }
    for body in bodies {
        let Json::Object(members) = body else { continue };
        for (name, mut value) in members {
            if name != "#attributes" {
                put(&name, text(&mut value));
            }
        }
    }
    out
}

/// The events again and again until there are at least `count`.
pub(crate) fn repeated(events: &[String], count: usize) -> Vec<String> {
    let times = count.div_ceil(events.len().max(1)).max(1);
    (0..times).flat_map(|_| events.iter().cloned()).collect()
}

/// As [`repeated`], but no repetition equals another: what numbers or identifies an event (ids, times, GUIDs,
/// process numbers, the rendered message) is different in each, and in every tenth event so are the texts that
/// people and programs choose.
pub(crate) fn varied(events: &[String], count: usize) -> Vec<String> {
    const CHOSEN: &[&str] = &[
        "CommandLine",
        "ParentCommandLine",
        "TargetFilename",
        "TargetObject",
        "Details",
        "ScriptBlockText",
        "Payload",
        "Image",
        "CallTrace",
        "QueryName",
    ];
    let numbered = |name: &str| {
        let name = name.to_ascii_lowercase();
        [
            "guid",
            "time",
            "processid",
            "recordid",
            "recordnumber",
            "threadid",
            "logonid",
            "message",
            "port",
            "handleid",
            "@timestamp",
        ]
        .iter()
        .any(|part| name.contains(part))
    };
    let parsed: Vec<Map<String, Json>> =
        events.iter().map(|event| serde_json::from_str(event).unwrap()).collect();
    let times = count.div_ceil(events.len().max(1)).max(1);
    let mut out = Vec::with_capacity(times * events.len());
    for time in 0..times {
        for (at, event) in parsed.iter().enumerate() {
            let mut event = event.clone();
            for (name, value) in &mut event {
                let Json::String(text) = value else { continue };
                if numbered(name) {
                    *text = turned(text, time + 1, at);
                } else if CHOSEN.contains(&name.as_str()) && (at * 7 + time).is_multiple_of(10) {
                    text.push_str(&format!(" {at}-{time}"));
                }
            }
            out.push(Json::Object(event).to_string());
        }
    }
    out
}

/// Other digits in the same places.
fn turned(text: &str, time: usize, at: usize) -> String {
    let mut seed = (time * 7_919 + at * 104_729) as u64;
    text.chars()
        .map(|c| match c.to_digit(10) {
            Some(digit) => {
                seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                char::from_digit((digit + (seed >> 33) as u32) % 10, 10).unwrap_or(c)
            }
            None => c,
        })
        .collect()
}
