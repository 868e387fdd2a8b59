//! `huecry mask` and `huecry init`: what needs no server.

use crate::program::{huecry, run};
use serde_json::{Value, json};
use std::io::Write;
use std::process::{Output, Stdio};

const TEXT: &str = "mail kim.oduya@shop.example or ana@shop.example, then kim.oduya@shop.example again; call +49 30 901820\n";

fn mask(args: &[&str], stdin: &[u8]) -> Output {
    let mut command = huecry();
    command.arg("mask").args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let (mut input, stdin) = (child.stdin.take().unwrap(), stdin.to_vec());
    // beside, so that neither pipe fills up
    let writer = std::thread::spawn(move || drop(input.write_all(&stdin)));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    output
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn text_goes_through_without_what_is_personal() {
    let masked = mask(&[], TEXT.as_bytes());
    assert!(masked.status.success());
    assert_eq!(text(&masked.stdout), "mail [email 1] or [email 2], then [email 1] again; call [phone 1]\n");
    assert_eq!(text(&mask(&[], &masked.stdout).stdout), text(&masked.stdout), "twice is once");
    let only = mask(&["--kinds", "phone,card"], TEXT.as_bytes());
    assert!(text(&only.stdout).contains("ana@shop.example") && text(&only.stdout).contains("[phone 1]"));
    assert_eq!(mask(&["--kinds", "fone"], b"").status.code(), Some(2));
}

#[test]
fn a_check_says_what_would_be_masked_and_never_the_values() {
    let folder = tempfile::tempdir().unwrap();
    let (bad, fine) = (folder.path().join("bad.log"), folder.path().join("fine.log"));
    std::fs::write(&bad, TEXT).unwrap();
    std::fs::write(&fine, "nothing happened\n").unwrap();
    let (bad, fine) = (bad.to_str().unwrap(), fine.to_str().unwrap());
    let check = run(&["mask", "--check", fine, bad]);
    assert_eq!(check.status.code(), Some(1));
    assert_eq!(text(&check.stdout), format!("{bad}: 3 email, 1 phone\n"));
    assert_eq!(run(&["mask", "--check", fine]).status.code(), Some(0));
    let spans = run(&["mask", "--json", bad]);
    let lines: Vec<Value> =
        text(&spans.stdout).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 5, "four places and what they come to");
    let (start, end) =
        (lines[1]["start"].as_u64().unwrap() as usize, lines[1]["end"].as_u64().unwrap() as usize);
    assert_eq!((&TEXT[start..end], &lines[1]["replacement"]), ("ana@shop.example", &json!("[email 2]")));
    assert_eq!(lines[4], json!({ "file": bad, "places": 4, "kinds": { "email": 3, "phone": 1 } }));
    assert!(!text(&spans.stdout).contains("shop.example"));
}

#[test]
fn long_input_and_what_is_no_text() {
    let line = "é is not cut, and kim.oduya@shop.example is masked\n";
    let long = line.repeat(8_000);
    let masked = mask(&[], long.as_bytes());
    assert!(masked.status.success(), "{}", text(&masked.stderr));
    assert_eq!(text(&masked.stdout), line.replace("kim.oduya@shop.example", "[email 1]").repeat(8_000));
    for bytes in [&b"a\xff\xfe"[..], b"cut off \xc3"] {
        let refused = mask(&[], bytes);
        assert_eq!(refused.status.code(), Some(1));
        assert!(text(&refused.stderr).contains("hint:"), "{}", text(&refused.stderr));
    }
    assert_eq!(run(&["mask", "/nowhere/x"]).status.code(), Some(1));
}

#[test]
fn a_first_configuration_is_one_that_the_program_reads() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("hue");
    let at = dir.to_str().unwrap();
    for channel in ["web", "cli", "ci"] {
        let args = [
            "init",
            "--service",
            "checkout",
            "--owner",
            "@acme/pay",
            "--repository",
            "acme/checkout",
            "--channel",
            channel,
            "--dir",
            at,
            "--force",
        ];
        let made = run(&args);
        assert!(made.status.success(), "{channel}: {}", text(&made.stderr));
        assert!(text(&made.stdout).contains("next\n  1  huecry owners lint"), "{}", text(&made.stdout));
    }
    assert!(dir.join(".huecry.toml").is_file(), "the clone knows its service");
    let config = dir.join("huecry.toml");
    let config = config.to_str().unwrap();
    let printed = run(&["--config", config, "config"]);
    assert!(printed.status.success(), "{}", text(&printed.stderr));
    let lint = run(&["owners", "lint", dir.join("services.yaml").to_str().unwrap()]);
    assert!(lint.status.success(), "{}{}", text(&lint.stdout), text(&lint.stderr));
    let who =
        huecry().args(["--config", config, "owners", "who", "checkout"]).current_dir(&dir).output().unwrap();
    assert!(text(&who.stdout).contains("@acme/pay"), "{}{}", text(&who.stdout), text(&who.stderr));
    let before = std::fs::read_to_string(config).unwrap();
    std::fs::remove_file(dir.join("services.yaml")).unwrap();
    let again = run(&["init", "--service", "other", "--dir", at]);
    assert_eq!(again.status.code(), Some(2));
    assert!(text(&again.stderr).contains("--force"), "{}", text(&again.stderr));
    assert_eq!(std::fs::read_to_string(config).unwrap(), before, "nothing is written over");
    assert!(!dir.join("services.yaml").exists(), "all or nothing");
    for bad in ["", "a b", "x\"y", "a\nb", "-x", ".."] {
        assert_eq!(
            run(&["init", "--service", bad, "--dir", at, "--force"]).status.code(),
            Some(2),
            "{bad:?}"
        );
    }
}
