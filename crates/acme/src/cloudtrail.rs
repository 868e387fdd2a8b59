//! AWS CloudTrail records, shaped as the service delivers them
//! (AWS CloudTrail User Guide, "CloudTrail record contents", eventVersion 1.08 to 1.11).

use crate::dice::{BASE32, BASE64, DIGITS, Dice, HEX, mix, stable_letters};
use crate::org::{Org, mail};
use crate::roster::{ACCOUNTS, BUCKETS, REPOS, SERVICES};
use crate::text::{SECOND_MS, escape, fill, number, time_aws, time_s};

pub(crate) mod calls;
pub(crate) use calls::Call;

pub(crate) const SAFARI: &str = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Safari/605.1.15";
pub(crate) const CHROME: &str =
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36";
pub(crate) const CLI: &str = "aws-cli/2.17.9 md/awscrt#0.20.11 ua/2.0 os/macos#23.5.0 md/arch#arm64 lang/python#3.11.9 md/pyimpl#CPython cfg/retry-mode#standard md/installer#exe md/prompt#off";
pub(crate) const TERRAFORM: &str = "APN/1.0 HashiCorp/1.0 Terraform/1.9.2 (+https://www.terraform.io) terraform-provider-aws/5.58.0 aws-sdk-go-v2/1.30.1 os/linux lang/go#1.22.5";
pub(crate) const BOTO: &str = "Boto3/1.34.144 md/Botocore#1.34.144 ua/2.0 os/linux#6.1.92 md/arch#x86_64 lang/python#3.12.4 Botocore/1.34.144";
pub(crate) const GO_SDK: &str =
    "aws-sdk-go-v2/1.30.1 os/linux lang/go#1.22.5 md/GOOS#linux md/GOARCH#arm64 exec-env/AWS_ECS_FARGATE";

/// Who calls, from where, with what; made once per session.
pub(crate) struct Caller {
    pub(crate) account: usize,
    /// The `userIdentity` object.
    pub(crate) identity: String,
    /// The ARN named in denials.
    pub(crate) arn: String,
    pub(crate) ip: String,
    pub(crate) agent: String,
    pub(crate) region: &'static str,
    /// True in the browser: `sessionCredentialFromConsole`.
    pub(crate) console: bool,
    /// No TLS details and a shared id: the record was written by a service.
    pub(crate) service: bool,
    /// Short name of the caller, for `$caller`.
    pub(crate) name: String,
}

/// A single call: what differs from the table's defaults.
#[derive(Default, Clone, Copy)]
pub(crate) struct Change<'a> {
    /// (placeholder, value) pairs that win over the scene's own.
    pub(crate) set: &'a [(&'a str, &'a str)],
    /// `errorCode`, `errorMessage`; the response is then null.
    pub(crate) error: Option<(&'a str, &'a str)>,
}

/// Who is behind an assumed role session.
pub(crate) struct Role<'a> {
    pub(crate) account: usize,
    pub(crate) name: &'a str,
    /// `/` or a path such as `/aws-reserved/sso.amazonaws.com/eu-west-1/`.
    pub(crate) path: &'a str,
    pub(crate) session: &'a str,
    /// `webIdFederationData` or nothing, with a comma after it.
    pub(crate) federation: &'a str,
    /// `"ec2RoleDelivery":"2.0"` or nothing, with a comma before it.
    pub(crate) delivery: &'a str,
}

impl Role<'_> {
    pub(crate) fn arn(&self) -> String {
        format!("arn:aws:sts::{}:assumed-role/{}/{}", ACCOUNTS[self.account].0, self.name, self.session)
    }

    /// The `userIdentity` of a session of this role begun at `since_ms`.
    pub(crate) fn identity(&self, org: &Org, dice: &mut Dice, since_ms: i64) -> String {
        let id = org.aws_id("AROA", self.account, self.name);
        let mut out = String::with_capacity(900);
        fill(&mut out, ASSUMED_ROLE, &mut |name, out| match name {
            "id" => out.push_str(&id),
            "session" => out.push_str(self.session),
            "account" => out.push_str(ACCOUNTS[self.account].0),
            "role" => out.push_str(self.name),
            "path" => out.push_str(self.path),
            "key" => dice.letters(out, 16, BASE32),
            "federation" => out.push_str(self.federation),
            "delivery" => out.push_str(self.delivery),
            _ => time_s(out, since_ms),
        });
        out
    }
}

const ASSUMED_ROLE: &str = r#"{"type":"AssumedRole","principalId":"$id:$session","arn":"arn:aws:sts::$account:assumed-role/$role/$session","accountId":"$account","accessKeyId":"ASIA$key","sessionContext":{"sessionIssuer":{"type":"Role","principalId":"$id","arn":"arn:aws:iam::$account:role$path$role","accountId":"$account","userName":"$role"},$federation"attributes":{"creationDate":"$since","mfaAuthenticated":"false"}$delivery}}"#;

