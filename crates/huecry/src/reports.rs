//! People's reports on this node: forms and policy, keys, masking, and where files are kept.

use crate::config::{Config, PublicServices, PublicWord, ReportsConfig};
use crate::exit::{Exit, Failure};
use crate::storage::{Storage, write_private};
use backends::blobs::FileBlobs;
use ports::{Blobs, Mask, MaskRefused, Masked};
use prometheus_client::registry::Registry;
use report::form::Forms;
use report::link::LinkKeys;
use report::policy::Policy;
use report::{DeskOptions, Feed, IntakeOptions, PublisherOptions, ReceiptKey};
use server::{ReportOptions, ReportParts};
use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::sync::Arc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// The keys of receipts and links, sealed, in the data folder.
const KEYS_FILE: &str = "reports.key";
/// The name that they are sealed under.
const KEYS_NAME: &str = "report keys";
/// One of receipts, one of links.
const KEY_BYTES: usize = 32;
/// Files with reports, in the data folder.
const BLOBS_DIR: &str = "blobs";
const HOUR_MS: i64 = 3_600_000;

/// The product's masking as the port that reports take.
#[derive(Debug)]
pub struct Masking(privacy::Masker);

impl Masking {
    /// With the detectors that the product comes with.
    ///
    /// # Errors
    /// [`Failure`] in a product that did not pass its tests.
    pub fn shipped() -> Result<Self, Failure> {
        let detectors = privacy::Detectors::shipped().and_then(|detectors| privacy::Masker::new(&detectors));
        detectors
            .map(Self)
            .map_err(|e| Failure::new(Exit::Faults, format!("the detectors of personal data: {e}")))
    }
}

impl Mask for Masking {
    fn mask(&self, text: &str) -> Result<Masked, MaskRefused> {
        self.0.mask(text).map(told).map_err(|error| refused(&error))
    }

    fn mask_all(&self, texts: &[&str]) -> Result<Vec<Masked>, MaskRefused> {
        let all = self.0.mask_all(texts).map_err(|error| refused(&error))?;
        Ok(all.into_iter().map(told).collect())
    }
}

fn told(masked: privacy::Masked) -> Masked {
    let kinds: BTreeSet<&str> = masked.spans.iter().map(|span| span.class.name()).collect();
    let count = u32::try_from(masked.spans.len()).unwrap_or(u32::MAX);
    Masked { text: masked.text, count, kinds: kinds.into_iter().map(str::to_owned).collect() }
}

fn refused(error: &privacy::MaskError) -> MaskRefused {
    MaskRefused { reason: error.to_string() }
}

/// Starts what takes, keeps and publishes reports; `None` where none are taken.
///
/// # Errors
/// [`Failure`] with what is in the way.
pub(crate) fn start(
    config: &Config,
    storage: &Storage,
    registry: &mut Registry,
    shutdown: &CancellationToken,
    tasks: &mut JoinSet<Result<(), String>>,
) -> Result<Option<Arc<ReportParts>>, Failure> {
    let settings = &config.reports;
    if !settings.enabled {
        return Ok(None);
    }
    let usage = |error: &dyn std::fmt::Display| Failure::new(Exit::Usage, error.to_string());
    let forms = Arc::new(Forms::load(settings.forms_dir.as_deref()).map_err(|e| usage(&e))?);
    let policy = Arc::new(Policy::shipped().map_err(|e| usage(&e))?);
    let (receipt_key, link_key) = keys(config, storage)?;
    let links = LinkKeys::new(&[link_key]).map_err(|e| usage(&e))?;
    let telemetry = report::Telemetry::default();
    telemetry.register(registry);
    let service = report::Service::new(options(config, storage, (&forms, &policy), receipt_key, telemetry)?);
    let parts = ReportParts {
        intake: service.intake(),
        desk: service.desk(),
        forms,
        policy,
        links,
        options: shown(settings),
    };
    let shutdown = shutdown.clone();
    tasks.spawn(async move {
        service.run(shutdown).await;
        Ok(())
    });
    Ok(Some(Arc::new(parts)))
}

