//! Who is told what by e-mail: with the change or not at all, at least once or given up, and nobody from whom it is hidden.

use super::emulator::Fault;
use super::kit::{Kit, MINUTE_MS, actor, request, setup, start, undo, vote};
use super::playbooks::calls;
use crate::smtp_kit::MailServer;
use async_trait::async_trait;
use backends::smtp::{SmtpMailer, SmtpOptions, SmtpTls};
use model::{
    Containment, ContainmentId, Incident, LetterAbout, LetterId, LetterKind as Kind, LetterState, PersonId,
    RunState, Ulid, Visibility,
};
use ports::mail::{Mail, MailError, Mailer};
use ports::store::conformance::Bench;
use ports::store::{PageRequest, Person, Store, StoreError};
use respond::Actor;
use respond::contain::{BreakGlassRequest, ContainRequest};
use respond::letter::{Courier, CourierOptions, Delivery, GIVE_UP_MS, Readers};
use respond::plan::PlanHash;
use respond::run::StartRunRequest;
use std::sync::{Arc, Mutex};
use std::time::Duration;

const HOUR_MS: i64 = 60 * MINUTE_MS;

/// People, and whether what is hidden is hidden from them.
#[derive(Default)]
struct Few(Mutex<Vec<(Arc<Person>, bool)>>);

impl Few {
    fn add(&self, number: u128, email: Option<&str>, sees_hidden: bool) -> PersonId {
        let id = PersonId(Ulid(number));
        let person = Person {
            id,
            name: format!("Person {number}"),
            email: email.map(str::to_owned),
            roles: vec!["responder".to_owned()],
            teams: Vec::new(),
            services: Vec::new(),
            disabled: false,
            identity: None,
            region: "default".to_owned(),
            created_at_ms: 0,
            updated_at_ms: 0,
            signed_in_at_ms: None,
            left_at_ms: None,
            version: 1,
        };
        self.0.lock().unwrap().push((Arc::new(person), sees_hidden));
        id
    }

    fn remove(&self, id: PersonId) {
        self.0.lock().unwrap().retain(|(person, _)| person.id != id);
    }
}

#[async_trait]
impl Readers for Few {
    async fn all(&self, incident: Option<&Incident>) -> Result<Vec<Arc<Person>>, StoreError> {
        let is_open = incident.is_none_or(|incident| incident.visibility == Visibility::Everyone);
        let all = self.0.lock().unwrap();
        let sees = all.iter().filter(|(_, sees_hidden)| is_open || *sees_hidden);
        Ok(sees.map(|(person, _)| Arc::clone(person)).collect())
    }

    async fn one(
        &self,
        id: PersonId,
        incident: Option<&Incident>,
    ) -> Result<Option<Arc<Person>>, StoreError> {
        Ok(self.all(incident).await?.into_iter().find(|person| person.id == id))
    }
}

/// A mail server that takes what it is given, or does not.
#[derive(Default)]
struct Taker {
    taken: Mutex<Vec<Mail>>,
    fails: Mutex<Option<MailError>>,
}

impl Taker {
    fn taken(&self) -> Vec<(String, String)> {
        let taken = self.taken.lock().unwrap();
        let mut all: Vec<_> =
            taken.iter().map(|mail| (mail.to().to_string(), mail.subject().to_owned())).collect();
        all.sort();
        all
    }
}

impl Mailer for Taker {
    fn send(&self, mail: &Mail) -> Result<String, MailError> {
        let fails = self.fails.lock().unwrap().clone();
        // what nobody can tell has arrived here
        if !matches!(fails, Some(MailError::NotSent(_) | MailError::Refused(_))) {
            self.taken.lock().unwrap().push(mail.clone());
        }
        fails.map_or_else(|| Ok("250 OK".to_owned()), Err)
    }

    fn check(&self) -> Result<String, MailError> {
        Ok("here".to_owned())
    }
}

struct Post {
    kit: Kit,
    people: Arc<Few>,
    server: Arc<Taker>,
    courier: Courier,
}

impl Post {
    async fn new() -> Self {
        let (kit, people, server) = (Kit::new().await, Arc::<Few>::default(), Arc::<Taker>::default());
        let courier = Self::courier(&kit, &people, Some(server.clone()));
        Self { kit, people, server, courier }
    }

    fn courier(kit: &Kit, people: &Arc<Few>, mailer: Option<Arc<dyn Mailer>>) -> Courier {
        Courier::new(CourierOptions {
            store: Arc::clone(&kit.store),
            clock: kit.clock.clone(),
            entropy: Arc::clone(&kit.options.entropy),
            mailer,
            readers: people.clone(),
            console_url: "https://hue.example".to_owned(),
        })
    }

