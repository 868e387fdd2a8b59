//! Promise 1 for the state: what was acknowledged is there after a power cut at any moment, and no half of a unit is.
//!
//! The real SQLite works through the real file system; only the disk's loss is computed. A child commits units under
//! strace and says after each commit that it is held. From the trace follows what a disk may hold at any moment;
//! each such image is opened as the product opens its store, checked, and the store lives on from one of them.
//!
//! **What a disk is believed to do.** What was written before an fsync (or fdatasync) of its file began is there once
//! that returned. Of what was written since, each sector of 512 bytes is on the disk as it was after any of the writes to
//! it, or as before all of them, whatever became of other sectors: so writes arrive in any order, torn, all or not at
//! all. The length of a file is that after any of its writes and truncations; where it grew without its data there are
//! zeros or something foreign. Of the names (of files and folders, made or removed) that an fsync of their folder does
//! not cover, any subset came about; fsync of a file says nothing about its name. This is weaker than what ext4, XFS
//! or Btrfs do (cf. Pillai et al., *All File Systems Are Not Created Equal*, OSDI 2014), and what SQLite asks of a disk
//! (<https://sqlite.org/atomiccommit.html>, section 2): a sector is written whole or not, bytes beside those written do
//! not change ("powersafe overwrite"), and fsync does not lie.
//!
//! **Left out** is `-shm`, which is mapped into memory: SQLite makes it anew when it opens a store that nobody has open.
//!
//! **Seen** (2026-11-27): in a long run of ten lives, 400 units with 47,237 writes and 562 syncs, none of 3,000 images lost
//! anything or was broken. Until [`SqliteStore::open_path`] synced the name of a folder that it made, 125 of 400 images
//! missed what was acknowledged. With `synchronous=NORMAL` 44 of 70 images missed something and none was broken, as SQLite
//! says of it; with `OFF` 31 missed something and 18 were broken. The tests take 20 s of processor time.

mod child;
mod machine;
mod trace;

use child::{DIR_VARIABLE, LIFE_VARIABLE, NAME, STORE, SYNC_VARIABLE};
use disk::simulated::Dice;
use huecry_backends::sqlite::SqliteStore;
use machine::{Image, Machine};
use ports::Store;
use sqlx::SqlitePool;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Stdio;
use trace::{Call, Moment, Node, Trace};

/// How a store is tried.
struct Trial {
    /// What `PRAGMA synchronous` is; the product's own if `None`.
    synchronous: Option<&'static str>,
    lives: u64,
    /// Cuts at any moment in each life, beside those right after each acknowledgement.
    cuts: usize,
    seed: u64,
}

/// What came out.
#[derive(Debug, Default)]
struct Outcome {
    images: usize,
    acknowledged: usize,
    writes: usize,
    syncs: usize,
    /// Syncs of the file itself: its making, and each time that the write-ahead log was moved into it.
    syncs_of_the_file: usize,
    /// Images from which an acknowledged unit was missing, and the first of them.
    lossy: usize,
    first_loss: Option<String>,
    /// Images that did not open, failed a check or held half a unit, and the first of them.
    broken: usize,
    first_break: Option<String>,
}

/// The units of an image, or what is wrong with it.
type Found = Result<BTreeSet<u64>, String>;

#[test]
fn what_was_acknowledged_survives_a_power_cut_at_any_moment() {
    let trial = Trial { synchronous: None, lives: 4, cuts: 60, seed: 0xC07 };
    let Some(outcome) = tried(&trial) else { return };
    println!("{outcome:?}");
    assert_eq!((outcome.lossy, outcome.broken), (0, 0), "{outcome:#?}");
    // more than its making and the closings, which are six, explain
    assert!(outcome.syncs_of_the_file > 7, "{outcome:#?}");
    assert!(outcome.images > 300 && outcome.acknowledged > 100, "{outcome:#?}");
}

/// The test can fail: what SQLite says of less syncing is what is found.
#[test]
fn a_store_that_syncs_less_is_found_to_lose() {
    for (synchronous, may_break) in [("NORMAL", false), ("OFF", true)] {
        let trial = Trial { synchronous: Some(synchronous), lives: 1, cuts: 30, seed: 0x0FF };
        let Some(outcome) = tried(&trial) else { return };
        println!("synchronous={synchronous}: {outcome:?}");
        assert!(outcome.lossy > 10, "{synchronous}: {outcome:#?}");
        assert!(may_break || outcome.broken == 0, "{synchronous}: {outcome:#?}");
    }
}

