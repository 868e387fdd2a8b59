//! Entities that contain each other: who takes owner and criticality from whom, and cycles.

use super::entity::{Draft, EntityRef, People};
use crate::error::{Fault, FaultCode};
use foldhash::{HashMap, HashSet};

/// What one entity gives to its parts.
#[derive(Debug, Clone, Default)]
struct Inherited {
    owner: Option<String>,
    team: Option<String>,
    criticality: Option<String>,
    environment: Option<String>,
}

/// Fills what entities leave out from what they are a part of, and drops groups and users.
pub(super) fn resolve(mut drafts: Vec<Draft>, people: &People, faults: &mut Vec<Fault>) -> Vec<Draft> {
    let mut by_ref: HashMap<EntityRef, usize> = HashMap::default();
    for (at, draft) in drafts.iter().enumerate() {
        if let Some(entity) = &draft.entity {
            by_ref.entry(entity.clone()).or_insert(at);
        }
    }
    let in_cycle = cycles(&drafts, &by_ref, faults);
    unknown_owners(&drafts, people, faults);
    for at in 0..drafts.len() {
        let inherited = inherit(at, &drafts, &by_ref, &in_cycle);
        let service = &mut drafts[at].service;
        if service.owner.is_none() {
            (service.owner, service.team) = (inherited.owner, inherited.team);
        }
        service.criticality = service.criticality.take().or(inherited.criticality);
        service.environment = service.environment.take().or(inherited.environment);
    }
    drafts.retain(|draft| !draft.is_person);
    for draft in &drafts {
        if draft.service.owner.is_none() {
            let reason = format!("nobody owns `{}`; name an `owner`", draft.service.name);
            faults.push(Fault::new(&draft.file, draft.line, FaultCode::Unowned, reason));
        }
    }
    drafts
}

/// Walks up from an entity, nearest first; entities in a cycle give nothing.
fn inherit(
    start: usize,
    drafts: &[Draft],
    by_ref: &HashMap<EntityRef, usize>,
    in_cycle: &HashSet<usize>,
) -> Inherited {
    let mut inherited = Inherited::default();
    let (mut queue, mut seen) = (vec![start], HashSet::default());
    let mut next = 0;
    while let Some(&at) = queue.get(next) {
        next += 1;
        if in_cycle.contains(&at) || !seen.insert(at) {
            continue;
        }
        if at != start {
            let service = &drafts[at].service;
            if inherited.owner.is_none() && service.owner.is_some() {
                inherited.owner.clone_from(&service.owner);
                inherited.team.clone_from(&service.team);
            }
            inherited.criticality = inherited.criticality.or_else(|| service.criticality.clone());
            inherited.environment = inherited.environment.or_else(|| service.environment.clone());
        }
        queue.extend(drafts[at].parents.iter().filter_map(|(_, parent, _)| by_ref.get(parent)));
    }
    inherited
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mark {
    New,
    Open,
    Done,
}

/// Finds cycles depth first, without recursion, and tells each once with the whole way around.
fn cycles(drafts: &[Draft], by_ref: &HashMap<EntityRef, usize>, faults: &mut Vec<Fault>) -> HashSet<usize> {
    let mut marks = vec![Mark::New; drafts.len()];
    let mut in_cycle = HashSet::default();
    for start in 0..drafts.len() {
        // the way from the start, each with the number of the parent that is looked at next
        let mut way: Vec<(usize, usize)> = Vec::new();
        if marks[start] == Mark::New {
            marks[start] = Mark::Open;
            way.push((start, 0));
        }
        while let Some((at, parent)) = way.last_mut() {
            let Some((_, reference, _)) = drafts[*at].parents.get(*parent) else {
                marks[*at] = Mark::Done;
                way.pop();
                continue;
            };
            *parent += 1;
            let Some(&up) = by_ref.get(reference) else { continue };
            match marks[up] {
                Mark::New => {
                    marks[up] = Mark::Open;
                    way.push((up, 0));
                }
                Mark::Open => {
                    let from = way.iter().position(|(at, _)| *at == up).unwrap_or(0);
                    faults.push(told(drafts, &way[from..]));
                    in_cycle.extend(way[from..].iter().map(|(at, _)| *at));
                }
                Mark::Done => {}
            }
        }
    }
    in_cycle
}

/// Steps of a cycle that are spelled out; a longer one says how many there are.
const STEPS_SHOWN: usize = 12;

fn told(drafts: &[Draft], way: &[(usize, usize)]) -> Fault {
    let mut text = String::new();
    for (at, parent) in way.iter().take(STEPS_SHOWN) {
        let draft = &drafts[*at];
        let name = draft.entity.as_ref().map(ToString::to_string).unwrap_or_default();
        // `parent` was counted on already when its edge was followed
        let word = draft.parents.get(parent.saturating_sub(1)).map_or("", |(word, ..)| *word);
        text.push_str(&format!("{name} —{word}→ "));
    }
    if way.len() > STEPS_SHOWN {
        text.push_str(&format!("… ({} more) → ", way.len() - STEPS_SHOWN));
    }
    let first = way.first().map(|(at, _)| &drafts[*at]);
    let name = first.and_then(|draft| draft.entity.as_ref()).map(ToString::to_string).unwrap_or_default();
    let (file, line) = first.map_or(("", 1), |draft| (&draft.file, draft.line));
    let reason = format!("these contain each other: {text}{name}; take one of the references out");
    Fault::new(file, line, FaultCode::Cycle, reason)
}

/// Owners that are no entity, told where the catalogue has groups or users at all.
fn unknown_owners(drafts: &[Draft], people: &People, faults: &mut Vec<Fault>) {
    if people.known.is_empty() {
        return;
    }
    for draft in drafts.iter().filter(|draft| draft.entity.is_some()) {
        let Some(owner) = draft.service.owner.as_deref() else { continue };
        let known = EntityRef::parse(owner, "group", "default").is_some_and(|r| people.known.contains(&r));
        if !known {
            let reason = format!("the owner `{owner}` is no group or user of this catalogue");
            faults.push(Fault::new(&draft.file, draft.line, FaultCode::UnknownReference, reason));
        }
    }
}
