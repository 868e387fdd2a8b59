//! The validator: an event against the table.

use super::{Attribute, Class, Schema, Shape, Type};
use serde_json::{Map, Value};

/// One way in which an event breaks the schema.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Where: `actor.user.uid`, `resources[0].type`; empty for the event itself.
    pub path: String,
    /// Stable code: `attribute_unknown`, `attribute_missing`, `type_wrong`, `format_wrong`,
    /// `enum_unknown`, `sibling_missing`, `sibling_wrong`, `constraint_failed`, `class_unknown`,
    /// `category_wrong`, `type_uid_wrong`, `version_wrong`, `profile_unknown`.
    pub code: &'static str,
    /// What is wrong.
    pub message: String,
}

impl Schema {
    /// Every way in which `event` breaks the schema; none when it is valid.
    pub fn validate(&self, event: &Value) -> Vec<Violation> {
        let mut check = Check { schema: self, profiles: Vec::new(), path: String::new(), found: Vec::new() };
        check.event(event);
        check.found
    }
}

struct Check<'s, 'e> {
    schema: &'s Schema,
    profiles: Vec<&'e str>,
    path: String,
    found: Vec<Violation>,
}

impl<'e> Check<'_, 'e> {
    fn report(&mut self, code: &'static str, message: String) {
        self.found.push(Violation { path: self.path.clone(), code, message });
    }

    fn below(&mut self, step: &str, check: impl FnOnce(&mut Self)) {
        let len = self.path.len();
        if len > 0 && !step.starts_with('[') {
            self.path.push('.');
        }
        self.path.push_str(step);
        check(self);
        self.path.truncate(len);
    }

    fn event(&mut self, event: &'e Value) {
        let Some(members) = event.as_object() else {
            return self.report("type_wrong", "an event is an object".into());
        };
        let uid = members.get("class_uid").and_then(Value::as_u64).and_then(|uid| u32::try_from(uid).ok());
        let Some((_, class)) = uid.and_then(|uid| self.schema.class_by_uid(uid)) else {
            return self
                .report("class_unknown", format!("no class has class_uid {:?}", members.get("class_uid")));
        };
        self.classification(members, class);
        self.declared_profiles(event, class);
        self.members(members, &class.shape);
    }

    fn classification(&mut self, members: &Map<String, Value>, class: &Class) {
        let number = |name: &str| members.get(name).and_then(Value::as_u64);
        if number("category_uid") != Some(u64::from(class.category_uid)) {
            self.report("category_wrong", format!("category_uid must be {}", class.category_uid));
        }
        let type_uid = number("activity_id").map(|activity| u64::from(class.uid) * 100 + activity);
        if type_uid.is_none() || number("type_uid") != type_uid {
            self.report("type_uid_wrong", "type_uid must be class_uid * 100 + activity_id".into());
        }
    }

    fn declared_profiles(&mut self, event: &'e Value, class: &Class) {
        let metadata = &event["metadata"];
        if metadata["version"].as_str().is_some_and(|version| version != self.schema.version) {
            self.report("version_wrong", format!("metadata.version must be {}", self.schema.version));
        }
        let declared = metadata["profiles"].as_array().into_iter().flatten().filter_map(Value::as_str);
        self.profiles = declared.collect();
        for profile in self.profiles.clone() {
            if !class.profiles.iter().any(|p| p == profile) && !self.is_of_an_object(profile) {
                self.report("profile_unknown", format!("the class has no profile {profile}"));
            }
        }
    }

    /// Some profiles (`data_classification`, `container`) add to objects, whatever the class.
    fn is_of_an_object(&self, profile: &str) -> bool {
        let attributes = self.schema.objects.values().flat_map(|shape| shape.attributes.values());
        attributes.filter_map(|attribute| attribute.profile.as_deref()).any(|of| of == profile)
    }

    fn members(&mut self, members: &'e Map<String, Value>, shape: &Shape) {
        for (name, value) in members {
            let attribute = shape.attributes.get(name).filter(|attribute| self.stands(attribute));
            self.below(name, |check| match attribute {
                Some(attribute) => check.value(value, attribute),
                None if check.is_datetime_of(name, shape) => {}
                None => check.report("attribute_unknown", "no such attribute here".into()),
            });
            if let Some(attribute) = attribute {
                self.sibling(name, value, attribute, members);
            }
        }
        for (name, attribute) in &shape.attributes {
            if attribute.is_required && self.stands(attribute) && !members.contains_key(name) {
                self.below(name, |check| check.report("attribute_missing", "required here".into()));
            }
        }
        let count = |names: &[String]| names.iter().filter(|name| members.contains_key(*name)).count();
        if !shape.at_least_one.is_empty() && count(&shape.at_least_one) == 0 {
            self.report("constraint_failed", format!("needs one of {}", shape.at_least_one.join(", ")));
        }
        if !shape.just_one.is_empty() && count(&shape.just_one) != 1 {
            self.report("constraint_failed", format!("needs just one of {}", shape.just_one.join(", ")));
        }
    }

    fn stands(&self, attribute: &Attribute) -> bool {
        attribute.profile.as_deref().is_none_or(|profile| self.profiles.contains(&profile))
    }

    /// With the `datetime` profile each timestamp may stand as text too, under `name_dt`.
    fn is_datetime_of(&self, name: &str, shape: &Shape) -> bool {
        self.profiles.contains(&"datetime")
            && name
                .strip_suffix("_dt")
                .and_then(|base| shape.attributes.get(base))
                .is_some_and(|attribute| attribute.of == Type::Timestamp)
    }

    fn value(&mut self, value: &'e Value, attribute: &Attribute) {
        if !attribute.is_array {
            return self.one(value, attribute);
        }
        let Some(items) = value.as_array() else {
            return self.report("type_wrong", "must be an array".into());
        };
        for (i, item) in items.iter().enumerate() {
            self.below(&format!("[{i}]"), |check| check.one(item, attribute));
        }
    }

    fn one(&mut self, value: &'e Value, attribute: &Attribute) {
        let good = match &attribute.of {
            Type::Json => true,
            Type::Text(_) => value.is_string(),
            Type::Integer => value.as_i64().is_some(),
            Type::Port => value.as_u64().is_some_and(|port| port <= 65_535),
            Type::Timestamp => value.as_i64().is_some_and(|ms| ms >= 0),
            Type::Float => value.is_number(),
            Type::Boolean => value.is_boolean(),
            Type::Object(_) => value.is_object(),
        };
        if !good {
            return self.report("type_wrong", format!("must be {:?}", attribute.of));
        }
        match (&attribute.of, value) {
            (Type::Text(format), Value::String(text)) if !format.holds(text) => {
                self.report("format_wrong", format!("is not of the format {format:?}"));
            }
            (Type::Object(name), Value::Object(members)) if name != "object" => {
                if let Some(shape) = self.schema.objects.get(name) {
                    self.members(members, shape);
                }
            }
            _ => {}
        }
        if let Some(values) = &attribute.values
            && !values.contains_key(&key_of(value))
        {
            self.report("enum_unknown", format!("{value} is none of the defined values"));
        }
    }

    /// The name beside an `_id`: the caption of the id, or the source's own word for 99 (Other).
    fn sibling(&mut self, name: &str, id: &Value, attribute: &Attribute, members: &Map<String, Value>) {
        let (Some(sibling), Some(values), false) = (&attribute.sibling, &attribute.values, id.is_array())
        else {
            return;
        };
        let word = members.get(sibling).and_then(Value::as_str);
        match (id.as_i64(), word) {
            (Some(99), None) => {
                let message = format!("{name} 99 needs the source's word in {sibling}");
                self.report("sibling_missing", message);
            }
            (Some(99 | 0) | None, _) | (_, None) => {}
            (Some(id), Some(word)) => {
                if values.get(&id.to_string()).is_some_and(|caption| caption != word) {
                    self.report("sibling_wrong", format!("{sibling} is not the caption of {name} {id}"));
                }
            }
        }
    }
}

fn key_of(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
