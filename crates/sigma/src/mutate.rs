//! A rule with one thing changed: what a rule's tests are judged by.
//!
//! Mutation testing (DeMillo, Lipton and Sayward, "Hints on Test Data Selection", 1978): a test suite that passes on a
//! changed rule as it does on the rule itself does not say what was changed. Every [`Operator`] is a mistake that
//! people make in rules: a filter forgotten, `or` for `and`, a value that is too wide.

use std::collections::HashSet;

use serde::Serialize;

use crate::condition::{Expression, Target};
use crate::limits::MUTATIONS_PER_RULE_MAX;
use crate::modifier::Modifier;
use crate::rule::{Item, Quantifier, Rule, Scalar, Search, path_within};

mod apply;
pub(crate) mod words;

/// What kind of mistake a mutation stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Operator {
    /// A selection is forgotten.
    DropSelection,
    /// A `not …` is forgotten.
    DropFilter,
    /// One field of a selection is forgotten.
    DropItem,
    /// One map of a list of maps is forgotten.
    DropAlternative,
    /// One of several values is forgotten.
    DropValue,
    /// One of several conditions is forgotten.
    DropCondition,
    /// A value is found anywhere in the field, not only where the rule says.
    WidenToContains,
    /// The field is there, whatever its value.
    WidenToExists,
    /// A member of the condition is negated, or its `not` is gone.
    Negate,
    /// `and` and `or` are confused.
    SwapAndOr,
    /// `1 of` and `all of` are confused, or `[any]` and `[all]`.
    SwapQuantifier,
    /// One of the values is enough, where the rule says `all`.
    AllToAny,
    /// `lt` and `lte`, or `gt` and `gte`, are confused.
    MoveBoundary,
}

/// One change of one rule.
#[derive(Clone, Debug, Serialize)]
pub struct Mutation {
    /// What kind.
    pub operator: Operator,
    /// Line in the rule's file that is changed.
    pub line: u32,
    /// What is changed, for people: ``drop `filter_tools` from the condition``.
    pub change: String,
    /// Fields that the change bears on; empty for keywords.
    pub fields: Vec<String>,
    #[serde(skip)]
    edit: Edit,
}

/// Every change of a rule, and how many more there would be.
#[derive(Clone, Debug, Default)]
pub struct Mutations {
    /// In source order; at most [`MUTATIONS_PER_RULE_MAX`].
    pub list: Vec<Mutation>,
    /// Changes past the limit.
    pub left_out: usize,
}

/// Where in a condition: (the condition, the way down its members).
type Way = (usize, Vec<usize>);
/// Where an item is: (the selection, its place among the selection's items in source order, where those within an item
/// that asks about elements follow it).
type Place = (usize, usize);

#[derive(Clone, Debug)]
enum Edit {
    DropSelection(usize),
    DropItem(Place),
    /// The selection, the place of the list among the selection's maps and lists in source order, the member.
    DropAlternative(usize, usize, usize),
    DropValue(Place, usize),
    DropCondition(usize),
    DropMember(Way, usize),
    Contains(Place),
    Exists(Place),
    AllToAny(Place),
    Boundary(Place),
    Negate(Way),
    AndOr(Way),
    Quantifier(Way),
    /// Another quantifier for the elements of an array.
    ElementsQuantifier(Place, Quantifier),
}

impl Mutation {
    /// The rule with the change made, without its tests; `None` for another rule's mutation.
    pub fn of(&self, rule: &Rule) -> Option<Rule> {
        let mut changed = Rule { tests: Vec::new(), ..rule.clone() };
        apply::apply(&self.edit, &mut changed.detection)?;
        Some(changed)
    }
}

