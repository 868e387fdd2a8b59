//! The reference evaluator: what a rule means, worked out value by value from its syntax tree
//! with the plainest code there is. Slow, and independent of the compiled program: no lowering,
//! no sharing, no index, no memory between questions. Tests hold [`crate::RuleSet`] against it.

use std::net::IpAddr;

use crate::condition::Expression;
use crate::fold::fold_char;
use crate::modifier::Modifier;
use crate::pattern::DASHES;
use crate::rule::{Elements, Item, Quantifier, Rule, Scalar, Search};
use crate::time;
use crate::value::{Content, EventView, FieldInterner, Number, Places, Value};

/// Whether a rule matches an event, whatever its logsource. Only for rules that
/// [`crate::RuleSet::compile`] accepts: a value that cannot be used matches nothing here.
pub fn matches(rule: &Rule, interner: &mut impl FieldInterner, view: &impl EventView) -> bool {
    rule.detection.conditions.iter().any(|condition| holds(&condition.expression, rule, interner, view))
}

fn holds(
    expression: &Expression,
    rule: &Rule,
    interner: &mut impl FieldInterner,
    view: &impl EventView,
) -> bool {
    let selections = &rule.detection.selections;
    match expression {
        Expression::Selection(name) => selections
            .iter()
            .filter(|s| &s.name == name)
            .any(|s| found(&s.search, &Scope::default(), interner, view)),
        Expression::Of { all: true, target } => selections
            .iter()
            .filter(|s| target.includes(&s.name))
            .all(|s| found(&s.search, &Scope::default(), interner, view)),
        Expression::Of { all: false, target } => selections
            .iter()
            .filter(|s| target.includes(&s.name))
            .any(|s| found(&s.search, &Scope::default(), interner, view)),
        Expression::Not(inner) => !holds(inner, rule, interner, view),
        Expression::And(members) => members.iter().all(|member| holds(member, rule, interner, view)),
        Expression::Or(members) => members.iter().any(|member| holds(member, rule, interner, view)),
    }
}

/// Where names lead: the event, or one element of an array.
#[derive(Clone, Default)]
pub(crate) struct Scope {
    pub(crate) path: String,
    pub(crate) element: Option<Places>,
}

impl Scope {
    pub(crate) fn path(&self, name: &str) -> String {
        if self.path.is_empty() {
            name.to_owned()
        } else if name == "." {
            self.path.clone()
        } else {
            format!("{}.{name}", self.path)
        }
    }
}

/// Whether a search is answered by what names in the scope lead to.
pub(crate) fn found(
    search: &Search,
    scope: &Scope,
    interner: &mut impl FieldInterner,
    view: &impl EventView,
) -> bool {
    match search {
        Search::All(items) => items.iter().all(|item| item_matches(item, scope, interner, view)),
        Search::Any(searches) => searches.iter().any(|search| found(search, scope, interner, view)),
    }
}

/// What is asked of the elements of an array, one by one.
fn elements_match(
    elements: &Elements,
    path: String,
    scope: &Scope,
    interner: &mut impl FieldInterner,
    view: &impl EventView,
) -> bool {
    let places = element_places(&path, scope, interner, view);
    let mut answers = places
        .iter()
        .map(|at| found(&elements.body, &Scope { path: path.clone(), element: Some(*at) }, interner, view));
    match elements.quantifier {
        Quantifier::Any => answers.any(|answer| answer),
        Quantifier::None => answers.all(|answer| !answer),
        Quantifier::AllOrEmpty => answers.all(|answer| answer),
        Quantifier::All => !places.is_empty() && answers.all(|answer| answer),
    }
}

/// Where the elements are of the arrays at a path, within the scope.
pub(crate) fn element_places(
    path: &str,
    scope: &Scope,
    interner: &mut impl FieldInterner,
    view: &impl EventView,
) -> Vec<Places> {
    let mut places = Vec::new();
    view.each_placed(interner.intern(path), &mut |at, content| {
        let is_element = !matches!(content, Content::Array | Content::Scalar(Value::Null));
        if is_element && scope.element.is_none_or(|around| around.hold(at)) {
            places.push(at);
        }
    });
    places
}

/// What a field holds in one event.
struct Field {
    exists: bool,
    has_null: bool,
    texts: Vec<String>,
}

