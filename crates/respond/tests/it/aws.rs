//! Actions on AWS, against an emulator: they take effect, are verified, and taken back all is as before; a lost answer
//! never leads to a second effect.

use respond::connector::{
    Act, Answer, Asked, Connector, Exchange, HttpRemote, Outcome, Remote, Request, Unanswered, Values, read,
};
use respond::protect::{Protected, Protection, Target, TargetKind};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

pub(crate) const NOW_MS: i64 = 1_795_000_000_000;

/// An emulator that ends with the test.
pub(crate) struct Moto {
    process: Child,
    pub(crate) settings: Values,
    pub(crate) connector: Connector,
}

impl Drop for Moto {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

pub(crate) fn moto() -> Option<Moto> {
    let Some(program) = std::env::var_os("HUECRY_MOTO") else {
        assert!(std::env::var_os("HUECRY_REQUIRE_ALL").is_none(), "HUECRY_MOTO names no emulator");
        eprintln!("SKIPPED: HUECRY_MOTO names no emulator of AWS (.ci/moto installs it)");
        return None;
    };
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let mut command = Command::new(program);
    command.args(["-H", "127.0.0.1", "-p", &port.to_string()]).stdout(Stdio::null()).stderr(Stdio::null());
    let process = command.spawn().unwrap();
    let began = Instant::now();
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(began.elapsed() < Duration::from_secs(60), "the emulator does not start");
        std::thread::sleep(Duration::from_millis(50));
    }
    let settings = [
        ("aws_iam_url", format!("http://127.0.0.1:{port}")),
        ("aws_access_key_id", "AKIAIOSFODNN7EXAMPLE".to_owned()),
        ("aws_secret_access_key", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY".to_owned()),
    ];
    let settings: Values = settings.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../content/connectors/aws.yaml");
    let connector = read(&std::fs::read_to_string(file).unwrap()).unwrap();
    Some(Moto { process, settings, connector })
}

impl Moto {
    /// Asks the emulator something that no action asks.
    pub(crate) fn ask(&self, method: &str, parameters: &[(&str, &str)]) -> String {
        let query: Values = parameters
            .iter()
            .chain([&("Version", "2010-05-08")])
            .map(|(name, value)| ((*name).to_owned(), value.replace('{', "{{").replace('}', "}}")))
            .collect();
        let exchange = serde_json::json!({ "method": method, "path": "/", "query": query, "expect": [200] });
        let exchange: Exchange = serde_json::from_value(exchange).unwrap();
        let mut values = self.settings.clone();
        values.insert("aws_region".into(), "us-east-1".into());
        let request = exchange.request(&self.connector, &values, NOW_MS).unwrap();
        let answer = HttpRemote::default().send(&request).unwrap();
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.body
    }

    fn bind<'m>(&'m self, action: &str, target: &str) -> Act<'m> {
        let protection = Protection::default();
        Act::bind(
            &self.connector,
            action,
            (target, Vec::new()),
            (&self.settings, &Values::new()),
            &protection,
        )
        .unwrap()
    }

    pub(crate) fn key_of(&self, user: &str) -> String {
        self.ask("POST", &[("Action", "CreateUser"), ("UserName", user)]);
        let body = self.ask("POST", &[("Action", "CreateAccessKey"), ("UserName", user)]);
        let (_, rest) = body.split_once("<AccessKeyId>").unwrap();
        rest.split_once('<').unwrap().0.to_owned()
    }

    /// Everything that the actions can change, without the numbers of requests.
    fn state(&self, user: &str, role: &str) -> String {
        let asked = [
            vec![("Action", "ListAccessKeys"), ("UserName", user)],
            vec![("Action", "ListUserPolicies"), ("UserName", user)],
            vec![("Action", "ListRolePolicies"), ("RoleName", role)],
        ];
        let answers = asked.iter().map(|parameters| self.ask("GET", parameters));
        answers.map(|body| body.split("<ResponseMetadata>").next().unwrap().to_owned()).collect()
    }
}

pub(crate) fn done(outcome: Outcome) -> Values {
    match outcome {
        Outcome::Done(facts) => facts,
        other => panic!("{other:?}"),
    }
}

