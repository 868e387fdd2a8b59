//! A thousand seeded edits, each of a value that a query or a proof returns: every one is found, by the program
//! and by the standalone verifier, for the same reasons.

use crate::python::Python;
use crate::world::{ORIGIN, World, copy, kept, signer};
use backends::tiles::FileTiles;
use huecry_audit::verify::{Report, verify};
use huecry_audit::{Options, Prover, Service, SignedCheckpoint, Signer, Telemetry};
use model::{AuditField, Clock, Entropy, SeededEntropy};
use ports::{Store, TileStore};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

const EDITS: u64 = 1_000;

struct Dice(SeededEntropy);

impl Dice {
    fn below(&self, end: usize) -> usize {
        let mut bytes = [0; 8];
        self.0.fill(&mut bytes);
        (u64::from_le_bytes(bytes) % end.max(1) as u64) as usize
    }

    fn one_of<T: Copy>(&self, items: &[T]) -> T {
        items[self.below(items.len())]
    }
}

/// An honest log with its whole copy, and a checkpoint of it that was kept elsewhere.
struct Truth {
    world: World,
    files: BTreeMap<PathBuf, Vec<u8>>,
    kept: SignedCheckpoint,
    early: PathBuf,
    forked: PathBuf,
}

const COLUMNS: &str = "seq, id, region, at_ms, clock_ms, action, principal, object, before, after, reason, origin, \
    request_id, salts, erased, leaf_hash";

impl Truth {
    async fn new() -> Self {
        let world = World::new().await;
        world.record(100).await;
        world.sign().await;
        let early = world.copy("early").await;
        world.clock.advance_ms(86_400_000);
        world.record(150).await;
        world.sign().await;
        let id = world.store_entry(17).await.entry.id;
        world.eraser().erase(&world.erasure(id, vec![AuditField::Reason, AuditField::Origin])).await.unwrap();
        world.record(29).await;
        let kept = world.sign().await;
        assert_eq!(kept.checkpoint.size, 280);
        let forked = fork(&world).await;
        let honest = world.copy("copy").await;
        let files = read_all(&honest);
        for sql in [
            "DROP TRIGGER audit_no_update",
            "DROP TRIGGER audit_no_delete",
            "CREATE TABLE honest AS SELECT seq, id, region, at_ms, clock_ms, action, principal, object, before, \
             after, reason, origin, request_id, salts, erased, leaf_hash FROM audit",
        ] {
            sqlx::query(sql).execute(world.store.writer()).await.unwrap();
        }
        Self { world, files, kept, early, forked }
    }

    fn copy_dir(&self) -> PathBuf {
        self.world.dir.path().join("copy")
    }

