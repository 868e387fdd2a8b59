//! The reports of `rules test` and `rules lint` have the shape that their readers' schemas ask for: SARIF that of OASIS'
//! `sarif-schema-2.1.0.json`, JUnit that of Jenkins' `junit-10.xsd`. The schemas are tables here, of the objects and
//! elements that are written; every one is closed, so that a property of another name fails as it does there.

use crate::program::{run, shared_data};
use serde_json::Value as Json;
use std::path::Path;

/// What stands in a property.
enum Is {
    One(&'static str),
    List(&'static str),
    Word(&'static [&'static str]),
    AtLeast(i64),
}

/// An object: its name, what it must have, what it may have (by words), and what of that is looked into.
type Object = (&'static str, &'static [&'static str], &'static str, &'static [(&'static str, Is)]);

// tidy: table
const SARIF: &[Object] = &[
    (
        "sarifLog",
        &["version", "runs"],
        "$schema version runs inlineExternalProperties properties",
        &[("version", Is::Word(&["2.1.0"])), ("runs", Is::List("run"))],
    ),
    (
        "run",
        &["tool"],
        "tool invocations conversion language versionControlProvenance originalUriBaseIds artifacts logicalLocations \
         graphs results automationDetails runAggregates baselineGuid redactionTokens defaultEncoding \
         defaultSourceLanguage newlineSequences columnKind externalPropertyFileReferences threadFlowLocations taxonomies \
         addresses translations policies webRequests webResponses specialLocations properties",
        &[
            ("tool", Is::One("tool")),
            ("results", Is::List("result")),
            ("columnKind", Is::Word(&["utf16CodeUnits", "unicodeCodePoints"])),
        ],
    ),
    ("tool", &["driver"], "driver extensions properties", &[("driver", Is::One("toolComponent"))]),
    (
        "toolComponent",
        &["name"],
        "guid name organization product productSuite shortDescription fullDescription fullName version semanticVersion \
         dottedQuadFileVersion releaseDateUtc downloadUri informationUri globalMessageStrings notifications rules taxa \
         locations language contents isComprehensive localizedDataSemanticVersion \
         minimumRequiredLocalizedDataSemanticVersion associatedComponent translationMetadata supportedTaxonomies \
         properties",
        &[("rules", Is::List("reportingDescriptor"))],
    ),
    (
        "reportingDescriptor",
        &["id"],
        "id deprecatedIds guid deprecatedGuids name deprecatedNames shortDescription fullDescription messageStrings \
         defaultConfiguration helpUri help relationships properties",
        &[("shortDescription", Is::One("multiformatMessageString"))],
    ),
    ("multiformatMessageString", &["text"], "text markdown properties", &[]),
    (
        "result",
        &["message"],
        "ruleId ruleIndex rule kind level message analysisTarget locations guid correlationGuid occurrenceCount \
         partialFingerprints fingerprints stacks codeFlows graphs graphTraversals relatedLocations suppressions \
         baselineState rank attachments hostedViewerUri workItemUris provenance fixes taxa webRequest webResponse \
         properties",
        &[
            ("message", Is::One("message")),
            ("locations", Is::List("location")),
            ("level", Is::Word(&["none", "note", "warning", "error"])),
            ("ruleIndex", Is::AtLeast(-1)),
        ],
    ),
    ("message", &[], "text markdown id arguments properties", &[]),
    (
        "location",
        &[],
        "id physicalLocation logicalLocations message annotations relationships properties",
        &[("physicalLocation", Is::One("physicalLocation"))],
    ),
    (
        "physicalLocation",
        &[],
        "address artifactLocation region contextRegion properties",
        &[("artifactLocation", Is::One("artifactLocation")), ("region", Is::One("region"))],
    ),
    ("artifactLocation", &[], "uri uriBaseId index description properties", &[]),
    (
        "region",
        &[],
        "startLine startColumn endLine endColumn charOffset charLength byteOffset byteLength snippet message \
         sourceLanguage properties",
        &[("startLine", Is::AtLeast(1))],
    ),
];

