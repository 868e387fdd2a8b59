//! Rules, their stages and counts.

use super::bench::Bench;
use crate::store::{
    RULE_SAMPLES_MAX, RULE_SET_OBJECT, RuleBudget, RuleDay, RuleMatches, RuleRow, RuleSetChange, Store,
    StoreError, rule_object,
};
use model::{EventId, Stage};

async fn load(
    store: &dyn Store,
    bench: &Bench,
    change: &RuleSetChange,
    at_ms: i64,
) -> Result<(), StoreError> {
    let mut unit = store.begin().await.unwrap();
    unit.rules().loaded(change, at_ms, &bench.audit(RULE_SET_OBJECT)).await?;
    unit.commit().await
}

fn added(rules: &[(&str, Stage)]) -> RuleSetChange {
    let rule = |(id, stage): &(&str, Stage)| ((*id).to_owned(), "h1".to_owned(), *stage, "first".to_owned());
    RuleSetChange { added: rules.iter().map(rule).collect(), ..RuleSetChange::default() }
}

/// A rule that is gone and comes back has the stage that it had.
pub async fn rules_keep_their_stage_across_loads(store: &dyn Store) {
    let bench = Bench::new(60);
    load(store, &bench, &added(&[("a", Stage::Shadow), ("b", Stage::Active)]), 10).await.unwrap();
    let again = load(store, &bench, &added(&[("a", Stage::Active)]), 11).await;
    assert!(matches!(again, Err(StoreError::Exists { .. })), "{again:?}");

    let mut unit = store.begin().await.unwrap();
    unit.rules().stage("a", Stage::Canary, "quiet", 20, &bench.audit(rule_object("a"))).await.unwrap();
    unit.commit().await.unwrap();
    let gone = RuleSetChange { removed: vec!["a".to_owned()], ..RuleSetChange::default() };
    load(store, &bench, &gone, 30).await.unwrap();
    assert!(!store.read().await.unwrap().rules().get("a").await.unwrap().unwrap().is_loaded);
    let back = RuleSetChange { changed: vec![("a".to_owned(), "h2".to_owned())], ..RuleSetChange::default() };
    load(store, &bench, &back, 40).await.unwrap();
    let mut view = store.read().await.unwrap();
    let row = |id: &str, hash: &str, stage, reason: &str, staged_at_ms| RuleRow {
        rule_id: id.to_owned(),
        hash: hash.to_owned(),
        is_loaded: true,
        stage,
        reason: reason.to_owned(),
        first_loaded_at_ms: 10,
        staged_at_ms,
        matches: 0,
        last_matched_at_ms: None,
    };
    let rows = [row("a", "h2", Stage::Canary, "quiet", 20), row("b", "h1", Stage::Active, "first", 10)];
    assert_eq!(view.rules().list().await.unwrap(), rows);
    assert_eq!(view.rules().get("c").await.unwrap(), None);
    drop(view);
    let unknown =
        RuleSetChange { changed: vec![("c".to_owned(), "h".to_owned())], ..RuleSetChange::default() };
    let refused = load(store, &bench, &unknown, 50).await;
    assert!(matches!(refused, Err(StoreError::NotFound { .. })), "{refused:?}");
}

/// No stage without its record, and none of a rule that nobody loaded.
pub async fn a_stage_has_its_record(store: &dyn Store) {
    let bench = Bench::new(61);
    load(store, &bench, &added(&[("a", Stage::Active)]), 10).await.unwrap();
    for (rule, about, mismatch) in [("a", "rule:b", true), ("b", "rule:b", false)] {
        let mut unit = store.begin().await.unwrap();
        let refused = unit.rules().stage(rule, Stage::Shadow, "no", 20, &bench.audit(about)).await;
        let as_promised = match refused {
            Err(StoreError::AuditMismatch { .. }) => mismatch,
            Err(StoreError::NotFound { .. }) => !mismatch,
            _ => false,
        };
        assert!(as_promised, "{rule}: {refused:?}");
        assert!(matches!(unit.commit().await, Err(StoreError::Aborted)));
    }
    let mut unit = store.begin().await.unwrap();
    let refused = unit.rules().loaded(&RuleSetChange::default(), 20, &bench.audit("rule:a")).await;
    assert!(matches!(refused, Err(StoreError::AuditMismatch { .. })), "{refused:?}");
    drop(unit);
    let row = store.read().await.unwrap().rules().get("a").await.unwrap().unwrap();
    assert_eq!((row.stage, row.staged_at_ms), (Stage::Active, 10));
}

fn sample(number: u8) -> (EventId, i64) {
    (EventId([number; 16]), i64::from(number))
}

