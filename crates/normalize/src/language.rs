//! The right side of a mapping file: values, conditions, functions. See `docs/reference/mappings.md`.

use crate::value::{By, Choice, Condition, Const, Find, Get, Meta, Step, Table, Test, Unlisted, Value};
use crate::yaml::{Fault, Kind, Yaml};
use model::FieldTable;

/// Keys of a value that is written as a map.
const VALUE_KEYS: &[&str] =
    &["from", "const", "concat", "when", "unless", "as", "enum", "prefix", "default", "tree"];

/// Reads a value: a path, a constant, a map, or a list of choices.
pub(crate) fn value(yaml: &Yaml, fields: &mut FieldTable) -> Result<Value, Fault> {
    let mut choices = Vec::new();
    for item in yaml.one_or_more() {
        choices.extend(choice(item, fields)?);
    }
    Ok(Value { choices })
}

/// One item of a value; several choices when `from` lists several paths.
fn choice(yaml: &Yaml, fields: &mut FieldTable) -> Result<Vec<Choice>, Fault> {
    let plain =
        |get| Choice { when: Vec::new(), get, unless: [].into(), steps: [].into(), table: None, tree: false };
    let entries = match &yaml.kind {
        Kind::Map(entries) => entries,
        Kind::Text(text) => {
            if let Some(text) = text.strip_prefix('=') {
                return Ok(vec![plain(Get::Const(Const::text(text)))]);
            }
            let gets = paths(text, fields).map_err(|reason| (yaml.line, reason))?;
            return Ok(gets.into_iter().map(plain).collect());
        }
        _ => return Ok(vec![plain(Get::Const(constant(yaml)?))]),
    };
    if let Some((key, node)) = entries.iter().find(|(key, _)| !VALUE_KEYS.contains(&key.as_str())) {
        let known = VALUE_KEYS.join(", ");
        return Err((node.line, format!("`{key}` is no part of a value; there are {known}")));
    }
    let when = yaml.get("when").map_or(Ok(Vec::new()), |when| conditions(when, fields))?;
    let unless = words(yaml.get("unless"))?;
    let steps = steps(yaml)?;
    let table = table(yaml)?;
    let tree = matches!(yaml.get("tree").map(|t| &t.kind), Some(Kind::Bool(true)));
    let gets = sources(yaml, fields)?;
    let whole = |get| Choice {
        when: when.clone(),
        get,
        unless: unless.clone(),
        steps: steps.clone(),
        table: table.clone(),
        tree,
    };
    Ok(gets.into_iter().map(whole).collect())
}

/// Where a value that is written as a map comes from; exactly one of `from`, `const`, `concat`.
fn sources(yaml: &Yaml, fields: &mut FieldTable) -> Result<Vec<Get>, Fault> {
    match (yaml.get("from"), yaml.get("const"), yaml.get("concat")) {
        (Some(from), None, None) => {
            let mut gets = Vec::new();
            for item in from.one_or_more() {
                gets.extend(paths(item.text()?, fields).map_err(|reason| (item.line, reason))?);
            }
            Ok(gets)
        }
        (None, Some(node), None) => Ok(vec![Get::Const(constant(node)?)]),
        (None, None, Some(parts)) => {
            let parts = parts.list()?.iter().map(|part| value(part, fields));
            Ok(vec![Get::Concat(parts.collect::<Result<_, _>>()?)])
        }
        _ => Err((yaml.line, "a value has exactly one of `from`, `const`, `concat`".into())),
    }
}

fn constant(yaml: &Yaml) -> Result<Const, Fault> {
    match &yaml.kind {
        Kind::Text(text) => Ok(Const::text(text)),
        Kind::Int(value) => Ok(Const::int(*value)),
        Kind::Bool(value) => Ok(Const::bool(*value)),
        _ => Err((yaml.line, "a constant is a text, an integer, true or false".into())),
    }
}

/// Alternatives: `eventType|eventtype`. The words of a `[key=a|b]` are not split.
fn paths(text: &str, fields: &mut FieldTable) -> Result<Vec<Get>, String> {
    if text.contains('[') {
        return Ok(vec![path(text, fields)?]);
    }
    text.split('|').map(|one| path(one, fields)).collect()
}

