//! The service that a work tree is of, from files that lie in it.

use super::{Known, text};
use serde::Deserialize;

/// The file in a repository that names its service for reports; nothing else is read from it.
pub const HINT_FILE: &str = ".huecry.toml";

/// Deepest folder that is looked from.
const FOLDER_DEPTH_MAX: usize = 32;

/// Where the host of a repository looks for CODEOWNERS, in its order.
const CODEOWNERS: [&str; 4] = [".github/CODEOWNERS", ".gitlab/CODEOWNERS", "CODEOWNERS", "docs/CODEOWNERS"];

/// Files of the work tree that the reporter stands in.
pub trait Tree {
    /// Where the reporter stands: a path from the top with `/` between its parts; empty at the top.
    fn folder(&self) -> &str;
    /// The text of a file, by its path from the top; nothing where it is absent, too large, or leads elsewhere.
    fn read(&self, path: &str) -> Option<String>;
}

/// The service that the nearest file names: `.huecry.toml`, `catalog-info.yaml` (Backstage) up to the top; then the one
/// service of the catalogue or configuration there; then the folder that CODEOWNERS has for where the reporter stands.
pub(super) fn service_of(tree: &dyn Tree) -> Option<Known> {
    let folders = folders(tree.folder());
    let near = folders.iter().find_map(|folder| {
        let at = |file: &str| if folder.is_empty() { file.to_owned() } else { format!("{folder}/{file}") };
        read(tree, at(HINT_FILE), |text| toml_of::<Hint>(text)?.service)
            .or_else(|| read(tree, at("catalog-info.yaml"), only_component))
            .or_else(|| read(tree, at("catalog-info.yml"), only_component))
    });
    near.or_else(|| read(tree, "services.yaml".to_owned(), only_service))
        .or_else(|| {
            read(tree, "huecry.toml".to_owned(), |text| {
                only(toml_of::<Configuration>(text)?.reports.public_services.names())
            })
        })
        .or_else(|| {
            CODEOWNERS
                .iter()
                .find_map(|file| read(tree, (*file).to_owned(), |text| owned_folder(text, tree.folder())))
        })
}

/// The folder itself and all above it, up to the top.
fn folders(folder: &str) -> Vec<&str> {
    let mut found = vec![folder];
    let mut rest = folder;
    while let Some((above, _)) = rest.rsplit_once('/') {
        found.push(above);
        rest = above;
    }
    if !folder.is_empty() {
        found.push("");
    }
    // the top counts however deep the reporter stands
    let skipped = found.len().saturating_sub(FOLDER_DEPTH_MAX);
    found.split_off(skipped)
}

fn read(tree: &dyn Tree, path: String, service: impl Fn(&str) -> Option<String>) -> Option<Known> {
    let name = text(&service(&tree.read(&path)?)?)?;
    Some(Known::new(name, path))
}

fn only(mut names: Vec<String>) -> Option<String> {
    (names.len() == 1).then(|| names.pop()).flatten()
}

#[derive(Deserialize)]
struct Hint {
    service: Option<String>,
}

/// The part of the product's configuration that is looked at; all else in it is somebody else's.
#[derive(Deserialize)]
struct Configuration {
    #[serde(default)]
    reports: Reports,
}

#[derive(Default, Deserialize)]
struct Reports {
    #[serde(default)]
    public_services: Public,
}

/// Names, or a word such as `all`.
#[derive(Deserialize)]
#[serde(untagged)]
enum Public {
    Names(Vec<String>),
    Word(serde::de::IgnoredAny),
}

impl Default for Public {
    fn default() -> Self {
        Self::Names(Vec::new())
    }
}

impl Public {
    fn names(self) -> Vec<String> {
        match self {
            Self::Names(names) => names,
            Self::Word(_) => Vec::new(),
        }
    }
}

fn toml_of<'a, T: Deserialize<'a>>(text: &'a str) -> Option<T> {
    toml::from_str(text).ok()
}

/// Backstage's descriptor: entities as YAML documents (its "Descriptor Format of Catalog Entities").
#[derive(Deserialize)]
struct Entity {
    kind: Option<String>,
    metadata: Option<Named>,
}

#[derive(Deserialize)]
struct Named {
    name: Option<String>,
}

#[derive(Deserialize)]
struct Services {
    services: Vec<Named>,
}

/// The component of a descriptor, if there is one alone.
fn only_component(text: &str) -> Option<String> {
    let is_component = |entity: &Entity| entity.kind.as_deref() == Some("Component");
    let entities = documents(text).filter_map(|text| serde_saphyr::from_str::<Entity>(&text).ok());
    only(entities.filter(is_component).filter_map(|entity| entity.metadata?.name).collect())
}

fn only_service(text: &str) -> Option<String> {
    let all = serde_saphyr::from_str::<Services>(text).ok()?.services;
    only(all.into_iter().filter_map(|service| service.name).collect())
}