/// Every change of `rule` that means something else than the rule, each meaning once.
pub fn mutations(rule: &Rule) -> Mutations {
    let mut found = Finder { rule, list: Vec::new(), left_out: 0 };
    for (at, condition) in rule.detection.conditions.iter().enumerate() {
        found.condition(&condition.expression, &mut (at, Vec::new()), condition.line, false);
        if rule.detection.conditions.len() > 1 {
            let change = format!("drop the condition `{}`", condition.source);
            found.add(Operator::DropCondition, condition.line, change, Vec::new(), Edit::DropCondition(at));
        }
    }
    for (at, selection) in rule.detection.selections.iter().enumerate() {
        found.pattern_member(at);
        found.search(at, "", &selection.search, &mut Next::default());
    }
    let Finder { list, left_out, .. } = found;
    // two changes with one meaning would count one gap of the tests twice
    let bare = Rule { tests: Vec::new(), ..rule.clone() };
    let mut meanings = HashSet::from([rule.semantic_hash()]);
    let is_new =
        |mutation: &Mutation| mutation.of(&bare).is_some_and(|rule| meanings.insert(rule.semantic_hash()));
    Mutations { list: list.into_iter().filter(is_new).collect(), left_out }
}

struct Finder<'r> {
    rule: &'r Rule,
    list: Vec<Mutation>,
    left_out: usize,
}

