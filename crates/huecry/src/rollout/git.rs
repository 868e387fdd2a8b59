//! Which commit a folder is of: asked of `git`, or read from the work tree's files where git is not there.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Longest wait for git.
const GIT_WAIT_MAX: Duration = Duration::from_secs(10);
/// Pause between looks whether git has ended.
const GIT_PAUSE: Duration = Duration::from_millis(5);
/// A lock older than this was left behind by a git that died.
const LOCK_AGE_MAX: Duration = Duration::from_secs(60);
/// Largest file of git's that is read, in bytes.
const FILE_BYTES_MAX: u64 = 8 << 20;

/// A folder in a git work tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GitState {
    /// The folder.
    pub folder: String,
    /// The commit that is checked out, in hex.
    pub commit: String,
    /// Whether files of the folder differ from the commit; `None` where git could not be asked.
    pub is_dirty: Option<bool>,
}

/// The state of `folder`; `None` where it is in no work tree or nothing is committed.
pub fn state_of(folder: &Path) -> Option<GitState> {
    let place = find(folder)?;
    let commit = ask(folder, &["rev-parse", "--verify", "HEAD"]).map(|text| text.trim().to_owned());
    let commit = commit.filter(|text| is_commit(text)).or_else(|| head(&place))?;
    let status = ask(
        folder,
        &["status", "--porcelain", "--untracked-files=normal", "--ignore-submodules=all", "--", "."],
    );
    let is_dirty = status.map(|text| !text.trim().is_empty());
    Some(GitState { folder: folder.display().to_string(), commit, is_dirty })
}

/// Whether git is writing the work tree that `folder` is in.
pub(super) fn is_busy(folder: &Path) -> bool {
    let Some(place) = find(folder) else { return false };
    let age = std::fs::metadata(place.join("index.lock")).and_then(|lock| lock.modified()).ok();
    age.and_then(|at| at.elapsed().ok()).is_some_and(|age| age < LOCK_AGE_MAX)
}

/// What keeps git from running programs that files of a work tree name: no repository inside of the folder is taken for
/// the folder's own (its configuration would be content of a change), no file system monitor, no submodules.
pub(crate) const SAFE: [&str; 5] =
    ["--no-optional-locks", "-c", "core.fsmonitor=false", "-c", "safe.bareRepository=explicit"];

/// Asks git without letting content of the work tree run programs, and without writing to it. Filters that `.git/config`
/// names run; that file is the operator's.
pub(crate) fn ask(folder: &Path, arguments: &[&str]) -> Option<String> {
    let mut command = Command::new("git");
    command.arg("-C").arg(folder).args(SAFE).args(arguments);
    for variable in ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"] {
        command.env_remove(variable);
    }
    command.env("GIT_TERMINAL_PROMPT", "0").stdin(Stdio::null()).stderr(Stdio::null());
    let mut child = command.stdout(Stdio::piped()).spawn().ok()?;
    // read beside, so that a long answer does not fill the pipe while its end is waited for
    let mut out = child.stdout.take()?;
    let reader = std::thread::spawn(move || {
        use std::io::Read;
        let mut text = Vec::new();
        out.by_ref().take(FILE_BYTES_MAX).read_to_end(&mut text).map(|_| text)
    });
    let is_good = wait(&mut child);
    let text = reader.join().ok()?.ok()?;
    is_good.then(|| String::from_utf8_lossy(&text).into_owned())
}

fn wait(child: &mut Child) -> bool {
    let deadline = Instant::now() + GIT_WAIT_MAX;
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return status.success(),
            Ok(None) if Instant::now() < deadline => std::thread::sleep(GIT_PAUSE),
            _ => {
                let _ = child.kill();
                let _ = child.wait();
                return false;
            }
        }
    }
}

