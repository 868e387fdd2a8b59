//! Mapping files to plans: every output path is checked against the schema, every object against what
//! it needs, so that what a plan writes is valid by construction.

mod build;
mod derive;

use crate::error::MappingError;
use crate::language;
use crate::normalizer::{Logsource, LogsourceId};
use crate::plan::{EntityRule, Plan};
use crate::schema::{Class, Schema, Shape, Type};
use crate::unmapped::Reads;
use crate::value::{Condition, Value};
use crate::yaml::{self, Fault, Kind, Yaml};
use build::{Draft, Tree};
use model::{EntityKind, FieldTable, Vocabulary};

/// Keys of a mapping file, and of a case.
const FILE_KEYS: &[&str] = &[
    "kind",
    "about",
    "text",
    "inner",
    "vocabulary",
    "event_type",
    "when",
    "refuse",
    "event_id",
    "logsource",
    "entities",
    "common",
    "blocks",
    "base",
    "cases",
];
const CASE_KEYS: &[&str] =
    &["name", "when", "class", "activity", "use", "set", "event_id", "logsource", "entities"];

/// One file: the cases of one family of records.
#[derive(Debug, Clone)]
pub(crate) struct Part {
    pub(crate) kind: String,
    /// How records of the kind are written where they are no JSON.
    pub(crate) text: Option<TextFormat>,
    /// Where a record of the kind may be wrapped as a text: keys from the top.
    pub(crate) inner: Vec<Vec<String>>,
    /// Other names that fields of the kind have.
    pub(crate) vocabulary: Option<Vocabulary>,
    /// Tells the event's type from the body where the door does not.
    pub(crate) event_type: Value,
    pub(crate) when: Vec<Condition>,
    pub(crate) refuse: Vec<(Vec<Condition>, String)>,
    /// In order; the first whose conditions hold is run.
    pub(crate) cases: Vec<Plan>,
    /// Base Event.
    pub(crate) base: Plan,
}

/// A format of text that becomes JSON before it is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TextFormat {
    /// Lines of the Linux audit system.
    Auditd,
}

pub(crate) struct Compiler<'c> {
    pub(crate) schema: &'c Schema,
    pub(crate) fields: &'c mut FieldTable,
    pub(crate) logsources: &'c mut Vec<Logsource>,
    pub(crate) errors: Vec<MappingError>,
    /// Reports so far, repeated ones too.
    pub(crate) faults: usize,
    pub(crate) file: String,
}

