//! Makes one change to a detection.

use super::{Edit, Place, Way};
use crate::condition::Expression;
use crate::modifier::Modifier;
use crate::rule::{Detection, Item, Scalar, Search};

/// Makes the change; `None`, and anything may have happened, where the place is not there.
pub(super) fn apply(edit: &Edit, detection: &mut Detection) -> Option<()> {
    match edit {
        Edit::DropSelection(at) => drop(take(&mut detection.selections, *at)?),
        Edit::DropCondition(at) => drop(take(&mut detection.conditions, *at)?),
        Edit::DropItem(place) => with_items(detection, *place, &mut drop_from::<Item>)?,
        Edit::DropAlternative(selection, place, member) => {
            let search = &mut detection.selections.get_mut(*selection)?.search;
            let Search::Any(members) = search_at(search, &mut { *place })? else { return None };
            drop_from(members, *member)?;
        }
        Edit::DropValue(place, at) => {
            with_item(detection, *place, &mut |item| drop_from(&mut item.values, *at))?
        }
        Edit::Contains(place) => with_item(detection, *place, &mut contain)?,
        Edit::Exists(place) => with_item(detection, *place, &mut exist)?,
        Edit::AllToAny(place) => with_item(detection, *place, &mut |item| {
            item.modifiers.retain(|modifier| *modifier != Modifier::All);
            Some(())
        })?,
        Edit::Boundary(place) => with_item(detection, *place, &mut move_boundary)?,
        Edit::DropMember(way, member) => {
            let expression = at_way(detection, way)?;
            let (Expression::And(members) | Expression::Or(members)) = expression else { return None };
            drop_from(members, *member)?;
            if members.len() == 1 {
                let last = members.pop()?;
                *expression = last;
            }
        }
        Edit::Negate(way) => {
            let expression = at_way(detection, way)?;
            *expression = match std::mem::replace(expression, Expression::And(Vec::new())) {
                Expression::Not(inner) => *inner,
                other => Expression::Not(Box::new(other)),
            };
        }
        Edit::AndOr(way) => {
            let expression = at_way(detection, way)?;
            *expression = match std::mem::replace(expression, Expression::And(Vec::new())) {
                Expression::And(members) => Expression::Or(members),
                Expression::Or(members) => Expression::And(members),
                _ => return None,
            };
        }
        Edit::Quantifier(way) => {
            let Expression::Of { all, .. } = at_way(detection, way)? else { return None };
            *all = !*all;
        }
        Edit::ElementsQuantifier(place, quantifier) => with_item(detection, *place, &mut |item| {
            item.elements.as_mut()?.quantifier = *quantifier;
            Some(())
        })?,
    }
    Some(())
}

/// Takes a member out of a list, where it is there.
fn take<T>(list: &mut Vec<T>, at: usize) -> Option<T> {
    (at < list.len()).then(|| list.remove(at))
}

/// The same where something must be left.
fn drop_from<T>(list: &mut Vec<T>, at: usize) -> Option<()> {
    (list.len() > 1).then(|| take(list, at)).flatten().map(drop)
}

fn at_way<'d>(detection: &'d mut Detection, (condition, way): &Way) -> Option<&'d mut Expression> {
    let mut expression = &mut detection.conditions.get_mut(*condition)?.expression;
    for step in way {
        expression = match expression {
            Expression::Not(inner) => inner.as_mut(),
            Expression::And(members) | Expression::Or(members) => members.get_mut(*step)?,
            Expression::Selection(_) | Expression::Of { .. } => return None,
        };
    }
    Some(expression)
}

fn with_item(
    detection: &mut Detection,
    place: Place,
    change: &mut dyn FnMut(&mut Item) -> Option<()>,
) -> Option<()> {
    with_items(detection, place, &mut |items, at| change(items.get_mut(at)?))
}

/// Calls `change` with the map that has the item, and where in it.
fn with_items(
    detection: &mut Detection,
    (selection, item): Place,
    change: &mut dyn FnMut(&mut Vec<Item>, usize) -> Option<()>,
) -> Option<()> {
    /// `None` where the item stands later; `skip` is then what is left of the way to it.
    fn descend(
        search: &mut Search,
        skip: &mut usize,
        change: &mut dyn FnMut(&mut Vec<Item>, usize) -> Option<()>,
    ) -> Option<Option<()>> {
        let items = match search {
            Search::Any(members) => return members.iter_mut().find_map(|m| descend(m, skip, change)),
            Search::All(items) => items,
        };
        for at in 0..items.len() {
            let Some(left) = skip.checked_sub(1) else { return Some(change(items, at)) };
            *skip = left;
            let elements = items.get_mut(at).and_then(|item| item.elements.as_mut());
            if let Some(done) = elements.and_then(|elements| descend(&mut elements.body, skip, change)) {
                return Some(done);
            }
        }
        None
    }
    let search = &mut detection.selections.get_mut(selection)?.search;
    descend(search, &mut { item }, change).flatten()
}

/// The map or list at a place among those of a search in source order; `skip` is what is left of the way to it.
fn search_at<'s>(search: &'s mut Search, skip: &mut usize) -> Option<&'s mut Search> {
    let Some(left) = skip.checked_sub(1) else { return Some(search) };
    *skip = left;
    match search {
        Search::Any(members) => members.iter_mut().find_map(|member| search_at(member, skip)),
        Search::All(items) => {
            let mut bodies = items.iter_mut().filter_map(|item| item.elements.as_mut());
            bodies.find_map(|elements| search_at(&mut elements.body, skip))
        }
    }
}

fn contain(item: &mut Item) -> Option<()> {
    item.modifiers.retain(|modifier| !matches!(modifier, Modifier::StartsWith | Modifier::EndsWith));
    item.modifiers.insert(0, Modifier::Contains);
    Some(())
}

fn exist(item: &mut Item) -> Option<()> {
    item.elements = None;
    item.modifiers = vec![Modifier::Exists];
    item.values = vec![Scalar::Bool(true)];
    item.is_list = false;
    Some(())
}

/// The comparison that differs in the boundary alone.
pub(super) fn other_side(modifier: Modifier) -> Option<Modifier> {
    Some(match modifier {
        Modifier::Lt => Modifier::Lte,
        Modifier::Lte => Modifier::Lt,
        Modifier::Gt => Modifier::Gte,
        Modifier::Gte => Modifier::Gt,
        _ => return None,
    })
}

fn move_boundary(item: &mut Item) -> Option<()> {
    let (place, other) = item.modifiers.iter_mut().find_map(|m| other_side(*m).map(|other| (m, other)))?;
    *place = other;
    Some(())
}
