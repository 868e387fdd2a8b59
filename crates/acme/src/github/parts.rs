//! The objects that every webhook repeats: users, repositories, the organisation.

use crate::dice::{BASE62, hash, stable_letters};
use crate::org::Org;
use crate::roster::{ORG_LOGIN, REPOS};
use crate::text::{DAY_MS, fill, number, time_s};

pub(crate) const ORG_ID: u64 = 94_120_377;
pub(crate) const INSTALLATION: &str =
    r#"{"id":51823364,"node_id":"MDIzOkludGVncmF0aW9uSW5zdGFsbGF0aW9uNTE4MjMzNjQ="}"#;

/// A repository as a webhook shows it: ours by number, or a fork of ours.
#[derive(Clone, Copy)]
pub(crate) struct RepoView {
    pub(crate) repo: usize,
    /// The login that owns the fork; `None` for ours.
    pub(crate) fork_of: Option<usize>,
    pub(crate) at_ms: i64,
}

pub(crate) fn ours(repo: usize, at_ms: i64) -> RepoView {
    RepoView { repo, fork_of: None, at_ms }
}

pub(crate) fn repo_id(org: &Org, repo: usize) -> u64 {
    300_000_000 + hash(org.seed, &["repo", REPOS[repo].0]) % 600_000_000
}

/// A node id of the newer form, `PREFIX_kgDO…`.
pub(crate) fn node(out: &mut String, prefix: &str, id: u64) {
    out.push_str(prefix);
    out.push_str("_kgDO");
    stable_letters(out, 6, BASE62, id);
}

const USER: &str = r#"{"login":"$login","id":$id,"node_id":"$node","avatar_url":"https://avatars.githubusercontent.com/u/$id?v=4","gravatar_id":"","url":"$api","html_url":"https://github.com/$login","followers_url":"$api/followers","following_url":"$api/following{/other_user}","gists_url":"$api/gists{/gist_id}","starred_url":"$api/starred{/owner}{/repo}","subscriptions_url":"$api/subscriptions","organizations_url":"$api/orgs","repos_url":"$api/repos","events_url":"$api/events{/privacy}","received_events_url":"$api/received_events","type":"$type","site_admin":false}"#;

fn write_user(out: &mut String, login: &str, id: u64, kind: &str) {
    fill(out, USER, &mut |name, out| match name {
        "login" => out.push_str(login),
        "id" => number(out, id),
        "node" => node(out, "U", id),
        "type" => out.push_str(kind),
        _ => {
            out.push_str("https://api.github.com/users/");
            out.push_str(login);
        }
    });
}

/// The user object of a login.
pub(crate) fn user(out: &mut String, org: &Org, who: usize) {
    let login = &org.logins[who];
    write_user(out, &login.name, login.id, login.kind);
}

const ORGANIZATION: &str = r#"{"login":"$login","id":$id,"node_id":"O_kgDOBZwnOQ","url":"$api","repos_url":"$api/repos","events_url":"$api/events","hooks_url":"$api/hooks","issues_url":"$api/issues","members_url":"$api/members{/member}","public_members_url":"$api/public_members{/member}","avatar_url":"https://avatars.githubusercontent.com/u/$id?v=4","description":"Everything for everyone"}"#;

/// The organisation object.
pub(crate) fn organization(out: &mut String) {
    fill(out, ORGANIZATION, &mut |name, out| match name {
        "login" => out.push_str(ORG_LOGIN),
        "id" => number(out, ORG_ID),
        _ => {
            out.push_str("https://api.github.com/orgs/");
            out.push_str(ORG_LOGIN);
        }
    });
}

