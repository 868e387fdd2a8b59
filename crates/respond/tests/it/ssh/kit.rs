//! A real `sshd` (OpenSSH) on a port of loopback, with keys of its own, for as long as a test runs.

use crate::connectors::shipped;
use crate::durable::kit::{Kit, setup};
use crate::net::{Net, is_root};
use respond::connector::{HostCommand, HttpRemote, SshKey, Values};
use respond::protect::{Protected, Protection, TargetKind};
use respond::shell;
use respond::{Connection, FixedSetup, Responder, ResponderOptions};
use std::io::Read;
use std::net::{TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tempfile::TempDir;

pub(crate) struct Sshd {
    dir: TempDir,
    server: Child,
    pub(crate) port: u16,
    pub(crate) user: String,
}

/// What is needed is not there: loud on a machine of somebody's, a failure where everything is required.
pub(crate) fn lacks(what: &str) {
    assert!(std::env::var_os("HUECRY_REQUIRE_ALL").is_none(), "{what}");
    eprintln!("SKIPPED: {what}");
}

fn done(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

pub(crate) fn make_key(file: &Path) {
    done(Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-C", "", "-f"]).arg(file));
}

impl Sshd {
    /// Nothing if there is no `sshd` here.
    pub(crate) fn start() -> Option<Self> {
        Self::start_with("")
    }

    /// With more lines of its configuration.
    pub(crate) fn start_with(more: &str) -> Option<Self> {
        Self::start_by(&[], "ListenAddress 127.0.0.1\nListenAddress 127.0.0.2", more, |_| ())
    }

    /// In a network of its own, where only the neighbour reaches it: through there goes who connects here.
    pub(crate) fn start_inside(net: &Net) -> Option<Self> {
        if !is_root() {
            lacks("nobody but root can start a server in a network of its own");
            return None;
        }
        let from = net.at_neighbour();
        Self::start_by(&net.own(), "ListenAddress 10.9.0.1", "", move |port| relay(port, from))
    }

    fn start_by(before: &[String], listen: &str, more: &str, opened: impl FnOnce(u16)) -> Option<Self> {
        let folders = ["/usr/sbin", "/usr/local/sbin", "/usr/bin"];
        let Some(program) = folders.iter().map(|dir| Path::new(dir).join("sshd")).find(|file| file.is_file())
        else {
            lacks("there is no sshd (Debian: openssh-server)");
            return None;
        };
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        make_key(&at("host"));
        make_key(&at("user"));
        std::fs::copy(at("user.pub"), at("authorized")).unwrap();
        std::fs::create_dir(at("bin")).unwrap();
        if done(Command::new("id").arg("-u")) == "0" {
            // it wants this one to be there where it is root
            std::fs::create_dir_all("/run/sshd").unwrap();
        }
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let root = dir.path().display();
        let config = format!(
            "Port {port}\n{listen}\nHostKey {root}/host\nPidFile none\nAuthorizedKeysFile {root}/authorized\n\
             StrictModes no\nUsePAM no\nPasswordAuthentication no\nKbdInteractiveAuthentication no\n\
             PermitRootLogin prohibit-password\nLogLevel ERROR\nMaxStartups 100\n\
             SetEnv PATH={root}/bin:/usr/sbin:/usr/bin:/sbin:/bin\n{more}\n"
        );
        std::fs::write(at("config"), config).unwrap();
        let log = std::fs::File::create(at("log")).unwrap();
        // what enters a namespace becomes the server: it is the same process
        let mut words = before.iter().map(String::from).chain([program.display().to_string()]);
        let mut server = Command::new(words.next().unwrap_or_default());
        server.args(words).args(["-D", "-e", "-f"]).arg(at("config"));
        opened(port);
        let server = server.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn().unwrap();
        let sshd = Self { port, server, user: done(Command::new("id").arg("-un")), dir };
        let until = Instant::now() + Duration::from_secs(20);
        while !greets(port) {
            let log = std::fs::read_to_string(sshd.file("log")).unwrap_or_default();
            assert!(Instant::now() < until, "sshd does not listen: {log}");
            std::thread::sleep(Duration::from_millis(20));
        }
        let key = std::fs::read_to_string(sshd.file("host.pub")).unwrap();
        std::fs::write(sshd.file("known"), format!("[127.0.0.1]:{port} {key}")).unwrap();
        Some(sshd)
    }

    /// A file of it.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn path(&self, name: &str) -> String {
        self.file(name).display().to_string()
    }

    /// A program that sessions find before those of the system.
    pub(crate) fn install(&self, name: &str, script: &str) {
        use std::os::unix::fs::PermissionsExt;
        let file = self.file("bin").join(name);
        std::fs::write(&file, script).unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).unwrap();
    }

    pub(crate) fn command(&self, words: &[&str]) -> HostCommand {
        HostCommand {
            host: "127.0.0.1".into(),
            port: self.port,
            user: self.user.clone(),
            key: SshKey::File(self.path("user")),
            known_hosts: self.path("known"),
            line: shell::line(words.iter().copied()).unwrap(),
            stdin: String::new(),
            seconds_max: 15,
        }
    }

    /// A shipped connector that is set up for it.
    pub(crate) fn connection(&self, name: &str, more: &[(&str, &str)]) -> Connection {
        let connector = shipped().into_iter().find(|connector| connector.connector == name).unwrap();
        let mut settings = Values::from([
            ("ssh_hosts".to_owned(), "127.0.0.1, 127.0.0.2".to_owned()),
            ("ssh_user".to_owned(), self.user.clone()),
            ("ssh_port".to_owned(), self.port.to_string()),
            ("ssh_key_file".to_owned(), self.path("user")),
            ("ssh_known_hosts".to_owned(), self.path("known")),
        ]);
        settings.extend(more.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        Connection::new(Arc::new(connector), Arc::new(settings))
    }

    /// Responders on a real store that reach it, with what is protected.
    pub(crate) async fn kit(
        &self,
        name: &str,
        more: &[(&str, &str)],
        protected: &[(TargetKind, &str)],
    ) -> Kit {
        let protected: Vec<Protected> = protected
            .iter()
            .map(|(kind, pattern)| Protected {
                kind: *kind,
                pattern: (*pattern).to_owned(),
                reason: "it must stay".to_owned(),
            })
            .collect();
        let mut kit = Kit::new().await;
        let setup = FixedSetup {
            connections: [(name.to_owned(), self.connection(name, more))].into(),
            protection: Arc::new(Protection::new(&protected).unwrap()),
            ..setup("http://toy.example")
        };
        kit.options = ResponderOptions {
            remote: Arc::new(HttpRemote::default()),
            setup: Arc::new(setup),
            ..kit.options.clone()
        };
        kit.responder = Responder::new(kit.options.clone());
        kit
    }
}

/// Whether a server of SSH says who it is there (RFC 4253, section 4.2).
fn greets(port: u16) -> bool {
    let Ok(mut connection) = TcpStream::connect(("127.0.0.1", port)) else { return false };
    let mut first = [0; 4];
    let read = connection
        .set_read_timeout(Some(Duration::from_secs(2)))
        .and_then(|()| connection.read_exact(&mut first));
    read.is_ok() && first == *b"SSH-"
}

/// Connections to that port of loopback go to the same port of 10.9.0.1, from where these words lead.
fn relay(port: u16, from: Vec<String>) {
    let listener = TcpListener::bind(("127.0.0.1", port)).unwrap();
    std::thread::spawn(move || {
        for connection in listener.incoming().flatten() {
            let way = format!("exec 3<>/dev/tcp/10.9.0.1/{port} && {{ cat <&3 & cat >&3; }}");
            let mut command = Command::new(&from[0]);
            command.args(&from[1..]).args(["bash", "-c", &way]).stderr(Stdio::null());
            let to = OwnedFd::from(connection.try_clone().unwrap());
            let child = command.stdin(OwnedFd::from(connection)).stdout(to).spawn();
            std::thread::spawn(move || child.map(|mut child| child.wait()));
        }
    });
}

impl Drop for Sshd {
    fn drop(&mut self) {
        // its sessions end with their connections
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}
