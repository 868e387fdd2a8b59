//! rsigma-eval as a library, in each of the ways its documentation offers.

use std::borrow::Cow;
use std::collections::HashMap;
use std::rc::Rc;

use rsigma_eval::{Engine as Rules, EvaluationResult, Event, EventValue, JsonEvent};
use rsigma_parser::{LogSource, SigmaRule};
use serde_json::Value as Json;
use sigma::Logsource;
use sigma::logsource::event_log::{self, Alias, Resolved};

use crate::Failure;
use crate::corpus::RuleFile;
use crate::measure::Engine;
use crate::workload::Contender;

pub(crate) struct Peer {
    contender: Contender,
    rules: Vec<SigmaRule>,
    /// All rules in one engine; empty where each route has its own.
    whole: Rules,
    refused: Vec<(String, String)>,
    /// By channel, then event id.
    by_route: HashMap<String, HashMap<Option<u32>, Route>>,
}

/// What is known of the records of one channel and event id.
struct Route {
    logsource: LogSource,
    /// Engines of the rules that apply, each with the names under which they see a record.
    engines: Vec<(Rc<Rules>, &'static [Alias])>,
}

impl Peer {
    pub(crate) fn load(files: &[RuleFile], contender: Contender) -> Result<Self, Failure> {
        let (mut rules, mut refused) = (Vec::new(), Vec::new());
        for (name, text) in files {
            let parsed = rsigma_parser::parse_sigma_yaml(text)?;
            let broken = parsed.rules.is_empty().then(|| format!("{:?}", parsed.diagnostics));
            refused.extend(broken.map(|reason| (name.clone(), reason)));
            rules.extend(parsed.rules);
        }
        let mut peer =
            Peer { contender, rules: Vec::new(), whole: Rules::new(), refused, by_route: HashMap::new() };
        let errors = peer.tune(&mut |whole| whole.add_rules(&rules));
        let mut broken = vec![false; rules.len()];
        for (at, error) in errors {
            broken[at] = true;
            peer.refused.push((id_of(&rules[at]), error.to_string()));
        }
        if peer.has_routes() {
            peer.whole = Rules::new();
        }
        let mut broken = broken.into_iter();
        rules.retain(|_| !broken.next().unwrap_or(false));
        peer.rules = rules;
        Ok(peer)
    }

    /// Sets the whole engine up as the contender wants it, and fills it.
    fn tune<T>(&mut self, fill: &mut dyn FnMut(&mut Rules) -> T) -> T {
        let filled = fill(&mut self.whole);
        match self.contender {
            Contender::PeerBloom => self.whole.set_bloom_prefilter(true),
            Contender::PeerAutomaton => self.whole.set_cross_rule_ac(true),
            _ => {}
        }
        filled
    }

    fn has_routes(&self) -> bool {
        matches!(self.contender, Contender::PeerPerLogsource | Contender::PeerPerLogsourceBloom)
    }

    fn route(
        &self,
        channel: &str,
        event_id: Option<u32>,
        known: &mut HashMap<Vec<usize>, Rc<Rules>>,
    ) -> Route {
        let resolved = event_log::resolve(channel, event_id);
        let logsource = resolved.last().map_or_else(LogSource::default, |one| source_of(&one.logsource));
        let mut engines = Vec::new();
        if self.has_routes() {
            for (rules, aliases) in self.applying(&resolved) {
                let engine = known.entry(rules).or_insert_with_key(|rules| {
                    let mut engine = Rules::new();
                    engine.set_bloom_prefilter(self.contender == Contender::PeerPerLogsourceBloom);
                    engine.add_rules(rules.iter().map(|at| &self.rules[*at]));
                    Rc::new(engine)
                });
                engines.push((Rc::clone(engine), aliases));
            }
        }
        Route { logsource, engines }
    }

