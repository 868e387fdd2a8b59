//! Input never panics; nothing unfinished or switched off is left behind.

use super::repo::SourceFile;
use super::rust_text::{RustText, word_offsets};
use super::{Complaint, Repo};

/// Left in a hurry, wherever it stands.
const UNFINISHED: &[&str] = &["todo!", "unimplemented!", "dbg!"];
/// How far above an impossible case its reason may stand.
const REASON_LINES_ABOVE: usize = 3;

pub(super) fn check(repo: &Repo) -> Vec<Complaint> {
    repo.rust_files().flat_map(|(file, rust)| check_file(file, rust)).collect()
}

fn check_file(file: &SourceFile, rust: &RustText) -> Vec<Complaint> {
    let mut complaints = Vec::new();
    let mut complain =
        |line: usize, message: String| complaints.push(Complaint::error(&file.path, line, message));
    for (index, code) in rust.code.split('\n').enumerate() {
        for name in UNFINISHED.iter().filter(|name| word_offsets(code, name).next().is_some()) {
            complain(index + 1, format!("`{name}` is left over"));
        }
        if code.contains("#[ignore") {
            complain(index + 1, "a test that is switched off; mend it or take it out".into());
        }
    }
    for (line, code) in rust.product_lines() {
        if code.contains(".unwrap()") && !has_reason(rust, line) {
            complain(line, "`.unwrap()` outside tests; return an error, or say why it is impossible".into());
        }
        if is_expect(code, rust, line) && !has_reason(rust, line) {
            complain(
                line,
                "`.expect(\"…\")` outside tests; return an error, or say why it is impossible".into(),
            );
        }
        if let Some(lint) = allowed_lint(code) {
            complain(
                line,
                format!(
                    "`{lint}` is allowed for a stretch; use #[expect] with a reason on the one statement"
                ),
            );
        }
    }
    complaints
}

/// A parser may have a method of that name: only one that is given a message counts.
fn is_expect(code: &str, rust: &RustText, line: usize) -> bool {
    code.match_indices(".expect(").any(|(at, call)| {
        let rest = code[at + call.len()..].trim_start();
        let next =
            if rest.is_empty() { rust.code.lines().nth(line).unwrap_or_default().trim_start() } else { rest };
        next.starts_with('"') || next.starts_with("&format!")
    })
}

/// Whether `#[expect(clippy::…)]` stands just above, or above the function around.
fn has_reason(rust: &RustText, line: usize) -> bool {
    let function = rust.function_at(line).map_or(line, |f| f.line);
    let near = |anchor: usize| anchor.saturating_sub(1 + REASON_LINES_ABOVE)..anchor;
    let lines: Vec<&str> = rust.code.split('\n').collect();
    let says = |index: usize| {
        lines
            .get(index)
            .is_some_and(|code| code.contains("expect(clippy::") || code.trim_start().starts_with("clippy::"))
    };
    near(line).any(says) || near(function).any(says)
}

fn allowed_lint(code: &str) -> Option<&'static str> {
    let (_, list) = code.split_once("allow(")?;
    ["clippy::unwrap_used", "clippy::expect_used", "clippy::panic"]
        .into_iter()
        .find(|lint| list.contains(lint))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn panics_are_found_outside_tests() {
        let ignore = ["#[ign", "ore]\nfn f() {}"].concat();
        let cases = [
            ("fn f() { x.unwrap(); }", 1),
            ("fn f() { x.unwrap_or(1); }", 0),
            ("fn f() { x.expect(\"why\"); }", 1),
            ("fn f() { x\n.expect(\n\"why\"); }", 1),
            ("fn f() { x.expect(&format!(\"why\")); }", 1),
            ("fn f() { self.expect(Token::Comma); }", 0),
            ("#[expect(clippy::unwrap_used, reason = \"\")]\nfn f() { x.unwrap(); }", 0),
            ("fn f() {\n#[expect(clippy::expect_used, reason = \"\")]\nlet y = x\n.expect(\"why\");\n}", 0),
            ("#[cfg(test)]\nmod tests { fn f() { x.unwrap(); } }", 0),
            ("// x.unwrap()\nfn f() -> &str { \"x.unwrap()\" }", 0),
            ("#![allow(clippy::unwrap_used)]", 1),
            ("fn f() { dbg!(1); todo!() }", 2),
            ("fn f() { my_todo!() }", 0),
            (&ignore, 1),
        ];
        for (text, want) in cases {
            let complaints = check(&Repo::made_up(&[("crates/x/src/a.rs", text)]));
            assert_eq!(complaints.len(), want, "{text}\n{complaints:?}");
        }
    }

    #[test]
    fn integration_tests_may_panic_and_may_not_be_switched_off() {
        let text = ["#![allow(clippy::unwrap_used)]\n#[ign", "ore]\nfn f() { x.unwrap(); }"].concat();
        assert_eq!(check(&Repo::made_up(&[("crates/x/tests/it/a.rs", &text)])).len(), 1);
    }
}
