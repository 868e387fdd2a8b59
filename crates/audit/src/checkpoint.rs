//! Signed checkpoints: C2SP tlog-checkpoint in a C2SP signed-note, with Ed25519 (RFC 8032).
//!
//! ```text
//! huecry/0f3a…                  origin: the name of the key
//! 41                            how many leaves
//! bPz…=                         their root, base64
//! time_ms 1764177294000         when it was signed, never before the checkpoint before
//! previous 9aF…=                SHA-256 of the whole note before; zeros in the first
//!
//! — huecry/0f3a… Az3k…=         key id (4 bytes) and signature, base64
//! ```
//! The two extension lines are ours. The time shows a clock that was set back; `previous` makes the history of
//! checkpoints a chain, so that one that was taken out is missed.

use crate::error::CheckpointError;
use crate::tree::TREE_LEAVES_MAX;
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use model::Hash;
use sha2::{Digest, Sha256};
use std::fmt;
use std::str::FromStr;

/// Longest note that is read, in bytes.
pub const NOTE_BYTES_MAX: usize = 16 * 1024;
/// Longest name of a key, in bytes.
pub const ORIGIN_BYTES_MAX: usize = 128;
/// Times are before the year 10000.
const TIME_MS_END: i64 = 253_402_300_800_000;
/// The byte for Ed25519 in key ids and vkeys (C2SP signed-note).
const ALGORITHM_ED25519: u8 = 1;
const TIME: &str = "time_ms ";
const PREVIOUS: &str = "previous ";

/// What is signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// The name of the key.
    pub origin: String,
    /// How many leaves.
    pub size: u64,
    /// Their root.
    pub root: Hash,
    /// When, milliseconds since the epoch.
    pub time_ms: i64,
    /// SHA-256 of the note before; zeros in the first.
    pub previous: Hash,
}

impl Checkpoint {
    /// The text that is signed; ends with a line break.
    pub fn text(&self) -> String {
        let (root, previous) = (BASE64.encode(self.root), BASE64.encode(self.previous));
        format!("{}\n{}\n{root}\n{TIME}{}\n{PREVIOUS}{previous}\n", self.origin, self.size, self.time_ms)
    }

    fn parse(text: &str) -> Option<Self> {
        let mut lines = text.lines();
        let checkpoint = Self {
            origin: lines.next()?.to_owned(),
            size: lines.next()?.parse().ok()?,
            root: hash(lines.next()?)?,
            time_ms: lines.next()?.strip_prefix(TIME)?.parse().ok()?,
            previous: hash(lines.next()?.strip_prefix(PREVIOUS)?)?,
        };
        if checkpoint.size > TREE_LEAVES_MAX || !(0..TIME_MS_END).contains(&checkpoint.time_ms) {
            return None;
        }
        // also refuses a leading zero, a plus sign, other line ends, more lines
        (checkpoint.text() == text).then_some(checkpoint)
    }
}

fn hash(base64: &str) -> Option<Hash> {
    BASE64.decode(base64).ok()?.try_into().ok()
}

/// A note whose signature was checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedCheckpoint {
    /// What was signed.
    pub checkpoint: Checkpoint,
    /// The whole note.
    pub note: String,
}

impl SignedCheckpoint {
    /// What the next checkpoint calls `previous`.
    pub fn hash(&self) -> Hash {
        Sha256::digest(&self.note).into()
    }
}

/// A public key with its name; its text is a vkey, `<name>+<key id>+<key>`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicKey {
    name: String,
    key: VerifyingKey,
}

impl PublicKey {
    /// Its name, the origin of its checkpoints.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The first four bytes of SHA-256 over name, line break, algorithm and key.
    pub fn id(&self) -> [u8; 4] {
        let hash = Sha256::new()
            .chain_update(&self.name)
            .chain_update([b'\n', ALGORITHM_ED25519])
            .chain_update(self.key.as_bytes())
            .finalize();
        [hash[0], hash[1], hash[2], hash[3]]
    }