const REPO_START: &str = r#"{"id":$id,"node_id":"$node","name":"$name","full_name":"$full","private":$private,"owner":$owner,"html_url":"https://github.com/$full","description":$description,"fork":$fork,"url":"$api","forks_url":"$api/forks","keys_url":"$api/keys{/key_id}","collaborators_url":"$api/collaborators{/collaborator}","teams_url":"$api/teams","hooks_url":"$api/hooks","issue_events_url":"$api/issues/events{/number}","events_url":"$api/events","assignees_url":"$api/assignees{/user}","branches_url":"$api/branches{/branch}","tags_url":"$api/tags","blobs_url":"$api/git/blobs{/sha}","git_tags_url":"$api/git/tags{/sha}","git_refs_url":"$api/git/refs{/sha}","trees_url":"$api/git/trees{/sha}","statuses_url":"$api/statuses/{sha}","languages_url":"$api/languages","stargazers_url":"$api/stargazers","contributors_url":"$api/contributors","subscribers_url":"$api/subscribers","subscription_url":"$api/subscription","commits_url":"$api/commits{/sha}","git_commits_url":"$api/git/commits{/sha}","comments_url":"$api/comments{/number}","issue_comment_url":"$api/issues/comments{/number}","contents_url":"$api/contents/{+path}","compare_url":"$api/compare/{base}...{head}","merges_url":"$api/merges","archive_url":"$api/{archive_format}{/ref}","downloads_url":"$api/downloads","issues_url":"$api/issues{/number}","pulls_url":"$api/pulls{/number}","milestones_url":"$api/milestones{/number}","notifications_url":"$api/notifications{?since,all,participating}","labels_url":"$api/labels{/name}","releases_url":"$api/releases{/id}","deployments_url":"$api/deployments""#;
const REPO_END: &str = r#","created_at":$created,"updated_at":"$updated","pushed_at":$pushed,"git_url":"git://github.com/$full.git","ssh_url":"git@github.com:$full.git","clone_url":"https://github.com/$full.git","svn_url":"https://github.com/$full","homepage":null,"size":$size,"stargazers_count":$stars,"watchers_count":$stars,"language":"$language","has_issues":true,"has_projects":true,"has_downloads":true,"has_wiki":false,"has_pages":false,"has_discussions":false,"forks_count":$stars,"mirror_url":null,"archived":false,"disabled":false,"open_issues_count":$issues,"license":null,"allow_forking":true,"is_template":false,"web_commit_signoff_required":false,"topics":[],"visibility":"$visibility","forks":$stars,"open_issues":$issues,"watchers":$stars,"default_branch":"main","custom_properties":{}"#;

/// How much of a repository to show.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    /// The 80 fields of most events.
    Full,
    /// As in `push`: Unix times, `stargazers` and `master_branch` besides.
    Push,
    /// The addresses only, as inside `workflow_run`.
    Minimal,
}

/// The repository object.
pub(crate) fn repository(out: &mut String, org: &Org, view: RepoView, shape: Shape) {
    let owner = view.fork_of.map_or(ORG_LOGIN, |who| org.logins[who].name.as_str());
    let id = repo_id(org, view.repo) + view.fork_of.map_or(0, |who| 1_000 + who as u64);
    let (name, language, public) = REPOS[view.repo];
    let born_ms = 1_420_070_400_000 + (id % 2_500) as i64 * DAY_MS;
    let time = |out: &mut String, at_ms: i64| {
        if shape == Shape::Push {
            number(out, (at_ms / 1_000) as u64);
        } else {
            out.push('"');
            time_s(out, at_ms);
            out.push('"');
        }
    };
    let mut put = |key: &str, out: &mut String| match key {
        "api" | "full" => {
            out.push_str(if key == "api" { "https://api.github.com/repos/" } else { "" });
            out.push_str(owner);
            out.push('/');
            out.push_str(name);
        }
        "id" => number(out, id),
        "node" => node(out, "R", id),
        "name" => out.push_str(name),
        "private" => out.push_str(if public { "false" } else { "true" }),
        "visibility" => out.push_str(if public { "public" } else { "private" }),
        "owner" => match view.fork_of {
            Some(who) => user(out, org, who),
            None => write_user(out, ORG_LOGIN, ORG_ID, "Organization"),
        },
        "description" if view.repo.is_multiple_of(3) => out.push_str("null"),
        "description" => {
            out.push_str(r#""The \""#);
            out.push_str(name);
            out.push_str(r#"\" service of Acme""#);
        }
        "fork" => out.push_str(if view.fork_of.is_some() { "true" } else { "false" }),
        "created" => time(out, born_ms),
        "updated" => time_s(out, view.at_ms - 7_200_000),
        "pushed" => time(out, view.at_ms),
        "language" => out.push_str(language),
        "size" => number(out, 800 + id % 90_000),
        "stars" => number(out, if public { id % 90 } else { 0 }),
        _ => number(out, id % 23),
    };
    fill(out, REPO_START, &mut put);
    if shape != Shape::Minimal {
        fill(out, REPO_END, &mut put);
    }
    if shape == Shape::Push {
        fill(out, r#","stargazers":$stars,"master_branch":"main","organization":""#, &mut put);
        out.push_str(ORG_LOGIN);
        out.push('"');
    }
    out.push('}');
}

/// The organisation in the form of a user, as the base of a pull request shows it.
pub(crate) fn org_as_user(out: &mut String) {
    write_user(out, ORG_LOGIN, ORG_ID, "Organization");
}
