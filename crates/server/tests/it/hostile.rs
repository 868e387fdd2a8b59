//! Bad input: each kind gets a clear coded answer, nothing is lost, memory stays bounded.

use crate::fixture::{NOW_MS, Server, gzip};
use crate::http::connect;
use std::io::Write;

const PATH: &str = "/api/v1/ingest/trail";
const MIB: usize = 1024 * 1024;

/// The most memory that this process ever held, in bytes; each test has a process of its own.
fn peak_memory_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    line.split_whitespace().nth(1)?.parse::<u64>().ok().map(|kib| kib * 1024)
}

fn assert_memory_below(bytes_max: u64) {
    if let Some(peak) = peak_memory_bytes() {
        assert!(peak < bytes_max, "{} MiB were held", peak >> 20);
    }
}

#[test]
fn a_line_of_one_gigabyte() {
    let server = Server::start();
    let token = server.source_token("trail");
    let before = peak_memory_bytes().unwrap_or(0);
    let block = vec![b'x'; MIB];
    let request = server.post(PATH).bearer(&token).header("content-type", "application/x-ndjson");
    let answer = request.send_chunked(server.at, &block, 1024);
    assert_eq!(answer.code(), (413, "body_too_large".into()));
    assert_memory_below(before + 160 * MIB as u64);
    // and so for a length that is announced
    let mut stream = connect(server.at);
    let head = format!(
        "POST {PATH} HTTP/1.1\r\nhost: t\r\nconnection: close\r\nauthorization: Bearer {token}\r\n\
         content-length: {}\r\nexpect: 100-continue\r\n\r\n",
        1024 * MIB
    );
    stream.write_all(head.as_bytes()).unwrap();
    assert_eq!(crate::http::read_answer(stream).code(), (413, "body_too_large".into()));
    assert!(server.raw().is_empty());
}

