//! From YAML to a correlation as written.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::condition;
use crate::error::{ErrorCode, Fault};
use crate::limits::{
    ALIASES_PER_CORRELATION_MAX, CORRELATION_FIELDS_MAX, RULES_PER_CORRELATION_MAX, SERIES_EVENTS_MAX,
    TIMESPAN_MS_MAX, WINDOW_ENTRIES_MAX,
};
use crate::parse::{Keys, bad_type, read_logsource, scalar_text, text_of};
use crate::rule::{Level, Status};
use crate::yaml::{Entry, Node, NodeKind, Scalar};

use super::rule::{CorrelationKind, CorrelationRule, SeriesEvent, SeriesTest, Wanted};
use super::threshold::{Comparison, Micro, Threshold};

/// Keys of the document with a meaning of their own.
const KNOWN_KEYS: &[&str] = &[
    "title",
    "id",
    "name",
    "status",
    "description",
    "author",
    "references",
    "falsepositives",
    "level",
    "tags",
    "owner",
    "runbook",
    "tests",
    "correlation",
    "generate",
];

/// Keys of its `correlation` part.
const PARTS: &[&str] =
    &["type", "rules", "aliases", "group-by", "timespan", "condition", "field", "generate"];

/// Reads a document that has a `correlation`.
pub(crate) fn read(node: &Node, keys: &Keys<'_>, file: &Arc<str>) -> Result<CorrelationRule, Fault> {
    let entry = keys.required("correlation")?;
    let Some(entries) = entry.value.as_map() else {
        return Err(bad_type("correlation", "a map", &entry.value));
    };
    if let Some(unknown) = entries.iter().find(|e| !PARTS.contains(&e.key.as_str())) {
        let reason =
            format!("`{}` has no meaning in `correlation`; it has {}", unknown.key, PARTS.join(", "));
        return Err(Fault::new(unknown.line, ErrorCode::BadCorrelation, reason));
    }
    let parts = Keys { entries, line: entry.line };
    let rules = bounded(&parts, "rules", RULES_PER_CORRELATION_MAX)?;
    if rules.is_empty() {
        let reason =
            "the correlation names no `rules`; list the ids or names of those whose matches it takes";
        return Err(Fault::new(entry.line, ErrorCode::MissingPart, reason));
    }
    let generate = match parts.find("generate").or_else(|| keys.find("generate")) {
        None => false,
        Some(entry) => match entry.value.kind {
            NodeKind::Scalar(Scalar::Bool(generate)) => generate,
            _ => return Err(bad_type("generate", "true or false", &entry.value)),
        },
    };
    Ok(CorrelationRule {
        file: Arc::clone(file),
        line: node.line,
        title: text_of(keys.required("title")?)?,
        id: keys.text("id")?,
        name: keys.text("name")?,
        status: keys.word(
            "status",
            Status::from_word,
            "stable, test, experimental, deprecated, unsupported",
        )?,
        description: keys.text("description")?,
        author: keys.text("author")?,
        references: keys.texts("references")?,
        falsepositives: keys.texts("falsepositives")?,
        level: keys.word("level", Level::from_word, "informational, low, medium, high, critical")?,
        tags: keys.texts("tags")?,
        owner: keys.text("owner")?,
        runbook: keys.text("runbook")?,
        tests: keys.find("tests").map_or(Ok(Vec::new()), read_tests)?,
        custom: keys.others(KNOWN_KEYS),
        kind: read_kind(&parts, rules.len())?,
        rules,
        aliases: parts.find("aliases").map_or(Ok(BTreeMap::new()), read_aliases)?,
        group_by: bounded(&parts, "group-by", CORRELATION_FIELDS_MAX)?,
        timespan_ms: read_timespan(parts.required("timespan")?)?,
        generate,
    })
}

fn bounded(parts: &Keys<'_>, key: &str, most: usize) -> Result<Vec<String>, Fault> {
    let texts = parts.texts(key)?;
    let line = parts.find(key).map_or(parts.line, |entry| entry.line);
    if texts.len() > most {
        let reason = format!("`{key}` has {} entries, more than {most}", texts.len());
        return Err(Fault::new(line, ErrorCode::LimitExceeded, reason));
    }
    if let Some(twice) =
        texts.iter().enumerate().find(|(at, text)| texts.iter().take(*at).any(|t| t == *text))
    {
        let reason = format!("`{key}` names `{}` twice", twice.1);
        return Err(Fault::new(line, ErrorCode::BadCorrelation, reason));
    }
    Ok(texts)
}

