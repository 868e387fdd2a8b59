//! The scribe writes records down while work or an attack is played.

use crate::cloudtrail::{self, Call, Caller, Change};
use crate::dice::Dice;
use crate::github::audit::{self, Entry};
use crate::github::webhook::{self, Delivery};
use crate::okta::{self, Happening};
use crate::org::Org;
use crate::text::SECOND_MS;
use crate::{Attack, Record, Source};

/// Collects records in the order of playing; whoever plays sorts them.
pub(crate) struct Scribe<'a> {
    pub(crate) org: &'a Org,
    pub(crate) dice: Dice,
    pub(crate) label: Option<Attack>,
    pub(crate) records: &'a mut Vec<Record>,
}

impl Scribe<'_> {
    fn push(&mut self, source: Source, id: String, time_ms: i64, body: String) {
        self.records.push(Record { source, id, time_ms, body, label: self.label });
    }

    /// A CloudTrail record; times are whole seconds.
    pub(crate) fn aws(&mut self, at_ms: i64, caller: &Caller, call: &Call, change: Change<'_>) {
        let at_ms = whole_second(at_ms);
        let mut body = String::with_capacity(2048);
        let id = cloudtrail::write(&mut body, self.org, &mut self.dice, at_ms, caller, call, change);
        self.push(Source::AwsCloudtrail, id, at_ms, body);
    }

    /// A call whose request names things, which succeeds.
    pub(crate) fn aws_with(&mut self, at_ms: i64, caller: &Caller, call: &Call, set: &[(&str, &str)]) {
        self.aws(at_ms, caller, call, Change { set, error: None });
    }

    /// A call that IAM refuses.
    pub(crate) fn aws_denied(&mut self, at_ms: i64, caller: &Caller, call: &Call, set: &[(&str, &str)]) {
        let action = call.name.trim_end_matches("20150331v2").trim_end_matches("20150331");
        let message = format!(
            "User: {} is not authorized to perform: {}:{action} because no identity-based policy allows the {}:{action} action",
            caller.arn, call.service, call.service
        );
        let code = if call.service == "ec2" { "Client.UnauthorizedOperation" } else { "AccessDenied" };
        self.aws(at_ms, caller, call, Change { set, error: Some((code, &message)) });
    }

    /// An Okta event; times are milliseconds.
    pub(crate) fn okta(&mut self, at_ms: i64, what: &Happening<'_>) {
        let mut body = String::with_capacity(2560);
        let id = okta::write(&mut body, self.org, &mut self.dice, at_ms, what);
        self.push(Source::Okta, id, at_ms, body);
    }

    /// An entry of the GitHub audit log; times are milliseconds.
    pub(crate) fn audit(&mut self, at_ms: i64, entry: &Entry<'_>) {
        let mut body = String::with_capacity(1024);
        let id = audit::write(&mut body, self.org, &mut self.dice, at_ms, entry);
        self.push(Source::GithubAudit, id, at_ms, body);
    }

    /// A GitHub webhook delivery; times are whole seconds.
    pub(crate) fn webhook(&mut self, at_ms: i64, what: &Delivery<'_>) {
        let at_ms = whole_second(at_ms);
        let mut body = String::with_capacity(24 * 1024);
        let id = webhook::write(&mut body, self.org, &mut self.dice, at_ms, what);
        body.shrink_to_fit();
        self.push(Source::GithubWebhook { event: what.event }, id, at_ms, body);
    }
}

fn whole_second(at_ms: i64) -> i64 {
    at_ms.div_euclid(SECOND_MS) * SECOND_MS
}
