//! Writing code: git, pull requests, pipelines, deployments: GitHub, and AWS by pipelines.

use super::{Shift, pipeline_session};
use crate::cloudtrail::calls::{self, choose};
use crate::cloudtrail::{Change, GO_SDK, TERRAFORM};
use crate::github::audit::{Entry, GIT_AGENT, Value};
use crate::github::webhook::{Commit, Delivery, bodies, commit, sha};
use crate::okta::BROWSERS;
use crate::org::address;
use crate::roster::{
    ACTIONS_BOT, BRANCHES, COMMIT_SUBJECTS, DEPENDABOT, FILES, INFRA_REPO, PEOPLE, PROD, PUBLIC_REPO, REPOS,
    SERVICES, STAGING, Team,
};
use crate::scribe::Scribe;
use crate::text::{DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS, time_s};

/// A change on its way: what related records share.
pub(crate) struct Work<'a> {
    pub(crate) repo: usize,
    pub(crate) actor: usize,
    pub(crate) branch: &'a str,
    pub(crate) title: &'a str,
    pub(crate) about: u64,
    pub(crate) fork: Option<usize>,
    pub(crate) ip: &'a str,
    pub(crate) country: &'a str,
}

pub(super) fn write_code(scribe: &mut Scribe<'_>, shift: &Shift, scale: f64) {
    let mean = match PEOPLE[shift.who].team {
        Team::Backend | Team::Frontend | Team::Mobile => 0.7,
        Team::Platform | Team::Data => 0.45,
        Team::Security => 0.3,
    };
    for _ in 0..scribe.dice.count(2.4 * mean * scale) {
        let at_ms = shift.moment(scribe);
        let (action, operation) = scribe.dice.pick(&[("git.fetch", "access"), ("git.clone", "access")]);
        let repo = scribe.dice.index(REPOS.len());
        git(scribe, at_ms, shift.who, repo, &shift.place.ip, shift.country_code(), (action, operation));
    }
    for _ in 0..scribe.dice.count(mean * scale) {
        let at_ms = shift.moment(scribe);
        let team_repo = (shift.who * 7 + scribe.dice.index(4)) % REPOS.len();
        let about = scribe.dice.next();
        let work = Work {
            repo: if PEOPLE[shift.who].team == Team::Platform { INFRA_REPO } else { team_repo },
            actor: shift.who,
            branch: scribe.dice.pick(BRANCHES),
            title: scribe.dice.pick(COMMIT_SUBJECTS),
            about,
            fork: None,
            ip: &shift.place.ip,
            country: shift.country_code(),
        };
        one_change(scribe, at_ms, &work);
    }
}

/// A branch is pushed and built; often a request is opened, often one is merged and deployed.
fn one_change(scribe: &mut Scribe<'_>, at_ms: i64, work: &Work<'_>) {
    let file = scribe.dice.pick(FILES);
    // somebody has to look after the workflows, too
    let file = if scribe.dice.chance(25) { ".github/workflows/build.yml" } else { file };
    push(scribe, at_ms, work, "[]", &format!("[\"{file}\"]"));
    if scribe.dice.chance(550) {
        pull_request(scribe, at_ms + 2 * MINUTE_MS, work, "opened");
    }
    run(scribe, at_ms + 3 * MINUTE_MS, work, &Pipeline::build("pull_request"));
    if scribe.dice.chance(350) {
        let merged_ms = at_ms + scribe.dice.between(20, 150) * MINUTE_MS;
        pull_request(scribe, merged_ms, work, "closed");
        let main = Work { branch: "main", about: work.about ^ 1, ..*work };
        push(scribe, merged_ms + 2 * SECOND_MS, &main, "[]", &format!("[\"{file}\"]"));
        run(scribe, merged_ms + 20 * SECOND_MS, &main, &Pipeline::deploy());
        deploy(scribe, merged_ms + 4 * MINUTE_MS, work.repo);
    }
}

fn git(
    scribe: &mut Scribe<'_>,
    at_ms: i64,
    who: usize,
    repo: usize,
    ip: &str,
    country: &str,
    (action, operation): (&str, &str),
) {
    let more = [("transport_protocol_name", Value::Text("ssh")), ("transport_protocol", Value::Number(2))];
    let agent = GIT_AGENT;
    scribe.audit(
        at_ms,
        &Entry { action, actor: who, ip, country, repo: Some(repo), operation, agent, more: &more },
    );
}