    /// Takes all turns that are due.
    async fn deliver(&self) -> Vec<Delivery> {
        let mut all = Vec::new();
        while let Some(delivered) = self.courier.advance().await.unwrap() {
            all.push(delivered.delivery);
        }
        all
    }

    /// Lets time go by, with what is due of letters.
    async fn pass(&self, ms: i64) -> Vec<Delivery> {
        let (until_ms, mut all) = (self.kit.now_ms() + ms, Vec::new());
        loop {
            all.extend(self.deliver().await);
            let due_ms = self.kit.store.read().await.unwrap().letters().next_due().await.unwrap();
            let Some(due_ms) = due_ms.filter(|due_ms| *due_ms <= until_ms) else { break };
            self.kit.clock.advance_ms((due_ms - self.kit.now_ms()).max(1));
        }
        self.kit.clock.advance_ms(until_ms - self.kit.now_ms());
        all
    }

    async fn kinds(&self, id: ContainmentId) -> Vec<Kind> {
        let letters = self.letters(LetterAbout::Containment(id)).await;
        let unaddressed = letters.iter().filter(|letter| letter.person.is_none());
        let mut kinds: Vec<Kind> = unaddressed.map(|letter| letter.kind).collect();
        // those of one moment are in no order
        kinds.sort();
        kinds
    }

    async fn letters(&self, about: LetterAbout) -> Vec<model::Letter> {
        self.kit.store.read().await.unwrap().letters().about(about).await.unwrap()
    }

    async fn glass_broken(&self, ask: ContainRequest) -> Containment {
        let asked = self.kit.responder.request(&ask).await.unwrap();
        let glass = BreakGlassRequest {
            actor: actor("kim"),
            containment: asked.id,
            plan: PlanHash(asked.plan_sha256),
            reason: "it spreads, and nobody answers".to_owned(),
        };
        self.kit.responder.break_glass(&glass).await.unwrap()
    }
}

#[tokio::test]
async fn every_occasion_is_told_once() {
    let post = Post::new().await;
    let kit = &post.kit;
    let broken = post.glass_broken(request("toy.lock", "a")).await;
    assert_eq!(post.kinds(broken.id).await, [Kind::BrokenGlass, Kind::ApprovalAsked, Kind::ApprovalEnding]);
    // it goes on as others do: the end is told of an hour before, and not twice
    kit.pass(50 * MINUTE_MS).await;
    assert_eq!(post.kinds(broken.id).await[3..], [Kind::Ending]);

    let by_itself = kit.request("toy.low_lock", "b").await.unwrap();
    assert_eq!(post.kinds(by_itself.id).await, [], "nothing is done yet");
    kit.work().await;
    assert_eq!(post.kinds(by_itself.id).await, [Kind::Contained]);
    kit.responder.undo(&undo("ann", by_itself.id)).await.unwrap();
    kit.work().await;
    assert_eq!(post.kinds(by_itself.id).await, [Kind::Contained], "who takes it back knows");

    kit.emulator.fail(&[Fault::Status(403)]);
    let failed = kit.request("toy.low_lock", "c").await.unwrap();
    kit.work().await;
    assert_eq!(post.kinds(failed.id).await, [Kind::NotContained]);
    let denied = kit.request("toy.hard_lock", "d").await.unwrap();
    let no =
        respond::contain::VoteRequest { approves: false, reason: Some("no".into()), ..vote("bob", &denied) };
    kit.responder.vote(&no).await.unwrap();
    assert_eq!(post.kinds(denied.id).await, [Kind::ApprovalAsked, Kind::ApprovalEnding]);

    // nobody can tell, and again when people are reminded
    let asked = kit.request("toy.token", "e").await.unwrap();
    kit.responder.vote(&vote("bob", &asked)).await.unwrap();
    kit.emulator.fail(&[Fault::LostAfter]);
    kit.pass(MINUTE_MS).await;
    assert_eq!(post.kinds(asked.id).await[2..], [Kind::Unknown]);
    let short = ContainRequest { wait_ms: Some(2 * MINUTE_MS), ..request("toy.lock", "f") };
    let short = kit.responder.request(&short).await.unwrap();
    assert_eq!(post.kinds(short.id).await, [Kind::ApprovalAsked], "two minutes need no reminder");
}

