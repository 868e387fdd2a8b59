//! The way to a mail server, with an end: what speaks SMTP waits for each answer by itself and for as much of it as comes, so a server
//! that sends a byte now and then, or a line without an end, would hold it for ever.
//!
//! All bytes go through a pair of threads here, which end both sides at a moment that is set before, or after too many bytes. What
//! speaks connects to a port of this machine that takes one connection and no other; nothing that is encrypted is opened.
//!
//! **Invariant:** before STARTTLS the two speak by turns: of what the server, or somebody in between, sends beside the one answer that is due,
//! nothing is passed on before the next command. So nothing that came before TLS is taken for an answer within it: it ends
//! the handshake.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Most bytes that a server may send over one connection; answers are lines.
const BYTES_MAX: usize = 1 << 20;
/// Most bytes of one answer before TLS.
const ANSWER_BYTES_MAX: usize = 64 << 10;
/// How often it is looked whether somebody has connected, or has said something.
const LOOK: Duration = Duration::from_millis(2);
/// Bytes that go at once.
const BUFFER_BYTES: usize = 16 << 10;

/// An open way.
pub(super) struct Wire {
    /// Where to connect to.
    pub(super) near: SocketAddr,
}

/// What has been said on this side, before STARTTLS.
#[derive(Default)]
struct Said {
    /// How often.
    times: AtomicU64,
    /// Whether TLS was asked for.
    starttls: AtomicBool,
}

/// Opens a way to the first of these that answers within `wait`; it stands until `end` at the latest. `by_turns`: until STARTTLS the two
/// speak by turns.
///
/// # Errors
/// That of the last address.
pub(super) fn open(
    addresses: &[SocketAddr],
    wait: Duration,
    end: Instant,
    by_turns: bool,
) -> io::Result<Wire> {
    let mut last = io::Error::from(io::ErrorKind::AddrNotAvailable);
    for address in addresses {
        match TcpStream::connect_timeout(address, wait) {
            Ok(far) => return through(far, end, by_turns),
            Err(error) => last = error,
        }
    }
    Err(last)
}

fn through(far: TcpStream, end: Instant, by_turns: bool) -> io::Result<Wire> {
    far.set_nodelay(true)?;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    listener.set_nonblocking(true)?;
    let near = listener.local_addr()?;
    let thread = std::thread::Builder::new().name("mail-wire".to_owned());
    thread.spawn(move || {
        // where it fails, both sides see that it is over
        let _ = carry(&listener, &far, end, by_turns);
    })?;
    Ok(Wire { near })
}

/// Carries bytes both ways, until one side ends or it is over.
fn carry(listener: &TcpListener, far: &TcpStream, end: Instant, by_turns: bool) -> io::Result<()> {
    let near = loop {
        match listener.accept() {
            Ok((near, _)) => break near,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock && Instant::now() < end => {
                std::thread::sleep(LOOK);
            }
            Err(error) => return Err(error),
        }
    };
    near.set_nonblocking(false)?;
    near.set_nodelay(true)?;
    let said = Said::default();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let _ = copy(&near, far, usize::MAX, end, |bytes| said.hear(bytes));
            close(&near, far);
            said.hear(&[]);
        });
        let first = if by_turns { take_turns(far, &near, &said, end) } else { Ok(()) };
        let _ = first.and_then(|()| copy(far, &near, BYTES_MAX, end, |_| ()));
        close(&near, far);
    });
    Ok(())
}

impl Said {
    fn hear(&self, bytes: &[u8]) {
        if bytes.get(..8).is_some_and(|command| command.eq_ignore_ascii_case(b"STARTTLS")) {
            self.starttls.store(true, Ordering::SeqCst);
        }
        self.times.fetch_add(1, Ordering::SeqCst);
    }
}

