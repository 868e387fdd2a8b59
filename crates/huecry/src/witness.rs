//! Where checkpoints of the audit log go besides: a program, a file.

use crate::config::AuditConfig;
use audit::Witness;
use std::io::ErrorKind;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

/// Longest run of a witness's program.
const COMMAND_RUN_MAX: Duration = Duration::from_secs(10);

/// The witnesses that the configuration names.
pub(crate) fn configured(config: &AuditConfig) -> Vec<Arc<dyn Witness>> {
    let mut witnesses: Vec<Arc<dyn Witness>> = Vec::new();
    if let Some((program, arguments)) = config.witness_command.split_first() {
        witnesses.push(Arc::new(Program { program: program.clone(), arguments: arguments.to_vec() }));
    }
    if let Some(path) = &config.witness_file {
        witnesses.push(Arc::new(AppendedFile(path.clone())));
    }
    witnesses
}

/// Gives each checkpoint to a program, on its standard input.
struct Program {
    program: String,
    arguments: Vec<String>,
}

/// Appends each checkpoint to a file; an empty line ends each.
struct AppendedFile(PathBuf);

#[async_trait::async_trait]
impl Witness for Program {
    fn name(&self) -> &'static str {
        "command"
    }

    async fn take(&self, note: &str) -> Result<(), String> {
        let run = async {
            let mut child = Command::new(&self.program)
                .args(&self.arguments)
                .stdin(Stdio::piped())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .kill_on_drop(true)
                .spawn()?;
            if let Some(mut input) = child.stdin.take() {
                match input.write_all(note.as_bytes()).await {
                    // it ended without reading all; its exit status says whether it is content
                    Err(error) if error.kind() == ErrorKind::BrokenPipe => {}
                    written => written?,
                }
            }
            child.wait().await
        };
        match tokio::time::timeout(COMMAND_RUN_MAX, run).await {
            Ok(Ok(status)) if status.success() => Ok(()),
            Ok(Ok(status)) => Err(format!("{} ended with {status}", self.program)),
            Ok(Err(error)) => Err(format!("{}: {error}", self.program)),
            Err(_) => Err(format!("{} ran longer than {} s", self.program, COMMAND_RUN_MAX.as_secs())),
        }
    }
}

#[async_trait::async_trait]
impl Witness for AppendedFile {
    fn name(&self) -> &'static str {
        "file"
    }

    async fn take(&self, note: &str) -> Result<(), String> {
        let write = async {
            let mut file = tokio::fs::OpenOptions::new().create(true).append(true).open(&self.0).await?;
            file.write_all(format!("{note}\n").as_bytes()).await?;
            file.sync_data().await
        };
        write.await.map_err(|error| format!("{}: {error}", self.0.display()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_program_and_a_file_get_each_checkpoint() {
        let dir = tempfile::tempdir().unwrap();
        let (taken, appended) = (dir.path().join("taken"), dir.path().join("appended"));
        let script = format!("cat > '{}'", taken.display());
        let config = AuditConfig {
            witness_command: vec!["sh".into(), "-c".into(), script],
            witness_file: Some(appended.clone()),
            ..AuditConfig::default()
        };
        for note in ["first\n", "second\n"] {
            for witness in configured(&config) {
                witness.take(note).await.unwrap();
            }
        }
        assert_eq!(std::fs::read_to_string(taken).unwrap(), "second\n");
        assert_eq!(std::fs::read_to_string(appended).unwrap(), "first\n\nsecond\n\n");
        let failing = Program { program: "sh".into(), arguments: vec!["-c".into(), "exit 3".into()] };
        assert!(failing.take("note").await.unwrap_err().contains("exit status: 3"));
        let missing = Program { program: "/nonexistent/witness".into(), arguments: Vec::new() };
        assert!(missing.take("note").await.is_err());
    }
}