impl Compiler<'_> {
    pub(crate) fn report(&mut self, (line, reason): Fault) {
        self.faults += 1;
        let error = MappingError { file: self.file.clone(), line, reason };
        // what is common to several cases is faulty once
        if !self.errors.contains(&error) {
            self.errors.push(error);
        }
    }

    fn take<T: Default>(&mut self, result: Result<T, Fault>) -> T {
        result.unwrap_or_else(|fault| {
            self.report(fault);
            T::default()
        })
    }

    pub(crate) fn file(&mut self, name: &str, text: &str) -> Option<Part> {
        name.clone_into(&mut self.file);
        let errors = self.errors.len();
        let root = match yaml::read(text) {
            Ok(root) => root,
            Err(fault) => {
                self.report(fault);
                return None;
            }
        };
        let part = self.part(&root);
        if self.errors.len() > errors { None } else { part }
    }

    fn part(&mut self, root: &Yaml) -> Option<Part> {
        let known = self.known_keys(root, FILE_KEYS);
        self.take(known);
        let kind = match root.get("kind").map(Yaml::text) {
            Some(Ok(kind)) => kind.to_owned(),
            _ => {
                self.report((root.line, "the file needs a `kind`, such as aws_cloudtrail".into()));
                return None;
            }
        };
        let event_type = self.own_value(root, root, "event_type");
        let when = self.conditions(root);
        let refuse = self.refusals(root);
        let mut cases = Vec::new();
        for case in root.get("cases").map_or(&[][..], Yaml::one_or_more) {
            cases.extend(self.case(root, case, None));
        }
        let empty = Yaml { line: root.line, kind: Kind::Map(Vec::new()) };
        let base = self.case(root, root.get("base").unwrap_or(&empty), Some("base_event"))?;
        let text = self.text_format(root);
        let vocabulary = self.vocabulary(root);
        let inner = inner(root);
        let (text, vocabulary, inner) = (self.take(text), self.take(vocabulary), self.take(inner));
        Some(Part { kind, text, inner, vocabulary, event_type, when, refuse, cases, base })
    }

    fn text_format(&self, root: &Yaml) -> Result<Option<TextFormat>, Fault> {
        let Some(node) = root.get("text") else { return Ok(None) };
        match node.text()? {
            "auditd" => Ok(Some(TextFormat::Auditd)),
            other => Err((node.line, format!("`{other}` is no format of text; there is auditd"))),
        }
    }

    /// `{transparent: [path, …], same: {path: name, …}, names: [[name, …], …], also: {name: [path, …]},
    /// pairs: {path: key, …}, words: {name: {from: path, enum: {…}}}}`
    fn vocabulary(&mut self, root: &Yaml) -> Result<Option<Vocabulary>, Fault> {
        let Some(node) = root.get("vocabulary") else { return Ok(None) };
        self.known_keys(node, &["transparent", "same", "names", "also", "pairs", "words"])?;
        let list = |key| node.get(key).map_or(&[][..], Yaml::one_or_more);
        let map = |key| node.get(key).map_or(Ok(&[][..]), Yaml::map);
        let transparent = list("transparent").iter().map(Yaml::text).collect::<Result<Vec<_>, _>>()?;
        let same = map("same")?.iter().map(|(path, name)| Ok((path.as_str(), name.text()?)));
        let same = same.collect::<Result<Vec<_>, Fault>>()?;
        let mut vocabulary = self.fields.vocabulary(transparent, same);
        for names in list("names") {
            let names = names.list()?.iter().map(Yaml::text).collect::<Result<Vec<_>, _>>()?;
            vocabulary.add_names(self.fields, names);
        }
        for (name, paths) in map("also")? {
            let paths = paths.one_or_more().iter().map(Yaml::text).collect::<Result<Vec<_>, _>>()?;
            vocabulary.add_also(self.fields, name, paths);
        }
        for (list, key) in map("pairs")? {
            vocabulary.add_pairs(self.fields, list, key.text()?);
        }
        for (name, words) in map("words")? {
            self.known_keys(words, &["from", "enum"])?;
            let (Some(from), Some(table)) = (words.get("from"), words.get("enum")) else {
                return Err((
                    words.line,
                    "words are written `name: {from: path, enum: {word: word}}`".into(),
                ));
            };
            let table = table.map()?.iter().map(|(word, said)| Ok((word.as_str(), said.text()?)));
            let table = table.collect::<Result<Vec<_>, Fault>>()?;
            vocabulary.add_words(self.fields, name, from.text()?, table);
        }
        Ok(Some(vocabulary))
    }

    fn known_keys(&mut self, yaml: &Yaml, known: &[&str]) -> Result<(), Fault> {
        match yaml.map()?.iter().find(|(key, _)| !known.contains(&key.as_str())) {
            Some((key, node)) => {
                Err((node.line, format!("`{key}` is not known here; there are {}", known.join(", "))))
            }
            None => Ok(()),
        }
    }

    fn conditions(&mut self, yaml: &Yaml) -> Vec<Condition> {
        let Some(when) = yaml.get("when") else { return Vec::new() };
        let conditions = language::conditions(when, self.fields);
        self.take(conditions)
    }

    fn refusals(&mut self, root: &Yaml) -> Vec<(Vec<Condition>, String)> {
        let mut all = Vec::new();
        for rule in root.get("refuse").map_or(&[][..], Yaml::one_or_more) {
            let when = self.conditions(rule);
            match rule.get("reason").map(Yaml::text) {
                Some(Ok(reason)) if !when.is_empty() => all.push((when, reason.to_owned())),
                _ => self.report((rule.line, "a refusal has `when` and `reason`".into())),
            }
        }
        all
    }

    /// One case, or with `base` the file's Base Event.
    fn case(&mut self, root: &Yaml, case: &Yaml, base: Option<&str>) -> Option<Plan> {
        let known = self.known_keys(case, CASE_KEYS);
        self.take(known);
        let name = base.or_else(|| case.get("class")?.text().ok()).unwrap_or_default();
        let schema = self.schema;
        let Some(class) = schema.classes.get(name) else {
            self.report((case.line, format!("`class: {name}` is no class of OCSF {}", schema.version)));
            return None;
        };
        let (mut tree, faults) = (Tree::new(), self.faults);
        for (guards, settings) in self.settings(root, case) {
            self.insert_all(&mut tree, &class.shape, settings, &guards);
        }
        self.activity(&mut tree, case, class);
        // what a faulty setting leaves unset would only be reported as missing too
        if self.faults > faults {
            return None;
        }
        let time = match tree.get("time") {
            Some(Draft::Leaf(value, _)) => value.clone(),
            _ => Value::default(),
        };
        self.automatic(&mut tree, class);
        let (ops, frame, actor_bit) = self.event(&mut tree, class, case.line);
        let event_id = self.own_value(root, case, "event_id");
        let reads = Reads::of(&ops, [&event_id, &time]);
        Some(Plan {
            when: self.conditions(case),
            class_uid: class.uid,
            logsource: self.logsource(root, case),
            event_id,
            time,
            entities: self.entities(root, case),
            ops,
            frame,
            actor_bit,
            reads,
        })
    }

    /// What a case sets, least weighty first: common, the blocks it uses, its own.
    fn settings<'y>(&mut self, root: &'y Yaml, case: &'y Yaml) -> Vec<(Vec<Condition>, &'y Yaml)> {
        let mut all: Vec<_> = root.get("common").into_iter().map(|common| (Vec::new(), common)).collect();
        for name in case.get("use").map_or(&[][..], Yaml::one_or_more) {
            let block = name.text().ok().and_then(|name| root.get("blocks")?.get(name));
            match block.and_then(|block| block.get("set")) {
                Some(set) => {
                    let guards = block.map(|block| self.conditions(block)).unwrap_or_default();
                    all.push((guards, set));
                }
                None => self.report((name.line, "no block of this name with a `set`".into())),
            }
        }
        all.extend(case.get("set").map(|set| (Vec::new(), set)));
        all
    }

    fn insert_all(&mut self, tree: &mut Tree, shape: &Shape, settings: &Yaml, guards: &[Condition]) {
        let entries = match settings.map() {
            Ok(entries) => entries,
            Err(fault) => return self.report(fault),
        };
        for (path, node) in entries {
            if let Err(fault) = self.insert(tree, shape, path, node, guards) {
                self.report(fault);
            }
        }
    }

    fn activity(&mut self, tree: &mut Tree, case: &Yaml, class: &Class) {
        let value = match case.get("activity") {
            Some(node) => {
                let value = language::value(node, self.fields);
                (self.take(value), node.line)
            }
            None => (derive::constant(0), case.line),
        };
        let attribute = &class.shape.attributes["activity_id"];
        match build::checked(value.0, attribute, value.1) {
            Ok(value) => {
                tree.insert("type_uid".into(), Draft::Leaf(derive::type_uid(&value, class.uid), case.line));
                tree.insert("type_name".into(), Draft::Leaf(derive::type_name(&value, class), case.line));
                tree.insert("activity_id".into(), Draft::Leaf(value, case.line));
            }
            Err(fault) => self.report(fault),
        }
    }

    /// What follows from the class and from the record as such.
    fn automatic(&mut self, tree: &mut Tree, class: &Class) {
        use crate::value::Meta;
        let mut set = |path: &str, value: Value| build::set(tree, path, Draft::Leaf(value, 0));
        set("class_uid", derive::constant(i64::from(class.uid)));
        set("class_name", derive::word(&class.caption));
        set("category_uid", derive::constant(i64::from(class.category_uid)));
        set("category_name", derive::word(&class.category_caption));
        set("time", derive::meta(Meta::Time));
        set("raw_data", derive::meta(Meta::Record));
        set("metadata.version", derive::word(&self.schema.version));
        set("metadata.uid", derive::meta(Meta::EventId));
        set("metadata.logged_time", derive::meta(Meta::ReceivedAt));
    }

    fn logsource(&mut self, root: &Yaml, case: &Yaml) -> LogsourceId {
        let word = |key| {
            let node = case.get("logsource").or_else(|| root.get("logsource"))?;
            node.get(key)?.text().ok().map(str::to_owned)
        };
        let Some(product) = word("product") else {
            self.report((root.line, "the file needs a `logsource` with a `product`".into()));
            return LogsourceId(0);
        };
        let logsource = Logsource { product, service: word("service"), category: word("category") };
        let at = self.logsources.iter().position(|other| *other == logsource).unwrap_or_else(|| {
            self.logsources.push(logsource);
            self.logsources.len() - 1
        });
        LogsourceId(at as u16)
    }

    /// A value of the case, else of the file.
    fn own_value(&mut self, root: &Yaml, case: &Yaml, key: &str) -> Value {
        match case.get(key).or_else(|| root.get(key)) {
            Some(node) => {
                let value = language::value(node, self.fields);
                self.take(value)
            }
            None => Value::default(),
        }
    }

    fn entities(&mut self, root: &Yaml, case: &Yaml) -> Vec<EntityRule> {
        let mut rules = Vec::new();
        for list in [case.get("entities"), root.get("entities")].into_iter().flatten() {
            for rule in list.one_or_more() {
                let rule = self.entity(rule);
                rules.extend(self.take(rule.map(Some)));
            }
        }
        rules
    }

    fn entity(&mut self, yaml: &Yaml) -> Result<EntityRule, Fault> {
        let keys = yaml.map()?.iter().filter(|(key, _)| key != "each" && key != "when");
        let [(name, node)] = keys.collect::<Vec<_>>()[..] else {
            return Err((
                yaml.line,
                "an entity is written `actor: path`, perhaps with `each` and `when`".into(),
            ));
        };
        let kind = match name.as_str() {
            "actor" => EntityKind::Actor,
            "credential" => EntityKind::Credential,
            "address" => EntityKind::Address,
            "repository" => EntityKind::Repository,
            "account" => EntityKind::Account,
            "resource" => EntityKind::Resource,
            "host" => EntityKind::Host,
            name => return Err((yaml.line, format!("`{name}` is not a kind of entity"))),
        };
        let each = yaml.get("each").map(|each| self.each(each)).transpose()?;
        let when = yaml.get("when").map_or(Ok(Vec::new()), |when| language::conditions(when, self.fields))?;
        Ok(EntityRule { kind, each, when, value: language::value(node, self.fields)? })
    }

    fn each(&mut self, yaml: &Yaml) -> Result<crate::value::Get, Fault> {
        language::path(yaml.text()?, self.fields).map_err(|reason| (yaml.line, reason))
    }
}

/// `inner: [path, …]`
fn inner(root: &Yaml) -> Result<Vec<Vec<String>>, Fault> {
    let paths = root.get("inner").map_or(&[][..], Yaml::one_or_more).iter();
    paths.map(|path| Ok(path.text()?.split('.').map(str::to_owned).collect())).collect()
}

/// The shape of an attribute's object; `None` when it is a scalar.
pub(crate) fn shape_of<'s>(schema: &'s Schema, of: &Type) -> Option<&'s Shape> {
    match of {
        Type::Object(name) => schema.objects.get(name),
        _ => None,
    }
}
