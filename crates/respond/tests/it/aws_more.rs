//! EC2 and S3 against the emulator: instances, rules and buckets are as before once an action is taken back.

use crate::aws::{Moto, NOW_MS, done, moto};
use respond::connector::{Act, Asked, Connector, Exchange, HttpRemote, Outcome, Values, read};
use respond::protect::Protection;
use serde_json::json;

/// A part of the emulator, with the connector for it.
struct Part {
    connector: Connector,
    settings: Values,
}

impl Part {
    fn of(moto: &Moto, name: &str) -> Self {
        let file = format!("{}/../../content/connectors/{name}.yaml", env!("CARGO_MANIFEST_DIR"));
        let connector = read(&std::fs::read_to_string(file).unwrap()).unwrap();
        let mut settings = moto.settings.clone();
        settings.insert(format!("{name}_url"), settings["aws_iam_url"].clone());
        settings.insert("aws_region".to_owned(), "us-east-1".to_owned());
        Self { connector, settings }
    }

    /// Asks something that no action asks.
    fn ask(&self, method: &str, path: &str, query: &[(&str, &str)]) -> String {
        let query: Values =
            query.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let exchange = json!({ "method": method, "path": path, "query": query, "expect": [200] });
        let exchange: Exchange = serde_json::from_value(exchange).unwrap();
        let request = exchange.request(&self.connector, &self.settings, NOW_MS).unwrap();
        HttpRemote::default().send_kept(&request)
    }

    fn ec2(&self, query: &[(&str, &str)]) -> String {
        let mut query = query.to_vec();
        query.push(("Version", "2016-11-15"));
        self.ask("GET", "/", &query)
    }

    fn bind(&self, action: &str, target: &str) -> Act<'_> {
        let (target, inputs) = ((target, Vec::new()), Values::new());
        Act::bind(&self.connector, action, target, (&self.settings, &inputs), &Protection::default()).unwrap()
    }
}

trait SendKept {
    fn send_kept(&self, request: &respond::connector::Request) -> String;
}

impl SendKept for HttpRemote {
    fn send_kept(&self, request: &respond::connector::Request) -> String {
        respond::connector::Remote::send(self, request).unwrap().body
    }
}

/// Between two marks; the first such.
fn between(text: &str, from: &str, to: &str) -> String {
    let (_, rest) = text.split_once(from).unwrap_or_else(|| panic!("no {from} in {text}"));
    rest.split_once(to).unwrap().0.to_owned()
}

/// Applies, verifies and takes back; `state` is the same before and after, and another between.
fn there_and_back(act: &Act<'_>, state: impl Fn() -> String) {
    let remote = HttpRemote::default();
    let before = state();
    let mut facts = done(act.look(&remote, NOW_MS).unwrap());
    let plan = act.plan(&facts, Asked::default(), NOW_MS).unwrap();
    assert!(matches!(act.verify(&remote, &facts, NOW_MS).unwrap(), Outcome::Refused(_)), "{plan:?}");
    facts.extend(done(act.apply(&remote, &facts, (false, NOW_MS)).unwrap()));
    done(act.verify(&remote, &facts, NOW_MS).unwrap());
    assert_ne!(state(), before, "it had no effect: {plan:?}");
    assert!(matches!(act.verify_revert(&remote, &facts, NOW_MS).unwrap(), Outcome::Refused(_)), "{plan:?}");
    done(act.revert(&remote, &facts, (false, NOW_MS)).unwrap());
    done(act.verify_revert(&remote, &facts, NOW_MS).unwrap());
    assert_eq!(state(), before, "{plan:?}");
    // and once more: nothing changes
    done(act.revert(&remote, &facts, (true, NOW_MS)).unwrap());
    assert_eq!(state(), before, "{plan:?}");
}

/// A security group; `open` has the rules that AWS makes, letting everything out.
fn group(part: &Part, name: &str, vpc: &str, open: bool) -> String {
    let created = part.ec2(&[
        ("Action", "CreateSecurityGroup"),
        ("GroupName", name),
        ("GroupDescription", "a test"),
        ("VpcId", vpc),
    ]);
    let id = between(&created, "<groupId>", "<");
    if !open {
        part.ec2(&[
            ("Action", "RevokeSecurityGroupEgress"),
            ("GroupId", &id),
            ("IpPermissions.1.IpProtocol", "-1"),
            ("IpPermissions.1.IpRanges.1.CidrIp", "0.0.0.0/0"),
        ]);
    }
    id
}

