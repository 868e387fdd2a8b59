//! OCSF 1.8 as a table: classes, objects, their attributes, and the validator that reads them.

mod validate;

use crate::format::Format;
use serde::Deserialize;
use std::collections::BTreeMap;

pub use validate::Violation;

/// The schema's file, condensed by `examples/ocsf_schema.rs`.
const OCSF: &str = include_str!("../schema/ocsf-1.8.0.json");

/// The OCSF schema in compact form: what attributes each class and object has, and of what type.
#[derive(Debug, Clone)]
pub struct Schema {
    pub(crate) version: String,
    pub(crate) classes: BTreeMap<String, Class>,
    pub(crate) objects: BTreeMap<String, Shape>,
}

/// An event class.
#[derive(Debug, Clone)]
pub(crate) struct Class {
    pub(crate) uid: u32,
    pub(crate) caption: String,
    pub(crate) category_uid: u32,
    pub(crate) category_caption: String,
    pub(crate) profiles: Vec<String>,
    pub(crate) shape: Shape,
}

/// A name that the schema does not have at a place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownAttribute<'s> {
    /// The name.
    pub name: String,
    /// The names that stand there; none below a plain value.
    pub known: Vec<&'s str>,
}

/// What attributes an object or class has.
#[derive(Debug, Clone, Default)]
pub(crate) struct Shape {
    pub(crate) attributes: BTreeMap<String, Attribute>,
    pub(crate) at_least_one: Vec<String>,
    pub(crate) just_one: Vec<String>,
}

#[derive(Debug, Clone)]
pub(crate) struct Attribute {
    pub(crate) of: Type,
    pub(crate) is_array: bool,
    pub(crate) is_required: bool,
    /// Stands only in events that declare this profile.
    pub(crate) profile: Option<String>,
    /// The attribute that holds the caption of this `_id`.
    pub(crate) sibling: Option<String>,
    /// Captions by id.
    pub(crate) values: Option<BTreeMap<String, String>>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Type {
    Text(Format),
    Integer,
    Port,
    Timestamp,
    Float,
    Boolean,
    Json,
    /// Of the name in [`Schema::objects`]; `object` takes anything.
    Object(String),
}

impl Schema {
    /// The OCSF 1.8.0 schema that is part of the product.
    #[expect(clippy::expect_used, reason = "the file is part of the program and read by every test")]
    pub fn builtin() -> Self {
        let file: File = serde_json::from_str(OCSF).expect("the built-in schema is well-formed");
        file.resolve()
    }

    /// The version that `metadata.version` must have.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// The caption of a class, such as `API Activity` for 6003.
    pub fn class_caption(&self, class_uid: u32) -> Option<&str> {
        self.class_by_uid(class_uid).map(|(_, class)| class.caption.as_str())
    }

    /// Every class: its uid, name (`api_activity`) and caption (`API Activity`).
    pub fn classes(&self) -> impl Iterator<Item = (u32, &str, &str)> {
        self.classes.iter().map(|(name, class)| (class.uid, name.as_str(), class.caption.as_str()))
    }

