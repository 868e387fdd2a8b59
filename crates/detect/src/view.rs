//! The bridge between the one parse of a record and the rule engine, which knows nothing of ours.

use model::{EnrichField, EnrichFields, Enrichment, EventView, FieldTable, Kind, Scalar};
use sigma::{Content, Places, Spelled, Value};

/// Gives the engine the ids of the shared field table.
pub(crate) struct Interner<'a>(pub(crate) &'a mut FieldTable);

impl sigma::FieldInterner for Interner<'_> {
    fn intern(&mut self, path: &str) -> sigma::FieldId {
        sigma::FieldId(self.0.intern(path).0)
    }
}

/// Other names for a record's fields, and other words for their values.
#[derive(Debug)]
pub(crate) struct Renames {
    /// Sorted by the field that rules name.
    fields: Vec<(sigma::FieldId, sigma::FieldId, Words)>,
}

/// The record's words and what rules say for them.
type Words = &'static [(&'static str, &'static str)];

impl Renames {
    pub(crate) fn new(fields: impl Iterator<Item = (sigma::FieldId, sigma::FieldId, Words)>) -> Self {
        let mut fields: Vec<_> = fields.collect();
        fields.sort_unstable_by_key(|(rule, ..)| *rule);
        Self { fields }
    }

    fn of(&self, field: sigma::FieldId) -> (sigma::FieldId, Words) {
        let found = self.fields.binary_search_by_key(&field, |(rule, ..)| *rule);
        found.ok().map_or((field, &[][..]), |at| (self.fields[at].1, self.fields[at].2))
    }
}

/// One parsed record as rules see it, with what is known beside it under `enrich.*`.
///
/// What a record itself has under such a name is not read where something is known: a sender cannot say whose
/// service it is.
#[derive(Clone, Copy)]
pub(crate) struct Seen<'t> {
    view: EventView<'t>,
    names: Option<&'t Renames>,
    known: Option<(&'t Enrichment<'t>, &'t EnrichFields)>,
}

impl<'t> Seen<'t> {
    /// Under the record's own names. (A rule's own test says under `enrich.*` itself what is known.)
    pub(crate) fn plain(view: EventView<'t>) -> Self {
        Self { view, names: None, known: None }
    }

    /// Under other names. A field that has none keeps its own.
    pub(crate) fn renamed(view: EventView<'t>, names: &'t Renames) -> Self {
        Self { view, names: Some(names), known: None }
    }

    /// With what is known; `names` are of the table that the record was read with.
    pub(crate) fn knowing(self, known: &'t Enrichment<'t>, names: &'t EnrichFields) -> Self {
        Self { known: Some((known, names)), ..self }
    }

    fn field(&self, field: sigma::FieldId) -> (model::FieldId, Words) {
        let (field, words) = self.names.map_or((field, &[][..]), |names| names.of(field));
        (model::FieldId(field.0), words)
    }

    fn enriched(&self, field: sigma::FieldId) -> Option<(EnrichField, &'t Enrichment<'t>)> {
        let (known, names) = self.known?;
        Some((names.field(model::FieldId(field.0))?, known))
    }
}

/// Visits each value of a field of the enrichment until `visit` is content.
fn any_known(field: EnrichField, known: &Enrichment<'_>, visit: &mut impl FnMut(Value<'_>) -> bool) -> bool {
    let text = match field {
        EnrichField::Service => known.service,
        EnrichField::Owner => known.owner,
        EnrichField::Team => known.team,
        EnrichField::Criticality => known.criticality,
        EnrichField::Environment => known.environment,
        EnrichField::SrcCountry => known.src_country,
        EnrichField::SrcAsOrg => known.src_as_org,
        EnrichField::SrcAsn => {
            return known.src_asn.is_some_and(|number| visit(Value::Uint(u64::from(number))));
        }
        EnrichField::ProcessAncestors => {
            return known.ancestors.iter().any(|ancestor| visit(Value::Str(ancestor.image)));
        }
        EnrichField::ProcessParent => known.ancestors.iter().next().map(|parent| parent.image),
    };
    text.is_some_and(|text| visit(Value::Str(text)))
}

/// What rules say for the record's word.
fn said(text: &str, words: Words) -> &str {
    words.iter().find(|(word, _)| *word == text).map_or(text, |(_, said)| said)
}