    /// The rules of a record as it is, and those that see it under other names.
    fn applying(&self, resolved: &[Resolved]) -> Vec<(Vec<usize>, &'static [Alias])> {
        let mut plain = (Vec::new(), &[][..]);
        let mut renamed = (Vec::new(), &[][..]);
        for (at, rule) in self.rules.iter().enumerate() {
            let logsource = ours_of(&rule.logsource);
            let of = resolved.iter().filter(|one| logsource.applies_to(&one.logsource));
            let aliases = of.map(|one| if logsource.category.is_some() { one.aliases } else { &[] });
            match aliases.min_by_key(|aliases| aliases.len()) {
                None => {}
                Some([]) => plain.0.push(at),
                Some(aliases) => {
                    renamed.0.push(at);
                    renamed.1 = aliases;
                }
            }
        }
        [plain, renamed].into_iter().filter(|(rules, _)| !rules.is_empty()).collect()
    }
}

fn id_of(rule: &SigmaRule) -> String {
    rule.id.clone().unwrap_or_else(|| rule.title.clone())
}

fn source_of(source: &Logsource) -> LogSource {
    LogSource {
        category: source.category.clone(),
        product: source.product.clone(),
        service: source.service.clone(),
        ..LogSource::default()
    }
}

fn ours_of(source: &LogSource) -> Logsource {
    Logsource {
        category: source.category.clone(),
        product: source.product.clone(),
        service: source.service.clone(),
        definition: None,
    }
}

fn event_id(event: &Json) -> Option<u32> {
    match event.get("EventID")? {
        Json::String(text) => text.trim().parse().ok(),
        number => number.as_u64().and_then(|id| u32::try_from(id).ok()),
    }
}

fn channel(event: &Json) -> &str {
    event.get("Channel").and_then(Json::as_str).unwrap_or_default()
}

fn tell(results: Vec<EvaluationResult>, hit: &mut impl FnMut(&str)) {
    for result in results {
        hit(result.header.rule_id.as_deref().unwrap_or(&result.header.rule_title));
    }
}

impl Engine for Peer {
    fn fresh(&mut self) {}

    fn prepare(&mut self, events: &[Vec<u8>]) -> Result<(), Failure> {
        if !self.has_routes() && self.contender != Contender::PeerPruned {
            return Ok(());
        }
        let mut known = HashMap::new();
        for event in events {
            let event: Json = serde_json::from_slice(event)?;
            let (channel, id) = (channel(&event), event_id(&event));
            if self.by_route.get(channel).is_none_or(|ids| !ids.contains_key(&id)) {
                let route = self.route(channel, id, &mut known);
                self.by_route.entry(channel.to_owned()).or_default().insert(id, route);
            }
        }
        Ok(())
    }

    fn matches(&mut self, event: &[u8], hit: &mut impl FnMut(&str)) -> Result<(), Failure> {
        let value: Json = serde_json::from_slice(event)?;
        let event = JsonEvent::borrow(&value);
        if self.contender == Contender::PeerRouted {
            let source = LogSource {
                product: Some("aws".to_owned()),
                service: Some("cloudtrail".to_owned()),
                ..LogSource::default()
            };
            tell(self.whole.evaluate_with_logsource(&event, &source), hit);
            return Ok(());
        }
        if self.by_route.is_empty() {
            tell(self.whole.evaluate(&event), hit);
            return Ok(());
        }
        let route = self.by_route.get(channel(&value)).and_then(|ids| ids.get(&event_id(&value)));
        let Some(route) = route else { return Ok(()) };
        if route.engines.is_empty() && !self.has_routes() {
            tell(self.whole.evaluate_pruned(&event, &route.logsource), hit);
        }
        for (engine, aliases) in &route.engines {
            match aliases {
                [] => tell(engine.evaluate(&event), hit),
                aliases => tell(engine.evaluate(&Renamed { event: &event, aliases }), hit),
            }
        }
        Ok(())
    }

    fn parse(&mut self, event: &[u8]) -> Result<(), Failure> {
        std::hint::black_box(serde_json::from_slice::<Json>(event)?);
        Ok(())
    }

    fn rules(&self) -> usize {
        self.rules.len()
    }

    fn refused(&self) -> Vec<(String, String)> {
        self.refused.clone()
    }
}

/// A record as a category names its fields.
struct Renamed<'e> {
    event: &'e JsonEvent<'e>,
    aliases: &'static [Alias],
}

impl Event for Renamed<'_> {
    fn get_field(&self, path: &str) -> Option<EventValue<'_>> {
        let Some(alias) = self.aliases.iter().find(|alias| alias.rule == path) else {
            return self.event.get_field(path);
        };
        let value = self.event.get_field(alias.record)?;
        let said = value.as_str().and_then(|text| alias.words.iter().find(|(word, _)| *word == text));
        Some(said.map(|(_, said)| EventValue::Str(Cow::Borrowed(said))).unwrap_or(value))
    }

    fn any_string_value(&self, pred: &dyn Fn(&str) -> bool) -> bool {
        self.event.any_string_value(pred)
    }

    fn all_string_values(&self) -> Vec<Cow<'_, str>> {
        self.event.all_string_values()
    }

    fn visit_string_values(&self, visit: &mut dyn FnMut(&str)) {
        self.event.visit_string_values(visit);
    }

    fn to_json(&self) -> Json {
        self.event.to_json()
    }

    fn visit_top_level_keys(&self, visit: &mut dyn FnMut(&str)) -> bool {
        self.aliases.iter().for_each(|alias| visit(alias.rule));
        self.event.visit_top_level_keys(visit)
    }
}
