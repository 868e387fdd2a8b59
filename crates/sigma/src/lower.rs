//! From an item as written to what it asks: modifiers and values become predicates as plain data,
//! equal for equal questions, so that rules share them.

use std::cmp::Ordering;

use crate::encode;
use crate::error::{ErrorCode, Fault};
use crate::limits::DASH_VARIANTS_MAX;
use crate::modifier::Modifier;
use crate::network::Network;
use crate::pattern::{self, Pattern, Token};
use crate::rule::{Item, Scalar};
use crate::value::{Number, Value};

/// One question about one field.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Question {
    /// Some value of the field has one of the patterns. Sorted, without repetition.
    Text { cased: bool, patterns: Vec<Pattern> },
    /// Some value is found by one of the expressions.
    Regex(Vec<RegexSource>),
    /// Some value is in one of the networks.
    Network(Vec<Network>),
    /// Some value stands in this order to the number, given as its canonical text.
    Order(Order, String),
    /// A part of some value's time stands in this order to the number.
    Time(Modifier, Order, String),
    /// Some value equals (begins with, ends with, contains) some value of the other field.
    SameAs { other: String, place: Place, cased: bool },
    /// The field is there.
    Exists,
    /// The field is not there, or has a null.
    Null,
}

/// A regular expression and its flags.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct RegexSource {
    pub(crate) pattern: String,
    pub(crate) ignore_case: bool,
    pub(crate) multi_line: bool,
    pub(crate) dot_all: bool,
}

impl RegexSource {
    /// An expression with the flags that an item's modifiers say.
    pub(crate) fn of(item: &Item, pattern: &str) -> Self {
        Self {
            pattern: pattern.to_owned(),
            ignore_case: item.has(Modifier::IgnoreCase),
            multi_line: item.has(Modifier::MultiLine),
            dot_all: item.has(Modifier::DotAll),
        }
    }
}

/// How a field's number stands to the rule's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Order {
    Equal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Order {
    pub(crate) fn holds(self, ordering: Ordering) -> bool {
        match self {
            Order::Equal => ordering.is_eq(),
            Order::Less => ordering.is_lt(),
            Order::LessOrEqual => ordering.is_le(),
            Order::Greater => ordering.is_gt(),
            Order::GreaterOrEqual => ordering.is_ge(),
        }
    }
}

/// Where in a field the other text stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Place {
    Whole,
    Start,
    End,
    Anywhere,
}

/// What an item asks, over questions about its field.
#[derive(Clone, Debug)]
pub(crate) enum Ask {
    One(Question),
    Not(Box<Ask>),
    All(Vec<Ask>),
    Any(Vec<Ask>),
}

/// Lowers an item, refusing values its modifiers cannot use.
pub(crate) fn lower(item: &Item) -> Result<Ask, Fault> {
    let asks = if item.has(Modifier::All) && !item.has(Modifier::Neq) {
        let each = item.values.iter().map(|value| lower_values(item, std::slice::from_ref(value)));
        return Ok(joined(each.collect::<Result<Vec<_>, _>>()?, Ask::All));
    } else {
        lower_values(item, &item.values)?
    };
    Ok(if item.has(Modifier::Neq) { Ask::Not(Box::new(asks)) } else { asks })
}

fn joined(mut asks: Vec<Ask>, join: fn(Vec<Ask>) -> Ask) -> Ask {
    if asks.len() == 1 { asks.swap_remove(0) } else { join(asks) }
}

/// The values as alternatives.
fn lower_values(item: &Item, values: &[Scalar]) -> Result<Ask, Fault> {
    if item.has(Modifier::Exists) {
        return lower_exists(item, values);
    }
    if item.has(Modifier::Re) {
        return lower_regex(item, values);
    }
    if item.has(Modifier::Cidr) {
        let networks = values.iter().map(|value| network_of(item, value)).collect::<Result<Vec<_>, _>>()?;
        return Ok(Ask::One(Question::Network(sorted(networks))));
    }
    if item.has(Modifier::FieldRef) {
        let asks = values.iter().map(|value| field_reference(item, value)).collect::<Result<Vec<_>, _>>()?;
        return Ok(joined(asks, Ask::Any));
    }
    let order = order_of(item);
    let part = item.modifiers.iter().copied().find(|m| is_time_part(*m));
    if order.is_some() || part.is_some() {
        let asks = values
            .iter()
            .map(|value| {
                let (order, bound) = (order.unwrap_or(Order::Equal), number_text(item, value)?);
                part.map_or(Ok(()), |part| check_time_part(item, (part, order), &bound))?;
                Ok(Ask::One(match part {
                    Some(part) => Question::Time(part, order, bound),
                    None => Question::Order(order, bound),
                }))
            })
            .collect::<Result<Vec<_>, Fault>>()?;
        return Ok(joined(asks, Ask::Any));
    }
    lower_texts(item, values)
}