#[test]
fn an_instance_is_isolated_and_gets_its_groups_back() {
    let Some(moto) = moto() else { return };
    let mut part = Part::of(&moto, "aws_ec2");
    let vpc = between(&part.ec2(&[("Action", "DescribeVpcs")]), "<vpcId>", "<");
    let subnet = between(&part.ec2(&[("Action", "DescribeSubnets")]), "<subnetId>", "<");
    let (web, ssh) = (group(&part, "web", &vpc, true), group(&part, "ssh", &vpc, true));
    let ran = part.ec2(&[
        ("Action", "RunInstances"),
        ("ImageId", "ami-12c6146b"),
        ("MinCount", "1"),
        ("MaxCount", "1"),
        ("SubnetId", &subnet),
        ("SecurityGroupId.1", &web),
        ("SecurityGroupId.2", &ssh),
    ]);
    let instance = between(&ran, "<instanceId>", "<");

    // a group that lets something out isolates nothing
    let open = group(&part, "open", &vpc, true);
    part.settings.insert("aws_isolation_group".into(), open);
    let looked = part.bind("isolate_instance", &instance).look(&HttpRemote::default(), NOW_MS).unwrap();
    assert!(matches!(looked, Outcome::Refused(_)), "{looked:?}");

    let isolation = group(&part, "isolation", &vpc, false);
    part.settings.insert("aws_isolation_group".into(), isolation);
    let state = || {
        let of = part.ec2(&[("Action", "DescribeInstances"), ("InstanceId.1", &instance)]);
        let mut groups: Vec<&str> = of.split("<groupId>").skip(1).map(|rest| &rest[..20]).collect();
        groups.sort_unstable();
        format!("{groups:?}")
    };
    there_and_back(&part.bind("isolate_instance", &instance), state);

    // evidence: the volume is as it was, and there is a copy
    let of = part.ec2(&[("Action", "DescribeVolumes")]);
    let volume = between(&of, "<volumeId>", "<");
    let (snapshot, remote) = (part.bind("snapshot_volume", &volume), HttpRemote::default());
    let mut facts = done(snapshot.look(&remote, NOW_MS).unwrap());
    assert_eq!(facts["instance"], instance);
    facts.extend(done(snapshot.apply(&remote, &facts, (false, NOW_MS)).unwrap()));
    assert!(facts["snapshot"].starts_with("snap-"));
    done(snapshot.verify(&remote, &facts, NOW_MS).unwrap());
}

#[test]
fn a_rule_that_lets_traffic_in_is_removed_and_comes_back() {
    let Some(moto) = moto() else { return };
    let part = Part::of(&moto, "aws_ec2");
    let vpc = between(&part.ec2(&[("Action", "DescribeVpcs")]), "<vpcId>", "<");
    let id = group(&part, "admin", &vpc, true);
    for (port, cidr) in [("443", "0.0.0.0/0"), ("22", "10.0.0.0/8"), ("22", "0.0.0.0/0")] {
        part.ec2(&[
            ("Action", "AuthorizeSecurityGroupIngress"),
            ("GroupId", &id),
            ("IpPermissions.1.IpProtocol", "tcp"),
            ("IpPermissions.1.FromPort", port),
            ("IpPermissions.1.ToPort", port),
            ("IpPermissions.1.IpRanges.1.CidrIp", cidr),
            ("IpPermissions.1.IpRanges.1.Description", "by hand"),
        ]);
    }
    let rules = || {
        let query = [
            ("Action", "DescribeSecurityGroupRules"),
            ("Filter.1.Name", "group-id"),
            ("Filter.1.Value.1", &id),
        ];
        let all = part.ec2(&query);
        all.split("<item>").skip(1).map(str::to_owned).collect::<Vec<_>>()
    };
    let of = |rule: &String| {
        ["<isEgress>", "<ipProtocol>", "<fromPort>", "<toPort>", "<cidrIpv4>"]
            .map(|name| between(rule, name, "<"))
    };
    let found = rules();
    let rule = found.iter().find(|rule| of(rule)[2] == "22" && of(rule)[4] == "0.0.0.0/0").unwrap();
    let act_target = between(rule, "<securityGroupRuleId>", "<");
    // the id is another one afterwards, what the rule says is the same
    let state = || {
        let mut all: Vec<_> = rules().iter().map(of).collect();
        all.sort();
        format!("{all:?}")
    };
    there_and_back(&part.bind("remove_ingress_rule", &act_target), state);
}

#[test]
fn a_bucket_is_closed_and_opened_as_it_was() {
    let Some(moto) = moto() else { return };
    let part = Part::of(&moto, "aws_s3");
    part.ask("PUT", "/acme-exports", &[]);
    let state = || {
        let answer = part.ask("GET", "/acme-exports", &[("publicAccessBlock", "")]);
        answer.split("<RequestId>").next().unwrap().to_owned()
    };
    assert!(state().contains("NoSuchPublicAccessBlockConfiguration"), "{}", state());
    there_and_back(&part.bind("block_public_access", "acme-exports"), state);
    // one that has said something gets back what it said
    let xml = "<PublicAccessBlockConfiguration><BlockPublicAcls>true</BlockPublicAcls>\
        <IgnorePublicAcls>false</IgnorePublicAcls><BlockPublicPolicy>false</BlockPublicPolicy>\
        <RestrictPublicBuckets>true</RestrictPublicBuckets></PublicAccessBlockConfiguration>";
    let exchange = json!({
        "method": "PUT", "path": "/acme-exports", "query": { "publicAccessBlock": "" }, "expect": [200],
        "content_type": "application/xml", "body": xml,
    });
    let exchange: Exchange = serde_json::from_value(exchange).unwrap();
    let request = exchange.request(&part.connector, &part.settings, NOW_MS).unwrap();
    assert!(request.headers.iter().any(|(name, _)| name == "x-amz-checksum-sha256"));
    HttpRemote::default().send_kept(&request);
    assert!(state().contains("<IgnorePublicAcls>false"), "{}", state());
    there_and_back(&part.bind("block_public_access", "acme-exports"), state);
    // one that is not there
    let looked =
        part.bind("block_public_access", "acme-nothing").look(&HttpRemote::default(), NOW_MS).unwrap();
    assert!(matches!(looked, Outcome::Refused(_)), "{looked:?}");
}