/// Nobody looks at a run that began by itself, unless it is told that it failed; who began one sees it. One that was called is
/// told of by the one that called it.
#[tokio::test]
async fn a_run_that_began_by_itself_and_failed_is_told_of_once() {
    let inner = "playbook--00000000-0000-4000-8000-696e6e657200";
    let mut fixed = setup("http://toy.example");
    fixed.playbooks.insert(inner.to_owned(), calls("playbook/none").into());
    let kit = Kit::with(fixed).await;
    let (people, server) = (Arc::<Few>::default(), Arc::<Taker>::default());
    let courier = Post::courier(&kit, &people, Some(server.clone()));
    let post = Post { kit, people, server, courier };
    let kit = &post.kit;
    post.people.add(1, Some("ann@acme.example"), true);
    for (who, expected) in [(Actor::system(), vec![Kind::NotContained]), (actor("ann"), vec![])] {
        let begin = StartRunRequest { actor: who, ..start(&calls("playbook/inner")) };
        let run = kit.responder.start_run(&begin).await.unwrap();
        kit.work().await;
        assert_eq!(kit.responder.run(run.id).await.unwrap().run.state, RunState::Failed);
        let kinds = post.letters(LetterAbout::Run(run.id)).await.into_iter().map(|letter| letter.kind);
        assert_eq!(kinds.collect::<Vec<_>>(), expected);
    }
    let called = kit.runs().await.into_iter().filter(|run| run.parent.is_some());
    for run in called.collect::<Vec<_>>() {
        assert_eq!(run.state, RunState::Failed);
        assert_eq!(post.letters(LetterAbout::Run(run.id)).await, []);
    }
    assert_eq!(kit.runs().await.len(), 4);
    post.deliver().await;
    assert_eq!(post.server.taken().len(), 1, "{:?}", post.server.taken());
}

#[tokio::test]
async fn broken_glass_is_told_to_all_who_may_decide() {
    let post = Post::new().await;
    let ann = post.people.add(1, Some("ann@acme.example"), true);
    post.people.add(2, Some("bob@acme.example"), false);
    post.people.add(3, None, true);
    post.people.add(4, Some("no address"), true);
    let broken = post.glass_broken(request("toy.lock", "a")).await;
    let turns = post.deliver().await;
    let glass = "Hue & Cry: glass was broken".to_owned();
    let expected = [("ann@acme.example".to_owned(), glass.clone()), ("bob@acme.example".to_owned(), glass)];
    assert_eq!(post.server.taken(), expected, "{turns:?}");
    assert!(
        turns.contains(&Delivery::Addressed(2)) && turns.contains(&Delivery::Moot),
        "what is decided is not asked"
    );
    let taken = post.server.taken.lock().unwrap().clone();
    for mail in &taken {
        let place = format!("https://hue.example/containments/{}", broken.id);
        for part in ["By: kim", "Because: it spreads", "toy.lock", &place] {
            assert!(mail.text().contains(part), "{part}: {}", mail.text());
        }
        assert!(mail.id().parse::<LetterId>().is_ok());
    }
    assert_eq!(post.deliver().await, [], "once");
    let letters = post.letters(LetterAbout::Containment(broken.id)).await;
    let of_ann = letters.iter().find(|letter| letter.person == Some(ann)).unwrap();
    assert_eq!((of_ann.state, of_ann.due_at_ms), (LetterState::Sent, None));
}

#[tokio::test]
async fn who_asked_and_who_has_answered_is_not_asked() {
    let post = Post::new().await;
    for (number, name) in [(1, "ann"), (2, "bob"), (3, "eve")] {
        post.people.add(number, Some(&format!("{name}@acme.example")), true);
    }
    let who = |number: u128| {
        let id = PersonId(Ulid(number)).to_string();
        respond::Actor { principal: model::Principal::Person { id, name: "x".into() }, ..actor("x") }
    };
    let ask = ContainRequest { actor: who(1), ..request("toy.hard_lock", "a") };
    let asked = post.kit.responder.request(&ask).await.unwrap();
    let to = |post: &Post| post.server.taken().into_iter().map(|(to, _)| to).collect::<Vec<_>>();
    post.deliver().await;
    assert_eq!(to(&post), ["bob@acme.example", "eve@acme.example"]);
    let yes = respond::contain::VoteRequest { actor: who(2), ..vote("bob", &asked) };
    post.kit.responder.vote(&yes).await.unwrap();
    post.pass(5 * HOUR_MS).await;
    assert_eq!(to(&post), ["bob@acme.example", "eve@acme.example", "eve@acme.example"], "reminded of it");
}

