//! Opens what the node stands on: log, state, key, first token.

use crate::config::Config;
use crate::entropy::SystemEntropy;
use crate::exit::{Exit, Failure};
use access::{Caller, Directory, KEY_BYTES, NewAuthority, Policies, Registry, ScopeSet, Sealer};
use backends::log::{FileLog, Options as LogOptions, TopicOptions};
use backends::sqlite::SqliteStore;
use backends::tiles::FileTiles;
use lake::FileLake;
use model::{Clock, Entropy, FieldTable, Principal, SystemClock, Topic};
use normalize::{Normalizer, Schema};
use ports::{LakeError, Log, LogError, Store, TileStore};
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The key that secrets are sealed with, in the data folder.
const KEY_FILE: &str = "secret.key";
/// The key that the audit log is signed with, sealed, in the data folder.
const AUDIT_KEY_FILE: &str = "audit.key";
/// The name that it is sealed under.
const AUDIT_KEY_NAME: &str = "audit key";
/// The public half, in the folder of the audit log.
const AUDIT_PUBLIC_KEY_FILE: &str = "key";
/// The first API token, in the data folder, for the command line on the same machine.
pub const FIRST_TOKEN_FILE: &str = "admin-token";
const DAY_MS: i64 = 86_400_000;
/// Matches are kept so long after correlations have seen them, so that a lost state can be had again.
const MATCH_RETENTION_DAYS: i64 = 7;

/// Everything embedded, open.
pub struct Storage {
    /// The durable log.
    pub log: Arc<dyn Log>,
    /// The state.
    pub store: Arc<dyn Store>,
    /// Every event, if it is to be kept.
    pub lake: Option<FileLake>,
    /// Tokens and sources, as the doors see them.
    pub directory: Arc<Directory>,
    /// Makes and takes back tokens and sources.
    pub registry: Arc<Registry>,
    /// Seals secrets under the key of the data folder.
    pub sealer: Sealer,
    /// What the audit log is signed with.
    pub signer: Arc<audit::Signer>,
    /// Where the audit log's tree stands.
    pub tiles: Arc<dyn TileStore>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub entropy: Arc<dyn Entropy>,
}

impl Storage {
    /// Opens the data folder, making what is not there yet.
    ///
    /// # Errors
    /// [`Failure`] with what is in the way and what to do.
    pub async fn open(config: &Config) -> Result<Self, Failure> {
        let dir = &config.storage.data_dir;
        create_private_dir(dir)?;
        let (clock, entropy): (Arc<dyn Clock>, Arc<dyn Entropy>) =
            (Arc::new(SystemClock), Arc::new(SystemEntropy));
        let log = FileLog::open(&log_options(config)?, Arc::clone(&entropy)).map_err(log_failure)?;
        let state = config.state_file()?;
        let store = SqliteStore::open_path(&state)
            .await
            .map_err(|e| Failure::new(Exit::Server, format!("state {}: {e}", state.display())))?;
        let store: Arc<dyn Store> = Arc::new(store);
        let lake = open_lake(config)?;
        let key = load_or_make_key(
            &dir.join(KEY_FILE),
            &*entropy,
            "without it the webhook secrets in the state cannot be read",
        )?;
        let sealer = || Sealer::new(&key);
        let signer = Arc::new(load_or_make_signer(config, &sealer(), &*entropy)?);
        let tiles = Arc::new(FileTiles::new(config.audit_dir()));
        let policies = Arc::new(Policies::builtin().map_err(|e| Failure::new(Exit::Faults, e))?);
        let directory = Directory::new(Arc::clone(&store), Arc::clone(&clock), sealer(), policies)
            .with_token_rest_ms(config.access.token_rest_ms());
        let directory = Arc::new(directory);
        let registry = Registry::new(
            Arc::clone(&store),
            Arc::clone(&directory),
            Arc::clone(&clock),
            Arc::clone(&entropy),
            sealer(),
        )
        .with_kinds(mapped_kinds()?);
        Ok(Self {
            log: Arc::new(log),
            store,
            lake,
            directory,
            registry: Arc::new(registry),
            sealer: sealer(),
            signer,
            tiles,
            clock,
            entropy,
        })
    }

