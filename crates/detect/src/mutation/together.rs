//! Values that meet several items on one field: the path that begins so and ends so, the number between two bounds.

use super::samples::{around, literal, samples, written};
use serde_json::Value as Json;
use sigma::rule::{Item, Scalar};
use sigma::{Modifier, Rule};

/// Values of one item, and items of one field, that are put together with others into one text.
const PARTS_OF_ITEM_MAX: usize = 3;
const PARTS_MAX: usize = 12;
/// Texts of one field that are put together so.
const COMBINATIONS_MAX: usize = 60;

/// Where in a text an item wants its value.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    Start,
    Middle,
    End,
}

/// What an item wants in a text beside what others want there; `None` where it wants the whole of it.
fn wanted_part(item: &Item, value: &Scalar) -> Option<(Place, String)> {
    let has = |modifier| item.modifiers.contains(&modifier);
    let place = [
        (Modifier::StartsWith, Place::Start),
        (Modifier::EndsWith, Place::End),
        (Modifier::Contains, Place::Middle),
        (Modifier::Re, Place::Middle),
    ];
    let (_, place) = place.into_iter().find(|(modifier, _)| has(*modifier))?;
    if has(Modifier::FieldRef) || has(Modifier::Neq) {
        return None;
    }
    let text = match sigma::texts_that_meet(item, value) {
        Some(texts) => texts.into_iter().next()?,
        None => literal(value),
    };
    Some((place, text))
}

/// One text with all parts in it.
fn together(mut parts: Vec<(Place, String)>) -> String {
    parts.sort_by_key(|(place, _)| *place);
    let mut text = String::new();
    for (at, (place, part)) in parts.iter().enumerate() {
        // two in the middle must not become one word
        if *place == Place::Middle
            && at > 0
            && parts.get(at - 1).is_some_and(|(before, _)| *before == Place::Middle)
        {
            text.push(' ');
        }
        text.push_str(part);
    }
    text
}

pub(super) fn combined_or_first(item: &Item, others: &[&Item], rule: &Rule) -> Option<Json> {
    let combined = (!others.is_empty()).then(|| combined(item, others)).flatten();
    combined.or_else(|| samples(item, rule).into_iter().next())
}

/// A value that meets an item and the others on its field, where they want parts of a text, or bound a number.
pub(super) fn combined(item: &Item, others: &[&Item]) -> Option<Json> {
    let all = std::iter::once(item).chain(others.iter().copied());
    let parts: Option<Vec<_>> = all.clone().map(|item| wanted_part(item, item.values.first()?)).collect();
    if let Some(parts) = parts {
        return Some(Json::from(together(parts)));
    }
    let all: Vec<&Item> = all.collect();
    let numbers = all.iter().flat_map(|item| item.values.iter()).flat_map(|value| around(&written(value)));
    numbers.into_iter().find(|number| all.iter().all(|item| bounds(item, number)))
}

/// Whether a number is within what an item asks of it; false for items that ask for something else.
fn bounds(item: &Item, number: &Json) -> bool {
    let (Some(number), [Scalar::Number(_, bound)]) = (number.as_f64(), item.values.as_slice()) else {
        return false;
    };
    let Ok(bound) = bound.parse::<f64>() else { return false };
    match item.modifiers.as_slice() {
        [Modifier::Lt] => number < bound,
        [Modifier::Lte] => number <= bound,
        [Modifier::Gt] => number > bound,
        [Modifier::Gte] => number >= bound,
        [] => number.total_cmp(&bound).is_eq(),
        _ => false,
    }
}

/// Texts that meet two or three items on one field, of whatever selections, and texts of the tests with what an item wants
/// put before or after.
pub(super) fn combinations(items: &[&Item], of_tests: &[Json]) -> Vec<Json> {
    let mut parts: Vec<(usize, (Place, String))> = Vec::new();
    for (number, item) in items.iter().enumerate() {
        let of_item = item.values.iter().filter_map(|value| wanted_part(item, value));
        parts.extend(of_item.take(PARTS_OF_ITEM_MAX).map(|part| (number, part)));
    }
    parts.truncate(PARTS_MAX);
    let mut found: Vec<Json> = Vec::new();
    for (at, (number, part)) in parts.iter().enumerate() {
        for text in of_tests.iter().filter_map(Json::as_str).take(PARTS_OF_ITEM_MAX) {
            found.push(Json::from(match part.0 {
                Place::Start => format!("{}{text}", part.1),
                Place::Middle => format!("{text} {}", part.1),
                Place::End => format!("{text}{}", part.1),
            }));
        }
        for (second, (other, another)) in parts.iter().enumerate().skip(at + 1) {
            if number == other {
                continue;
            }
            found.push(Json::from(together(vec![part.clone(), another.clone()])));
            let third = parts.iter().skip(second + 1).find(|(third, _)| third != number && third != other);
            found.extend(
                third.map(|(_, third)| {
                    Json::from(together(vec![part.clone(), another.clone(), third.clone()]))
                }),
            );
        }
    }
    found.truncate(COMBINATIONS_MAX);
    found
}