fn read_aliases(entry: &Entry) -> Result<BTreeMap<String, BTreeMap<String, String>>, Fault> {
    let shape = "a map of alias to a map of rule to field";
    let entries = entry.value.as_map().ok_or_else(|| bad_type("aliases", shape, &entry.value))?;
    if entries.len() > ALIASES_PER_CORRELATION_MAX {
        let reason = format!("more than {ALIASES_PER_CORRELATION_MAX} aliases");
        return Err(Fault::new(entry.line, ErrorCode::LimitExceeded, reason));
    }
    let mut aliases = BTreeMap::new();
    for alias in entries {
        let fields = alias.value.as_map().ok_or_else(|| bad_type(&alias.key, shape, &alias.value))?;
        let read = fields.iter().map(|field| Ok((field.key.clone(), text_of(field)?)));
        aliases.insert(alias.key.clone(), read.collect::<Result<_, Fault>>()?);
    }
    Ok(aliases)
}

/// `90m`: a number and `s`, `m`, `h`, `d` or `w`, as milliseconds.
fn timespan_ms(text: &str) -> Option<i64> {
    let unit = text.chars().last()?;
    let digits = text.get(..text.len() - unit.len_utf8())?;
    let unit_ms: i64 = match unit {
        's' => 1_000,
        'm' => 60_000,
        'h' => 3_600_000,
        'd' => 86_400_000,
        'w' => 604_800_000,
        _ => return None,
    };
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    digits.parse::<i64>().ok()?.checked_mul(unit_ms)
}

fn read_timespan(entry: &Entry) -> Result<i64, Fault> {
    let text = text_of(entry)?;
    match timespan_ms(&text) {
        Some(ms) if (1..=TIMESPAN_MS_MAX).contains(&ms) => Ok(ms),
        Some(_) => {
            let reason = format!("the timespan `{text}` is zero or longer than a year");
            Err(Fault::new(entry.line, ErrorCode::LimitExceeded, reason))
        }
        None => {
            let reason =
                format!("the timespan `{text}` is not a number and one of s, m, h, d, w, such as `90m`");
            Err(Fault::new(entry.line, ErrorCode::BadCorrelation, reason))
        }
    }
}

/// The words of a correlation's type.
const KINDS: &str = "event_count, value_count, temporal, temporal_ordered, value_sum, value_avg, value_percentile, \
                     value_median, value_min, value_max";

fn read_kind(parts: &Keys<'_>, rules: usize) -> Result<CorrelationKind, Fault> {
    let entry = parts.required("type")?;
    let word = text_of(entry)?;
    let ordered = word == "temporal_ordered";
    if ordered || word == "temporal" {
        let condition = parts.find("condition");
        let wanted = condition.map_or(Ok(Wanted::All), read_wanted)?;
        if let (Wanted::Count(threshold), Some(condition)) = (&wanted, condition)
            && !threshold.holds_for_a_count(1, rules)
        {
            let reason =
                format!("`{threshold}` holds for no number of rules from 1 to {rules}, so it can never fire");
            return Err(Fault::new(condition.line, ErrorCode::BadCorrelation, reason));
        }
        return Ok(CorrelationKind::Temporal { ordered, wanted });
    }
    if !KINDS.split(", ").any(|kind| kind == word) {
        let reason = format!("`type: {word}` is not one of: {KINDS}");
        return Err(Fault::new(entry.line, ErrorCode::BadWord, reason));
    }
    let condition = Counted::read(parts.required("condition")?, parts)?;
    let line = condition.line;
    let fault = |code, reason: &str| Err(Fault::new(line, code, reason));
    let Counted { threshold, fields, percentile, .. } = condition;
    if percentile.is_some() != (word == "value_percentile") {
        return fault(
            ErrorCode::BadCorrelation,
            "`percentile` (0 to 100) belongs to `value_percentile`, and to it alone",
        );
    }
    if word == "event_count" {
        if !fields.is_empty() {
            return fault(
                ErrorCode::BadCorrelation,
                "`event_count` counts events; `field` belongs to the value types",
            );
        }
        reachable(&threshold, line)?;
        return Ok(CorrelationKind::EventCount(threshold));
    }
    if fields.is_empty() {
        return fault(
            ErrorCode::MissingPart,
            "the condition has no `field`; name the one whose values are taken",
        );
    }
    if word == "value_count" {
        reachable(&threshold, line)?;
        return Ok(CorrelationKind::ValueCount(fields, threshold));
    }
    if !threshold.holds_for_a_number() {
        return fault(
            ErrorCode::BadCorrelation,
            &format!("the condition contradicts itself: `{threshold}` holds for no number"),
        );
    }
    let [field] = <[String; 1]>::try_from(fields).map_err(|_| {
        Fault::new(line, ErrorCode::BadCorrelation, "only `value_count` takes several fields")
    })?;
    let rank = |percent: i128| Micro(percent * 1_000_000);
    Ok(match word.as_str() {
        "value_sum" => CorrelationKind::ValueSum(field, threshold),
        "value_avg" => CorrelationKind::ValueAvg(field, threshold),
        "value_median" => CorrelationKind::ValuePercentile(field, rank(50), threshold),
        "value_min" => CorrelationKind::ValuePercentile(field, rank(0), threshold),
        "value_max" => CorrelationKind::ValuePercentile(field, rank(100), threshold),
        _ => CorrelationKind::ValuePercentile(field, percentile.unwrap_or_default(), threshold),
    })
}

