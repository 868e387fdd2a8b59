//! The name of a repository from the URL of a remote.

use super::text;

/// Parts of a path that hosts put before or into a repository's name, and that are none of it: Azure Repos `_git`,
/// Bitbucket Data Center `scm`, the `v3` of Azure's SSH.
const NOT_NAMES: [(&str, Option<usize>); 3] = [("_git", None), ("scm", Some(0)), ("v3", Some(0))];

/// `owner/name` (with groups in between, as GitLab has them) of a remote's URL; nothing for a folder of this machine, and
/// never anything of its credentials. URLs and the short form of SSH are git-clone(1)'s, "GIT URLS".
pub fn repository_of(url: &str) -> Option<String> {
    let url = url.trim();
    let path = match url.split_once("://") {
        Some((scheme, rest)) => {
            let is_remote = ["https", "http", "ssh", "git", "git+ssh", "ssh+git"]
                .iter()
                .any(|s| scheme.eq_ignore_ascii_case(s));
            // beyond the last `@` of the part before the path there are no credentials
            let (authority, path) = rest.split_once('/')?;
            let host = authority.rsplit('@').next().unwrap_or_default();
            (is_remote && !host.is_empty()).then_some(path)?
        }
        None => {
            let (host, path) = url.split_once(':')?;
            // `C:\…` is a drive, and a slash before the colon makes it a path
            let is_remote = host.len() > 1 && !host.contains(['/', '\\']) && !path.starts_with('\\');
            is_remote.then_some(path)?
        }
    };
    name(path)
}

/// A name that a CI system gives: `owner/name`, or the URL of a remote.
pub(super) fn named(value: &str) -> Option<String> {
    match value {
        _ if value.contains("://") || value.contains('@') => repository_of(value),
        // a folder of this machine
        _ if value.starts_with(['/', '.', '~']) => None,
        _ => name(value),
    }
}

fn name(path: &str) -> Option<String> {
    let path = path.split(['?', '#']).next().unwrap_or_default();
    let path = path.trim_matches('/');
    let path = path.strip_suffix(".git").unwrap_or(path);
    let all: Vec<&str> = path.split('/').collect();
    let is_left_out = |index: usize, part: &str| {
        all.len() > 2 && NOT_NAMES.iter().any(|(name, at)| *name == part && at.is_none_or(|at| at == index))
    };
    let parts: Vec<&str> =
        all.iter().enumerate().filter(|(i, part)| !is_left_out(*i, part)).map(|(_, part)| *part).collect();
    let is_good = |part: &&str| {
        !part.is_empty()
            && !matches!(*part, "." | "..")
            && part.chars().all(|c| c.is_alphanumeric() || "._~%+-".contains(c))
    };
    (parts.len() >= 2 && parts.iter().all(is_good)).then(|| text(&parts.join("/"))).flatten()
}

/// A page's URL without user and password; nothing for what is no URL of the web.
pub fn without_credentials(url: &str) -> Option<String> {
    let url = url.trim();
    let (scheme, rest) = url.split_once("://")?;
    let is_web = scheme.eq_ignore_ascii_case("https") || scheme.eq_ignore_ascii_case("http");
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let host = rest[..end].rsplit('@').next().filter(|host| !host.is_empty())?;
    let is_good = is_web && !url.chars().any(|c| c.is_whitespace() || c == '\\');
    is_good.then(|| text(&format!("{}://{host}{}", scheme.to_ascii_lowercase(), &rest[end..]))).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn repositories_of_remotes() {
        for (url, expected) in [
            ("https://github.com/acme/till.git", Some("acme/till")),
            ("https://github.com/acme/till", Some("acme/till")),
            ("https://x-access-token:ghs_secret@github.com/acme/till.git\n", Some("acme/till")),
            ("https://kim:p@ss/w:rd@git.example/acme/till", None),
            ("https://kim:p@ss@git.example:8443/acme/till/", Some("acme/till")),
            ("git@github.com:acme/till.git", Some("acme/till")),
            ("git@gitlab.com:acme/pay/web/till.git", Some("acme/pay/web/till")),
            ("ssh://git@git.example:2222/acme/till.git", Some("acme/till")),
            ("git://git.example/acme/till.git", Some("acme/till")),
            ("HTTPS://git.example/Acme/Till.js.git", Some("Acme/Till.js")),
            ("https://acme@dev.azure.com/acme/shop/_git/till", Some("acme/shop/till")),
            ("https://acme.visualstudio.com/shop/_git/till", Some("shop/till")),
            ("git@ssh.dev.azure.com:v3/acme/shop/till", Some("acme/shop/till")),
            ("https://bitbucket.example/scm/SHOP/till.git", Some("SHOP/till")),
            ("https://github.com/acme/scm", Some("acme/scm")),
            ("https://github.com/scm/till", Some("scm/till")),
            // of this machine, or none at all
            ("/srv/git/acme/till.git", None),
            ("../acme/till", None),
            ("./acme:till", None),
            ("file:///srv/git/acme/till.git", None),
            (r"C:\git\acme\till", None),
            ("C:/git/acme/till", None),
            ("https://git.example", None),
            ("https:///acme/till", None),
            ("https://git.example/till", None),
            ("https://git.example/acme/../till", None),
            ("https://git.example/acme/ti ll", None),
            ("ext::sh -c whoami% >&2", None),
            ("", None),
        ] {
            assert_eq!(repository_of(url).as_deref(), expected, "{url}");
        }
    }

    #[test]
    fn pages_lose_their_credentials() {
        for (url, expected) in [
            ("https://ci.example/job/1", Some("https://ci.example/job/1")),
            ("https://kim:pw@ci.example/job/1?x=a@b", Some("https://ci.example/job/1?x=a@b")),
            ("HTTP://t@ci.example:8080#2", Some("http://ci.example:8080#2")),
            ("https://kim:p@w@ci.example", Some("https://ci.example")),
            ("https://kim:pw@", None),
            ("ftp://ci.example/1", None),
            ("javascript:alert(1)", None),
            ("https://ci.example/a b", None),
            ("ci.example/1", None),
        ] {
            assert_eq!(without_credentials(url).as_deref(), expected, "{url}");
        }
    }

    proptest! {
        #[test]
        fn no_credentials_are_left(user in "[a-z0-9]{1,12}", password in "[A-Z0-9:@!$&=]{8,24}", port in 1_u16..) {
            for url in [
                format!("https://{user}:{password}@git.example:{port}/acme/till.git"),
                format!("ssh://{user}:{password}@git.example/acme/till"),
                format!("{user}@git.example:acme/till.git"),
            ] {
                let name = repository_of(&url);
                prop_assert_eq!(name.as_deref(), Some("acme/till"), "{}", url);
            }
            let page = without_credentials(&format!("https://{user}:{password}@ci.example:{port}/run/1?a=b"));
            prop_assert_eq!(page, Some(format!("https://ci.example:{port}/run/1?a=b")));
        }

        #[test]
        fn any_text_is_answered(url in "\\PC{0,60}") {
            if let Some(name) = repository_of(&url) {
                prop_assert!(name.contains('/') && !name.contains([':', '@', ' ']), "{}", name);
            }
            let _ = without_credentials(&url);
        }
    }
}