/// A push: the webhook, and the audit log's `git.push`. `added`, `modified` are JSON arrays of paths.
pub(crate) fn push(scribe: &mut Scribe<'_>, at_ms: i64, work: &Work<'_>, added: &str, modified: &str) {
    git(scribe, at_ms, work.actor, work.repo, work.ip, work.country, ("git.push", "modify"));
    let (before, after) = (sha(work.about ^ 77), sha(work.about));
    let mut head = String::with_capacity(900);
    let what = Commit { sha: &after, author: work.actor, message: work.title, added, modified };
    commit(&mut head, scribe.org, at_ms, work.repo, &what);
    let reference = format!("refs/heads/{}", work.branch);
    scribe.webhook(
        at_ms,
        &Delivery {
            event: "push",
            body: bodies::PUSH,
            repo: work.repo,
            actor: work.actor,
            other: work.actor,
            fork: None,
            about: work.about,
            set: &[("ref", &reference), ("before", &before), ("after", &after)],
            json: &[("commits", &head), ("head_commit", &head), ("created", "false"), ("forced", "false")],
        },
    );
}

/// A pull request, `opened` or `closed` by merging it.
pub(crate) fn pull_request(scribe: &mut Scribe<'_>, at_ms: i64, work: &Work<'_>, action: &str) {
    let merged = action == "closed";
    let (mut opened, mut now) = (String::new(), String::from("\""));
    time_s(&mut opened, at_ms - if merged { HOUR_MS } else { 0 });
    time_s(&mut now, at_ms);
    now.push('"');
    let merge_sha = format!("\"{}\"", sha(work.about ^ 1));
    let when = |value: &'static str| if merged { None } else { Some(value) };
    let association = if work.fork.is_some() { "FIRST_TIME_CONTRIBUTOR" } else { "MEMBER" };
    scribe.webhook(
        at_ms,
        &Delivery {
            event: "pull_request",
            body: bodies::PULL_REQUEST,
            repo: work.repo,
            actor: work.actor,
            other: work.actor,
            fork: work.fork,
            about: work.about,
            set: &[
                ("action", action),
                ("state", if merged { "closed" } else { "open" }),
                ("title", work.title.lines().next().unwrap_or_default()),
                ("branch", work.branch),
                ("opened", &opened),
                ("association", association),
            ],
            json: &[
                ("text", "\"What and why: see the ticket.\\n\\n- [x] tested\""),
                ("closed", when("null").unwrap_or(&now)),
                ("merged_at", when("null").unwrap_or(&now)),
                ("merge_sha", when("null").unwrap_or(&merge_sha)),
                ("merged", when("false").unwrap_or("true")),
                ("merged_by", "null"),
            ],
        },
    );
}

/// What a pipeline is called and what started it.
pub(crate) struct Pipeline<'a> {
    pub(crate) workflow: &'a str,
    pub(crate) path: &'a str,
    pub(crate) trigger: &'a str,
    pub(crate) job: &'a str,
    /// Names of the steps after "Set up job".
    pub(crate) steps: &'a [&'a str],
}

impl Pipeline<'static> {
    pub(crate) fn build(trigger: &'static str) -> Self {
        let steps = &["Check out", "Restore cache", "Build", "Test"];
        Self { workflow: "Build", path: ".github/workflows/build.yml", trigger, job: "build", steps }
    }

    fn deploy() -> Self {
        let steps = &["Check out", "Configure AWS credentials", "Build image", "Push image", "Deploy"];
        Self {
            workflow: "Deploy",
            path: ".github/workflows/deploy.yml",
            trigger: "push",
            job: "deploy",
            steps,
        }
    }
}

/// A run and its job: the audit log's start, the job's end, the run's end.
pub(crate) fn run(scribe: &mut Scribe<'_>, at_ms: i64, work: &Work<'_>, pipeline: &Pipeline<'_>) {
    let run_id = 9_000_000_000 + crate::dice::mix(work.about ^ 1) % 1_000_000_000;
    let more = [
        ("event", Value::Text(pipeline.trigger)),
        ("head_branch", Value::Text(work.branch)),
        ("name", Value::Text(pipeline.workflow)),
        ("workflow_id", Value::Number(70_000_000 + work.repo as u64 * 13)),
        ("workflow_run_id", Value::Number(run_id)),
        ("programmatic_access_type", Value::Text("GitHub App server-to-server token")),
    ];
    let started = Entry {
        action: "workflows.created_workflow_run",
        actor: work.actor,
        ip: work.ip,
        country: work.country,
        repo: Some(work.repo),
        operation: "create",
        agent: "launch/production",
        more: &more,
    };
    scribe.audit(at_ms, &started);
    let ends_ms = at_ms + scribe.dice.between(60, 420) * SECOND_MS;
    let good = scribe.dice.chance(880);
    job(scribe, at_ms, ends_ms, work, pipeline, good);
    let mut start = String::new();
    time_s(&mut start, at_ms);
    let set = [
        ("action", "completed"),
        ("workflow", pipeline.workflow),
        ("path", pipeline.path),
        ("trigger", pipeline.trigger),
        ("branch", work.branch),
        ("title", work.title),
        ("status", "completed"),
        ("started", start.as_str()),
    ];
    let json = [("conclusion", conclusion(good))];
    scribe
        .webhook(ends_ms + 3 * SECOND_MS, &delivery(work, "workflow_run", bodies::WORKFLOW_RUN, &set, &json));
}

