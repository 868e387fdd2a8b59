//! The compiled form: distinct predicates, and a graph of `and`, `or`, `not` over them that the
//! rules share.

use std::collections::HashMap;

use foldhash::fast::FixedState;

use crate::condition::Expression;
use crate::error::Fault;
use crate::limits::GUARD_VALUES_PER_RULE_MAX;
use crate::lower::{self, Ask, Question};
use crate::pattern::Pattern;
use crate::predicate::{Form, Predicate, RegexBudget};
use crate::rule::{Rule, Search};
use crate::value::{FieldId, FieldInterner};
use crate::{fold, limits};

pub(crate) type NodeId = u32;
pub(crate) type PredicateId = u32;

/// The slot that stands for every string and number of the event.
pub(crate) const KEYWORDS_SLOT: u32 = 0;

/// A node of the graph; members are [`Program::members`] in that range. Members always have
/// smaller ids than the node, so the graph has no cycle.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Node {
    Predicate(PredicateId),
    Not(NodeId),
    All { from: u32, to: u32 },
    Any { from: u32, to: u32 },
}

/// A field that some predicate reads.
#[derive(Debug)]
pub(crate) struct Slot {
    /// As the rules write it; empty for [`KEYWORDS_SLOT`].
    pub(crate) name: String,
    /// `None` for [`KEYWORDS_SLOT`].
    pub(crate) id: Option<FieldId>,
    /// Whether some predicate reads the folded texts.
    pub(crate) is_folded: bool,
}

/// A predicate and the slot it reads.
#[derive(Debug)]
pub(crate) struct Bound {
    pub(crate) slot: u32,
    pub(crate) predicate: Predicate,
}

/// One rule's part of the program.
#[derive(Debug)]
pub(crate) struct RuleProgram {
    pub(crate) root: NodeId,
    /// The node of each selection, in the order of the rule's selections.
    pub(crate) selections: Vec<NodeId>,
    /// What an event must have for the rule to match: one of these texts, by slot. The route
    /// picks one of them as its key.
    pub(crate) guards: Vec<Guard>,
}

/// A necessary condition of a rule: the slot has one of these texts (folded).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Guard {
    pub(crate) slot: u32,
    pub(crate) texts: Vec<String>,
}

#[derive(Debug, Default)]
pub(crate) struct Program {
    pub(crate) slots: Vec<Slot>,
    pub(crate) predicates: Vec<Bound>,
    pub(crate) nodes: Vec<Node>,
    pub(crate) members: Vec<NodeId>,
}

impl Program {
    pub(crate) fn members(&self, from: u32, to: u32) -> &[NodeId] {
        self.members.get(from as usize..to as usize).unwrap_or_default()
    }
}

/// Builds a program rule by rule.
pub(crate) struct Builder<'i, I> {
    interner: &'i mut I,
    pub(crate) program: Program,
    slots: HashMap<String, u32, FixedState>,
    questions: HashMap<(u32, Question), PredicateId, FixedState>,
    nodes: HashMap<(u8, Vec<NodeId>), NodeId, FixedState>,
    /// The guard of each predicate that is an equality.
    equalities: HashMap<PredicateId, Guard, FixedState>,
    /// Of the rule being added.
    regexes: RegexBudget,
}

impl<'i, I: FieldInterner> Builder<'i, I> {
    pub(crate) fn new(interner: &'i mut I) -> Self {
        let keywords = Slot { name: String::new(), id: None, is_folded: false };
        Builder {
            interner,
            program: Program { slots: vec![keywords], ..Program::default() },
            slots: HashMap::default(),
            questions: HashMap::default(),
            nodes: HashMap::default(),
            equalities: HashMap::default(),
            regexes: RegexBudget::of_one_rule(),
        }
    }

    /// Adds a rule. After a fault the program may hold parts nobody uses, which is harmless.
    pub(crate) fn add(&mut self, rule: &Rule) -> Result<RuleProgram, Fault> {
        self.regexes = RegexBudget::of_one_rule();
        let mut selections = Vec::with_capacity(rule.detection.selections.len());
        for selection in &rule.detection.selections {
            selections.push(self.search(&selection.search)?);
        }
        let conditions: Vec<NodeId> = rule
            .detection
            .conditions
            .iter()
            .map(|condition| self.expression(&condition.expression, rule, &selections))
            .collect();
        let root = self.any(conditions);
        let guards = self.guards(root);
        Ok(RuleProgram { root, selections, guards })
    }

