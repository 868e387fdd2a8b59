//! A thousand anonymous reports leave nothing of who sent them, and nothing of the people they name: not in a table, the
//! log, the lake, the audit tree, the server's own log or a metric.

use crate::program::Server;
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::time::{Duration, Instant};

const REPORTS: usize = 1_000;
/// Where they come from, which nothing else does.
const ADDRESS: &str = "127.77.66.55";
/// What else a browser says of itself.
const AGENT: &str = "PlantedBrowser/77.66";
const REFERER: &str = "https://planted-referer.example/inbox";
/// People and secrets in the texts.
const PLANTED: [&str; 6] = [
    "planted.person@victim.example",
    "4111111111111111",
    "GB82WEST12345698765432",
    "078-05-1120",
    "81.2.69.142",
    "ghp_R4nd0mLookingTokenValueForTests00x9Zz",
];

/// A connection from [`ADDRESS`].
fn connect(url: &str) -> TcpStream {
    let to: SocketAddr = url.strip_prefix("http://").unwrap().parse().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().unwrap();
    let stream = runtime.block_on(async {
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.bind(format!("{ADDRESS}:0").parse().unwrap()).unwrap();
        socket.connect(to).await.unwrap().into_std().unwrap()
    });
    stream.set_nonblocking(false).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    stream
}

/// One request and its answer's status and body.
fn ask(stream: &mut TcpStream, body: &str) -> (u16, String) {
    let head = format!(
        "POST /api/v1/reports HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nUser-Agent: {AGENT}\r\n\
         Referer: {REFERER}\r\nX-Forwarded-For: {ADDRESS}\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(head.as_bytes()).unwrap();
    let mut bytes = Vec::new();
    let mut byte = [0];
    while !bytes.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).unwrap();
        bytes.push(byte[0]);
    }
    let head = String::from_utf8(bytes).unwrap().to_ascii_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
    let mut body = vec![0; length.parse().unwrap()];
    stream.read_exact(&mut body).unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), String::from_utf8(body).unwrap())
}

fn report(number: usize) -> String {
    let planted = PLANTED[number % PLANTED.len()];
    let text = format!("Number {number}: something odd about {planted}, seen this morning on the build page");
    json!({ "form": "suspicious-activity", "service": "till", "anonymous": true, "channel": "web",
        "fields": { "what_happened": text } })
    .to_string()
}

/// Files of the folder in which one of the needles stands.
fn files_with(folder: &Path, needles: &[&str], found: &mut Vec<String>) {
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            files_with(&path, needles, found);
            continue;
        }
        let bytes = std::fs::read(&path).unwrap();
        for needle in needles {
            if memchr::memmem::find(&bytes, needle.as_bytes()).is_some() {
                found.push(format!("{needle} in {}", path.display()));
            }
        }
    }
}

/// The raw records of reports in the lake, once there are as many as were sent.
fn in_the_lake(server: &Server) -> String {
    let began = Instant::now();
    loop {
        let body = json!({ "sql": "SELECT raw FROM events WHERE source = 'reports'" }).to_string();
        let (status, text) = server.post("/api/v1/query", &server.admin, body.as_bytes()).unwrap();
        assert_eq!(status, 200, "{text}");
        let answer: Value = serde_json::from_str(&text).unwrap();
        let rows = answer["rows"].as_array().map_or(0, Vec::len);
        if rows == REPORTS {
            return text;
        }
        assert!(rows < REPORTS, "{rows} reports in the lake");
        assert!(began.elapsed() < Duration::from_secs(120), "{rows} of {REPORTS} reports came to the lake");
        std::thread::sleep(Duration::from_millis(200));
    }
}

#[test]
fn nothing_of_them_is_anywhere() {
    let home = tempfile::tempdir().unwrap();
    let config = "[reports]\npublic_services = [\"till\"]\n[enrich]\ncatalog = []\n";
    let server = Server::start_logging(home.path(), config, "trace");
    let mut answers = String::new();
    let mut stream = connect(&server.url);
    for number in 0..REPORTS {
        let (status, body) = ask(&mut stream, &report(number));
        assert_eq!(status, 201, "{number}: {body}");
        answers.push_str(&body);
    }
    let lake = in_the_lake(&server);
    let metrics = server.get("/metrics");
    assert!(metrics.contains("huecry_report"), "there are no metrics of reports");
    let listed = server.get("/api/v1/reports?limit=100");
    let audit = server.get("/api/v1/audit?limit=100");
    drop(server);

    let needles: Vec<&str> =
        PLANTED.into_iter().chain([ADDRESS, AGENT, REFERER, "planted-referer"]).collect();
    for (what, text) in [
        ("answers", &answers),
        ("the lake", &lake),
        ("metrics", &metrics),
        ("the list", &listed),
        ("audit", &audit),
    ] {
        for needle in &needles {
            assert!(!text.contains(needle), "{needle} in {what}");
        }
    }
    let mut found = Vec::new();
    files_with(home.path(), &needles, &mut found);
    assert_eq!(found, [""; 0]);
    // the search finds what is there
    let mut known = Vec::new();
    files_with(home.path(), &["something odd about"], &mut known);
    assert!(!known.is_empty(), "the texts themselves were not found in any file");
}