/// Matches add up by day; a decision on the stage makes the findings of all days count anew.
pub async fn matches_add_up_by_day(store: &dyn Store) {
    let bench = Bench::new(62);
    load(store, &bench, &added(&[("a", Stage::Active), ("b", Stage::Shadow)]), 10).await.unwrap();
    let matches = |rule: &str, day, matches, findings, last_matched_at_ms, samples: &[u8]| RuleMatches {
        rule_id: rule.to_owned(),
        day,
        matches,
        findings,
        last_matched_at_ms,
        samples: samples.iter().map(|number| sample(*number)).collect(),
    };
    let note = async |matches: &[RuleMatches]| {
        let mut unit = store.begin().await.unwrap();
        unit.rules().matched(matches).await.unwrap();
        unit.commit().await.unwrap();
    };
    let many: Vec<u8> = (0..30).collect();
    note(&[
        matches("a", 5, 3, 3, 100, &[]),
        matches("a", 6, 1, 1, 100, &[]),
        matches("b", 5, 9, 0, 90, &[1, 2]),
    ])
    .await;
    note(&[
        matches("a", 5, 4, 2, 80, &[]),
        matches("b", 5, 30, 0, 120, &many),
        matches("c", 5, 1, 1, 1, &[]),
    ])
    .await;
    let day =
        |rule: &str, day, matches, findings| RuleDay { rule_id: rule.to_owned(), day, matches, findings };
    let mut view = store.read().await.unwrap();
    let counted = |row: Option<RuleRow>| row.map(|row| (row.matches, row.last_matched_at_ms));
    assert_eq!(counted(view.rules().get("a").await.unwrap()), Some((8, Some(100))));
    assert_eq!(counted(view.rules().get("b").await.unwrap()), Some((39, Some(120))));
    assert_eq!(view.rules().days("a", 10).await.unwrap(), [day("a", 6, 1, 1), day("a", 5, 7, 5)]);
    assert_eq!(view.rules().days("a", 1).await.unwrap(), [day("a", 6, 1, 1)]);
    let budgets = |of: &[(&str, u64)]| -> Vec<RuleBudget> {
        of.iter()
            .map(|(id, findings)| RuleBudget { rule_id: (*id).to_owned(), findings: *findings })
            .collect()
    };
    let over = view.rules().over_budget(&budgets(&[("a", 1), ("c", 1)]), 10).await.unwrap();
    assert_eq!(over, [day("a", 5, 7, 5)], "as many as it may are no more than it may");
    let over = view.rules().over_budget(&budgets(&[("b", 0), ("a", 0)]), 2).await.unwrap();
    assert_eq!(over, [day("a", 5, 7, 5), day("a", 6, 1, 1)]);
    assert_eq!(view.rules().over_budget(&[], 10).await.unwrap(), []);
    let kept: Vec<_> = (0..30).rev().take(RULE_SAMPLES_MAX).map(sample).collect();
    assert_eq!(view.rules().samples("b").await.unwrap(), kept);
    drop(view);

    let mut unit = store.begin().await.unwrap();
    unit.rules().stage("a", Stage::Shadow, "loud", 200, &bench.audit(rule_object("a"))).await.unwrap();
    assert_eq!(unit.rules().forget_days(6, 10).await.unwrap(), 3);
    unit.commit().await.unwrap();
    let mut view = store.read().await.unwrap();
    assert_eq!(view.rules().days("a", 10).await.unwrap(), [day("a", 6, 1, 0)]);
    assert_eq!(counted(view.rules().get("a").await.unwrap()), Some((8, Some(100))), "all there ever were");
}

/// However many rules without a budget are busier, one with a budget is found.
pub async fn busy_rules_hide_no_budget(store: &dyn Store) {
    const BUSY: u64 = 1_500;
    let matches = |rule_id: String, day, findings| RuleMatches {
        rule_id,
        day,
        matches: findings,
        findings,
        last_matched_at_ms: 1,
        samples: Vec::new(),
    };
    let mut rows: Vec<_> = (0..BUSY).map(|n| matches(format!("busy-{n}"), 5, 10_000 + n)).collect();
    rows.extend((0..30).map(|day| matches("quiet".to_owned(), day, 3 + day as u64)));
    let mut unit = store.begin().await.unwrap();
    unit.rules().matched(&rows).await.unwrap();
    unit.commit().await.unwrap();
    let budget = [RuleBudget { rule_id: "quiet".to_owned(), findings: 30 }];
    let over = store.read().await.unwrap().rules().over_budget(&budget, 10).await.unwrap();
    let found: Vec<_> = over.iter().map(|day| (day.rule_id.as_str(), day.findings)).collect();
    assert_eq!(found, [("quiet", 32), ("quiet", 31)]);
}