    fn slot(&mut self, name: Option<&str>) -> u32 {
        let Some(name) = name else { return KEYWORDS_SLOT };
        if let Some(&slot) = self.slots.get(name) {
            return slot;
        }
        let slot = self.program.slots.len() as u32;
        let id = Some(self.interner.intern(name));
        self.program.slots.push(Slot { name: name.to_owned(), id, is_folded: false });
        self.slots.insert(name.to_owned(), slot);
        slot
    }

    fn search(&mut self, search: &Search) -> Result<NodeId, Fault> {
        match search {
            Search::All(items) => {
                let mut nodes = Vec::with_capacity(items.len());
                for item in items {
                    let ask = lower::lower(item)?;
                    let slot = self.slot(item.field.as_deref());
                    nodes.push(self.ask(&ask, slot, item.line)?);
                }
                Ok(self.all(nodes))
            }
            Search::Any(searches) => {
                let nodes = searches.iter().map(|search| self.search(search)).collect::<Result<_, _>>()?;
                Ok(self.any(nodes))
            }
        }
    }

    fn ask(&mut self, ask: &Ask, slot: u32, line: u32) -> Result<NodeId, Fault> {
        match ask {
            Ask::One(question) => self.question(question, slot, line),
            Ask::Not(inner) => {
                let inner = self.ask(inner, slot, line)?;
                Ok(self.not(inner))
            }
            Ask::All(asks) => {
                let nodes = asks.iter().map(|ask| self.ask(ask, slot, line)).collect::<Result<_, _>>()?;
                Ok(self.all(nodes))
            }
            Ask::Any(asks) => {
                let nodes = asks.iter().map(|ask| self.ask(ask, slot, line)).collect::<Result<_, _>>()?;
                Ok(self.any(nodes))
            }
        }
    }

    fn question(&mut self, question: &Question, slot: u32, line: u32) -> Result<NodeId, Fault> {
        let key = (slot, question.clone());
        let id = match self.questions.get(&key) {
            Some(&id) => id,
            None => {
                let mut regexes = std::mem::replace(&mut self.regexes, RegexBudget::of_one_rule());
                let built = Predicate::build(question, &mut regexes, &mut |name| self.slot(Some(name)));
                self.regexes = regexes;
                let predicate = built.map_err(|(code, reason)| Fault::new(line, code, reason))?;
                self.note_form(slot, &predicate);
                let id = self.program.predicates.len() as PredicateId;
                self.program.predicates.push(Bound { slot, predicate });
                if let Some(guard) = equality(question, slot) {
                    // Guards compare folded texts, also where the predicate itself is cased.
                    if let Some(slot) = self.program.slots.get_mut(slot as usize) {
                        slot.is_folded = true;
                    }
                    self.equalities.insert(id, guard);
                }
                self.questions.insert(key, id);
                id
            }
        };
        Ok(self.node(0, vec![id], Node::Predicate(id)))
    }

    fn note_form(&mut self, slot: u32, predicate: &Predicate) {
        if predicate.reads() == Form::Raw {
            return;
        }
        let other = if let Predicate::SameAs { other, .. } = predicate { *other } else { slot };
        for slot in [slot, other] {
            if let Some(slot) = self.program.slots.get_mut(slot as usize) {
                slot.is_folded = true;
            }
        }
    }