/// A count that no window can reach would never fire.
fn reachable(threshold: &Threshold, line: u32) -> Result<(), Fault> {
    let most = Micro::of_count(WINDOW_ENTRIES_MAX);
    if threshold.0.iter().any(|(_, limit)| *limit >= most || *limit < Micro(0)) {
        let reason = format!("counts go from 0 to below {WINDOW_ENTRIES_MAX}, the most that a window holds");
        return Err(Fault::new(line, ErrorCode::LimitExceeded, reason));
    }
    // a window without a match is none
    if !threshold.holds_for_a_count(1, WINDOW_ENTRIES_MAX) {
        let reason = format!(
            "`{threshold}` holds for no count from 1, so it can never fire; that something is missing cannot be asked"
        );
        return Err(Fault::new(line, ErrorCode::BadCorrelation, reason));
    }
    Ok(())
}

/// A condition with numbers.
struct Counted {
    threshold: Threshold,
    fields: Vec<String>,
    percentile: Option<Micro>,
    line: u32,
}

impl Counted {
    fn read(entry: &Entry, parts: &Keys<'_>) -> Result<Self, Fault> {
        let entries = entry
            .value
            .as_map()
            .ok_or_else(|| bad_type("condition", "a map such as `{gte: 10}`", &entry.value))?;
        let keys = Keys { entries, line: entry.line };
        let (mut comparisons, mut percentile) = (Vec::new(), None);
        for one in entries {
            let key = one.key.as_str();
            if key == "field" {
                continue;
            }
            let number = number_of(one)?;
            match Comparison::from_word(key) {
                Some(comparison) => comparisons.push((comparison, number)),
                None if key == "percentile" => percentile = Some(number),
                None => {
                    let reason =
                        format!("`{key}` is not one of: gt, gte, lt, lte, eq, neq, field, percentile");
                    return Err(Fault::new(one.line, ErrorCode::BadCorrelation, reason));
                }
            }
        }
        if comparisons.is_empty() {
            let reason =
                "the condition compares with nothing; add `gte: …` or another of gt, lt, lte, eq, neq";
            return Err(Fault::new(entry.line, ErrorCode::MissingPart, reason));
        }
        if percentile.is_some_and(|p| p < Micro(0) || p > Micro::of_count(100)) {
            return Err(Fault::new(entry.line, ErrorCode::BadCorrelation, "`percentile` goes from 0 to 100"));
        }
        comparisons.sort_unstable();
        let beside = bounded(parts, "field", CORRELATION_FIELDS_MAX)?;
        let inside = bounded(&keys, "field", CORRELATION_FIELDS_MAX)?;
        let fields = if inside.is_empty() { beside } else { inside };
        Ok(Counted { threshold: Threshold(comparisons), fields, percentile, line: entry.line })
    }
}

fn number_of(entry: &Entry) -> Result<Micro, Fault> {
    let text = match &entry.value.kind {
        NodeKind::Scalar(scalar @ Scalar::Number(..)) => scalar_text(scalar),
        _ => return Err(bad_type(&entry.key, "a number", &entry.value)),
    };
    Micro::parse(&text).ok_or_else(|| bad_type(&entry.key, "a decimal number", &entry.value))
}

fn read_wanted(entry: &Entry) -> Result<Wanted, Fault> {
    match &entry.value.kind {
        NodeKind::Scalar(Scalar::Text(source)) => {
            Ok(Wanted::Expression(condition::parse(source, entry.line)?.expression))
        }
        NodeKind::Map(entries) => {
            let comparisons = entries.iter().map(|one| match Comparison::from_word(&one.key) {
                Some(comparison) => Ok((comparison, number_of(one)?)),
                None => {
                    let reason = format!("`{}` is not one of: gt, gte, lt, lte, eq, neq", one.key);
                    Err(Fault::new(one.line, ErrorCode::BadCorrelation, reason))
                }
            });
            let mut comparisons = comparisons.collect::<Result<Vec<_>, Fault>>()?;
            comparisons.sort_unstable();
            if comparisons.is_empty() {
                return Err(Fault::new(
                    entry.line,
                    ErrorCode::MissingPart,
                    "the condition is empty; drop or fill it",
                ));
            }
            Ok(Wanted::Count(Threshold(comparisons)))
        }
        _ => Err(bad_type("condition", "an expression over rule names, or a map", &entry.value)),
    }
}

