//! Evidence packs: what is in them is proved, and every change of one is found by both verifiers.

use crate::python::Python;
use crate::world::World;
use huecry_audit::pack::{AttachmentList, PACK_ACTION, Pack, ProvenEntry};
use huecry_audit::verify::{is_pack, read_folder, read_zip, verify_pack};
use model::{AuditField, AuditRecord};
use ports::Store;
use ports::store::{AuditFilter, PageRequest};
use std::collections::BTreeSet;
use std::io::Cursor;
use std::path::Path;

fn unzip(bytes: &[u8], dir: &Path) {
    zip::ZipArchive::new(Cursor::new(bytes)).unwrap().extract(dir).unwrap();
}

/// A pack about `inc_3`; of its other records than the pack's own, `withheld` is left out.
async fn pack(world: &World, withheld: &[AuditField]) -> Vec<u8> {
    let attachments = [
        ("incident.json".to_owned(), b"{\"title\":\"<script>\"}".to_vec()),
        ("files/mail.eml".to_owned(), b"From: x\r\n\xff".to_vec()),
    ];
    let files = attachments.iter().map(|(name, content)| (name.as_str(), content.as_slice()));
    let list = AttachmentList::new("inc_3", files);
    let record = AuditRecord {
        action: PACK_ACTION.into(),
        object: "inc_3".into(),
        after: serde_json::json!({ "list_sha256": list.sha256() }),
        reason: Some("<b>the insurer</b>".into()),
        ..world.new_record(3)
    };
    let mut unit = world.store.begin().await.unwrap();
    unit.audit().add(&record).await.unwrap();
    unit.commit().await.unwrap();
    let checkpoint = world.sign().await;
    let filter = AuditFilter { object: Some("inc_3".into()), ..AuditFilter::default() };
    let mut view = world.store.read().await.unwrap();
    let found = view.audit().list(&filter, &PageRequest::first(500)).await.unwrap().items;
    let mut records = Vec::new();
    for record in found.iter().rev() {
        let mut entry = view.audit().entry(record.id).await.unwrap().unwrap().entry;
        if entry.action != PACK_ACTION {
            withheld.iter().for_each(|field| entry.withhold(*field));
        }
        let path = world.prover().inclusion(entry.index, None).unwrap().path;
        records.push(ProvenEntry { entry, path });
    }
    let key = world.signer.public();
    let mut zip = Cursor::new(Vec::new());
    let pack =
        Pack { checkpoint: &checkpoint, key, records: &records, list: &list, attachments: &attachments };
    pack.write(&mut zip).unwrap();
    zip.into_inner()
}

#[tokio::test]
async fn a_pack_proves_itself_and_every_change_is_found() {
    let world = World::new().await;
    world.record(300).await;
    let zip = pack(&world, &[]).await;
    let (dir, key) = (world.dir.path().join("pack"), world.signer.public());
    unzip(&zip, &dir);
    let file = world.dir.path().join("pack.zip");
    std::fs::write(&file, &zip).unwrap();
    let from_zip = verify_pack(&read_zip(std::fs::File::open(&file).unwrap()).unwrap(), key, &[]);
    assert!(from_zip.is_clean() && is_pack(&dir), "{from_zip:#?}");
    assert_eq!(from_zip.records, 28, "27 about inc_3 and the pack's own");
    let html = std::fs::read_to_string(dir.join("report.html")).unwrap();
    assert!(html.contains("&lt;b&gt;the insurer") && !html.contains("<script") && !html.contains("<b>"));
    let mut python = Python::start(key);
    if let Some(python) = &mut python {
        assert_eq!(python.codes(&dir, &[]), BTreeSet::new());
    }
    let names = [
        "records.jsonl",
        "proofs.jsonl",
        "checkpoint",
        "key",
        "pack.json",
        "attachments/incident.json",
        "attachments/files/mail.eml",
    ];
    for name in names {
        let intact = std::fs::read(dir.join(name)).unwrap();
        let step = (intact.len() * 8 / 23).max(1);
        let flips = (0..intact.len() * 8).step_by(step).map(|bit| {
            let mut flipped = intact.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            flipped
        });
        let cut = intact[..intact.len() - 1].to_vec();
        for changed in flips.chain([cut, Vec::new()]) {
            std::fs::write(dir.join(name), changed).unwrap();
            let report = verify_pack(&read_folder(&dir).unwrap(), key, &[]);
            assert!(!report.is_clean(), "{name}");
            if let Some(python) = &mut python {
                let codes: BTreeSet<_> = report.findings.iter().map(|f| f.code.as_str().to_owned()).collect();
                assert_eq!(python.codes(&dir, &[]), codes, "{name}");
            }
        }
        std::fs::write(dir.join(name), &intact).unwrap();
    }
    std::fs::write(dir.join("attachments/more"), "x").unwrap();
    assert!(!verify_pack(&read_folder(&dir).unwrap(), key, &[]).is_clean(), "one was slipped in");
}

#[tokio::test]
async fn a_pack_with_withheld_values_proves_itself_and_says_so() {
    let world = World::new().await;
    world.record(300).await;
    let zip = pack(&world, &AuditField::ALL).await;
    let (dir, key) = (world.dir.path().join("pack"), world.signer.public());
    unzip(&zip, &dir);
    let report = verify_pack(&read_folder(&dir).unwrap(), key, &[]);
    assert!(report.is_clean(), "{report:#?}");
    assert_eq!((report.records, report.withheld_values, report.erased_values), (28, 27 * 7, 0));
    let html = std::fs::read_to_string(dir.join("report.html")).unwrap();
    assert_eq!(html.matches("<span class=\"gone\">withheld</span>").count(), 27 * 7);
    if let Some(mut python) = Python::start(key) {
        assert_eq!(python.codes(&dir, &[]), BTreeSet::new());
    }
    // a commitment that is not the one in the tree
    let records = std::fs::read_to_string(dir.join("records.jsonl")).unwrap();
    let at = records.find("\"withheld\":\"").unwrap() + 12;
    let other = if &records[at..=at] == "0" { "1" } else { "0" };
    std::fs::write(dir.join("records.jsonl"), format!("{}{other}{}", &records[..at], &records[at + 1..]))
        .unwrap();
    let report = verify_pack(&read_folder(&dir).unwrap(), key, &[]);
    assert_eq!(report.findings[0].code.as_str(), "proof_invalid");
}