    fn expression(&mut self, expression: &Expression, rule: &Rule, selections: &[NodeId]) -> NodeId {
        let named = rule.detection.selections.iter().zip(selections);
        match expression {
            Expression::Selection(name) => {
                let found = named.filter(|(selection, _)| &selection.name == name).map(|(_, node)| *node);
                self.any(found.collect())
            }
            Expression::Of { all, target } => {
                let nodes: Vec<NodeId> = named
                    .filter(|(selection, _)| target.includes(&selection.name))
                    .map(|(_, n)| *n)
                    .collect();
                // No selection at all cannot come from the parser; `all of` nothing is nothing.
                if *all && !nodes.is_empty() { self.all(nodes) } else { self.any(nodes) }
            }
            Expression::Not(inner) => {
                let inner = self.expression(inner, rule, selections);
                self.not(inner)
            }
            Expression::And(members) => {
                let nodes = members.iter().map(|member| self.expression(member, rule, selections)).collect();
                self.all(nodes)
            }
            Expression::Or(members) => {
                let nodes = members.iter().map(|member| self.expression(member, rule, selections)).collect();
                self.any(nodes)
            }
        }
    }

    fn not(&mut self, inner: NodeId) -> NodeId {
        self.node(1, vec![inner], Node::Not(inner))
    }

    fn all(&mut self, nodes: Vec<NodeId>) -> NodeId {
        self.group(2, nodes, |from, to| Node::All { from, to })
    }

    fn any(&mut self, nodes: Vec<NodeId>) -> NodeId {
        self.group(3, nodes, |from, to| Node::Any { from, to })
    }

    fn group(&mut self, kind: u8, mut nodes: Vec<NodeId>, node: impl Fn(u32, u32) -> Node) -> NodeId {
        nodes.sort_unstable();
        nodes.dedup();
        if let [one] = nodes.as_slice() {
            return *one;
        }
        if let Some(&known) = self.nodes.get(&(kind, nodes.clone())) {
            return known;
        }
        let from = self.program.members.len() as u32;
        self.program.members.extend_from_slice(&nodes);
        let to = self.program.members.len() as u32;
        self.node(kind, nodes, node(from, to))
    }

    fn node(&mut self, kind: u8, key: Vec<NodeId>, node: Node) -> NodeId {
        let next = self.program.nodes.len() as NodeId;
        let id = *self.nodes.entry((kind, key)).or_insert(next);
        if id == next {
            self.program.nodes.push(node);
        }
        id
    }

    /// The equalities a node implies. Of a conjunction every member's; of a disjunction those on
    /// fields that every member has one on, with the texts of all; a negation implies none.
    fn guards(&self, node: NodeId) -> Vec<Guard> {
        match self.program.nodes.get(node as usize) {
            Some(Node::Predicate(id)) => self.equalities.get(id).cloned().into_iter().collect(),
            Some(&Node::All { from, to }) => {
                let mut guards: Vec<Guard> = Vec::new();
                for member in self.program.members(from, to) {
                    for guard in self.guards(*member) {
                        match guards.iter_mut().find(|known| known.slot == guard.slot) {
                            Some(known) if guard.texts.len() < known.texts.len() => *known = guard,
                            Some(_) => {}
                            None => guards.push(guard),
                        }
                    }
                }
                guards
            }
            Some(&Node::Any { from, to }) => self.shared_guards(self.program.members(from, to)),
            Some(Node::Not(_)) | None => Vec::new(),
        }
    }

    fn shared_guards(&self, members: &[NodeId]) -> Vec<Guard> {
        let Some((first, rest)) = members.split_first() else { return Vec::new() };
        let mut guards = self.guards(*first);
        for member in rest {
            if guards.is_empty() {
                break;
            }
            let more = self.guards(*member);
            guards.retain_mut(|guard| match more.iter().find(|other| other.slot == guard.slot) {
                Some(other) => {
                    guard.texts.extend_from_slice(&other.texts);
                    guard.texts.sort_unstable();
                    guard.texts.dedup();
                    guard.texts.len() <= GUARD_VALUES_PER_RULE_MAX
                }
                None => false,
            });
        }
        guards
    }
}

fn equality(question: &Question, slot: u32) -> Option<Guard> {
    let Question::Text { patterns, .. } = question else { return None };
    if slot == KEYWORDS_SLOT || patterns.len() > limits::GUARD_VALUES_PER_RULE_MAX {
        return None;
    }
    let texts = patterns.iter().map(|pattern| match pattern {
        Pattern::Exact(text) => Some(fold::folded(text)),
        _ => None,
    });
    Some(Guard { slot, texts: texts.collect::<Option<Vec<_>>>()? })
}
