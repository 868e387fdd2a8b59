//! Texts made to be slow or to be missed.

use privacy::{Detectors, Masker};

/// How long the shorter texts are, in bytes: past every limit on what is read around a place.
const TEXT_BYTES: usize = 4 * 1024;

/// How many times as long the longer ones are.
const LONGER: usize = 4;

/// How many bytes patterns match and checks read for each byte of a text, all detectors and rounds together.
const WORK_PER_BYTE_MAX: usize = 2_000;

/// By how many bytes for each byte that may differ in a longer text, besides a quarter: what is cut off at the end.
const WORK_PER_BYTE_SLACK: usize = 4;

#[test]
fn no_text_takes_the_square_of_its_length() {
    let masker = Masker::new(&Detectors::shipped().unwrap()).unwrap();
    let parts = [
        "a",
        "A",
        "1",
        "1 ",
        "11-",
        "eyJ",
        "eyJ-",
        "eyJ.",
        "sk-",
        "sk-a-",
        "-----BEGIN PRIVATE KEY-----",
        "-----BEGIN PRIVATE KEY-----\n",
        "-----BEGIN PRIVATE KEY-----\n\nA: b\n",
        "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASC\n",
        "-----BEGIN PRIVATE KEY-----\u{FFFC}",
        "-----BEGIN PRIVATE KEY-----[key 1]",
        "-----END PRIVATE KEY-----",
        "password=\"[key 1]a",
        "a.",
        "a@",
        "a@a.",
        "password=",
        "pw ",
        "--token ",
        "://",
        "a://:",
        "::",
        "a:",
        "1.",
        "1.1.",
        "Ab ",
        "Ab, ",
        "adam ",
        "A. ",
        "van ",
        "[email ",
        "[",
        "\"",
        "'",
        " ",
        "\n",
        "é",
        "𝕏",
        "\u{FFFC}",
        "GB82",
        "cookie: ",
        "/home/",
        "+1",
        "(1) ",
        "Mr. ",
        "name: ",
    ];
    let work_per_byte = |part: &str, bytes: usize| {
        let text = part.repeat(bytes / part.len());
        let mut work = 0;
        let _ = masker.mask_counting(&text, &mut work);
        work / text.len()
    };
    let mut wrong = Vec::new();
    for part in parts {
        let (short, long) = (work_per_byte(part, TEXT_BYTES), work_per_byte(part, TEXT_BYTES * LONGER));
        if long > short + short / 4 + WORK_PER_BYTE_SLACK || long > WORK_PER_BYTE_MAX {
            wrong.push(format!("{part:?}: {short} bytes for each, and {long} in the longer text"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
