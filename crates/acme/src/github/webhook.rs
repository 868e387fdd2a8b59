//! Webhook deliveries (GitHub Docs, "Webhook events and payloads").

use crate::dice::{BASE64, DIGITS, Dice, HEX, mix, stable_letters};
use crate::github::parts::{
    INSTALLATION, RepoView, Shape, node, organization, ours, repo_id, repository, user,
};
use crate::org::{Org, city, full_name, mail};
use crate::roster::{ATTACKER_LOGIN, FILES, ORG_LOGIN, PEOPLE, REPOS};
use crate::text::{SECOND_MS, escape, fill, number, time_local, time_s};

/// One delivery's particulars.
pub(crate) struct Delivery<'a> {
    pub(crate) event: &'static str,
    pub(crate) body: &'a str,
    pub(crate) repo: usize,
    /// Who did it: `sender`.
    pub(crate) actor: usize,
    /// Whom it is about: the author of a pull request, the member added.
    pub(crate) other: usize,
    /// The fork a pull request or a run comes from, by its owner.
    pub(crate) fork: Option<usize>,
    /// Decides every number that related deliveries share (a run and its jobs, a request and its merge).
    pub(crate) about: u64,
    /// Text values by name, escaped when written.
    pub(crate) set: &'a [(&'a str, &'a str)],
    /// JSON values by name, written as they are.
    pub(crate) json: &'a [(&'a str, &'a str)],
}

/// A commit for `push` bodies.
pub(crate) struct Commit<'a> {
    pub(crate) sha: &'a str,
    pub(crate) author: usize,
    pub(crate) message: &'a str,
    /// JSON arrays of paths.
    pub(crate) added: &'a str,
    pub(crate) modified: &'a str,
}

