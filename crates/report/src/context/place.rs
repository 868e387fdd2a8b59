//! A file and its lines.

use super::text;
use std::fmt;
use std::str::FromStr;

/// Lines of a file: one, or from one to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lines {
    first: u32,
    last: u32,
}

impl FromStr for Lines {
    type Err = String;

    /// `7`, `7-12`, and GitHub's `L7-L12`.
    fn from_str(value: &str) -> Result<Self, Self::Err> {
        let number = |part: &str| part.trim().trim_start_matches(['L', 'l']).parse::<u32>().ok();
        let (first, last) = value.split_once('-').unwrap_or((value, value));
        match (number(first), number(last)) {
            (Some(first), Some(last)) if (1..=last).contains(&first) => Ok(Self { first, last }),
            _ => Err(format!("`{value}` are no lines: write 7 or 7-12")),
        }
    }
}

impl fmt::Display for Lines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.first == self.last {
            true => write!(f, "{}", self.first),
            false => write!(f, "{}-{}", self.first, self.last),
        }
    }
}

/// A file as a path in the repository: `file` is relative to `folder`, which is relative to the top of the work tree; both
/// have `/` between their parts. Nothing where it leads out of the work tree.
pub fn place_in_tree(folder: &str, file: &str) -> Option<String> {
    let file = file.replace('\\', "/");
    if file.starts_with('/') || file.contains(':') {
        return None;
    }
    let mut parts: Vec<&str> = Vec::new();
    for part in folder.split('/').chain(file.split('/')) {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()?),
            part => parts.push(part),
        }
    }
    text(&parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_one_or_a_range() {
        for (value, expected) in
            [("7", "7"), ("7-12", "7-12"), ("L7-L12", "7-12"), ("3-3", "3"), (" 4 - 5 ", "4-5")]
        {
            assert_eq!(
                value.parse::<Lines>().map(|lines| lines.to_string()).as_deref(),
                Ok(expected),
                "{value}"
            );
        }
        for bad in ["", "0", "9-3", "a", "1-2-3", "-4", "4294967296"] {
            assert!(bad.parse::<Lines>().unwrap_err().contains("write 7"), "{bad}");
        }
    }

    #[test]
    fn files_are_told_from_the_top_and_never_from_outside() {
        for (folder, file, expected) in [
            ("", "src/pay.rs", Some("src/pay.rs")),
            ("svc/till", "src/pay.rs", Some("svc/till/src/pay.rs")),
            ("svc/till", "./../web/a.ts", Some("svc/web/a.ts")),
            ("svc", r"src\pay.rs", Some("svc/src/pay.rs")),
            ("svc", "../../etc/passwd", None),
            ("svc", "/srv/kim/pay.rs", None),
            ("svc", r"C:\kim\pay.rs", None),
            ("svc", "..", None),
        ] {
            assert_eq!(place_in_tree(folder, file).as_deref(), expected, "{folder} {file}");
        }
    }
}