    /// Reads a note and checks its signature. Signatures of others, such as witnesses, may stand beside it.
    ///
    /// # Errors
    /// [`CheckpointError`].
    pub fn open(&self, note: &str) -> Result<SignedCheckpoint, CheckpointError> {
        if note.len() > NOTE_BYTES_MAX {
            return Err(CheckpointError::NotANote);
        }
        let (text, signatures) = note.rsplit_once("\n\n").ok_or(CheckpointError::NotANote)?;
        let text = format!("{text}\n");
        let mut other = None;
        for line in signatures.lines() {
            let line = line.strip_prefix("— ").ok_or(CheckpointError::NotANote)?;
            let (name, signature) = line.split_once(' ').ok_or(CheckpointError::NotANote)?;
            let signature = BASE64.decode(signature).map_err(|_| CheckpointError::NotANote)?;
            match signature.split_first_chunk::<4>() {
                Some((id, signature)) if name == self.name && *id == self.id() => {
                    let signature =
                        Signature::from_slice(signature).map_err(|_| CheckpointError::BadSignature)?;
                    self.key
                        .verify_strict(text.as_bytes(), &signature)
                        .map_err(|_| CheckpointError::BadSignature)?;
                    let checkpoint = Checkpoint::parse(&text).ok_or(CheckpointError::NotACheckpoint)?;
                    if checkpoint.origin != self.name {
                        return Err(CheckpointError::OtherKey { name: checkpoint.origin });
                    }
                    return Ok(SignedCheckpoint { checkpoint, note: note.to_owned() });
                }
                _ => other = Some(name.to_owned()),
            }
        }
        Err(other.map_or(CheckpointError::NotANote, |name| CheckpointError::OtherKey { name }))
    }

    /// Reads a note in the form of [`open_own`](Self::open_own) without checking its signature, for notes that a
    /// later one covers.
    pub(crate) fn read_unchecked(&self, note: &str) -> Option<SignedCheckpoint> {
        let (text, signature) = note.split_once("\n\n")?;
        let checkpoint = Checkpoint::parse(&format!("{text}\n"))?;
        let one = signature.starts_with("— ") && signature.find('\n') == Some(signature.len() - 1);
        (one && checkpoint.origin == self.name)
            .then(|| SignedCheckpoint { checkpoint, note: note.to_owned() })
    }

    /// As [`open`](Self::open), for notes as this program writes them: our signature alone, nothing after it.
    ///
    /// # Errors
    /// [`CheckpointError`].
    pub fn open_own(&self, note: &str) -> Result<SignedCheckpoint, CheckpointError> {
        let opened = self.open(note)?;
        let text = opened.checkpoint.text();
        let line = note.strip_prefix(text.as_str()).and_then(|rest| rest.strip_prefix("\n— "));
        let line = line.and_then(|line| line.strip_suffix('\n'));
        let one = line.is_some_and(|line| !line.contains('\n'));
        if one { Ok(opened) } else { Err(CheckpointError::NotANote) }
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let id = u32::from_be_bytes(self.id());
        let key = [&[ALGORITHM_ED25519], &self.key.as_bytes()[..]].concat();
        write!(f, "{}+{id:08x}+{}", self.name, BASE64.encode(key))
    }
}

impl FromStr for PublicKey {
    type Err = CheckpointError;
    fn from_str(vkey: &str) -> Result<Self, CheckpointError> {
        let bad = || CheckpointError::BadKey;
        let (name, rest) = vkey.trim().split_once('+').ok_or_else(bad)?;
        let (_, key) = rest.split_once('+').ok_or_else(bad)?;
        check_origin(name)?;
        let key = BASE64.decode(key).map_err(|_| bad())?;
        let key: [u8; 32] =
            key.strip_prefix(&[ALGORITHM_ED25519]).and_then(|k| k.try_into().ok()).ok_or_else(bad)?;
        let read = Self { name: name.to_owned(), key: VerifyingKey::from_bytes(&key).map_err(|_| bad())? };
        if read.to_string() == vkey.trim() { Ok(read) } else { Err(bad()) }
    }
}

/// The names that a key may have: printable ASCII without a plus sign or a space.
///
/// # Errors
/// [`CheckpointError::BadOrigin`].
pub fn check_origin(name: &str) -> Result<(), CheckpointError> {
    let good = |b: u8| b.is_ascii_graphic() && b != b'+';
    let fits = (1..=ORIGIN_BYTES_MAX).contains(&name.len()) && name.bytes().all(good);
    if fits { Ok(()) } else { Err(CheckpointError::BadOrigin { name: name.chars().take(64).collect() }) }
}

/// Signs checkpoints.
pub struct Signer {
    public: PublicKey,
    key: SigningKey,
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signer({})", self.public)
    }
}

