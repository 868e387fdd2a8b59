//! What the load of a mapping refuses, and where it says so.

use huecry_normalize::{Normalizer, Schema};
use model::FieldTable;

/// A file that loads; the cases below each break one line of it.
const GOOD: &str = "\
kind: test
logsource: {product: test}
common:
  metadata.product.name: =Test
  severity_id: 1
  status_id: {from: result, enum: {ok: 1}, default: 99}
cases:
  - name: read
    when: {verb: [get, list]}
    class: entity_management
    activity: 2
    set:
      entity.name: [target.name, {from: path, as: [{after: /}, name]}]
      actor.user.name: who
";

fn load(text: &str) -> Result<Normalizer, Vec<String>> {
    let loaded = Normalizer::load(&[("test.yaml", text)], &mut FieldTable::default(), &Schema::builtin());
    loaded.map_err(|errors| errors.iter().map(ToString::to_string).collect())
}

#[test]
fn a_good_file_loads() {
    let normalizer = load(GOOD).unwrap();
    assert_eq!(normalizer.kinds().collect::<Vec<_>>(), ["test"]);
    assert_eq!(normalizer.logsources()[0].product, "test");
}

#[test]
fn each_fault_is_named_with_its_line() {
    let cases = [
        ("kind: test", "sort: test", "test.yaml:1: `sort` is not known here"),
        ("severity_id: 1", "severity_id: 17", "test.yaml:5: 17 is not a defined value; there are 0 Unknown"),
        ("severity_id: 1", "severity_idd: 1", "test.yaml:5: the schema has no `severity_idd` here"),
        ("severity_id: 1", "severity_id: {form: a}", "test.yaml:5: `form` is no part of a value"),
        ("severity_id: 1", "severity_id: 99", "test.yaml:5: `severity_id` can be 99: set `severity`"),
        ("activity: 2", "activity: 77", "test.yaml:11: 77 is not a defined value"),
        ("entity_management", "entity_managment", "`class: entity_managment` is no class"),
        ("{after: /}", "{aftr: /}", "test.yaml:13: `aftr` is not a function"),
        ("[{after: /}, name]", "[lower, name]", "can only stand last"),
        ("[get, list]", "{like: get}", "test.yaml:9: `like` is not a test"),
        ("entity.name:", "entity.data:", "entity needs one of name, uid"),
        ("actor.user.name: who", "actor.user.type: who", "user needs one of account, name, uid"),
        ("actor.user.name: who", "actor.user: who", "test.yaml:14: an object needs `set`"),
        ("actor.user.name: who", "use: who", "test.yaml:14: the schema has no `use` here"),
        ("metadata.product.name: =Test", "message: =Test", "metadata needs `product`"),
        ("who", "$who", "test.yaml:14: $who is not known"),
        ("who", "a..b", "test.yaml:14: `a..b` is not a path"),
        ("who\n", "who\n      actor.user.name: he\n", "test.yaml:15: the key `actor.user.name` stands twice"),
        ("kind: test", "kind: [", "test.yaml:"),
        ("logsource: {product: test}", "about: x", "needs a `logsource`"),
        ("kind: test", "kind: test\nvocabulary: {pears: {a: b}}", "test.yaml:2: `pears` is not known here"),
        ("kind: test", "kind: test\nvocabulary: {words: {a: {from: b}}}", "test.yaml:2: words are written"),
    ];
    for (part, instead, expected) in cases {
        let text = GOOD.replacen(part, instead, 1);
        assert_ne!(text, GOOD, "{part}");
        let errors = load(&text).err().unwrap_or_else(|| panic!("{instead} loads"));
        assert!(errors.iter().any(|error| error.contains(expected)), "{instead}: {errors:#?}");
    }
}

#[test]
fn all_faults_are_reported_at_once() {
    let text = GOOD.replace("severity_id: 1", "severity_id: 17").replace("activity: 2", "activity: 77");
    assert_eq!(load(&text).err().unwrap().len(), 2);
}