fn field(
    name: Option<&str>,
    scope: &Scope,
    interner: &mut impl FieldInterner,
    view: &impl EventView,
) -> Field {
    let mut field = Field { exists: false, has_null: false, texts: Vec::new() };
    let mut keep = |value: Value<'_>| {
        let mut text = String::new();
        if value.write_text(&mut text) {
            field.texts.push(text);
        } else {
            field.has_null = true;
        }
        false
    };
    match name {
        Some(name) if scope.element.is_some() => {
            let mut exists = false;
            view.each_placed(interner.intern(&scope.path(name)), &mut |at, content| {
                if scope.element.is_some_and(|around| around.hold(at)) {
                    exists = true;
                    if let Content::Scalar(value) = content {
                        keep(value);
                    }
                }
            });
            field.exists = exists;
        }
        Some(name) => {
            let id = interner.intern(name);
            view.any(id, &mut keep);
            field.exists = view.exists(id);
        }
        None => {
            view.any_scalar(&mut keep);
        }
    }
    field
}

fn item_matches(
    item: &Item,
    scope: &Scope,
    interner: &mut impl FieldInterner,
    view: &impl EventView,
) -> bool {
    if let (Some(elements), Some(name)) = (&item.elements, &item.field) {
        return elements_match(elements, scope.path(name), scope, interner, view);
    }
    let own = field(item.field.as_deref(), scope, interner, view);
    let mut answers = item.values.iter().map(|value| {
        let other = match value {
            Scalar::Text(name) if item.has(Modifier::FieldRef) => {
                Some(field(Some(name), scope, interner, view))
            }
            _ => None,
        };
        value_matches(item, value, &own, other.as_ref())
    });
    if item.has(Modifier::Neq) {
        !answers.any(|answer| answer)
    } else if item.has(Modifier::All) {
        answers.all(|answer| answer)
    } else {
        answers.any(|answer| answer)
    }
}

fn value_matches(item: &Item, value: &Scalar, own: &Field, other: Option<&Field>) -> bool {
    if item.has(Modifier::Exists) {
        return matches!(value, Scalar::Bool(wanted) if *wanted == own.exists);
    }
    if matches!(value, Scalar::Null) {
        return own.has_null || !own.exists;
    }
    own.texts.iter().any(|text| text_matches(item, value, text, other))
}

fn text_matches(item: &Item, value: &Scalar, text: &str, other: Option<&Field>) -> bool {
    if let Some(other) = other {
        return other.texts.iter().any(|theirs| {
            let theirs = theirs.chars().map(Piece::Character).collect();
            pieces_match(&placed(item, theirs), text, item.has(Modifier::Cased))
        });
    }
    if item.has(Modifier::Re) {
        return regex_matches(item, &written(value), text);
    }
    if item.has(Modifier::Cidr) {
        return in_network(text, &written(value));
    }
    if let Some(answer) = compared(item, value, text) {
        return answer;
    }
    candidates(item, value)
        .into_iter()
        .any(|pieces| pieces_match(&placed(item, pieces), text, item.has(Modifier::Cased)))
}

fn written(value: &Scalar) -> String {
    match value {
        Scalar::Null => String::new(),
        Scalar::Bool(b) => b.to_string(),
        Scalar::Number(_, text) | Scalar::Text(text) => text.clone(),
    }
}

fn regex_matches(item: &Item, pattern: &str, text: &str) -> bool {
    let mut flags = String::new();
    for (modifier, flag) in [(Modifier::IgnoreCase, 'i'), (Modifier::MultiLine, 'm'), (Modifier::DotAll, 's')]
    {
        if item.has(modifier) {
            flags.push(flag);
        }
    }
    let whole = if flags.is_empty() { pattern.to_owned() } else { format!("(?{flags}:{pattern})") };
    regex::Regex::new(&whole).is_ok_and(|regex| regex.is_match(text))
}