fn bad_value(item: &Item, reason: impl Into<String>) -> Fault {
    Fault::new(item.line, ErrorCode::BadValue, reason)
}

fn sorted<T: Ord>(mut values: Vec<T>) -> Vec<T> {
    values.sort_unstable();
    values.dedup();
    values
}

pub(crate) fn is_time_part(modifier: Modifier) -> bool {
    use Modifier::{Day, Hour, Minute, Month, Week, Year};
    matches!(modifier, Minute | Hour | Day | Week | Month | Year)
}

/// Whether some time has such a part.
fn check_time_part(item: &Item, (part, order): (Modifier, Order), bound: &str) -> Result<(), Fault> {
    let (least, most) = match part {
        Modifier::Minute => (0, 59),
        Modifier::Hour => (0, 23),
        Modifier::Day => (1, 31),
        Modifier::Week => (1, 53),
        Modifier::Month => (1, 12),
        _ => return Ok(()),
    };
    // a number's text is one again
    let bound: f64 = bound.parse().unwrap_or_default();
    let holds = |part: i32| f64::from(part).partial_cmp(&bound).is_some_and(|ordering| order.holds(ordering));
    if (least..=most).any(holds) {
        return Ok(());
    }
    Err(bad_value(item, format!("no time has this: that part of it goes from {least} to {most}")))
}

fn order_of(item: &Item) -> Option<Order> {
    item.modifiers.iter().find_map(|modifier| match modifier {
        Modifier::Lt => Some(Order::Less),
        Modifier::Lte => Some(Order::LessOrEqual),
        Modifier::Gt => Some(Order::Greater),
        Modifier::Gte => Some(Order::GreaterOrEqual),
        _ => None,
    })
}

fn lower_exists(item: &Item, values: &[Scalar]) -> Result<Ask, Fault> {
    match values {
        [Scalar::Bool(true)] => Ok(Ask::One(Question::Exists)),
        [Scalar::Bool(false)] => Ok(Ask::Not(Box::new(Ask::One(Question::Exists)))),
        _ => Err(bad_value(item, "`exists` takes true or false")),
    }
}

fn lower_regex(item: &Item, values: &[Scalar]) -> Result<Ask, Fault> {
    let sources = values
        .iter()
        .map(|value| {
            let pattern = match value {
                Scalar::Text(text) | Scalar::Number(_, text) => text.clone(),
                Scalar::Null | Scalar::Bool(_) => {
                    return Err(bad_value(item, "`re` takes a regular expression"));
                }
            };
            Ok(RegexSource::of(item, &pattern))
        })
        .collect::<Result<Vec<_>, _>>()?;
    Ok(Ask::One(Question::Regex(sorted(sources))))
}

fn network_of(item: &Item, value: &Scalar) -> Result<Network, Fault> {
    let Scalar::Text(text) = value else {
        return Err(bad_value(item, "`cidr` takes a network such as 10.0.0.0/8"));
    };
    Network::parse(text).ok_or_else(|| bad_value(item, format!("`{text}` is no network such as 10.0.0.0/8")))
}

fn field_reference(item: &Item, value: &Scalar) -> Result<Ask, Fault> {
    let Scalar::Text(other) = value else {
        return Err(bad_value(item, "`fieldref` takes the name of a field"));
    };
    if other.is_empty() {
        return Err(bad_value(item, "`fieldref` takes the name of a field, here it is empty"));
    }
    let place = match place_of(item) {
        Some(Modifier::StartsWith) => Place::Start,
        Some(Modifier::EndsWith) => Place::End,
        Some(_) => Place::Anywhere,
        None => Place::Whole,
    };
    Ok(Ask::One(Question::SameAs { other: other.clone(), place, cased: item.has(Modifier::Cased) }))
}

fn place_of(item: &Item) -> Option<Modifier> {
    use Modifier::{Contains, EndsWith, StartsWith};
    item.modifiers.iter().copied().find(|m| matches!(m, Contains | StartsWith | EndsWith))
}

fn number_text(item: &Item, value: &Scalar) -> Result<String, Fault> {
    let number = match value {
        Scalar::Number(number, _) => Some(*number),
        Scalar::Text(text) => Number::parse(text),
        Scalar::Null | Scalar::Bool(_) => None,
    };
    match number {
        Some(number) => Ok(canonical(&number.as_value())),
        None => Err(bad_value(item, "a comparison and a part of a time take a number")),
    }
}

fn canonical(value: &Value<'_>) -> String {
    let mut text = String::new();
    value.write_text(&mut text);
    text
}

