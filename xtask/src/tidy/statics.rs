//! State belongs to a value that someone owns: no process-wide statics.

use super::rust_text::RustText;
use super::{Complaint, Repo};

const SHARED_STATE: &[&str] =
    &["OnceLock", "LazyLock", "Mutex", "RwLock", "Atomic", "OnceCell", "LazyCell", "RefCell", "UnsafeCell"];

pub(super) fn check(repo: &Repo) -> Vec<Complaint> {
    let found = repo.rust_files().flat_map(|(file, rust)| {
        rust.product_lines().filter_map(|(line, code)| {
            let what = complaint(rust, line, code)?;
            Some(Complaint::error(&file.path, line, what))
        })
    });
    found.collect()
}

fn complaint(rust: &RustText, line: usize, code: &str) -> Option<String> {
    if code.contains("thread_local!") {
        return Some("hidden state of a thread; pass it as a parameter".into());
    }
    let declaration = declared(code)?;
    if declaration.starts_with("mut ") {
        return Some("`static mut`; give the state an owner".into());
    }
    let allocator = rust.code.lines().take(line - 1).skip(line.saturating_sub(3));
    if allocator.into_iter().any(|above| above.contains("#[global_allocator]")) {
        return None;
    }
    let kind = SHARED_STATE.iter().find(|kind| declaration.contains(**kind))?;
    Some(format!("a process-wide static with `{kind}`; give the state an owner"))
}

/// What follows `static` if this line declares one.
fn declared(code: &str) -> Option<&str> {
    let mut rest = code.trim_start();
    if let Some(after) = rest.strip_prefix("pub") {
        rest = after.trim_start();
        if rest.starts_with('(') {
            rest = rest.split_once(')')?.1.trim_start();
        }
    }
    rest.strip_prefix("static ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statics_with_state_are_found() {
        let cases = [
            ("static NAMES: &[&str] = &[];", 0),
            ("static SEEN: Mutex<u8> = Mutex::new(0);", 1),
            ("pub(crate) static COUNT: AtomicU64 = AtomicU64::new(0);", 1),
            ("    static TABLE: std::sync::OnceLock<u8> = OnceLock::new();", 1),
            ("static mut X: u8 = 0;", 1),
            ("#[global_allocator]\nstatic ALLOCATOR: Counting = Counting(AtomicU64::new(0));", 0),
            ("fn f(x: &'static Mutex<u8>) {}", 0),
            ("thread_local! { static X: u8 = 0; }", 1),
            ("#[cfg(test)]\nmod tests { \nstatic SEEN: Mutex<u8> = Mutex::new(0);\n }", 0),
        ];
        for (text, want) in cases {
            assert_eq!(check(&Repo::made_up(&[("crates/x/src/a.rs", text)])).len(), want, "{text}");
        }
    }
}
