//! What runs day and night: programs under their roles, AWS services by themselves, the old pipeline.

use crate::cloudtrail::calls::{self, choose};
use crate::cloudtrail::{BOTO, Caller, Change, GO_SDK, Role, service_caller};
use crate::dice::HEX;
use crate::org::address;
use crate::roster::{ACCOUNTS, SERVICES};
use crate::scribe::Scribe;
use crate::text::{DAY_MS, MINUTE_MS, SECOND_MS};

const HOSTS: &[&str] = &[
    "ec2.amazonaws.com",
    "lambda.amazonaws.com",
    "ecs-tasks.amazonaws.com",
    "cloudtrail.amazonaws.com",
    "config.amazonaws.com",
    "delivery.logs.amazonaws.com",
    "rds.amazonaws.com",
];

pub(super) fn run(scribe: &mut Scribe<'_>, begin_ms: i64, scale: f64) {
    for _ in 0..scribe.dice.count(130.0 * scale) {
        let at_ms = begin_ms + scribe.dice.between(0, DAY_MS - 1);
        let account = scribe.dice.index(ACCOUNTS.len());
        let host = scribe.dice.pick(HOSTS);
        let call = choose(&mut scribe.dice, calls::SERVICE);
        scribe.aws(at_ms, &service_caller(account, host), call, Change::default());
    }
    for _ in 0..scribe.dice.count(24.0 * scale) {
        let mut at_ms = begin_ms + scribe.dice.between(0, DAY_MS - 1);
        let caller = program(scribe, at_ms);
        for _ in 0..1 + scribe.dice.below(6) {
            let call = choose(&mut scribe.dice, calls::PROGRAM);
            scribe.aws(at_ms, &caller, call, Change::default());
            at_ms += scribe.dice.between(1, 40) * SECOND_MS;
        }
    }
    for _ in 0..scribe.dice.count(3.0 * scale) {
        let mut at_ms = begin_ms + scribe.dice.between(0, DAY_MS - 1);
        let caller = super::old_pipeline(scribe, "192.0.2.140", BOTO);
        for _ in 0..3 + scribe.dice.below(5) {
            let call = choose(&mut scribe.dice, calls::OLD_CI);
            scribe.aws(at_ms, &caller, call, Change::default());
            at_ms += scribe.dice.between(1, 50) * SECOND_MS;
        }
    }
}

/// A task or an instance of one service.
fn program(scribe: &mut Scribe<'_>, at_ms: i64) -> Caller {
    let account = scribe.dice.index(ACCOUNTS.len());
    let service = scribe.dice.pick(SERVICES);
    let name = format!("acme-{service}-{}-task", ACCOUNTS[account].1);
    let instance = scribe.dice.chance(400);
    let mut session = String::from(if instance { "i-0" } else { "" });
    scribe.dice.letters(&mut session, if instance { 16 } else { 32 }, HEX);
    let delivery = if instance { r#","ec2RoleDelivery":"2.0""# } else { "" };
    let role = Role { account, name: &name, path: "/", session: &session, federation: "", delivery };
    let identity = role.identity(scribe.org, &mut scribe.dice, at_ms - 37 * MINUTE_MS);
    Caller {
        account,
        identity,
        arn: role.arn(),
        ip: address("192.0.2.", 200 + scribe.dice.below(50)),
        agent: if instance { BOTO } else { GO_SDK }.to_owned(),
        region: "eu-west-1",
        console: false,
        service: false,
        name,
    }
}