/// `None` where strace is missing or may not trace.
fn tried(trial: &Trial) -> Option<Outcome> {
    if !trace::strace_works() {
        assert!(std::env::var_os("HUECRY_REQUIRE_ALL").is_none(), "strace is missing or may not trace");
        eprintln!("SKIPPED: strace is missing or may not trace (apt-get install strace): no power was cut");
        return None;
    }
    let (mut outcome, mut start, mut known) = (Outcome::default(), Image::default(), BTreeSet::new());
    for life in 0..trial.lives {
        let trace = traced(&start, life, trial.synchronous);
        outcome.count(&trace, &start);
        let mut dice = Dice::new(trial.seed << 8 ^ life);
        let moments = moments(&trace, trial.cuts, &mut dice);
        let (first, second) = moments.split_at(moments.len() / 2);
        let (seed, start_ref) = (dice.roll(), &start);
        let keep = trial.synchronous.is_none();
        let cut = |moments| cut_at(&trace, start_ref, moments, seed, keep);
        let seen = std::thread::scope(|scope| {
            let second = scope.spawn(|| cut(second));
            let mut seen = cut(first);
            seen.extend(second.join().unwrap());
            seen
        });
        for (moment, held, found) in seen {
            outcome.judge(&format!("life {life}, moment {moment}"), &known, &held, found);
        }
        // the store lives on from one of the images
        let mut machine = Machine::new(&trace, &start);
        machine.go_to(moments[dice.below(moments.len())]);
        start = machine.cut(&mut dice);
        let Ok(found) = opened(&start, false) else { break };
        known = found;
    }
    Some(outcome)
}

/// What a child does that begins with `start`.
fn traced(start: &Image, life: u64, synchronous: Option<&str>) -> Trace {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().canonicalize().unwrap().join("disk");
    std::fs::create_dir(&folder).unwrap();
    start.write_below(&folder);
    let output = dir.path().join("trace");
    let ended = trace::strace(&output, &std::env::current_exe().unwrap())
        .args(["--exact", NAME, "--nocapture"])
        .env(DIR_VARIABLE, &folder)
        .env(LIFE_VARIABLE, life.to_string())
        .env(SYNC_VARIABLE, synchronous.unwrap_or_default())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
    Trace::read(&std::fs::read_to_string(&output).unwrap(), &folder, &start.names, start.files.len())
}

/// When the power goes, in order: after each acknowledgement, and by the dice at any moment, before a sync returns
/// and after it did.
fn moments(trace: &Trace, cuts: usize, dice: &mut Dice) -> Vec<usize> {
    let (mut after_held, mut around_syncs) = (Vec::new(), Vec::new());
    for (place, moment) in trace.moments.iter().enumerate() {
        match *moment {
            Moment::Begin(call) if matches!(trace.calls[call], Call::Held { .. }) => {
                after_held.push(place + 1)
            }
            Moment::End(call) if matches!(trace.calls[call], Call::Sync { .. } | Call::SyncDir { .. }) => {
                around_syncs.extend([place, place + 1]);
            }
            _ => {}
        }
    }
    let mut moments = after_held;
    for _ in 0..cuts {
        moments.push(match dice.below(2) {
            0 if !around_syncs.is_empty() => around_syncs[dice.below(around_syncs.len())],
            _ => dice.below(trace.moments.len() + 1),
        });
    }
    moments.sort_unstable();
    moments
}

/// For each moment: what was acknowledged by then, and what is on the disk if the power goes.
fn cut_at(
    trace: &Trace,
    start: &Image,
    moments: &[usize],
    seed: u64,
    keep: bool,
) -> Vec<(usize, BTreeSet<u64>, Found)> {
    let mut machine = Machine::new(trace, start);
    let mut seen = Vec::new();
    for (place, moment) in moments.iter().enumerate() {
        machine.go_to(*moment);
        let image = machine.cut(&mut Dice::new(seed ^ (moment << 16) as u64 ^ place as u64));
        seen.push((*moment, machine.held.clone(), opened(&image, keep)));
    }
    seen
}

/// A folder for an image; in memory where that is at hand, as nothing there must be durable any more.
fn image_dir() -> tempfile::TempDir {
    let memory = Path::new("/dev/shm");
    tempfile::tempdir_in(memory).or_else(|_| tempfile::tempdir()).unwrap()
}

