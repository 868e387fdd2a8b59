//! Digests: what others may learn from reports, in numbers and lessons that point at nobody.
//!
//! A group (a form, or a form on one service) is shown only if it has at least k reports of at least k reporters, and only if
//! what is left over beside it is nothing or as large. Numbers are rounded down to a multiple of k, outcomes are told in a word. Lessons
//! are written by moderators; they are masked, and names of what is not shown are taken out. A person approves before it is
//! published.
//!
//! **Invariant:** no group, and no difference between a total and its parts, stands for fewer than k reporters. All guests
//! together count as one reporter, because they may be one.

use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Unless the configuration says more.
pub const K_DEFAULT: usize = 5;
/// Least k: with fewer, somebody in the group knows who the other is.
pub const K_MIN: usize = 5;
/// Most lessons of a group.
pub const LESSONS_MAX: usize = 20;

/// A decided report, as far as a digest goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DigestRow {
    /// The form's type.
    pub form: String,
    /// The service it was about.
    pub service: Option<String>,
    /// Who sent it; nothing for a guest. It tells reporters apart and is not shown.
    pub reporter: Option<String>,
    /// Whether it was accepted or merged.
    pub accepted: bool,
    /// When it was decided, in milliseconds since the Unix epoch.
    pub at_ms: i64,
    /// What a moderator wrote for others to learn.
    pub lesson: Option<String>,
}

/// How many of a group were accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Share {
    /// At most a third.
    Few,
    /// Between.
    Half,
    /// At least two thirds.
    Most,
}

/// What is told of a group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DigestGroup {
    /// The form's type; nothing for what is left of all forms.
    pub form: Option<String>,
    /// The service; nothing for all others of the form.
    pub service: Option<String>,
    /// At least so many reports: a multiple of k.
    pub reports_min: usize,
    /// How many were accepted.
    pub accepted: Share,
    /// What others may learn, in alphabetical order.
    pub lessons: Vec<String>,
}

/// A digest of a time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Digest {
    /// From, in milliseconds since the Unix epoch.
    pub from_ms: i64,
    /// Before.
    pub to_ms: i64,
    /// The k it was made with.
    pub k: usize,
    /// What is told.
    pub groups: Vec<DigestGroup>,
}

type Rows<'a> = Vec<&'a DigestRow>;

/// Makes a draft. `mask` is the product's masking; `k` below [`K_MIN`] is taken for that.
pub fn draft(
    rows: &[DigestRow],
    from_ms: i64,
    to_ms: i64,
    k: usize,
    mask: &dyn Fn(&str) -> String,
) -> Digest {
    let k = k.max(K_MIN);
    let rows: Rows<'_> = rows.iter().filter(|row| (from_ms..to_ms).contains(&row.at_ms)).collect();
    let mut by_form: BTreeMap<&str, Rows<'_>> = BTreeMap::new();
    for row in &rows {
        by_form.entry(&row.form).or_default().push(row);
    }
    let (shown, left) = parted(by_form, k);
    let mut groups: Vec<(Option<&str>, Option<&str>, Rows<'_>)> = Vec::new();
    for (form, rows) in shown {
        let (mut by_service, mut others): (BTreeMap<&str, Rows<'_>>, Rows<'_>) = Default::default();
        for row in rows {
            match &row.service {
                Some(service) => by_service.entry(service).or_default().push(row),
                None => others.push(row),
            }
        }
        let (services, rest) = parted_with(by_service, others, k);
        groups.extend(services.into_iter().map(|(service, rows)| (Some(form), Some(service), rows)));
        groups.push((Some(form), None, rest));
    }
    groups.push((None, None, left));
    groups.retain(|(_, _, rows)| !rows.is_empty() && is_large(rows, k));
    let named: BTreeSet<&str> = groups.iter().filter_map(|(_, service, _)| *service).collect();
    let hidden = hidden_names(&rows, &named);
    let groups = groups.into_iter().map(|(form, service, rows)| DigestGroup {
        form: form.map(str::to_owned),
        service: service.map(str::to_owned),
        reports_min: rows.len() / k * k,
        accepted: share(&rows),
        lessons: lessons(&rows, &hidden, mask),
    });
    Digest { from_ms, to_ms, k, groups: groups.collect() }
}

/// Groups that are large enough, and the rest; see [`parted_with`].
fn parted<'a>(groups: BTreeMap<&'a str, Rows<'a>>, k: usize) -> (Vec<(&'a str, Rows<'a>)>, Rows<'a>) {
    parted_with(groups, Vec::new(), k)
}