#[rustfmt::skip]
pub(crate) mod bodies {
    pub(crate) const PUSH: &str = r#"{"ref":"$ref","before":"$before","after":"$after","repository":$push_repository,"pusher":{"name":"$sender_login","email":"$sender_mail"},"organization":$organization,"sender":$sender,"installation":$installation,"created":$created,"deleted":false,"forced":$forced,"base_ref":null,"compare":"$html/compare/$before...$after","commits":[$commits],"head_commit":$head_commit}"#;
    pub(crate) const PULL_REQUEST: &str = r#"{"action":"$action","number":$number,"pull_request":{"url":"$api/pulls/$number","id":$pull_id,"node_id":"$pull_node","html_url":"$html/pull/$number","diff_url":"$html/pull/$number.diff","patch_url":"$html/pull/$number.patch","issue_url":"$api/issues/$number","number":$number,"state":"$state","locked":false,"title":"$title","user":$other,"body":$text,"created_at":"$opened","updated_at":"$now","closed_at":$closed,"merged_at":$merged_at,"merge_commit_sha":$merge_sha,"assignee":null,"assignees":[],"requested_reviewers":[],"requested_teams":[],"labels":[],"milestone":null,"draft":false,"commits_url":"$api/pulls/$number/commits","review_comments_url":"$api/pulls/$number/comments","review_comment_url":"$api/pulls/comments{/number}","comments_url":"$api/issues/$number/comments","statuses_url":"$api/statuses/$sha","head":{"label":"$head_label","ref":"$branch","sha":"$sha","user":$head_owner,"repo":$head_full},"base":{"label":"$org:main","ref":"main","sha":"$base_sha","user":$org_user,"repo":$repository},"_links":{"self":{"href":"$api/pulls/$number"},"html":{"href":"$html/pull/$number"},"issue":{"href":"$api/issues/$number"},"comments":{"href":"$api/issues/$number/comments"},"review_comments":{"href":"$api/pulls/$number/comments"},"review_comment":{"href":"$api/pulls/comments{/number}"},"commits":{"href":"$api/pulls/$number/commits"},"statuses":{"href":"$api/statuses/$sha"}},"author_association":"$association","auto_merge":null,"active_lock_reason":null,"merged":$merged,"mergeable":null,"rebaseable":null,"mergeable_state":"unknown","merged_by":$merged_by,"comments":0,"review_comments":$few,"maintainer_can_modify":false,"commits":$commit_count,"additions":$additions,"deletions":$few,"changed_files":$commit_count},"repository":$repository,"organization":$organization,"sender":$sender,"installation":$installation}"#;
    pub(crate) const WORKFLOW_RUN: &str = r#"{"action":"$action","workflow_run":{"id":$run,"name":"$workflow","node_id":"$run_node","head_branch":"$branch","head_sha":"$sha","path":"$path","display_title":"$title","run_number":$run_number,"event":"$trigger","status":"$status","conclusion":$conclusion,"workflow_id":$workflow_id,"check_suite_id":$suite,"check_suite_node_id":"$suite_node","url":"$api/actions/runs/$run","html_url":"$html/actions/runs/$run","pull_requests":[],"created_at":"$started","updated_at":"$now","actor":$sender,"run_attempt":1,"referenced_workflows":[],"run_started_at":"$started","triggering_actor":$sender,"jobs_url":"$api/actions/runs/$run/jobs","logs_url":"$api/actions/runs/$run/logs","check_suite_url":"$api/check-suites/$suite","artifacts_url":"$api/actions/runs/$run/artifacts","cancel_url":"$api/actions/runs/$run/cancel","rerun_url":"$api/actions/runs/$run/rerun","previous_attempt_url":null,"workflow_url":"$api/actions/workflows/$workflow_id","head_commit":{"id":"$sha","tree_id":"$tree","message":"$title","timestamp":"$started","author":{"name":"$other_name","email":"$other_mail"},"committer":{"name":"$other_name","email":"$other_mail"}},"repository":$small_repository,"head_repository":$head_small},"workflow":{"id":$workflow_id,"node_id":"$workflow_node","name":"$workflow","path":"$path","state":"active","created_at":"2024-02-05T09:12:44.000Z","updated_at":"2024-02-05T09:12:44.000Z","url":"$api/actions/workflows/$workflow_id","html_url":"$html/blob/main/$path","badge_url":"$html/workflows/$workflow/badge.svg"},"repository":$repository,"organization":$organization,"sender":$sender,"installation":$installation}"#;
    pub(crate) const WORKFLOW_JOB: &str = r#"{"action":"$action","workflow_job":{"id":$job,"run_id":$run,"workflow_name":"$workflow","head_branch":"$branch","run_url":"$api/actions/runs/$run","run_attempt":1,"node_id":"$job_node","head_sha":"$sha","url":"$api/actions/jobs/$job","html_url":"$html/actions/runs/$run/job/$job","status":"$status","conclusion":$conclusion,"created_at":"$started","started_at":"$started","completed_at":$completed,"name":"$job_name","steps":[$steps],"check_run_url":"$api/check-runs/$job","labels":["$runner_label"],"runner_id":$runner,"runner_name":"$runner_name","runner_group_id":$group,"runner_group_name":"$group_name"},"repository":$repository,"organization":$organization,"sender":$sender,"installation":$installation}"#;
    pub(crate) const MEMBER: &str = r#"{"action":"$action","member":$other,"changes":{"permission":{"to":"$permission"}},"repository":$repository,"organization":$organization,"sender":$sender,"installation":$installation}"#;
    pub(crate) const REPOSITORY: &str = r#"{"action":"$action","repository":$repository,"organization":$organization,"sender":$sender,"installation":$installation}"#;
    pub(crate) const DEPLOY_KEY: &str = r#"{"action":"$action","key":{"id":$pull_id,"key":"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI$b43","url":"$api/keys/$pull_id","title":"$title","verified":true,"created_at":"$now","read_only":$read_only,"added_by":"$sender_login","last_used":null,"enabled":true},"repository":$repository,"organization":$organization,"sender":$sender,"installation":$installation}"#;
    pub(crate) const PROTECTION: &str = r#"{"action":"edited","rule":{"id":$suite,"repository_id":$repo_id,"name":"main","created_at":"2024-01-15T10:00:00.000+01:00","updated_at":"$now","pull_request_reviews_enforcement_level":"non_admins","required_approving_review_count":$reviews,"dismiss_stale_reviews_on_push":true,"require_code_owner_review":$owners,"authorized_dismissal_actors_only":false,"ignore_approvals_from_contributors":false,"required_status_checks":["build"],"required_status_checks_enforcement_level":"non_admins","strict_required_status_checks_policy":false,"signature_requirement_enforcement_level":"off","linear_history_requirement_enforcement_level":"off","lock_branch_enforcement_level":"off","admin_enforced":false,"create_protected":false,"allow_force_pushes_enforcement_level":"off","allow_deletions_enforcement_level":"off","merge_queue_enforcement_level":"off","required_deployments_enforcement_level":"off","required_conversation_resolution_level":"off","authorized_actors_only":false,"authorized_actor_names":[]},"changes":{"required_approving_review_count":{"from":$reviews_before},"require_code_owner_review":{"from":true}},"repository":$repository,"organization":$organization,"sender":$sender,"installation":$installation}"#;
    pub(crate) const ORGANIZATION: &str = r#"{"action":"$action","membership":{"url":"https://api.github.com/orgs/$org/memberships/$other_login","state":"active","role":"$role","organization_url":"https://api.github.com/orgs/$org","user":$other},"organization":$organization,"sender":$sender,"installation":$installation}"#;
    pub(crate) const SECRET_ALERT: &str = r#"{"action":"$action","alert":{"number":$few,"created_at":"$now","updated_at":"$now","url":"$api/secret-scanning/alerts/$few","html_url":"$html/security/secret-scanning/$few","locations_url":"$api/secret-scanning/alerts/$few/locations","state":"open","resolution":null,"resolved_at":null,"resolved_by":null,"resolution_comment":null,"secret_type":"aws_access_key_id","secret_type_display_name":"Amazon AWS Access Key ID","validity":"unknown","push_protection_bypassed":false,"push_protection_bypassed_by":null,"push_protection_bypassed_at":null,"publicly_leaked":false,"multi_repo":false},"repository":$repository,"organization":$organization,"sender":$sender,"installation":$installation}"#;
    pub(crate) const DEPENDABOT_ALERT: &str = r#"{"action":"created","alert":{"number":$few,"state":"open","dependency":{"package":{"ecosystem":"npm","name":"$package"},"manifest_path":"package-lock.json","scope":"runtime"},"security_advisory":{"ghsa_id":"GHSA-acme-$i4-demo","cve_id":null,"summary":"$package reads past the end of a crafted header","description":"An invented weakness of an invented package.","severity":"$severity","identifiers":[{"value":"GHSA-acme-$i4-demo","type":"GHSA"}],"references":[],"published_at":"$started","updated_at":"$started","withdrawn_at":null,"vulnerabilities":[{"package":{"ecosystem":"npm","name":"$package"},"severity":"$severity","vulnerable_version_range":"< 4.2.1","first_patched_version":{"identifier":"4.2.1"}}],"cvss":{"vector_string":"CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:L","score":5.3},"cwes":[{"cwe_id":"CWE-125","name":"Out-of-bounds Read"}]},"security_vulnerability":{"package":{"ecosystem":"npm","name":"$package"},"severity":"$severity","vulnerable_version_range":"< 4.2.1","first_patched_version":{"identifier":"4.2.1"}},"url":"$api/dependabot/alerts/$few","html_url":"$html/security/dependabot/$few","created_at":"$now","updated_at":"$now","dismissed_at":null,"dismissed_by":null,"dismissed_reason":null,"dismissed_comment":null,"fixed_at":null,"auto_dismissed_at":null},"repository":$repository,"organization":$organization,"sender":$sender,"installation":$installation}"#;
    pub(crate) const CODE_ALERT: &str = r#"{"action":"created","alert":{"number":$few,"created_at":"$now","updated_at":"$now","url":"$api/code-scanning/alerts/$few","html_url":"$html/security/code-scanning/$few","state":"open","fixed_at":null,"dismissed_by":null,"dismissed_at":null,"dismissed_reason":null,"dismissed_comment":null,"rule":{"id":"acme/unchecked-redirect","severity":"warning","security_severity_level":"$severity","description":"Redirect to an unchecked address","name":"acme/unchecked-redirect","full_description":"The target of a redirect comes from the request.","tags":["security"],"help":"","help_uri":""},"tool":{"name":"CodeQL","guid":null,"version":"2.18.0"},"most_recent_instance":{"ref":"refs/heads/main","analysis_key":".github/workflows/codeql.yml:analyze","environment":"{}","category":"","state":"open","commit_sha":"$sha","message":{"text":"The redirect target depends on a request parameter."},"location":{"path":"$file","start_line":$few,"end_line":$few,"start_column":5,"end_column":31},"classifications":[]},"instances_url":"$api/code-scanning/alerts/$few/instances"},"ref":"refs/heads/main","commit_oid":"$sha","repository":$repository,"organization":$organization,"sender":$sender,"installation":$installation}"#;
}