fn lower_texts(item: &Item, values: &[Scalar]) -> Result<Ask, Fault> {
    let mut patterns = Vec::with_capacity(values.len());
    let mut asks_null = false;
    for value in values {
        match value {
            Scalar::Null
                if item
                    .modifiers
                    .iter()
                    .all(|m| matches!(m, Modifier::All | Modifier::Neq | Modifier::Cased)) =>
            {
                asks_null = true;
            }
            Scalar::Null => return Err(bad_value(item, "null stands for no text; drop the modifiers")),
            Scalar::Bool(b) => {
                text_patterns(item, vec![Token::Text(b.to_string())], &mut patterns)?;
            }
            Scalar::Number(number, source) => {
                let canonical = canonical(&number.as_value());
                if &canonical != source {
                    text_patterns(item, vec![Token::Text(source.clone())], &mut patterns)?;
                }
                text_patterns(item, vec![Token::Text(canonical)], &mut patterns)?;
            }
            Scalar::Text(text) => {
                let expands = item.has(Modifier::Expand);
                if expands {
                    refuse_placeholders(item, text)?;
                }
                text_patterns(item, pattern::tokenize(text, expands), &mut patterns)?;
            }
        }
    }
    let mut asks = Vec::new();
    if !patterns.is_empty() {
        let cased = item.has(Modifier::Cased);
        asks.push(Ask::One(Question::Text { cased, patterns: sorted(patterns) }));
    }
    if asks_null {
        asks.push(Ask::One(Question::Null));
    }
    Ok(joined(asks, Ask::Any))
}

/// The specification: a tool that cannot resolve a placeholder rejects the rule.
fn refuse_placeholders(item: &Item, text: &str) -> Result<(), Fault> {
    let mut name: Option<String> = None;
    let mut characters = text.chars();
    while let Some(c) = characters.next() {
        match (c, &mut name) {
            ('\\', None) => drop(characters.next()),
            ('%', None) => name = Some(String::new()),
            ('%', Some(name)) if name.is_empty() => {}
            ('%', Some(name)) => {
                let reason = format!("nothing here resolves the placeholder `%{name}%`");
                return Err(Fault::new(item.line, ErrorCode::UnknownPlaceholder, reason));
            }
            (c, Some(name)) => name.push(c),
            _ => {}
        }
    }
    Ok(())
}

/// Applies the modifiers that transform a text and adds what comes out.
fn text_patterns(item: &Item, tokens: Vec<Token>, out: &mut Vec<Pattern>) -> Result<(), Fault> {
    let tokens = if item.has(Modifier::Windash) { pattern::dashes(tokens) } else { tokens };
    let encoded = match encoded_texts(item, &tokens)? {
        Some(texts) => texts
            .into_iter()
            .map(|text| if text.is_empty() { Vec::new() } else { vec![Token::Text(text)] })
            .collect(),
        None => pattern::expand_dashes(tokens, DASH_VARIANTS_MAX),
    };
    for mut tokens in encoded {
        if !item.has(Modifier::Cased) {
            pattern::fold_tokens(&mut tokens);
        }
        let place = if item.field.is_none() { Some(Modifier::Contains) } else { place_of(item) };
        if matches!(place, Some(Modifier::Contains | Modifier::EndsWith)) {
            tokens.insert(0, Token::Many);
        }
        if matches!(place, Some(Modifier::Contains | Modifier::StartsWith)) {
            tokens.push(Token::Many);
        }
        out.push(Pattern::from_tokens(tokens));
    }
    Ok(())
}

/// What a value is where modifiers encode it; `None` where none does.
pub(crate) fn encoded_texts(item: &Item, tokens: &[Token]) -> Result<Option<Vec<String>>, Fault> {
    use Modifier::{Base64, Base64Offset, Utf16, Utf16Be, Utf16Le};
    let utf16 = item.modifiers.iter().copied().find(|m| matches!(m, Utf16Le | Utf16Be | Utf16));
    let base64 = item.modifiers.iter().copied().find(|m| matches!(m, Base64 | Base64Offset));
    if utf16.is_none() && base64.is_none() {
        return Ok(None);
    }
    let Some(text) = pattern::plain(tokens) else {
        return Err(bad_value(
            item,
            "a value with wildcards cannot be encoded; escape them with a backslash",
        ));
    };
    let bytes = encode::to_bytes(text, utf16);
    match base64 {
        Some(Base64) => Ok(Some(vec![encode::base64(&bytes)])),
        Some(_) => Ok(Some(encode::base64_offsets(&bytes))),
        None => match String::from_utf8(bytes) {
            Ok(text) => Ok(Some(vec![text])),
            Err(_) => Err(bad_value(
                item,
                "this value in UTF-16 is no text that an event could carry; add `base64` or `base64offset`",
            )),
        },
    }
}
