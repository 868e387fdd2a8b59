//! What a dependency or an artifact is called: package URLs and digests.

use super::DraftError;
use std::fmt;
use std::str::FromStr;

/// Longest package URL, in bytes.
const PACKAGE_BYTES_MAX: usize = 512;

/// A package URL: `pkg:type/namespace/name@version?qualifiers#subpath` (ECMA-427).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PackageUrl {
    text: String,
    kind: String,
}

impl PackageUrl {
    /// Where packages of its type come from, as the form of malicious dependencies calls it.
    pub fn ecosystem(&self) -> &'static str {
        match self.kind.as_str() {
            "npm" => "npm",
            "pypi" => "PyPI",
            "cargo" => "Cargo",
            "golang" => "Go",
            "maven" => "Maven",
            "nuget" => "NuGet",
            "gem" => "RubyGems",
            "docker" | "oci" => "Container image",
            "github" | "githubactions" => "CI action",
            "vscode-extension" | "chrome-extension" => "Editor or browser extension",
            _ => "Something else",
        }
    }
}

impl FromStr for PackageUrl {
    type Err = DraftError;

    /// The type is lower-cased as the specification wants it; all else stays as it was given.
    fn from_str(text: &str) -> Result<Self, DraftError> {
        let wrong = |reason| DraftError::NoPackage { text: text.to_owned(), reason };
        if text.len() > PACKAGE_BYTES_MAX || text.chars().any(|c| c.is_control() || c.is_whitespace()) {
            return Err(wrong("it is too long, or has gaps in it"));
        }
        let (scheme, rest) = text.split_once(':').ok_or_else(|| wrong("it does not begin with pkg:"))?;
        if !scheme.eq_ignore_ascii_case("pkg") {
            return Err(wrong("it does not begin with pkg:"));
        }
        let (kind, path) = rest
            .trim_start_matches('/')
            .split_once('/')
            .ok_or_else(|| wrong("after pkg: come a type, a slash and a name"))?;
        let kind = kind.to_ascii_lowercase();
        let is_kind = kind.starts_with(|c: char| c.is_ascii_lowercase())
            && kind.chars().all(|c| c.is_ascii_alphanumeric() || ".+-".contains(c));
        if !is_kind {
            return Err(wrong("its type is none"));
        }
        let name = path.split(['?', '#']).next().unwrap_or_default();
        // a scope such as `@acme` is no version
        let name =
            name.rfind('@').filter(|at| *at > 0 && !name[*at..].contains('/')).map_or(name, |at| &name[..at]);
        if name.trim_matches('/').is_empty() {
            return Err(wrong("it has no name"));
        }
        Ok(Self { text: format!("pkg:{kind}/{path}"), kind })
    }
}

impl fmt::Display for PackageUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// The SHA-256 of an artifact: `sha256:` and 64 digits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Digest(String);

impl FromStr for Digest {
    type Err = DraftError;

    fn from_str(text: &str) -> Result<Self, DraftError> {
        let digits = text.strip_prefix("sha256:").unwrap_or(text);
        let is_good = digits.len() == 64 && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        is_good
            .then(|| Self(format!("sha256:{}", digits.to_ascii_lowercase())))
            .ok_or_else(|| DraftError::NoDigest(text.chars().take(80).collect()))
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn package_urls_of_the_specification() {
        for (text, expected) in [
            ("pkg:npm/left-pad@1.3.0", Some(("pkg:npm/left-pad@1.3.0", "npm"))),
            ("pkg:npm/%40angular/animation@12.3.1", Some(("pkg:npm/%40angular/animation@12.3.1", "npm"))),
            ("pkg:npm/@acme/till", Some(("pkg:npm/@acme/till", "npm"))),
            ("pkg:PyPI/django@1.11.1", Some(("pkg:pypi/django@1.11.1", "PyPI"))),
            (
                "pkg:golang/google.golang.org/genproto@abcd#googleapis/api",
                Some(("pkg:golang/google.golang.org/genproto@abcd#googleapis/api", "Go")),
            ),
            (
                "pkg:maven/org.apache.xmlgraphics/batik-anim@1.9.1?packaging=sources",
                Some(("pkg:maven/org.apache.xmlgraphics/batik-anim@1.9.1?packaging=sources", "Maven")),
            ),
            (
                "pkg://gem/ruby-advisory-db-check@0.12.4",
                Some(("pkg:gem/ruby-advisory-db-check@0.12.4", "RubyGems")),
            ),
            (
                "pkg:docker/cassandra@sha256:244fd47e07d1004f0aed9c",
                Some(("pkg:docker/cassandra@sha256:244fd47e07d1004f0aed9c", "Container image")),
            ),
            ("pkg:githubactions/acme/deploy@v1", Some(("pkg:githubactions/acme/deploy@v1", "CI action"))),
            (
                "pkg:swift/github.com/acme/till@1",
                Some(("pkg:swift/github.com/acme/till@1", "Something else")),
            ),
            ("left-pad@1.3.0", None),
            ("npm/left-pad", None),
            ("pkg:npm", None),
            ("pkg:npm/", None),
            ("pkg:1npm/x", None),
            ("pkg:n pm/x", None),
            ("pkg:npm/left pad", None),
        ] {
            let found = text.parse::<PackageUrl>().ok();
            let found = found.as_ref().map(|package| (package.to_string(), package.ecosystem()));
            assert_eq!(found, expected.map(|(text, from)| (text.to_owned(), from)), "{text}");
        }
    }

    #[test]
    fn digests_are_sha256() {
        let digits = "AB".repeat(32);
        for text in [digits.clone(), format!("sha256:{digits}")] {
            assert_eq!(text.parse::<Digest>().unwrap().to_string(), format!("sha256:{}", "ab".repeat(32)));
        }
        for bad in ["", "sha256:", "sha1:da39a3ee5e6b4b0d3255bfef95601890afd80709", &digits[1..]] {
            assert!(bad.parse::<Digest>().unwrap_err().hint().contains("sha256sum"), "{bad}");
        }
    }
}
