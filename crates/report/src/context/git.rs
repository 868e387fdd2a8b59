//! What git says of the work tree.

/// Questions to git about the work tree that the reporter stands in.
///
/// Whoever answers must not run programs that files of the work tree name, and must not write to it.
pub trait GitAnswers {
    /// The commit that is checked out: `git rev-parse --verify HEAD`.
    fn commit(&self) -> Option<String>;
    /// The branch; nothing where HEAD is detached: `git symbolic-ref --short HEAD`.
    fn branch(&self) -> Option<String>;
    /// The URL of the remote, credentials and all: `git remote get-url origin`.
    fn remote(&self) -> Option<String>;
    /// Whether the commit has a good signature, by `%G?` of gitformat-log; nothing where it cannot be checked.
    fn is_signed(&self) -> Option<bool>;
}

/// What a letter of `%G?` says (git-log(1), "PRETTY FORMATS"): good and good of unknown validity are signed, bad, revoked
/// and none are not; expired ones and those that cannot be checked say nothing.
pub fn is_signed(letter: &str) -> Option<bool> {
    match letter.trim() {
        "G" | "U" => Some(true),
        "B" | "R" | "N" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_of_signatures() {
        for (letter, expected) in [
            ("G\n", Some(true)),
            ("U", Some(true)),
            ("B", Some(false)),
            ("R", Some(false)),
            ("N", Some(false)),
            ("X", None),
            ("Y", None),
            ("E", None),
            ("", None),
        ] {
            assert_eq!(is_signed(letter), expected, "{letter:?}");
        }
    }
}
