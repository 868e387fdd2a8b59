//! Files with reports: what is taken, what is not, and how they are given out.

use crate::fixture::{Server, gzip};
use crate::http::{Answer, request};
use crate::people::Browser;
use crate::report_guests::file;
use crate::report_receipts::{open, shown};
use access::{Role, Scope};
use serde_json::{Value, json};

/// A PNG of one pixel, with a text chunk that names who made it.
fn picture() -> Vec<u8> {
    fn chunk(out: &mut Vec<u8>, kind: &[u8; 4], data: &[u8]) {
        out.extend((data.len() as u32).to_be_bytes());
        let from = out.len();
        out.extend(kind);
        out.extend(data);
        let mut crc = flate2::Crc::new();
        crc.update(&out[from..]);
        out.extend(crc.sum().to_be_bytes());
    }
    let mut png = b"\x89PNG\r\n\x1a\n".to_vec();
    chunk(&mut png, b"IHDR", &[0, 0, 0, 1, 0, 0, 0, 1, 8, 0, 0, 0, 0]);
    chunk(&mut png, b"tEXt", b"Author\0ana@example.com");
    let mut packed = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::new(6));
    std::io::Write::write_all(&mut packed, &[0, 0]).unwrap();
    chunk(&mut png, b"IDAT", &packed.finish().unwrap());
    chunk(&mut png, b"IEND", b"");
    png
}

fn attach(browser: &Browser, name: &str, body: &[u8]) -> Answer {
    let id = shown(browser)["id"].as_str().unwrap().to_owned();
    let add = request("POST", "/api/v1/receipt/attachments")
        .header("origin", "http://test")
        .header("huecry-report", id)
        .header("content-type", "application/octet-stream")
        .header("huecry-filename", name);
    browser.send(add.body(body))
}

#[test]
fn a_file_is_cleaned_kept_and_given_out_as_what_no_browser_runs() {
    let server = Server::start();
    let (id, secret) = file(&server);
    let browser = open(&server, &secret);
    let added = attach(&browser, "what%20I%20saw.png", &picture());
    assert_eq!(added.status, 201, "{}", String::from_utf8_lossy(&added.body));
    let added = added.json();
    assert_eq!((&added["media_type"], &added["state"]), (&json!("image/png"), &json!("stored")));
    assert_eq!(shown(&browser)["attachments"], json!([added]));
    let path = format!("/api/v1/reports/{id}/attachments/{}", added["id"].as_str().unwrap());
    let got = server.get(&path, &server.api_token(&[Scope::ReportsRead]));
    assert_eq!(got.status, 200);
    assert_eq!(got.body.len() as u64, added["bytes"].as_u64().unwrap());
    assert!(got.body.starts_with(b"\x89PNG") && !got.body.windows(3).any(|window| window == b"ana"));
    assert_eq!(got.header("content-type"), Some("application/octet-stream"));
    assert!(got.header("content-disposition").unwrap().starts_with("attachment; filename=\"att_"));
    assert!(got.header("content-security-policy").unwrap().starts_with("sandbox;"));
    assert_eq!(got.header("x-content-type-options"), Some("nosniff"));
    // it is of that report alone, and for those who read reports
    let (other, _) = file(&server);
    let wrong = format!("/api/v1/reports/{other}/attachments/{}", added["id"].as_str().unwrap());
    assert_eq!(server.get(&wrong, &server.admin_token()).status, 404);
    assert_eq!(browser.get(&path).status, 401);
    let moderator = server.sign_in(&[Role::Moderator]);
    assert_eq!(moderator.change("DELETE", &path, &json!({})).status, 204);
    assert_eq!(moderator.get(&path).status, 404);
    assert_eq!(shown(&browser)["attachments"][0]["state"], "removed");
}

