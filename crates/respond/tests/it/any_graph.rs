//! Any workflow at all, with any outcomes, ends within its bounds.

use crate::workflow::document;
use proptest::prelude::*;
use respond::playbook::read;
use respond::run::{BRANCHES_MAX, Machine, Outcome, STEPS_TAKEN_MAX};
use serde_json::{Map, Value, json};

pub(crate) const STEPS: usize = 8;
pub(crate) const KINDS: [&str; 7] =
    ["start", "end", "action", "parallel", "if-condition", "while-condition", "switch-condition"];

/// A step of any kind with any exits; some exits are none.
pub(crate) fn step() -> impl Strategy<Value = (usize, [usize; 4], u8)> {
    (0..KINDS.len(), prop::array::uniform4(0..STEPS), any::<u8>())
}

pub(crate) fn workflow(drawn: &[(usize, [usize; 4], u8)]) -> (String, Value) {
    let name = |at: usize| format!("{}/{at}", KINDS[drawn[at].0]);
    let mut steps = Map::new();
    for (at, (kind, exits, bits)) in drawn.iter().enumerate() {
        let exit = |n: usize| Value::from(name(exits[n]));
        let mut step = match KINDS[*kind] {
            "start" => json!({ "on_completion": exit(0) }),
            "parallel" => json!({ "next_steps": [exit(1), exit(2)] }),
            "if-condition" => {
                json!({ "condition": "__n__:value < 3", "on_true": exit(1), "on_false": exit(2) })
            }
            "while-condition" => json!({ "condition": "__n__:value < 3", "on_true": exit(1) }),
            "switch-condition" => {
                json!({ "switch": "__n__:value", "cases": { "1": exit(1), "default": exit(2) } })
            }
            _ => json!({}),
        };
        if !matches!(KINDS[*kind], "start" | "end") {
            match bits % 4 {
                0 => step["on_completion"] = exit(0),
                1 => step["on_success"] = exit(0),
                2 => {
                    step["on_success"] = exit(0);
                    step["on_failure"] = exit(3);
                }
                _ => {}
            }
        }
        steps.insert(name(at), step);
    }
    (name(0), steps.into())
}

proptest! {
    #[test]
    fn it_ends(
        drawn in prop::collection::vec(step(), STEPS),
        outcomes in prop::collection::vec((any::<bool>(), 0..6i32, any::<prop::sample::Index>()), 1..40),
        has_handler in any::<bool>(),
    ) {
        let (start, steps) = workflow(&drawn);
        let mut more = json!({ "playbook_variables": { "__n__": { "type": "integer", "value": "0" } } });
        if has_handler {
            more["workflow_exception"] = format!("{}/1", KINDS[drawn[1].0]).into();
        }
        let playbook = match read(&document(&start, &steps, &more).to_string()) {
            Ok((playbook, _)) => playbook,
            Err(refused) => panic!("{refused}"),
        };
        let mut machine = Machine::begin(&playbook, &[]).unwrap();
        let mut turn = 0;
        while machine.end().is_none() {
            let tasks = machine.tasks();
            prop_assert!(!tasks.is_empty(), "it waits for nothing");
            prop_assert!(tasks.len() <= BRANCHES_MAX);
            let (well, n, which) = &outcomes[turn % outcomes.len()];
            let task = &tasks[which.index(tasks.len())];
            let outcome = if *well {
                Outcome::Success(vec![("__n__".to_owned(), n.to_string())])
            } else {
                Outcome::Failure("drawn".to_owned())
            };
            machine.settle(&playbook, task.number, outcome).unwrap();
            turn += 1;
            prop_assert!(turn <= STEPS_TAKEN_MAX as usize);
        }
        prop_assert!(machine.taken() <= STEPS_TAKEN_MAX);
        prop_assert!(machine.tasks().is_empty());
    }

    #[test]
    fn reading_never_panics(text in "\\PC{0,200}|\\{.{0,200}") {
        let _ = read(&text);
        prop_assert!(respond::playbook::Condition::parse(&text).map(|c| c.as_str() == text).unwrap_or(true));
    }
}
