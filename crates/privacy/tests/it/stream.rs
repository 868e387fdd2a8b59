//! Masking in parts is masking, in bounded memory.

use privacy::limits::{STREAM_OVERLAP_BYTES, STREAM_WINDOW_BYTES};
use privacy::vectors::Vectors;
use privacy::{Class, Detectors, MaskError, Masked, Masker, Stream};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

fn masker() -> Masker {
    Masker::new(&Detectors::shipped().unwrap()).unwrap()
}

/// Masks `text` in parts of these numbers of characters, over and over; and the most that came out at once.
fn in_parts(mut stream: Stream<'_>, text: &str, sizes: &[usize]) -> Result<Masked, MaskError> {
    let mut whole = Masked { text: String::new(), spans: Vec::new() };
    let (mut rest, mut sizes) = (text, sizes.iter().cycle());
    let mut add = |masked: Masked| {
        whole.text.push_str(&masked.text);
        whole.spans.extend(masked.spans);
    };
    while !rest.is_empty() {
        let size = (*sizes.next().unwrap()).max(1);
        let at = rest.char_indices().nth(size).map_or(rest.len(), |(at, _)| at);
        add(stream.push(&rest[..at])?);
        rest = &rest[at..];
    }
    add(stream.finish()?);
    Ok(whole)
}

/// Every text that has something to find, once, on lines of its own between lines that have nothing.
fn long_text(times: usize) -> String {
    let vectors = Vectors::shipped().unwrap();
    let mut text = String::new();
    for time in 0..times {
        for case in vectors.cases() {
            text.push_str(&case.text);
            text.push_str("\n\nthe build of this morning was green, and nothing else happened: ");
            text.push_str(&format!("run {time} of the till took some minutes\n\n"));
        }
    }
    text
}

#[test]
fn a_stream_of_one_window_is_masked_as_a_text() {
    let masker = masker();
    let texts: Vec<String> =
        Vectors::shipped().unwrap().cases().iter().map(|case| case.text.clone()).collect();
    let mut runner = TestRunner::new(Config::with_cases(96));
    let parts = prop::collection::vec(prop::sample::select(texts), 0..6).prop_map(|texts| texts.join("\n"));
    let sizes = prop::collection::vec(1_usize..40, 1..5);
    runner
        .run(&(parts, sizes), |(text, sizes)| {
            let whole = masker.mask(&text).unwrap();
            prop_assert_eq!(in_parts(Stream::new(&masker), &text, &sizes).unwrap(), whole);
            Ok(())
        })
        .unwrap();
}

#[test]
fn a_long_stream_is_masked_wherever_it_is_cut() {
    let masker = masker();
    let text = long_text(2);
    assert!(text.len() > 2 * STREAM_WINDOW_BYTES, "{} bytes are no long text", text.len());
    let masked = in_parts(Stream::new(&masker), &text, &[8_191]).unwrap();
    assert_eq!(in_parts(Stream::new(&masker), &text, &[97, 70_000]).unwrap(), masked, "however it comes");
    let mut at = 0;
    let mut rebuilt = String::new();
    for span in &masked.spans {
        assert!(at <= span.start && span.start < span.end, "in order and apart: {span:?}");
        assert_eq!(text[..span.start].encode_utf16().count(), span.start_utf16);
        rebuilt.push_str(&text[at..span.start]);
        rebuilt.push_str(&span.replacement);
        at = span.end;
    }
    rebuilt.push_str(&text[at..]);
    assert_eq!(rebuilt, masked.text, "spans are places in the whole");
    let again = in_parts(Stream::new(&masker), &masked.text, &[4_096]).unwrap();
    assert_eq!(again.spans, [], "nothing is found in what was masked");
    // every secret that the texts alone would lose is lost here too
    let cases = Vectors::shipped().unwrap().cases();
    let alone: Vec<Masked> = cases.iter().map(|case| masker.mask(&case.text).unwrap()).collect();
    let left_alone: String = alone.iter().map(|masked| masked.text.as_str()).collect();
    let mut secrets = 0;
    for (case, alone) in cases.iter().zip(&alone) {
        for span in alone.spans.iter().filter(|span| span.class.is_secret() && span.end - span.start > 12) {
            let value = &case.text[span.start..span.end];
            // some stand in other cases for what they are not
            if !left_alone.contains(value) {
                assert!(!masked.text.contains(value), "{}: {}", span.detector, case.text);
                secrets += 1;
            }
        }
    }
    assert!(secrets > 100, "{secrets}");
}

