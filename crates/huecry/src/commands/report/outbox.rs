//! Reports on their way: masked, kept in a file, sent.

use crate::client::{Ask, Client, Reply};
use crate::entropy::SystemEntropy;
use crate::exit::{Exit, Failure};
use crate::terminal;
use model::Entropy;
use privacy::{Detectors, Masked, Masker, Span};
use report::draft::{AskedForm, Draft};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::io::{Read, Write};
use std::path::Path;
use std::time::Duration;

/// How often a report is sent where the server is busy; each time the same, so that it is taken once.
const TRIES_MAX: u32 = 4;
/// Longest wait between two tries, in seconds.
const WAIT_S_MAX: u64 = 15;
/// Largest file of a kept report, in bytes.
const FILE_BYTES_MAX: u64 = 1 << 20;
/// Largest file that is attached, in bytes, as the server takes it.
const ATTACHMENT_BYTES_MAX: u64 = 10 << 20;
/// Largest text that is attached, in bytes: so much is masked there once more.
const TEXT_BYTES_MAX: usize = privacy::limits::TEXT_BYTES_MAX;
/// The format of kept reports.
const FORMAT: u32 = 1;

/// The detectors that the program comes with.
pub(crate) fn masker() -> Result<Masker, Failure> {
    let detectors = Detectors::shipped().map_err(|e| Failure::new(Exit::Usage, e))?;
    Masker::new(&detectors).map_err(|e| Failure::new(Exit::Usage, e))
}

/// A text that cannot be masked goes nowhere.
pub(crate) fn unmaskable(error: &privacy::MaskError) -> Failure {
    Failure::new(Exit::Faults, error).hint(error.hint())
}

/// Masks every text of a report, and tells what stands where what was; never the values.
pub(super) fn mask(draft: &mut Draft, form: &AskedForm) -> Result<Vec<(String, Span)>, Failure> {
    let masker = masker()?;
    let mut texts = draft.texts_mut(form);
    let plain: Vec<&str> = texts.iter().map(|(_, text)| text.as_str()).collect();
    let masked = masker.mask_all(&plain).map_err(|e| unmaskable(&e))?;
    let mut places = Vec::new();
    for ((name, text), masked) in texts.iter_mut().zip(masked) {
        **text = masked.text;
        places.extend(masked.spans.into_iter().map(|span| (name.clone(), span)));
    }
    draft.masked_count = places.len();
    Ok(places)
}

fn yes() -> bool {
    true
}

/// A masked report with the key that makes sending it twice sending it once.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Outgoing {
    huecry_report: u32,
    idempotency_key: String,
    /// Whether it was written without a token: then a token that is there later does not name the sender.
    #[serde(default = "yes")]
    pub(super) is_guests: bool,
    pub(super) body: Value,
}

impl Outgoing {
    pub(super) fn new(body: Value, is_guests: bool) -> Self {
        let mut bytes = [0; 16];
        SystemEntropy.fill(&mut bytes);
        let idempotency_key = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        Self { huecry_report: FORMAT, idempotency_key, is_guests, body }
    }

    /// The bytes of the request.
    pub(super) fn text(&self) -> String {
        serde_json::to_string_pretty(&self.body).unwrap_or_default()
    }

    /// Keeps it in a new file that nobody else reads.
    pub(super) fn save(&self, path: &Path) -> Result<(), Failure> {
        use std::os::unix::fs::OpenOptionsExt;
        let file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
        let mut file = file.map_err(|e| {
            Failure::new(Exit::Usage, format!("cannot keep the report in {}: {e}", path.display()))
                .hint("name a file that is not there yet, in a folder that you may write")
        })?;
        let text = serde_json::to_string_pretty(self).map_err(|e| Failure::new(Exit::Faults, e))?;
        file.write_all(text.as_bytes())?;
        Ok(file.sync_all()?)
    }

    pub(super) fn load(path: &Path) -> Result<Self, Failure> {
        let wrong = |reason: String| {
            Failure::new(Exit::Faults, format!("{} is no kept report: {reason}", path.display()))
                .hint("`huecry report … --save FILE` keeps one")
        };
        let mut text = String::new();
        let file = std::fs::File::open(path).map_err(|e| wrong(e.to_string()))?;
        file.take(FILE_BYTES_MAX).read_to_string(&mut text).map_err(|e| wrong(e.to_string()))?;
        let kept: Self = serde_json::from_str(&text).map_err(|e| wrong(e.to_string()))?;
        match kept.huecry_report {
            FORMAT => Ok(kept),
            other => Err(wrong(format!("its format is {other}, and this program reads {FORMAT}"))),
        }
    }