impl Finder<'_> {
    fn add(&mut self, operator: Operator, line: u32, change: String, fields: Vec<String>, edit: Edit) {
        if self.list.len() < MUTATIONS_PER_RULE_MAX {
            self.list.push(Mutation { operator, line, change, fields, edit });
        } else {
            self.left_out += 1;
        }
    }

    /// Recursion is as deep as a condition may nest.
    fn condition(&mut self, expression: &Expression, way: &mut Way, line: u32, negated: bool) {
        match expression {
            Expression::Selection(_) | Expression::Of { .. } => {
                if let Expression::Of { all, target } = expression
                    && self.included(target).count() > 1
                {
                    let other = Expression::Of { all: !all, target: target.clone() };
                    let change = format!("`{other}` for `{expression}`");
                    let fields = self.fields_of(expression);
                    self.add(Operator::SwapQuantifier, line, change, fields, Edit::Quantifier(way.clone()));
                }
                if !negated {
                    self.negate(expression, way, line);
                }
            }
            Expression::Not(inner) => {
                self.negate(expression, way, line);
                way.1.push(0);
                self.condition(inner, way, line, true);
                way.1.pop();
            }
            Expression::And(members) | Expression::Or(members) => {
                let (from, to) =
                    if matches!(expression, Expression::And(_)) { ("and", "or") } else { ("or", "and") };
                let change = format!("`{to}` for `{from}` in `{expression}`");
                let fields = self.fields_of(expression);
                self.add(Operator::SwapAndOr, line, change, fields, Edit::AndOr(way.clone()));
                for (at, member) in members.iter().enumerate() {
                    let is_filter = matches!(member, Expression::Not(_));
                    let operator = if is_filter { Operator::DropFilter } else { Operator::DropSelection };
                    let change = format!("drop `{member}` from the condition");
                    let fields = self.fields_of(member);
                    self.add(operator, line, change, fields, Edit::DropMember(way.clone(), at));
                    way.1.push(at);
                    self.condition(member, way, line, false);
                    way.1.pop();
                }
            }
        }
    }

    fn negate(&mut self, expression: &Expression, way: &Way, line: u32) {
        let change = match expression {
            Expression::Not(inner) => format!("`{inner}` for `{expression}`"),
            _ => format!("`not {expression}` for `{expression}`"),
        };
        self.add(Operator::Negate, line, change, self.fields_of(expression), Edit::Negate(way.clone()));
    }

    fn included<'a>(&'a self, target: &'a Target) -> impl Iterator<Item = &'a str> {
        let names = self.rule.detection.selections.iter().map(|selection| selection.name.as_str());
        names.filter(|name| target.includes(name))
    }

    fn fields_of(&self, expression: &Expression) -> Vec<String> {
        let mut names = Vec::new();
        selections_of(expression, self.rule, &mut names);
        let selections = self.rule.detection.selections.iter();
        let named = selections.filter(|s| names.contains(&s.name.as_str()));
        let mut fields: Vec<String> =
            named.flat_map(|selection| fields_within(&selection.search, "")).collect();
        fields.sort_unstable();
        fields.dedup();
        fields
    }

    /// A selection that the condition reaches by a pattern only, beside others.
    fn pattern_member(&mut self, at: usize) {
        let rule = self.rule;
        let Some(selection) = rule.detection.selections.get(at) else { return };
        let (mut by_name, mut by_pattern) = (false, false);
        for condition in &rule.detection.conditions {
            walk(&condition.expression, &mut |expression| match expression {
                Expression::Selection(name) => by_name |= *name == selection.name,
                Expression::Of { target, .. } => {
                    by_pattern |= target.includes(&selection.name) && self.included(target).count() > 1;
                }
                _ => {}
            });
        }
        if by_pattern && !by_name {
            let change = format!("drop the selection `{}`", selection.name);
            let fields = fields_within(&selection.search, "");
            self.add(Operator::DropSelection, selection.line, change, fields, Edit::DropSelection(at));
        }
    }

    /// `around` is the path of the array whose elements are asked. Recursion is as deep as a selection may nest.
    fn search(&mut self, selection: usize, around: &str, search: &Search, next: &mut Next) {
        let place = next.search;
        next.search += 1;
        match search {
            Search::All(items) => {
                for item in items {
                    self.item((selection, next.item), around, item, items.len() > 1);
                    next.item += 1;
                    if let (Some(elements), Some(name)) = (&item.elements, &item.field) {
                        self.search(selection, &path_within(around, name), &elements.body, next);
                    }
                }
            }
            Search::Any(members) => {
                for (at, member) in members.iter().enumerate() {
                    if members.len() > 1 {
                        let line = member.items().first().map_or(0, |item| item.line);
                        let change = format!("drop the alternative `{}`", words::search_in_words(member));
                        let fields = fields_within(member, around);
                        let edit = Edit::DropAlternative(selection, place, at);
                        self.add(Operator::DropAlternative, line, change, fields, edit);
                    }
                    self.search(selection, around, member, next);
                }
            }
        }
    }

    fn item(&mut self, place: Place, around: &str, item: &Item, has_others: bool) {
        let said = words::item(item);
        let mut fields: Vec<String> = item.field.iter().map(|name| path_within(around, name)).collect();
        if let (Some(elements), Some(path)) = (&item.elements, fields.first().cloned()) {
            fields.extend(fields_within(&elements.body, &path));
        }
        let mut add = |operator, change, edit| self.add(operator, item.line, change, fields.clone(), edit);
        if has_others {
            add(Operator::DropItem, format!("drop {said}"), Edit::DropItem(place));
        }
        if let Some(elements) = &item.elements {
            let other = confused_with(elements.quantifier);
            let field = item.field.as_deref().unwrap_or_default();
            let change = format!("`{field}[{}]` for {}", other.as_str(), words::key(item));
            add(Operator::SwapQuantifier, change, Edit::ElementsQuantifier(place, other));
        }
        if item.values.len() > 1 {
            for (at, value) in item.values.iter().enumerate() {
                let change = format!("drop the value {} of {}", words::value(value), words::key(item));
                add(Operator::DropValue, change, Edit::DropValue(place, at));
            }
            if item.has(Modifier::All) && !item.has(Modifier::Neq) {
                add(Operator::AllToAny, format!("any for all of {said}"), Edit::AllToAny(place));
            }
        }
        if item.modifiers.iter().any(|m| apply::other_side(*m).is_some()) {
            add(Operator::MoveBoundary, format!("move the boundary of {said}"), Edit::Boundary(place));
        }
        if may_contain(item) {
            add(
                Operator::WidenToContains,
                format!("find {said} anywhere in the field"),
                Edit::Contains(place),
            );
        }
        if may_exist(item) {
            add(Operator::WidenToExists, format!("take any value for {said}"), Edit::Exists(place));
        }
    }
}

/// Numbers of the next item, and of the next map or list, of a selection.
#[derive(Default)]
struct Next {
    item: usize,
    search: usize,
}

