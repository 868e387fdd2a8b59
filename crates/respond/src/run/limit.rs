//! How long a step may take: no step waits for ever (section 4.1 leaves the default to who executes it).

use crate::playbook::{Command, Playbook, Step, StepKind};

/// Time of a step that machines do and that says nothing of it, in milliseconds.
pub const STEP_MS_DEFAULT: u64 = 5 * 60_000;

/// Time of a step that people do and that says nothing of it, in milliseconds.
pub const PEOPLE_MS_DEFAULT: u64 = 4 * 60 * 60_000;

/// Longest time of a step, in milliseconds.
pub const STEP_MS_MAX: u64 = 7 * 24 * 60 * 60_000;

/// Longest wait before a step, in milliseconds.
pub const DELAY_MS_MAX: u64 = 24 * 60 * 60_000;

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
            let waits = |command: &Command| command.kind == "manual" || command.call.is_some();
            let by_hand = commands.iter().any(|command| waits(command) || !command.is_known());
            let agent = playbook.agents.get(agent);
            by_hand || agent.is_some_and(|agent| agent.is_people() || !agent.is_known())
        }
        StepKind::PlaybookAction { .. } => true,
        _ => false,
    }
}
