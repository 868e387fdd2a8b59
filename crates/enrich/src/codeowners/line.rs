//! One line of the file.

use super::Dialect;
use super::pattern::Pattern;
use crate::error::FaultCode;
use crate::limits::NAME_BYTES_MAX;

/// What a line says.
#[derive(Debug)]
pub(super) enum Line {
    /// Nothing: empty, a comment, or not to be used.
    Nothing,
    /// A section begins.
    Section { name: String, optional: bool, owners: Vec<String> },
    /// A pattern and its owners.
    Rule { text: String, pattern: Pattern, owners: Vec<String>, takes_out: bool },
}

type Trouble = (FaultCode, String);

/// Whether a line is the header of a section: `[Name]`, `^[Name]`, `[Name][2]`, with owners or without.
pub(super) fn is_section(line: &str) -> bool {
    let line = line.trim();
    let Some(rest) = line.strip_prefix('^').unwrap_or(line).strip_prefix('[') else { return false };
    let Some((name, after)) = rest.split_once(']') else { return false };
    let owners = after.split_whitespace().take_while(|word| !word.starts_with('#'));
    // `[a-z]*.js @ana` is a range of characters, which another tool may read
    let closed = after.is_empty() || after.starts_with(char::is_whitespace) || after.starts_with('[');
    closed && !name.trim().is_empty() && owners.skip(usize::from(after.starts_with('['))).all(is_owner)
}

impl Line {
    /// Reads a line; what is wrong with it is told beside what could be read.
    pub(super) fn parse(text: &str, dialect: Dialect) -> (Self, Vec<Trouble>) {
        let text = text.trim();
        if text.is_empty() || text.starts_with('#') {
            return (Self::Nothing, Vec::new());
        }
        let bracket = text.strip_prefix('^').unwrap_or(text).starts_with('[');
        if dialect == Dialect::Gitlab && bracket {
            return match section(text) {
                Ok((line, troubles)) => (line, troubles),
                Err(trouble) => (Self::Nothing, vec![trouble]),
            };
        }
        rule(text, dialect)
    }
}

fn section(text: &str) -> Result<(Line, Vec<Trouble>), Trouble> {
    let bad = |why: &str| (FaultCode::BadSection, format!("`{text}`: {why}"));
    let optional = text.starts_with('^');
    let rest = text.strip_prefix('^').unwrap_or(text);
    let rest = rest.strip_prefix('[').unwrap_or(rest);
    let (name, mut rest) = rest.split_once(']').ok_or_else(|| bad("a section's name ends with `]`"))?;
    let name = name.trim();
    if name.is_empty() || name.len() > NAME_BYTES_MAX {
        return Err(bad("a section has a name of 1 to 1024 bytes"));
    }
    if let Some(count) = rest.strip_prefix('[') {
        let (count, after) = count.split_once(']').ok_or_else(|| bad("`[2]` ends with `]`"))?;
        let approvals: Option<u32> = count.trim().parse().ok();
        if approvals.is_none() {
            return Err(bad("the number of approvals is a whole number, such as `[2]`"));
        }
        rest = after;
    }
    let (owners, troubles) = owners(rest);
    Ok((Line::Section { name: name.to_owned(), optional, owners }, troubles))
}

fn rule(text: &str, dialect: Dialect) -> (Line, Vec<Trouble>) {
    let (pattern_text, rest) = split_pattern(text);
    let (pattern_only, takes_out) = match pattern_text.strip_prefix('!') {
        Some(_) if dialect != Dialect::Gitlab => {
            let reason = format!(
                "`{pattern_text}`: `!` is not supported by GitHub; write a later line without owners instead"
            );
            return (Line::Nothing, vec![(FaultCode::BadPattern, reason)]);
        }
        Some(pattern) => (pattern, true),
        None => (pattern_text, false),
    };
    let unescaped = match dialect {
        Dialect::Gitlab => pattern_only.strip_prefix("\\#").map(|rest| format!("#{rest}")),
        _ => None,
    };
    let pattern = match Pattern::compile(unescaped.as_deref().unwrap_or(pattern_only), dialect) {
        Ok(pattern) => pattern,
        Err(trouble) => return (Line::Nothing, vec![trouble]),
    };
    let (owners, troubles) = owners(rest);
    if !troubles.is_empty() && dialect != Dialect::Gitlab {
        return (Line::Nothing, troubles);
    }
    (Line::Rule { text: pattern_text.to_owned(), pattern, owners, takes_out }, troubles)
}

/// Splits at the first blank that no backslash stands before.
fn split_pattern(text: &str) -> (&str, &str) {
    let mut escaped = false;
    for (at, character) in text.char_indices() {
        if character.is_whitespace() && !escaped {
            return text.split_at(at);
        }
        escaped = character == '\\' && !escaped;
    }
    (text, "")
}

fn owners(text: &str) -> (Vec<String>, Vec<Trouble>) {
    let (mut owners, mut troubles) = (Vec::new(), Vec::new());
    for word in text.split_whitespace().take_while(|word| !word.starts_with('#')) {
        if is_owner(word) {
            owners.push(word.to_owned());
        } else {
            let shown: String = word.chars().take(80).collect();
            let reason = format!("`{shown}` is no owner; write @user, @org/team or an e-mail address");
            troubles.push((FaultCode::BadOwner, reason));
        }
    }
    (owners, troubles)
}

/// `@user`, `@org/team`, `@group/sub/team`, `@@role` (GitLab) or an e-mail address.
fn is_owner(word: &str) -> bool {
    if word.len() > NAME_BYTES_MAX {
        return false;
    }
    let name = |text: &str| {
        !text.is_empty() && text.chars().all(|c| c.is_alphanumeric() || matches!(c, '-' | '_' | '.'))
    };
    match word.strip_prefix('@') {
        Some(handle) => handle.strip_prefix('@').unwrap_or(handle).split('/').all(name),
        None => match word.rsplit_once('@') {
            Some((person, domain)) => {
                !person.is_empty() && domain.contains('.') && domain.split('.').all(name)
            }
            None => false,
        },
    }
}
