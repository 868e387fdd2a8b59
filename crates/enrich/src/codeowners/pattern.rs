//! One path pattern, by the dialect's rules.

use super::Dialect;
use crate::error::FaultCode;
use crate::glob::{Name, Segment, path_matches};
use crate::limits::PATTERN_BYTES_MAX;

/// Compiled; matches whole paths of files.
#[derive(Debug, Clone)]
pub(super) struct Pattern {
    segments: Vec<Segment>,
}

impl Pattern {
    /// Compiles the text of a pattern.
    pub(super) fn compile(text: &str, dialect: Dialect) -> Result<Self, (FaultCode, String)> {
        let bad = |why: &str| Err((FaultCode::BadPattern, format!("`{text}`: {why}")));
        if text.len() > PATTERN_BYTES_MAX {
            let reason = format!("a pattern of more than {PATTERN_BYTES_MAX} bytes");
            return Err((FaultCode::TooLarge, reason));
        }
        if text.starts_with('@') && !text.contains('/') {
            return bad("an owner where a pattern should be; write `*` before it to own everything");
        }
        if has_bare_bracket(text) {
            return bad("ranges such as [a-z] are not supported; write a line for each");
        }
        if text.trim_matches('/').is_empty() && dialect == Dialect::Github {
            return bad("no name; write `*` to own everything");
        }
        if text.contains("//") {
            return bad("an empty name between two slashes");
        }
        Ok(Self { segments: segments(text, dialect) })
    }

    pub(super) fn matches(&self, path: &[&str]) -> bool {
        path_matches(&self.segments, path)
    }

    /// Whether every path matches.
    pub(super) fn is_everything(&self) -> bool {
        let any = |segment: &Segment| match segment {
            Segment::Folders => true,
            Segment::Name(name) => name.is_any(),
        };
        let names = self.segments.iter().filter(|s| matches!(s, Segment::Name(_))).count();
        names <= 1 && names < self.segments.len() && self.segments.iter().all(any)
    }
}

fn has_bare_bracket(text: &str) -> bool {
    let mut escaped = false;
    text.bytes().any(|byte| {
        let bare = !escaped && byte == b'[';
        escaped = byte == b'\\' && !escaped;
        bare
    })
}

fn segments(text: &str, dialect: Dialect) -> Vec<Segment> {
    let below = text.ends_with('/');
    let names: Vec<&str> = text.split('/').filter(|name| !name.is_empty()).collect();
    let rooted = match dialect {
        Dialect::Gitlab => text.starts_with('/'),
        _ => text.starts_with('/') || names.len() > 1,
    };
    let mut segments = Vec::with_capacity(names.len() + 3);
    if !rooted {
        segments.push(Segment::Folders);
    }
    let last = names.len().saturating_sub(1);
    for (at, name) in names.iter().enumerate() {
        match *name {
            // the last `**` stands for all that is inside, which is at least one name
            "**" if at == last && dialect != Dialect::Gitlab => segments.extend(inside()),
            "**" if at < last => segments.push(Segment::Folders),
            name => segments.push(Segment::Name(Name::parse(name))),
        }
    }
    match (names.last(), dialect) {
        _ if below => segments.extend(inside()),
        (_, Dialect::Gitlab) | (None, _) => {}
        (Some(&"**"), _) => {}
        // `docs/*` means the files of docs, not those of its folders; `*` alone is everything
        (Some(&"*"), _) if rooted => {}
        // a name may be that of a folder, and then everything in it
        _ => segments.push(Segment::Folders),
    }
    segments
}

/// Everything in a folder, at any depth, and not the folder itself.
fn inside() -> [Segment; 2] {
    [Segment::Folders, Segment::Name(Name::any())]
}
