//! Why a rule was refused: where, by which rule of the language, and in words.

use std::fmt;
use std::sync::Arc;

use serde::Serialize;

/// A refused document of a rule file. The others of the file are unaffected.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, Serialize)]
#[error("{file}:{line}: {code}: {reason}")]
pub struct RuleError {
    /// The file as named by the caller.
    #[serde(serialize_with = "write_file")]
    pub file: Arc<str>,
    /// Line in the file, counted from 1.
    pub line: u32,
    /// Stable code.
    pub code: ErrorCode,
    /// What is wrong and what to do.
    pub reason: String,
}

pub(crate) fn write_file<S: serde::Serializer>(file: &Arc<str>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(file)
}

/// Stable codes of refusals; each is written as its kebab-case name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ErrorCode {
    /// Not YAML, or YAML beyond what a rule may use (duplicate keys, unknown anchors).
    BadYaml,
    /// A limit of [`crate::limits`] is exceeded.
    LimitExceeded,
    /// A mandatory part is missing: title, logsource, detection, condition.
    MissingPart,
    /// A part has the wrong shape.
    BadType,
    /// A value outside the words the specification lists (status, level).
    BadWord,
    /// The logsource names nothing.
    BadLogsource,
    /// A modifier the language does not have.
    UnknownModifier,
    /// Brackets after a field's name with a word that says nothing about its elements.
    UnknownQuantifier,
    /// Modifiers that cannot stand together.
    BadModifiers,
    /// A value its modifiers cannot use.
    BadValue,
    /// A regular expression that does not compile or needs an unsupported feature.
    BadRegex,
    /// A placeholder (`|expand`) that nothing resolves.
    UnknownPlaceholder,
    /// A condition that does not parse.
    BadCondition,
    /// A condition that names a selection the rule does not have.
    UnknownSelection,
    /// The deprecated `| count() by …` and its kin.
    UnsupportedAggregation,
    /// A correlation whose parts do not fit together: type, timespan, condition, aliases, chain.
    BadCorrelation,
    /// A correlation that names a rule which is not there, or was refused.
    UnknownRule,
    /// A filter that is none: no rules, selection or condition.
    BadFilter,
    /// A filter that names a rule nobody has, or one of another logsource.
    FilterWithoutRule,
    /// A filter or pipeline that breaks tests of a rule that it is for; it is not applied to that rule.
    BreaksTests,
    /// A processing pipeline with a part that is unknown or of the wrong shape.
    BadPipeline,
    /// A processing pipeline refuses the rule, or leaves nothing of it.
    RefusedByPipeline,
    /// Values of placeholders that are neither texts nor numbers.
    BadPlaceholders,
    /// A legacy `action:` the language does not have, or one without the document it acts on.
    BadAction,
    /// An inline test that is not `{name, event, matches}`.
    BadTest,
    /// The id of another rule: findings could not tell the two apart.
    DuplicateId,
}

impl ErrorCode {
    /// The code as written in reports, for instance `bad-regex`.
    pub fn as_str(self) -> &'static str {
        match self {
            ErrorCode::BadYaml => "bad-yaml",
            ErrorCode::LimitExceeded => "limit-exceeded",
            ErrorCode::MissingPart => "missing-part",
            ErrorCode::BadType => "bad-type",
            ErrorCode::BadWord => "bad-word",
            ErrorCode::BadLogsource => "bad-logsource",
            ErrorCode::UnknownModifier => "unknown-modifier",
            ErrorCode::UnknownQuantifier => "unknown-quantifier",
            ErrorCode::BadModifiers => "bad-modifiers",
            ErrorCode::BadValue => "bad-value",
            ErrorCode::BadRegex => "bad-regex",
            ErrorCode::UnknownPlaceholder => "unknown-placeholder",
            ErrorCode::BadCondition => "bad-condition",
            ErrorCode::UnknownSelection => "unknown-selection",
            ErrorCode::UnsupportedAggregation => "unsupported-aggregation",
            ErrorCode::BadCorrelation => "bad-correlation",
            ErrorCode::UnknownRule => "unknown-rule",
            ErrorCode::BadFilter => "bad-filter",
            ErrorCode::FilterWithoutRule => "filter-without-rule",
            ErrorCode::BreaksTests => "breaks-tests",
            ErrorCode::BadPipeline => "bad-pipeline",
            ErrorCode::RefusedByPipeline => "refused-by-pipeline",
            ErrorCode::BadPlaceholders => "bad-placeholders",
            ErrorCode::BadAction => "bad-action",
            ErrorCode::BadTest => "bad-test",
            ErrorCode::DuplicateId => "duplicate-id",
        }
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A refusal before the file's name is known to the code that found it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) line: u32,
    pub(crate) code: ErrorCode,
    pub(crate) reason: String,
}

impl Fault {
    pub(crate) fn new(line: u32, code: ErrorCode, reason: impl Into<String>) -> Self {
        Fault { line, code, reason: reason.into() }
    }

    pub(crate) fn in_file(self, file: &Arc<str>) -> RuleError {
        RuleError { file: Arc::clone(file), line: self.line, code: self.code, reason: self.reason }
    }
}