#[test]
fn values_on_every_border_are_seen_whole() {
    let masker = masker();
    let key =
        format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----", "Q2hhbmdlIG1l+/9".repeat(800));
    for (what, value, shift) in [("mail", "kim.oduya@shop.example", 3), ("a long key", key.as_str(), 5_000)] {
        for back in 0..6 {
            // without gaps nothing says where to cut
            let before = STREAM_WINDOW_BYTES - back * shift;
            for filler in ["-\n", ". ", "-"] {
                let lead = filler.repeat(before / filler.len());
                let text = format!("{lead} {value} {}", filler.repeat(STREAM_WINDOW_BYTES));
                let masked = in_parts(Stream::new(&masker), &text, &[10_007]).unwrap();
                assert_eq!(masked.spans.len(), 1, "{what} at {before}: {:?}", masked.spans);
                let span = &masked.spans[0];
                assert_eq!(&text[span.start..span.end], value, "{what} at {before}");
            }
        }
    }
}

#[test]
fn the_same_value_has_the_same_number_throughout() {
    let masker = masker();
    let filler = "nothing happened\n".repeat(2 * STREAM_WINDOW_BYTES / 17);
    let text = format!(
        "kim@shop.example\n{filler}ana@shop.example\n{filler}kim@shop.example [email 7] lee@shop.example\n"
    );
    let masked = in_parts(Stream::new(&masker), &text, &[50_000]).unwrap();
    let given: Vec<&str> = masked.spans.iter().map(|span| span.replacement.as_str()).collect();
    assert_eq!(given, ["[email 1]", "[email 2]", "[email 1]", "[email 8]"]);
    let texts = ["mail kim@shop.example", "", "ana@shop.example and KIM@shop.example, [email 4]"];
    let fields: Vec<String> =
        masker.mask_all(&texts).unwrap().into_iter().map(|masked| masked.text).collect();
    assert_eq!(fields, ["mail [email 5]", "", "[email 6] and [email 5], [email 4]"]);
}

#[test]
fn only_some_classes_are_masked_if_asked() {
    let masker = masker();
    let text = "kim@shop.example called +49 30 901820 from 93.184.216.34";
    let masked = in_parts(Stream::new(&masker).only(vec![Class::Email]), text, &[9]).unwrap();
    assert_eq!(masked.text, "[email 1] called +49 30 901820 from 93.184.216.34");
}

#[test]
fn one_value_as_long_as_a_window_is_refused_and_memory_stays_bounded() {
    let masker = masker();
    let endless = format!("-----BEGIN PRIVATE KEY-----\n{}", "Q2hhbmdlIG1lQ2hhbmdlIG1l\n".repeat(40_000));
    let refused = in_parts(Stream::new(&masker), &endless, &[60_000]);
    assert!(matches!(refused, Err(MaskError::TextTooLarge { .. })), "{refused:?}");
    let mut stream = Stream::new(&masker);
    let (mut taken, mut given) = (0, 0);
    for _ in 0..40 {
        let part = "and then kim@shop.example said nothing\n".repeat(1_000);
        taken += part.len();
        let masked = stream.push(&part).unwrap();
        given += masked.spans.last().map_or(0, |span| span.end.saturating_sub(given));
        let held_max = STREAM_WINDOW_BYTES + 2 * STREAM_OVERLAP_BYTES + part.len();
        assert!(taken - given <= held_max, "{} bytes wait", taken - given);
    }
}
