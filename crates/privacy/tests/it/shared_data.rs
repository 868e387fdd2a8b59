//! The shared data folder beside the workspace, where it is present.

use std::path::{Path, PathBuf};

/// A folder of the shared data, or `None` after saying loudly that the test is skipped.
pub(crate) fn folder(name: &str) -> Option<PathBuf> {
    let root = std::env::var_os("HUECRY_SHARED_DATA")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data"), PathBuf::from);
    let folder = root.join(name);
    if folder.is_dir() {
        return Some(folder);
    }
    assert!(
        std::env::var_os("HUECRY_REQUIRE_ALL").is_none_or(|value| value != "1"),
        "no shared data folder {}",
        folder.display()
    );
    #[allow(clippy::print_stderr)]
    {
        eprintln!("SKIPPED: no shared data folder (set HUECRY_SHARED_DATA)");
    }
    None
}
