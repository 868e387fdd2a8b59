//! What masking promises of any text.

use privacy::limits::TEXT_BYTES_MAX;
use privacy::vectors::Vectors;
use privacy::{Class, Detectors, MaskError, Masked, Masker};
use proptest::prelude::*;
use proptest::test_runner::TestRunner;

fn masker() -> Masker {
    Masker::new(&Detectors::shipped().unwrap()).unwrap()
}

/// Texts made of parts of vectors, words and signs, so that what is found stands beside and inside what is not.
fn texts() -> impl Strategy<Value = String> {
    let cases = Vectors::shipped().unwrap().cases();
    let values =
        cases.iter().flat_map(|case| case.places.iter().map(|place| case.text[place.0..place.1].to_owned()));
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
        "[email 1]",
        "[person 12]",
        "[key 999999]",
        "-----BEGIN PRIVATE KEY-----",
        "-----END PRIVATE KEY-----",
        "é",
        "𝕏",
        "\u{FFFC}",
        "+1 ",
        "(",
        ")",
        "Anna ",
        "Oduya ",
        "password ",
        "Bearer ",
        "from ",
        "said ",
        "'s ",
    ];
    let whole = cases.iter().map(|case| case.text.clone());
    let parts: Vec<String> = values.chain(signs.map(str::to_owned)).chain(whole).collect();
    let part = prop_oneof![
        4 => (0..parts.len()).prop_map(move |at| parts[at].clone()),
        1 => "\\PC{0,12}",
        1 => "[A-Za-z0-9+/=_.:@-]{0,40}",
    ];
    prop::collection::vec(part, 0..12).prop_map(|parts| parts.concat())
}

fn check(masker: &Masker, text: &str) -> Masked {
    let masked = masker.mask(text).unwrap();
    let again = masker.mask(&masked.text).unwrap();
    assert_eq!(again.text, masked.text, "masking twice is masking once");
    assert_eq!(again.spans, [], "nothing is found in what was masked");
    let mut rebuilt = String::new();
    let mut at = 0;
    for span in &masked.spans {
        assert!(at <= span.start && span.start < span.end && span.end <= text.len());
        assert!(text.is_char_boundary(span.start) && text.is_char_boundary(span.end));
        assert_eq!(text[..span.start].encode_utf16().count(), span.start_utf16);
        assert_eq!(text[..span.end].encode_utf16().count(), span.end_utf16);
        rebuilt.push_str(&text[at..span.start]);
        rebuilt.push_str(&span.replacement);
        at = span.end;
    }
    assert_eq!(rebuilt + &text[at..], masked.text, "the masked text is the text with its spans replaced");
    masked
}

#[test]
fn masking_settles_and_cuts_nothing() {
    let masker = masker();
    let mut runner = TestRunner::new(ProptestConfig::with_cases(400));
    let every = |text: String| {
        check(&masker, &text);
        Ok(())
    };
    runner.run(&texts(), every).unwrap();
}

#[test]
fn the_same_value_has_the_same_number() {
    let masked =
        check(&masker(), "jane@example.org wrote, JANE@example.org wrote again, bob@example.org did not");
    assert_eq!(masked.text, "[email 1] wrote, [email 1] wrote again, [email 2] did not");
    let cards = check(&masker(), "4111111111111111 is 4111-1111-1111-1111, and 5555555555554444 is not");
    assert_eq!(cards.text, "[card 1] is [card 1], and [card 2] is not");
    let secrets = check(&masker(), "password=Hunter2x password=hunter2x");
    assert_eq!(secrets.text, "password=[password 1] password=[password 2]");
    let read_only = check(&masker(), "93.184.216.34 is 93[.]184[.]216[.]34 and 93(.)184.216.34");
    assert_eq!(read_only.text, "[ip 1] is [ip 1] and [ip 1]");
}

