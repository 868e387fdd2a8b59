//! Addresses that people are sent to.

/// Longest path that a person goes back to, in bytes.
pub const RETURN_BYTES_MAX: usize = 512;

/// Whether a browser that is sent to `path` stays on this server. `//host` and `/\host` are other hosts to browsers,
/// line breaks end a header, and tabs vanish from URLs.
pub fn is_own_path(path: &str) -> bool {
    let mut bytes = path.bytes();
    path.len() <= RETURN_BYTES_MAX
        && bytes.next() == Some(b'/')
        && !matches!(bytes.next(), Some(b'/' | b'\\'))
        && path.bytes().all(|b| b.is_ascii_graphic() && b != b'\\')
}

/// The origin of the address that people reach a server at, as `https://host:port` without a usual port; `None` for a
/// text that is more or less than that.
pub fn public_origin(url: &str) -> Option<String> {
    let parsed = url::Url::parse(url).ok()?;
    let only_origin = parsed.path() == "/" && parsed.query().is_none() && parsed.fragment().is_none();
    let plain = parsed.username().is_empty() && parsed.password().is_none();
    let web = matches!(parsed.scheme(), "https" | "http") && parsed.host().is_some();
    (only_origin && plain && web).then(|| parsed.origin().ascii_serialization())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_paths_of_this_server_are_gone_back_to() {
        for good in ["/", "/incidents/inc_1?tab=history#end", "/a//b", "/%0d%0a"] {
            assert!(is_own_path(good), "{good}");
        }
        let long = format!("/{}", "a".repeat(RETURN_BYTES_MAX));
        for bad in [
            "",
            "incidents",
            "//evil.example",
            "/\\evil.example",
            "\\\\evil.example",
            "https://evil.example",
            "/\t/evil.example",
            "/a\r\nSet-Cookie: x=1",
            "/a\nb",
            "/a b",
            "/ü",
            "/a\\..\\b",
            "javascript:alert(1)",
            &long,
        ] {
            assert!(!is_own_path(bad), "{bad:?}");
        }
    }

    #[test]
    fn an_origin_is_all_that_is_taken() {
        for (url, origin) in [
            ("https://hue.example", Some("https://hue.example")),
            ("https://Hue.example:443/", Some("https://hue.example")),
            ("http://127.0.0.1:8787", Some("http://127.0.0.1:8787")),
            ("https://hue.example/path", None),
            ("https://user@hue.example", None),
            ("ftp://hue.example", None),
            ("hue.example", None),
        ] {
            assert_eq!(public_origin(url).as_deref(), origin, "{url}");
        }
    }
}