fn read_tests(entry: &Entry) -> Result<Vec<SeriesTest>, Fault> {
    let NodeKind::List(items) = &entry.value.kind else {
        return Err(bad_test(entry.line, &format!("here it is {}", entry.value.shape())));
    };
    items.iter().map(read_test).collect()
}

fn bad_test(line: u32, found: &str) -> Fault {
    let shape = "`tests` of a correlation is a list of `{name: text, events: list, matches: true or false}`";
    Fault::new(line, ErrorCode::BadTest, format!("{shape}; {found}"))
}

fn read_test(item: &Node) -> Result<SeriesTest, Fault> {
    let entries = item.as_map().ok_or_else(|| bad_test(item.line, "an entry is not a map"))?;
    let keys = Keys { entries, line: item.line };
    let known = |e: &&Entry| !matches!(e.key.as_str(), "name" | "events" | "matches");
    if let Some(other) = entries.iter().find(known) {
        return Err(bad_test(other.line, &format!("`{}` has no meaning in it", other.key)));
    }
    let find = |key: &str| keys.find(key).ok_or_else(|| bad_test(item.line, &format!("`{key}` is missing")));
    let matches = find("matches")?;
    let NodeKind::Scalar(Scalar::Bool(expected)) = matches.value.kind else {
        return Err(bad_test(matches.line, "`matches` is neither true nor false"));
    };
    let list = find("events")?;
    let NodeKind::List(nodes) = &list.value.kind else {
        return Err(bad_test(list.line, "`events` is no list"));
    };
    let events = nodes.iter().map(read_event).collect::<Result<Vec<_>, Fault>>()?;
    let total: usize = events.iter().map(|event: &SeriesEvent| event.repeat as usize).sum();
    if total > SERIES_EVENTS_MAX {
        let reason = format!("the series has {total} events, more than {SERIES_EVENTS_MAX}");
        return Err(Fault::new(list.line, ErrorCode::LimitExceeded, reason));
    }
    if events.windows(2).any(|pair| pair[0].at_ms > pair[1].at_ms) {
        return Err(bad_test(list.line, "`at` goes back; order the events by it"));
    }
    Ok(SeriesTest { name: text_of(find("name")?)?, events, matches: expected, line: item.line })
}

fn read_event(node: &Node) -> Result<SeriesEvent, Fault> {
    let entries = node.as_map().ok_or_else(|| bad_test(node.line, "an event is not a map"))?;
    let keys = Keys { entries, line: node.line };
    let known = |e: &&Entry| !matches!(e.key.as_str(), "at" | "repeat" | "every" | "event" | "logsource");
    if let Some(other) = entries.iter().find(known) {
        return Err(bad_test(other.line, &format!("`{}` has no meaning in an event", other.key)));
    }
    let span = |key: &str| -> Result<Option<i64>, Fault> {
        let Some(entry) = keys.find(key) else { return Ok(None) };
        let text = text_of(entry)?;
        let ms = timespan_ms(&text).filter(|ms| *ms <= TIMESPAN_MS_MAX);
        ms.map(Some)
            .ok_or_else(|| bad_test(entry.line, &format!("`{key}: {text}` is no timespan such as `20s`")))
    };
    let repeat = match keys.find("repeat") {
        None => 1,
        Some(entry) => match &entry.value.kind {
            NodeKind::Scalar(Scalar::Number(_, text)) => text.parse().ok().filter(|n| *n >= 1),
            _ => None,
        }
        .ok_or_else(|| bad_test(entry.line, "`repeat` is a whole number from 1"))?,
    };
    let (at_ms, every_ms) = (span("at")?, span("every")?);
    if repeat > 1 && every_ms.is_none() {
        return Err(bad_test(node.line, "`repeat` needs `every`"));
    }
    let event = keys.find("event").ok_or_else(|| bad_test(node.line, "`event` is missing"))?;
    if event.value.as_map().is_none() {
        return Err(bad_test(event.line, "the event is not a map"));
    }
    Ok(SeriesEvent {
        at_ms: at_ms.unwrap_or(0),
        repeat,
        every_ms: every_ms.unwrap_or(0),
        event: event.value.to_json(),
        logsource: keys.find("logsource").map(read_logsource).transpose()?,
    })
}
