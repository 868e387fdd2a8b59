//! A function fits a screen, a file can be read in one sitting.

use super::rust_text::{Function, RustText};
use super::{Complaint, Repo};
use crate::tidy::repo::SourceFile;

const FUNCTION_LINES_MAX: usize = 70;
const FILE_LINES_WARN: usize = 500;
const FILE_LINES_MAX: usize = 650;
const TEST_FILE_LINES_MAX: usize = 900;
/// Above a function that is one table and may be longer.
const TABLE_MARK: &str = "// tidy: table";
/// How far above `fn` the mark may stand, with documentation and attributes between.
const MARK_LINES_ABOVE: usize = 8;

pub(super) fn check(repo: &Repo) -> Vec<Complaint> {
    repo.rust_files().flat_map(|(file, rust)| check_file(file, rust)).collect()
}

fn check_file(file: &SourceFile, rust: &RustText) -> Vec<Complaint> {
    let mut complaints: Vec<Complaint> =
        rust.functions.iter().filter_map(|function| check_function(file, function)).collect();
    let lines = file.text.lines().count();
    let generated = file.text.starts_with("// @generated");
    let max = if rust.is_test_file { TEST_FILE_LINES_MAX } else { FILE_LINES_MAX };
    if !generated && lines > max {
        complaints.push(Complaint::error(
            &file.path,
            1,
            format!("{lines} lines, {max} at most: split it by noun"),
        ));
    } else if !generated && !rust.is_test_file && lines > FILE_LINES_WARN {
        complaints.push(Complaint::warning(
            &file.path,
            1,
            format!("{lines} lines; files mostly stay under {FILE_LINES_WARN}"),
        ));
    }
    complaints
}

fn check_function(file: &SourceFile, function: &Function) -> Option<Complaint> {
    let (name, lines) = (&function.name, function.lines());
    if lines <= FUNCTION_LINES_MAX {
        return None;
    }
    let message = match (is_marked(file, function.line), is_table(function)) {
        (true, true) => return None,
        (true, false) => {
            format!("`{name}` is marked as a table and is more than one `match`, `const` or list")
        }
        (false, _) => format!("`{name}` has {lines} lines, {FUNCTION_LINES_MAX} at most"),
    };
    Some(Complaint::error(&file.path, function.line, message))
}

fn is_marked(file: &SourceFile, line: usize) -> bool {
    let above = file.lines().take(line - 1).skip(line.saturating_sub(1 + MARK_LINES_ABOVE));
    above.map(|(_, text)| text.trim()).any(|text| text.starts_with(TABLE_MARK))
}

fn is_table(function: &Function) -> bool {
    ["match ", "const ", "static ", "[", "&[", "vec![", "matches!"]
        .iter()
        .any(|start| function.body_start.starts_with(start))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn function(above: &str, body: &str, lines: usize) -> String {
        format!("{above}fn f() {{\n{body}{}}}\n", "    x;\n".repeat(lines))
    }

    #[test]
    fn a_function_fits_a_screen_unless_it_is_a_table() {
        let cases = [
            (function("", "", 68), 0),
            (function("", "", 69), 1),
            (function("// tidy: table\n", "match x {\n}\n", 80), 0),
            (function("// tidy: table\n/// Doc.\n#[must_use]\n", "&[1, 2]\n", 80), 0),
            (function("// tidy: table\n", "let a = 1;\n", 80), 1),
            (function("", "match x {\n}\n", 80), 1),
        ];
        for (text, want) in cases {
            assert_eq!(check(&Repo::made_up(&[("crates/x/src/a.rs", &text)])).len(), want, "{text}");
        }
    }

    #[test]
    fn files_have_a_limit() {
        use super::super::Level::{Error, Warning};
        let cases = [
            ("crates/x/src/a.rs", 500, None),
            ("crates/x/src/a.rs", 501, Some(Warning)),
            ("crates/x/src/a.rs", 651, Some(Error)),
            ("crates/x/tests/it/a.rs", 900, None),
            ("crates/x/tests/it/a.rs", 901, Some(Error)),
        ];
        for (path, lines, want) in cases {
            let complaints = check(&Repo::made_up(&[(path, &"x\n".repeat(lines))]));
            assert_eq!(complaints.first().map(|c| c.level), want, "{path} {lines}");
        }
        let generated = format!("// @generated\n{}", "x\n".repeat(2_000));
        assert!(check(&Repo::made_up(&[("crates/x/src/a.rs", &generated)])).is_empty());
    }
}
