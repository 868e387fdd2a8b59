//! The way of a run, by cases: which tasks in which order, for which outcomes, to which end.

use crate::workflow::{id, playbook};
use respond::playbook::Playbook;
use respond::run::{
    End, HANDLER_MS_MAX, Machine, Outcome, RUN_MARGIN_MS, RUN_MS_MAX, STEPS_TAKEN_MAX, TURNS_MAX, Task,
    handler_limit_ms, rehearse, run_limit_ms,
};
use serde_json::{Value, json};

/// Takes a run through; `outcome` says what comes of a task by the name of its step. Returns the names in order.
fn run(playbook: &Playbook, mut outcome: impl FnMut(&str) -> Outcome) -> (Vec<String>, End) {
    let mut machine = Machine::begin(playbook, &[]).unwrap();
    let mut done = Vec::new();
    loop {
        // stored and read again after every step: nothing is lost
        let stored = serde_json::to_string(&machine).unwrap();
        let tasks = machine.tasks();
        machine = serde_json::from_str(&stored).unwrap();
        assert_eq!(machine.tasks(), tasks);
        let Some(Task { number, step }) = tasks.into_iter().min_by_key(|task| task.number) else { break };
        let name = playbook.step(&step).unwrap().name.clone();
        let outcome = outcome(&name);
        done.push(name);
        machine.settle(playbook, number, outcome).unwrap();
    }
    (done, machine.end().unwrap().clone())
}

fn well(_: &str) -> Outcome {
    Outcome::Success(Vec::new())
}

fn steps(names: &str, end: &str) -> (Vec<String>, End) {
    let end = match end.split_once(' ') {
        None => End::Completed,
        Some((kind, step)) => {
            let (step, reason) = (id(step).parse().unwrap(), "no".to_owned());
            if kind == "failed" { End::Failed { step, reason } } else { End::Handled { step, reason } }
        }
    };
    (names.split_whitespace().map(str::to_owned).collect(), end)
}

