//! Blanks at line ends, tabs, the newline at the end of a file, carriage returns.

use super::repo::SourceFile;
use super::{Complaint, Repo};

pub(super) fn check(repo: &Repo) -> Vec<Complaint> {
    repo.files().iter().filter(|file| is_ours(file)).flat_map(check_file).collect()
}

fn is_ours(file: &SourceFile) -> bool {
    let written = matches!(file.extension(), "rs" | "toml" | "md" | "yaml" | "yml" | "sh");
    !file.is_fixture() && (written || file.path == "Makefile" || file.path.starts_with(".ci/"))
}

fn check_file(file: &SourceFile) -> Vec<Complaint> {
    let mut complaints = Vec::new();
    let mut complain = |line, message: &str| complaints.push(Complaint::error(&file.path, line, message));
    // make's own syntax asks for tabs; code blocks in documents may show it
    let tabs_allowed = file.path == "Makefile" || file.extension() == "md";
    for (line, text) in file.lines() {
        if text.ends_with(['\r', ' ', '\t']) {
            complain(line, "blanks at the end of the line");
        } else if !tabs_allowed && text.contains('\t') {
            complain(line, "a tab; indent by spaces, write \\t in strings");
        }
    }
    let last = file.text.lines().count().max(1);
    if !file.text.is_empty() && !file.text.ends_with('\n') {
        complain(last, "the newline at the end of the file is missing");
    } else if file.text.ends_with("\n\n") {
        complain(last, "empty lines at the end of the file");
    }
    complaints
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blanks_are_found() {
        let cases = [
            ("a.rs", "x\n", 0),
            ("a.rs", "x \n", 1),
            ("a.rs", "x\r\n", 1),
            ("a.rs", "\tx\n", 1),
            ("a.rs", "x", 1),
            ("a.rs", "x\n\n", 1),
            ("a.rs", "", 0),
            ("Makefile", "a:\n\tb\n", 0),
            ("tests/golden/a.yaml", "x \n", 0),
            ("a.json", "x ", 0),
        ];
        for (path, text, want) in cases {
            assert_eq!(check(&Repo::made_up(&[(path, text)])).len(), want, "{path} {text:?}");
        }
    }
}
