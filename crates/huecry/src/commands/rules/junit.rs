//! Test results as JUnit XML, in the dialect that Jenkins' xUnit plugin has a schema for (`junit-10.xsd`) and that
//! GitHub, GitLab and Jenkins read.

use std::fmt::Write;

/// The tests of one file.
#[derive(Debug, Default)]
pub(super) struct Suite {
    /// The file.
    pub(super) name: String,
    pub(super) cases: Vec<Case>,
}

/// One test.
#[derive(Debug)]
pub(super) struct Case {
    pub(super) name: String,
    pub(super) end: End,
}

/// How a test ended.
#[derive(Debug)]
pub(super) enum End {
    Passed,
    /// In one line, and at length.
    Failed(String, String),
    /// It could not be run.
    Error(String),
    /// There was nothing to run.
    Skipped(String),
}

/// The whole document.
pub(super) fn document(suites: &[Suite]) -> String {
    let count = |of: fn(&End) -> bool| -> usize {
        suites.iter().flat_map(|suite| &suite.cases).filter(|case| of(&case.end)).count()
    };
    let mut xml = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let (tests, failures, errors) = (count(|_| true), count(is_failed), count(is_error));
    // writing to a string cannot fail, here and below
    let _ = writeln!(
        xml,
        "<testsuites name=\"huecry rules test\" tests=\"{tests}\" failures=\"{failures}\" errors=\"{errors}\">"
    );
    for suite in suites {
        write_suite(&mut xml, suite);
    }
    xml.push_str("</testsuites>\n");
    xml
}

fn is_failed(end: &End) -> bool {
    matches!(end, End::Failed(..))
}

fn is_error(end: &End) -> bool {
    matches!(end, End::Error(_))
}

fn write_suite(xml: &mut String, suite: &Suite) {
    let count = |of: fn(&End) -> bool| suite.cases.iter().filter(|case| of(&case.end)).count();
    let (tests, failures, errors) = (suite.cases.len(), count(is_failed), count(is_error));
    let skipped = count(|end| matches!(end, End::Skipped(_)));
    let name = attribute(&suite.name);
    let _ = writeln!(
        xml,
        "  <testsuite name=\"{name}\" tests=\"{tests}\" failures=\"{failures}\" errors=\"{errors}\" skipped=\"{skipped}\">"
    );
    for case in &suite.cases {
        let case_name = attribute(&case.name);
        let _ = write!(xml, "    <testcase name=\"{case_name}\" classname=\"{name}\"");
        match &case.end {
            End::Passed => xml.push_str("/>\n"),
            End::Failed(line, text) => {
                let (line, text) = (attribute(line), content(text));
                let _ = writeln!(
                    xml,
                    "><failure type=\"rule-test\" message=\"{line}\">{text}</failure></testcase>"
                );
            }
            End::Error(line) => {
                let line = attribute(line);
                let _ = writeln!(xml, "><error type=\"rule-refused\" message=\"{line}\"></error></testcase>");
            }
            End::Skipped(line) => {
                let line = attribute(line);
                let _ = writeln!(xml, "><skipped type=\"no-tests\" message=\"{line}\"></skipped></testcase>");
            }
        }
    }
    xml.push_str("  </testsuite>\n");
}

/// Text between tags. Characters that XML 1.0 (section 2.2) has no place for become U+FFFD.
fn content(text: &str) -> String {
    escaped(text, false)
}

/// Text between double quotes: line ends and tabs are kept as references, which a parser would else make spaces.
fn attribute(text: &str) -> String {
    escaped(text, true)
}

fn escaped(text: &str, in_quotes: bool) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            // `]]>` may not stand in text
            '>' => out.push_str("&gt;"),
            '"' if in_quotes => out.push_str("&quot;"),
            '\n' | '\r' | '\t' if in_quotes || c == '\r' => {
                let _ = write!(out, "&#{};", u32::from(c));
            }
            '\n' | '\t' | '\u{20}'..='\u{D7FF}' | '\u{E000}'..='\u{FFFD}' | '\u{10000}'.. => out.push(c),
            _ => out.push('\u{FFFD}'),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_rule_says_cannot_break_the_document() {
        for (text, quoted, plain) in [
            ("a", "a", "a"),
            (
                "<b> & \"c\" 'd' ]]>",
                "&lt;b&gt; &amp; &quot;c&quot; 'd' ]]&gt;",
                "&lt;b&gt; &amp; \"c\" 'd' ]]&gt;",
            ),
            ("1\n2\t3\r", "1&#10;2&#9;3&#13;", "1\n2\t3&#13;"),
            (
                "\u{0}\u{1B}\u{FFFE}é\u{1F600}",
                "\u{FFFD}\u{FFFD}\u{FFFD}é\u{1F600}",
                "\u{FFFD}\u{FFFD}\u{FFFD}é\u{1F600}",
            ),
        ] {
            assert_eq!((attribute(text), content(text)), (quoted.to_owned(), plain.to_owned()), "{text:?}");
        }
    }

    #[test]
    fn a_document_counts_what_it_holds() {
        let case = |name: &str, end| Case { name: name.to_owned(), end };
        let suites = [
            Suite {
                name: "a.yml".to_owned(),
                cases: vec![
                    case("T: fires", End::Passed),
                    case("T: \"x\"", End::Failed("no".to_owned(), "because\nof <this>".to_owned())),
                ],
            },
            Suite {
                name: "b.yml".to_owned(),
                cases: vec![
                    case("b", End::Error("bad".to_owned())),
                    case("U", End::Skipped("none".to_owned())),
                ],
            },
        ];
        let expected = r#"<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="huecry rules test" tests="4" failures="1" errors="1">
  <testsuite name="a.yml" tests="2" failures="1" errors="0" skipped="0">
    <testcase name="T: fires" classname="a.yml"/>
    <testcase name="T: &quot;x&quot;" classname="a.yml"><failure type="rule-test" message="no">because
of &lt;this&gt;</failure></testcase>
  </testsuite>
  <testsuite name="b.yml" tests="2" failures="0" errors="1" skipped="1">
    <testcase name="b" classname="b.yml"><error type="rule-refused" message="bad"></error></testcase>
    <testcase name="U" classname="b.yml"><skipped type="no-tests" message="none"></skipped></testcase>
  </testsuite>
</testsuites>
"#;
        assert_eq!(document(&suites), expected);
    }
}