/// `array[key=word|word].below`
fn find(text: &str, fields: &mut FieldTable) -> Result<Get, String> {
    let wrong = || format!("`{text}` is not written array[key=word].path");
    let (array, rest) = text.split_once('[').ok_or_else(wrong)?;
    let (test, below) = rest.split_once(']').ok_or_else(wrong)?;
    let (key, words) = test.split_once('=').ok_or_else(wrong)?;
    let below = below.strip_prefix('.').ok_or_else(wrong)?;
    Ok(Get::Find(Box::new(Find {
        array: fields.intern(array),
        key: key.into(),
        words: words.split('|').map(Box::from).collect(),
        below: below.split('.').map(Box::from).collect(),
    })))
}

/// `a.b` of the record, `.a.b` of the current member, `$name` of what the door knows.
pub(crate) fn path(text: &str, fields: &mut FieldTable) -> Result<Get, String> {
    if let Some(name) = text.strip_prefix('$') {
        return Ok(Get::Meta(match name {
            "event_type" => Meta::EventType,
            "delivery_id" => Meta::DeliveryId,
            "source" => Meta::Source,
            "region" => Meta::Region,
            "received_at" => Meta::ReceivedAt,
            "time" => Meta::Time,
            "event_id" => Meta::EventId,
            "record" => Meta::Record,
            _ => {
                return Err(format!(
                    "${name} is not known; there are $event_type, $delivery_id, $source, \
                                     $region, $received_at, $time, $event_id, $record"
                ));
            }
        }));
    }
    if text.contains('[') {
        return find(text, fields);
    }
    if text == "." {
        return Ok(Get::Below([].into()));
    }
    if let Some(below) = text.strip_prefix('.') {
        return Ok(Get::Below(below.split('.').map(Box::from).collect()));
    }
    if text.is_empty() || text.split('.').any(str::is_empty) {
        return Err(format!("`{text}` is not a path"));
    }
    Ok(Get::Field(fields.intern(text)))
}

fn words(yaml: Option<&Yaml>) -> Result<Box<[Box<str>]>, Fault> {
    let Some(yaml) = yaml else { return Ok([].into()) };
    let text = |y: &Yaml| y.scalar_text().map(Box::from).ok_or((y.line, "expected a word".to_owned()));
    let mut words = yaml.one_or_more().iter().map(text).collect::<Result<Vec<Box<str>>, _>>()?;
    words.sort();
    Ok(words.into())
}

fn steps(yaml: &Yaml) -> Result<Box<[Step]>, Fault> {
    let Some(list) = yaml.get("as") else { return Ok([].into()) };
    let steps = list.one_or_more().iter().map(step).collect::<Result<Vec<_>, _>>()?;
    let is_last = |step: &Step| matches!(step, Step::Lower | Step::Upper | Step::Json | Step::Join(_));
    if steps.iter().rev().skip(1).any(is_last) {
        return Err((list.line, "lower, upper, json and join can only stand last".into()));
    }
    if steps.last().is_some_and(is_last) && (yaml.get("enum").is_some() || yaml.get("prefix").is_some()) {
        return Err((list.line, "lower, upper, json and join do not go before a table".into()));
    }
    Ok(steps.into())
}

fn step(yaml: &Yaml) -> Result<Step, Fault> {
    const KNOWN: &str = "before, after, before_last, after_last, part, name, not_ip, containing, lower, \
                         upper, json, join";
    let unknown = |name: &str| (yaml.line, format!("`{name}` is not a function; there are {KNOWN}"));
    match &yaml.kind {
        Kind::Text(name) => match name.as_str() {
            "name" => Ok(Step::Name),
            "not_ip" => Ok(Step::NotIp),
            "lower" => Ok(Step::Lower),
            "upper" => Ok(Step::Upper),
            "json" => Ok(Step::Json),
            name => Err(unknown(name)),
        },
        Kind::Map(entries) if entries.len() == 1 => {
            let (name, argument) = &entries[0];
            if name == "part" {
                let [separator, n] = argument.list()? else {
                    return Err((argument.line, "part takes [separator, number from 0]".into()));
                };
                let Kind::Int(n) = n.kind else { return Err((n.line, "expected a number".into())) };
                return Ok(Step::Part(separator.text()?.into(), usize::try_from(n).unwrap_or(usize::MAX)));
            }
            let argument = argument.text()?.into();
            match name.as_str() {
                "before" => Ok(Step::Before(argument)),
                "after" => Ok(Step::After(argument)),
                "before_last" => Ok(Step::BeforeLast(argument)),
                "after_last" => Ok(Step::AfterLast(argument)),
                "containing" => Ok(Step::Containing(argument)),
                "join" => Ok(Step::Join(argument)),
                name => Err(unknown(name)),
            }
        }
        _ => Err((yaml.line, format!("a function is one of {KNOWN}"))),
    }
}

