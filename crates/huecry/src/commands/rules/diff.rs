//! `huecry rules diff`: what a change of rules changes.

use super::git;
use crate::commands::{engine_of, mappings};
use crate::content::{RuleFile, rules_under};
use crate::engine::{Engine, Mappings};
use crate::exit::{Exit, Failure};
use crate::rollout::expiry;
use crate::terminal;
use detect::{DiffSide, Documents, PartChange, RuleChange, RuleDiff, RuleNote};
use model::{Clock, SystemClock};
use sigma::{Filter, RuleError};
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Characters of a value shown of a change.
const VALUE_CHARS_MAX: usize = 80;

pub(super) fn run(
    old: &str,
    new: Option<&str>,
    dir: Option<&Path>,
    markdown: bool,
    json: bool,
) -> Result<Exit, Failure> {
    let (before, after) = match (dir, new) {
        (Some(dir), Some(new)) => (git::rules_at(dir, old)?, git::rules_at(dir, new)?),
        (Some(dir), None) => (git::rules_at(dir, old)?, folder(dir)?),
        (None, Some(new)) => (folder(Path::new(old))?, folder(Path::new(new))?),
        (None, None) => {
            return Err(Failure::new(Exit::Usage, "there is nothing to compare with")
                .hint("give two folders, or one or two git revisions with --dir DIR"));
        }
    };
    let mappings = Arc::new(mappings()?);
    let (before, after) = (Loaded::of(&mappings, &before), Loaded::of(&mappings, &after));
    let diff = RuleDiff::of(before.side(), after.side());
    let refused = after.refused;
    if json {
        let mut answer = serde_json::to_value(&diff).unwrap_or_default();
        answer["refused"] = serde_json::to_value(super::refused(&refused)).unwrap_or_default();
        terminal::line(answer);
    } else if markdown {
        terminal::write(in_markdown(&diff, &refused).as_bytes())?;
    } else {
        terminal::write(in_text(&diff).as_bytes())?;
        for error in &refused {
            terminal::note(error);
        }
    }
    Ok(if refused.is_empty() { Exit::Done } else { Exit::Faults })
}

/// Rule files of a folder, named relative to it.
fn folder(path: &Path) -> Result<Vec<RuleFile>, Failure> {
    if !path.exists() {
        return Err(Failure::new(Exit::Usage, format!("{} is not there", path.display()))
            .hint("for git revisions, name the folder of rules with --dir"));
    }
    let relative = |file: RuleFile| {
        let name = PathBuf::from(&file.name);
        let name = name.strip_prefix(path).ok().filter(|name| !name.as_os_str().is_empty());
        let name = name.map(|name| name.display().to_string()).unwrap_or(file.name);
        RuleFile { name, text: file.text }
    };
    Ok(rules_under(&[path.to_owned()]).into_iter().map(relative).collect())
}

/// One set of rules, as it would run.
struct Loaded {
    engine: Engine,
    filters: Vec<Filter>,
    refused: Vec<RuleError>,
}

impl Loaded {
    fn of(mappings: &Arc<Mappings>, files: &[RuleFile]) -> Self {
        let (files, _) = expiry::in_force(files, SystemClock.now_ms());
        let (engine, report) = engine_of(mappings, &files);
        let readable = files.iter().filter_map(|file| Some((file.name.as_str(), file.text.as_deref().ok()?)));
        let filters = Documents::parse(readable).preparation.filters().to_vec();
        Self { engine, filters, refused: report.refused }
    }

    fn side(&self) -> DiffSide<'_> {
        DiffSide { detector: self.engine.detector(), filters: &self.filters }
    }
}

/// How many rules changed, and how.
fn summary(diff: &RuleDiff) -> String {
    let meaning = diff.changed.iter().filter(|change| change.meaning_changed).count();
    format!(
        "{} added, {} removed, {meaning} changed in what they match, {} only in words or tests, {} unchanged",
        diff.added.len(),
        diff.removed.len(),
        diff.changed.len() - meaning,
        diff.unchanged
    )
}

fn in_text(diff: &RuleDiff) -> String {
    let mut out = String::new();
    // writing to a string cannot fail, here and below
    let mut line = |text: std::fmt::Arguments<'_>| {
        let _ = writeln!(out, "{text}");
    };
    for note in &diff.added {
        line(format_args!("+ {}: {} ({})", place(note), note.title, grade(note)));
    }
    for note in &diff.removed {
        line(format_args!("- {}: {} ({})", place(note), note.title, grade(note)));
    }
    for RuleChange { rule, meaning_changed, parts } in &diff.changed {
        let mark = if *meaning_changed { '!' } else { '~' };
        line(format_args!("{mark} {}: {}", place(rule), rule.title));
        for part in parts {
            line(format_args!("    {}: {}", part.key, from_to(part)));
        }
    }
    line(format_args!("{}", summary(diff)));
    out
}

