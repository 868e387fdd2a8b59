//! Rule files of a git revision, read by the `git` command: nothing is checked out.

use crate::content::{RuleFile, is_yaml};
use crate::exit::{Exit, Failure};
use crate::rollout::git::SAFE;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};

/// Rule files of one revision.
const FILES_MAX: usize = 100_000;

fn failure(what: impl std::fmt::Display) -> Failure {
    Failure::new(Exit::Faults, what)
}

/// A folder or revision that git does not know.
fn unknown(what: impl std::fmt::Display) -> Failure {
    Failure::new(Exit::Usage, what)
        .hint("DIR must be in a git work tree, and the revision one that git knows")
}

/// What git answers, or what it says against it.
fn git(dir: &Path, args: &[&str]) -> Result<Result<Vec<u8>, String>, Failure> {
    let output = Command::new("git")
        .arg("-C")
        .arg(dir)
        .args(SAFE)
        .args(args)
        .stdin(Stdio::null())
        .output()
        .map_err(|error| failure(format!("git cannot be run: {error}")))?;
    if output.status.success() {
        return Ok(Ok(output.stdout));
    }
    Ok(Err(String::from_utf8_lossy(&output.stderr).trim().to_owned()))
}

/// The rule files of `dir` as of `revision`, named relative to `dir`.
///
/// # Errors
/// [`Failure`] where git, the folder or the revision is not there.
pub(super) fn rules_at(dir: &Path, revision: &str) -> Result<Vec<RuleFile>, Failure> {
    // what comes back is a hash, so nothing that a caller writes can be an option of a later command
    let commit = git(
        dir,
        &["rev-parse", "--verify", "--quiet", "--end-of-options", &format!("{revision}^{{commit}}")],
    )?
    .map_err(|_| unknown(format!("git knows no revision `{revision}` at {}", dir.display())))?;
    let commit = String::from_utf8_lossy(&commit).trim().to_owned();
    let listed =
        git(dir, &["ls-tree", "-r", "-z", &commit, "."])?.map_err(|said| failure(format!("git: {said}")))?;
    let files: Vec<(String, String)> = listed
        .split(|byte| *byte == 0)
        .filter_map(|entry| blob_of(&String::from_utf8_lossy(entry)))
        .collect();
    if files.len() > FILES_MAX {
        return Err(failure(format!("more than {FILES_MAX} rule files")));
    }
    read_blobs(dir, &files)
}

/// Object and name of an entry of `ls-tree` (`MODE blob OBJECT<tab>NAME`) that is a rule file.
fn blob_of(entry: &str) -> Option<(String, String)> {
    let (meta, name) = entry.split_once('\t')?;
    let mut meta = meta.split(' ');
    let (mode, kind, object) = (meta.next()?, meta.next()?, meta.next()?);
    let is_rule = is_yaml(Path::new(name));
    // a symbolic link's blob is only where it points
    (kind == "blob" && mode != "120000" && is_rule).then(|| (object.to_owned(), name.to_owned()))
}

/// Reads all objects through one `git cat-file --batch`.
fn read_blobs(dir: &Path, files: &[(String, String)]) -> Result<Vec<RuleFile>, Failure> {
    let mut child = Command::new("git")
        .arg("-C")
        .arg(dir)
        .args(SAFE)
        .args(["cat-file", "--batch"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| failure(format!("git cannot be run: {error}")))?;
    let (Some(mut stdin), Some(stdout)) = (child.stdin.take(), child.stdout.take()) else {
        return Err(failure("git has no streams"));
    };
    let asked: String = files.iter().map(|(object, _)| format!("{object}\n")).collect();
    // written beside the reading: both pipes may be full
    let writer = std::thread::spawn(move || stdin.write_all(asked.as_bytes()));
    let mut answers = BufReader::new(stdout);
    let mut found = Vec::with_capacity(files.len());
    for (_, name) in files {
        let text = read_blob(&mut answers).map_err(|error| failure(format!("git cat-file: {error}")))?;
        found.push(RuleFile { name: name.clone(), text });
    }
    let _ = writer.join();
    let _ = child.wait();
    Ok(found)
}

/// One answer: `OBJECT blob SIZE`, the bytes, a line end.
fn read_blob(answers: &mut impl BufRead) -> std::io::Result<Result<String, String>> {
    let mut header = String::new();
    answers.read_line(&mut header)?;
    let size: u64 = match header.trim_end().rsplit(' ').next().map(str::parse) {
        Some(Ok(size)) => size,
        _ => return Ok(Err(format!("git answers `{}`", header.trim_end()))),
    };
    let mut bytes = Vec::new();
    answers.by_ref().take(size).read_to_end(&mut bytes)?;
    answers.read_exact(&mut [0])?;
    if size > sigma::limits::FILE_BYTES_MAX as u64 {
        return Ok(Err(format!("the file has more than {} bytes", sigma::limits::FILE_BYTES_MAX)));
    }
    Ok(String::from_utf8(bytes).map_err(|error| error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_that_are_no_rule_files_are_left_alone() {
        let some = |object: &str, name: &str| Some((object.to_owned(), name.to_owned()));
        for (entry, expected) in [
            ("100644 blob abc\tx/a b.yml", some("abc", "x/a b.yml")),
            ("100755 blob abc\ta.yaml", some("abc", "a.yaml")),
            ("100644 blob abc\tA.YML", some("abc", "A.YML")),
            ("100644 blob abc\tREADME.md", None),
            ("120000 blob abc\tlink.yml", None),
            ("160000 commit abc\tmodule.yml", None),
            ("", None),
        ] {
            assert_eq!(blob_of(entry), expected, "{entry}");
        }
    }

    #[test]
    fn answers_of_git_are_read_to_their_end() {
        let text = b"abc blob 3\nx\ny\ndef missing\nghi blob 0\n\n";
        let mut answers = BufReader::new(&text[..]);
        assert_eq!(read_blob(&mut answers).unwrap(), Ok("x\ny".to_owned()));
        assert!(read_blob(&mut answers).unwrap().is_err());
        assert_eq!(read_blob(&mut answers).unwrap(), Ok(String::new()));
    }
}
