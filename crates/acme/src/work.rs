//! One day of normal work.

use crate::cloudtrail::calls::{self, choose};
use crate::cloudtrail::{Caller, Change, Role, TERRAFORM, sso_caller, user_caller};
use crate::dice::BASE62;
use crate::org::{Place, address};
use crate::roster::{ACCOUNTS, DEV, INFRA_REPO, PEOPLE, PROD, SERVICES, STAGING, Team};
use crate::scribe::Scribe;
use crate::text::{DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS, is_weekend};

pub(crate) mod code;
pub(crate) mod identity;
mod machines;

/// A person's day: who, where, from when.
pub(crate) struct Shift {
    pub(crate) who: usize,
    pub(crate) place: Place,
    /// Start of work in UTC.
    pub(crate) start_ms: i64,
    /// The Okta session of the day.
    pub(crate) session: String,
}

/// Plays day number `day` (since 1970-01-01): everyone's work, pipelines, machines, administration.
/// Records may spill into the next day, never into the one before. `scale` multiplies how much is done.
pub(crate) fn play_day(scribe: &mut Scribe<'_>, day: i64, scale: f64) {
    let begin_ms = day * DAY_MS;
    let weekend = is_weekend(day);
    for who in 0..PEOPLE.len() {
        if scribe.dice.chance(if weekend { 40 } else { 900 }) {
            let shift = begin_shift(scribe, who, day);
            identity::sign_in(scribe, &shift);
            let share = if weekend { 0.3 * scale } else { scale };
            identity::use_apps(scribe, &shift, share);
            aws_sessions(scribe, &shift, share);
            code::write_code(scribe, &shift, share);
        }
    }
    machines::run(scribe, begin_ms, scale);
    if !weekend {
        administration(scribe, begin_ms);
    }
}

fn begin_shift(scribe: &mut Scribe<'_>, who: usize, day: i64) -> Shift {
    let place = scribe.org.place(who, day);
    let offset = crate::org::city(&place).offset_minutes;
    let local_start = 8 * HOUR_MS + scribe.dice.between(10, 110) * MINUTE_MS;
    let start_ms =
        (day * DAY_MS + local_start - offset * MINUTE_MS).max(day * DAY_MS) + scribe.dice.between(0, 59_999);
    let mut session = String::from("102");
    scribe.dice.letters(&mut session, 22, BASE62);
    Shift { who, place, start_ms, session }
}

impl Shift {
    /// A moment within the working day, somewhat more often around its middle.
    pub(crate) fn moment(&self, scribe: &mut Scribe<'_>) -> i64 {
        let half = 4 * HOUR_MS + 15 * MINUTE_MS;
        self.start_ms + 5 * MINUTE_MS + scribe.dice.between(0, half) + scribe.dice.between(0, half)
    }

    pub(crate) fn country_code(&self) -> &'static str {
        crate::org::city(&self.place).code
    }
}

fn aws_sessions(scribe: &mut Scribe<'_>, shift: &Shift, scale: f64) {
    let (mask, set, mean) = match PEOPLE[shift.who].team {
        Team::Platform => (calls::BROWSE | calls::OPS, "PlatformEngineer", 1.1),
        Team::Security => (calls::SEC | calls::BROWSE, "SecurityAudit", 1.0),
        Team::Data => (calls::DATA | calls::BROWSE, "DataEngineer", 0.8),
        Team::Backend => (calls::BROWSE, "Developer", 0.6),
        Team::Frontend | Team::Mobile => (calls::BROWSE, "Developer", 0.25),
    };
    for _ in 0..scribe.dice.count(mean * scale) {
        let account = match scribe.dice.below(10) {
            0..4 => DEV,
            4..7 => STAGING,
            _ => PROD,
        };
        aws_session(scribe, shift, account, set, mask);
    }
}

/// One session: in through the access portal, some calls in bursts, now and then one that is refused.
fn aws_session(scribe: &mut Scribe<'_>, shift: &Shift, account: usize, set: &str, mask: u16) {
    let mut at_ms = shift.moment(scribe);
    let org = scribe.org;
    let caller = sso_caller(org, &mut scribe.dice, shift.who, account, set, &shift.place.ip, at_ms);
    if caller.console {
        scribe.aws(at_ms, &caller, &calls::CONSOLE_LOGIN, Change::default());
    }
    let manages = mask & calls::OPS != 0;
    for _ in 0..5 + scribe.dice.below(17) {
        at_ms += scribe.dice.between(1, if manages { 70 } else { 110 }) * SECOND_MS;
        // people may look at production; what they change by hand is elsewhere
        let narrowed = if account == PROD && scribe.dice.chance(800) { mask & !calls::OPS } else { mask };
        let call = choose(&mut scribe.dice, narrowed);
        if scribe.dice.chance(18) {
            scribe.aws_denied(at_ms, &caller, call, &[]);
        } else {
            scribe.aws(at_ms, &caller, call, Change::default());
        }
    }
}

