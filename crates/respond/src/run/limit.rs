//! How long a step and a run may take: nothing waits for ever (section 4.1 leaves the default to who executes it).

use super::TURNS_MAX;
use super::script::SSH;
use crate::playbook::{Command, Identifier, Playbook, Step, StepKind};
use std::collections::BTreeMap;

/// Time of a step that machines do and that says nothing of it, in milliseconds.
pub const STEP_MS_DEFAULT: u64 = 5 * 60_000;

/// Time of a step that people do and that says nothing of it, in milliseconds.
pub const PEOPLE_MS_DEFAULT: u64 = 4 * 60 * 60_000;

/// Longest time of a step, in milliseconds.
pub const STEP_MS_MAX: u64 = 7 * 24 * 60 * 60_000;

/// Longest wait before a step, in milliseconds.
pub const DELAY_MS_MAX: u64 = 24 * 60 * 60_000;

/// Longest time of a run until its handler has it, in milliseconds.
pub const RUN_MS_MAX: i64 = 30 * 24 * 60 * 60_000;

/// Longest time of the handler of a run, in milliseconds.
pub const HANDLER_MS_MAX: i64 = 7 * 24 * 60 * 60_000;

/// What a run has beyond the times of its steps, in milliseconds: workers come to a step a little after it is due.
pub const RUN_MARGIN_MS: i64 = 60 * 60_000;

/// How long a run may take where nothing is said, in milliseconds: as long as the longest way through its playbook, and
/// [`RUN_MARGIN_MS`]; at most [`RUN_MS_MAX`]. The handler has a [time of its own](handler_limit_ms).
pub fn run_limit_ms(playbook: &Playbook) -> i64 {
    with_margin(longest_ms(playbook, &playbook.start)).min(RUN_MS_MAX)
}

/// How long the playbook's handler may take, in milliseconds: as long as the longest way from it, and [`RUN_MARGIN_MS`];
/// at most [`HANDLER_MS_MAX`]. None if it has no handler.
pub fn handler_limit_ms(playbook: &Playbook) -> Option<i64> {
    let handler = playbook.exception.as_ref().filter(|id| playbook.steps.contains_key(*id))?;
    Some(with_margin(longest_ms(playbook, handler)).min(HANDLER_MS_MAX))
}

fn with_margin(way_ms: u64) -> i64 {
    i64::try_from(way_ms).unwrap_or(i64::MAX).saturating_add(RUN_MARGIN_MS)
}

/// The longest way from a step to an end, in milliseconds; at most [`RUN_MS_MAX`], which is what a way round comes to that
/// takes any time at all.
fn longest_ms(playbook: &Playbook, from: &Identifier) -> u64 {
    let mut ways: BTreeMap<&Identifier, u64> = BTreeMap::new();
    let mut ahead = vec![from];
    while let Some(id) = ahead.pop() {
        let step = playbook.steps.get_key_value(id).filter(|(id, _)| !ways.contains_key(*id));
        if let Some((id, step)) = step {
            ways.insert(id, 0);
            ahead.extend(step.exits().into_iter().map(|(_, id)| id));
        }
    }
    // each round tells ways of one more step; a way without a round has no more steps than there are
    for _ in 0..=ways.len() {
        let mut grew = false;
        for id in ways.keys().copied().collect::<Vec<_>>() {
            let Some(step) = playbook.steps.get(id) else { continue };
            let way_ms = way_ms(playbook, step, |id| ways.get(id).copied().unwrap_or_default());
            grew |= ways.insert(id, way_ms).is_some_and(|before| before < way_ms);
        }
        if !grew {
            return ways.get(from).copied().unwrap_or_default();
        }
    }
    RUN_MS_MAX.unsigned_abs()
}

/// The longest way from a step, by those from what may come of it.
fn way_ms<'p>(playbook: &Playbook, step: &'p Step, from: impl Fn(&'p Identifier) -> u64) -> u64 {
    let own_ms = match &step.kind {
        StepKind::Action { .. } | StepKind::PlaybookAction { .. } => {
            delay_ms(step).saturating_add(limit_ms(playbook, step))
        }
        StepKind::Parallel { branches } => branches.iter().map(&from).max().unwrap_or_default(),
        StepKind::If { on_true, on_false, .. } => {
            from(on_true).max(on_false.as_ref().map(&from).unwrap_or_default())
        }
        StepKind::Switch { cases, .. } => cases.values().map(&from).max().unwrap_or_default(),
        StepKind::While { on_true, .. } => from(on_true).saturating_mul(u64::from(TURNS_MAX)),
        StepKind::Start | StepKind::End => 0,
    };
    let next = [&step.on_completion, &step.on_success, &step.on_failure];
    let next_ms = next.into_iter().flatten().map(from).max().unwrap_or_default();
    own_ms.saturating_add(next_ms).min(RUN_MS_MAX.unsigned_abs())
}

/// After what time the step has failed, in milliseconds; a playbook that it calls has as long.
pub fn limit_ms(playbook: &Playbook, step: &Step) -> u64 {
    let default = if is_for_people(playbook, step) { PEOPLE_MS_DEFAULT } else { STEP_MS_DEFAULT };
    step.timeout_ms.unwrap_or(default).min(STEP_MS_MAX)
}

/// How long to wait before the step, in milliseconds.
pub fn delay_ms(step: &Step) -> u64 {
    step.delay_ms.min(DELAY_MS_MAX)
}

fn is_for_people(playbook: &Playbook, step: &Step) -> bool {
    match &step.kind {
        StepKind::Action { commands, agent, .. } => {
            // an action may wait until people have said yes
            let waits =
                |command: &Command| matches!(command.kind.as_str(), "manual" | SSH) || command.call.is_some();
            let by_hand = commands.iter().any(|command| waits(command) || !command.is_known());
            let agent = playbook.agents.get(agent);
            by_hand || agent.is_some_and(|agent| agent.is_people() || !agent.is_known())
        }
        StepKind::PlaybookAction { .. } => true,
        _ => false,
    }
}
