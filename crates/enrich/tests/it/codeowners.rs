//! CODEOWNERS as GitHub and GitLab read it.

use super::places;
use huecry_enrich::{Codeowners, Dialect};
use ignore::gitignore::GitignoreBuilder;
use proptest::prelude::*;

fn owners(text: &str, dialect: Dialect, path: &str) -> Vec<String> {
    let (file, _) = Codeowners::parse("CODEOWNERS", text, dialect);
    let name = |claim: huecry_enrich::Claim<'_>| match claim.section {
        Some(section) => format!("{section}={}", claim.owners.join(" ")),
        None => claim.owners.join(" "),
    };
    file.claims(path).into_iter().map(name).collect()
}

#[test]
fn github_patterns_match_as_its_documentation_says() {
    let cases: &[(&str, &[&str], &[&str])] = &[
        ("*", &["a", "a/b/c.js"], &[]),
        ("*.js", &["a.js", "x/y/b.js"], &["a.ts"]),
        ("/build/logs/", &["build/logs/a", "build/logs/x/b"], &["x/build/logs/a", "build/logs"]),
        ("docs/*", &["docs/getting-started.md"], &["docs/build-app/troubleshooting.md", "x/docs/a.md"]),
        ("apps/", &["apps/a", "x/apps/y/b"], &["apps", "xapps/a"]),
        ("/docs/", &["docs/a", "docs/x/b"], &["x/docs/a"]),
        ("/scripts/", &["scripts/a"], &["x/scripts/a"]),
        ("**/logs", &["build/logs/a", "logs/x", "deeply/nested/logs/a"], &["logsx/a"]),
        ("/apps/github", &["apps/github/a", "apps/github"], &["apps/github2"]),
        ("src/**/test.rs", &["src/test.rs", "src/a/b/test.rs"], &["x/src/test.rs"]),
        ("src/**", &["src/a", "src/a/b"], &["src", "x/src/a"]),
        ("a?c", &["abc", "x/abc/y"], &["ac", "a/c"]),
        (r"path\ with\ space/", &["path with space/a"], &["path/a"]),
        ("docs", &["docs", "docs/a", "x/docs/b"], &["docs2"]),
    ];
    for (pattern, hits, misses) in cases {
        let text = format!("{pattern} @team");
        for path in *hits {
            assert_eq!(owners(&text, Dialect::Github, path), ["@team"], "{pattern} must match {path}");
        }
        for path in *misses {
            assert!(owners(&text, Dialect::Github, path).is_empty(), "{pattern} must not match {path}");
        }
    }
}

#[test]
fn the_last_line_that_matches_decides_and_may_take_owners_away() {
    let text =
        "* @all # everyone\n\n/apps/ @octocat\n/apps/github\n/apps/github/doc @doctocat ops@acme.example";
    let cases = [
        ("README", "@all"),
        ("apps/x", "@octocat"),
        ("/apps/github/x", ""),
        ("apps/github/doc/a", "@doctocat ops@acme.example"),
    ];
    for (path, expected) in cases {
        assert_eq!(owners(text, Dialect::Auto, path), [expected], "{path}");
    }
}

#[test]
fn gitlab_sections_each_have_a_say() {
    let text = "\
*.md @writers
[Backend][2] @backend
/api/
/api/legacy/ @old-hands
^[Docs] @docs-team
*.md
README.md @boss
[backend]
/jobs/
[Frontend] @web
*.ts
!generated.ts
/ui/special.ts @ana @@maintainer
";
    let cases: &[(&str, &[&str])] = &[
        ("api/v1.go", &["backend=@backend"]),
        ("api/legacy/x.go", &["backend=@old-hands"]),
        ("jobs/a", &["backend=@backend"]),
        ("README.md", &["@writers", "docs=@boss"]),
        ("x/y.md", &["@writers", "docs=@docs-team"]),
        ("ui/a.ts", &["frontend=@web"]),
        ("ui/special.ts", &["frontend=@ana @@maintainer"]),
        ("ui/generated.ts", &[]),
        ("main.rs", &[]),
    ];
    let (file, faults) = Codeowners::parse(".gitlab/CODEOWNERS", text, Dialect::Auto);
    assert_eq!((file.dialect(), faults.len()), (Dialect::Gitlab, 0), "{faults:?}");
    for (path, expected) in cases {
        let found: Vec<_> = owners(text, Dialect::Auto, path)
            .into_iter()
            .map(|claim| {
                claim.replace("Backend", "backend").replace("Docs", "docs").replace("Front", "front")
            })
            .collect();
        assert_eq!(found, *expected, "{path}");
    }
}