/// Appends one body to `out`; returns its delivery id.
pub(crate) fn write(out: &mut String, org: &Org, dice: &mut Dice, at_ms: i64, what: &Delivery<'_>) -> String {
    let mut id = String::with_capacity(36);
    dice.uuid(&mut id);
    fill(out, what.body, &mut |name, out| {
        if let Some((_, value)) = what.set.iter().find(|(key, _)| *key == name) {
            escape(out, value);
        } else if let Some((_, value)) = what.json.iter().find(|(key, _)| *key == name) {
            out.push_str(value);
        } else {
            put_object(out, org, dice, at_ms, what, name);
        }
    });
    id
}

fn put_object(out: &mut String, org: &Org, dice: &mut Dice, at_ms: i64, what: &Delivery<'_>, name: &str) {
    let here = ours(what.repo, at_ms);
    let head = RepoView { fork_of: what.fork, ..here };
    match name {
        "repository" => repository(out, org, here, Shape::Full),
        "push_repository" => repository(out, org, here, Shape::Push),
        "small_repository" => repository(out, org, here, Shape::Minimal),
        "head_full" => repository(out, org, head, Shape::Full),
        "head_small" => repository(out, org, head, Shape::Minimal),
        "organization" => organization(out),
        "installation" => out.push_str(INSTALLATION),
        "sender" => user(out, org, what.actor),
        "other" => user(out, org, what.other),
        "head_owner" => user(out, org, what.fork.unwrap_or(what.other)),
        // the base of a pull request belongs to the organisation, shown as a user object
        "org_user" => crate::github::parts::org_as_user(out),
        "org" => out.push_str(ORG_LOGIN),
        "sender_login" => out.push_str(&org.logins[what.actor].name),
        "other_login" => out.push_str(&org.logins[what.other].name),
        "sender_mail" => out.push_str(&commit_mail(org, what.actor)),
        "other_mail" => out.push_str(&commit_mail(org, what.other)),
        "other_name" => escape(out, &commit_name(org, what.other)),
        "head_label" => {
            out.push_str(what.fork.map_or(ORG_LOGIN, |who| &org.logins[who].name));
            out.push(':');
            out.push_str(
                what.set.iter().find(|(key, _)| *key == "branch").map_or("main", |(_, value)| value),
            );
        }
        "api" | "html" => {
            out.push_str(if name == "api" { "https://api.github.com/repos/" } else { "https://github.com/" });
            out.push_str(ORG_LOGIN);
            out.push('/');
            out.push_str(REPOS[what.repo].0);
        }
        "repo_id" => number(out, repo_id(org, what.repo)),
        "now" => time_s(out, at_ms),
        "file" => out.push_str(dice.pick(FILES)),
        _ => put_number(out, dice, what, name),
    }
}

