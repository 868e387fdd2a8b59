//! The command line against a running server, and where its output goes.

use crate::program::{Server, huecry};
use serde_json::Value;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Output, Stdio};

/// Runs the program as somebody on another machine would: with a token in the environment, and no data folder.
fn remote(server: &Server, variable: &str, token: &str, args: &[&str]) -> Output {
    let nowhere = tempfile::tempdir().unwrap();
    huecry()
        .args(args)
        .args(["--url", &server.url, "--data-dir"])
        .arg(nowhere.path())
        .env(variable, token)
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn call(number: usize) -> String {
    format!(
        r#"{{"eventID":"e{number}","eventName":"CreateUser","eventSource":"iam.amazonaws.com","eventTime":"2026-03-01T10:00:00Z"}}"#
    )
}

fn write(path: &Path, records: std::ops::Range<usize>) {
    std::fs::write(path, records.map(call).collect::<Vec<_>>().join("\n")).unwrap();
}

#[test]
fn records_are_sent_with_either_kind_of_token() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), None);
    let own = server.add_source("trail", "aws_cloudtrail");
    let file = folder.path().join("calls.ndjson");
    let cases =
        [("HUECRY_TOKEN", server.admin.as_str()), ("HUECRY_TOKEN", &own), ("HUECRY_SOURCE_TOKEN", &own)];
    for (number, (variable, token)) in cases.into_iter().enumerate() {
        write(&file, number..number + 1);
        let args = ["ingest", "--json", "--source", "trail", &file.display().to_string()];
        let output = remote(&server, variable, token, &args);
        assert!(output.status.success(), "{variable}: {}", text(&output.stderr));
        assert_eq!(serde_json::from_slice::<Value>(&output.stdout).unwrap()["sent"], 1, "{variable}");
    }
    let args = ["ingest", "--source", "trail", "x.json"];
    let output = remote(&server, "HUECRY_SOURCE_TOKEN", &server.admin, &args);
    assert_eq!(output.status.code(), Some(2), "an API token is no source token");
    assert!(text(&output.stderr).contains("hint:"), "{}", text(&output.stderr));
}

#[test]
fn a_source_is_closed_opened_and_given_another_secret() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), None);
    let secret = folder.path().join("secret");
    std::fs::write(&secret, "another secret\n").unwrap();
    let admin = |args: &[&str]| remote(&server, "HUECRY_TOKEN", &server.admin, args);
    let enabled = || {
        let list: Value = serde_json::from_slice(&admin(&["source", "list", "--json"]).stdout).unwrap();
        list["items"].as_array().unwrap().iter().find(|s| s["name"] == "gh").unwrap()["enabled"].clone()
    };
    let output = admin(&["source", "add", "gh", "--kind", "guthub"]);
    assert_eq!(output.status.code(), Some(1));
    let stderr = text(&output.stderr);
    assert!(stderr.contains("did you mean \"github\"?") && stderr.contains("hint:"), "{stderr}");
    assert!(admin(&["source", "add", "gh", "--kind", "github"]).status.success());
    for (verb, expected) in [("disable", false), ("enable", true), ("remove", false), ("enable", true)] {
        let output = admin(&["source", verb, "gh"]);
        assert!(output.status.success(), "{verb}: {}", text(&output.stderr));
        assert_eq!(enabled(), expected, "{verb}");
    }
    let set =
        |file: &Path| admin(&["source", "set-secret", "gh", "--secret-file", &file.display().to_string()]);
    assert!(set(&secret).status.success());
    let listed = text(&admin(&["source", "list", "--json"]).stdout);
    assert!(listed.contains("\"has_secret\":true") && !listed.contains("another secret"), "{listed}");
    std::fs::write(&secret, "\n").unwrap();
    assert_eq!(set(&secret).status.code(), Some(2), "an empty file is no secret");
}

#[test]
fn what_was_read_of_a_broken_last_file_is_sent() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), None);
    let own = server.add_source("trail", "aws_cloudtrail");
    let whole = (0..5_000).map(call).collect::<Vec<_>>().join("\n");
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::none());
    std::io::Write::write_all(&mut encoder, whole.as_bytes()).unwrap();
    let packed = encoder.finish().unwrap();
    let file = folder.path().join("broken.ndjson.gz");
    std::fs::write(&file, &packed[..packed.len() * 3 / 4]).unwrap();
    let args = ["ingest", "--json", "--source", "trail", &file.display().to_string()];
    let output = remote(&server, "HUECRY_TOKEN", &own, &args);
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(answer["unreadable_files"], 1);
    assert!(answer["sent"].as_u64().unwrap() >= 3_700, "what was read is sent: {answer}");
}