/// Compares addresses bit by bit.
fn in_network(text: &str, network: &str) -> bool {
    let bits = |address: IpAddr| -> Vec<bool> {
        let bytes = match address {
            IpAddr::V4(v4) => v4.octets().to_vec(),
            IpAddr::V6(v6) => v6.octets().to_vec(),
        };
        bytes.iter().flat_map(|byte| (0..8).rev().map(move |bit| byte >> bit & 1 == 1)).collect()
    };
    let (base, length) = network.split_once('/').map_or((network, None), |(b, l)| (b, l.parse().ok()));
    let (Ok(base), Ok(address)) =
        (base.parse::<IpAddr>(), text.split('%').next().unwrap_or(text).parse::<IpAddr>())
    else {
        return false;
    };
    let (base, address) = (bits(base), bits(address.to_canonical()));
    let length = length.unwrap_or(base.len());
    base.len() == address.len() && base.iter().zip(&address).take(length).all(|(a, b)| a == b)
}

/// Answers comparisons and parts of times; `None` if the item asks for neither.
fn compared(item: &Item, value: &Scalar, text: &str) -> Option<bool> {
    use Modifier::{Day, Gt, Gte, Hour, Lt, Lte, Minute, Month, Week, Year};
    let part =
        item.modifiers.iter().copied().find(|m| matches!(m, Minute | Hour | Day | Week | Month | Year));
    let order = item.modifiers.iter().copied().find(|m| matches!(m, Lt | Lte | Gt | Gte));
    if part.is_none() && order.is_none() {
        return None;
    }
    let ours = match value {
        Scalar::Number(number, _) => Some(*number),
        Scalar::Text(text) => Number::parse(text),
        Scalar::Null | Scalar::Bool(_) => None,
    };
    let theirs = match part {
        Some(part) => time::part_of(text, part).map(Number::Int),
        None => Number::parse(text),
    };
    let (Some(ours), Some(theirs)) = (ours, theirs) else { return Some(false) };
    let ordering = theirs.compare(&ours);
    Some(match order {
        Some(Lt) => ordering.is_lt(),
        Some(Lte) => ordering.is_le(),
        Some(Gt) => ordering.is_gt(),
        Some(Gte) => ordering.is_ge(),
        _ => ordering.is_eq(),
    })
}

/// One position of a pattern.
#[derive(Clone, Debug)]
enum Piece {
    Character(char),
    One,
    Many,
    Dash,
}

fn placed(item: &Item, mut pieces: Vec<Piece>) -> Vec<Piece> {
    let contains = item.has(Modifier::Contains) || item.field.is_none();
    if contains || item.has(Modifier::EndsWith) {
        pieces.insert(0, Piece::Many);
    }
    if contains || item.has(Modifier::StartsWith) {
        pieces.push(Piece::Many);
    }
    pieces
}

/// The patterns a value stands for.
fn candidates(item: &Item, value: &Scalar) -> Vec<Vec<Piece>> {
    let characters = |text: &str| -> Vec<Piece> { text.chars().map(Piece::Character).collect() };
    let readings: Vec<Vec<Piece>> = match value {
        Scalar::Null => Vec::new(),
        Scalar::Bool(b) => vec![characters(&b.to_string())],
        Scalar::Number(number, source) => {
            let mut canonical = String::new();
            number.as_value().write_text(&mut canonical);
            vec![characters(&canonical), characters(source)]
        }
        Scalar::Text(text) => vec![unescaped(text, item.has(Modifier::Expand))],
    };
    readings
        .into_iter()
        .flat_map(|pieces| encoded(item, pieces))
        .map(|pieces| if item.has(Modifier::Windash) { with_dashes(&pieces) } else { pieces })
        .collect()
}

fn unescaped(text: &str, percent: bool) -> Vec<Piece> {
    let characters: Vec<char> = text.chars().collect();
    let mut pieces = Vec::new();
    let mut at = 0;
    while let Some(&c) = characters.get(at) {
        let next = characters.get(at + 1).copied();
        at += 1;
        pieces.push(match (c, next) {
            ('\\', Some(special @ ('*' | '?' | '\\'))) => {
                at += 1;
                Piece::Character(special)
            }
            ('\\', Some('%')) if percent => {
                at += 1;
                Piece::Character('%')
            }
            ('*', _) => Piece::Many,
            ('?', _) => Piece::One,
            (c, _) => Piece::Character(c),
        });
    }
    pieces
}