fn put_number(out: &mut String, dice: &mut Dice, what: &Delivery<'_>, name: &str) {
    let about = what.about;
    let numbered = |salt: u64, base: u64, spread: u64| base + mix(about ^ salt) % spread;
    match name {
        "run" => number(out, numbered(1, 9_000_000_000, 1_000_000_000)),
        "job" => number(out, numbered(2, 25_000_000_000, 1_000_000_000)),
        "suite" => number(out, numbered(3, 24_000_000_000, 1_000_000_000)),
        "pull_id" => number(out, numbered(4, 1_900_000_000, 100_000_000)),
        "workflow_id" => number(out, 70_000_000 + what.repo as u64 * 13),
        "number" => number(out, numbered(5, 200, 4_000)),
        "run_number" => number(out, numbered(6, 100, 9_000)),
        "runner" => number(out, numbered(7, 1, 400)),
        "few" => number(out, numbered(8, 1, 40)),
        "commit_count" => number(out, numbered(9, 1, 6)),
        "additions" => number(out, numbered(10, 3, 300)),
        "pull_node" => node(out, "PR", about),
        "run_node" => node(out, "WFR", about),
        "job_node" => node(out, "CR", about),
        "suite_node" => node(out, "CS", about),
        "workflow_node" => node(out, "W", what.repo as u64),
        "sha" => stable_letters(out, 40, HEX, about),
        "base_sha" => stable_letters(out, 40, HEX, mix(about ^ 11)),
        "tree" => stable_letters(out, 40, HEX, mix(about ^ 12)),
        "b43" => dice.letters(out, 43, BASE64),
        "i4" => stable_letters(out, 4, DIGITS, about),
        _ => {}
    }
}

