//! Where the reporter stands: variables of the process, git, and files of the work tree.

use crate::rollout::git::ask;
use report::context::{Context, GitAnswers, Known, Lines, Tree, is_signed, place_in_tree};
use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};

/// Largest file of a work tree that is read for the name of a service, in bytes.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// What git runs to look at signatures, whatever the repository's configuration names: only programs of these names, found
/// as the reporter's own shell finds them.
const PROGRAMS: [&str; 6] =
    ["-c", "gpg.program=gpg", "-c", "gpg.ssh.program=ssh-keygen", "-c", "gpg.x509.program=gpgsm"];

/// A work tree that somebody stands in.
struct WorkTree {
    top: PathBuf,
    /// From the top, with `/` between its parts.
    folder: String,
}

impl WorkTree {
    /// The work tree around `folder`; git need not be there.
    fn around(folder: &Path) -> Option<Self> {
        let folder = folder.canonicalize().ok()?;
        let top = folder.ancestors().find(|above| above.join(".git").exists())?;
        let below = folder.strip_prefix(top).ok()?;
        let parts: Option<Vec<&str>> = below.iter().map(|part| part.to_str()).collect();
        Some(Self { top: top.to_owned(), folder: parts?.join("/") })
    }

    fn git(&self, arguments: &[&str]) -> Option<String> {
        ask(&self.top, arguments).map(|text| text.trim().to_owned()).filter(|text| !text.is_empty())
    }
}

impl GitAnswers for WorkTree {
    fn commit(&self) -> Option<String> {
        self.git(&["rev-parse", "--verify", "HEAD"])
    }

    fn branch(&self) -> Option<String> {
        self.git(&["symbolic-ref", "--quiet", "--short", "HEAD"])
    }

    fn remote(&self) -> Option<String> {
        let first = || self.git(&["remote"]).and_then(|names| names.lines().next().map(str::to_owned));
        let url = |name: &str| self.git(&["remote", "get-url", "--", name]);
        url("origin").or_else(|| url(&first()?))
    }

    fn is_signed(&self) -> Option<bool> {
        let show = ["log", "-1", "--no-show-signature", "--format=%G?", "HEAD"];
        is_signed(&self.git(&[&PROGRAMS[..], &show].concat())?)
    }
}

impl Tree for WorkTree {
    fn folder(&self) -> &str {
        &self.folder
    }

    fn read(&self, path: &str) -> Option<String> {
        let file = self.top.join(path).canonicalize().ok()?;
        // a link may lead out of the tree
        let is_inside = file.starts_with(&self.top) && file.is_file();
        let file = is_inside.then(|| std::fs::File::open(file).ok())??;
        let mut text = String::new();
        let bytes = file.take(FILE_BYTES_MAX + 1).read_to_string(&mut text).ok()?;
        (bytes as u64 <= FILE_BYTES_MAX).then_some(text)
    }
}

/// What is known at `folder` by this process.
pub(super) fn context_at(folder: &Path) -> Context {
    let variables: BTreeMap<String, String> = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect();
    let tree = WorkTree::around(folder);
    let tree = tree.as_ref();
    Context::work_out(
        &variables,
        tree.map(|tree| tree as &dyn GitAnswers),
        tree.map(|tree| tree as &dyn Tree),
    )
}

/// The file that somebody names, with its lines: `FILE`, `FILE:7`, `FILE:7-12`. Of what lies elsewhere the name
/// of the file alone is told.
pub(super) fn file_at(context: &mut Context, folder: &Path, named: &str) {
    let (file, lines) = match named.rsplit_once(':').map(|(file, lines)| (file, lines.parse::<Lines>())) {
        Some((file, Ok(lines))) if !file.is_empty() => (file, Some(lines)),
        _ => (named, None),
    };
    let tree = WorkTree::around(folder);
    let inside = match (Path::new(file).is_absolute(), &tree) {
        (true, Some(tree)) => Path::new(file)
            .canonicalize()
            .ok()
            .and_then(|path| Some(path.strip_prefix(&tree.top).ok()?.to_str()?.to_owned())),
        (false, Some(tree)) => place_in_tree(&tree.folder, file),
        // without git the folder counts as the top, as where a runner unpacked an archive
        (false, None) => place_in_tree("", file),
        (true, None) => None,
    };
    let name = || Some(Path::new(file).file_name()?.to_str()?.to_owned());
    let known = |value: String| Known { value, from: "--at".to_owned() };
    context.file = inside.or_else(name).map(known);
    context.lines = lines.map(|lines| known(lines.to_string()));
}