/// The paths of the fields that a search asks about, those within elements too.
fn fields_within(search: &Search, around: &str) -> Vec<String> {
    let paths = search.items_within().into_iter().filter_map(|(path, _)| path);
    paths.map(|path| path_within(around, &path)).collect()
}

/// The quantifier that is taken by mistake for another.
fn confused_with(quantifier: Quantifier) -> Quantifier {
    match quantifier {
        Quantifier::Any => Quantifier::All,
        Quantifier::All | Quantifier::AllOrEmpty | Quantifier::None => Quantifier::Any,
    }
}

/// Whether looking for the values anywhere in the field could mean more.
fn may_contain(item: &Item) -> bool {
    use Modifier::{Cased, EndsWith, Neq, StartsWith, Windash};
    let only_place = item
        .modifiers
        .iter()
        .all(|m| matches!(m, Cased | EndsWith | Neq | StartsWith | Windash | Modifier::All));
    let is_text = |value: &Scalar| matches!(value, Scalar::Text(text) if !is_wild(text));
    item.field.is_some() && only_place && item.values.iter().any(is_text)
}

/// Whether the presence of the field says less than the values do. A value of wildcards only asks for presence
/// already, and what an item excludes is not made wider by presence.
fn may_exist(item: &Item) -> bool {
    let says_more = |value: &Scalar| match value {
        Scalar::Null => false,
        Scalar::Text(text) => !is_wild(text),
        Scalar::Bool(_) | Scalar::Number(..) => true,
    };
    if let Some(elements) = &item.elements {
        return matches!(elements.quantifier, Quantifier::Any | Quantifier::All);
    }
    let excluded = item.has(Modifier::Exists) || item.has(Modifier::Neq);
    item.field.is_some() && !excluded && item.values.iter().all(says_more)
}

/// Nothing but wildcards.
fn is_wild(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| matches!(c, '*' | '?'))
}

fn walk<'e>(expression: &'e Expression, visit: &mut impl FnMut(&'e Expression)) {
    visit(expression);
    match expression {
        Expression::Not(inner) => walk(inner, visit),
        Expression::And(members) | Expression::Or(members) => {
            members.iter().for_each(|member| walk(member, visit))
        }
        Expression::Selection(_) | Expression::Of { .. } => {}
    }
}

