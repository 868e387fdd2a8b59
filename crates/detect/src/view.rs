//! The bridge between the one parse of a record and the rule engine, which knows nothing of ours.

use model::{EventView, FieldTable, Scalar};
use sigma::Value;

/// Gives the engine the ids of the shared field table.
pub(crate) struct Interner<'a>(pub(crate) &'a mut FieldTable);

impl sigma::FieldInterner for Interner<'_> {
    fn intern(&mut self, path: &str) -> sigma::FieldId {
        sigma::FieldId(self.0.intern(path).0)
    }
}

/// One parsed record as rules see it.
#[derive(Clone, Copy)]
pub(crate) struct Seen<'t>(pub(crate) EventView<'t>);

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
        let mut scalars = self.0.all(model::FieldId(field.0)).filter_map(|node| node.scalar());
        scalars.any(|scalar| visit(value(scalar)))
    }

    fn exists(&self, field: sigma::FieldId) -> bool {
        self.0.first(model::FieldId(field.0)).is_some()
    }

    fn any_scalar(&self, visit: &mut impl FnMut(Value<'_>) -> bool) -> bool {
        self.0.scalars().any(|scalar| match scalar {
            Scalar::Null | Scalar::Bool(_) => false,
            other => visit(value(other)),
        })
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
        let seen = Seen(tape.parse(&fields, br#"{"a":[{"b":"x"},{"b":7}],"k":true}"#).unwrap());
        let mut values = Vec::new();
        assert!(!seen.any(id, &mut |v| {
            values.push(format!("{v:?}"));
            false
        }));
        assert_eq!(values, [r#"Str("x")"#, "Uint(7)"]);
        assert!(seen.exists(id) && !seen.exists(absent));
        assert!(!seen.any_scalar(&mut |v| matches!(v, Value::Bool(_))), "keywords skip booleans");
    }
}
