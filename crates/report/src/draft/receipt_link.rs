//! The link of a receipt.

use super::DraftError;
use std::str::FromStr;

/// What every secret of a receipt begins with.
const SECRET_PREFIX: &str = "hcrc_";
/// Longest secret, in bytes.
const SECRET_BYTES_MAX: usize = 128;

/// A receipt's link taken apart: where the server is, and the secret. The secret stands behind `#`, which no browser sends.
#[derive(Clone, PartialEq, Eq)]
pub struct ReceiptLink {
    /// The server, without a slash at its end; nothing where only the secret was given.
    pub base: Option<String>,
    /// The secret.
    pub secret: String,
}

impl std::fmt::Debug for ReceiptLink {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ReceiptLink {{ base: {:?}, secret: … }}", self.base)
    }
}

impl ReceiptLink {
    /// The server's origin, as a browser would name it: scheme and host.
    pub fn origin_of(base: &str) -> String {
        match base.split_once("://") {
            Some((scheme, rest)) => format!("{scheme}://{}", rest.split('/').next().unwrap_or_default()),
            None => base.to_owned(),
        }
    }
}

impl FromStr for ReceiptLink {
    type Err = DraftError;

    fn from_str(text: &str) -> Result<Self, DraftError> {
        let text = text.trim();
        let (place, secret) = match text.split_once('#') {
            Some((place, secret)) => (Some(place), secret),
            None => (None, text),
        };
        let is_secret = secret.starts_with(SECRET_PREFIX)
            && secret.len() > SECRET_PREFIX.len()
            && secret.len() <= SECRET_BYTES_MAX
            && secret.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte));
        if !is_secret {
            return Err(DraftError::NoReceipt("it has no secret that begins with hcrc_"));
        }
        let base = place.map(base_of).transpose()?;
        Ok(Self { base, secret: secret.to_owned() })
    }
}

fn base_of(place: &str) -> Result<String, DraftError> {
    let base = place.trim_end_matches('/').strip_suffix("/receipt");
    let base = base.ok_or(DraftError::NoReceipt("before # it does not end in /receipt"))?;
    let host = base.strip_prefix("https://").or_else(|| base.strip_prefix("http://"));
    match host {
        Some(host) if !host.is_empty() && !host.contains(['@', '?', ' ', '\\']) => Ok(base.to_owned()),
        _ => Err(DraftError::NoReceipt("it is no address of the web, or has a user in it")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_taken_apart_and_never_repeated() {
        for (text, base) in [
            ("https://hue.example/receipt#hcrc_AbC-1_2", Some("https://hue.example")),
            (" http://127.0.0.1:8787/receipt/#hcrc_AbC-1_2\n", Some("http://127.0.0.1:8787")),
            ("https://example.com/hue/receipt#hcrc_AbC-1_2", Some("https://example.com/hue")),
            ("hcrc_AbC-1_2", None),
        ] {
            let link: ReceiptLink = text.parse().unwrap();
            assert_eq!((link.base.as_deref(), link.secret.as_str()), (base, "hcrc_AbC-1_2"), "{text}");
            assert!(!format!("{link:?}").contains("AbC"));
        }
        for bad in [
            "",
            "hcrc_",
            "hc_api_AbC",
            "https://hue.example/receipt",
            "https://hue.example/report#hcrc_AbC",
            "ftp://hue.example/receipt#hcrc_AbC",
            "https://kim:pw@hue.example/receipt#hcrc_AbC",
            "https:///receipt#hcrc_AbC",
            "https://hue.example/receipt#hcrc_Ab C",
        ] {
            let error = bad.parse::<ReceiptLink>().unwrap_err();
            assert!(
                !error.to_string().contains("AbC") && error.hint().contains("/receipt#"),
                "{bad}: {error}"
            );
        }
        assert_eq!(ReceiptLink::origin_of("https://example.com:1/hue"), "https://example.com:1");
    }
}
