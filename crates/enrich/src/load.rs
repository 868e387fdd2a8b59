//! From configured paths to a catalogue and databases.

use crate::catalog::{Catalog, CatalogBuilder, Document};
use crate::codeowners::{Codeowners, Dialect};
use crate::error::{Fault, FaultCode, GeoError};
use crate::geo::GeoDatabases;
use crate::glob::name_matches;
use crate::limits::{FILE_BYTES_MAX, FILES_MAX, FOLDER_DEPTH_MAX};
use sha2::{Digest, Sha256};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

/// The CODEOWNERS of a repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RepositoryFile {
    /// `owner/name`, as events name it.
    pub repository: String,
    /// The file.
    pub file: PathBuf,
    /// Whose reading.
    pub dialect: Dialect,
}

/// What is configured.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sources {
    /// Files, folders (their `catalog-info.yaml` and `services.yaml` files, at any depth), and paths with `*`.
    pub catalog: Vec<PathBuf>,
    /// Owners of paths.
    pub codeowners: Vec<RepositoryFile>,
    /// MaxMind DB files.
    pub geoip: Vec<PathBuf>,
}

/// A catalogue, and what was wrong with its files.
#[derive(Debug)]
pub struct Loaded {
    /// All that could be read.
    pub catalog: Catalog,
    /// What could not, and remarks.
    pub faults: Vec<Fault>,
}

impl Loaded {
    /// Whether some entry was left out; remarks leave out nothing.
    pub fn has_errors(&self) -> bool {
        self.faults.iter().any(|fault| !fault.code.is_remark())
    }
}

impl Sources {
    /// Whether nothing is configured.
    pub fn is_empty(&self) -> bool {
        self.catalog.is_empty() && self.codeowners.is_empty() && self.geoip.is_empty()
    }

    /// Reads the catalogue; `valid_from_ms` is for one whose files do not say it themselves.
    pub fn load_catalog(&self, valid_from_ms: Option<i64>) -> Loaded {
        let mut builder = CatalogBuilder::default();
        let (files, faults) = self.catalog_files();
        faults.into_iter().for_each(|fault| builder.fault(fault));
        for file in files {
            match read_document(&file) {
                Ok(document) => builder.document(&document),
                Err(fault) => builder.fault(fault),
            }
        }
        for RepositoryFile { repository, file, dialect } in &self.codeowners {
            match read_document(file) {
                Ok(Document { file, text, modified_ms }) => {
                    let (codeowners, faults) = Codeowners::parse(&file, &text, *dialect);
                    builder.modified(modified_ms);
                    builder.codeowners(repository, codeowners, faults);
                }
                Err(fault) => builder.fault(fault),
            }
        }
        let (catalog, faults) = builder.build(valid_from_ms);
        Loaded { catalog, faults }
    }

    /// Opens and verifies the databases.
    pub fn open_databases(&self) -> (GeoDatabases, Vec<GeoError>) {
        GeoDatabases::open(self.geoip.iter().map(PathBuf::as_path))
    }

    /// Changes when a catalogue file changes, appears or goes: names, sizes and times of change.
    pub fn catalog_fingerprint(&self) -> [u8; 32] {
        let (files, _) = self.catalog_files();
        fingerprint(
            files.iter().map(PathBuf::as_path).chain(self.codeowners.iter().map(|c| c.file.as_path())),
        )
    }

    /// The same of the databases.
    pub fn databases_fingerprint(&self) -> [u8; 32] {
        fingerprint(self.geoip.iter().map(PathBuf::as_path))
    }

    /// The catalogue's files in the order of names, each once.
    fn catalog_files(&self) -> (Vec<PathBuf>, Vec<Fault>) {
        let mut walk = Walk::default();
        for path in &self.catalog {
            let name = path.to_string_lossy();
            if name.contains('*') {
                walk.pattern(&name);
            } else if path.is_dir() {
                walk.folder(path, 0, &is_catalog_name);
            } else {
                walk.add(path.clone());
            }
        }
        let mut seen = foldhash::HashSet::default();
        walk.files.retain(|file| seen.insert(file.clone()));
        (walk.files, walk.faults)
    }
}

/// Files as they are, and of folders the catalogue and CODEOWNERS files.
pub(crate) fn files_under(paths: &[PathBuf], faults: &mut Vec<Fault>) -> Vec<PathBuf> {
    let mut walk = Walk::default();
    for path in paths {
        if path.is_dir() {
            walk.folder(path, 0, &|file| is_catalog_name(file) || is_codeowners(file));
        } else {
            walk.add(path.clone());
        }
    }
    faults.extend(walk.faults);
    walk.files
}

/// Whether a file is one of code owners, by its name.
pub fn is_codeowners(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.to_string_lossy().to_ascii_lowercase().contains("codeowners"))
}

