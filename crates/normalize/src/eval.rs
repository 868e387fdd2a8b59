//! Values and conditions over one record.

use crate::format::Format;
use crate::output::RawData;
use crate::sink::{Out, of_scalar};
use crate::time::{epoch_ms, parse_rfc3339_ms};
use crate::value::{Choice, Condition, Const, Get, Meta, Step, Test, Unlisted, Value};
use model::{EventView, FieldId, Kind, Node, RawRecord, Scalar};

/// The type that the output wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Want {
    Text(Format),
    Integer,
    Port,
    Timestamp,
    Float,
    Boolean,
    Json,
}

/// All that values are read from.
#[derive(Clone, Copy)]
pub(crate) struct Context<'e> {
    pub(crate) view: EventView<'e>,
    pub(crate) record: &'e RawRecord<'e>,
    pub(crate) time_ms: i64,
    pub(crate) event_id: &'e str,
    /// As the door says, or as the mapping tells from the body.
    pub(crate) event_type: Option<&'e str>,
    pub(crate) raw_data: RawData,
    /// The current member of a for-each.
    pub(crate) item: Option<Node<'e>>,
}

/// A value before it has the wanted type.
#[derive(Clone, Copy)]
enum Raw<'e> {
    Node(Node<'e>),
    Text(&'e str),
    Int(i64),
    Const(&'e Const),
}

/// A value of the wanted type, or several parts of one text.
#[derive(Clone, Copy)]
pub(crate) enum Given<'e> {
    One(Out<'e>),
    Parts(&'e [Value]),
}

impl<'e> Context<'e> {
    /// The first choice that gives a value of the wanted type.
    pub(crate) fn value(&self, value: &'e Value, want: Want) -> Option<Given<'e>> {
        value.choices.iter().find_map(|choice| {
            if !self.all(&choice.when) {
                return None;
            }
            if let Get::Concat(parts) = &choice.get {
                let whole =
                    matches!(want, Want::Text(Format::Any)) && parts.iter().all(|p| self.text(p).is_some());
                return whole.then_some(Given::Parts(parts));
            }
            self.choice(choice, want).map(Given::One)
        })
    }

    /// A value as a part of a text.
    pub(crate) fn text(&self, value: &'e Value) -> Option<Out<'e>> {
        value.choices.iter().find_map(|choice| {
            if !self.all(&choice.when) {
                return None;
            }
            match self.raw(choice)? {
                Raw::Const(constant) => Some(Out::Text(&constant.text)),
                raw => finish(raw, choice, Want::Text(Format::Any)),
            }
        })
    }

    /// Appends a value as text, the parts of a `concat` one after the other; false when there is none.
    pub(crate) fn write_text(&self, value: &'e Value, out: &mut String) -> bool {
        let concat = value.choices.iter().find_map(|choice| match &choice.get {
            Get::Concat(parts) if self.all(&choice.when) => Some(parts),
            _ => None,
        });
        let whole = match (self.text(value), concat) {
            (Some(one), _) => push_text(one, out),
            (None, Some(parts)) => {
                parts.iter().all(|part| self.text(part).is_some_and(|text| push_text(text, out)))
            }
            (None, None) => false,
        };
        if !whole {
            out.clear();
        }
        whole
    }

    fn choice(&self, choice: &'e Choice, want: Want) -> Option<Out<'e>> {
        finish(self.raw(choice)?, choice, want)
    }

    /// The value after all steps but the last ones that only change how it is written.
    fn raw(&self, choice: &'e Choice) -> Option<Raw<'e>> {
        let mut raw = self.get(&choice.get, keeps_tree(choice))?;
        if !choice.unless.is_empty()
            && let Some(text) = text_of(raw)
            && choice.unless.iter().any(|word| **word == *text)
        {
            return None;
        }
        for step in &choice.steps {
            raw = apply(step, raw)?;
        }
        let Some(table) = &choice.table else { return Some(raw) };
        let mut digits = [0; 20];
        match table.find(word_of(raw, &mut digits)?) {
            Some(constant) => Some(Raw::Const(constant)),
            None => match &table.default {
                Unlisted::Nothing => None,
                Unlisted::Const(constant) => Some(Raw::Const(constant)),
                Unlisted::Word => Some(raw),
            },
        }
    }

    fn get(&self, get: &'e Get, tree: bool) -> Option<Raw<'e>> {
        match get {
            Get::Field(field) if tree => self.view.all(*field).find(|node| !node.is_null()).map(Raw::Node),
            Get::Field(field) => self.view.all(*field).find(is_scalar_value).map(Raw::Node),
            Get::Below(_) | Get::Find(_) => {
                let node = self.place(get)?;
                if tree || is_scalar_value(&node) {
                    return (!node.is_null()).then_some(Raw::Node(node));
                }
                let is_array = node.kind() == Kind::Array;
                node.children().filter(|_| is_array).find(is_scalar_value).map(Raw::Node)
            }
            Get::Meta(meta) => self.meta(*meta),
            Get::Const(constant) => Some(Raw::Const(constant)),
            Get::Concat(_) => None,
        }
    }

    /// The one node that a path below a member names.
    fn place(&self, get: &Get) -> Option<Node<'e>> {
        match get {
            Get::Below(path) => self.item?.at(path.iter().map(|key| &**key)),
            Get::Find(find) => {
                let is_one = |node: &Node<'e>| {
                    let word = node.get(&find.key).and_then(|word| word.str());
                    word.is_some_and(|word| find.words.iter().any(|w| **w == *word))
                };
                // the members of an array follow the array among a field's values
                let member = self.view.all(find.array).find(is_one)?;
                member.at(find.below.iter().map(|key| &**key))
            }
            Get::Field(_) | Get::Meta(_) | Get::Const(_) | Get::Concat(_) => None,
        }
    }

    fn meta(&self, meta: Meta) -> Option<Raw<'e>> {
        match meta {
            Meta::EventType => self.event_type.map(Raw::Text),
            Meta::DeliveryId => self.record.delivery_id.map(Raw::Text),
            Meta::Source => Some(Raw::Text(self.record.source)),
            Meta::Region => Some(Raw::Text(self.record.region)),
            Meta::ReceivedAt => Some(Raw::Int(self.record.received_at_ms.max(0))),
            Meta::Time => Some(Raw::Int(self.time_ms)),
            Meta::EventId => Some(Raw::Text(self.event_id)),
            // as it came, not as it was decoded
            Meta::Record if self.raw_data == RawData::Include => {
                std::str::from_utf8(self.record.body).ok().map(Raw::Text)
            }
            Meta::Record => None,
        }
    }

    /// Every scalar of a choice that reads a path plainly; else its one value.
    pub(crate) fn each_scalar(&self, value: &'e Value, want: Want, mut put: impl FnMut(Given<'e>)) {
        for choice in value.choices.iter().filter(|choice| self.all(&choice.when)) {
            let mut any = false;
            let mut take = |node: Node<'e>| {
                let unless = |text: &str| choice.unless.iter().any(|word| **word == *text);
                if node.is_null() || node.scalar().is_none() || node.str().is_some_and(unless) {
                    return;
                }
                if let Some(out) = finish(Raw::Node(node), choice, want) {
                    any = true;
                    put(Given::One(out));
                }
            };
            let plain = choice.steps.is_empty() && choice.table.is_none();
            match &choice.get {
                Get::Field(field) if plain => self.view.all(*field).for_each(&mut take),
                Get::Below(_) | Get::Find(_) if plain => {
                    if let Some(node) = self.place(&choice.get) {
                        take(node);
                        let is_array = node.kind() == Kind::Array;
                        node.children().filter(|_| is_array).for_each(&mut take);
                    }
                }
                _ => {
                    if let Some(out) = self.choice(choice, want) {
                        any = true;
                        put(Given::One(out));
                    }
                }
            }
            if any {
                return;
            }
        }
    }

    /// The members that a for-each goes over: an array's, or the one object.
    pub(crate) fn items(&self, get: &Get) -> impl Iterator<Item = Node<'e>> + use<'e> {
        let node = match get {
            Get::Field(field) => self.view.all(*field).find(|node| !node.is_null()),
            get => self.place(get),
        };
        let is_array = node.is_some_and(|node| node.kind() == Kind::Array);
        let members = node.filter(|_| is_array).into_iter().flat_map(|node| node.children());
        node.filter(|_| !is_array).into_iter().chain(members)
    }

    pub(crate) fn all(&self, conditions: &[Condition]) -> bool {
        conditions.iter().all(|condition| self.holds(condition))
    }

    fn holds(&self, condition: &Condition) -> bool {
        match condition {
            Condition::Test(get, test) => self.test(get, test),
            Condition::Not(inner) => !self.holds(inner),
            Condition::All(inner) => inner.iter().all(|condition| self.holds(condition)),
            Condition::Any(inner) => inner.iter().any(|condition| self.holds(condition)),
        }
    }

    fn test(&self, get: &Get, test: &Test) -> bool {
        match get {
            Get::Field(field) => self.test_field(*field, test),
            Get::Below(_) | Get::Find(_) => self.place(get).is_some_and(|node| test_node(node, test)),
            Get::Meta(meta) => self.meta(*meta).and_then(text_of).is_some_and(|text| test_text(text, test)),
            Get::Const(_) | Get::Concat(_) => false,
        }
    }

    fn test_field(&self, field: FieldId, test: &Test) -> bool {
        self.view.all(field).any(|node| test_node(node, test))
    }
}

/// Appends a plain value; false for anything else.
fn push_text(value: Out<'_>, out: &mut String) -> bool {
    use std::fmt::Write;
    match value {
        Out::Text(text) => out.push_str(text),
        // writing to a String cannot fail
        Out::Int(number) => drop(write!(out, "{number}")),
        Out::Float(number) => drop(write!(out, "{number}")),
        _ => return false,
    }
    true
}

fn is_scalar_value(node: &Node<'_>) -> bool {
    match node.kind() {
        Kind::Null | Kind::Array | Kind::Object => false,
        Kind::Str => node.str().is_some_and(|text| !text.is_empty()),
        Kind::Bool | Kind::Number => true,
    }
}

/// Whether an array or object is taken whole.
pub(crate) fn keeps_tree(choice: &Choice) -> bool {
    choice.tree || matches!(choice.steps.last(), Some(Step::Json | Step::Join(_)))
}

fn text_of(raw: Raw<'_>) -> Option<&str> {
    match raw {
        Raw::Node(node) => node.str(),
        Raw::Text(text) => Some(text),
        Raw::Const(constant) => Some(&constant.text),
        Raw::Int(_) => None,
    }
}

/// A scalar as the word that tables and conditions list.
fn word_of<'a>(raw: Raw<'a>, digits: &'a mut [u8; 20]) -> Option<&'a str> {
    match raw {
        Raw::Node(node) => scalar_word(node.scalar()?, digits),
        Raw::Int(value) => int_word(value, digits),
        raw => text_of(raw),
    }
}

fn scalar_word<'a>(scalar: Scalar<'a>, digits: &'a mut [u8; 20]) -> Option<&'a str> {
    match scalar {
        Scalar::Str(text) => Some(text),
        Scalar::Bool(true) => Some("true"),
        Scalar::Bool(false) => Some("false"),
        Scalar::Int(value) => int_word(value, digits),
        Scalar::Uint(value) => int_word(i64::try_from(value).ok()?, digits),
        Scalar::Null | Scalar::Float(_) => None,
    }
}

fn int_word(value: i64, digits: &mut [u8; 20]) -> Option<&str> {
    use std::io::Write;
    let mut rest = &mut digits[..];
    write!(rest, "{value}").ok()?;
    let len = 20 - rest.len();
    std::str::from_utf8(&digits[..len]).ok()
}

fn test_node(node: Node<'_>, test: &Test) -> bool {
    if *test == Test::Present {
        return !node.is_null() && node.str() != Some("");
    }
    let mut digits = [0; 20];
    node.scalar()
        .and_then(|scalar| scalar_word(scalar, &mut digits))
        .is_some_and(|word| test_text(word, test))
}

fn test_text(text: &str, test: &Test) -> bool {
    match test {
        Test::Present => !text.is_empty(),
        Test::In(words) => words.binary_search_by(|word| (**word).cmp(text)).is_ok(),
        Test::Prefix(words) => words.iter().any(|word| text.starts_with(&**word)),
        Test::Suffix(words) => words.iter().any(|word| text.ends_with(&**word)),
        Test::Contains(words) => words.iter().any(|word| text.contains(&**word)),
    }
}

fn apply<'e>(step: &'e Step, raw: Raw<'e>) -> Option<Raw<'e>> {
    if matches!(step, Step::Lower | Step::Upper | Step::Json | Step::Join(_)) {
        return Some(raw);
    }
    let text = text_of(raw)?;
    let part = match step {
        Step::Before(separator) => text.split_once(&**separator)?.0,
        Step::After(separator) => text.split_once(&**separator)?.1,
        Step::BeforeLast(separator) => text.rsplit_once(&**separator)?.0,
        Step::AfterLast(separator) => text.rsplit_once(&**separator)?.1,
        Step::Name => text.rsplit(['/', ':']).next()?,
        Step::Part(separator, n) => text.split(&**separator).nth(*n)?,
        Step::NotIp => (!Format::Ip.holds(text)).then_some(text)?,
        Step::Containing(word) => text.contains(&**word).then_some(text)?,
        Step::Lower | Step::Upper | Step::Json | Step::Join(_) => text,
    };
    (!part.is_empty()).then_some(Raw::Text(part))
}

/// Gives the wanted type, or nothing.
fn finish<'e>(raw: Raw<'e>, choice: &'e Choice, want: Want) -> Option<Out<'e>> {
    match (choice.steps.last(), raw) {
        (Some(Step::Json), Raw::Node(node)) => return Some(Out::TreeText(node)),
        (Some(Step::Join(separator)), Raw::Node(node)) if node.kind() == Kind::Array => {
            let any = node.children().any(|child| is_scalar_value(&child));
            return any.then_some(Out::Join(node, separator));
        }
        _ => {}
    }
    match want {
        Want::Text(format) => as_text(raw, choice, format),
        Want::Json => Some(match raw {
            Raw::Node(node) => Out::Tree(node),
            raw => plain(raw),
        }),
        Want::Integer => as_int(raw).map(Out::Int),
        Want::Port => as_int(raw).filter(|port| (0..=65_535).contains(port)).map(Out::Int),
        Want::Timestamp => as_time(raw).map(Out::Int),
        Want::Float => as_float(raw).map(Out::Float),
        Want::Boolean => as_bool(raw).map(Out::Bool),
    }
}

fn plain(raw: Raw<'_>) -> Out<'_> {
    match raw {
        Raw::Node(node) => node.scalar().map_or(Out::Tree(node), of_scalar),
        Raw::Text(text) => Out::Text(text),
        Raw::Int(value) => Out::Int(value),
        Raw::Const(constant) => Out::Ready(&constant.json),
    }
}

fn as_text<'e>(raw: Raw<'e>, choice: &Choice, format: Format) -> Option<Out<'e>> {
    let text = match raw {
        Raw::Const(constant) if format == Format::Any => return Some(Out::Ready(&constant.json)),
        raw => match text_of(raw) {
            Some(text) => text,
            // a number or a boolean, written as text
            None if format == Format::Any => {
                return match plain(raw) {
                    Out::Tree(_) | Out::Ready(_) => None,
                    out => Some(out),
                };
            }
            None => return None,
        },
    };
    if text.is_empty() || !format.holds(text) {
        return None;
    }
    Some(match choice.steps.last() {
        Some(Step::Lower) => Out::Lower(text),
        Some(Step::Upper) => Out::Upper(text),
        _ => Out::Text(text),
    })
}

fn as_int(raw: Raw<'_>) -> Option<i64> {
    match raw {
        Raw::Int(value) => Some(value),
        Raw::Const(constant) => constant.int,
        Raw::Text(text) => int_of(text),
        Raw::Node(node) => match node.scalar()? {
            Scalar::Int(value) => Some(value),
            Scalar::Uint(value) => i64::try_from(value).ok(),
            Scalar::Str(text) => int_of(text),
            // beyond 2^53 a float is no exact integer
            Scalar::Float(value) if value.fract() == 0.0 && value.abs() < 9e15 => Some(value as i64),
            Scalar::Null | Scalar::Bool(_) | Scalar::Float(_) => None,
        },
    }
}

/// Digits, or hexadecimal digits after `0x`, as Windows writes process ids.
fn int_of(text: &str) -> Option<i64> {
    match text.strip_prefix("0x") {
        Some(hex) => i64::from_str_radix(hex, 16).ok().filter(|value| *value >= 0),
        None => text.parse().ok(),
    }
}

fn as_time(raw: Raw<'_>) -> Option<i64> {
    match raw {
        // the record's own clock is the door's: milliseconds already
        Raw::Int(ms) => Some(ms),
        raw => match text_of(raw) {
            Some(text) => parse_rfc3339_ms(text).or_else(|| epoch_ms(text.parse().ok()?)),
            None => match as_int(raw) {
                Some(value) => epoch_ms(value),
                // seconds with a fraction
                None => as_float(raw).filter(|s| (0.0..1e11).contains(s)).map(|s| (s * 1_000.0) as i64),
            },
        },
    }
}

fn as_float(raw: Raw<'_>) -> Option<f64> {
    let value = match raw {
        Raw::Node(node) => match node.scalar()? {
            Scalar::Float(value) => value,
            Scalar::Int(value) => value as f64,
            Scalar::Uint(value) => value as f64,
            Scalar::Str(text) => text.parse().ok()?,
            Scalar::Null | Scalar::Bool(_) => return None,
        },
        raw => text_of(raw)?.parse().ok()?,
    };
    value.is_finite().then_some(value)
}

fn as_bool(raw: Raw<'_>) -> Option<bool> {
    if let Raw::Node(node) = raw
        && let Some(Scalar::Bool(value)) = node.scalar()
    {
        return Some(value);
    }
    let text = text_of(raw)?;
    if text.eq_ignore_ascii_case("true") {
        return Some(true);
    }
    text.eq_ignore_ascii_case("false").then_some(false)
}