    /// Looks for the attribute at a path such as `actor.user.name`, in whatever class; a path goes through arrays.
    ///
    /// # Errors
    /// The first name on the way that nothing has there.
    pub fn find<'s>(&'s self, path: &str) -> Result<(), UnknownAttribute<'s>> {
        let mut shapes: Vec<&Shape> = self.classes.values().map(|class| &class.shape).collect();
        for name in path.split('.') {
            let found: Vec<&Attribute> =
                shapes.iter().filter_map(|shape| shape.attributes.get(name)).collect();
            if found.is_empty() {
                let mut known: Vec<&str> =
                    shapes.iter().flat_map(|shape| shape.attributes.keys()).map(String::as_str).collect();
                known.sort_unstable();
                known.dedup();
                return Err(UnknownAttribute { name: name.to_owned(), known });
            }
            // below these stands what the schema does not say
            let is_open = |attribute: &&Attribute| match &attribute.of {
                Type::Json => true,
                Type::Object(name) => name == "object",
                _ => false,
            };
            if found.iter().any(is_open) {
                return Ok(());
            }
            let below = found.into_iter().filter_map(|attribute| match &attribute.of {
                Type::Object(name) => self.objects.get(name),
                _ => None,
            });
            shapes = below.collect();
            shapes.sort_unstable_by_key(|shape| std::ptr::from_ref(*shape));
            shapes.dedup_by_key(|shape| std::ptr::from_ref(*shape));
        }
        Ok(())
    }

    pub(crate) fn class_by_uid(&self, class_uid: u32) -> Option<(&str, &Class)> {
        let mut classes = self.classes.iter();
        classes.find(|(_, class)| class.uid == class_uid).map(|(name, class)| (name.as_str(), class))
    }
}

#[derive(Deserialize)]
struct File {
    version: String,
    categories: BTreeMap<String, Category>,
    dictionary: BTreeMap<String, Term>,
    classes: BTreeMap<String, RawClass>,
    objects: BTreeMap<String, RawObject>,
}

#[derive(Deserialize)]
struct Category {
    uid: u32,
    caption: String,
}

/// An attribute as the dictionary has it.
#[derive(Deserialize)]
struct Term {
    #[serde(rename = "type")]
    of: String,
    #[serde(default)]
    array: bool,
    sibling: Option<String>,
    #[serde(rename = "enum")]
    values: Option<BTreeMap<String, String>>,
}

#[derive(Deserialize)]
struct RawClass {
    uid: u32,
    caption: String,
    category: String,
    profiles: Vec<String>,
    constraints: Constraints,
    attributes: BTreeMap<String, RawAttribute>,
}

#[derive(Deserialize)]
struct RawObject {
    constraints: Constraints,
    attributes: BTreeMap<String, RawAttribute>,
}

#[derive(Deserialize, Default)]
struct Constraints {
    #[serde(default)]
    at_least_one: Vec<String>,
    #[serde(default)]
    just_one: Vec<String>,
}

/// An attribute where it stands: its requirement alone, or with what differs from the dictionary.
#[derive(Deserialize, Clone)]
#[serde(untagged)]
enum RawAttribute {
    Plain(String),
    Special(Box<Special>),
}

#[derive(Deserialize, Clone)]
struct Special {
    requirement: String,
    profile: Option<String>,
    #[serde(rename = "type")]
    of: Option<String>,
    array: Option<bool>,
    sibling: Option<String>,
    #[serde(rename = "enum")]
    values: Option<BTreeMap<String, String>>,
}

impl File {
    fn resolve(mut self) -> Schema {
        let base = self.classes.get("base_event").map(|c| c.attributes.clone()).unwrap_or_default();
        let classes = std::mem::take(&mut self.classes);
        let classes = classes.into_iter().map(|(name, class)| {
            let mut attributes = base.clone();
            attributes.extend(class.attributes);
            let category = self.categories.get(&class.category);
            let category_uid = category.map_or(0, |c| c.uid);
            let class = Class {
                uid: category_uid * 1_000 + class.uid,
                caption: class.caption,
                category_uid,
                category_caption: category.map_or("Uncategorized", |c| &c.caption).to_owned(),
                profiles: class.profiles,
                shape: self.shape(attributes, class.constraints),
            };
            (name, class)
        });
        let classes = classes.collect();
        let objects = std::mem::take(&mut self.objects);
        let objects = objects.into_iter().map(|(name, o)| (name, self.shape(o.attributes, o.constraints)));
        let objects = objects.collect();
        Schema { version: self.version, classes, objects }
    }

    fn shape(&self, attributes: BTreeMap<String, RawAttribute>, constraints: Constraints) -> Shape {
        let resolved = attributes.into_iter().map(|(name, raw)| {
            let attribute = self.attribute(&name, raw);
            (name, attribute)
        });
        Shape {
            attributes: resolved.collect(),
            at_least_one: constraints.at_least_one,
            just_one: constraints.just_one,
        }
    }

