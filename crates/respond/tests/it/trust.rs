//! A system with a root certificate of its own is reached by the connection that trusts it, and by no other.

use crate::durable::emulator::{Emulator, connector};
use crate::durable::kit::{Kit, request, setup};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use respond::connector::{BadCertificates, HttpRemote, Method, Remote, Request, Unanswered, Values};
use respond::{Connection, RespondError, Responder, ResponderOptions};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;

/// A root, and a server with a certificate of it.
fn serve(emulator: Emulator) -> (String, String) {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().unwrap();
    let root = params.self_signed(&key).unwrap().pem();
    let issuer = Issuer::new(params, key);
    let own = KeyPair::generate().unwrap();
    let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
    let certificate = CertificateParams::new(names).unwrap().signed_by(&own, &issuer).unwrap();
    let own = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(own.serialize_der()));
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], own)
        .unwrap();
    let (config, listener) = (Arc::new(config), TcpListener::bind("127.0.0.1:0").unwrap());
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            // one that does not trust us hangs up
            let _ = answer(&config, stream, &emulator);
        }
    });
    (format!("https://127.0.0.1:{}", address.port()), root)
}

fn answer(config: &Arc<ServerConfig>, stream: TcpStream, emulator: &Emulator) -> std::io::Result<()> {
    let connection = ServerConnection::new(Arc::clone(config)).map_err(std::io::Error::other)?;
    let mut stream = StreamOwned::new(connection, stream);
    let mut asked = Vec::new();
    let mut byte = [0];
    while !asked.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte)?;
        asked.push(byte[0]);
    }
    let asked = String::from_utf8_lossy(&asked).into_owned();
    let mut words = asked.split(' ');
    let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let (status, body) = emulator.answer(method, path, "");
    let body = body.to_string();
    write!(
        stream,
        "HTTP/1.1 {status} X\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )?;
    stream.conn.send_close_notify();
    stream.flush()
}

fn get(url: &str) -> Request {
    Request {
        method: Method::Get,
        url: format!("{url}/things/a"),
        headers: Vec::new(),
        body: None,
        seconds_max: None,
    }
}

#[test]
fn a_root_of_its_own_is_trusted_where_it_is_named() {
    let (url, root) = serve(Emulator::default());
    let refused = HttpRemote::default().send(&get(&url));
    assert!(matches!(&refused, Err(Unanswered::NotSent(why)) if why.contains("ertificate")), "{refused:?}");
    let answer = HttpRemote::trusting(root.as_bytes()).unwrap().send(&get(&url)).unwrap();
    assert_eq!(answer.status, 200);
    // another root, and another name of the same server
    let (_, other) = serve(Emulator::default());
    let refused = HttpRemote::trusting(other.as_bytes()).unwrap().send(&get(&url));
    assert!(matches!(&refused, Err(Unanswered::NotSent(_))), "{refused:?}");
    let elsewhere = get(&url.replace("127.0.0.1", "127.0.0.2"));
    let refused = HttpRemote::trusting(root.as_bytes()).unwrap().send(&elsewhere);
    assert!(refused.is_err(), "{refused:?}");
    // of several, any
    let both = format!("{other}{root}");
    assert_eq!(HttpRemote::trusting(both.as_bytes()).unwrap().send(&get(&url)).unwrap().status, 200);
}

/// A request has the time that its file gives it, and who does not answer may have taken it.
#[test]
fn a_request_has_its_time() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", silent.local_addr().unwrap());
    let begun = std::time::Instant::now();
    let lost = HttpRemote::default().send(&Request { seconds_max: Some(1), ..get(&url) });
    assert!(matches!(lost, Err(Unanswered::Lost(_))), "{lost:?}");
    // others have fifteen seconds
    assert!(begun.elapsed() < std::time::Duration::from_secs(10));
}

#[tokio::test]
async fn only_the_connection_that_names_it_trusts_it() {
    let (url, root) = serve(Emulator::default());
    let kit = Kit::new().await;
    let settings = Arc::new(Values::from([("toy_url".to_owned(), url.clone())]));
    let trusting: Arc<dyn Remote> = Arc::new(HttpRemote::trusting(root.as_bytes()).unwrap());
    for (remote, reached) in [(Some(trusting), true), (None, false)] {
        let mut fixed = setup("http://toy.example");
        let toy = Connection { remote, ..Connection::new(Arc::new(connector()), Arc::clone(&settings)) };
        fixed.connections.insert("toy".to_owned(), toy);
        let remote = Arc::new(HttpRemote::default());
        let responder =
            Responder::new(ResponderOptions { remote, setup: Arc::new(fixed), ..kit.options.clone() });
        match responder.preview(&request("toy.lock", "a")).await {
            Ok(_) => assert!(reached),
            Err(RespondError::Later(reason)) => {
                assert!(!reached && reason.contains("ertificate"), "{reason}")
            }
            Err(other) => panic!("{other}"),
        }
    }
}

#[tokio::test]
async fn what_is_so_already_is_seen_there_too() {
    let emulator = Emulator::default();
    emulator.with(|state| state.things.insert("a".into(), ("locked".into(), "nobody".into())));
    let (url, root) = serve(emulator);
    let kit = Kit::new().await;
    let settings = Arc::new(Values::from([("toy_url".to_owned(), url)]));
    let remote: Option<Arc<dyn Remote>> = Some(Arc::new(HttpRemote::trusting(root.as_bytes()).unwrap()));
    let mut fixed = setup("http://toy.example");
    fixed
        .connections
        .insert("toy".to_owned(), Connection { remote, ..Connection::new(Arc::new(connector()), settings) });
    let remote = Arc::new(HttpRemote::default());
    let responder =
        Responder::new(ResponderOptions { remote, setup: Arc::new(fixed), ..kit.options.clone() });
    let came = responder.preview(&request("toy.lock", "a")).await;
    assert!(matches!(came, Err(RespondError::Already(_))), "{came:?}");
}

#[test]
fn what_names_no_root_is_refused() {
    let one = |inner: &str| format!("-----BEGIN CERTIFICATE-----\n{inner}\n-----END CERTIFICATE-----\n");
    let key = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n".to_owned();
    for (text, none) in [
        (String::new(), true),
        ("a certificate".to_owned(), true),
        (key, true),
        (one("AAAA"), false),
        (one("%%%"), false),
        (one(""), false),
    ] {
        let refused = HttpRemote::trusting(text.as_bytes()).unwrap_err();
        assert_eq!(refused == BadCertificates::None, none, "{text}: {refused}");
    }
    let (_, root) = serve(Emulator::default());
    let second = format!("{root}{}", one("AAAA"));
    let refused = HttpRemote::trusting(second.as_bytes()).unwrap_err();
    assert!(matches!(refused, BadCertificates::Unreadable { number: 2, .. }), "{refused}");
}
