//! The shipped policy, and policies that are none.

use report::policy::{DecisionKind, Policy, ReasonError};

#[test]
fn the_shipped_policy_counts_only_two_reasons_against_reporters() {
    let policy = Policy::shipped().unwrap();
    let against: Vec<&str> =
        policy.reasons.iter().filter(|r| r.counts_against).map(|r| r.id.as_str()).collect();
    assert_eq!(against, ["spam", "fabricated"]);
    for kind in DecisionKind::ALL {
        assert!(policy.reasons.iter().any(|reason| reason.kinds.contains(&kind)), "{kind:?}");
        assert!(policy.templates.iter().any(|template| template.kind == kind), "{kind:?}");
    }
    // it says of itself what the code does
    assert!(policy.text.contains("read by a person") && policy.text.contains("180 days"));
    assert!(policy.text.contains("seven days") && policy.text.contains("medium"));
}

#[test]
fn a_reason_fits_its_decision() {
    let policy = Policy::shipped().unwrap();
    let cases = [
        (DecisionKind::Accept, Some("confirmed"), "ok"),
        (DecisionKind::Accept, None, "ok"),
        (DecisionKind::Merge, Some("known"), "ok"),
        (DecisionKind::Decline, Some("spam"), "ok"),
        (DecisionKind::Decline, None, "missing"),
        (DecisionKind::Accept, Some("spam"), "wrong"),
        (DecisionKind::Decline, Some("confirmed"), "wrong"),
        (DecisionKind::Decline, Some("no-such"), "wrong"),
    ];
    for (kind, id, want) in cases {
        let got = match policy.reason_for(kind, id) {
            Ok(reason) => {
                assert_eq!(reason.map(|reason| reason.id.as_str()), id);
                "ok"
            }
            Err(ReasonError::Missing { known }) => {
                assert!(known.contains("fabricated"));
                "missing"
            }
            Err(error) => {
                assert!(error.to_string().contains("name one of"));
                "wrong"
            }
        };
        assert_eq!(got, want, "{kind:?} {id:?}");
    }
}

#[test]
fn a_policy_that_does_not_hold_is_refused() {
    let small = "version: v1\ntitle: T\ntext: X\nreasons:\n  - { id: spam, kinds: [decline], title: S, text: s, counts_against: true }\ntemplates: []\n";
    assert!(Policy::parse(small).is_ok());
    let cases = [
        ("version: v1", "version: ''", "version"),
        ("kinds: [decline]", "kinds: [accept]", "can only decline"),
        ("kinds: [decline]", "kinds: [decline, ask]", "can only decline"),
        ("kinds: [decline]", "kinds: []", "needs `kinds`"),
        ("id: spam", "id: Spam!", "lower-case"),
        ("counts_against: true", "counts_against: maybe", ""),
        ("templates: []", "templates: [{ id: a, kind: ask, title: A, text: '' }]", "has no text"),
        ("templates: []", "templates: []\nmood: good", "mood"),
    ];
    for (was, is, why) in cases {
        assert!(small.contains(was));
        let error = Policy::parse(&small.replace(was, is)).unwrap_err().to_string();
        assert!(error.contains(why), "{is}: {error}");
    }
    let twice = small.replace(
        "templates",
        "  - { id: spam, kinds: [ask], title: S, text: s, counts_against: false }\ntemplates",
    );
    assert!(Policy::parse(&twice).unwrap_err().to_string().contains("of its own"));
}
