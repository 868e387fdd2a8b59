//! What an incident's findings have to do with each other, as a graph of bounded size.

use model::{Entity, EntityKind, Finding, Incident};
use std::collections::BTreeMap;

/// Most findings that a graph is made of; those that come later in event time are left out.
pub const GRAPH_FINDINGS_MAX: u32 = 500;
/// Most nodes; those with the most findings stay.
pub const GRAPH_NODES_MAX: usize = 100;

/// One thing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// `KIND:NAME`, once in a graph.
    pub id: String,
    /// `incident`, `rule`, `service`, `person`, `credential`, `address`, `repository`, `account`, `resource` or `host`.
    pub kind: &'static str,
    /// What people call it.
    pub label: String,
    /// How many findings it occurs in.
    pub findings: u64,
}

/// How two of them belong together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edge {
    /// A node's id.
    pub from: String,
    /// A node's id.
    pub to: String,
    /// `matched` (a rule, something), `with` (the first of a finding, another of it), `about` (the incident, its
    /// service) or what people or machines said of two incidents (`related`, `caused_by`, `duplicate_of`, `merged_into`).
    pub kind: &'static str,
    /// In how many findings.
    pub count: u64,
}

/// A graph.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Graph {
    /// The incident first, then by number of findings.
    pub nodes: Vec<Node>,
    /// Between nodes that are there.
    pub edges: Vec<Edge>,
    /// Whether something was left out for its size.
    pub truncated: bool,
}

/// Makes a graph while findings are added.
#[derive(Debug)]
pub struct GraphBuilder {
    root: String,
    nodes: BTreeMap<String, Node>,
    edges: BTreeMap<(String, String, &'static str), u64>,
    truncated: bool,
}

impl GraphBuilder {
    /// Around `incident`.
    pub fn new(incident: &Incident) -> Self {
        let root = format!("incident:{}", incident.id);
        let mut builder =
            Self { root: root.clone(), nodes: BTreeMap::new(), edges: BTreeMap::new(), truncated: false };
        builder.node(root.clone(), "incident", incident.shown_title(), incident.findings);
        if let Some(service) = &incident.ownership.service {
            let id = format!("service:{service}");
            builder.node(id.clone(), "service", service, incident.findings);
            builder.edge(&root, &id, "about");
        }
        builder
    }

    /// Another incident that has to do with this one.
    pub fn incident(&mut self, other: &Incident, kind: &'static str, outward: bool) {
        let (root, id) = (self.root.clone(), format!("incident:{}", other.id));
        self.node(id.clone(), "incident", other.shown_title(), other.findings);
        let (from, to) = if outward { (&root, &id) } else { (&id, &root) };
        self.edge(from, to, kind);
    }

    /// A finding of the incident.
    pub fn finding(&mut self, finding: &Finding) {
        let rule = format!("rule:{}", finding.rule_id);
        self.node(rule.clone(), "rule", &finding.rule_title, 1);
        let mut first: Option<String> = None;
        for entity in &finding.entities {
            let id = entity_id(entity);
            self.node(id.clone(), kind(entity.kind), &entity.value, 1);
            self.edge(&rule, &id, "matched");
            match &first {
                Some(first) if *first != id => self.edge(&first.clone(), &id, "with"),
                Some(_) => {}
                None => first = Some(id),
            }
        }
    }

    /// There are more findings than were added.
    pub const fn cut(&mut self) {
        self.truncated = true;
    }

    /// The graph, cut to its bound.
    pub fn build(self) -> Graph {
        let Self { root, nodes, edges, mut truncated } = self;
        let mut nodes: Vec<_> = nodes.into_values().collect();
        nodes.sort_by(|a, b| {
            let rank = |node: &Node| (node.id != root, std::cmp::Reverse(node.findings));
            rank(a).cmp(&rank(b)).then_with(|| a.id.cmp(&b.id))
        });
        truncated |= nodes.len() > GRAPH_NODES_MAX;
        nodes.truncate(GRAPH_NODES_MAX);
        let there = |id: &str| nodes.iter().any(|node| node.id == id);
        let edges = edges
            .into_iter()
            .filter(|((from, to, _), _)| there(from) && there(to))
            .map(|((from, to, kind), count)| Edge { from, to, kind, count })
            .collect();
        Graph { nodes, edges, truncated }
    }

    fn node(&mut self, id: String, kind: &'static str, label: &str, findings: u64) {
        let node = self.nodes.entry(id).or_insert_with_key(|id| Node {
            id: id.clone(),
            kind,
            label: label.to_owned(),
            findings: 0,
        });
        node.findings += findings;
    }

    fn edge(&mut self, from: &str, to: &str, kind: &'static str) {
        *self.edges.entry((from.to_owned(), to.to_owned(), kind)).or_default() += 1;
    }
}

fn entity_id(entity: &Entity) -> String {
    format!("{}:{}", kind(entity.kind), entity.value)
}

/// What a graph calls a kind of entity: an actor is a person or what acts as one.
const fn kind(kind: EntityKind) -> &'static str {
    match kind {
        EntityKind::Actor => "person",
        other => other.as_str(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::Severity;
    use ports::store::conformance::Bench;

    #[test]
    fn findings_become_a_graph_of_what_they_name() {
        let bench = Bench::new(1);
        let address = Entity { kind: EntityKind::Address, value: "192.0.2.1".to_owned() };
        let mut one = bench.finding(1, "ana", 0, Severity::High);
        one.entities.push(address);
        let two = bench.finding(2, "ana", 1, Severity::High);
        let incident = bench.incident(&one);
        let mut builder = GraphBuilder::new(&incident);
        builder.finding(&one);
        builder.finding(&two);
        let graph = builder.build();
        let nodes: Vec<_> = graph.nodes.iter().map(|n| (n.id.as_str(), n.kind, n.findings)).collect();
        let root = format!("incident:{}", incident.id);
        let expected = [
            (root.as_str(), "incident", 1),
            ("person:ana", "person", 2),
            ("rule:r1", "rule", 2),
            ("address:192.0.2.1", "address", 1),
        ];
        assert_eq!(nodes, expected);
        let edges: Vec<_> = graph.edges.iter().map(|e| (&*e.from, &*e.to, e.kind, e.count)).collect();
        let expected = [
            ("person:ana", "address:192.0.2.1", "with", 1),
            ("rule:r1", "address:192.0.2.1", "matched", 1),
            ("rule:r1", "person:ana", "matched", 2),
        ];
        assert_eq!(edges, expected);
        assert!(!graph.truncated);
    }

    #[test]
    fn a_graph_is_bounded_and_has_no_loose_ends() {
        let bench = Bench::new(1);
        let mut builder = GraphBuilder::new(&bench.incident(&bench.finding(0, "u0", 0, Severity::Low)));
        for number in 0..300 {
            builder.finding(&bench.finding(number, &format!("u{number}"), 0, Severity::Low));
        }
        let graph = builder.build();
        assert!(graph.truncated && graph.nodes.len() == GRAPH_NODES_MAX);
        let there = |id: &str| graph.nodes.iter().any(|node| node.id == id);
        assert!(graph.edges.iter().all(|edge| there(&edge.from) && there(&edge.to)));
        assert_eq!(graph.nodes[0].kind, "incident");
    }
}
