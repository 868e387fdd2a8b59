//! The compiled form: distinct predicates, and a graph of `and`, `or`, `not` over them that the
//! rules share.

use std::collections::HashMap;

use foldhash::fast::FixedState;

use crate::condition::Expression;
use crate::error::Fault;
use crate::lower::{self, Ask, Question};
use crate::predicate::{Form, Predicate, RegexBudget};
use crate::rule::{self, Elements, Item, Quantifier, Rule, Search};
use crate::value::{FieldId, FieldInterner};

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
    All {
        from: u32,
        to: u32,
    },
    Any {
        from: u32,
        to: u32,
    },
    /// Of the elements of the slot's arrays, each for itself.
    Elements {
        slot: u32,
        quantifier: Quantifier,
        body: NodeId,
    },
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
    /// Of the rule being added.
    regexes: RegexBudget,
    /// The path of the array whose elements are being asked; empty for the event.
    within: String,
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
            regexes: RegexBudget::of_one_rule(),
            within: String::new(),
        }
    }

    /// Adds a rule. After a fault the program may hold parts nobody uses, which is harmless.
    pub(crate) fn add(&mut self, rule: &Rule) -> Result<RuleProgram, Fault> {
        self.regexes = RegexBudget::of_one_rule();
        self.within.clear();
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
        Ok(RuleProgram { root, selections })
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
                    nodes.push(self.item(item)?);
                }
                Ok(self.all(nodes))
            }
            Search::Any(searches) => {
                let nodes = searches.iter().map(|search| self.search(search)).collect::<Result<_, _>>()?;
                Ok(self.any(nodes))
            }
        }
    }

    fn item(&mut self, item: &Item) -> Result<NodeId, Fault> {
        let path = item.field.as_deref().map(|name| self.path(name));
        let slot = self.slot(path.as_deref());
        let Some(Elements { quantifier, body }) = &item.elements else {
            return self.ask(&lower::lower(item)?, slot, item.line);
        };
        let around = std::mem::replace(&mut self.within, path.unwrap_or_default());
        let body = self.search(body);
        self.within = around;
        let (quantifier, body) = (*quantifier, body?);
        Ok(self.node(4 + quantifier as u8, vec![slot, body], Node::Elements { slot, quantifier, body }))
    }

    /// The path of a field of the element (or of the event, outside of one).
    fn path(&self, name: &str) -> String {
        rule::path_within(&self.within, name)
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
        let mut question = question.clone();
        if let Question::SameAs { other, .. } = &mut question {
            *other = self.path(other);
        }
        let key = (slot, question);
        let id = match self.questions.get(&key) {
            Some(&id) => id,
            None => {
                let mut regexes = std::mem::replace(&mut self.regexes, RegexBudget::of_one_rule());
                let built = Predicate::build(&key.1, &mut regexes, &mut |name| self.slot(Some(name)));
                self.regexes = regexes;
                let predicate = built.map_err(|(code, reason)| Fault::new(line, code, reason))?;
                self.note_form(slot, &predicate);
                let id = self.program.predicates.len() as PredicateId;
                self.program.predicates.push(Bound { slot, predicate });
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
}