    /// Sends it, again where the server is busy or cannot be reached.
    pub(super) fn send(&self, client: &Client) -> Result<Value, Failure> {
        let text = self.text();
        let ask = Ask {
            method: "POST",
            path: "/api/v1/reports",
            headers: vec![("idempotency-key", self.idempotency_key.clone())],
            body: Some(text.as_bytes()),
        };
        let mut tries = 0;
        loop {
            tries += 1;
            let answer = client.ask(&ask);
            let wait_s = match &answer {
                Ok(Reply { status: 429 | 503, retry_after_s, .. }) => retry_after_s.unwrap_or(1),
                Err(failure) if failure.exit == Exit::Server => 1,
                _ => return Ok(answer?.good()?.body),
            };
            if tries == TRIES_MAX {
                return Ok(answer?.good()?.body);
            }
            terminal::note(format_args!("the server is busy or away; once more in {wait_s} s"));
            std::thread::sleep(Duration::from_secs(wait_s.min(WAIT_S_MAX)));
        }
    }
}

/// A file on its way to a receipt: its name, its bytes, and how many places of it were masked.
pub(super) struct Attachment {
    pub(super) name: String,
    pub(super) bytes: Vec<u8>,
    pub(super) is_text: bool,
    pub(super) masked_count: usize,
}

/// Reads a file, and masks it if it is text.
pub(super) fn attachment(path: &Path) -> Result<Attachment, Failure> {
    let refused = |reason: String| {
        Failure::new(Exit::Faults, format!("{} cannot be attached: {reason}", path.display()))
    };
    let named = path.file_name().and_then(|name| name.to_str()).unwrap_or("attachment");
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).map_err(|e| refused(e.to_string()))?;
    file.take(ATTACHMENT_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(|e| refused(e.to_string()))?;
    if bytes.len() as u64 > ATTACHMENT_BYTES_MAX {
        return Err(refused(format!("it is larger than {} MiB", ATTACHMENT_BYTES_MAX >> 20))
            .hint("attach the part that matters"));
    }
    let masker = masker()?;
    let name = masker.mask(named).map_err(|e| unmaskable(&e))?.text;
    let Ok(text) = std::str::from_utf8(&bytes) else {
        return Ok(Attachment { name, bytes, is_text: false, masked_count: 0 });
    };
    if text.len() > TEXT_BYTES_MAX {
        return Err(refused(format!("text of more than {} MiB is not taken", TEXT_BYTES_MAX >> 20))
            .hint("attach the part that matters, such as the last lines: tail -n 2000"));
    }
    let mut stream = privacy::Stream::new(&masker);
    let first = stream.push(text).map_err(|e| unmaskable(&e))?;
    let last = stream.finish().map_err(|e| unmaskable(&e))?;
    let parts: [Masked; 2] = [first, last];
    Ok(Attachment {
        name,
        bytes: parts.iter().map(|part| part.text.as_str()).collect::<String>().into_bytes(),
        is_text: true,
        masked_count: parts.iter().map(|part| part.spans.len()).sum(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_kept_report_is_sent_as_it_was_kept() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("report.json");
        let report = Outgoing::new(json!({ "form": "f", "b": 1, "a": [2] }), false);
        report.save(&file).unwrap();
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        let loaded = Outgoing::load(&file).unwrap();
        assert_eq!((loaded.text(), &loaded), (report.text(), &report), "the same key and the same bytes");
        assert!(report.save(&file).unwrap_err().hint.is_some(), "nothing is written over");
        let key = || Outgoing::new(json!({}), true).idempotency_key;
        assert_ne!(key(), key());
        let old = r#"{"huecry_report":1,"idempotency_key":"x","body":{}}"#;
        std::fs::write(&file, old).unwrap();
        assert!(Outgoing::load(&file).unwrap().is_guests, "who it was written by is not told, so by nobody");
        for bad in ["", "{}", r#"{"huecry_report":9,"idempotency_key":"x","body":{}}"#] {
            std::fs::write(&file, bad).unwrap();
            assert!(Outgoing::load(&file).unwrap_err().message.contains("no kept report"), "{bad}");
        }
    }

    #[test]
    fn text_is_masked_before_it_is_attached_and_its_name_is_too() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("kim.oduya@shop.example.log");
        std::fs::write(&file, "mail of kim.oduya@shop.example\n").unwrap();
        let sent = attachment(&file).unwrap();
        assert_eq!((sent.is_text, sent.masked_count), (true, 1));
        assert!(!sent.name.contains("oduya"), "{}", sent.name);
        assert_eq!(sent.bytes, b"mail of [email 1]\n");
        std::fs::write(&file, [0xff, 0xd8, 0xff, 0x00]).unwrap();
        assert!(!attachment(&file).unwrap().is_text);
        std::fs::write(&file, "x\n".repeat(TEXT_BYTES_MAX)).unwrap();
        assert!(
            attachment(&file).is_err_and(|failure| failure.hint.is_some_and(|hint| hint.contains("tail")))
        );
        assert!(attachment(&folder.path().join("absent")).is_err());
    }
}