fn is_catalog_name(path: &Path) -> bool {
    let name = path.file_name().map(|name| name.to_string_lossy());
    let named = |name: &str| name == "services" || name.ends_with("catalog-info");
    let ends = path.extension().is_some_and(|end| end == "yaml" || end == "yml");
    ends && name.is_some_and(|name| name.split('.').next().is_some_and(named))
}

#[derive(Default)]
struct Walk {
    files: Vec<PathBuf>,
    faults: Vec<Fault>,
}

impl Walk {
    fn add(&mut self, file: PathBuf) {
        if self.files.len() < FILES_MAX {
            self.files.push(file);
        } else if self.files.len() == FILES_MAX && self.faults.iter().all(|f| f.code != FaultCode::TooLarge) {
            let reason = format!("more than {FILES_MAX} catalogue files; the rest is not read");
            self.faults.push(Fault::new(&file.display().to_string(), 1, FaultCode::TooLarge, reason));
        }
    }

    /// `*` stands for any part of a path, slashes too; only files are looked at.
    fn pattern(&mut self, pattern: &str) {
        let literal = pattern.split('*').next().unwrap_or_default();
        let base = literal.rsplit_once('/').map_or(".", |(base, _)| if base.is_empty() { "/" } else { base });
        let before = self.files.len();
        let bare = pattern.strip_prefix("./").unwrap_or(pattern);
        let fits = |path: &Path| {
            let name = path.to_string_lossy();
            let name = name.strip_prefix("./").unwrap_or(&name);
            name_matches(bare, name) || bare.contains("**/") && name_matches(&bare.replace("**/", ""), name)
        };
        self.folder(Path::new(base), 0, &fits);
        if self.files.len() == before {
            self.faults.push(Fault::new(pattern, 1, FaultCode::Unreadable, "no file matches"));
        }
    }

    fn folder(&mut self, folder: &Path, depth: usize, wanted: &dyn Fn(&Path) -> bool) {
        let name = folder.display().to_string();
        if depth > FOLDER_DEPTH_MAX {
            let reason = format!("folders nest deeper than {FOLDER_DEPTH_MAX}");
            return self.faults.push(Fault::new(&name, 1, FaultCode::TooLarge, reason));
        }
        let entries = match std::fs::read_dir(folder) {
            Ok(entries) => entries,
            Err(error) => {
                return self.faults.push(Fault::new(&name, 1, FaultCode::Unreadable, error.to_string()));
            }
        };
        let mut entries: Vec<_> =
            entries.flatten().filter_map(|e| Some((e.path(), e.file_type().ok()?))).collect();
        entries.sort_unstable_by(|a, b| a.0.cmp(&b.0));
        for (path, kind) in entries {
            // a link to a folder is not followed: it may lead back here
            if kind.is_dir() {
                self.folder(&path, depth + 1, wanted);
            } else if wanted(&path) {
                self.add(path);
            }
        }
    }
}

/// Reads a text file, bounded, with its time of change.
pub(crate) fn read_document(path: &Path) -> Result<Document, Fault> {
    let file = path.display().to_string();
    let unreadable = |reason: String| Fault::new(&file, 1, FaultCode::Unreadable, reason);
    let opened = std::fs::File::open(path).map_err(|e| unreadable(e.to_string()))?;
    let metadata = opened.metadata().map_err(|e| unreadable(e.to_string()))?;
    if !metadata.is_file() {
        return Err(unreadable("not a file".to_owned()));
    }
    let mut bytes = Vec::new();
    opened.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(|e| unreadable(e.to_string()))?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        let reason = format!("larger than {FILE_BYTES_MAX} bytes; split it");
        return Err(Fault::new(&file, 1, FaultCode::TooLarge, reason));
    }
    let text = String::from_utf8(bytes).map_err(|e| {
        let line = 1 + e.as_bytes()[..e.utf8_error().valid_up_to()].iter().filter(|b| **b == b'\n').count();
        Fault::new(&file, line as u32, FaultCode::Unreadable, "the text is not UTF-8")
    })?;
    Ok(Document { text, modified_ms: modified_ns(&metadata) / 1_000_000, file })
}

fn modified_ns(metadata: &std::fs::Metadata) -> i64 {
    let since = metadata.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    since.map_or(0, |since| i64::try_from(since.as_nanos()).unwrap_or(i64::MAX))
}

fn fingerprint<'p>(files: impl Iterator<Item = &'p Path>) -> [u8; 32] {
    let mut hash = Sha256::new();
    for file in files {
        hash.update(file.as_os_str().as_encoded_bytes());
        hash.update([0]);
        if let Ok(metadata) = std::fs::metadata(file) {
            hash.update(modified_ns(&metadata).to_le_bytes());
            hash.update(metadata.len().to_le_bytes());
        }
    }
    hash.finalize().into()
}