/// The documents of a stream; a descriptor that does not begin its documents on lines of their own is not understood.
fn documents(text: &str) -> impl Iterator<Item = String> {
    let mut all = vec![String::new()];
    for line in text.lines() {
        if line.trim_end() == "---" {
            all.push(String::new());
        } else if let Some(last) = all.last_mut() {
            last.push_str(line);
            last.push('\n');
        }
    }
    all.into_iter().filter(|text| !text.trim().is_empty())
}

/// The last folder with owners that `folder` is in: its name is mostly the service's. Only plain paths are read.
fn owned_folder(text: &str, folder: &str) -> Option<String> {
    let inside = |pattern: &str| {
        let path = pattern.trim_end_matches("**").trim_end_matches('*').trim_matches('/');
        let is_plain = pattern.starts_with('/') && !path.is_empty() && !path.contains(['*', '?', '[', '\\']);
        let is_above = folder == path || folder.starts_with(&format!("{path}/"));
        (is_plain && is_above).then(|| path.rsplit('/').next().unwrap_or(path).to_owned())
    };
    let lines = text.lines().map(str::trim).filter(|line| !line.starts_with(['#', '[', '^']));
    let owned = lines.filter_map(|line| {
        let mut words = line.split_whitespace();
        let (pattern, owner) = (words.next()?, words.next()?);
        (!owner.starts_with('#')).then_some(pattern)
    });
    owned.filter_map(inside).next_back()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    struct Files(&'static str, BTreeMap<&'static str, &'static str>);

    impl Tree for Files {
        fn folder(&self) -> &str {
            self.0
        }
        fn read(&self, path: &str) -> Option<String> {
            self.1.get(path).map(|text| (*text).to_owned())
        }
    }

    const HINT: (&str, &str) = (".huecry.toml", "service = \"till\"\nurl = \"https://elsewhere.example\"\n");
    const ENTITY: &str = "apiVersion: backstage.io/v1alpha1\nkind: Component\nmetadata:\n  name: basket\n";
    const TWO: &str = "kind: Component\nmetadata: {name: a}\n---\nkind: Component\nmetadata: {name: b}\n";
    const MIXED: &str =
        "---\nkind: Group\nmetadata: {name: pay}\n---\nkind: Component\nmetadata: {name: pay-api}\n";
    const OWNERS: &str = "* @acme/all\n/svc/till/ @acme/till\n/svc/*/x @acme/x\n/svc/till/deep/** @acme/deep\n\
        # /svc/till/no @x\n/svc/free/\n[Section]\n";

    #[test]
    fn the_nearest_file_names_the_service() {
        let owners = (".github/CODEOWNERS", OWNERS);
        for (what, folder, files, expected) in [
            ("nothing", "", vec![], None),
            ("the hint", "", vec![HINT, ("catalog-info.yaml", ENTITY)], Some(("till", ".huecry.toml"))),
            ("from below", "a/b", vec![HINT], Some(("till", ".huecry.toml"))),
            (
                "the nearest",
                "svc/basket/src",
                vec![HINT, ("svc/basket/catalog-info.yaml", ENTITY)],
                Some(("basket", "svc/basket/catalog-info.yaml")),
            ),
            ("two components say nothing", "", vec![("catalog-info.yaml", TWO)], None),
            (
                "other kinds are none",
                "",
                vec![("catalog-info.yml", MIXED)],
                Some(("pay-api", "catalog-info.yml")),
            ),
            (
                "one service",
                "x",
                vec![("services.yaml", "services: [{name: web, owner: a}]")],
                Some(("web", "services.yaml")),
            ),
            ("two services", "x", vec![("services.yaml", "services: [{name: web}, {name: api}]")], None),
            (
                "one public service",
                "",
                vec![("huecry.toml", "[server]\nlisten = \"x\"\n[reports]\npublic_services = [\"web\"]\n")],
                Some(("web", "huecry.toml")),
            ),
            (
                "all public services",
                "",
                vec![("huecry.toml", "[reports]\npublic_services = \"all\"\n")],
                None,
            ),
            ("an owned folder", "svc/till/src", vec![owners], Some(("till", ".github/CODEOWNERS"))),
            ("the last that matches", "svc/till/deep/x", vec![owners], Some(("deep", ".github/CODEOWNERS"))),
            ("no patterns, no owners", "svc/free", vec![owners], None),
            ("another folder of like name", "svc/tills", vec![owners], None),
            ("no TOML", "", vec![(".huecry.toml", "service: till")], None),
            ("no name", "", vec![(".huecry.toml", "service = \"a\\u001bb\"")], None),
            ("no YAML", "", vec![("catalog-info.yaml", "kind: [Component")], None),
        ] {
            let found = service_of(&Files(folder, files.into_iter().collect()));
            let found = found.as_ref().map(|known| (known.value.as_str(), known.from.as_str()));
            assert_eq!(found, expected, "{what}");
        }
    }

    #[test]
    fn folders_go_up_to_the_top_and_are_bounded() {
        assert_eq!(folders(""), [""]);
        assert_eq!(folders("a/b"), ["a/b", "a", ""]);
        let deep = ["d"; 100].join("/");
        let found = folders(&deep);
        assert_eq!((found.len(), found.last()), (FOLDER_DEPTH_MAX, Some(&"")));
    }
}
