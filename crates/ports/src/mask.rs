//! Masking: a text without what is personal or secret in it.

pub mod conformance;

/// A text that may be kept.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Masked {
    /// The text, with placeholders where something was.
    pub text: String,
    /// How many places were masked.
    pub count: u32,
    /// What they were, by stable names (`email`, `phone`), sorted, each once.
    pub kinds: Vec<String>,
}

/// Why a text cannot be masked; it is then refused, never passed through.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the text cannot be masked: {reason}")]
pub struct MaskRefused {
    /// What is in the way.
    pub reason: String,
}

/// Masks texts.
///
/// # The promise
/// - Masking what was masked changes nothing and counts nothing.
/// - The result is a function of the text.
/// - A text in which nothing is found comes back as it was.
pub trait Mask: Send + Sync {
    /// The text without what is personal or secret in it.
    ///
    /// # Errors
    /// [`MaskRefused`], such as for a text that is too long.
    fn mask(&self, text: &str) -> Result<Masked, MaskRefused>;

    /// Several texts of one thing, in order. Where placeholders are numbered, the same value has the same number in all.
    ///
    /// # Errors
    /// [`MaskRefused`] for one of them; then none is masked.
    fn mask_all(&self, texts: &[&str]) -> Result<Vec<Masked>, MaskRefused> {
        texts.iter().map(|text| self.mask(text)).collect()
    }
}