fn is_commit(text: &str) -> bool {
    matches!(text.len(), 40 | 64) && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn read(path: &Path) -> Option<String> {
    let is_small = std::fs::metadata(path).is_ok_and(|file| file.len() <= FILE_BYTES_MAX);
    is_small.then(|| std::fs::read_to_string(path).ok()).flatten()
}

/// The folder with HEAD and index: `.git`, or where a file of that name points (gitrepository-layout(5)).
fn find(folder: &Path) -> Option<PathBuf> {
    let folder = folder.canonicalize().ok()?;
    folder.ancestors().find_map(|above| {
        let dot = above.join(".git");
        if dot.is_dir() {
            return Some(dot);
        }
        let target = PathBuf::from(read(&dot)?.strip_prefix("gitdir:")?.trim());
        Some(if target.is_absolute() { target } else { above.join(target) })
    })
}

/// The commit of HEAD, by its own files: loose and packed refs, also of a linked work tree.
fn head(place: &Path) -> Option<String> {
    let text = read(&place.join("HEAD"))?;
    let Some(name) = text.trim().strip_prefix("ref:").map(str::trim) else {
        return Some(text.trim().to_owned()).filter(|text| is_commit(text));
    };
    if name.split('/').any(|part| part == ".." || part.is_empty()) {
        return None;
    }
    let common = read(&place.join("commondir")).map_or_else(|| place.to_owned(), |to| place.join(to.trim()));
    let loose = [place, &common].into_iter().find_map(|at| read(&at.join(name)));
    if let Some(commit) = loose.map(|text| text.trim().to_owned()).filter(|text| is_commit(text)) {
        return Some(commit);
    }
    let packed = read(&common.join("packed-refs"))?;
    packed.lines().find_map(|line| {
        let (commit, packed) = line.split_once(' ')?;
        (packed == name && is_commit(commit)).then(|| commit.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

    #[test]
    fn a_commit_is_found_in_every_layout() {
        let folder = tempfile::tempdir().unwrap();
        let (root, git) = (folder.path().join("repo"), folder.path().join("repo/.git"));
        fs::create_dir_all(root.join("rules/deep")).unwrap();
        fs::create_dir_all(git.join("refs/heads")).unwrap();
        let of = |folder: &Path| find(folder).and_then(|place| head(&place));
        assert_eq!(of(&root.join("rules/deep")), None, "nothing is committed");
        for (head_text, file, text) in [
            (COMMIT, "unused", ""),
            ("ref: refs/heads/main\n", "refs/heads/main", COMMIT),
            (
                "ref: refs/heads/packed\n",
                "packed-refs",
                &*format!("# pack-refs\n{COMMIT} refs/heads/packed\n"),
            ),
        ] {
            fs::write(git.join("HEAD"), head_text).unwrap();
            fs::write(git.join(file), text).unwrap();
            assert_eq!(of(&root.join("rules/deep")).as_deref(), Some(COMMIT), "{head_text}");
        }
        for bad in ["ref: refs/../../secret", "ref: refs/heads/absent", "nonsense"] {
            fs::write(git.join("HEAD"), bad).unwrap();
            assert_eq!(of(&root), None, "{bad}");
        }
        // a linked work tree: a file that points to its own HEAD, whose refs are the other's
        let (linked, own) = (folder.path().join("linked"), git.join("worktrees/linked"));
        fs::create_dir_all(&linked).unwrap();
        fs::create_dir_all(&own).unwrap();
        fs::write(linked.join(".git"), format!("gitdir: {}\n", own.display())).unwrap();
        fs::write(own.join("HEAD"), "ref: refs/heads/main\n").unwrap();
        fs::write(own.join("commondir"), "../..\n").unwrap();
        assert_eq!(of(&linked).as_deref(), Some(COMMIT));
        assert!(!is_busy(&linked));
        fs::write(own.join("index.lock"), "").unwrap();
        assert!(is_busy(&linked));
        assert_eq!(find(folder.path()).filter(|place| place.starts_with(folder.path())), None);
    }

    #[test]
    fn git_says_what_is_not_committed() {
        let folder = tempfile::tempdir().unwrap();
        let git = |arguments: &[&str]| {
            let mut command = Command::new("git");
            command.arg("-C").arg(folder.path());
            command.args([
                "-c",
                "user.name=t",
                "-c",
                "user.email=t@example.com",
                "-c",
                "commit.gpgsign=false",
            ]);
            command.args(arguments).stdout(Stdio::null()).stderr(Stdio::null());
            command.status().is_ok_and(|status| status.success())
        };
        if !git(&["init"]) {
            assert!(std::env::var_os("HUECRY_REQUIRE_ALL").is_none(), "git is not there");
            eprintln!("SKIPPED: there is no git");
            return;
        }
        fs::write(folder.path().join("a.yml"), "a").unwrap();
        assert_eq!(state_of(folder.path()), None, "nothing is committed");
        assert!(git(&["add", "."]) && git(&["commit", "-m", "first"]));
        let clean = state_of(folder.path()).unwrap();
        assert_eq!((clean.commit.len(), clean.is_dirty), (40, Some(false)));
        // a repository inside of the folder has a configuration of its own, which may name programs
        let inside = folder.path().join("inside");
        assert!(git(&["init", "--bare", inside.to_str().unwrap()]));
        assert_eq!(ask(&inside, &["rev-parse", "--git-dir"]), None, "it is not taken for the folder's");
        assert_eq!(state_of(&inside).map(|state| state.commit), Some(clean.commit.clone()));
        fs::remove_dir_all(&inside).unwrap();
        fs::write(folder.path().join("b.yml"), "b").unwrap();
        let dirty = state_of(folder.path()).unwrap();
        assert_eq!((dirty.commit, dirty.is_dirty), (clean.commit, Some(true)));
    }
}