/// Opens the image as the product does and looks at all that is in it. With `keep`, one that is broken is kept.
fn opened(image: &Image, keep: bool) -> Found {
    let dir = image_dir();
    image.write_below(dir.path());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let found = runtime.block_on(async {
        let path = dir.path().join(STORE);
        let store = SqliteStore::open_path(&path).await.map_err(|e| format!("does not open: {e:?}"))?;
        let found = units(store.writer()).await;
        store.close().await;
        found
    });
    found.map_err(|reason| {
        if !keep {
            return reason;
        }
        let kept = tempfile::tempdir().unwrap().keep();
        image.write_below(&kept);
        format!("{reason} (the image is in {})", kept.display())
    })
}

/// The units that are there, if each is whole, once, and the file is sound.
async fn units(file: &SqlitePool) -> Found {
    let texts = async |sql: &'static str| -> Result<Vec<String>, String> {
        sqlx::query_scalar(sql).fetch_all(file).await.map_err(|e| format!("{sql}: {e}"))
    };
    let sound = texts("PRAGMA integrity_check").await?;
    let dangling = texts("SELECT \"table\" FROM pragma_foreign_key_check").await?;
    if sound != ["ok"] || !dangling.is_empty() {
        return Err(format!("not sound: {sound:?}, {dangling:?}"));
    }
    let mut parts = BTreeMap::<u64, Vec<u64>>::new();
    let reports = texts("SELECT title FROM reports ORDER BY title").await?;
    for title in &reports {
        let (unit, part) = title.split_once('/').ok_or("a report that nobody sent")?;
        let number = |text: &str| text.parse().map_err(|_| format!("a report that nobody sent: {title}"));
        parts.entry(number(unit)?).or_default().push(number(part)?);
    }
    if let Some((unit, parts)) =
        parts.iter().find(|(unit, found)| !found.iter().copied().eq(0..child::reports_of(**unit)))
    {
        return Err(format!("unit {unit} has its reports {parts:?}"));
    }
    let found: BTreeSet<u64> = parts.into_keys().collect();
    let with_incident = found.iter().filter(|unit| child::opens_incident(**unit));
    let mut titles: Vec<String> = with_incident.map(|unit| format!("Rule on unit-{unit}")).collect();
    titles.sort();
    for sql in [
        "SELECT title FROM incidents ORDER BY title",
        "SELECT coalesce(title, '') FROM findings LEFT JOIN incidents ON incidents.id = incident ORDER BY 1",
    ] {
        let there = texts(sql).await?;
        if there != titles {
            return Err(format!("{sql}: {there:?} and not {titles:?}"));
        }
    }
    let of_reports = texts("SELECT title FROM reports JOIN audit ON audit.id = submit_record").await?.len();
    let records = texts("SELECT CAST(seq AS TEXT) FROM audit ORDER BY seq").await?;
    let numbered = records.iter().enumerate().all(|(place, seq)| *seq == (place + 1).to_string());
    if of_reports != reports.len() || records.len() != reports.len() + titles.len() || !numbered {
        return Err(format!("{} audit records for {} reports", records.len(), reports.len()));
    }
    Ok(found)
}

impl Outcome {
    fn count(&mut self, trace: &Trace, start: &Image) {
        let store = Path::new(STORE);
        let mut file = start.names.get(store).copied();
        for call in &trace.calls {
            match call {
                Call::Name { name, node: Some(node) } if name == store => file = Some(*node),
                Call::Write { .. } | Call::Resize { .. } => self.writes += 1,
                Call::Held { .. } => self.acknowledged += 1,
                Call::Sync { file: of } => {
                    self.syncs += 1;
                    self.syncs_of_the_file += usize::from(file == Some(Node::File(*of)));
                }
                Call::SyncDir { .. } => self.syncs += 1,
                Call::Name { .. } => {}
            }
        }
    }

    fn judge(&mut self, at: &str, known: &BTreeSet<u64>, held: &BTreeSet<u64>, found: Found) {
        self.images += 1;
        match found {
            Ok(found) => {
                let lost: Vec<u64> =
                    known.union(held).filter(|unit| !found.contains(unit)).copied().collect();
                if !lost.is_empty() {
                    self.lossy += 1;
                    self.first_loss.get_or_insert(format!("{at}: {lost:?}"));
                }
            }
            Err(reason) => {
                self.broken += 1;
                self.first_break.get_or_insert(format!("{at}: {reason}"));
            }
        }
    }
}