/// Groups that are large enough, and the rest; where the rest is something, but too small, the smallest groups go into it.
fn parted_with<'a>(
    groups: BTreeMap<&'a str, Rows<'a>>,
    mut rest: Rows<'a>,
    k: usize,
) -> (Vec<(&'a str, Rows<'a>)>, Rows<'a>) {
    let mut large = Vec::new();
    for (name, rows) in groups {
        if is_large(&rows, k) { large.push((name, rows)) } else { rest.extend(rows) }
    }
    while !rest.is_empty() && !is_large(&rest, k) && !large.is_empty() {
        let smallest =
            large.iter().enumerate().min_by_key(|(_, (_, rows))| rows.len()).map_or(0, |(at, _)| at);
        rest.extend(large.remove(smallest).1);
    }
    (large, rest)
}

fn is_large(rows: &[&DigestRow], k: usize) -> bool {
    let reporters: BTreeSet<Option<&str>> = rows.iter().map(|row| row.reporter.as_deref()).collect();
    rows.len() >= k && reporters.len() >= k
}

fn share(rows: &[&DigestRow]) -> Share {
    let accepted = rows.iter().filter(|row| row.accepted).count();
    match accepted * 3 {
        few if few <= rows.len() => Share::Few,
        most if most >= 2 * rows.len() => Share::Most,
        _ => Share::Half,
    }
}