/// What is wrong with a value that should be an object of that name.
fn sarif_faults(name: &str, value: &Json, at: &str, faults: &mut Vec<String>) {
    let (_, required, allowed, inner) = SARIF.iter().find(|(known, ..)| *known == name).unwrap();
    let Some(members) = value.as_object() else {
        return faults.push(format!("{at} is no object"));
    };
    faults.extend(
        required.iter().filter(|key| !members.contains_key(**key)).map(|k| format!("{at} lacks {k}")),
    );
    for (key, value) in members {
        let at = format!("{at}/{key}");
        if !allowed.split(' ').any(|known| known == key) {
            faults.push(format!("{at} is not in the schema"));
        }
        match inner.iter().find(|(known, _)| known == key).map(|(_, is)| is) {
            None => {}
            Some(Is::One(name)) => sarif_faults(name, value, &at, faults),
            Some(Is::List(name)) => match value.as_array() {
                Some(list) => list.iter().for_each(|one| sarif_faults(name, one, &at, faults)),
                None if value.is_null() && *key == "results" => {}
                None => faults.push(format!("{at} is no list")),
            },
            Some(Is::Word(words)) if value.as_str().is_some_and(|word| words.contains(&word)) => {}
            Some(Is::AtLeast(least)) if value.as_i64().is_some_and(|number| number >= *least) => {}
            Some(Is::Word(_) | Is::AtLeast(_)) => faults.push(format!("{at} is {value}")),
        }
    }
}

fn faults_of_sarif(log: &Json) -> Vec<String> {
    let mut faults = Vec::new();
    sarif_faults("sarifLog", log, "", &mut faults);
    faults
}

const RULES: &[(&str, &str)] = &[
    (
        "a \"b\" & <c>.yml",
        "title: 'Fails <& \"]]>'\nid: 6d3b6b52-8c0c-4b4d-9f3e-0f1d2c3b4a59\nlogsource: {product: aws, service: cloudtrail}\n\
         detection: {s: {a: \"<\\u0001&\"}, condition: s}\ntests:\n\
         - {name: \"one\\ttwo\\nthree\", event: {a: 'x<y>'}, matches: true}\n- {name: silent, event: {a: b}, matches: false}\n",
    ),
    (
        "untested.yml",
        "title: U\nlogsource: {product: nothing}\ndetection: {s: {a|contains: ''}, condition: 1 of s*}\n",
    ),
    (
        "refused.yml",
        "title: R\nlogsource: {product: aws}\ndetection: {s: {'a[evry]': 1}, condition: s}\n---\n- x\n",
    ),
    (
        "series.yml",
        "title: B\nname: b\nlogsource: {product: aws}\ndetection: {s: {a: 1}, condition: s}\n---\n\
      title: C\ncorrelation: {type: event_count, rules: [b], timespan: 1m, condition: {gte: 2}}\n\
      tests: [{name: once, matches: true, events: [{event: {a: 1}}]}]\n",
    ),
];

