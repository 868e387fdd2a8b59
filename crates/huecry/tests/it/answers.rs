//! Answers that cannot be read are errors, never empty lists.

use crate::program::huecry;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::process::Output;

/// Runs the program against a server that gives `answer` to the one request that comes.
pub(crate) fn run_against(args: &[&str], answer: Vec<u8>) -> Output {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut request = BufReader::new(stream.try_clone().unwrap());
        let (mut line, mut body_bytes) = (String::new(), 0);
        while request.read_line(&mut line).unwrap() > 2 {
            if let Some(length) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                body_bytes = length.trim().parse().unwrap();
            }
            line.clear();
        }
        request.take(body_bytes).read_to_end(&mut Vec::new()).unwrap();
        // the client may hang up in the middle of an answer that it does not want
        let _ = stream.write_all(&answer);
    });
    let output = huecry().args(args).args(["--url", &url]).env("HUECRY_TOKEN", "hc_api_x").output().unwrap();
    server.join().unwrap();
    output
}

fn http(body: &[u8], bytes: usize) -> Vec<u8> {
    let head = format!("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {bytes}\r\n\r\n");
    [head.as_bytes(), body].concat()
}

#[test]
fn an_unreadable_answer_is_an_error_with_a_hint() {
    let page = b"<html>sign in first</html>";
    let cases: [(&str, Vec<u8>); 4] = [
        ("broken off", http(br#"{"items":["#, 4_000)),
        ("no JSON", http(page, page.len())),
        ("nothing", http(b"", 0)),
        ("too large", http(&vec![b' '; 65 << 20], 65 << 20)),
    ];
    for (what, answer) in cases {
        for json in [&[][..], &["--json"]] {
            let output = run_against(&[&["incident", "list"], json].concat(), answer.clone());
            let stderr = String::from_utf8_lossy(&output.stderr);
            assert_eq!(output.status.code(), Some(3), "{what}: {stderr}");
            assert!(stderr.contains("error:") && stderr.contains("hint:"), "{what}: {stderr}");
            assert!(output.stdout.is_empty(), "{what}: {}", String::from_utf8_lossy(&output.stdout));
        }
    }
}

#[test]
fn a_readable_answer_is_printed() {
    let body = br#"{"items":[]}"#;
    let output = run_against(&["incident", "list", "--json"], http(body, body.len()));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.stdout.trim_ascii(), body);
}