/// What no lesson may name: services that have no group of their own, reporters. Longest first, so that no name's part is left.
fn hidden_names(rows: &[&DigestRow], named: &BTreeSet<&str>) -> Vec<(String, &'static str)> {
    let mut hidden: BTreeSet<(String, &'static str)> = BTreeSet::new();
    for row in rows {
        if let Some(service) = row.service.as_deref().filter(|service| !named.contains(service)) {
            hidden.insert((service.to_lowercase(), "[service]"));
        }
        hidden.extend(row.reporter.iter().map(|reporter| (reporter.to_lowercase(), "[person]")));
    }
    let mut hidden: Vec<_> = hidden.into_iter().filter(|(name, _)| !name.is_empty()).collect();
    hidden.sort_by(|a, b| b.0.len().cmp(&a.0.len()).then_with(|| a.cmp(b)));
    hidden
}

fn lessons(
    rows: &[&DigestRow],
    hidden: &[(String, &'static str)],
    mask: &dyn Fn(&str) -> String,
) -> Vec<String> {
    let texts = rows.iter().filter_map(|row| row.lesson.as_deref());
    let texts = texts.map(str::trim).filter(|lesson| !lesson.is_empty());
    let texts: BTreeSet<String> =
        texts.map(|lesson| mask(&without_ids(&without_names(lesson, hidden)))).collect();
    texts.into_iter().take(LESSONS_MAX).collect()
}

/// The text with each hidden name replaced where it stands as a word, letter case aside.
fn without_names(text: &str, hidden: &[(String, &'static str)]) -> String {
    let mut text = text.to_owned();
    for (name, stand_in) in hidden {
        let mut out = String::with_capacity(text.len());
        let mut rest = text.as_str();
        while let Some((at, length)) = find_word(rest, name, out.chars().next_back()) {
            out.push_str(rest.get(..at).unwrap_or_default());
            out.push_str(stand_in);
            rest = rest.get(at + length..).unwrap_or_default();
        }
        out.push_str(rest);
        text = out;
    }
    text
}

/// Where `name` (in lower case) stands in `text` with no letter or digit right beside it, and how long it is there.
fn find_word(text: &str, name: &str, before: Option<char>) -> Option<(usize, usize)> {
    let mut previous = before;
    for (at, c) in text.char_indices() {
        if !previous.is_some_and(char::is_alphanumeric)
            && let Some(length) = prefix_length(text.get(at..)?, name)
            && !text.get(at + length..)?.starts_with(char::is_alphanumeric)
        {
            return Some((at, length));
        }
        previous = Some(c);
    }
    None
}

/// How many bytes of `text` are `name`, letter case aside.
fn prefix_length(text: &str, name: &str) -> Option<usize> {
    let mut wanted = name.chars().peekable();
    for (at, c) in text.char_indices() {
        if wanted.peek().is_none() {
            return Some(at);
        }
        for lower in c.to_lowercase() {
            if wanted.next() != Some(lower) {
                return None;
            }
        }
    }
    wanted.peek().is_none().then_some(text.len())
}

/// The text without ids of ours, such as `rep_01J…`: who may look them up would know the report.
fn without_ids(text: &str) -> String {
    let is_id = |word: &str| {
        let parts = word.split_once('_');
        parts.is_some_and(|(kind, ulid)| {
            (3..=4).contains(&kind.len())
                && ulid.len() == 26
                && ulid.bytes().all(|b| b.is_ascii_alphanumeric())
        })
    };
    let mut out = String::with_capacity(text.len());
    let mut word = String::new();
    for c in text.chars().chain(std::iter::once('\0')) {
        if c.is_alphanumeric() || c == '_' {
            word.push(c);
            continue;
        }
        out.push_str(if is_id(&word) { "[id]" } else { &word });
        word.clear();
        if c != '\0' {
            out.push(c);
        }
    }
    out
}

/// A published digest, for the feed.
#[derive(Debug, Clone)]
pub struct FeedEntry {
    /// Its id, `dig_…`.
    pub id: String,
    /// What it is called.
    pub title: String,
    /// When it was published, RFC 3339.
    pub published_at: String,
    /// Its text.
    pub summary: String,
}

/// An Atom feed (RFC 4287) of digests, the newest first; `base_url` is the product's own address without a slash at its end.
pub fn atom_feed(title: &str, base_url: &str, entries: &[FeedEntry]) -> String {
    let updated =
        entries.iter().map(|entry| entry.published_at.as_str()).max().unwrap_or("1970-01-01T00:00:00Z");
    let (base, title) = (escaped(base_url), escaped(title));
    let mut feed = format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<feed xmlns=\"http://www.w3.org/2005/Atom\">\n<id>{base}/digests</id>\n\
         <title>{title}</title>\n<updated>{}</updated>\n<author><name>{title}</name></author>\n\
         <link rel=\"self\" href=\"{base}/api/v1/digests/feed.xml\"/>\n<link href=\"{base}/digests\"/>\n",
        escaped(updated)
    );
    for entry in entries {
        let (id, at) = (escaped(&entry.id), escaped(&entry.published_at));
        feed.push_str(&format!(
            "<entry>\n<id>{base}/digests/{id}</id>\n<title>{}</title>\n<updated>{at}</updated>\n<published>{at}</published>\n\
             <link href=\"{base}/digests/{id}\"/>\n<summary type=\"text\">{}</summary>\n</entry>\n",
            escaped(&entry.title),
            escaped(&entry.summary)
        ));
    }
    feed.push_str("</feed>\n");
    feed
}

/// Text for XML: the five characters escaped, what XML cannot hold left out.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&apos;"),
            '\t' | '\n' | '\r' => out.push(c),
            c if c.is_control() || matches!(c, '\u{FFFE}' | '\u{FFFF}') => {}
            c => out.push(c),
        }
    }
    out
}
