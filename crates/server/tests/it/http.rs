//! A client that sends exactly the bytes that a test names.

use serde_json::Value;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// Longer than any answer takes; only a hanging server is met by it.
pub(crate) const HANG: Duration = Duration::from_secs(120);

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&self.body)))
    }

    /// Status and problem code.
    pub(crate) fn code(&self) -> (u16, String) {
        let json = self.json();
        (self.status, json["code"].as_str().map_or_else(|| json["code"].to_string(), str::to_owned))
    }
}

pub(crate) struct Request<'r> {
    pub(crate) method: &'r str,
    pub(crate) path: &'r str,
    pub(crate) headers: Vec<(&'r str, String)>,
    pub(crate) body: &'r [u8],
}

pub(crate) fn request<'r>(method: &'r str, path: &'r str) -> Request<'r> {
    Request { method, path, headers: Vec::new(), body: b"" }
}

impl<'r> Request<'r> {
    pub(crate) fn header(mut self, name: &'r str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    pub(crate) fn bearer(self, secret: &str) -> Self {
        self.header("authorization", format!("Bearer {secret}"))
    }

    pub(crate) fn body(mut self, body: &'r (impl AsRef<[u8]> + ?Sized)) -> Self {
        self.body = body.as_ref();
        self
    }

    fn head(&self) -> String {
        let mut head = format!("{} {} HTTP/1.1\r\nconnection: close\r\n", self.method, self.path);
        if !self.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("host")) {
            head.push_str("host: test\r\n");
        }
        for (name, value) in &self.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head
    }

    pub(crate) fn send(&self, to: SocketAddr) -> Answer {
        let mut stream = connect(to);
        let head = format!("{}content-length: {}\r\n\r\n", self.head(), self.body.len());
        stream.write_all(head.as_bytes()).unwrap();
        stream.write_all(self.body).unwrap();
        read_answer(stream)
    }

    /// Sends `bytes` as a chunked body of unknown length, repeating `block`.
    pub(crate) fn send_chunked(&self, to: SocketAddr, block: &[u8], blocks: usize) -> Answer {
        let mut stream = connect(to);
        let head = format!("{}transfer-encoding: chunked\r\n\r\n", self.head());
        stream.write_all(head.as_bytes()).unwrap();
        let size = format!("{:x}\r\n", block.len());
        for _ in 0..blocks {
            stream.write_all(size.as_bytes()).unwrap();
            stream.write_all(block).unwrap();
            stream.write_all(b"\r\n").unwrap();
        }
        stream.write_all(b"0\r\n\r\n").unwrap();
        read_answer(stream)
    }

    /// Sends the head and leaves the connection open for what comes.
    pub(crate) fn open(&self, to: SocketAddr) -> BufReader<TcpStream> {
        let mut stream = connect(to);
        stream.write_all(format!("{}\r\n", self.head()).as_bytes()).unwrap();
        BufReader::new(stream)
    }
}

pub(crate) fn connect(to: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(to).unwrap();
    stream.set_read_timeout(Some(HANG)).unwrap();
    stream.set_write_timeout(Some(HANG)).unwrap();
    stream
}

pub(crate) fn read_answer(stream: TcpStream) -> Answer {
    let mut reader = BufReader::new(stream);
    let (status, headers) = read_head(&mut reader);
    let mut body = Vec::new();
    reader.read_to_end(&mut body).unwrap();
    Answer { status, headers, body }
}

pub(crate) fn read_head(reader: &mut impl BufRead) -> (u16, Vec<(String, String)>) {
    let mut line = String::new();
    reader.read_line(&mut line).unwrap();
    let status = line.split(' ').nth(1).unwrap_or_else(|| panic!("no status in {line:?}")).parse().unwrap();
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        match line.trim_end().split_once(": ") {
            Some((name, value)) => headers.push((name.to_owned(), value.to_owned())),
            None => return (status, headers),
        }
    }
}
