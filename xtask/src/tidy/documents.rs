//! Links lead somewhere; every decision is in the index.

use super::repo::SourceFile;
use super::{Complaint, Repo};
use std::collections::BTreeMap;

const ADR_FOLDER: &str = "docs/adr/";
const ADR_INDEX: &str = "docs/adr/README.md";

pub(super) fn check(repo: &Repo) -> Vec<Complaint> {
    let documents = repo.files().iter().filter(|f| f.path.ends_with(".md") && !f.is_fixture());
    documents.flat_map(|file| check_links(repo, file)).chain(check_decisions(repo)).collect()
}

fn check_links(repo: &Repo, file: &SourceFile) -> Vec<Complaint> {
    let mut complaints = Vec::new();
    for (line, target) in links(&file.text) {
        let (path, anchor) = target.split_once('#').unwrap_or((target, ""));
        let resolved = if path.is_empty() { Some(file.path.clone()) } else { resolve(&file.path, path) };
        let Some(resolved) = resolved.filter(|path| path.is_empty() || repo.exists(path)) else {
            complaints.push(Complaint::error(&file.path, line, format!("the link `{target}` leads nowhere")));
            continue;
        };
        let page = repo.file(&resolved).filter(|page| page.path.ends_with(".md"));
        if let Some(page) = page
            && !anchor.is_empty()
            && !anchors(&page.text).contains(&anchor.to_owned())
        {
            complaints.push(Complaint::error(
                &file.path,
                line,
                format!("{resolved} has no heading `#{anchor}`"),
            ));
        }
    }
    complaints
}

/// The targets of links that stay in the repository, outside of code, with their lines.
fn links(text: &str) -> Vec<(usize, &str)> {
    let mut found = Vec::new();
    for (line, prose) in prose_lines(text) {
        for (at, opening) in prose.match_indices("](") {
            let in_code = prose[..at].matches('`').count() % 2 == 1;
            let rest = &prose[at + opening.len()..];
            let target = rest.split([')', ' ']).next().unwrap_or_default();
            if !in_code && !target.is_empty() && !target.contains("://") && !target.starts_with("mailto:") {
                found.push((line, target));
            }
        }
    }
    found
}

/// The lines outside of fenced code blocks, with their numbers.
fn prose_lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut in_fence = false;
    text.lines().enumerate().filter_map(move |(index, line)| {
        let is_fence = line.trim_start().starts_with("```");
        in_fence ^= is_fence;
        (!in_fence && !is_fence).then_some((index + 1, line))
    })
}

/// The path that `target` names, seen from the file `from`; nothing if it leaves the repository.
fn resolve(from: &str, target: &str) -> Option<String> {
    let mut parts: Vec<&str> = from.split('/').collect();
    parts.pop();
    if target.starts_with('/') {
        parts.clear();
    }
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()?),
            name => parts.push(name),
        }
    }
    Some(parts.join("/"))
}

/// The names that a forge gives to headings.
fn anchors(text: &str) -> Vec<String> {
    let headings = prose_lines(text).filter_map(|(_, line)| line.strip_prefix('#'));
    let headings = headings.map(|heading| heading.trim_start_matches('#'));
    let slug = |heading: &str| {
        let kept = heading.trim().chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
        kept.flat_map(char::to_lowercase).map(|c| if c == ' ' { '-' } else { c }).collect()
    };
    headings.map(slug).collect()
}

fn check_decisions(repo: &Repo) -> Vec<Complaint> {
    let mut complaints = Vec::new();
    let index = repo.file(ADR_INDEX).map_or("", |file| file.text.as_str());
    let mut numbers: BTreeMap<&str, &str> = BTreeMap::new();
    for file in repo.files() {
        let Some(name) = file.path.strip_prefix(ADR_FOLDER).filter(|name| *name != "README.md") else {
            continue;
        };
        let mut complain = |message: String| complaints.push(Complaint::error(&file.path, 1, message));
        let number = name.get(..4).filter(|n| n.bytes().all(|b| b.is_ascii_digit())).unwrap_or_default();
        if number.is_empty() || name.get(4..5) != Some("-") || !name.ends_with(".md") {
            complain("a decision is called NNNN-what-it-is-about.md".to_owned());
        } else if let Some(other) = numbers.insert(number, name) {
            complain(format!("has the same number as {other}"));
        }
        if !index.contains(&format!("]({name})")) {
            complain(format!("is not in the index {ADR_INDEX}"));
        }
    }
    complaints
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_lead_somewhere() {
        let cases = [
            ("[a](adr/0001-x.md)", 0),
            ("[a](adr/0001-x.md#the-decision)", 0),
            ("[a](adr/0001-x.md#the-reason)", 1),
            ("[a](adr/)", 0),
            ("[a](../README.md)", 0),
            ("[a](../../README.md)", 1),
            ("[a](/README.md)", 0),
            ("[a](gone.md) [b](gone.md)", 2),
            ("[a](https://example.test/gone.md)", 0),
            ("`[a](gone.md)`", 0),
            ("```\n[a](gone.md)\n```", 0),
            ("# Here\n[a](#here) [b](#there)", 1),
        ];
        for (text, want) in cases {
            let tree = [
                ("README.md", ""),
                ("docs/page.md", text),
                ("docs/adr/0001-x.md", "# The *decision*\n"),
                (ADR_INDEX, "[1](0001-x.md)"),
            ];
            let complaints = check(&Repo::made_up(&tree));
            assert_eq!(complaints.len(), want, "{text}\n{complaints:?}");
        }
    }

    #[test]
    fn decisions_are_numbered_and_indexed() {
        let cases = [
            (vec!["docs/adr/0001-x.md"], "[1](0001-x.md)", 0),
            (vec!["docs/adr/0001-x.md"], "", 1),
            (vec!["docs/adr/0001-x.md", "docs/adr/0001-y.md"], "[1](0001-x.md) [1](0001-y.md)", 1),
            (vec!["docs/adr/x.md"], "[x](x.md)", 1),
        ];
        for (paths, index, want) in cases {
            let mut tree = vec![(ADR_INDEX, index)];
            tree.extend(paths.iter().map(|path| (*path, "")));
            assert_eq!(check(&Repo::made_up(&tree)).len(), want, "{paths:?} {index}");
        }
    }
}