#[test]
fn a_name_gets_into_no_header() {
    let server = Server::start();
    let (id, secret) = file(&server);
    let browser = open(&server, &secret);
    let names = [
        "a%0d%0aSet-Cookie:%20x=1.txt",
        "..%2f..%2fetc%2fpasswd",
        "a%22;%20filename=%22evil.html",
        "%E2%80%AEgpj.exe",
        "x%00.txt",
    ];
    for name in names {
        let added = attach(&browser, name, b"some lines of a log\n");
        let added = match added.status {
            201 => added.json(),
            status => {
                assert!(matches!(status, 400 | 422), "{name}: {status}");
                continue;
            }
        };
        let path = format!("/api/v1/reports/{id}/attachments/{}", added["id"].as_str().unwrap());
        let got = server.get(&path, &server.admin_token());
        assert_eq!(got.status, 200, "{name}");
        let named: Vec<&(String, String)> =
            got.headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case("set-cookie")).collect();
        assert!(named.is_empty(), "{name}: {named:?}");
        let disposition = got.header("content-disposition").unwrap();
        let (plain, encoded) = disposition.split_once("; filename*=UTF-8''").unwrap();
        let plain = plain.strip_prefix("attachment; filename=\"").unwrap().strip_suffix('"').unwrap();
        assert!(plain.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_'), "{disposition}");
        let fits = |b: u8| b.is_ascii_alphanumeric() || b"-._~%".contains(&b);
        assert!(encoded.bytes().all(fits), "{disposition}");
        let shown = added["name"].as_str().unwrap();
        assert!(!shown.contains(['/', '\\', '\r', '\n', '\0', '\u{202e}']), "{shown:?}");
    }
    for bad in ["%zz", "%", "%ff"] {
        assert_eq!(attach(&browser, bad, b"text").code(), (400, "request_invalid".into()), "{bad}");
    }
}

#[test]
fn what_is_too_large_or_two_things_or_unpacks_to_too_much_is_not_taken() {
    let server = Server::start();
    let (id, secret) = file(&server);
    let browser = open(&server, &secret);
    let large = attach(&browser, "log.txt", &b"x".repeat(64 * 1024 + 1));
    assert_eq!(large.code(), (413, "body_too_large".into()));
    let cookie = browser.cookie_header();
    let endless =
        request("POST", "/api/v1/receipt/attachments").header("cookie", &cookie).header("huecry-report", id);
    let answer = endless.send_chunked(server.at, &b"x".repeat(8 * 1024), 10);
    assert_eq!(answer.code(), (413, "body_too_large".into()), "the length was not said");
    let bomb = gzip(&vec![0; 40 * 1024 * 1024]);
    assert!(bomb.len() < 64 * 1024);
    let program = b"\x7fELF\x02\x01\x01\0".repeat(20);
    let two_things = [picture(), b"PK\x05\x06".to_vec(), vec![0; 18]].concat();
    let cases = [("bomb.gz", bomb), ("b", program), ("empty", Vec::new()), ("a.png", two_things)];
    for (name, bytes) in cases {
        assert_eq!(attach(&browser, name, &bytes).code(), (422, "attachment_refused".into()), "{name}");
    }
    // a page is text like any other, and is given out as such
    let answer = attach(&browser, "page.html", b"<!doctype html><script>alert(1)</script>");
    assert!(matches!(answer.status, 201 | 422), "{}", answer.status);
    assert!(answer.status != 201 || answer.json()["media_type"].as_str().unwrap().starts_with("text/plain"));
}

#[test]
fn a_report_has_five_files_and_text_is_masked() {
    let server = Server::start();
    let (id, secret) = file(&server);
    let browser = open(&server, &secret);
    let files: Vec<Value> = (0..5)
        .map(|n| {
            let line = format!("{n} mail of bob@example.com was read\n");
            let added = attach(&browser, "log.txt", line.as_bytes());
            assert_eq!(added.status, 201, "{}", String::from_utf8_lossy(&added.body));
            added.json()
        })
        .collect();
    assert_eq!(attach(&browser, "log.txt", b"one more\n").code(), (422, "attachment_refused".into()));
    assert_eq!(shown(&browser)["attachments"].as_array().unwrap().len(), 5);
    let path = format!("/api/v1/reports/{id}/attachments/{}", files[0]["id"].as_str().unwrap());
    let got = server.get(&path, &server.admin_token());
    let text = String::from_utf8(got.body).unwrap();
    assert!(text.contains("[email:1]") && !text.contains("bob@"), "{text}");
}

#[test]
fn files_of_people_without_an_account_share_their_room() {
    let server = Server::start();
    let line = "it was seen again on the till, in the night\n";
    let text = line.repeat(60 * 1024 / line.len());
    // five of these are more than the room of all, and no report has all of them
    let browsers: Vec<_> = (0..5).map(|_| open(&server, &file(&server).1)).collect();
    let added: Vec<_> = browsers
        .iter()
        .enumerate()
        .map(|(n, browser)| attach(browser, "log.txt", format!("{n}\n{text}").as_bytes()))
        .collect();
    assert!(added[..4].iter().all(|answer| answer.status == 201));
    assert_eq!(added[4].code(), (422, "attachment_refused".into()));
    assert!(added[4].json()["detail"].as_str().unwrap().contains("no room"), "{}", added[4].json());
    assert_eq!(shown(&browsers[4])["attachments"], json!([]));
    assert_eq!(attach(&browsers[4], "log.txt", b"a few lines\n").status, 201, "what is small still fits");
}