impl Signer {
    /// The key made of these 32 random bytes (the seed of RFC 8032 §5.1.5), under the name `origin`; without
    /// one under `huecry/` and the beginning of the key's own hash.
    ///
    /// # Errors
    /// [`CheckpointError::BadOrigin`].
    pub fn new(seed: &[u8; 32], origin: Option<&str>) -> Result<Self, CheckpointError> {
        let key = SigningKey::from_bytes(seed);
        let of_key = || {
            let hash = Sha256::digest(key.verifying_key().as_bytes());
            let hex: String = hash.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
            format!("huecry/{hex}")
        };
        let name = origin.map_or_else(of_key, str::to_owned);
        check_origin(&name)?;
        Ok(Self { public: PublicKey { name, key: key.verifying_key() }, key })
    }

    /// The public half.
    pub const fn public(&self) -> &PublicKey {
        &self.public
    }

    /// Signs; the checkpoint's origin is the key's name.
    pub fn sign(&self, size: u64, root: Hash, time_ms: i64, previous: Hash) -> SignedCheckpoint {
        let time_ms = time_ms.clamp(0, TIME_MS_END - 1);
        let checkpoint = Checkpoint { origin: self.public.name.clone(), size, root, time_ms, previous };
        let text = checkpoint.text();
        let signature = self.key.sign(text.as_bytes());
        let signature = BASE64.encode([&self.public.id()[..], &signature.to_bytes()].concat());
        let note = format!("{text}\n— {} {signature}\n", self.public.name);
        SignedCheckpoint { checkpoint, note }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signer() -> Signer {
        Signer::new(&[7; 32], Some("example.com/audit")).unwrap()
    }

    #[test]
    fn a_note_has_the_documented_form() {
        let signed = signer().sign(3, [1; 32], 1_700_000_000_000, [0; 32]);
        let lines: Vec<_> = signed.note.lines().collect();
        assert_eq!(
            lines[..4],
            [
                "example.com/audit",
                "3",
                "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=",
                "time_ms 1700000000000"
            ]
        );
        assert_eq!((lines.len(), lines[5]), (7, ""));
        assert!(lines[6].starts_with("— example.com/audit "));
        assert_eq!(signer().public().open_own(&signed.note).unwrap(), signed);
    }

    #[test]
    fn keys_and_signatures_of_another_implementation_are_understood() {
        // the example of golang.org/x/mod/sumdb/note; what it signs is a note, but no checkpoint
        let vkey = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
        let note = "If you think cryptography is the answer to your problem,\n\
            then you don't know what your problem is.\n\n\
            — PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";
        let key: PublicKey = vkey.parse().unwrap();
        assert_eq!(key.to_string(), vkey);
        assert_eq!(key.open(note), Err(CheckpointError::NotACheckpoint));
        assert_eq!(key.open(&note.replace("answer", "Answer")), Err(CheckpointError::BadSignature));
    }

    #[test]
    fn a_vkey_is_read_in_its_own_form_only() {
        let own = signer().public().to_string();
        assert_eq!(own.parse::<PublicKey>().unwrap(), *signer().public());
        for bad in ["", "a+b", "a b+00000000+AQ==", &own.replace("example", "exbmple"), &own[..own.len() - 4]]
        {
            assert!(bad.parse::<PublicKey>().is_err(), "{bad}");
        }
        let unnamed = Signer::new(&[9; 32], None).unwrap();
        assert!(unnamed.public().name().starts_with("huecry/") && unnamed.public().name().len() == 23);
    }

    #[test]
    fn every_flipped_bit_of_a_note_is_found() {
        let signer = signer();
        let signed = signer.sign(41, [3; 32], 1_700_000_000_000, [4; 32]);
        let bytes = signed.note.as_bytes();
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes.to_vec();
            flipped[bit / 8] ^= 1 << (bit % 8);
            let accepted =
                String::from_utf8(flipped).is_ok_and(|note| signer.public().open_own(&note).is_ok());
            assert!(!accepted, "bit {bit}");
        }
    }

    #[test]
    fn signatures_of_others_may_stand_beside_ours() {
        let signed = signer().sign(1, [1; 32], 5, [0; 32]);
        let witness = Signer::new(&[8; 32], Some("witness.example")).unwrap();
        let cosigned = format!("{}— witness.example {}\n", signed.note, BASE64.encode([0; 68]));
        assert_eq!(signer().public().open(&cosigned).unwrap().checkpoint, signed.checkpoint);
        assert_eq!(signer().public().open_own(&cosigned), Err(CheckpointError::NotANote));
        let other = CheckpointError::OtherKey { name: "example.com/audit".into() };
        assert_eq!(witness.public().open(&signed.note), Err(other));
    }
}