#[test]
fn different_values_have_different_numbers() {
    for (text, masked) in [
        ("from 1.23.45.6 to 12.34.5.6", "from [ip 1] to [ip 2]"),
        ("jane.doe@corp.example, janedoe@corp.example", "[email 1], [email 2]"),
        ("C:\\Users\\jdoe\\a and C:\\Users\\j.doe\\a", "C:\\Users\\[user 1]\\a and C:\\Users\\[user 2]\\a"),
    ] {
        assert_eq!(check(&masker(), text).text, masked);
    }
}

#[test]
fn numbers_go_on_after_those_that_stand_there() {
    let masked = check(&masker(), "[email 7] and jane@example.org, [email x] and [email 1234567]");
    assert_eq!(masked.text, "[email 7] and [email 8], [email x] and [email 1234567]");
    // a number so high leaves no room for others of the same length
    let high = check(&masker(), "call [email 999999] a@corp.example");
    assert_eq!(high.text, "call [email 999999] [email 1]");
}

#[test]
fn what_stands_inside_a_secret_hides_none_of_it() {
    let key = "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASC\n{}\n/x+Yz0Ab1Cd2Ef3Gh4Ij5Kl6Mn7Op8\n-----END PRIVATE KEY-----";
    for (inside, masked) in [
        ("\u{FFFC}", "[key 1]"),
        ("\u{FFFD}", "[key 1]"),
        ("jane@corp.example", "[key 1]"),
        ("[email 1]", "[key 1]\n[email 1]\n[key 2]"),
        ("[email 1] [ip 2]", "[key 1]\n[email 1] [ip 2]\n[key 2]"),
    ] {
        assert_eq!(check(&masker(), &key.replace("{}", inside)).text, masked);
    }
    let password = check(&masker(), "password=\"my\u{FFFC}secret99\" \u{FFFC}");
    assert_eq!(password.text, "password=\"[password 1]\" \u{FFFC}");
}

#[test]
fn what_two_detectors_share_is_masked_whole() {
    let masked = check(&masker(), "postgres://app:jane@example.org@db.example.org/x");
    assert!(!masked.text.contains("jane") && !masked.text.contains("app:jane"), "{}", masked.text);
    let header = check(
        &masker(),
        "Authorization: Bearer eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.abcdefghijklmnopqrstuvwx",
    );
    assert_eq!(header.spans.len(), 1);
    assert_eq!(header.spans[0].detector, "jwt");
}

#[test]
fn a_checksum_makes_a_token_certain() {
    // the token of GitHub's own article about its format
    let token = ["ghp_zQWBuTSOoRi4A9spHcVY5ncnsDkx", "kJ0mLq17"].concat();
    let certain = check(&masker(), &token);
    assert_eq!(certain.spans[0].confidence, privacy::Confidence::High);
    let doubtful = check(&masker(), &token.replace("0mLq17", "0mLq18"));
    assert_eq!(doubtful.spans[0].confidence, privacy::Confidence::Medium);
}

#[test]
fn a_text_past_the_limit_is_refused_whole() {
    let text = "a".repeat(TEXT_BYTES_MAX + 1);
    let error = masker().mask(&text).unwrap_err();
    assert_eq!(error, MaskError::TextTooLarge { bytes: TEXT_BYTES_MAX + 1, bytes_max: TEXT_BYTES_MAX });
    assert_eq!(error.code(), "text_too_large");
    assert!(!error.hint().is_empty());
    assert_eq!(masker().mask("a b").unwrap().spans, []);
}

#[test]
fn a_report_reads_on_after_masking() {
    let report = "Miriam Oduya (m.oduya@example.org, +1 202 555 0143) found AWS_SECRET_ACCESS_KEY=\
                  wJalrXUtnFEMI7K9MDENGbPxRfiCYEXAMPLEKEY in a public log. Oduya said it was used from 93.184.216.34.";
    let masked = check(&masker(), report);
    assert_eq!(
        masked.text,
        "[person 1] ([email 1], [phone 1]) found AWS_SECRET_ACCESS_KEY=[token 1] in a public log. [person 2] said it was \
         used from [ip 1]."
    );
    assert!(masked.spans.iter().any(|span| span.class == Class::Token));
}