#[test]
fn a_truncated_gzip() {
    let server = Server::start();
    let token = server.source_token("trail");
    let packed = gzip(&br#"{"eventName":"CreateUser","eventID":"1"}"#.repeat(100));
    for len in [1, 9, 10, packed.len() / 2, packed.len() - 1] {
        let request = server.post(PATH).bearer(&token).header("content-encoding", "gzip");
        let answer = request.body(&packed[..len]).send(server.at);
        assert_eq!(answer.code(), (400, "compressed_truncated".into()), "{len} bytes");
    }
    assert!(server.raw().is_empty());
}

#[test]
fn a_zip_bomb() {
    let server = Server::start();
    let token = server.source_token("trail");
    let before = peak_memory_bytes().unwrap_or(0);
    // one gibibyte of zeros, in 1,024 members
    let bomb = gzip(&vec![0; MIB]).repeat(1024);
    let send = |encoding: Option<&str>, path| {
        let mut request = server.post(path).bearer(&token);
        if let Some(encoding) = encoding {
            request = request.header("content-encoding", encoding);
        }
        request.body(&bomb).send(server.at)
    };
    assert_eq!(send(Some("gzip"), PATH).code(), (413, "decompressed_too_large".into()));
    assert_eq!(send(None, PATH).code(), (413, "decompressed_too_large".into()));
    // what is packed twice is unpacked once: the inner layer is no JSON
    let twice = gzip(&gzip(b"{}"));
    let request = server.post(PATH).bearer(&token).header("content-encoding", "gzip");
    assert_eq!(request.body(&twice).send(server.at).code(), (400, "body_not_splittable".into()));
    let hec = server.post("/services/collector").header("authorization", format!("Splunk {token}"));
    let hec = hec.header("content-encoding", "gzip").body(&bomb).send(server.at);
    assert_eq!((hec.status, hec.json()["code"].as_u64()), (413, Some(27)));
    assert_memory_below(before + 256 * MIB as u64);
    assert!(server.raw().is_empty());
}

#[test]
fn nesting_100_000_deep() {
    let server = Server::start();
    let token = server.source_token("trail");
    let deep = [r#"{"a":"#.repeat(100_000), "1".to_owned(), "}".repeat(100_000)].concat();
    let answer = server.post(PATH).bearer(&token).body(&deep).send(server.at);
    assert_eq!((answer.status, answer.json()["accepted"].as_u64()), (200, Some(1)), "normalize refuses it");
    assert_eq!(server.bodies(), std::slice::from_ref(&deep));
    let open = "[".repeat(100_000);
    let answer = server.post(PATH).bearer(&token).body(&open).send(server.at);
    assert_eq!(answer.code(), (400, "body_truncated".into()));
    let envelope = format!(r#"{{"Records":[{deep},{{"b":1}}]}}"#);
    let answer = server.post(PATH).bearer(&token).body(&envelope).send(server.at);
    assert_eq!(answer.json()["accepted"], 2, "its neighbour is not lost");
    let hec = server.post("/services/collector").header("authorization", format!("Splunk {token}"));
    let event = format!(r#"{{"event":{deep}}}"#);
    assert_eq!(hec.body(&event).send(server.at).status, 200);
}

#[test]
fn invalid_utf8() {
    let server = Server::start();
    let token = server.source_token("trail");
    let body = b"{\"a\":\"\xff\xfe\"}\n{\"b\":1}\n";
    let answer = server.post(PATH).bearer(&token).body(&body[..]).send(server.at);
    assert_eq!(answer.json()["accepted"], 2);
    let bodies: Vec<Vec<u8>> = server.raw().into_iter().map(|raw| raw.body).collect();
    assert_eq!(bodies, [b"{\"a\":\"\xff\xfe\"}".to_vec(), b"{\"b\":1}".to_vec()], "byte for byte");
    let api = server.api_token(&[access::Scope::TokensAdmin]);
    let answer = server.post("/api/v1/tokens").bearer(&api).body(&b"{\"name\":\"\xff\"}"[..]).send(server.at);
    assert_eq!(answer.code(), (400, "request_invalid".into()));
}

#[test]
fn a_clock_ten_years_off() {
    let server = Server::start();
    let token = server.source_token("trail");
    for year in [2013, 2033] {
        let body = format!(r#"{{"eventTime":"{year}-11-14T22:13:20Z"}}"#);
        let date = format!("Mon, 14 Nov {year} 22:13:20 GMT");
        let answer = server.post(PATH).bearer(&token).header("date", date).body(&body).send(server.at);
        assert_eq!(answer.status, 200);
    }
    assert_eq!(server.raw().len(), 2);
    assert_eq!(model::Clock::now_ms(&*server.clock), NOW_MS, "received_at is the door's own time");
}

#[test]
fn a_body_that_breaks_off() {
    let server = Server::start();
    let token = server.source_token("trail");
    let mut stream = connect(server.at);
    let head = format!(
        "POST {PATH} HTTP/1.1\r\nhost: t\r\nauthorization: Bearer {token}\r\ncontent-length: 100\r\n\r\n{{\"a\":1}}\n"
    );
    stream.write_all(head.as_bytes()).unwrap();
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    let mut answer = Vec::new();
    std::io::Read::read_to_end(&mut stream, &mut answer).unwrap();
    assert!(!String::from_utf8_lossy(&answer).contains("accepted"));
    assert!(server.raw().is_empty());
}

#[test]
fn nonsense_instead_of_http() {
    let server = Server::start();
    for bytes in [&b"\x16\x03\x01\x02\x00\x01"[..], b"GET\r\n\r\n", b"\0\0\0\0", b"GET / HTTP/9.9\r\n\r\n"] {
        let mut stream = connect(server.at);
        stream.write_all(bytes).unwrap();
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        let mut answer = Vec::new();
        let _ = std::io::Read::read_to_end(&mut stream, &mut answer);
        assert!(!answer.starts_with(b"HTTP/1.1 200"));
    }
    assert_eq!(server.get("/healthz", "x").status, 200);
}