/// The reports of `rules test` (JUnit, SARIF) and of `rules lint` (SARIF) on rules that fail, are refused, have no tests.
fn reports() -> (String, [Json; 2]) {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in RULES {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    let out = tempfile::tempdir().unwrap();
    let path = |name: &str| out.path().join(name).to_str().unwrap().to_owned();
    let dir = folder.path().to_str().unwrap();
    let (junit, test, lint) = (path("t.xml"), path("t.sarif"), path("l.sarif"));
    assert_eq!(run(&["rules", "test", dir, "--junit", &junit, "--sarif", &test]).status.code(), Some(1));
    assert_eq!(run(&["rules", "lint", dir, "--sarif", &lint]).status.code(), Some(1));
    let read = |path: &str| std::fs::read_to_string(path).unwrap();
    let json = |path: &str| serde_json::from_str(&read(path)).unwrap();
    (read(&junit), [json(&test), json(&lint)])
}

#[test]
fn reports_have_the_shape_of_their_schemas() {
    let (junit, sarif) = reports();
    for log in &sarif {
        assert_eq!(faults_of_sarif(log), [""; 0], "{log:#}");
        let results = log["runs"][0]["results"].as_array().unwrap();
        assert!(results.len() > 3, "{log:#}");
        for result in results {
            let place = &result["locations"][0]["physicalLocation"];
            assert!(place["region"]["startLine"].is_u64(), "{result}");
            // a reference of RFC 3986 has no blank, quote or angle bracket
            let uri = place["artifactLocation"]["uri"].as_str().unwrap();
            assert!(uri.bytes().all(|b| b.is_ascii_graphic() && !b"\"<>\\^`{|}".contains(&b)), "{uri}");
        }
    }
    let root = Reader::document(&junit).unwrap();
    assert_eq!(junit_faults(&root), [""; 0], "{junit}");
    assert_eq!(root.children.len(), RULES.len(), "{junit}");
    let ends = |name: &str| {
        let cases = root.children.iter().flat_map(|suite| &suite.children);
        cases.filter(|case| case.children.iter().any(|end| end.name == name)).count()
    };
    assert_eq!([ends("failure"), ends("error"), ends("skipped")], [2, 2, 2], "{junit}");
    assert_eq!(root.attribute("tests"), Some("7"));
}

/// A test that accepts everything proves nothing.
#[test]
fn what_the_schemas_refuse_is_refused() {
    let (junit, [log, _]) = reports();
    for (pointer, value) in [
        ("/version", Json::from("2.0.0")),
        ("/runs/0/tool", Json::from("huecry")),
        ("/runs/0/tool/driver/rules/0", serde_json::json!({"name": "x"})),
        ("/runs/0/results/0/level", Json::from("fatal")),
        ("/runs/0/results/0/ruleIndex", Json::from(-2)),
        ("/runs/0/results/0/locations/0/physicalLocation/region/startLine", Json::from(0)),
        ("/runs/0/results/0/locations/0", serde_json::json!({"file": "x"})),
        ("/runs/0/columnKind", Json::from("bytes")),
    ] {
        let mut changed = log.clone();
        *changed.pointer_mut(pointer).unwrap() = value;
        assert_eq!(faults_of_sarif(&changed).len(), 1, "{pointer}");
    }
    for (from, to) in [
        ("<testsuite name=", "<testsuite nom="),
        (" tests=\"", " tests=\"x"),
        ("<failure ", "<failed "),
        ("</testsuites>", "<testcase name=\"x\"/></testsuites>"),
        ("classname=", "class="),
        ("<testcase name=", "<testcase id="),
    ] {
        assert!(junit.contains(from), "{from}");
        let mut changed = junit.replacen(from, to, 1);
        if to == "<failed " {
            changed = changed.replacen("</failure>", "</failed>", 1);
        }
        let root = Reader::document(&changed).unwrap();
        assert!(!junit_faults(&root).is_empty(), "{to}");
    }
    for broken in ["<a>", "<a></b>", "<a b=c/>", "<a>&x;</a>", "<a b=\"<\"/>", "<a/><a/>", "<a>]]></a>"] {
        assert!(Reader::document(broken).is_err(), "{broken}");
    }
}

/// The table of SARIF is the schema's as far as it goes: it accepts what other tools wrote, and refuses a draft of it.
#[test]
fn the_table_of_sarif_accepts_what_others_write() {
    let Some(data) = shared_data() else { return };
    let mut found = Vec::new();
    collect(&data.join("artifacts-sarif"), &mut found);
    let refused = found.iter().filter(|path| {
        let text = std::fs::read_to_string(path).unwrap();
        let log: Json = serde_json::from_str(text.trim_start_matches('\u{FEFF}')).unwrap();
        let is_draft = log["version"] != "2.1.0";
        let faults = faults_of_sarif(&log);
        assert_eq!(!faults.is_empty(), is_draft, "{}: {faults:?}", path.display());
        is_draft
    });
    assert_eq!(refused.count(), 1);
    assert!(found.len() > 100, "{}", found.len());
}

fn collect(folder: &Path, found: &mut Vec<std::path::PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, found);
        } else if path.extension().is_some_and(|ending| ending == "sarif") {
            found.push(path);
        }
    }
}

