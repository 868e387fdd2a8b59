//! What came back, and what it means.

use super::exchange::{Exchange, Expectation};
use super::pick::Pick;
use super::selector;
use super::spec::{AnswerForm, Connector};
use super::template::{Place, Values};
use super::xml;
use serde_json::Value;

/// Largest answer that is read, in bytes.
pub const ANSWER_BYTES_MAX: usize = 4 << 20;

/// Longest message of a refusal that is kept, in characters.
const MESSAGE_CHARS_MAX: usize = 300;

/// An answer of the remote side.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// Its status.
    pub status: u16,
    /// Its body; empty if there was none.
    pub body: String,
    /// After what time to ask again, in milliseconds, where it said so.
    pub retry_after_ms: Option<u64>,
}

/// What an answer means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Judged {
    /// It went well, and told this.
    Done(Values),
    /// It was so before.
    Already,
    /// Not now: too many requests, or the remote side is down. Asking again may help.
    Later {
        /// After what time, in milliseconds, if it said so.
        retry_after_ms: Option<u64>,
        /// In words.
        reason: String,
    },
    /// It says neither: what was sent may have its effect yet.
    Unclear {
        /// In words.
        reason: String,
    },
    /// No.
    Refused {
        /// In words, as the remote side said it.
        reason: String,
    },
}

/// Judges an answer by what the exchange expects.
pub fn judge(connector: &Connector, exchange: &Exchange, values: &Values, answer: &Answer) -> Judged {
    if exchange.already.contains(&answer.status) {
        return Judged::Already;
    }
    let body = match connector.answers {
        AnswerForm::Json => serde_json::from_str::<Value>(&answer.body).unwrap_or(Value::Null),
        AnswerForm::Xml => xml::read(&answer.body),
    };
    if !exchange.expect.contains(&answer.status) {
        let mut reason = reason(connector, answer, &body);
        if let Some(meaning) = exchange.means.get(&answer.status) {
            reason = format!("{meaning} ({reason})");
        }
        if exchange.unclear.contains(&answer.status) {
            return Judged::Unclear { reason };
        }
        return if retries_help(answer.status) || exchange.later.contains(&answer.status) {
            Judged::Later { retry_after_ms: answer.retry_after_ms, reason }
        } else {
            Judged::Refused { reason }
        };
    }
    for expectation in &exchange.holds {
        if let Some(reason) = fault(expectation, &body, values) {
            let because = expectation.because.as_ref();
            let reason = because.map_or(reason.clone(), |because| format!("{because} ({reason})"));
            return if expectation.unclear { Judged::Unclear { reason } } else { Judged::Refused { reason } };
        }
    }
    let facts = exchange.facts.iter();
    let fact = |at: &Pick| at.of(&body, values).as_deref().map(text_of).unwrap_or_default();
    let told = facts.map(|(name, at)| (name.clone(), fact(at)));
    Judged::Done(told.collect())
}

/// What is not as expected; none if all is.
fn fault(expectation: &Expectation, body: &Value, values: &Values) -> Option<String> {
    let at = expectation.at.as_str();
    let found = expectation.at.of(body, values).filter(|value| !value.is_null());
    if let Some(labels) = &expectation.lets_nothing_through {
        let Ok(labels) = labels.fill(values, Place::Json) else { return Some(format!("{at}: no labels")) };
        return selector::fault(found.as_deref(), &labels);
    }
    if expectation.empty {
        let is_empty = found.is_none_or(|value| value.as_array().is_some_and(Vec::is_empty));
        return (!is_empty).then(|| format!("{at} is not empty"));
    }
    let text = found.as_deref().map(text_of).unwrap_or_default();
    let mut others = expectation.is_not.all().iter().filter_map(|is| is.fill(values, Place::Json).ok());
    if others.any(|other| other == text) {
        return Some(format!("{at} is still {text:?}"));
    }
    let expected = expectation.is.all().iter().filter_map(|is| is.fill(values, Place::Json).ok());
    if !expectation.is.all().is_empty() && !expected.clone().any(|is| is == text) {
        let expected: Vec<_> = expected.collect();
        return Some(format!("{at} is {text:?}, not {}", expected.join(" or ")));
    }
    None
}

/// Whether it is about who asks, not about what was asked.
pub(super) const fn is_about_who_asks(status: u16) -> bool {
    matches!(status, 401 | 403 | 407)
}

/// Whether asking again may be answered otherwise.
pub(super) const fn retries_help(status: u16) -> bool {
    matches!(status, 408 | 425 | 429 | 500 | 502..=504)
}

/// A value as text: the text itself, other values as JSON.
pub(super) fn text_of(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// What the remote side says, in one line.
fn reason(connector: &Connector, answer: &Answer, body: &Value) -> String {
    let said = |at: &Pick| at.of(body, &Values::new())?.as_str().map(str::to_owned);
    let said = connector.error_messages.iter().find_map(said);
    let said: String = said
        .unwrap_or_default()
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .take(MESSAGE_CHARS_MAX)
        .collect();
    if said.is_empty() {
        format!("status {}", answer.status)
    } else {
        format!("status {}: {said}", answer.status)
    }
}