/// The repository that `folder` is of.
pub(in crate::commands) fn repository_at(folder: &Path) -> Option<String> {
    let tree = WorkTree::around(folder)?;
    report::context::repository_of(&tree.remote()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::process::{Command, Stdio};

    fn git(folder: &Path, arguments: &[&str]) -> bool {
        let mut command = Command::new("git");
        command.arg("-C").arg(folder).args(["-c", "user.name=t", "-c", "user.email=t@example.com"]);
        command
            .args(["-c", "commit.gpgsign=false"])
            .args(arguments)
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        command.status().is_ok_and(|status| status.success())
    }

    /// A work tree with a commit; nothing where git is not there.
    fn work_tree() -> Option<tempfile::TempDir> {
        let folder = tempfile::tempdir().unwrap();
        if !git(folder.path(), &["init", "-b", "main"]) {
            assert!(std::env::var_os("HUECRY_REQUIRE_ALL").is_none(), "git is not there");
            eprintln!("SKIPPED: there is no git");
            return None;
        }
        fs::create_dir_all(folder.path().join("svc/till")).unwrap();
        fs::write(folder.path().join("svc/till/pay.rs"), "fn pay() {}\n").unwrap();
        fs::write(folder.path().join(".huecry.toml"), "service = \"till\"\n").unwrap();
        assert!(git(folder.path(), &["add", "."]) && git(folder.path(), &["commit", "-m", "first"]));
        let url = "https://kim:ghp_secret@git.example/acme/till.git";
        assert!(git(folder.path(), &["remote", "add", "origin", url]));
        Some(folder)
    }

    #[test]
    fn a_work_tree_says_what_it_is() {
        let Some(folder) = work_tree() else { return };
        let deep = folder.path().join("svc/till");
        let tree = WorkTree::around(&deep).unwrap();
        assert_eq!(tree.folder(), "svc/till");
        let mut context = Context::work_out(&BTreeMap::new(), Some(&tree), Some(&tree));
        assert_eq!(context.branch.as_ref().map(|known| known.value.as_str()), Some("main"));
        assert_eq!(context.repository.as_ref().map(|known| known.value.as_str()), Some("acme/till"));
        assert_eq!(context.service.as_ref().map(|known| known.value.as_str()), Some("till"));
        assert_eq!(context.commit.as_ref().map(|known| known.value.len()), Some(40));
        assert_eq!(context.signed_commit, Some(false));
        assert!(!format!("{context:?}").contains("ghp_secret"));
        assert_eq!(repository_at(&deep).as_deref(), Some("acme/till"));
        for (named, file, lines) in [
            ("pay.rs:1-2", "svc/till/pay.rs", Some("1-2")),
            ("../x.rs", "svc/x.rs", None),
            ("../../../etc/passwd:7", "passwd", Some("7")),
            ("/srv/kim/secret.txt", "secret.txt", None),
        ] {
            file_at(&mut context, &deep, named);
            let value = |known: &Option<Known>| known.as_ref().map(|known| known.value.clone());
            assert_eq!(value(&context.file).as_deref(), Some(file), "{named}");
            assert_eq!(value(&context.lines).as_deref(), lines, "{named}");
        }
        let absolute = deep.join("pay.rs").canonicalize().unwrap();
        file_at(&mut context, &deep, &format!("{}:3", absolute.display()));
        assert_eq!(context.file.map(|known| known.value).as_deref(), Some("svc/till/pay.rs"));
    }

    #[test]
    fn no_program_of_the_repository_runs_and_no_link_leads_out() {
        let Some(folder) = work_tree() else { return };
        let ran = folder.path().join("ran");
        let program = folder.path().join("program.sh");
        fs::write(&program, format!("#!/bin/sh\ntouch {}\n", ran.display())).unwrap();
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        let name = program.to_str().unwrap();
        for key in ["gpg.program", "gpg.ssh.program", "gpg.x509.program", "core.fsmonitor", "core.pager"] {
            assert!(git(folder.path(), &["config", key, name]));
        }
        assert!(git(folder.path(), &["config", "log.showSignature", "true"]));
        let tree = WorkTree::around(folder.path()).unwrap();
        let context = Context::work_out(&BTreeMap::new(), Some(&tree), Some(&tree));
        assert!(context.commit.is_some() && !ran.exists());
        let outside = tempfile::tempdir().unwrap();
        fs::write(outside.path().join("secret"), "service = \"secret\"").unwrap();
        fs::remove_file(folder.path().join(".huecry.toml")).unwrap();
        std::os::unix::fs::symlink(outside.path().join("secret"), folder.path().join(".huecry.toml"))
            .unwrap();
        assert_eq!(tree.read(".huecry.toml"), None);
        assert_eq!(tree.read("svc/till/pay.rs").as_deref(), Some("fn pay() {}\n"));
        fs::write(folder.path().join("large"), vec![b'x'; FILE_BYTES_MAX as usize + 1]).unwrap();
        assert_eq!(tree.read("large"), None);
    }
}
