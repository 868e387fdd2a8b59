//! An anonymous reporter leaves no trace.

use crate::kit::{Kit, person_id, submission};
use model::{Principal, Reporter};
use report::Submission;
use std::path::Path;
use std::sync::Arc;
use tokio::task::JoinSet;

const ADDRESS: &str = "203.0.113.177";
const REQUEST: &str = "req-of-the-browser-Lynx/2.9";
const NAME: &str = "Account-of-Nina";

fn files_under(dir: &Path, found: &mut Vec<Vec<u8>>) {
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { files_under(&path, found) } else { found.push(std::fs::read(path).unwrap()) }
    }
}

#[tokio::test]
async fn neither_table_nor_file_holds_address_request_or_account() {
    let kit = Kit::new().await;
    let account = person_id("nina");
    let mut sending = JoinSet::new();
    for _ in 0..1_000 {
        let principal = Principal::Person { id: account.to_string(), name: NAME.to_owned() };
        let sent = Submission {
            address: Some(ADDRESS.parse().unwrap()),
            request_id: Some(REQUEST.to_owned()),
            principal,
            ..submission(Reporter::Anonymous)
        };
        let intake = Arc::clone(&kit.intake);
        sending.spawn(async move { intake.submit(sent).await.unwrap() });
    }
    while sending.join_next().await.is_some() {}
    while kit.publisher().step().await.unwrap().records > 0 {}
    kit.log.close().await.unwrap();
    kit.store.close().await;
    let mut files = Vec::new();
    files_under(kit.dir.path(), &mut files);
    let (text_of_account, bytes_of_account) = (account.to_string(), account.0.0.to_be_bytes());
    let needles: [&[u8]; 6] = [
        ADDRESS.as_bytes(),
        REQUEST.as_bytes(),
        b"Lynx",
        NAME.as_bytes(),
        text_of_account.as_bytes(),
        &bytes_of_account,
    ];
    let found =
        |needle: &[u8]| files.iter().any(|file| file.windows(needle.len()).any(|window| window == needle));
    assert!(found(b"nobody had asked for") && found(b"report.submit"), "what was reported is there");
    for needle in needles {
        assert!(!found(needle), "{} was kept", String::from_utf8_lossy(needle));
    }
}