/// Hidden before or after it was addressed, it is not told.
#[tokio::test]
async fn what_is_hidden_is_told_to_nobody_from_whom_it_is() {
    let post = Post::new().await;
    let kit = &post.kit;
    post.people.add(1, Some("ann@acme.example"), true);
    post.people.add(2, Some("bob@acme.example"), false);
    let gone = post.people.add(3, Some("eve@acme.example"), true);
    let bench = Bench::new(5);
    let incident = bench.opened(&*kit.store, 1, "root").await;
    let hide = async |visibility: Visibility| {
        let sql = format!("UPDATE incidents SET visibility = {}", visibility as i64);
        let store = backends::sqlite::SqliteStore::open_path(&kit.dir.path().join("state.db")).await.unwrap();
        sqlx::query(sqlx::AssertSqlSafe(sql)).execute(store.writer()).await.unwrap();
        store.close().await;
    };
    let ask = |target: &str| ContainRequest { incident: Some(incident.id), ..request("toy.lock", target) };
    hide(Visibility::Restricted).await;
    post.glass_broken(ask("a")).await;
    post.deliver().await;
    let to = || post.server.taken().into_iter().map(|(to, _)| to).collect::<Vec<_>>();
    assert_eq!(to(), ["ann@acme.example", "eve@acme.example"]);
    // addressed to three; then it is hidden, and one of them is kept out
    hide(Visibility::Everyone).await;
    post.glass_broken(ask("b")).await;
    loop {
        let delivered = post.courier.advance().await.unwrap().unwrap();
        if delivered.delivery == Delivery::Addressed(3) {
            break;
        }
    }
    hide(Visibility::Restricted).await;
    post.people.remove(gone);
    post.deliver().await;
    assert_eq!(to(), ["ann@acme.example", "ann@acme.example", "eve@acme.example"]);
}

/// A letter is tried for a day; then that stands on the incident, once, without anybody's address.
#[tokio::test]
async fn what_no_server_takes_is_given_up_and_said() {
    for fails in [MailError::NotSent("down".into()), MailError::Unknown("no ann@acme.example".into())] {
        let post = Post::new().await;
        for number in 1..4 {
            post.people.add(number, Some("ann@acme.example"), true);
        }
        *post.server.fails.lock().unwrap() = Some(fails.clone());
        let incident = Bench::new(5).opened(&*post.kit.store, 1, "root").await;
        let ask = ContainRequest { incident: Some(incident.id), ..request("toy.lock", "a") };
        let broken = post.glass_broken(ask).await;
        let turns = post.pass(GIVE_UP_MS - MINUTE_MS).await;
        assert!(!turns.contains(&Delivery::GivenUp) && turns.len() > 60, "{}", turns.len());
        let turns = post.pass(2 * MINUTE_MS).await;
        assert_eq!(turns.iter().filter(|turn| **turn == Delivery::GivenUp).count(), 3, "{turns:?}");
        let mut view = post.kit.store.read().await.unwrap();
        let comments = view.comments().of_incident(incident.id, &PageRequest::first(10)).await.unwrap().items;
        assert_eq!(comments.len(), 1, "{comments:?}");
        assert!(comments[0].text.contains(&broken.id.to_string()) && !comments[0].text.contains('@'));
        drop(view);
        // and it is over
        *post.server.fails.lock().unwrap() = None;
        assert_eq!(post.pass(24 * HOUR_MS).await, []);
        assert_eq!(post.server.taken().is_empty(), !matches!(fails, MailError::Unknown(_)));
    }
}

/// For whom a server refuses it, it is given up at once, and so it is where nobody has an address; neither is kept in a server's words.
#[tokio::test]
async fn what_reaches_nobody_is_said_at_once() {
    let refused = MailError::Refused("permanent error (550): no <ann@acme.example> here".into());
    for (email, kept, words) in [
        (Some("ann@acme.example"), "refused (550)", "refused the address"),
        (None, "nobody of those who are to be told has an address", "has an address here"),
    ] {
        let post = Post::new().await;
        for number in 1..4 {
            post.people.add(number, email, true);
        }
        *post.server.fails.lock().unwrap() = Some(refused.clone());
        let incident = Bench::new(5).opened(&*post.kit.store, 1, "root").await;
        let ask = ContainRequest { incident: Some(incident.id), ..request("toy.lock", "a") };
        let broken = post.glass_broken(ask).await;
        assert!(post.deliver().await.contains(&Delivery::GivenUp));
        let letters = post.letters(LetterAbout::Containment(broken.id)).await;
        let given_up: Vec<_> = letters.iter().filter(|letter| letter.state == LetterState::GivenUp).collect();
        assert_eq!(given_up.len(), if email.is_some() { 3 } else { 1 });
        assert!(given_up.iter().all(|letter| letter.problem.as_deref() == Some(kept)), "{given_up:?}");
        let mut view = post.kit.store.read().await.unwrap();
        let comments = view.comments().of_incident(incident.id, &PageRequest::first(10)).await.unwrap().items;
        assert!(comments.len() == 1 && comments[0].text.contains(words), "{comments:?}");
    }
}