fn place(note: &RuleNote) -> String {
    format!("{}:{}", note.file, note.line)
}

fn grade(note: &RuleNote) -> String {
    format!("{}, {}", note.level.unwrap_or("no level"), note.status.unwrap_or("no status"))
}

fn from_to(part: &PartChange) -> String {
    let shown = |value: &Option<String>| value.as_deref().map_or_else(|| "(none)".to_owned(), short);
    format!("{} → {}", shown(&part.from), shown(&part.to))
}

/// One line of at most [`VALUE_CHARS_MAX`] characters.
fn short(value: &str) -> String {
    let line: String = value.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(VALUE_CHARS_MAX) {
        Some((end, _)) => format!("{}…", line.get(..end).unwrap_or_default()),
        None => line,
    }
}

/// A comment for a pull request: a summary, then a table of what needs a reviewer, the rest folded away.
fn in_markdown(diff: &RuleDiff, refused: &[RuleError]) -> String {
    let mut out = format!("### Detection rules\n\n{}\n", summary(diff));
    if !refused.is_empty() {
        let _ = write!(out, "\n**{} documents are refused and will not run:**\n\n", refused.len());
        for error in refused {
            let _ = writeln!(out, "- {}", cell(&error.to_string()));
        }
    }
    let meaning: Vec<&RuleChange> = diff.changed.iter().filter(|change| change.meaning_changed).collect();
    if !(diff.added.is_empty() && diff.removed.is_empty() && meaning.is_empty()) {
        out.push_str("\n| | rule | level | what changes |\n|---|---|---|---|\n");
        for note in &diff.added {
            markdown_row(&mut out, "added", note, &format!("status {}", note.status.unwrap_or("none")));
        }
        for note in &diff.removed {
            markdown_row(&mut out, "removed", note, "");
        }
        for change in meaning {
            markdown_row(&mut out, "changed", &change.rule, &markdown_parts(&change.parts));
        }
    }
    let words: Vec<&RuleChange> = diff.changed.iter().filter(|change| !change.meaning_changed).collect();
    if !words.is_empty() {
        let _ = write!(
            out,
            "\n<details><summary>{} rules changed only in words or tests</summary>\n\n| | rule | level | what changes |\n|---|---|---|---|\n",
            words.len()
        );
        for change in words {
            markdown_row(&mut out, "words", &change.rule, &markdown_parts(&change.parts));
        }
        out.push_str("\n</details>\n");
    }
    out
}

fn markdown_row(out: &mut String, what: &str, note: &RuleNote, changes: &str) {
    let level = note.level.unwrap_or("none");
    let _ =
        writeln!(out, "| {what} | {}<br>{} | {level} | {changes} |", cell(&note.title), cell(&place(note)));
}

fn markdown_parts(parts: &[PartChange]) -> String {
    let said = parts.iter().map(|part| format!("{}: {}", cell(&part.key), cell(&from_to(part))));
    said.collect::<Vec<_>>().join("<br>")
}

/// Text that stays within a table's cell and says what it says: a rule's words are no markup.
fn cell(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '\n' | '\r' => out.push(' '),
            '|' | '\\' | '`' | '*' | '_' | '[' | ']' | '#' | '~' | '!' | '@' => {
                out.push('\\');
                out.push(c);
            }
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rules_words_are_no_markup() {
        assert_eq!(cell("a|b <img> `x` *y*\n@z"), r"a\|b &lt;img&gt; \`x\` \*y\* \@z");
    }

    #[test]
    fn a_reviewer_sees_first_what_will_match_otherwise() {
        const RULE: &str =
            "title: T\nid: a\nlevel: low\nlogsource: {product: aws}\ndetection: {s: {a: x}, condition: s}\n";
        let old = format!("{RULE}---\n{}", RULE.replace("id: a", "id: b"));
        let new = format!(
            "{}---\n{}",
            RULE.replace("a: x", "a: y"),
            RULE.replace("id: a", "id: b").replace("low", "high")
        );
        let mappings = Arc::new(mappings().unwrap());
        let loaded = |text: String| {
            let loaded = Loaded::of(&mappings, &[RuleFile { name: "r.yml".to_owned(), text: Ok(text) }]);
            assert_eq!(loaded.refused, []);
            loaded
        };
        let diff = RuleDiff::of(loaded(old).side(), loaded(new).side());
        let text = in_text(&diff);
        assert!(text.contains("! r.yml:1: T\n    detection.s: a: x → a: y\n"), "{text}");
        assert!(text.contains("    level: low → high\n"), "{text}");
        let markdown = in_markdown(&diff, &[]);
        assert!(
            markdown.contains("| changed | T<br>r.yml:1 | low | detection.s: a: x → a: y |"),
            "{markdown}"
        );
        assert!(markdown.contains("<details><summary>1 rules changed only in words or tests"), "{markdown}");
    }
}
