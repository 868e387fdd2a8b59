//! What the detector of rings sees, piece by piece. Whole plays are in `simulations`.

use proptest::prelude::*;
use report::ring::{
    BURST_REPORTERS_MIN, Detector, Features, NEW_ACCOUNT_MS, Observation, RING_SCORE_MIN, SUBJECTS_MAX,
    WINDOW_MS, poisson_surprise,
};
use report::similarity::Signature;

const NOW_MS: i64 = 1_800_000_000_000;
const MINUTE_MS: i64 = 60_000;

fn seen(n: usize, at_ms: i64, age_ms: i64, text: &str) -> Observation {
    Observation {
        report: format!("rep_{n}"),
        reporter: Some(format!("per_{n}")),
        account_age_ms: Some(age_ms),
        at_ms,
        signature: Signature::of(text),
    }
}

#[test]
fn improbable_counts() {
    // −log10 of the upper tail, by summing the distribution
    let by_sum = |count: usize, expected: f64| {
        let mut term = (-expected).exp();
        let mut below = 0.0;
        for i in 0..count {
            below += term;
            term *= expected / (i as f64 + 1.0);
        }
        -(1.0 - below).log10()
    };
    for (count, expected) in [(1, 0.5), (3, 1.0), (5, 2.0), (8, 3.0), (10, 7.5)] {
        assert!(
            (poisson_surprise(count, expected) - by_sum(count, expected)).abs() < 1e-9,
            "{count} {expected}"
        );
    }
    assert_eq!(poisson_surprise(0, 3.0), 0.0);
    assert_eq!(poisson_surprise(3, 3.0), 0.0);
    assert!(poisson_surprise(50, 0.25) > 60.0 && poisson_surprise(500, 0.01).is_finite());
}

#[test]
fn scores_by_features() {
    let burst = Features { reporters: 50, expected: 0.25, surprise: 60.0, ..Features::default() };
    let cases = [
        (Features { reporters: 7, new_share: 1.0, similar_share: 1.0, ..burst }, false),
        (Features { surprise: 5.0, new_share: 1.0, similar_share: 1.0, ..burst }, false),
        (burst, false),
        (Features { new_share: 1.0, ..burst }, true),
        (Features { new_share: 0.6, ..burst }, false),
        (Features { similar_share: 0.95, ..burst }, true),
        (Features { similar_share: 0.7, ..burst }, false),
        (Features { together_share: 1.0, ..burst }, false),
        (Features { new_share: 0.6, similar_share: 0.7, ..burst }, true),
        (Features { together_share: 0.9, similar_share: 0.7, ..burst }, true),
        (Features { new_share: 0.3, similar_share: 0.4, together_share: 0.4, ..burst }, false),
    ];
    for (features, is_ring) in cases {
        let score = features.score();
        assert!((0.0..=1.0).contains(&score));
        assert_eq!(score >= RING_SCORE_MIN, is_ring, "{features:?}: {score}");
    }
}

#[test]
fn a_ring_gives_one_notice_until_the_subject_was_quiet() {
    let mut detector = Detector::new();
    let mut notices = Vec::new();
    let mut send = |detector: &mut Detector, n: usize, at_ms: i64| {
        let verdict = detector
            .observe("checkout", seen(n, at_ms, NEW_ACCOUNT_MS - 1, "checkout is a fraud shut it down now"));
        notices.extend(verdict.notice.clone());
        verdict
    };
    for n in 0..200 {
        let verdict = send(&mut detector, n, NOW_MS + n as i64 * MINUTE_MS);
        assert_eq!(verdict.hold_automation, verdict.ring.is_some());
        assert_eq!(verdict.ring.is_some(), n + 1 >= BURST_REPORTERS_MIN, "{n}: {verdict:?}");
    }
    let last_ms = NOW_MS + 199 * MINUTE_MS;
    assert!(detector.holds_automation("checkout", last_ms + WINDOW_MS));
    assert!(!detector.holds_automation("checkout", last_ms + WINDOW_MS + 1));
    assert!(!detector.holds_automation("payments", last_ms));
    // a day later another ring is another notice
    for n in 300..320 {
        send(&mut detector, n, last_ms + 24 * WINDOW_MS);
    }
    assert_eq!(notices.len(), 2);
    assert_eq!(notices[0].reports.len(), BURST_REPORTERS_MIN);
    assert_eq!((notices[0].key.as_str(), notices[1].key.as_str()), ("checkout/rep_0", "checkout/rep_300"));
}

#[test]
fn one_who_reports_often_is_no_ring() {
    let mut detector = Detector::new();
    for n in 0..400 {
        let mut observation = seen(n, NOW_MS + n as i64, 0, "the same again and again");
        observation.reporter = Some("per_1".into());
        let verdict = detector.observe("checkout", observation);
        assert!(verdict.score == 0.0 && verdict.features.reporters == 1, "{verdict:?}");
    }
}

#[test]
fn what_is_usual_is_no_burst() {
    let mut detector = Detector::new();
    let mut notices = 0;
    // twelve an hour, for a month, by accounts made for it, in the same words
    for n in 0..12 * 24 * 30 {
        let verdict = detector
            .observe("search", seen(n, NOW_MS + n as i64 * 5 * MINUTE_MS, 0, "search is slow again today"));
        // before it is known what is usual, it is unusual; what goes on for days is usual
        assert_eq!(verdict.hold_automation, verdict.ring.is_some());
        if n > 12 * 24 * 3 {
            assert!(!verdict.features.is_burst() && !verdict.hold_automation, "{n}: {verdict:?}");
        }
        notices += usize::from(verdict.notice.is_some());
    }
    assert_eq!(notices, 1);
}

#[test]
fn memory_is_bounded_and_late_reports_do_no_harm() {
    let mut detector = Detector::new();
    for n in 0..SUBJECTS_MAX + 100 {
        detector.observe(&format!("service-{n}"), seen(n, NOW_MS + n as i64, 0, "x"));
    }
    let shown = format!("{detector:?}");
    assert!(
        !shown.contains("\"service-0\"") && shown.contains(&format!("\"service-{}\"", SUBJECTS_MAX + 99))
    );
    for at_ms in [i64::MIN, -1, i64::MAX, 0, NOW_MS] {
        assert!(detector.observe("odd", seen(1, at_ms, i64::MIN, "x")).score == 0.0);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn whatever_is_seen_scores_within_bounds(
        steps in prop::collection::vec((0..40_usize, 0..20 * MINUTE_MS, 0..30_i64, 0..4_usize), 1..200),
    ) {
        let texts = ["checkout is down", "I cannot pay at all since noon", "shut it down now they cheat", ""];
        let mut detector = Detector::new();
        let mut now_ms = NOW_MS;
        for (n, (who, step_ms, age_days, text)) in steps.into_iter().enumerate() {
            now_ms += step_ms;
            let mut observation = seen(n, now_ms, age_days * 86_400_000, texts[text]);
            observation.reporter = (who > 5).then(|| format!("per_{who}"));
            let verdict = detector.observe("checkout", observation);
            let f = verdict.features;
            prop_assert!((0.0..=1.0).contains(&verdict.score));
            prop_assert!([f.new_share, f.similar_share, f.together_share].iter().all(|share| (0.0..=1.0).contains(share)));
            prop_assert!(verdict.notice.is_none() || (verdict.score >= RING_SCORE_MIN && verdict.ring.is_some()));
            prop_assert!(f.expected > 0.0 && f.surprise >= 0.0);
        }
    }
}