fn table(yaml: &Yaml) -> Result<Option<Table>, Fault> {
    let (by, entries) = match (yaml.get("enum"), yaml.get("prefix")) {
        (Some(entries), None) => (By::Exact, entries),
        (None, Some(entries)) => (By::Prefix, entries),
        (None, None) => {
            return match yaml.get("default") {
                Some(node) => Err((node.line, "`default` goes with `enum` or `prefix`".into())),
                None => Ok(None),
            };
        }
        (Some(_), Some(node)) => return Err((node.line, "either `enum` or `prefix`, not both".into())),
    };
    let default = match yaml.get("default") {
        None => Unlisted::Nothing,
        Some(Yaml { kind: Kind::Text(text), .. }) if text == "." => Unlisted::Word,
        Some(node) => Unlisted::Const(constant(node)?),
    };
    let entry = |(key, node): &(String, Yaml)| Ok((Box::from(key.as_str()), constant(node)?));
    let entries = entries.map()?.iter().map(entry).collect::<Result<Vec<_>, Fault>>()?;
    Ok(Some(Table::new(by, entries, default)))
}

/// Reads `when:`: every entry must hold. Keys are paths, `any` or `not`.
pub(crate) fn conditions(yaml: &Yaml, fields: &mut FieldTable) -> Result<Vec<Condition>, Fault> {
    let mut all = Vec::new();
    for (key, node) in yaml.map()? {
        all.push(match key.as_str() {
            "any" => Condition::Any(
                node.list()?.iter().map(|one| conjunction(one, fields)).collect::<Result<_, _>>()?,
            ),
            "not" => Condition::Not(Box::new(conjunction(node, fields)?)),
            key => {
                let gets = paths(key, fields).map_err(|reason| (node.line, reason))?;
                let tests = gets.into_iter().map(|get| condition(get, node));
                let mut tests = tests.collect::<Result<Vec<_>, _>>()?;
                match tests.len() {
                    1 => tests.remove(0),
                    // `a|b: absent` means neither
                    _ if matches!(tests[0], Condition::Not(_)) => Condition::All(tests.into()),
                    _ => Condition::Any(tests.into()),
                }
            }
        });
    }
    Ok(all)
}

fn conjunction(yaml: &Yaml, fields: &mut FieldTable) -> Result<Condition, Fault> {
    Ok(Condition::All(conditions(yaml, fields)?.into()))
}

fn condition(get: Get, yaml: &Yaml) -> Result<Condition, Fault> {
    let test = match &yaml.kind {
        Kind::Text(word) if word == "present" => Test::Present,
        Kind::Text(word) if word == "absent" => {
            return Ok(Condition::Not(Box::new(Condition::Test(get, Test::Present))));
        }
        Kind::Map(entries) => {
            let [(name, argument)] = entries.as_slice() else {
                return Err((
                    yaml.line,
                    "a test has one of `is`, `prefix`, `suffix`, `contains`, `not`".into(),
                ));
            };
            match name.as_str() {
                "is" => Test::In(words(Some(argument))?),
                "prefix" => Test::Prefix(words(Some(argument))?),
                "suffix" => Test::Suffix(words(Some(argument))?),
                "contains" => Test::Contains(words(Some(argument))?),
                "not" => return Ok(Condition::Not(Box::new(condition(get, argument)?))),
                name => {
                    return Err((
                        argument.line,
                        format!(
                            "`{name}` is not a test; there are `is`, `prefix`, \
                                                            `suffix`, `contains`, `not`"
                        ),
                    ));
                }
            }
        }
        Kind::Null => {
            return Err((yaml.line, "expected a word, a list of words, `present` or `absent`".into()));
        }
        _ => Test::In(words(Some(yaml))?),
    };
    Ok(Condition::Test(get, test))
}
