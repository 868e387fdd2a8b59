//! E-mail against a real mail server, also one that is down, hangs, refuses, or is another than it says.

use crate::smtp_kit::MailServer;
use huecry_backends::smtp::{ANSWER_WAIT_MAX, SmtpMailer, SmtpOptions, SmtpTls};
use ports::mail::conformance::what_is_sent_arrives_as_it_is;
use ports::mail::{Mail, MailError, Mailer};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use std::io::Write;
use std::net::TcpListener;
use std::path::PathBuf;
use std::time::{Duration, Instant};
use tempfile::TempDir;

const USER: &str = "huecry";
const PASSWORD: &str = "the-password";

fn options(port: u16, tls: SmtpTls) -> SmtpOptions {
    SmtpOptions {
        host: "localhost".to_owned(),
        port,
        tls,
        roots_pem: None,
        sign_in: None,
        from: "huecry@acme.example".parse().unwrap(),
        answer_wait: ANSWER_WAIT_MAX,
    }
}

fn mailer(options: SmtpOptions) -> SmtpMailer {
    SmtpMailer::new(options).unwrap()
}

fn mail() -> Mail {
    Mail::new("ltr_01", "ann@acme.example".parse().unwrap(), "Look", "Here.\n", 1_795_000_000_000).unwrap()
}

/// A root, and a certificate of it for this name, with its key, as files.
struct Certificate {
    _dir: TempDir,
    root: Vec<u8>,
    certificate: PathBuf,
    key: PathBuf,
}

fn certificate(name: &str) -> Certificate {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().unwrap();
    let root = params.self_signed(&key).unwrap().pem().into_bytes();
    let issuer = Issuer::new(params, key);
    let own = KeyPair::generate().unwrap();
    let signed = CertificateParams::new(vec![name.to_owned()]).unwrap().signed_by(&own, &issuer).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let (certificate, key) = (dir.path().join("certificate.pem"), dir.path().join("key.pem"));
    std::fs::write(&certificate, signed.pem()).unwrap();
    std::fs::write(&key, own.serialize_pem()).unwrap();
    Certificate { _dir: dir, root, certificate, key }
}

impl Certificate {
    fn server(&self, tls: &str, more: &[&str]) -> Option<MailServer> {
        let (certificate, key) = (self.certificate.to_str().unwrap(), self.key.to_str().unwrap());
        let arguments = [&["--tls", tls, "--certificate", certificate, "--key", key], more].concat();
        MailServer::start(&arguments)
    }
}

#[test]
fn mail_arrives_in_every_way_of_tls() {
    let Some(server) = MailServer::start(&[]) else { return };
    what_is_sent_arrives_as_it_is(&mailer(options(server.port, SmtpTls::None)), &|| server.received());
    let certificate = certificate("localhost");
    let sign_in = format!("{USER}:{PASSWORD}");
    for (name, tls) in [("starttls", SmtpTls::StartTls), ("implicit", SmtpTls::Implicit)] {
        let server = certificate.server(name, &["--sign-in", &sign_in]).unwrap();
        let signed_in = SmtpOptions {
            roots_pem: Some(certificate.root.clone()),
            sign_in: Some((USER.to_owned(), PASSWORD.to_owned())),
            ..options(server.port, tls)
        };
        what_is_sent_arrives_as_it_is(&mailer(signed_in), &|| server.received());
    }
}

