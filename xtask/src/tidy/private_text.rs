//! Text that belongs to a developer's machine or desk, not to the product.
//!
//! The patterns are put together at run time, so that this file does not hold what it looks for.

use super::{Complaint, Repo};

/// What to look for, and why it must go.
struct Pattern {
    text: String,
    why: &'static str,
}

const A_MACHINE: &str = "a path of somebody's machine; name it relative to the workspace or to $HOME";
const A_REGISTRY: &str = "a registry's host; lock files and settings leave it to the client";
const A_DESK: &str = "about how the work is organised; say what the product does";
const A_PAGE: &str = "refers to a page that is not in this repository; link ARCHITECTURE.md or an ADR";

/// Home folders that stand in examples of telemetry: a build runner's, made-up people's.
const HOMES_IN_EXAMPLES: &[&str] = &["runner", "user", "alice", "bob"];

pub(super) fn check(repo: &Repo) -> Vec<Complaint> {
    let patterns = patterns();
    let mut complaints = Vec::new();
    for file in repo.files() {
        // telemetry, rules and mappings speak of other people's machines by trade
        let speaks_of_others = file.is_fixture() || file.path.starts_with("content/");
        for (line, text) in file.lines() {
            let mut complain = |why: &str| complaints.push(Complaint::error(&file.path, line, why));
            let found = patterns.iter().filter(|p| text.contains(&p.text));
            found.filter(|p| !speaks_of_others || p.why != A_REGISTRY).for_each(|p| complain(p.why));
            if !speaks_of_others && names_a_home(text) {
                complain(A_MACHINE);
            }
        }
    }
    complaints
}

fn patterns() -> Vec<Pattern> {
    let joined = |why: &'static str, parts: &[[&str; 2]]| {
        let pattern = move |pair: &[&str; 2]| Pattern { text: pair.concat(), why };
        parts.iter().map(pattern).collect::<Vec<_>>()
    };
    let work = "/work";
    let machine = ["/main", "/shared", "/steering", "/.library", "/.mirror"].map(|folder| [work, folder]);
    let hidden = ["oot/.cargo", "oot/.cache", "oot/.rustup", "oot/.npm"].map(|folder| ["/r", folder]);
    let registries = [
        ["registry.npm", "js.org"],
        ["files.python", "hosted.org"],
        ["pypi", ".org/simple"],
        ["static.crates", ".io"],
        ["index.crates", ".io"],
        ["crates", ".io/api"],
        ["deb.deb", "ian.org"],
    ];
    let desk = [
        ["issues ", "show "],
        ["in the ", "brief"],
        ["acceptance", ".bin"],
        ["sub", "agent"],
        ["as an AI ", "model"],
    ];
    let pages = [["DESIGN", ".md"], ["DESIGN", " §"], ["PEERS", ".md"], ["LIBRARIES", ".md"]];
    let mut all = joined(A_MACHINE, &machine);
    all.extend(joined(A_MACHINE, &hidden));
    all.extend(joined(A_REGISTRY, &registries));
    all.extend(joined(A_DESK, &desk));
    all.extend(joined(A_PAGE, &pages));
    all
}

/// `/home/` and a name that is not one of an example.
fn names_a_home(text: &str) -> bool {
    text.match_indices("/home/").any(|(at, home)| {
        let starts_a_path = !text[..at].ends_with(|c: char| c.is_alphanumeric() || c == '}' || c == '.');
        let name: String =
            text[at + home.len()..].chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
        starts_a_path && !name.is_empty() && !HOMES_IN_EXAMPLES.contains(&name.as_str())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn private_text_is_found_outside_data() {
        let machine = ["see /work", "/main/x"].concat();
        let registry = ["https://registry.npm", "js.org/x"].concat();
        let home = ["/home", "/carol/src"].concat();
        let page = ["// DESIGN", " §4"].concat();
        let cases = [
            ("a.rs", machine.as_str(), 1),
            ("content/rules/a.yaml", &machine, 1),
            ("package-lock.json", &registry, 1),
            ("content/rules/a.yaml", &registry, 0),
            ("crates/x/tests/fixtures/a.json", &registry, 0),
            ("a.rs", &page, 1),
            ("a.md", home.as_str(), 1),
            ("a.md", "/home/runner/work", 0),
            ("a.md", "https://example.test/home/page", 0),
            ("content/rules/a.yaml", &home, 0),
            ("a.md", "a session of a user; an issue; ../shared/data", 0),
        ];
        for (path, text, want) in cases {
            assert_eq!(check(&Repo::made_up(&[(path, text)])).len(), want, "{path} {text}");
        }
    }
}
