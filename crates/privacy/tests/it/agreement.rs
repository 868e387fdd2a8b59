//! The browser's reader of the detectors finds what this one finds.
//!
//! It is run by Node, with TypeScript's compiler from the console's own modules; where those are absent this is skipped
//! aloud. The detectors and then texts go in as JSON, a line each, and spans come out, in units of UTF-16.

use crate::corpora;
use privacy::vectors::Vectors;
use privacy::{Detectors, Masker};
use serde_json::{Value, json};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// How many texts of real corpora are compared at least, where the corpora are.
const REAL_TEXTS_MIN: usize = 2_000;

/// How many texts are made of parts of others.
const MADE_TEXTS: usize = 3_000;

#[test]
fn the_browser_finds_the_same() {
    let web = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../web");
    if !can_run(&web) {
        return;
    }
    let masker = Masker::new(&Detectors::shipped().unwrap()).unwrap();
    let real = real_texts();
    assert!(real.is_empty() || real.len() >= REAL_TEXTS_MIN, "{} real texts", real.len());
    let vectors: Vec<String> =
        Vectors::shipped().unwrap().cases().into_iter().map(|case| case.text).collect();
    let mut texts: Vec<String> = vectors.iter().chain(&real).cloned().collect();
    texts.extend(made_of(&texts));
    let answers = ask(&web, &texts);
    assert_eq!(answers.len(), texts.len());
    let mut wrong = Vec::new();
    for (text, answer) in texts.iter().zip(&answers) {
        let masked = masker.mask(text).unwrap();
        let spans: Vec<Value> = masked
            .spans
            .iter()
            .map(|span| {
                json!([
                    span.start_utf16,
                    span.end_utf16,
                    span.class,
                    span.detector,
                    span.confidence,
                    span.replacement
                ])
            })
            .collect();
        let here = json!({ "text": masked.text, "spans": spans });
        if here != *answer {
            wrong.push(format!("{text:?}\n  here    {here}\n  browser {answer}"));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {} texts:\n{}",
        wrong.len(),
        texts.len(),
        wrong[..wrong.len().min(10)].join("\n")
    );
}

fn can_run(web: &Path) -> bool {
    let node = Command::new("node").arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    let found = node.is_ok_and(|status| status.success()) && web.join("node_modules/typescript").is_dir();
    if !found {
        let required = std::env::var_os("HUECRY_REQUIRE_ALL").is_some_and(|value| value == "1");
        assert!(!required, "no Node or no web/node_modules: .ci/web installs them");
        #[allow(clippy::print_stderr)]
        {
            eprintln!("SKIPPED: no Node or no web/node_modules (.ci/web installs them)");
        }
    }
    found
}

/// Whole texts and their lines, of people and of secrets.
fn real_texts() -> Vec<String> {
    let labelled: Vec<String> =
        corpora::people().into_iter().chain(corpora::secrets()).map(|labelled| labelled.text).collect();
    let lines = labelled.iter().flat_map(|text| text.lines()).filter(|line| line.len() > 12);
    let lines: Vec<String> = lines.map(str::to_owned).collect();
    labelled.into_iter().chain(lines).collect()
}

/// Texts cut and joined by a fixed series of numbers: halves of keys, names beside numbers, marks in words.
fn made_of(texts: &[String]) -> Vec<String> {
    let signs = [
        " ",
        ", ",
        "\n",
        ": ",
        "=",
        "-",
        ".",
        "@",
        "\"",
        "é",
        "𝕏",
        "[email 1]",
        "[key 999999]",
        "-----BEGIN PRIVATE KEY-----",
        "-----BEGIN PRIVATE KEY-----\n\n",
        "\nDEK-Info: a,b\n",
        "-----END PRIVATE KEY-----",
        "\u{FFFC}",
        "ſ",
        "\u{212A}",
        "İ",
        "'s ",
        "’s ",
    ];
    let mut state = 0x2545_F491_4F6C_DD1D_u64;
    let mut next = |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state % below as u64) as usize
    };
    let mut made = Vec::new();
    for _ in 0..MADE_TEXTS {
        let mut text = String::new();
        for _ in 0..1 + next(4) {
            let part: Vec<char> = texts[next(texts.len())].chars().take(400).collect();
            let from = next(part.len() + 1);
            let to = from + next(part.len() - from + 1);
            text.extend(&part[from..to]);
            text.push_str(signs[next(signs.len())]);
        }
        made.push(text);
    }
    made
}

/// What the browser's reader says of each text.
fn ask(web: &Path, texts: &[String]) -> Vec<Value> {
    let script: PathBuf = web.join("src/privacy/answer.mjs");
    let mut node =
        Command::new("node").arg(script).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let detectors = Detectors::shipped().unwrap().to_json().unwrap() + "\n";
    let lines: String = texts.iter().map(|text| json!(text).to_string() + "\n").collect();
    let lines = detectors + &lines;
    let mut stdin = node.stdin.take().unwrap();
    let writer = std::thread::spawn(move || stdin.write_all(lines.as_bytes()));
    let output = node.wait_with_output().unwrap();
    writer.join().unwrap().unwrap();
    assert!(output.status.success(), "{:?}", output.status);
    String::from_utf8(output.stdout)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}