#[test]
fn files_that_are_left_alone_are_counted() {
    let folder = tempfile::tempdir().unwrap();
    let judge = || {
        let args = ["ingest", "--dry-run", "--source", "aws_cloudtrail"];
        huecry().args(args).arg(folder.path()).output().unwrap()
    };
    for name in ["notes.txt", "calls.csv"] {
        std::fs::write(folder.path().join(name), call(0)).unwrap();
    }
    let output = judge();
    let stderr = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "nothing was read: {stderr}");
    assert!(stderr.contains("2 others") && stderr.contains("hint:"), "{stderr}");
    write(&folder.path().join("calls.ndjson"), 0..3);
    let output = judge();
    let stderr = text(&output.stderr);
    assert!(output.status.success(), "{stderr}");
    assert!(stderr.contains("2 files left alone") && stderr.contains("3 records in"), "{stderr}");
}

#[test]
fn a_reader_that_goes_away_is_no_fault() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("calls.ndjson");
    write(&file, 0..5_000);
    let file = file.display().to_string();
    let cases: [(&[&str], i32); 4] = [
        (&["completions", "bash"], 0),
        (&["ingest", "--dry-run", "--source", "aws_cloudtrail", &file], 0),
        (&["rules", "match", &file], 0),
        (&["config", "--schema"], 0),
    ];
    for (args, code) in cases {
        let mut child = huecry().args(args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        // as `| head -0` does
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        let stderr = text(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{args:?}: {stderr}");
        assert!(!stderr.contains("panicked") && !stderr.contains("error:"), "{args:?}: {stderr}");
    }
}

#[test]
fn others_cannot_read_the_data_folder_or_are_told_of() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let set = |mode| std::fs::set_permissions(&data, std::fs::Permissions::from_mode(mode)).unwrap();
    let mode = || std::fs::metadata(&data).unwrap().permissions().mode() & 0o777;
    std::fs::create_dir(&data).unwrap();
    set(0o755);
    Server::start(folder.path(), None).stop();
    assert_eq!(mode(), 0o700, "a fresh folder is closed to others");
    set(0o755);
    let server = Server::start(folder.path(), None);
    assert_eq!(mode(), 0o755, "one that holds something is left as it is");
    let doctor =
        || huecry().args(["doctor", "--url", &server.url, "--data-dir"]).arg(&data).output().unwrap();
    let told = doctor();
    assert_eq!(told.status.code(), Some(1));
    let stdout = text(&told.stdout);
    assert!(stdout.contains("mode 0755") && stdout.contains("chmod 700"), "{stdout}");
    set(0o700);
    let told = doctor();
    assert!(told.status.success(), "{}", text(&told.stdout));
}

#[test]
fn what_is_wrong_with_a_command_is_said_before_a_token_is_asked_for() {
    let nowhere = tempfile::tempdir().unwrap();
    for (args, said) in [
        ("people link --role king --name x", "detection_engineer"),
        ("people link --role admin", "--name"),
        ("people link --person per_01ARZ3NDEKTSV4RRFFQ69G5FAV --role admin", "--role"),
        ("people link --person kim", "kim"),
        ("people set per_01ARZ3NDEKTSV4RRFFQ69G5FAV", "nothing to set"),
        ("people set per_01ARZ3NDEKTSV4RRFFQ69G5FAV --role king", "detection_engineer"),
        ("people disable kim", "kim"),
        ("token create laptop --scope incidents:reed", "incidents:reed"),
        ("token create laptop", "--scope"),
        ("audit log --since yesterday", "yesterday"),
        ("audit erase aud_01ARZ3NDEKTSV4RRFFQ69G5FAV --field shoe --reason x", "shoe"),
        ("audit pack --incident inc_1 --attach /no/such/file -o x.zip", "/no/such/file"),
        ("query", "there is no question"),
        ("query --format parquet x", "Parquet"),
    ] {
        let output = huecry()
            .args(args.split(' '))
            .args(["--url", "http://127.0.0.1:1", "--data-dir"])
            .arg(nowhere.path())
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let stderr = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{args}: {stderr}");
        assert!(stderr.contains(said) && !stderr.contains("cannot read the token"), "{args}: {stderr}");
    }
    let output = huecry()
        .args(["people", "link", "--role", "admin", "--name", "x", "--data-dir"])
        .arg(nowhere.path())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(4), "only then the token is missed: {}", text(&output.stderr));
}