#[test]
fn gitlab_reads_patterns_its_own_way() {
    let cases: &[(&str, &[&str], &[&str])] = &[
        ("internal/README.md", &["internal/README.md", "x/internal/README.md"], &[]),
        ("docs", &["docs", "x/docs"], &["docs/a"]),
        ("docs/", &["docs/a", "x/docs/y/b"], &["docs"]),
        ("/docs/*", &["docs/a"], &["docs/x/a"]),
        ("/docs/**/*.md", &["docs/a.md", "docs/x/y/a.md"], &["a.md"]),
        (r"\#file", &["#file"], &["file"]),
        ("*", &["a", "x/y"], &[]),
    ];
    for (pattern, hits, misses) in cases {
        let text = format!("{pattern} @team");
        for path in *hits {
            assert_eq!(owners(&text, Dialect::Gitlab, path), ["@team"], "{pattern} must match {path}");
        }
        for path in *misses {
            assert!(owners(&text, Dialect::Gitlab, path).is_empty(), "{pattern} must not match {path}");
        }
    }
}

#[test]
fn lines_that_cannot_be_read_are_skipped_and_told() {
    let text = "\
* @all
[a-z]*.rs @x
!secret @x
@ana @bob
/a//b @x
src/ not-an-owner
/docs/ @docs-team
* @late
";
    let (file, faults) = Codeowners::parse("CODEOWNERS", text, Dialect::Github);
    let expected = [
        "CODEOWNERS:2: bad_pattern",
        "CODEOWNERS:3: bad_pattern",
        "CODEOWNERS:4: bad_pattern",
        "CODEOWNERS:5: bad_pattern",
        "CODEOWNERS:6: bad_owner",
        "CODEOWNERS:1: shadowed",
        "CODEOWNERS:7: shadowed",
    ];
    assert_eq!(places(&faults), expected);
    assert_eq!(file.rules(), 3);
    assert_eq!(file.claims("docs/a")[0].line, 8);
    assert_eq!(file.default_claim().map(|claim| claim.owners.to_vec()), Some(vec!["@late".to_owned()]));
}

#[test]
fn hostile_files_are_bounded() {
    let long = format!("{} @x\n", "a".repeat(5_000));
    let (_, faults) = Codeowners::parse("CODEOWNERS", &long, Dialect::Github);
    assert_eq!(places(&faults), ["CODEOWNERS:1: too_large"]);
    let huge = "#".repeat(huecry_enrich::limits::FILE_BYTES_MAX as usize + 1);
    let (_, faults) = Codeowners::parse("CODEOWNERS", &huge, Dialect::Github);
    assert_eq!(places(&faults), ["CODEOWNERS:1: too_large"]);
    // patterns that make a backtracking matcher take for ever
    let stars = format!("{}z @x\n{}z @x\n", "*a".repeat(400), "**/a/".repeat(150));
    let deep = "a/".repeat(2_000) + "a";
    let flat = "a".repeat(4_000);
    assert!(owners(&stars, Dialect::Github, &deep).is_empty());
    assert!(owners(&stars, Dialect::Github, &flat).is_empty());
    assert!(owners("* @x", Dialect::Github, &"a".repeat(5_000)).is_empty(), "a path beyond the limit");
}

