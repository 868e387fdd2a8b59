//! The reference of logsources says what the table says.

use sigma::logsource::event_log;
use std::path::Path;

const HEAD: &str = "# Logsources of the event log

A record of the Windows event log, and of Sysmon for Linux, says by its channel and event id which rules read it. This
page is generated from the table that the product uses (`crates/sigma/src/logsource/event_log.rs`); channels are compared
ignoring case. A record of a channel that is not listed has the rules of `product: windows` alone.

Where the last column names fields, a rule of that category sees the record's field under the category's name; any
other field keeps its own. A rule that names no category sees the record as it is.

";

#[test]
fn the_page_of_logsources_is_the_table() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference/logsources.md");
    let now = format!("{HEAD}{}", event_log::markdown());
    if std::env::var_os("HUECRY_BLESS").is_some() {
        std::fs::write(&path, &now).unwrap();
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(committed == now, "docs/reference/logsources.md is old; HUECRY_BLESS=1 writes it anew");
}