/// One noisy rule tells of what it contained once in an hour.
#[tokio::test]
async fn what_is_contained_by_itself_is_told_once_in_an_hour() {
    let post = Post::new().await;
    let kit = &post.kit;
    let incident = Bench::new(5).opened(&*kit.store, 1, "root").await;
    let mut told = Vec::new();
    for target in ["a", "b", "c"] {
        let ask = ContainRequest { incident: Some(incident.id), ..request("toy.low_lock", target) };
        let asked = kit.responder.request(&ask).await.unwrap();
        kit.work().await;
        told.extend(post.kinds(asked.id).await);
        if target == "b" {
            kit.clock.advance_ms(HOUR_MS);
        }
    }
    assert_eq!(told.iter().filter(|kind| **kind == Kind::Contained).count(), 2, "{told:?}");
}

/// What may have arrived is sent again under the same name, also after a crash.
#[tokio::test]
async fn a_mail_that_comes_twice_is_known_again() {
    let post = Post::new().await;
    post.people.add(1, Some("ann@acme.example"), true);
    *post.server.fails.lock().unwrap() = Some(MailError::Unknown("cut off".into()));
    post.glass_broken(request("toy.lock", "a")).await;
    post.deliver().await;
    *post.server.fails.lock().unwrap() = None;
    post.pass(2 * MINUTE_MS).await;
    let taken = post.server.taken.lock().unwrap().clone();
    assert_eq!(taken.len(), 2);
    assert_eq!(taken[0], taken[1], "the same mail");
}

#[tokio::test]
async fn without_mail_letters_wait_and_are_sent_when_it_is_there() {
    let post = Post::new().await;
    post.people.add(1, Some("ann@acme.example"), true);
    let without = Post::courier(&post.kit, &post.people, None);
    post.glass_broken(request("toy.lock", "a")).await;
    for _ in 0..2 {
        assert_eq!(without.advance().await.unwrap().unwrap().delivery, Delivery::Unconfigured);
    }
    post.pass(11 * MINUTE_MS).await;
    assert_eq!(post.server.taken().len(), 1, "it is configured now");
    // a day later nobody is told any more, and nothing waits
    let late = post.glass_broken(request("toy.lock", "b")).await;
    let courier = Post::courier(&post.kit, &post.people, None);
    for _ in 0..400 {
        while courier.advance().await.unwrap().is_some() {}
        post.kit.clock.advance_ms(10 * MINUTE_MS);
    }
    let letters = post.letters(LetterAbout::Containment(late.id)).await;
    assert!(letters.iter().all(|letter| letter.state == LetterState::GivenUp), "{letters:?}");
}

/// The same over a real mail server.
#[tokio::test]
async fn broken_glass_arrives_at_a_mail_server() {
    let Some(server) = MailServer::start(&["--mode", "busy", "--times", "1"]) else { return };
    let post = Post::new().await;
    post.people.add(1, Some("ann@acme.example"), true);
    let options = SmtpOptions {
        host: "127.0.0.1".to_owned(),
        port: server.port,
        tls: SmtpTls::None,
        roots_pem: None,
        sign_in: None,
        from: "huecry@acme.example".parse().unwrap(),
        answer_wait: Duration::from_secs(10),
    };
    let mailer = Arc::new(SmtpMailer::new(options).unwrap());
    let post = Post { courier: Post::courier(&post.kit, &post.people, Some(mailer)), ..post };
    let broken = post.glass_broken(request("toy.lock", "a")).await;
    let turns = post.pass(MINUTE_MS).await;
    assert!(turns.contains(&Delivery::Later) && turns.contains(&Delivery::Sent), "{turns:?}");
    let received = server.received();
    assert_eq!(received.len(), 1);
    for part in
        ["To: ann@acme.example", "Subject: Hue & Cry: glass was broken", "Message-ID: <ltr_", "it spreads"]
    {
        assert!(received[0].contains(part), "{part} in {}", received[0]);
    }
    assert!(received[0].contains(&broken.id.to_string()), "{}", received[0]);
}