    /// Makes the first API token and leaves it in the data folder (readable by its owner only), unless one
    /// is there.
    ///
    /// # Errors
    /// [`Failure`] when token or file cannot be made.
    pub async fn first_token(&self, dir: &Path) -> Result<PathBuf, Failure> {
        let path = dir.join(FIRST_TOKEN_FILE);
        if path.exists() {
            return Ok(path);
        }
        let issued = self
            .registry
            .issue(
                &local_caller(),
                "first token of this installation",
                NewAuthority::Api(ScopeSet::all()),
                None,
            )
            .await;
        let (_, secret) = issued.map_err(|e| Failure::new(Exit::Server, e))?;
        write_private(&path, format!("{}\n", secret.reveal()).as_bytes())?;
        Ok(path)
    }
}

/// Who acts when the machine's own command line does.
pub fn local_caller() -> Caller {
    let account = std::env::var("USER").unwrap_or_else(|_| "unknown".to_owned());
    Caller {
        principal: Principal::Local { account },
        scopes: ScopeSet::all(),
        origin: None,
        request_id: None,
    }
}

fn log_options(config: &Config) -> Result<LogOptions, Failure> {
    let mut options = LogOptions::new(config.log_dir()?);
    let settings = &config.log;
    let raw = TopicOptions {
        partitions: settings.raw_partitions,
        segment_bytes_max: settings.segment_bytes,
        age_ms_max: Some(i64::from(settings.raw_retention_days) * DAY_MS),
        partition_bytes_max: Some(settings.raw_retention_bytes),
    };
    options.topics.insert(Topic::Raw, raw);
    let matches = TopicOptions {
        partitions: settings.match_partitions,
        age_ms_max: Some(MATCH_RETENTION_DAYS * DAY_MS),
        ..options.topic(Topic::Match)
    };
    options.topics.insert(Topic::Match, matches);
    for topic in [Topic::Finding, Topic::DeadLetter] {
        let age_ms_max = Some(i64::from(settings.finding_retention_days) * DAY_MS);
        options.topics.insert(topic, TopicOptions { age_ms_max, ..options.topic(topic) });
    }
    Ok(options)
}

fn log_failure(error: LogError) -> Failure {
    let hint = match &error {
        LogError::Locked { .. } => {
            Some("another huecry has this folder open; stop it, or use another --data-dir")
        }
        LogError::BadOptions { .. } => Some("see [log] in the configuration"),
        _ => None,
    };
    Failure { hint: hint.map(str::to_owned), ..Failure::new(Exit::Server, error) }
}

/// The lake of a configuration, if it is to have one.
pub(crate) fn open_lake(config: &Config) -> Result<Option<FileLake>, Failure> {
    let Some(dir) = config.lake_dir()? else { return Ok(None) };
    let opened = FileLake::open(&config.lake.options(dir.clone()));
    opened.map(Some).map_err(|error| {
        let failure = Failure::new(Exit::Server, format!("lake {}: {error}", dir.display()));
        match error {
            LakeError::Locked { .. } => failure.hint("another huecry has this folder open; stop it"),
            LakeError::Corrupt { .. } => failure.hint(
                "restore that file from a backup; with [lake] enabled = false everything else runs meanwhile",
            ),
            _ => failure,
        }
    })
}

/// The bits of a file's mode that let others in.
pub(crate) const OTHERS: u32 = 0o077;

/// Makes the folder for its owner only. One that is there already and empty, as people make it beforehand, is
/// closed to others as well; one that holds something is left as it is, since not everything in it is ours.
pub(crate) fn create_private_dir(dir: &Path) -> Result<(), Failure> {
    let failure =
        |e| Failure::new(Exit::Usage, format!("cannot make the data folder {}: {e}", dir.display()));
    fs::DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(failure)?;
    let permissions = fs::metadata(dir).map_err(failure)?.permissions();
    if permissions.mode() & OTHERS == 0 {
        return Ok(());
    }
    let empty = fs::read_dir(dir).map_err(failure)?.next().is_none();
    // only its owner may; a folder of somebody else's is told of as one that holds something
    if !empty || fs::set_permissions(dir, fs::Permissions::from_mode(0o700)).is_err() {
        let mode = format!("{:04o}", permissions.mode() & 0o777);
        tracing::warn!(dir = %dir.display(), mode, "other accounts can read the data folder; chmod 700 closes it");
    }
    Ok(())
}

