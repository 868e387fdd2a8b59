//! A network of two, in namespaces of Linux, with a real `nft`.

use crate::ssh::lacks;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

/// A network namespace at 10.9.0.1, and in it a neighbour's at 10.9.0.2, which is 10.9.0.3 too.
pub(crate) struct Net {
    holder: Child,
    neighbour: String,
    user: &'static [&'static str],
}

pub(crate) const PATH: &str = "/usr/sbin:/usr/bin:/sbin:/bin";

const HOLDER: &str = "unshare --net sleep 600 >/dev/null 2>&1 & b=$!; sleep 0.5; \
    ip link set lo up; ip link add a0 type veth peer name b0 netns $b; ip addr add 10.9.0.1/24 dev a0; ip link set a0 up; \
    nsenter -t $b -n ip addr add 10.9.0.2/24 dev b0; \
    nsenter -t $b -n ip addr add 10.9.0.3/24 dev b0; nsenter -t $b -n ip link set b0 up; \
    nft list tables || { kill $b; exit 1; }; echo $b; exec sleep 600";

impl Net {
    /// Nothing if none can be made here.
    pub(crate) fn start() -> Option<Self> {
        let mut command = Command::new("unshare");
        command.env("PATH", PATH);
        // in a namespace of users of its own nobody needs to be root, and no server can become anybody else
        let (unshare, user): (&[&str], &'static [&'static str]) = if is_root() {
            (&[], &[])
        } else {
            (&["--user", "--map-root-user"], &["--user", "--preserve-credentials"])
        };
        command.args(unshare).args(["--net", "sh", "-c", HOLDER]);
        let holder = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
        let Ok(mut holder) = holder else {
            lacks("there is no unshare");
            return None;
        };
        let mut neighbour = String::new();
        BufReader::new(holder.stdout.take().unwrap()).read_line(&mut neighbour).unwrap();
        let net = Self { holder, neighbour: neighbour.trim().to_owned(), user };
        if net.neighbour.is_empty() {
            lacks("no network namespace with nft and veth can be made here (Debian: nftables, iproute2)");
            return None;
        }
        Some(net)
    }

    fn enter(&self, pid: &str) -> Vec<String> {
        let target = format!("--target={pid}");
        let words = ["nsenter", &target, "--net"].into_iter().chain(self.user.iter().copied());
        words.map(str::to_owned).collect()
    }

    /// The words before a command that runs in it.
    pub(crate) fn own(&self) -> Vec<String> {
        self.enter(&self.holder.id().to_string())
    }

    /// The words before a command that runs at its neighbour.
    pub(crate) fn at_neighbour(&self) -> Vec<String> {
        self.enter(&self.neighbour)
    }

    /// What `nft` says in it.
    pub(crate) fn nft(&self, more: &[&str]) -> String {
        let mut words = self.own();
        words.push("nft".to_owned());
        words.extend(more.iter().map(|word| (*word).to_owned()));
        let output = Command::new(&words[0]).args(&words[1..]).env("PATH", PATH).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// Whether the neighbour reaches it: a port that nobody listens on refuses at once, and what is dropped is silent.
    pub(crate) fn is_reached(&self) -> bool {
        refuses_at_once(self.at_neighbour(), "10.9.0.1")
    }

    /// Whether it reaches that address.
    pub(crate) fn reaches(&self, address: &str) -> bool {
        refuses_at_once(self.own(), address)
    }
}

impl Drop for Net {
    fn drop(&mut self) {
        if self.neighbour.parse::<u32>().is_ok() {
            let _ = Command::new("kill").arg(&self.neighbour).status();
        }
        let _ = self.holder.kill();
        let _ = self.holder.wait();
    }
}

/// Whether these tests are run by root.
pub(crate) fn is_root() -> bool {
    let output = Command::new("id").arg("-u").output().unwrap();
    output.stdout.trim_ascii() == b"0"
}

fn refuses_at_once(mut words: Vec<String>, address: &str) -> bool {
    let connect = format!("exec 3<>/dev/tcp/{address}/9");
    words.extend(["timeout", "2", "bash", "-c", &connect].map(str::to_owned));
    let status = Command::new(&words[0]).args(&words[1..]).stderr(Stdio::null()).status().unwrap();
    status.code() == Some(1)
}