/// A dash or slash that begins a flag: no word character before it, one after it.
fn with_dashes(pieces: &[Piece]) -> Vec<Piece> {
    let is_word = |piece: Option<&Piece>| matches!(piece, Some(Piece::Character(c)) if c.is_alphanumeric() || *c == '_');
    pieces
        .iter()
        .enumerate()
        .map(|(at, piece)| {
            let before = at.checked_sub(1).and_then(|at| pieces.get(at));
            match piece {
                Piece::Character(c)
                    if DASHES.contains(c) && !is_word(before) && is_word(pieces.get(at + 1)) =>
                {
                    Piece::Dash
                }
                piece => piece.clone(),
            }
        })
        .collect()
}

fn encoded(item: &Item, pieces: Vec<Piece>) -> Vec<Vec<Piece>> {
    let utf16 = [Modifier::Utf16Le, Modifier::Utf16Be, Modifier::Utf16].into_iter().find(|m| item.has(*m));
    let base64 = [Modifier::Base64, Modifier::Base64Offset].into_iter().find(|m| item.has(*m));
    if utf16.is_none() && base64.is_none() {
        return vec![pieces];
    }
    let text: Option<String> =
        pieces.iter().map(|p| if let Piece::Character(c) = p { Some(*c) } else { None }).collect();
    let Some(text) = text else { return Vec::new() };
    let mut bytes: Vec<u8> = Vec::new();
    match utf16 {
        None => bytes.extend_from_slice(text.as_bytes()),
        Some(order) => {
            if order == Modifier::Utf16 {
                bytes.extend([0xFF, 0xFE]);
            }
            for unit in text.encode_utf16() {
                let (high, low) = ((unit >> 8) as u8, (unit & 0xFF) as u8);
                bytes.extend(if order == Modifier::Utf16Be { [high, low] } else { [low, high] });
            }
        }
    }
    let texts = match base64 {
        None => String::from_utf8(bytes).ok().into_iter().collect(),
        Some(Modifier::Base64) => {
            let mut whole = base64_digits(&bytes, 0, true);
            whole.push_str("=".repeat((4 - whole.len() % 4) % 4).as_str());
            vec![whole]
        }
        Some(_) => {
            (0..3).map(|offset| base64_digits(&bytes, offset, false)).filter(|own| !own.is_empty()).collect()
        }
    };
    texts.iter().map(|text| text.chars().map(Piece::Character).collect()).collect()
}

/// The Base64 digits of bytes that stand after `offset` others: those all of whose six bits are
/// ours, or with `padded` any of them.
fn base64_digits(bytes: &[u8], offset: usize, padded: bool) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let (from, to) = (offset * 8, (offset + bytes.len()) * 8);
    let bit = |at: usize| {
        at.checked_sub(from)
            .and_then(|at| bytes.get(at / 8).map(|byte| byte >> (7 - at % 8) & 1))
            .unwrap_or(0)
    };
    let mut digits = String::new();
    let mut at = 0;
    while at < to {
        if padded || (at >= from && at + 6 <= to) {
            let digit = (at..at + 6).fold(0_usize, |digit, at| digit << 1 | usize::from(bit(at)));
            digits.push(char::from(*ALPHABET.get(digit).unwrap_or(&b'=')));
        }
        at += 6;
    }
    digits
}

/// Whether the pieces cover the whole text, by trying every way (one row of a table for each
/// piece: which beginnings of the text the pieces so far can cover).
fn pieces_match(pieces: &[Piece], text: &str, cased: bool) -> bool {
    let text: Vec<char> = text.chars().collect();
    let equal = |a: char, b: char| if cased { a == b } else { fold_char(a) == fold_char(b) };
    let mut covered = vec![false; text.len() + 1];
    if let Some(first) = covered.first_mut() {
        *first = true;
    }
    for piece in pieces {
        let before = |at: usize| covered.get(at).copied().unwrap_or(false);
        covered = if matches!(piece, Piece::Many) {
            let shortest = covered.iter().position(|covered| *covered);
            (0..=text.len()).map(|end| shortest.is_some_and(|shortest| end >= shortest)).collect()
        } else {
            let one = |end: usize| -> bool {
                let Some((at, c)) = end.checked_sub(1).and_then(|at| Some((at, *text.get(at)?))) else {
                    return false;
                };
                let fits = match piece {
                    Piece::Character(wanted) => equal(*wanted, c),
                    Piece::Dash => DASHES.contains(&c),
                    Piece::One | Piece::Many => true,
                };
                fits && before(at)
            };
            (0..=text.len()).map(one).collect()
        };
    }
    covered.last().copied().unwrap_or(false)
}
