//! Signed links hold, and nothing near them does.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use proptest::prelude::*;
use report::link::{KEYS_MAX, LinkError, LinkKeys, LinkRefused, ReportLink, TOKEN_BYTES_MAX, VALID_MS_MAX};

const NOW_MS: i64 = 1_800_000_000_000;
const HOUR_MS: i64 = 3_600_000;

fn link() -> ReportLink {
    let context = [("repository", "acme/checkout"), ("commit", "9f86d08"), ("panel", "Errors by route")];
    ReportLink {
        service: Some("checkout".into()),
        context: context.map(|(key, value)| (key.to_owned(), value.to_owned())).into(),
        expires_at_ms: NOW_MS + HOUR_MS,
    }
}

fn keys(secrets: &[u8]) -> LinkKeys {
    LinkKeys::new(&secrets.iter().map(|byte| [*byte; 32]).collect::<Vec<_>>()).unwrap()
}

#[test]
fn a_link_says_what_was_signed() {
    let keys = keys(&[1]);
    let signed = keys.sign(&link(), NOW_MS).unwrap();
    let checked = keys.check(&signed.token, NOW_MS).unwrap();
    assert_eq!((checked.link, checked.key_id), (link(), signed.key_id.clone()));
    assert!(
        signed.token.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b)),
        "{}",
        signed.token
    );
    assert_eq!(signed.key_id.len(), 8);
    assert!(!format!("{keys:?}").contains("1, 1, 1"), "keys do not print themselves");
}

#[test]
fn its_time_ends() {
    let keys = keys(&[1]);
    let token = keys.sign(&link(), NOW_MS).unwrap().token;
    assert!(keys.check(&token, NOW_MS + HOUR_MS - 1).is_ok());
    assert_eq!(keys.check(&token, NOW_MS + HOUR_MS), Err(LinkRefused::Expired));
    for (expires_at_ms, good) in [
        (NOW_MS, false),
        (NOW_MS - 1, false),
        (NOW_MS + VALID_MS_MAX, true),
        (NOW_MS + VALID_MS_MAX + 1, false),
        (i64::MAX, false),
    ] {
        let signed = keys.sign(&ReportLink { expires_at_ms, ..link() }, NOW_MS);
        assert_eq!(signed.is_ok(), good, "{signed:?}");
    }
}

#[test]
fn keys_change_without_breaking_links() {
    let old = keys(&[1]).sign(&link(), NOW_MS).unwrap();
    let both = keys(&[2, 1]);
    assert!(both.check(&old.token, NOW_MS).is_ok());
    assert_ne!(both.sign(&link(), NOW_MS).unwrap().key_id, old.key_id);
    assert_eq!(keys(&[2]).check(&old.token, NOW_MS), Err(LinkRefused::KeyUnknown));
    assert_eq!(LinkKeys::new(&[]).unwrap_err(), LinkError::NoKey);
    assert_eq!(LinkKeys::new(&[[1; 32], [1; 32]]).unwrap_err(), LinkError::Keys);
    let many: Vec<[u8; 32]> = (0..=KEYS_MAX as u8).map(|byte| [byte; 32]).collect();
    assert_eq!(LinkKeys::new(&many).unwrap_err(), LinkError::Keys);
}

#[test]
fn a_changed_context_is_refused() {
    let keys = keys(&[1]);
    let token = keys.sign(&link(), NOW_MS).unwrap().token;
    let parts: Vec<&str> = token.split('.').collect();
    let mut claimed = link();
    for change in [
        |link: &mut ReportLink| link.service = Some("payments".into()),
        |link: &mut ReportLink| link.expires_at_ms += 1,
        |link: &mut ReportLink| drop(link.context.remove("commit")),
    ] {
        change(&mut claimed);
        let payload = URL_SAFE_NO_PAD.encode(serde_json::to_vec(&claimed).unwrap());
        let forged = [parts[0], parts[1], &payload, parts[3]].join(".");
        assert_eq!(keys.check(&forged, NOW_MS), Err(LinkRefused::Forged));
    }
    // another key's signature under this key's id
    let other = self::keys(&[9]).sign(&link(), NOW_MS).unwrap().token;
    let forged = other.replace(
        &format!(".{}.", self::keys(&[9]).sign(&link(), NOW_MS).unwrap().key_id),
        &format!(".{}.", parts[1]),
    );
    assert_eq!(keys.check(&forged, NOW_MS), Err(LinkRefused::Forged));
    // no signature, half a signature
    for code in ["", &parts[3][..8]] {
        let forged = [parts[0], parts[1], parts[2], code].join(".");
        assert_eq!(keys.check(&forged, NOW_MS), Err(LinkRefused::Forged));
    }
}

#[test]
fn what_is_no_token_is_said_to_be_damaged() {
    let keys = keys(&[1]);
    let token = keys.sign(&link(), NOW_MS).unwrap().token;
    for text in [
        "",
        ".",
        "hcl1",
        "hcl1...",
        "hcl1.a.b",
        &token.replace("hcl1", "hcl2"),
        &format!("{token}.x"),
        &"x".repeat(TOKEN_BYTES_MAX + 1),
    ] {
        let refused = keys.check(text, NOW_MS).unwrap_err();
        assert!(matches!(refused, LinkRefused::Malformed | LinkRefused::KeyUnknown), "{text}: {refused:?}");
    }
}

#[test]
fn a_link_fills_in_only_what_it_may() {
    let keys = keys(&[1]);
    let with = |key: &str, value: &str| {
        let mut link = link();
        link.context.insert(key.to_owned(), value.to_owned());
        keys.sign(&link, NOW_MS)
    };
    assert!(with("environment", "production").is_ok());
    for (key, value) in [
        ("reporter", "per_1"),
        ("tier", "trusted"),
        ("branch", ""),
        ("branch", "a\nb"),
        ("branch", &"x".repeat(513)),
    ] {
        assert_eq!(with(key, value), Err(LinkError::Context(key.to_owned())));
    }
    let mut long = link();
    for key in report::link::CONTEXT_KEYS {
        long.context.insert((*key).to_owned(), "x".repeat(500));
    }
    assert_eq!(keys.sign(&long, NOW_MS), Err(LinkError::TooLong));
    let service = ReportLink { service: Some(String::new()), ..link() };
    assert_eq!(keys.sign(&service, NOW_MS), Err(LinkError::Context("service".into())));
}

proptest! {
    #[test]
    fn one_changed_bit_is_refused(at in any::<prop::sample::Index>(), bit in 0..7_u32) {
        let keys = keys(&[1, 2]);
        let mut token = keys.sign(&link(), NOW_MS).unwrap().token.into_bytes();
        let at = at.index(token.len());
        token[at] ^= 1 << bit;
        let token = String::from_utf8(token).unwrap();
        prop_assert!(keys.check(&token, NOW_MS).is_err());
    }

    #[test]
    fn any_text_is_refused(text in "(hcl1\\.)?[a-zA-Z0-9._-]{0,200}") {
        prop_assert!(keys(&[1]).check(&text, NOW_MS).is_err());
    }
}