#[test]
fn applied_verified_and_taken_back_all_is_as_before() {
    let Some(moto) = moto() else { return };
    let key = moto.key_of("ann");
    let trust = r#"{"Version":"2012-10-17","Statement":[]}"#;
    moto.ask(
        "POST",
        &[("Action", "CreateRole"), ("RoleName", "deploy"), ("AssumeRolePolicyDocument", trust)],
    );
    let before = moto.state("ann", "deploy");
    for (action, target) in
        [("deactivate_key", key.as_str()), ("deny_user", "ann"), ("revoke_role_sessions", "deploy")]
    {
        let act = moto.bind(action, target);
        let remote = HttpRemote::default();
        let facts = done(act.look(&remote, NOW_MS).unwrap());
        let plan = act.plan(&facts, Asked::default(), NOW_MS).unwrap();
        assert_eq!(plan.changes.len(), 1, "{plan:?}");
        assert_eq!(plan.hash(), act.plan(&facts, Asked::default(), NOW_MS).unwrap().hash());
        assert!(
            matches!(act.verify(&remote, &facts, NOW_MS).unwrap(), Outcome::Refused(_)),
            "{action}: verified before"
        );

        done(act.apply(&remote, &facts, (false, NOW_MS)).unwrap());
        done(act.verify(&remote, &facts, NOW_MS).unwrap());
        assert_ne!(moto.state("ann", "deploy"), before, "{action} had no effect");
        assert!(
            matches!(act.verify_revert(&remote, &facts, NOW_MS).unwrap(), Outcome::Refused(_)),
            "{action}"
        );
        // planned again, the look says that it is so already
        assert!(matches!(act.look(&remote, NOW_MS).unwrap(), Outcome::Refused(_)), "{action}");
        // sessions that began since the policy was made are not revoked by it
        let is_told = action != "revoke_role_sessions";
        assert_eq!(act.already(&remote, NOW_MS).unwrap(), is_told, "{action}");

        done(act.revert(&remote, &facts, (false, NOW_MS)).unwrap());
        done(act.verify_revert(&remote, &facts, NOW_MS).unwrap());
        // and once more: nothing changes
        done(act.revert(&remote, &facts, (true, NOW_MS)).unwrap());
        assert_eq!(moto.state("ann", "deploy"), before, "{action} was not taken back");
        assert!(!act.already(&remote, NOW_MS).unwrap(), "{action}");
    }
    let delete = moto.bind("delete_key", &key);
    let remote = HttpRemote::default();
    let facts = done(delete.look(&remote, NOW_MS).unwrap());
    done(delete.apply(&remote, &facts, (false, NOW_MS)).unwrap());
    done(delete.verify(&remote, &facts, NOW_MS).unwrap());
}

/// Loses answers, after the request arrived or before; counts the requests that change something and arrive.
struct Losing {
    remote: HttpRemote,
    lose: AtomicUsize,
    arrives: bool,
    effects: AtomicUsize,
}

impl Remote for Losing {
    fn send(&self, request: &Request) -> Result<Answer, Unanswered> {
        let changes = request.method != respond::connector::Method::Get;
        let lost = changes
            && self.lose.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |n| n.checked_sub(1)).is_ok();
        if lost && !self.arrives {
            return Err(Unanswered::Lost("cut before it arrived".into()));
        }
        self.effects.fetch_add(usize::from(changes), Ordering::SeqCst);
        let answer = self.remote.send(request);
        if lost { Err(Unanswered::Lost("cut after it arrived".into())) } else { answer }
    }
}

#[test]
fn a_lost_answer_never_leads_to_a_second_effect() {
    let Some(moto) = moto() else { return };
    let key = moto.key_of("bob");
    let act = moto.bind("deactivate_key", &key);
    for arrives in [true, false] {
        let remote = Losing {
            remote: HttpRemote::default(),
            lose: 1.into(),
            arrives,
            effects: AtomicUsize::default(),
        };
        let facts = done(act.look(&remote, NOW_MS).unwrap());
        assert!(matches!(act.apply(&remote, &facts, (false, NOW_MS)).unwrap(), Outcome::Unknown(_)));
        done(act.apply(&remote, &facts, (true, NOW_MS)).unwrap());
        assert_eq!(remote.effects.load(Ordering::SeqCst), 1);
        done(act.verify(&remote, &facts, NOW_MS).unwrap());
        done(act.revert(&remote, &facts, (true, NOW_MS)).unwrap());
        done(act.verify_revert(&remote, &facts, NOW_MS).unwrap());
    }
}

#[test]
fn a_remote_side_that_is_not_there_had_no_effect() {
    let Some(mut moto) = moto() else { return };
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    moto.settings.insert("aws_iam_url".into(), format!("http://127.0.0.1:{port}"));
    let act = moto.bind("deactivate_key", "AKIAIOSFODNN7EXAMPLE");
    assert!(matches!(act.look(&HttpRemote::default(), NOW_MS).unwrap(), Outcome::Later(_)));
    let facts = Values::from([("user".to_owned(), "ann".to_owned())]);
    assert!(matches!(act.apply(&HttpRemote::default(), &facts, (false, NOW_MS)).unwrap(), Outcome::Later(_)));
}

#[test]
fn what_is_protected_is_not_bound() {
    let Some(moto) = moto() else { return };
    let protected =
        |kind, pattern: &str| Protected { kind, pattern: pattern.into(), reason: "CI's own".into() };
    let list = [protected(TargetKind::Account, "ci-*"), protected(TargetKind::Credential, "AKIAHUECRY*")];
    let protection = Protection::new(&list).unwrap();
    let owner = Target { kind: TargetKind::Account, name: "ci-deploy".into(), belongs_to: Vec::new() };
    for (action, target, belongs_to) in [
        ("deny_user", "ci-deploy", vec![]),
        ("deactivate_key", "AKIAHUECRYAAAAAAAAAA", vec![]),
        ("deactivate_key", "AKIAIOSFODNN7EXAMPLE", vec![owner]),
        ("deny_user", "ann&UserName=ci-deploy", vec![]),
        ("deny_role", "ann", vec![]),
    ] {
        let bound = Act::bind(
            &moto.connector,
            action,
            (target, belongs_to),
            (&moto.settings, &Values::new()),
            &protection,
        );
        assert!(bound.is_err(), "{action} {target}");
    }
}