pub(crate) const SSO_PATH: &str = "/aws-reserved/sso.amazonaws.com/eu-west-1/";

/// The name of a permission set's role in one account, which IAM Identity Center derives.
pub(crate) fn sso_role(org: &Org, set: &str, account: usize) -> String {
    let mut name = format!("AWSReservedSSO_{set}_");
    let state = crate::dice::hash(org.seed, &["sso", set, ACCOUNTS[account].0]);
    stable_letters(&mut name, 16, HEX, state);
    name
}

/// The session of a person who came through IAM Identity Center.
pub(crate) fn sso_caller(
    org: &Org,
    dice: &mut Dice,
    who: usize,
    account: usize,
    set: &str,
    ip: &str,
    since_ms: i64,
) -> Caller {
    let name = sso_role(org, set, account);
    let session = mail(who);
    let role = Role { account, name: &name, path: SSO_PATH, session: &session, federation: "", delivery: "" };
    let console = dice.chance(550);
    let agent = if console { dice.pick(&[SAFARI, CHROME]) } else { CLI };
    Caller {
        account,
        identity: role.identity(org, dice, since_ms),
        arn: role.arn(),
        ip: ip.to_owned(),
        agent: agent.to_owned(),
        region: if dice.chance(850) { "eu-west-1" } else { "us-east-1" },
        console,
        service: false,
        name: session,
    }
}

/// An IAM user with a long-lived key.
pub(crate) fn user_caller(org: &Org, account: usize, user: &str, ip: &str, agent: &str) -> Caller {
    let number = ACCOUNTS[account].0;
    let arn = format!("arn:aws:iam::{number}:user/{user}");
    let identity = format!(
        r#"{{"type":"IAMUser","principalId":"{}","arn":"{arn}","accountId":"{number}","accessKeyId":"{}","userName":"{user}"}}"#,
        org.aws_id("AIDA", account, user),
        org.aws_id("AKIA", account, user).get(..20).unwrap_or_default(),
    );
    Caller {
        account,
        identity,
        arn,
        ip: ip.to_owned(),
        agent: agent.to_owned(),
        region: "eu-west-1",
        console: false,
        service: false,
        name: user.to_owned(),
    }
}

/// An AWS service acting by itself; `host` such as `ec2.amazonaws.com`.
pub(crate) fn service_caller(account: usize, host: &str) -> Caller {
    Caller {
        account,
        identity: format!(r#"{{"type":"AWSService","invokedBy":"{host}"}}"#),
        arn: host.to_owned(),
        ip: host.to_owned(),
        agent: host.to_owned(),
        region: "eu-west-1",
        console: false,
        service: true,
        name: host.to_owned(),
    }
}

/// What one record's placeholders stand for.
struct Scene<'a> {
    org: &'a Org,
    caller: &'a Caller,
    change: Change<'a>,
    /// Decides the things the record is about, the same in request and response.
    about: u64,
    at_ms: i64,
    region: &'a str,
}

impl Scene<'_> {
    fn put(&self, dice: &mut Dice, name: &str, out: &mut String) {
        if let Some((_, value)) = self.change.set.iter().find(|(key, _)| *key == name) {
            return escape(out, value);
        }
        let about = |salt: u64, len: usize| (mix(self.about ^ salt) % len as u64) as usize;
        match name {
            "account" => out.push_str(ACCOUNTS[self.caller.account].0),
            "env" => out.push_str(ACCOUNTS[self.caller.account].1),
            "region" => out.push_str(self.region),
            "zone" => {
                out.push_str(self.region);
                out.push('a');
            }
            "latest" => out.push_str("$LATEST"),
            "caller" => out.push_str(&self.caller.name),
            "bucket" => out.push_str(BUCKETS[about(1, BUCKETS.len())]),
            "service" => out.push_str(SERVICES[about(2, SERVICES.len())]),
            "repo" => out.push_str(REPOS[about(3, REPOS.len())].0),
            "now" => time_aws(out, self.at_ms),
            "later" => time_aws(out, self.at_ms + 3_600 * SECOND_MS),
            "iso" => time_s(out, self.at_ms),
            "earlier" => time_s(out, self.at_ms - 3_600 * SECOND_MS),
            "seconds" => number(out, (self.at_ms / SECOND_MS) as u64),
            "uuid" => dice.uuid(out),
            "UUID" => dice.uuid_upper(out),
            "octet" => number(out, 4 + self.about % 240),
            "key" => {
                let account = ACCOUNTS[self.caller.account].0;
                let id = crate::dice::hash(self.org.seed, &[account, SERVICES[about(2, SERVICES.len())]]);
                stable_letters(out, 8, HEX, id);
                out.push_str("-6a1f-4c27-9d0e-");
                stable_letters(out, 12, HEX, id ^ 1);
            }
            _ => self.put_letters(dice, name, out),
        }
    }

    /// `x17` fresh hex, `i17` hex that stays within the record, `q16`/`j16` the same in base32,
    /// `b44` base64, `d6` digits.
    fn put_letters(&self, dice: &mut Dice, name: &str, out: &mut String) {
        let (kind, count) = name.split_at(name.len().min(1));
        let count = count.parse().unwrap_or(0);
        match kind {
            "x" => dice.letters(out, count, HEX),
            "q" => dice.letters(out, count, BASE32),
            "b" => dice.letters(out, count, BASE64),
            // a number: no leading zero
            "d" => {
                dice.letters(out, count.min(1), &DIGITS[1..]);
                dice.letters(out, count.saturating_sub(1), DIGITS);
            }
            "i" => stable_letters(out, count, HEX, self.about),
            "j" => stable_letters(out, count, BASE32, self.about),
            _ => {}
        }
    }
}

