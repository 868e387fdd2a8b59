//! Files that others wrote and use.

use super::shared;
use huecry_enrich::{Codeowners, Dialect, FaultCode, lint};
use std::path::PathBuf;

fn files(folder: &str) -> Option<Vec<PathBuf>> {
    let folder = shared(folder)?;
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|file| file.file_name().is_some_and(|name| name != "ORIGIN.txt"));
    files.sort();
    Some(files)
}

#[test]
fn code_owners_in_use_are_read_and_their_lines_decide() {
    let Some(files) = files("ownership/codeowners-catalog") else { return };
    let mut rules = 0;
    for file in files.iter().filter(|file| huecry_enrich::is_codeowners(file)) {
        let text = std::fs::read_to_string(file).unwrap();
        let name = file.display().to_string();
        let (owners, faults) = Codeowners::parse(&name, &text, Dialect::Auto);
        rules += owners.rules();
        let told: Vec<_> = faults.iter().filter(|fault| !fault.code.is_remark()).collect();
        // one project lists its people without a pattern, which its forge skips too
        assert_eq!(told.is_empty(), !name.contains("okta-sdk-golang"), "{told:?}");
        let written = text.lines().map(str::trim).filter(|l| !l.is_empty() && !l.starts_with('#')).count();
        assert_eq!(owners.rules() + told.len(), written, "{name}");
        // a path made from a line's own pattern is that line's, or a later one's
        for (number, line) in (1..).zip(text.lines()) {
            let Some(pattern) = line.split_whitespace().next().filter(|p| !p.starts_with(['#', '@'])) else {
                continue;
            };
            let path =
                pattern.replace("**", "x").replace('*', "x") + if pattern.ends_with('/') { "x" } else { "" };
            let claims = owners.claims(&path);
            assert!(claims.len() == 1 && claims[0].line >= number, "{name}:{number} {path}: {claims:?}");
        }
    }
    println!("{rules} lines of code owners");
    assert!(rules > 1_000, "{rules}");
}

#[test]
fn known_paths_have_known_owners() {
    let Some(folder) = shared("ownership/codeowners-catalog") else { return };
    let cases = [
        (
            "trufflesecurity+trufflehog__CODEOWNERS",
            "proto/detector_type.proto",
            "@trufflesecurity/integrations",
        ),
        ("trufflesecurity+trufflehog__CODEOWNERS", "pkg/engine/engine.go", "@trufflesecurity/scanning"),
        ("actions+toolkit__CODEOWNERS", "packages/cache/src/cache.ts", "@actions/actions-cache"),
        ("actions+toolkit__CODEOWNERS", "packages/core/src/core.ts", "@actions/actions-runtime"),
        (
            "microsoft+presidio__CODEOWNERS",
            "a/b/pyproject.toml",
            "@data-privacy-stack/presidio-administrators",
        ),
    ];
    for (file, path, owner) in cases {
        let text = std::fs::read_to_string(folder.join(file)).unwrap();
        let (owners, _) = Codeowners::parse(file, &text, Dialect::Auto);
        assert_eq!(owners.claims(path)[0].owners[0], owner, "{file} {path}");
    }
}

/// Every catalogue file either gives services or says why not, at a line.
#[test]
fn backstage_files_in_use_resolve_or_say_why_not() {
    let (Some(mut all), Some(more)) =
        (files("ownership/backstage-entities"), files("ownership/codeowners-catalog"))
    else {
        return;
    };
    all.extend(more.into_iter().filter(|file| file.extension().is_some_and(|end| end == "yaml")));
    let mut read = 0;
    for file in &all {
        let (faults, services) = lint(std::slice::from_ref(file));
        read += services;
        let name = file.display().to_string();
        let codes: Vec<_> = faults.iter().map(|fault| fault.code).collect();
        if name.contains("skeleton") || name.contains("pull-request__template") {
            assert_eq!(codes.first(), Some(&FaultCode::TemplateUnrendered), "{faults:?}");
        } else if name.contains("app-config") {
            assert_eq!(codes, [FaultCode::NotACatalog], "{faults:?}");
        } else {
            assert!(codes.iter().all(|code| code.is_remark()), "{faults:?}");
            let is_template = name.ends_with("template.yaml");
            assert_eq!(services == 0, is_template, "{name}");
        }
        assert!(faults.iter().all(|fault| fault.line > 0 && fault.file == name), "{faults:?}");
    }
    println!("{read} services of {} files", all.len());
    assert!(read >= 6, "{read}");
}