/// Writes a file that only its owner reads, and that was not there.
pub(crate) fn write_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// The kinds of record that some mapping reads: a source of any other would give nothing but dead letters.
fn mapped_kinds() -> Result<Vec<String>, Failure> {
    let normalizer =
        Normalizer::builtin(&mut FieldTable::default(), &Schema::builtin()).map_err(|errors| {
            let lines: Vec<String> = errors.iter().map(ToString::to_string).collect();
            Failure::new(Exit::Usage, format!("the mappings cannot be used:\n{}", lines.join("\n")))
        })?;
    Ok(normalizer.kinds().map(str::to_owned).collect())
}

/// Reads a key, or makes it where there is none; `loss` says what is lost with it.
pub(crate) fn load_or_make_key(
    path: &Path,
    entropy: &dyn Entropy,
    loss: &str,
) -> Result<[u8; KEY_BYTES], Failure> {
    let bad = |reason: String| {
        Failure::new(Exit::Usage, format!("the key {}: {reason}", path.display()))
            .hint(format!("restore it from your backup: {loss}"))
    };
    match fs::read(path) {
        Ok(bytes) => bytes.try_into().map_err(|_| bad(format!("it must have {KEY_BYTES} bytes"))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let mut key = [0; KEY_BYTES];
            entropy.fill(&mut key);
            write_private(path, &key).map_err(|e| bad(e.to_string()))?;
            Ok(key)
        }
        Err(error) => Err(bad(error.to_string())),
    }
}

/// The key of the audit log. It is made at the first start, and its name is chosen then: another name would
/// make all that was signed another log's.
fn load_or_make_signer(
    config: &Config,
    sealer: &Sealer,
    entropy: &dyn Entropy,
) -> Result<audit::Signer, Failure> {
    let path = config.storage.data_dir.join(AUDIT_KEY_FILE);
    let bad = |reason: &dyn std::fmt::Display| {
        Failure::new(Exit::Usage, format!("the audit key {}: {reason}", path.display())).hint(
            "restore it with secret.key and audit/ from the same backup: only it continues the signed log",
        )
    };
    let seed = match fs::read(&path) {
        Ok(sealed) => sealer.open(AUDIT_KEY_NAME, &sealed).map_err(|e| bad(&e))?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let mut seed = [0; KEY_BYTES];
            entropy.fill(&mut seed);
            let sealed = sealer.seal(AUDIT_KEY_NAME, &seed, entropy).map_err(|e| bad(&e))?;
            write_private(&path, &sealed).map_err(|e| bad(&e))?;
            seed.to_vec()
        }
        Err(error) => return Err(bad(&error)),
    };
    let seed = seed.try_into().map_err(|_| bad(&format!("it must have {KEY_BYTES} bytes")))?;
    let wanted = config.audit.origin.as_deref();
    let usage = |e: audit::CheckpointError| Failure::new(Exit::Usage, format!("audit.origin: {e}"));
    let public_path = config.audit_dir().join(AUDIT_PUBLIC_KEY_FILE);
    let Ok(known) = fs::read_to_string(&public_path) else {
        let signer = audit::Signer::new(&seed, wanted).map_err(usage)?;
        create_private_dir(&config.audit_dir())?;
        fs::write(&public_path, format!("{}\n", signer.public())).map_err(|e| bad(&e))?;
        return Ok(signer);
    };
    let known: audit::PublicKey = known.parse().map_err(|e| bad(&e))?;
    if let Some(wanted) = wanted.filter(|wanted| *wanted != known.name()) {
        let message = format!("audit.origin is {wanted:?}, but the log was begun as {:?}", known.name());
        return Err(Failure::new(Exit::Usage, message)
            .hint("leave audit.origin as it was: the name is in every signature"));
    }
    let signer = audit::Signer::new(&seed, Some(known.name())).map_err(usage)?;
    if *signer.public() == known { Ok(signer) } else { Err(bad(&"it is not the key that began this log")) }
}