/// Appends one record to `out` and returns its `eventID`.
pub(crate) fn write(
    out: &mut String,
    org: &Org,
    dice: &mut Dice,
    at_ms: i64,
    caller: &Caller,
    call: &Call,
    change: Change<'_>,
) -> String {
    let region = if call.is_global() { "us-east-1" } else { caller.region };
    let scene = Scene { org, caller, change, about: dice.next() >> 24, at_ms, region };
    let mut id = String::with_capacity(36);
    dice.uuid(&mut id);
    let response = if change.error.is_some() { "null" } else { call.response };
    out.push_str(r#"{"eventVersion":""#);
    out.push_str(if call.service == "cloudtrail" || call.service == "sts" { "1.08" } else { "1.11" });
    out.push_str(r#"","userIdentity":"#);
    out.push_str(if call.identity.is_empty() { &caller.identity } else { "" });
    fill(out, call.identity, &mut |name, out| scene.put(dice, name, out));
    out.push_str(r#","eventTime":""#);
    time_s(out, at_ms);
    for (key, value) in [
        (r#"","eventSource":""#, call.service),
        (r#".amazonaws.com","eventName":""#, call.name),
        (r#"","awsRegion":""#, region),
        (r#"","sourceIPAddress":""#, caller.ip.as_str()),
    ] {
        out.push_str(key);
        out.push_str(value);
    }
    out.push_str(r#"","userAgent":""#);
    let bracketed = call.service == "s3" && !caller.service;
    out.push_str(if bracketed { "[" } else { "" });
    out.push_str(&caller.agent);
    out.push_str(if bracketed { "]" } else { "" });
    if let Some((code, message)) = change.error {
        out.push_str(r#"","errorCode":""#);
        out.push_str(code);
        out.push_str(r#"","errorMessage":""#);
        escape(out, message);
    }
    let mut put = |name: &str, out: &mut String| scene.put(dice, name, out);
    out.push_str(r#"","requestParameters":"#);
    fill(out, call.request, &mut put);
    out.push_str(r#","responseElements":"#);
    fill(out, response, &mut put);
    if !call.extra.is_empty() {
        out.push_str(r#","additionalEventData":"#);
        fill(out, call.extra, &mut put);
    }
    out.push_str(r#","requestID":""#);
    fill(out, if call.service == "s3" { "$q16" } else { "$uuid" }, &mut put);
    out.push_str(r#"","eventID":""#);
    out.push_str(&id);
    out.push_str(if call.reads { r#"","readOnly":true"# } else { r#"","readOnly":false"# });
    if !call.resources.is_empty() {
        out.push_str(r#","resources":"#);
        fill(out, call.resources, &mut put);
    }
    ending(out, &scene, caller, call, &mut put);
    id
}

fn ending(
    out: &mut String,
    scene: &Scene<'_>,
    caller: &Caller,
    call: &Call,
    put: &mut dyn FnMut(&str, &mut String),
) {
    out.push_str(r#","eventType":""#);
    out.push_str(call.kind);
    out.push_str(if call.data { r#"","managementEvent":false"# } else { r#"","managementEvent":true"# });
    out.push_str(r#","recipientAccountId":""#);
    out.push_str(ACCOUNTS[caller.account].0);
    out.push('"');
    if caller.service {
        fill(out, r#","sharedEventID":"$uuid""#, put);
    }
    out.push_str(if call.data { r#","eventCategory":"Data""# } else { r#","eventCategory":"Management""# });
    if !caller.service {
        out.push_str(r#","tlsDetails":{"tlsVersion":"TLSv1.3","cipherSuite":"TLS_AES_128_GCM_SHA256","clientProvidedHostHeader":""#);
        if call.host.is_empty() {
            out.push_str(call.service);
            if !call.is_global() {
                out.push('.');
                out.push_str(scene.region);
            }
            out.push_str(".amazonaws.com");
        } else {
            fill(out, call.host, put);
        }
        out.push_str(r#""}"#);
    }
    if caller.console && call.kind == "AwsApiCall" {
        out.push_str(r#","sessionCredentialFromConsole":"true""#);
    }
    out.push('}');
}