/// The textbook reading of a GitHub pattern: expand to all prefixes of the path, match segment by segment.
fn naive(pattern: &str, path: &[&str]) -> bool {
    fn name(pattern: &[u8], text: &[u8]) -> bool {
        match (pattern, text) {
            ([], []) => true,
            ([b'*', rest @ ..], _) => {
                name(rest, text) || matches!(text, [_, tail @ ..] if name(pattern, tail))
            }
            ([b'?', rest @ ..], [_, tail @ ..]) => name(rest, tail),
            ([p, rest @ ..], [t, tail @ ..]) => p == t && name(rest, tail),
            _ => false,
        }
    }
    fn all(pattern: &[&str], path: &[&str]) -> bool {
        match (pattern, path) {
            ([], []) => true,
            (["**"], _) => !path.is_empty(),
            (["**", rest @ ..], _) => all(rest, path) || matches!(path, [_, tail @ ..] if all(pattern, tail)),
            ([p, rest @ ..], [t, tail @ ..]) => name(p.as_bytes(), t.as_bytes()) && all(rest, tail),
            _ => false,
        }
    }
    let names: Vec<&str> = pattern.split('/').filter(|name| !name.is_empty()).collect();
    let rooted = pattern.starts_with('/') || names.len() > 1;
    let folder = pattern.ends_with('/');
    let only_files = !folder && names.last() == Some(&"*") && rooted;
    let starts = if rooted { 0..1 } else { 0..path.len() };
    let mut ends = (1..=path.len()).filter(|end| !(folder && *end == path.len()));
    ends.any(|end| {
        (end == path.len() || !only_files)
            && starts.clone().any(|start| start < end && all(&names, &path[start..end]))
    })
}

fn pattern() -> impl Strategy<Value = String> {
    let name = prop_oneof![
        4 => "[ab]{1,2}".prop_map(String::from),
        1 => Just("*".to_owned()),
        1 => Just("**".to_owned()),
        1 => "[ab*?]{1,3}".prop_map(|name| name.replace("**", "*")),
    ];
    let names = prop::collection::vec(name, 1..4);
    (any::<bool>(), names, any::<bool>()).prop_map(|(rooted, names, folder)| {
        let (before, after) = (if rooted { "/" } else { "" }, if folder { "/" } else { "" });
        format!("{before}{}{after}", names.join("/"))
    })
}

fn path() -> impl Strategy<Value = String> {
    prop::collection::vec("[ab]{1,3}", 1..5).prop_map(|names| names.join("/"))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn the_last_match_is_the_one_a_plain_search_finds(
        patterns in prop::collection::vec(pattern(), 1..8),
        path in path(),
    ) {
        let text: String =
            patterns.iter().enumerate().map(|(n, pattern)| format!("{pattern} @o{n}\n")).collect();
        let segments: Vec<&str> = path.split('/').collect();
        let expected = patterns.iter().rposition(|pattern| naive(pattern, &segments));
        let found = owners(&text, Dialect::Github, &path);
        prop_assert_eq!(found.first().cloned(), expected.map(|n| format!("@o{n}")), "{} on {}", text, path);
    }

    /// Where CODEOWNERS follows gitignore (all but a last `*` below a folder), another reader agrees.
    #[test]
    fn gitignore_agrees(pattern in pattern(), path in path()) {
        let differs = pattern.trim_end_matches('/').ends_with("/*") && !pattern.ends_with('/');
        prop_assume!(!differs);
        let mut builder = GitignoreBuilder::new("/");
        builder.add_line(None, &pattern).unwrap();
        let gitignore = builder.build().unwrap();
        let folders = path.match_indices('/').map(|(end, _)| (&path[..end], true));
        let theirs = folders.chain([(path.as_str(), false)]).any(|(path, is_dir)| gitignore.matched(path, is_dir).is_ignore());
        let ours = !owners(&format!("{pattern} @x"), Dialect::Github, &path).is_empty();
        prop_assert_eq!(ours, theirs, "{} on {}", pattern, path);
    }

    #[test]
    fn nothing_that_is_written_in_it_panics(text in "(?s).{0,200}", path in "(?s).{0,40}") {
        for dialect in [Dialect::Auto, Dialect::Github, Dialect::Gitlab] {
            let (file, _) = Codeowners::parse("CODEOWNERS", &text, dialect);
            let _ = (file.claims(&path), file.default_claim());
        }
    }
}