    fn restore_files(&self) {
        let dir = self.copy_dir();
        let _ = std::fs::remove_dir_all(&dir);
        for (name, content) in &self.files {
            let path = dir.join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, content).unwrap();
        }
    }

    async fn sql(&self, text: String) {
        let text = sqlx::AssertSqlSafe(text);
        let done = sqlx::query(text).execute(self.world.store.writer()).await.unwrap();
        assert!(done.rows_affected() > 0);
    }

    async fn restore_rows(&self) {
        sqlx::query("DELETE FROM audit").execute(self.world.store.writer()).await.unwrap();
        self.sql(format!("INSERT INTO audit ({COLUMNS}) SELECT {COLUMNS} FROM honest")).await;
    }

    /// Edits rows, and copies the log as its API would give it then.
    async fn edit_rows(&self, dice: &Dice) -> String {
        let (row, other) = (1 + dice.below(280), 1 + dice.below(280));
        let field =
            dice.one_of(&["principal", "object", "before", "after", "reason", "origin", "request_id"]);
        let what = match dice.below(8) {
            0 | 1 => {
                let text = format!("{{\"kind\":\"local\",\"account\":\"{}\"}}", dice.below(1 << 30));
                format!("UPDATE audit SET {field} = '{text}' WHERE seq = {row}")
            }
            2 => {
                let column = dice.one_of(&["at_ms", "clock_ms"]);
                let by = 1 + dice.below(100_000_000);
                let sign = dice.one_of(&["+", "-"]);
                format!("UPDATE audit SET {column} = {column} {sign} {by} WHERE seq = {row}")
            }
            3 => format!("UPDATE audit SET action = action || 's' WHERE seq = {row}"),
            4 => format!("DELETE FROM audit WHERE seq = {row}"),
            5 => format!("DELETE FROM audit WHERE seq > {}", 280 - 1 - dice.below(200)),
            6 => {
                let other = if other == row { 1 + other % 280 } else { other };
                self.sql(format!("UPDATE audit SET seq = -1 WHERE seq = {row}")).await;
                self.sql(format!("UPDATE audit SET seq = {row} WHERE seq = {other}")).await;
                format!("UPDATE audit SET seq = {other} WHERE seq = -1")
            }
            _ => format!("UPDATE audit SET salts = randomblob(112) WHERE seq = {row} AND erased IS NULL"),
        };
        let what = if what.contains("salts") && row == 18 { what.replace("= 18", "= 19") } else { what };
        self.sql(what.clone()).await;
        std::fs::remove_dir_all(self.copy_dir()).unwrap();
        self.world.copy("copy").await;
        self.restore_rows().await;
        what
    }

    /// Edits one file of the copy.
    fn edit_files(&self, dice: &Dice) -> String {
        let names: Vec<&Path> =
            self.files.keys().map(PathBuf::as_path).filter(|name| !name.ends_with("verify.py")).collect();
        let of = |folder: &str| names.iter().filter(|n| n.starts_with(folder)).copied().collect::<Vec<_>>();
        let records = PathBuf::from("records.jsonl");
        let name: &Path = match dice.below(8) {
            0 | 1 => &records,
            2 | 3 => dice.one_of(&of("tile")),
            4 | 5 => dice.one_of(&of("checkpoints")),
            6 => Path::new("checkpoint"),
            _ => dice.one_of(&names),
        };
        let content = &self.files[name];
        let is_lines = name.starts_with("checkpoints") || name == records;
        let (how, edited) = match dice.below(if is_lines { 7 } else { 4 }) {
            0 | 1 => ("a bit flipped", Some(flipped(content, dice))),
            2 => ("cut short", Some(content[..dice.below(content.len())].to_vec())),
            3 => ("removed", None),
            kind => edited_lines(content, kind, dice),
        };
        let path = self.copy_dir().join(name);
        match &edited {
            Some(edited) => std::fs::write(path, edited).unwrap(),
            None => std::fs::remove_file(path).unwrap(),
        }
        format!("{}: {how}", name.display())
    }

    /// The whole copy replaced by one that is in itself without fault, or signed by another key.
    fn replace_copy(&self, dice: &Dice) -> String {
        let dir = self.copy_dir();
        let (what, from) = match dice.below(3) {
            0 => ("rolled back to an early state", &self.early),
            1 => ("a forked tree, signed with the real key", &self.forked),
            _ => {
                let head = &self.kept.checkpoint;
                let forged = Signer::new(&[dice.below(200) as u8 + 20; 32], Some(ORIGIN)).unwrap();
                let forged = forged.sign(head.size, head.root, head.time_ms, head.previous);
                std::fs::write(dir.join("checkpoint"), forged.note).unwrap();
                return "signed with another key".to_owned();
            }
        };
        std::fs::remove_dir_all(&dir).unwrap();
        for (name, content) in read_all(from) {
            let path = dir.join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, content).unwrap();
        }
        what.to_owned()
    }

    fn verify(&self) -> Report {
        verify(&self.copy_dir(), self.world.signer.public(), &kept(&[&self.kept])).unwrap()
    }
}

fn flipped(content: &[u8], dice: &Dice) -> Vec<u8> {
    let mut flipped = content.to_vec();
    let bit = dice.below(content.len() * 8);
    flipped[bit / 8] ^= 1 << (bit % 8);
    flipped
}

fn edited_lines(content: &[u8], kind: usize, dice: &Dice) -> (&'static str, Option<Vec<u8>>) {
    let mut lines: Vec<&[u8]> = content.split_inclusive(|b| *b == b'\n').collect();
    let at = dice.below(lines.len());
    let how = match kind {
        4 => {
            lines.remove(at);
            "a line removed"
        }
        5 => {
            lines.insert(at, lines[at]);
            "a line doubled"
        }
        _ if lines.len() < 2 => {
            lines.clear();
            "emptied"
        }
        _ => {
            let other = (at + 1 + dice.below(lines.len() - 1)) % lines.len();
            lines.swap(at, other);
            "two lines swapped"
        }
    };
    (how, Some(lines.concat()))
}