/// Fails the steps of these names.
fn failing<'n>(names: &'n [&'n str]) -> impl FnMut(&str) -> Outcome + 'n {
    move |name| {
        if names.contains(&name) { Outcome::Failure("no".into()) } else { Outcome::Success(Vec::new()) }
    }
}

fn by_outcome() -> Value {
    json!({
        "start/s": { "on_completion": "action/a" },
        "action/a": { "name": "a", "on_success": "action/b", "on_failure": "action/c" },
        "action/b": { "name": "b", "on_completion": "end/e" },
        "action/c": { "name": "c", "on_completion": "end/e" },
        "action/x": { "name": "x", "on_completion": "end/e" },
        "end/e": {},
    })
}

#[test]
fn outcomes_choose_what_comes_next() {
    let plain = playbook("start/s", &by_outcome(), &json!({}));
    assert_eq!(run(&plain, well), steps("a b", "completed"));
    assert_eq!(run(&plain, failing(&["a"])), steps("a c", "completed"));
    assert_eq!(run(&plain, failing(&["b"])), steps("a b", "failed action/b"));
    let handled = playbook("start/s", &by_outcome(), &json!({ "workflow_exception": "action/x" }));
    assert_eq!(run(&handled, failing(&["b"])), steps("a b x", "handled action/b"));
    // the handler has one chance
    assert_eq!(run(&handled, failing(&["b", "x"])), steps("a b x", "failed action/x"));
}

#[test]
fn branches_run_at_once_and_meet() {
    let steps_of = json!({
        "start/s": { "on_completion": "parallel/p" },
        "parallel/p": { "next_steps": ["action/a", "action/b"], "on_completion": "action/c" },
        "action/a": { "name": "a", "on_completion": "end/a" },
        "action/b": { "name": "b", "on_completion": "action/d" },
        "action/d": { "name": "d", "on_completion": "end/b" },
        "action/c": { "name": "c", "on_completion": "end/e" },
        "end/a": {}, "end/b": {}, "end/e": {},
    });
    let playbook = playbook("start/s", &steps_of, &json!({}));
    let machine = Machine::begin(&playbook, &[]).unwrap();
    assert_eq!(machine.tasks().len(), 2);
    assert_eq!(run(&playbook, well), steps("a b d c", "completed"));
    assert_eq!(run(&playbook, failing(&["d"])), steps("a b d", "failed action/d"));
}

fn questions() -> Value {
    json!({
        "start/s": { "on_completion": "if-condition/i" },
        "if-condition/i": {
            "condition": "__n__:value > 1", "on_true": "action/a", "on_false": "action/b",
            "on_completion": "switch-condition/w",
        },
        "action/a": { "name": "a" },
        "action/b": { "name": "b", "on_completion": "end/x" },
        "switch-condition/w": {
            "switch": "n is __n__:value", "cases": { "n is 1": "action/c", "default": "action/d" },
            "on_completion": "while-condition/l",
        },
        "action/c": { "name": "c" },
        "action/d": { "name": "d" },
        "while-condition/l": {
            "condition": "__n__:value < 4", "on_true": "action/t", "on_completion": "end/e",
        },
        "action/t": { "name": "t", "out_args": ["__n__"], "on_completion": "end/y" },
        "end/x": {}, "end/y": {}, "end/e": {},
    })
}

#[test]
fn questions_choose_branches_and_end_loops() {
    for (n, expected) in [("1", "b c t t t"), ("2", "a d t t"), ("4", "a d")] {
        let variables = json!({ "playbook_variables": { "__n__": { "type": "integer", "value": n } } });
        let playbook = playbook("start/s", &questions(), &variables);
        let mut value: i32 = n.parse().unwrap();
        let ran = run(&playbook, |name| {
            let turn = name == "t";
            value += i32::from(turn);
            Outcome::Success(if turn { vec![("__n__".into(), value.to_string())] } else { Vec::new() })
        });
        assert_eq!(ran, steps(expected, "completed"), "{n}");
    }
}

#[test]
fn a_value_that_is_none_fails_the_step() {
    let variables = json!({ "playbook_variables": { "__n__": { "type": "integer", "value": "1" } } });
    let playbook = playbook("start/s", &questions(), &variables);
    let (_, end) = run(&playbook, |_| Outcome::Success(vec![("__n__".into(), "many".into())]));
    assert!(matches!(end, End::Failed { reason, .. } if reason.contains("many")));
    assert!(Machine::begin(&playbook, &[("__n__".into(), "x".into())]).is_err());
    assert!(Machine::begin(&playbook, &[("__m__".into(), "1".into())]).is_err());
}

#[test]
fn a_value_for_a_variable_of_the_step_ends_with_it() {
    let own = json!({ "__ready__": { "type": "boolean" } });
    let steps = json!({
        "start/s": { "on_completion": "action/a" },
        "action/a": { "name": "a", "step_variables": own, "out_args": ["__ready__"], "on_completion": "end/e" },
        "end/e": {},
    });
    let playbook = playbook("start/s", &steps, &json!({}));
    let (_, end) = run(&playbook, |_| Outcome::Success(vec![("__ready__".into(), "true".into())]));
    assert_eq!(end, End::Completed);
    let (_, end) = run(&playbook, |_| Outcome::Success(vec![("__ready__".into(), "soon".into())]));
    assert!(matches!(end, End::Failed { .. }));
}

#[test]
fn what_has_no_end_is_ended() {
    let round = json!({
        "start/s": { "on_completion": "action/a" },
        "action/a": { "name": "a", "on_completion": "action/a" },
    });
    let (done, end) = run(&playbook("start/s", &round, &json!({})), well);
    assert_eq!(done.len() as u32, STEPS_TAKEN_MAX - 1);
    assert!(matches!(end, End::Failed { reason, .. } if reason.contains("steps")));

    let loops = json!({
        "start/s": { "on_completion": "while-condition/l" },
        "while-condition/l": { "condition": "NOT __n__:value = 1", "on_true": "action/a" },
        "action/a": { "name": "a" },
    });
    let variables = json!({ "playbook_variables": { "__n__": { "type": "integer", "value": "0" } } });
    let looped = playbook("start/s", &loops, &variables);
    let (done, end) = run(&looped, well);
    assert_eq!(done.len() as u32, TURNS_MAX);
    assert!(matches!(end, End::Failed { reason, .. } if reason.contains("turned")));

    for (what, steps) in [
        ("branches", json!({ "parallel/p": { "next_steps": ["parallel/p", "parallel/p"] } })),
        ("nest", json!({ "parallel/p": { "next_steps": ["parallel/p"] } })),
    ] {
        let rehearsal = rehearse(&playbook("parallel/p", &steps, &json!({})), &[]).unwrap();
        assert!(
            matches!(&rehearsal.end, Some(End::Failed { reason, .. }) if reason.contains("branches") || reason.contains("nest")),
            "{what}: {:?}",
            rehearsal.end
        );
    }
}

#[test]
fn a_task_is_settled_once() {
    let playbook = playbook("start/s", &by_outcome(), &json!({}));
    let mut machine = Machine::begin(&playbook, &[]).unwrap();
    let task = machine.tasks().remove(0);
    machine.settle(&playbook, task.number, Outcome::Success(Vec::new())).unwrap();
    let before = machine.clone();
    assert!(machine.settle(&playbook, task.number, Outcome::Failure("late".into())).is_err());
    assert_eq!(machine, before);
    machine.stop("enough");
    assert!(machine.tasks().is_empty());
    assert_eq!(machine.end(), Some(&End::Stopped { reason: "enough".into() }));
    assert_eq!(machine.take_trail().len(), 3);
}

/// The longest way, in minutes, without what workers take.
fn longest_min(start: &str, steps: &Value) -> i64 {
    let more = json!({ "playbook_variables": { "__n__": { "type": "integer", "value": "0" } } });
    (run_limit_ms(&playbook(start, steps, &more)) - RUN_MARGIN_MS) / 60_000
}

fn minutes(name: &str, minutes: u64, more: &Value) -> Value {
    let mut step = json!({ "name": name, "timeout": minutes * 60_000 });
    for (key, value) in more.as_object().into_iter().flatten() {
        step[key] = value.clone();
    }
    step
}

#[test]
fn a_run_has_the_time_of_its_longest_way() {
    let end = json!({ "on_completion": "end/e" });
    let line = json!({
        "start/s": { "on_completion": "action/a" },
        "action/a": minutes("a", 2880, &json!({ "on_success": "action/b", "on_failure": "action/c" })),
        "action/b": minutes("b", 10, &end),
        "action/c": minutes("c", 30, &json!({ "delay": 60_000, "on_completion": "end/e" })),
        "end/e": {},
    });
    assert_eq!(longest_min("start/s", &line), 2880 + 31);
    let branches = json!({
        "start/s": { "on_completion": "parallel/p" },
        "parallel/p": { "next_steps": ["action/a", "action/b"], "on_completion": "if-condition/i" },
        "action/a": minutes("a", 20, &json!({})),
        "action/b": minutes("b", 10, &json!({ "on_completion": "action/c" })),
        "action/c": minutes("c", 15, &json!({})),
        "if-condition/i": {
            "condition": "__n__:value = 1", "on_true": "action/d", "on_false": "action/f", "on_completion": "switch-condition/w",
        },
        "action/d": minutes("d", 1, &json!({})),
        "action/f": minutes("f", 2, &json!({})),
        "switch-condition/w": { "switch": "__n__:value", "cases": { "x": "action/g", "default": "end/e" } },
        "action/g": minutes("g", 4, &end),
        "end/e": {},
    });
    assert_eq!(longest_min("start/s", &branches), 25 + 2 + 4);
    // nothing is said of the time: four hours where people do it
    let unsaid = json!({ "action/a": { "name": "a", "on_completion": "end/e" }, "end/e": {} });
    assert_eq!(longest_min("action/a", &unsaid), 240);
    let turns = json!({
        "start/s": { "on_completion": "while-condition/w" },
        "while-condition/w": { "condition": "__n__:value = 1", "on_true": "action/a", "on_completion": "action/b" },
        "action/a": minutes("a", 1, &json!({})),
        "action/b": minutes("b", 5, &end),
        "end/e": {},
    });
    assert_eq!(longest_min("start/s", &turns), i64::from(TURNS_MAX) + 5);
}

#[test]
fn ways_round_and_long_ways_are_bounded() {
    let round = json!({
        "action/a": minutes("a", 1, &json!({ "on_success": "end/e", "on_failure": "action/b" })),
        "action/b": minutes("b", 1, &json!({ "on_completion": "action/a" })),
        "end/e": {},
    });
    let line = json!({ "action/a": minutes("a", 1, &json!({ "on_completion": "end/e" })), "end/e": {} });
    let mut long = json!({ "end/e": {} });
    for at in 0..200 {
        let next = if at == 199 { "end/e".to_owned() } else { format!("action/{}", at + 1) };
        long[format!("action/{at}")] = minutes("x", 7 * 24 * 60, &json!({ "on_completion": next }));
    }
    for (start, steps) in [("action/a", &round), ("action/0", &long)] {
        let playbook = playbook(start, steps, &json!({}));
        assert_eq!((run_limit_ms(&playbook), handler_limit_ms(&playbook)), (RUN_MS_MAX, None));
    }
    // one that handles for ever leaves the way itself as it is
    let mut steps = line.clone();
    for (name, step) in round.as_object().unwrap() {
        steps[name.replace("action/", "action/r")] =
            serde_json::from_str(&step.to_string().replace("action/", "action/r")).unwrap();
    }
    let handled = playbook("action/a", &steps, &json!({ "workflow_exception": "action/ra" }));
    assert_eq!(run_limit_ms(&handled), 60_000 + RUN_MARGIN_MS);
    assert_eq!(handler_limit_ms(&handled), Some(HANDLER_MS_MAX));
    let handled = playbook("action/a", &line, &json!({ "workflow_exception": "action/a" }));
    assert_eq!(handler_limit_ms(&handled), Some(60_000 + RUN_MARGIN_MS));
}