fn conclusion(good: bool) -> &'static str {
    if good { "\"success\"" } else { "\"failure\"" }
}

fn delivery<'a>(
    work: &Work<'_>,
    event: &'static str,
    body: &'a str,
    set: &'a [(&'a str, &'a str)],
    json: &'a [(&'a str, &'a str)],
) -> Delivery<'a> {
    Delivery {
        event,
        body,
        repo: work.repo,
        actor: work.actor,
        other: work.actor,
        fork: work.fork,
        about: work.about,
        set,
        json,
    }
}

fn job(
    scribe: &mut Scribe<'_>,
    at_ms: i64,
    ends_ms: i64,
    work: &Work<'_>,
    pipeline: &Pipeline<'_>,
    good: bool,
) {
    let mut steps = String::with_capacity(900);
    let names = ["Set up job"].into_iter().chain(pipeline.steps.iter().copied());
    let stride_ms = (ends_ms - at_ms) / (pipeline.steps.len() as i64 + 1);
    for (number, name) in names.enumerate() {
        let last = number == pipeline.steps.len();
        let from_ms = at_ms + stride_ms * number as i64;
        crate::text::fill(&mut steps, STEP, &mut |key, out| match key {
            "comma" => out.push_str(if number == 0 { "" } else { "," }),
            "name" => crate::text::escape(out, name),
            "conclusion" => out.push_str(conclusion(good || !last)),
            "number" => crate::text::number(out, number as u64 + 1),
            "from" => time_s(out, from_ms),
            _ => time_s(out, from_ms + stride_ms),
        });
    }
    let (mut start, mut end) = (String::new(), String::from("\""));
    time_s(&mut start, at_ms);
    time_s(&mut end, ends_ms);
    end.push('"');
    let runner = format!("GitHub Actions {}", 1 + work.about % 400);
    let set = [
        ("action", "completed"),
        ("workflow", pipeline.workflow),
        ("branch", work.branch),
        ("status", "completed"),
        ("started", start.as_str()),
        ("job_name", pipeline.job),
        ("runner_label", "ubuntu-latest"),
        ("runner_name", runner.as_str()),
        ("group_name", "GitHub Actions"),
    ];
    let json = [("conclusion", conclusion(good)), ("completed", &end), ("steps", &steps), ("group", "2")];
    scribe.webhook(ends_ms, &delivery(work, "workflow_job", bodies::WORKFLOW_JOB, &set, &json));
}

const STEP: &str = r#"$comma{"name":"$name","status":"completed","conclusion":$conclusion,"number":$number,"started_at":"$from","completed_at":"$until"}"#;

/// What a deployment does in AWS, in staging and often on to production.
fn deploy(scribe: &mut Scribe<'_>, at_ms: i64, repo: usize) {
    let infra = repo == INFRA_REPO;
    let (role, agent, who) = if infra {
        ("acme-terraform-apply", TERRAFORM, calls::TERRAFORM)
    } else {
        ("acme-github-deploy", GO_SDK, calls::CI)
    };
    let accounts: &[usize] = if scribe.dice.chance(700) { &[STAGING, PROD] } else { &[STAGING] };
    let service = if repo < SERVICES.len() { SERVICES[repo] } else { "web-shop" };
    for (round, account) in accounts.iter().enumerate() {
        let mut at_ms = at_ms + round as i64 * 9 * MINUTE_MS;
        let caller = pipeline_session(scribe, at_ms, REPOS[repo].0, *account, role, agent);
        for _ in 0..if infra { 14 } else { 7 } + scribe.dice.below(6) {
            at_ms += scribe.dice.between(1, 18) * SECOND_MS;
            let call = choose(&mut scribe.dice, who);
            let set = [("service", service)];
            let set: &[(&str, &str)] = if infra { &[] } else { &set };
            scribe.aws(at_ms, &caller, call, Change { set, error: None });
        }
    }
}