/// Passes on one answer for each thing that is said, until TLS begins.
fn take_turns(mut far: &TcpStream, mut near: &TcpStream, said: &Said, end: Instant) -> io::Result<()> {
    let (mut answers, mut buffer) = (Vec::new(), vec![0; BUFFER_BYTES]);
    let left = || Some(end.saturating_duration_since(Instant::now())).filter(|left| !left.is_zero());
    let is_over = || io::Error::from(io::ErrorKind::TimedOut);
    loop {
        let Some(length) = answer_length(&answers) else {
            far.set_read_timeout(Some(left().ok_or_else(is_over)?))?;
            let count = far.read(&mut buffer)?;
            if count == 0 || answers.len() > ANSWER_BYTES_MAX {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            answers.extend_from_slice(buffer.get(..count).unwrap_or_default());
            continue;
        };
        let (before, is_last) = (said.times.load(Ordering::SeqCst), said.starttls.load(Ordering::SeqCst));
        let rest = answers.split_off(length);
        near.write_all(&answers)?;
        answers = rest;
        while said.times.load(Ordering::SeqCst) == before {
            left().ok_or_else(is_over)?;
            std::thread::sleep(LOOK);
        }
        if is_last {
            return near.write_all(&answers);
        }
    }
}

/// How many bytes the first answer has, if it is all there (RFC 5321, 4.2.1).
fn answer_length(bytes: &[u8]) -> Option<usize> {
    let mut length = 0;
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        length += line.len();
        if line.ends_with(b"\n") && line.get(3) != Some(&b'-') {
            return Some(length);
        }
    }
    None
}

/// Copies until the end of the stream, of the time, or of the bytes; `hear` is told of them before they go.
fn copy(
    mut from: &TcpStream,
    mut to: &TcpStream,
    bytes_max: usize,
    end: Instant,
    hear: impl Fn(&[u8]),
) -> io::Result<()> {
    let (mut buffer, mut left) = (vec![0; BUFFER_BYTES], bytes_max);
    loop {
        let time = end.saturating_duration_since(Instant::now());
        if time.is_zero() || left == 0 {
            return Ok(());
        }
        from.set_read_timeout(Some(time))?;
        let count = from.read(&mut buffer)?.min(left);
        if count == 0 {
            return Ok(());
        }
        to.set_write_timeout(Some(time))?;
        let bytes = buffer.get(..count).unwrap_or_default();
        hear(bytes);
        to.write_all(bytes)?;
        left -= count;
    }
}

/// Ends both sides, and so whoever waits for one of them. What was written before is still read.
fn close(near: &TcpStream, far: &TcpStream) {
    let _ = near.shutdown(Shutdown::Both);
    let _ = far.shutdown(Shutdown::Both);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What somebody in between adds to an answer is not there before the next command, and so never within TLS.
    #[test]
    fn before_tls_the_two_speak_by_turns() {
        let server = TcpListener::bind("127.0.0.1:0").unwrap();
        let end = Instant::now() + Duration::from_secs(10);
        let wire = open(&[server.local_addr().unwrap()], Duration::from_secs(5), end, true).unwrap();
        let (mut far, mut near) = (server.accept().unwrap().0, TcpStream::connect(wire.near).unwrap());
        let mut heard = |said: &[u8]| {
            near.write_all(said).unwrap();
            near.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
            let (mut bytes, mut buffer) = (Vec::new(), [0; 100]);
            while let Ok(count @ 1..) = near.read(&mut buffer) {
                bytes.extend_from_slice(buffer.get(..count).unwrap());
            }
            String::from_utf8(bytes).unwrap()
        };
        far.write_all(b"220 here\r\n250-a\r\n250 STARTTLS\r\n220 go\r\n250 injected\r\n235 yes\r\n").unwrap();
        assert_eq!(heard(b""), "220 here\r\n");
        assert_eq!(heard(b"EHLO x\r\n"), "250-a\r\n250 STARTTLS\r\n");
        assert_eq!(heard(b"STARTTLS\r\n"), "220 go\r\n");
        // what follows is bytes of TLS, whatever they are
        assert_eq!(heard(b"hello"), "250 injected\r\n235 yes\r\n");
        far.write_all(b"raw").unwrap();
        assert_eq!(heard(b"more"), "raw");
    }

    #[test]
    fn an_answer_ends_with_its_last_line() {
        for (bytes, length) in [
            ("", None),
            ("220 x", None),
            ("220 x\r\n", Some(7)),
            ("220 x\r\n250 injected\r\n", Some(7)),
            ("250-a\r\n250-b\r\n", None),
            ("250-a\r\n250 b\r\n235 yes\r\n", Some(14)),
        ] {
            assert_eq!(answer_length(bytes.as_bytes()), length, "{bytes:?}");
        }
    }
}