    fn attribute(&self, name: &str, raw: RawAttribute) -> Attribute {
        let special = match raw {
            RawAttribute::Special(special) => *special,
            RawAttribute::Plain(requirement) => {
                Special { requirement, profile: None, of: None, array: None, sibling: None, values: None }
            }
        };
        let term = self.dictionary.get(name);
        let of = special.of.or_else(|| term.map(|t| t.of.clone())).unwrap_or_else(|| "json_t".into());
        let mut values = term.and_then(|t| t.values.clone());
        // the source folder names only Base Event's own here; the validator checks them against the class
        let own = special.values.filter(|_| name != "class_uid" && name != "category_uid");
        if let Some(own) = own {
            values.get_or_insert_default().extend(own);
        }
        Attribute {
            of: Type::of_name(&of),
            is_array: special.array.unwrap_or_else(|| term.is_some_and(|t| t.array)),
            is_required: special.requirement == "required",
            profile: special.profile,
            sibling: special.sibling.or_else(|| term.and_then(|t| t.sibling.clone())),
            values,
        }
    }
}

impl Type {
    fn of_name(name: &str) -> Self {
        match name {
            "integer_t" | "long_t" => Self::Integer,
            "port_t" => Self::Port,
            "timestamp_t" => Self::Timestamp,
            "float_t" => Self::Float,
            "boolean_t" => Self::Boolean,
            "json_t" => Self::Json,
            _ => Format::of_type(name).map_or_else(|| Self::Object(name.into()), Self::Text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_inherit_and_override() {
        let schema = Schema::builtin();
        assert_eq!(schema.version(), "1.8.0");
        assert_eq!(schema.class_caption(6003), Some("API Activity"));
        assert_eq!(schema.class_caption(0), Some("Base Event"));
        let api = &schema.classes["api_activity"].shape.attributes;
        assert!(api["api"].is_required && api["api"].profile.is_none());
        assert_eq!(api["cloud"].profile.as_deref(), Some("cloud"));
        assert_eq!(api["activity_id"].values.as_ref().unwrap()["99"], "Other");
        assert_eq!(api["activity_id"].values.as_ref().unwrap()["4"], "Delete");
        assert_eq!(schema.objects["user"].at_least_one, ["account", "name", "uid"]);
        assert_eq!(schema.objects["network_endpoint"].attributes["ip"].of, Type::Text(Format::Ip));
    }

    #[test]
    fn paths_are_found_in_whatever_class() {
        let schema = Schema::builtin();
        for path in [
            "class_uid",
            "actor.user.name",
            "resources.type",
            "actor.process.parent_process.cmd_line",
            "unmapped.whatever.there.is",
            "api.service.name",
            "device.hostname",
            "metadata.product.name",
        ] {
            assert_eq!(schema.find(path), Ok(()), "{path}");
        }
        for (path, name, known) in [
            ("clas_uid", "clas_uid", "class_uid"),
            ("actor.user.nmae", "nmae", "name"),
            ("actor.usr.name", "usr", "user"),
        ] {
            let unknown = schema.find(path).unwrap_err();
            assert!(unknown.name == name && unknown.known.contains(&known), "{path}: {unknown:?}");
        }
        assert_eq!(schema.find("class_uid.x").unwrap_err().known, [""; 0], "nothing stands below a number");
    }

    #[test]
    fn every_object_that_is_named_is_there() {
        let schema = Schema::builtin();
        let shapes = schema.classes.values().map(|c| &c.shape).chain(schema.objects.values());
        for (name, attribute) in shapes.flat_map(|shape| &shape.attributes) {
            if let Type::Object(object) = &attribute.of {
                assert!(schema.objects.contains_key(object), "{name} is of {object}");
            }
        }
    }
}