/// What changes in the organisation now and then: repositories, members, keys, alerts.
pub(super) fn administration(scribe: &mut Scribe<'_>, at_ms: i64) {
    nightly(scribe, at_ms);
    let admin = scribe.dice.pick(&[0, 19, 33]);
    let place = scribe.org.place(admin, at_ms.div_euclid(DAY_MS));
    let country = crate::org::city(&place).code;
    let repo = scribe.dice.index(REPOS.len());
    let other = scribe.dice.index(PEOPLE.len());
    let mut title = String::from("deploy key of ");
    title.push_str(REPOS[repo].0);
    let other_name = scribe.org.logins[other].name.as_str();
    let occasions: [(u64, &'static str, &str, &str, &str, &str); 7] = [
        (160, "member", bodies::MEMBER, "added", "repo.add_member", "create"),
        (35, "repository", bodies::REPOSITORY, "created", "repo.create", "create"),
        (45, "deploy_key", bodies::DEPLOY_KEY, "created", "public_key.create", "create"),
        (45, "organization", bodies::ORGANIZATION, "member_added", "org.add_member", "create"),
        (
            45,
            "branch_protection_rule",
            bodies::PROTECTION,
            "edited",
            "protected_branch.update_required_approving_review_count",
            "modify",
        ),
        (
            30,
            "secret_scanning_alert",
            bodies::SECRET_ALERT,
            "created",
            "secret_scanning_alert.create",
            "create",
        ),
        (20, "repository", bodies::REPOSITORY, "edited", "repo.update_actions_settings", "modify"),
    ];
    for (turn, (permille, event, body, action, audited, operation)) in occasions.into_iter().enumerate() {
        if !scribe.dice.chance(permille) {
            continue;
        }
        let at_ms = at_ms + turn as i64 * 7 * MINUTE_MS;
        let set = [("action", action), ("permission", "push"), ("role", "member"), ("title", title.as_str())];
        let json = [("read_only", "true"), ("reviews", "2"), ("reviews_before", "1"), ("owners", "true")];
        let about = scribe.dice.next();
        let hook =
            Delivery { event, body, repo, actor: admin, other, fork: None, about, set: &set, json: &json };
        scribe.webhook(at_ms, &hook);
        let agent = BROWSERS[0].agent;
        let more = [("user", Value::Text(other_name))];
        let ip = &place.ip;
        let entry = Entry {
            action: audited,
            actor: admin,
            ip,
            country,
            repo: Some(repo),
            operation,
            agent,
            more: &more,
        };
        scribe.audit(at_ms + 400, &entry);
    }
}

/// Robots and outsiders: scheduled builds, dependency alerts, an honest contribution from a fork.
fn nightly(scribe: &mut Scribe<'_>, at_ms: i64) {
    for _ in 0..2 {
        let about = scribe.dice.next();
        let repo = scribe.dice.index(REPOS.len());
        let ip = address("192.0.2.", 130 + scribe.dice.below(60));
        let actor = ACTIONS_BOT;
        let work =
            Work { repo, actor, branch: "main", title: "Nightly", about, fork: None, ip: &ip, country: "" };
        run(scribe, at_ms - 6 * HOUR_MS, &work, &Pipeline::build("schedule"));
    }
    if scribe.dice.chance(200) {
        let about = scribe.dice.next();
        let repo = scribe.dice.index(REPOS.len());
        let severity = scribe.dice.pick(&["low", "medium", "high"]);
        let package = scribe.dice.pick(&["tiny-header", "left-brace", "acme-colour"]);
        let mut started = String::new();
        time_s(&mut started, at_ms - 20 * HOUR_MS);
        let set = [("severity", severity), ("package", package), ("started", started.as_str())];
        let (event, body) = scribe.dice.pick(&[
            ("dependabot_alert", bodies::DEPENDABOT_ALERT),
            ("code_scanning_alert", bodies::CODE_ALERT),
        ]);
        let actor = DEPENDABOT;
        let hook =
            Delivery { event, body, repo, actor, other: actor, fork: None, about, set: &set, json: &[] };
        scribe.webhook(at_ms + 11 * MINUTE_MS, &hook);
    }
    if scribe.dice.chance(80) {
        let outsider = PEOPLE.len() + scribe.dice.index(3);
        let work = Work {
            repo: PUBLIC_REPO,
            actor: outsider,
            branch: "fix-typo",
            title: "Fix a typo in the README",
            about: scribe.dice.next(),
            fork: Some(outsider),
            ip: "198.51.100.251",
            country: "SE",
        };
        pull_request(scribe, at_ms + 13 * MINUTE_MS, &work, "opened");
        run(scribe, at_ms + 14 * MINUTE_MS, &work, &Pipeline::build("pull_request"));
    }
}