/// Nothing is given to a server that is another one, and no password to one that is not let in by it.
#[test]
fn a_server_that_is_not_trusted_gets_nothing() {
    let known = certificate("localhost");
    let sign_in = ["--sign-in", "huecry:the-password"];
    let Some(server) = known.server("starttls", &sign_in) else { return };
    let of = |roots: Option<Vec<u8>>, password: &str, tls, port| SmtpOptions {
        roots_pem: roots,
        sign_in: Some((USER.to_owned(), password.to_owned())),
        ..options(port, tls)
    };
    let (plain, elsewhere) = (MailServer::start(&[]).unwrap(), certificate("mail.other.example"));
    let other_name = elsewhere.server("implicit", &sign_in).unwrap();
    let root = || Some(known.root.clone());
    let cases = [
        ("a root that is no public one", of(None, PASSWORD, SmtpTls::StartTls, server.port)),
        ("another root", of(Some(elsewhere.root.clone()), PASSWORD, SmtpTls::StartTls, server.port)),
        ("another name", of(Some(elsewhere.root.clone()), PASSWORD, SmtpTls::Implicit, other_name.port)),
        ("a wrong password", of(root(), "wrong", SmtpTls::StartTls, server.port)),
        ("no STARTTLS there", of(root(), PASSWORD, SmtpTls::StartTls, plain.port)),
        ("no TLS there", of(root(), PASSWORD, SmtpTls::Implicit, plain.port)),
    ];
    for (what, options) in cases {
        let mailer = mailer(SmtpOptions { answer_wait: Duration::from_secs(3), ..options });
        for refused in [mailer.send(&mail()), mailer.check()] {
            let Err(MailError::NotSent(why)) = &refused else { panic!("{what}: {refused:?}") };
            assert!(!why.contains(PASSWORD) && why.contains("localhost"), "{what}: {why}");
        }
    }
    for server in [&server, &plain, &other_name] {
        assert_eq!(server.received(), Vec::<String>::new());
    }
}

/// Nobody waits for ever: this would not end either.
#[test]
fn a_server_that_is_down_or_hangs_is_told() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let down = mailer(options(port, SmtpTls::None)).send(&mail());
    assert!(matches!(&down, Err(MailError::NotSent(_))), "{down:?}");
    let Some(silent) = MailServer::start(&["--mode", "silent"]) else { return };
    for tls in [SmtpTls::None, SmtpTls::StartTls, SmtpTls::Implicit] {
        let waiting = SmtpOptions { answer_wait: Duration::from_secs(1), ..options(silent.port, tls) };
        let hangs = mailer(waiting).send(&mail());
        assert!(matches!(&hangs, Err(MailError::NotSent(_))), "{tls:?}: {hangs:?}");
    }
}

/// Nor is one waited for that keeps each wait alive: a byte now and then, or a line without an end.
#[test]
fn a_server_that_drips_or_never_ends_a_line_is_left() {
    for (bytes, pause_ms) in [(1, 200), (64 << 10, 0)] {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let server = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            while stream.write_all(&vec![b'2'; bytes]).is_ok() {
                std::thread::sleep(Duration::from_millis(pause_ms));
            }
        });
        let began = Instant::now();
        let waiting = SmtpOptions { answer_wait: Duration::from_millis(500), ..options(port, SmtpTls::None) };
        let hangs = mailer(waiting).send(&mail());
        assert!(matches!(&hangs, Err(MailError::NotSent(_))), "{bytes}: {hangs:?}");
        assert!(began.elapsed() < Duration::from_secs(10), "{bytes}: {:?}", began.elapsed());
        server.join().unwrap();
    }
}

/// Whether the server may have it is told apart, by what it has.
#[test]
fn it_is_known_whether_the_server_may_have_it() {
    type Fits = fn(&MailError) -> bool;
    let cases: [(&str, usize, Fits); 5] = [
        ("busy", 0, |error| matches!(error, MailError::NotSent(why) if why.contains("come again"))),
        ("refuse_recipient", 0, |error| matches!(error, MailError::Refused(why) if why.contains("nobody"))),
        ("refuse_text", 0, |error| matches!(error, MailError::Refused(why) if why.contains("not like"))),
        ("hang_after", 1, |error| matches!(error, MailError::Unknown(_))),
        ("drop_after", 1, |error| matches!(error, MailError::Unknown(_))),
    ];
    for (mode, arrived, fits) in cases {
        let Some(server) = MailServer::start(&["--mode", mode]) else { return };
        let waiting =
            SmtpOptions { answer_wait: Duration::from_secs(2), ..options(server.port, SmtpTls::None) };
        let came = mailer(waiting).send(&mail());
        assert!(came.as_ref().is_err_and(fits), "{mode}: {came:?}");
        assert_eq!(server.received().len(), arrived, "{mode}");
    }
}