/// The selections that an expression names, by name or pattern.
fn selections_of<'r>(expression: &Expression, rule: &'r Rule, names: &mut Vec<&'r str>) {
    let known = || rule.detection.selections.iter().map(|selection| selection.name.as_str());
    walk(expression, &mut |expression| match expression {
        Expression::Selection(name) => names.extend(known().filter(|known| known == name)),
        Expression::Of { target, .. } => names.extend(known().filter(|known| target.includes(known))),
        _ => {}
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse_rules;

    fn changes(detection: &str) -> Vec<String> {
        let text = format!("title: T\nlogsource: {{product: aws}}\ndetection:\n{detection}");
        let rule = parse_rules(&text, "f").remove(0).unwrap();
        mutations(&rule).list.into_iter().map(|mutation| mutation.change).collect()
    }

    /// What there is to change, for each form of rule.
    #[test]
    fn every_operator_finds_its_place() {
        let cases: &[(&str, &[&str])] = &[
            ("  s: {a: 1}\n  condition: s\n", &["`not s` for `s`", "take any value for `a: 1`"]),
            (
                "  s: {a: x, b|startswith: [y, z]}\n  f: {c: '?*'}\n  condition: s and not f\n",
                &[
                    "`or` for `and` in `(s and not f)`",
                    "drop `s` from the condition",
                    "`not s` for `s`",
                    "drop `not f` from the condition",
                    "`f` for `not f`",
                    "drop `a: x`",
                    "find `a: x` anywhere in the field",
                    "take any value for `a: x`",
                    "drop `b|startswith: [y, z]`",
                    "drop the value `y` of `b|startswith`",
                    "drop the value `z` of `b|startswith`",
                    "find `b|startswith: [y, z]` anywhere in the field",
                    "take any value for `b|startswith: [y, z]`",
                ],
            ),
            (
                "  s1: {a|contains|all: [x, y]}\n  s2: [{b: true}, {c|gte: 5}]\n  condition: 1 of s*\n",
                &[
                    "`all of s*` for `1 of s*`",
                    "`not 1 of s*` for `1 of s*`",
                    "drop the selection `s1`",
                    "drop the value `x` of `a|contains|all`",
                    "drop the value `y` of `a|contains|all`",
                    "any for all of `a|contains|all: [x, y]`",
                    "take any value for `a|contains|all: [x, y]`",
                    "drop the selection `s2`",
                    "drop the alternative `b: true`",
                    "take any value for `b: true`",
                    "drop the alternative `c|gte: 5`",
                    "move the boundary of `c|gte: 5`",
                    "take any value for `c|gte: 5`",
                ],
            ),
            (
                "  s: {'l[any]': [{k: [a, b]}, {v|gt: 1}]}\n  condition: s\n",
                &[
                    "`not s` for `s`",
                    "`l[all]` for `l[any]`",
                    "take any value for `l[any]: {k: [a, b], v|gt: 1}`",
                    "drop the alternative `k: [a, b]`",
                    "drop the value `a` of `k`",
                    "drop the value `b` of `k`",
                    "find `k: [a, b]` anywhere in the field",
                    "take any value for `k: [a, b]`",
                    "drop the alternative `v|gt: 1`",
                    "move the boundary of `v|gt: 1`",
                    "take any value for `v|gt: 1`",
                ],
            ),
            (
                "  k: [foo, bar]\n  condition: k\n",
                &["`not k` for `k`", "drop the value `foo` of keywords", "drop the value `bar` of keywords"],
            ),
        ];
        for (detection, expected) in cases {
            assert_eq!(changes(detection), *expected, "{detection}");
        }
    }

    #[test]
    fn a_meaning_counts_once_and_the_rules_own_never() {
        let changes = changes("  s: {a: [x, x, y]}\n  condition: s\n");
        let dropped = changes.iter().filter(|change| change.starts_with("drop the value")).count();
        assert_eq!(dropped, 1, "dropping one of two equal values means nothing: {changes:?}");
    }

    #[test]
    fn what_is_changed_within_elements_has_the_path_of_its_field() {
        let text = "title: T\nlogsource: {product: aws}\ndetection:\n  s: {a: 1, 'l[none]': {k: x, 'm[all]': {.: y, z: 1}}}\n  \
                    condition: s\n";
        let rule = parse_rules(text, "f").remove(0).unwrap();
        let found = mutations(&rule);
        let fields_of = |change: &str| {
            let mutation = found.list.iter().find(|mutation| mutation.change == change);
            mutation.unwrap_or_else(|| panic!("{change} in {:#?}", found.list)).fields.clone()
        };
        assert_eq!(fields_of("drop `k: x`"), ["l.k"]);
        assert_eq!(fields_of("drop `z: 1`"), ["l.m.z"]);
        assert_eq!(fields_of("`m[any]` for `m[all]`"), ["l.m", "l.m", "l.m.z"]);
        for mutation in &found.list {
            let changed = mutation.of(&rule).unwrap_or_else(|| panic!("{}", mutation.change));
            assert_ne!(changed.semantic_hash(), rule.semantic_hash(), "{}", mutation.change);
        }
    }

    #[test]
    fn a_rule_of_many_values_is_bounded_and_says_so() {
        let values: Vec<String> = (0..MUTATIONS_PER_RULE_MAX + 10).map(|n| format!("v{n}")).collect();
        let text = format!(
            "title: T\nlogsource: {{product: aws}}\ndetection:\n  s: {{a: [{}]}}\n  condition: s\n",
            values.join(", ")
        );
        let found = mutations(&parse_rules(&text, "f").remove(0).unwrap());
        assert_eq!((found.list.len(), found.left_out), (MUTATIONS_PER_RULE_MAX, 13));
    }
}