fn options(
    config: &Config,
    storage: &Storage,
    (forms, policy): (&Arc<Forms>, &Arc<Policy>),
    receipt_key: ReceiptKey,
    telemetry: report::Telemetry,
) -> Result<report::Options, Failure> {
    let settings = &config.reports;
    let dir = config.storage.data_dir.join(BLOBS_DIR);
    let blobs = FileBlobs::open(&dir)
        .map_err(|e| Failure::new(Exit::Server, format!("files with reports {}: {e}", dir.display())))?;
    let (store, clock, entropy) =
        (Arc::clone(&storage.store), Arc::clone(&storage.clock), Arc::clone(&storage.entropy));
    let mask: Arc<dyn Mask> = Arc::new(Masking::shipped()?);
    let update_due_ms = i64::from(settings.update_due_h) * HOUR_MS;
    Ok(report::Options {
        intake: IntakeOptions {
            store: Arc::clone(&store),
            clock: Arc::clone(&clock),
            entropy: Arc::clone(&entropy),
            mask: Arc::clone(&mask),
            forms: Arc::clone(forms),
            receipt_key,
            update_due_ms,
            telemetry: telemetry.clone(),
        },
        desk: DeskOptions {
            store: Arc::clone(&store),
            blobs: Arc::new(blobs) as Arc<dyn Blobs>,
            clock: Arc::clone(&clock),
            entropy,
            mask,
            forms: Arc::clone(forms),
            policy: Arc::clone(policy),
            update_due_ms,
            appeal_due_ms: i64::from(settings.appeal_due_d) * 24 * HOUR_MS,
            digest_k: settings.digest_k as usize,
            attachment_bytes_max: usize::try_from(settings.attachment_bytes_max).unwrap_or(usize::MAX),
            guest_bytes_max: settings.attachment_guest_bytes_max,
            accept_by_automation: settings.accept_by_automation,
            feed: Feed::default(),
            telemetry: telemetry.clone(),
        },
        publisher: PublisherOptions {
            log: Arc::clone(&storage.log),
            store,
            clock,
            forms: Arc::clone(forms),
            telemetry,
        },
    })
}

fn shown(settings: &ReportsConfig) -> ReportOptions {
    ReportOptions {
        public_services: match &settings.public_services {
            PublicServices::Names(names) => server::PublicServices::Named(names.iter().cloned().collect()),
            PublicServices::Word(PublicWord::All) => server::PublicServices::All,
            PublicServices::Word(PublicWord::None) => server::PublicServices::None,
        },
        guest_reports: settings.guest_reports,
        leaderboard: settings.leaderboard,
        attachment_bytes_max: usize::try_from(settings.attachment_bytes_max).unwrap_or(usize::MAX),
        ..ReportOptions::default()
    }
}

/// The keys of receipts and of links, made at the first start.
fn keys(config: &Config, storage: &Storage) -> Result<(ReceiptKey, [u8; KEY_BYTES]), Failure> {
    let path = config.storage.data_dir.join(KEYS_FILE);
    let bad = |reason: &dyn std::fmt::Display| {
        Failure::new(Exit::Usage, format!("the keys of reports {}: {reason}", path.display()))
            .hint("restore the file with secret.key from the same backup; without it links to the form must be made anew")
    };
    let both = match std::fs::read(&path) {
        Ok(sealed) => storage.sealer.open(KEYS_NAME, &sealed).map_err(|e| bad(&e))?,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let mut both = [0; 2 * KEY_BYTES];
            storage.entropy.fill(&mut both);
            let sealed = storage.sealer.seal(KEYS_NAME, &both, &*storage.entropy).map_err(|e| bad(&e))?;
            write_private(&path, &sealed).map_err(|e| bad(&e))?;
            both.to_vec()
        }
        Err(error) => return Err(bad(&error)),
    };
    match both.as_chunks::<KEY_BYTES>() {
        ([receipts, links], []) => Ok((ReceiptKey(*receipts), *links)),
        _ => Err(bad(&"it must hold two keys of 32 bytes")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_products_masking_keeps_the_promise_of_the_port() {
        ports::mask::conformance::keeps_its_promise(&Masking::shipped().unwrap());
    }
}