/// The head commit's hash that `about` stands for.
pub(crate) fn sha(about: u64) -> String {
    let mut out = String::with_capacity(40);
    stable_letters(&mut out, 40, HEX, about);
    out
}

fn commit_mail(org: &Org, who: usize) -> String {
    if who < PEOPLE.len() {
        return mail(who);
    }
    format!("{}+{}@users.noreply.github.com", org.logins[who].id, org.logins[who].name)
}

fn commit_name(org: &Org, who: usize) -> String {
    if who < PEOPLE.len() { full_name(who) } else { org.logins[who].name.clone() }
}

const COMMIT: &str = r#"{"id":"$sha","tree_id":"$tree","distinct":true,"message":"$message","timestamp":"$time","url":"$html/commit/$sha","author":{"name":"$name","email":"$mail","username":"$login"},"committer":{"name":"$name","email":"$mail","username":"$login"},"added":$added,"removed":[],"modified":$modified}"#;

/// Appends the object of one commit.
pub(crate) fn commit(out: &mut String, org: &Org, at_ms: i64, repo: usize, what: &Commit<'_>) {
    let offset = if what.author < ATTACKER_LOGIN && what.author < PEOPLE.len() {
        let home = crate::org::Place { city: PEOPLE[what.author].city, ip: String::new() };
        city(&home).offset_minutes
    } else {
        0
    };
    fill(out, COMMIT, &mut |name, out| match name {
        "sha" => out.push_str(what.sha),
        "tree" => stable_letters(out, 40, HEX, crate::dice::hash(7, &[what.sha])),
        "message" => escape(out, what.message),
        "time" => time_local(out, at_ms - 90 * SECOND_MS, offset),
        "html" => {
            out.push_str("https://github.com/");
            out.push_str(ORG_LOGIN);
            out.push('/');
            out.push_str(REPOS[repo].0);
        }
        "name" => escape(out, &commit_name(org, what.author)),
        "mail" => out.push_str(&commit_mail(org, what.author)),
        "login" => out.push_str(&org.logins[what.author].name),
        "added" => out.push_str(what.added),
        _ => out.push_str(what.modified),
    });
}