/// The session of a pipeline of `repo` in `account`, opened with its GitHub token.
pub(crate) fn pipeline_session(
    scribe: &mut Scribe<'_>,
    at_ms: i64,
    repo: &str,
    account: usize,
    role_name: &str,
    agent: &str,
) -> Caller {
    let subject = format!("repo:{}/{repo}:ref:refs/heads/main", crate::roster::ORG_LOGIN);
    let federation = format!(
        r#""webIdFederationData":{{"federatedProvider":"arn:aws:iam::{}:oidc-provider/token.actions.githubusercontent.com","attributes":{{}}}},"#,
        ACCOUNTS[account].0
    );
    let role = Role {
        account,
        name: role_name,
        path: "/",
        session: "GitHubActions",
        federation: &federation,
        delivery: "",
    };
    let identity = role.identity(scribe.org, &mut scribe.dice, at_ms);
    let caller = Caller {
        account,
        identity,
        arn: role.arn(),
        ip: address("192.0.2.", 130 + scribe.dice.below(60)),
        agent: agent.to_owned(),
        region: "eu-west-1",
        console: false,
        service: false,
        name: role_name.to_owned(),
    };
    let set = [("role", role_name), ("subject", subject.as_str())];
    scribe.aws_with(at_ms, &caller, &calls::WEB_IDENTITY, &set);
    caller
}

/// What administrators do seldom and honestly: it looks like an attack and is none.
fn administration(scribe: &mut Scribe<'_>, begin_ms: i64) {
    let at_ms = begin_ms + scribe.dice.between(9, 15) * HOUR_MS + scribe.dice.between(0, 3_599) * SECOND_MS;
    if scribe.dice.chance(250) {
        terraform_rights(scribe, at_ms);
    }
    if scribe.dice.chance(60) {
        rotate_key(scribe, at_ms + 20 * MINUTE_MS);
    }
    if scribe.dice.chance(40) {
        tear_down_sandbox(scribe, at_ms + 40 * MINUTE_MS);
    }
    identity::administration(scribe, at_ms);
    code::administration(scribe, at_ms);
}

/// A reviewed change of rights, applied by the Terraform pipeline.
fn terraform_rights(scribe: &mut Scribe<'_>, at_ms: i64) {
    let account = scribe.dice.pick(&[PROD, STAGING, DEV]);
    let repo = crate::roster::REPOS[INFRA_REPO].0;
    let caller = pipeline_session(scribe, at_ms, repo, account, "acme-terraform-apply", TERRAFORM);
    let service = scribe.dice.pick(SERVICES);
    let role = format!("acme-{service}-{}-task", ACCOUNTS[account].1);
    let policy = scribe.dice.pick(&[
        "AmazonSSMReadOnlyAccess",
        "AmazonSQSFullAccess",
        "PowerUserAccess",
        "ReadOnlyAccess",
    ]);
    let policy = format!("arn:aws:iam::aws:policy/{policy}");
    let principal = format!("arn:aws:iam::{}:role/acme-terraform-apply", ACCOUNTS[account].0);
    let set = [("role", role.as_str()), ("policy", policy.as_str()), ("principal", principal.as_str())];
    scribe.aws_with(at_ms + 9 * SECOND_MS, &caller, &calls::ATTACH_ROLE_POLICY, &set);
    if scribe.dice.chance(300) {
        scribe.aws_with(at_ms + 12 * SECOND_MS, &caller, &calls::UPDATE_ASSUME_ROLE, &set);
    }
    if scribe.dice.chance(150) {
        let set = [("trail", "acme-org-trail"), ("types", "All"), ("management", "true")];
        let json = Change { set: &set, error: None };
        scribe.aws(at_ms + 15 * SECOND_MS, &caller, &calls::PUT_SELECTORS, json);
    }
}

/// A platform engineer rotates the key of the old pipeline user.
fn rotate_key(scribe: &mut Scribe<'_>, at_ms: i64) {
    let day = at_ms.div_euclid(DAY_MS);
    let place = scribe.org.place(0, day);
    let org = scribe.org;
    let caller = sso_caller(org, &mut scribe.dice, 0, DEV, "PlatformEngineer", &place.ip, at_ms);
    let set = [("user", "ci-legacy-deployer")];
    scribe.aws_with(at_ms, &caller, &calls::CREATE_KEY, &set);
    scribe.aws_with(at_ms + 6 * MINUTE_MS, &caller, &calls::DELETE_KEY, &set);
}

/// A sandbox trail in the dev account goes with its sandbox.
fn tear_down_sandbox(scribe: &mut Scribe<'_>, at_ms: i64) {
    let repo = crate::roster::REPOS[INFRA_REPO].0;
    let caller = pipeline_session(scribe, at_ms, repo, DEV, "acme-terraform-apply", TERRAFORM);
    let set = [("trail", "sandbox-trail"), ("group", "/sandbox/trail")];
    scribe.aws_with(at_ms + 20 * SECOND_MS, &caller, &calls::DELETE_TRAIL, &set);
    scribe.aws_with(at_ms + 24 * SECOND_MS, &caller, &calls::DELETE_LOG_GROUP, &set);
}

/// The old pipeline user, whose long-lived key one of the attacks steals.
pub(crate) fn old_pipeline(scribe: &Scribe<'_>, ip: &str, agent: &str) -> Caller {
    user_caller(scribe.org, PROD, "ci-legacy-deployer", ip, agent)
}