fn value(scalar: Scalar<'_>) -> Value<'_> {
    match scalar {
        Scalar::Null => Value::Null,
        Scalar::Bool(v) => Value::Bool(v),
        Scalar::Int(v) => Value::Int(v),
        Scalar::Uint(v) => Value::Uint(v),
        Scalar::Float(v) => Value::Float(v),
        Scalar::Str(v) => Value::Str(v),
    }
}

impl sigma::EventView for Seen<'_> {
    fn any(&self, field: sigma::FieldId, visit: &mut impl FnMut(Value<'_>) -> bool) -> bool {
        if let Some((field, known)) = self.enriched(field) {
            return any_known(field, known, visit);
        }
        let (field, words) = self.field(field);
        let mut scalars = self.view.all(field).filter_map(|node| node.scalar());
        scalars.any(|scalar| match scalar {
            Scalar::Str(text) => visit(Value::Str(said(text, words))),
            scalar => visit(value(scalar)),
        })
    }

    fn any_spelled(&self, field: sigma::FieldId, visit: &mut impl FnMut(Spelled<'_>) -> bool) -> bool {
        let (own, words) = self.field(field);
        if self.enriched(field).is_some() || !words.is_empty() {
            return self.any(field, &mut |value| visit(Spelled::Plain(value)));
        }
        self.view.all(own).any(|node| match node.spelling() {
            Some(spelling) => visit(Spelled::Text(spelling, &|| node.str().unwrap_or_default())),
            None => node.scalar().is_some_and(|scalar| visit(Spelled::Plain(value(scalar)))),
        })
    }

    fn exists(&self, field: sigma::FieldId) -> bool {
        if let Some((field, known)) = self.enriched(field) {
            return any_known(field, known, &mut |_| true);
        }
        self.view.first(self.field(field).0).is_some()
    }

    fn each_placed(&self, field: sigma::FieldId, visit: &mut impl FnMut(Places, Content<'_>)) {
        if let Some((field, known)) = self.enriched(field) {
            let mut at = 0;
            any_known(field, known, &mut |value| {
                visit(Places { from: at, to: at + 1 }, Content::Scalar(value));
                at += 1;
                false
            });
            return;
        }
        let (field, words) = self.field(field);
        for node in self.view.all(field) {
            let content = match (node.scalar(), node.kind()) {
                (Some(Scalar::Str(text)), _) => Content::Scalar(Value::Str(said(text, words))),
                (Some(scalar), _) => Content::Scalar(value(scalar)),
                (None, Kind::Array) => Content::Array,
                (None, _) => Content::Object,
            };
            visit(Places { from: node.place(), to: node.place_after() }, content);
        }
    }

    fn any_scalar(&self, visit: &mut impl FnMut(Value<'_>) -> bool) -> bool {
        self.view.scalars().any(|scalar| match scalar {
            Scalar::Null | Scalar::Bool(_) => false,
            other => visit(value(other)),
        })
    }

    fn verbatim(&self) -> Option<&str> {
        self.view.verbatim()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::Tape;
    use sigma::{EventView as _, FieldInterner as _};

    #[test]
    fn rules_see_what_the_record_says() {
        let mut fields = FieldTable::default();
        let (id, absent) = {
            let mut interner = Interner(&mut fields);
            (interner.intern("a.b"), interner.intern("a.c"))
        };
        let mut tape = Tape::new();
        let seen = Seen::plain(tape.parse(&fields, br#"{"a":[{"b":"x"},{"b":7}],"k":true}"#).unwrap());
        let mut values = Vec::new();
        assert!(!seen.any(id, &mut |v| {
            values.push(format!("{v:?}"));
            false
        }));
        assert_eq!(values, [r#"Str("x")"#, "Uint(7)"]);
        assert!(seen.exists(id) && !seen.exists(absent));
        let mut placed = Vec::new();
        let above = Interner(&mut fields.clone()).intern("a.b");
        seen.each_placed(above, &mut |places, content| placed.push((places.from, format!("{content:?}"))));
        assert_eq!(placed, [(3, r#"Scalar(Str("x"))"#.to_owned()), (5, "Scalar(Uint(7))".to_owned())]);
        assert!(!seen.any_scalar(&mut |v| matches!(v, Value::Bool(_))), "keywords skip booleans");
    }
}