/// An element: its attributes that must be there, those that may, those that are whole numbers, what may stand within,
/// and whether text may.
type Element = (&'static str, &'static str, &'static str, &'static str, &'static str, bool);

const JUNIT: &[Element] = &[
    (
        "testsuites",
        "",
        "name time tests failures errors disabled",
        "tests failures errors disabled",
        "testsuite",
        false,
    ),
    (
        "testsuite",
        "name tests",
        "name tests failures errors group time skipped timestamp hostname id package file log url version",
        "tests failures errors skipped",
        "testsuite properties testcase system-out system-err",
        false,
    ),
    (
        "testcase",
        "name",
        "name time classname group",
        "",
        "skipped error failure rerunFailure rerunError flakyFailure flakyError system-out system-err",
        false,
    ),
    ("failure", "", "type message", "", "", true),
    ("error", "", "type message", "", "", true),
    ("skipped", "", "type message", "", "", true),
];

fn junit_faults(root: &Node) -> Vec<String> {
    fn check(node: &Node, faults: &mut Vec<String>) {
        let Some((_, required, allowed, numbers, within, has_text)) =
            JUNIT.iter().find(|(name, ..)| *name == node.name)
        else {
            return faults.push(format!("no element {}", node.name));
        };
        let words = |list: &'static str| list.split(' ').filter(|word| !word.is_empty());
        let lacks = words(required).filter(|name| node.attribute(name).is_none());
        faults.extend(lacks.map(|name| format!("{} lacks {name}", node.name)));
        for (name, value) in &node.attributes {
            if !words(allowed).any(|known| known == name) {
                faults.push(format!("{} has {name}", node.name));
            }
            if words(numbers).any(|number| number == name) && value.parse::<u32>().is_err() {
                faults.push(format!("{name} is {value}"));
            }
        }
        if !has_text && !node.text.trim().is_empty() {
            faults.push(format!("{} has text", node.name));
        }
        for child in &node.children {
            if words(within).any(|known| known == child.name) {
                check(child, faults);
            } else {
                faults.push(format!("{} within {}", child.name, node.name));
            }
        }
    }
    let mut faults = Vec::new();
    if root.name != "testsuites" {
        faults.push(format!("the root is {}", root.name));
    }
    check(root, &mut faults);
    faults
}

#[derive(Debug, Default)]
struct Node {
    name: String,
    attributes: Vec<(String, String)>,
    children: Vec<Node>,
    text: String,
}

impl Node {
    fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// Reads as much of XML 1.0 as a report has: elements, attributes, text, references; anything else is an error.
struct Reader<'x>(&'x str);

impl<'x> Reader<'x> {
    fn document(text: &'x str) -> Result<Node, String> {
        let declared = text.strip_prefix("<?xml version=\"1.0\" encoding=\"UTF-8\"?>").unwrap_or(text);
        let mut reader = Reader(declared.trim_start());
        let root = reader.element()?;
        if reader.0.trim().is_empty() { Ok(root) } else { Err(format!("after the root: {}", reader.0)) }
    }

    fn take(&mut self, wanted: &str) -> Result<(), String> {
        let rest = self.0.strip_prefix(wanted);
        self.0 = rest.ok_or_else(|| format!("{wanted} expected: {:.40}", self.0))?;
        Ok(())
    }

    fn until(&mut self, end: impl Fn(char) -> bool) -> &'x str {
        let (taken, rest) = self.0.split_at(self.0.find(end).unwrap_or(self.0.len()));
        self.0 = rest;
        taken
    }

    fn element(&mut self) -> Result<Node, String> {
        self.take("<")?;
        let mut node = Node { name: self.name()?, ..Node::default() };
        loop {
            let blank = self.until(|c| !c.is_ascii_whitespace());
            if self.0.starts_with("/>") {
                self.take("/>")?;
                return Ok(node);
            }
            if self.0.starts_with('>') {
                break;
            }
            let name = self.name()?;
            if blank.is_empty() || node.attribute(&name).is_some() {
                return Err(format!("at the attribute {name}"));
            }
            self.take("=\"")?;
            let value = unescaped(self.until(|c| c == '"'))?;
            self.take("\"")?;
            node.attributes.push((name, value));
        }
        self.take(">")?;
        loop {
            node.text += &unescaped(self.until(|c| c == '<'))?;
            if self.0.starts_with("</") {
                break;
            }
            node.children.push(self.element()?);
        }
        self.take(&format!("</{}>", node.name))?;
        Ok(node)
    }

    fn name(&mut self) -> Result<String, String> {
        let name = self.until(|c| !(c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.')));
        if name.is_empty() { Err(format!("a name expected: {:.40}", self.0)) } else { Ok(name.to_owned()) }
    }
}

/// Text with its references resolved; an error for what may not stand in it (XML 1.0, sections 2.2 and 2.4).
fn unescaped(text: &str) -> Result<String, String> {
    let (mut out, mut rest) = (String::new(), text);
    if text.contains("]]>") || text.contains('<') {
        return Err(format!("a bare sign in {text}"));
    }
    while let Some((before, after)) = rest.split_once('&') {
        out += before;
        let (name, after) = after.split_once(';').ok_or_else(|| format!("a bare & in {text}"))?;
        out.push(match name {
            "amp" => '&',
            "lt" => '<',
            "gt" => '>',
            "quot" => '"',
            "apos" => '\'',
            number => {
                let code = number.strip_prefix('#').and_then(|digits| digits.parse().ok());
                code.and_then(char::from_u32).ok_or_else(|| format!("&{number}; in {text}"))?
            }
        });
        rest = after;
    }
    out += rest;
    match out.chars().find(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t' | '\u{7F}'..)) {
        Some(c) => Err(format!("{c:?} has no place in XML")),
        None => Ok(out),
    }
}
