//! CloudTrail records for load tests.

use crate::cloudtrail::calls::{CALLS, choose};
use crate::cloudtrail::{self, BOTO, CLI, Caller, Change, GO_SDK, Role, TERRAFORM};
use crate::dice::{DIGITS, Dice, Purpose};
use crate::org::Org;
use crate::roster::ACCOUNTS;
use crate::text::number;
use crate::{Record, Source};

/// Where bench records begin: 2026-01-01T00:00:00Z.
const EPOCH_MS: i64 = 1_767_225_600_000;

/// See [`bench_records`].
pub struct BenchRecords {
    org: Org,
    dice: Dice,
    left: u64,
    now_ms: i64,
}

/// `count` CloudTrail records of about 1.2 KB for load tests. Ids, addresses, users, roles, keys and
/// times differ from record to record, so that neither a dictionary nor a cache makes them cheap; the
/// mix of calls is that of normal work. Times rise from 2026-01-01, about 20 records a second.
pub fn bench_records(seed: u64, count: u64) -> BenchRecords {
    BenchRecords {
        org: Org::new(seed),
        dice: Dice::new(seed, Purpose::Bench, 0, 0),
        left: count,
        now_ms: EPOCH_MS,
    }
}

impl Iterator for BenchRecords {
    type Item = Record;

    fn next(&mut self) -> Option<Record> {
        self.left = self.left.checked_sub(1)?;
        self.now_ms += self.dice.between(0, 100);
        let time_ms = self.now_ms / 1_000 * 1_000;
        let caller = self.caller(time_ms);
        let call = if self.dice.chance(20) {
            &CALLS[self.dice.index(CALLS.len())]
        } else {
            choose(&mut self.dice, !0)
        };
        let mut body = String::with_capacity(2048);
        let id = cloudtrail::write(
            &mut body,
            &self.org,
            &mut self.dice,
            time_ms,
            &caller,
            call,
            Change::default(),
        );
        Some(Record { source: Source::AwsCloudtrail, id, time_ms, body, label: None })
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = usize::try_from(self.left).ok();
        (left.unwrap_or(usize::MAX), left)
    }
}

impl BenchRecords {
    fn caller(&mut self, now_ms: i64) -> Caller {
        let dice = &mut self.dice;
        let account = dice.index(ACCOUNTS.len());
        let agent = dice.pick(&[BOTO, CLI, GO_SDK, TERRAFORM]);
        let ip = ip(dice);
        let mut name = String::from("user-");
        dice.letters(&mut name, 7, DIGITS);
        if dice.chance(750) {
            let mut caller = cloudtrail::user_caller(&self.org, account, &name, &ip, agent);
            caller.region = dice.pick(&["eu-west-1", "us-east-1", "eu-central-1"]);
            return caller;
        }
        let mut role_name = String::from("acme-role-");
        dice.letters(&mut role_name, 3, DIGITS);
        let role =
            Role { account, name: &role_name, path: "/", session: &name, federation: "", delivery: "" };
        let identity = role.identity(&self.org, dice, now_ms - 600_000);
        let arn = role.arn();
        let region = dice.pick(&["eu-west-1", "us-east-1", "eu-central-1"]);
        Caller {
            account,
            identity,
            arn,
            ip,
            agent: agent.to_owned(),
            region,
            console: false,
            service: false,
            name,
        }
    }
}

/// A documentation address: mostly IPv6, which has room for many.
fn ip(dice: &mut Dice) -> String {
    let mut out = String::with_capacity(28);
    if dice.chance(500) {
        out.push_str(dice.pick(&["192.0.2.", "198.51.100.", "203.0.113."]));
        number(&mut out, 1 + dice.below(254));
        return out;
    }
    out.push_str("2001:db8");
    for _ in 0..3 {
        out.push(':');
        dice.letters(&mut out, 1, b"123456789abcdef");
        dice.letters(&mut out, 3, crate::dice::HEX);
    }
    out.push_str("::1");
    out
}