/// The same history with one value changed early, all hashed and signed anew with the real key.
async fn fork(world: &World) -> PathBuf {
    let dir = tempfile::tempdir().unwrap().keep();
    let forked = World::on(
        tempfile::TempDir::new_in(&dir).unwrap(),
        Arc::new(FileTiles::new(dir.join("audit"))) as Arc<dyn TileStore>,
    )
    .await;
    let mut view = world.store.read().await.unwrap();
    let mut entries = Vec::new();
    for from in (0..280).step_by(100) {
        let page = view.audit().entries(from, 100).await.unwrap();
        entries.extend(page.into_iter().map(|stored| stored.entry));
    }
    for (at, entry) in entries.into_iter().enumerate() {
        let mut record = view.audit().get(entry.id).await.unwrap().unwrap();
        if at == 40 {
            record.reason = Some("another reason".into());
        }
        // erased values have no salt; the fork gives them one
        record.salts = model::Salts::new(&forked.entropy);
        let mut unit = forked.store.begin().await.unwrap();
        unit.audit().add(&record).await.unwrap();
        unit.commit().await.unwrap();
    }
    let options = Options {
        store: Arc::clone(&forked.store) as Arc<dyn Store>,
        tiles: Arc::clone(&forked.tiles),
        signer: signer(7),
        clock: Arc::clone(&world.clock) as Arc<dyn Clock>,
        witnesses: Vec::new(),
        telemetry: Telemetry::default(),
    };
    Service::new(options).step().await.unwrap().unwrap();
    let copied = world.dir.path().join("forked");
    copy(&*forked.store, &Prover::new(Arc::clone(&forked.tiles), signer(7).public().clone()), &copied).await;
    drop(forked);
    std::fs::remove_dir_all(dir).unwrap();
    copied
}

fn read_all(dir: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let (mut files, mut folders) = (BTreeMap::new(), vec![dir.to_owned()]);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(dir).unwrap().to_owned();
                files.insert(name, std::fs::read(path).unwrap());
            }
        }
    }
    files
}

#[tokio::test]
async fn every_edit_is_found_by_both_verifiers() {
    let truth = Truth::new().await;
    let mut python = Python::start(truth.world.signer.public());
    let honest = truth.verify();
    assert!(honest.is_clean(), "{honest:#?}");
    if let Some(python) = &mut python {
        assert_eq!(python.codes(&truth.copy_dir(), &[&truth.kept]), BTreeSet::new(), "the honest copy");
        for dir in [&truth.early, &truth.forked] {
            assert_eq!(python.codes(dir, &[]), BTreeSet::new(), "in itself without fault: {}", dir.display());
        }
    }
    let (mut missed, mut differ) = (Vec::new(), Vec::new());
    let mut found = BTreeMap::<&str, u64>::new();
    for seed in 0..EDITS {
        let dice = Dice(SeededEntropy::new(seed));
        let what = match seed % 10 {
            0..4 => truth.edit_rows(&dice).await,
            9 => truth.replace_copy(&dice),
            _ => truth.edit_files(&dice),
        };
        let report = truth.verify();
        let codes: BTreeSet<&str> = report.findings.iter().map(|f| f.code.as_str()).collect();
        codes.iter().for_each(|code| *found.entry(code).or_default() += 1);
        if report.is_clean() {
            missed.push(format!("seed {seed}: {what}"));
        }
        if let Some(python) = &mut python {
            let others = python.codes(&truth.copy_dir(), &[&truth.kept]);
            if !others.iter().map(String::as_str).eq(codes.iter().copied()) {
                differ.push(format!("seed {seed}: {what}: {codes:?}, but Python: {others:?}"));
            }
        }
        truth.restore_files();
    }
    assert!(missed.is_empty(), "{} of {EDITS} missed: {missed:#?}", missed.len());
    assert!(differ.is_empty(), "{} of {EDITS} judged differently: {differ:#?}", differ.len());
    eprintln!("{EDITS} edits, all found: {found:?}");
}
