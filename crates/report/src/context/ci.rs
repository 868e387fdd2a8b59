//! What CI systems say of a run, by the variables that their documents name. A system more is a row more.

use super::repository::{named, without_credentials};
use super::{Context, Environment, Known, commit, text};

/// One CI system. A value is the first of its templates whose variables are all there; `{NAME}` is a variable.
struct System {
    name: &'static str,
    /// It is this system if one of these is set, to this value if one is given.
    marks: &'static [(&'static str, Option<&'static str>)],
    /// Set where a tag is built, and so what stands for a branch is none.
    tag: Option<&'static str>,
    commit: &'static [&'static str],
    branch: &'static [&'static str],
    /// What stands before a branch's name.
    branch_prefix: &'static str,
    repository: &'static [&'static str],
    environment: &'static [&'static str],
    run: &'static [&'static str],
}

// tidy: table
const SYSTEMS: [System; 10] = [
    // https://docs.github.com/en/actions/reference/workflows-and-actions/variables
    System {
        name: "GitHub Actions",
        marks: &[("GITHUB_ACTIONS", Some("true"))],
        tag: None,
        commit: &["{GITHUB_SHA}"],
        branch: &["{GITHUB_HEAD_REF}", "{GITHUB_REF}"],
        branch_prefix: "",
        repository: &["{GITHUB_REPOSITORY}"],
        environment: &[],
        run: &["{GITHUB_SERVER_URL}/{GITHUB_REPOSITORY}/actions/runs/{GITHUB_RUN_ID}"],
    },
    // https://docs.gitlab.com/ci/variables/predefined_variables/
    System {
        name: "GitLab CI",
        marks: &[("GITLAB_CI", Some("true"))],
        tag: Some("CI_COMMIT_TAG"),
        commit: &["{CI_COMMIT_SHA}"],
        branch: &["{CI_MERGE_REQUEST_SOURCE_BRANCH_NAME}", "{CI_COMMIT_BRANCH}"],
        branch_prefix: "",
        repository: &["{CI_PROJECT_PATH}"],
        environment: &["{CI_ENVIRONMENT_NAME}"],
        run: &["{CI_JOB_URL}", "{CI_PIPELINE_URL}"],
    },
    // https://circleci.com/docs/reference/variables/
    System {
        name: "CircleCI",
        marks: &[("CIRCLECI", Some("true"))],
        tag: Some("CIRCLE_TAG"),
        commit: &["{CIRCLE_SHA1}"],
        branch: &["{CIRCLE_BRANCH}"],
        branch_prefix: "",
        repository: &["{CIRCLE_PROJECT_USERNAME}/{CIRCLE_PROJECT_REPONAME}", "{CIRCLE_REPOSITORY_URL}"],
        environment: &[],
        run: &["{CIRCLE_BUILD_URL}"],
    },
    // https://buildkite.com/docs/pipelines/configure/environment-variables
    System {
        name: "Buildkite",
        marks: &[("BUILDKITE", Some("true"))],
        tag: Some("BUILDKITE_TAG"),
        commit: &["{BUILDKITE_COMMIT}"],
        branch: &["{BUILDKITE_BRANCH}"],
        branch_prefix: "",
        repository: &["{BUILDKITE_REPO}"],
        environment: &[],
        run: &["{BUILDKITE_BUILD_URL}#{BUILDKITE_JOB_ID}", "{BUILDKITE_BUILD_URL}"],
    },
    // https://learn.microsoft.com/azure/devops/pipelines/build/variables
    System {
        name: "Azure Pipelines",
        marks: &[("TF_BUILD", Some("True"))],
        tag: None,
        commit: &["{BUILD_SOURCEVERSION}"],
        branch: &["{SYSTEM_PULLREQUEST_SOURCEBRANCH}", "{BUILD_SOURCEBRANCH}"],
        branch_prefix: "",
        repository: &["{BUILD_REPOSITORY_URI}", "{SYSTEM_TEAMPROJECT}/{BUILD_REPOSITORY_NAME}"],
        environment: &["{ENVIRONMENT_NAME}", "{RELEASE_ENVIRONMENTNAME}"],
        run: &["{SYSTEM_COLLECTIONURI}{SYSTEM_TEAMPROJECT}/_build/results?buildId={BUILD_BUILDID}"],
    },
    // https://support.atlassian.com/bitbucket-cloud/docs/variables-and-secrets/
    System {
        name: "Bitbucket Pipelines",
        marks: &[("BITBUCKET_BUILD_NUMBER", None)],
        tag: Some("BITBUCKET_TAG"),
        commit: &["{BITBUCKET_COMMIT}"],
        branch: &["{BITBUCKET_BRANCH}"],
        branch_prefix: "",
        repository: &["{BITBUCKET_REPO_FULL_NAME}"],
        environment: &["{BITBUCKET_DEPLOYMENT_ENVIRONMENT}"],
        run: &[
            "{BITBUCKET_GIT_HTTP_ORIGIN}/pipelines/results/{BITBUCKET_BUILD_NUMBER}",
            "https://bitbucket.org/{BITBUCKET_REPO_FULL_NAME}/pipelines/results/{BITBUCKET_BUILD_NUMBER}",
        ],
    },
    // https://docs.travis-ci.com/user/environment-variables/
    System {
        name: "Travis CI",
        marks: &[("TRAVIS", Some("true"))],
        tag: Some("TRAVIS_TAG"),
        commit: &["{TRAVIS_PULL_REQUEST_SHA}", "{TRAVIS_COMMIT}"],
        branch: &["{TRAVIS_PULL_REQUEST_BRANCH}", "{TRAVIS_BRANCH}"],
        branch_prefix: "",
        repository: &["{TRAVIS_REPO_SLUG}"],
        environment: &[],
        run: &["{TRAVIS_JOB_WEB_URL}", "{TRAVIS_BUILD_WEB_URL}"],
    },
    // https://docs.drone.io/pipeline/environment/reference/
    System {
        name: "Drone",
        marks: &[("DRONE", Some("true"))],
        tag: Some("DRONE_TAG"),
        commit: &["{DRONE_COMMIT_SHA}"],
        branch: &["{DRONE_SOURCE_BRANCH}", "{DRONE_COMMIT_BRANCH}"],
        branch_prefix: "",
        repository: &["{DRONE_REPO}"],
        environment: &["{DRONE_DEPLOY_TO}"],
        run: &["{DRONE_BUILD_LINK}"],
    },
    // https://www.jetbrains.com/help/teamcity/predefined-build-parameters.html
    System {
        name: "TeamCity",
        marks: &[("TEAMCITY_VERSION", None)],
        tag: None,
        commit: &["{BUILD_VCS_NUMBER}"],
        branch: &[],
        branch_prefix: "",
        repository: &[],
        environment: &[],
        run: &["{BUILD_URL}"],
    },
    // https://www.jenkins.io/doc/book/pipeline/jenkinsfile/#using-environment-variables, its page `env-vars.html`, and
    // https://plugins.jenkins.io/git/#plugin-content-environment-variables; last, for agents of others run on it
    System {
        name: "Jenkins",
        marks: &[("JENKINS_URL", None), ("JENKINS_HOME", None)],
        tag: Some("TAG_NAME"),
        commit: &["{GIT_COMMIT}"],
        branch: &["{CHANGE_BRANCH}", "{BRANCH_NAME}", "{GIT_LOCAL_BRANCH}", "{GIT_BRANCH}"],
        branch_prefix: "origin/",
        repository: &["{GIT_URL}", "{GIT_URL_1}"],
        environment: &[],
        run: &["{BUILD_URL}"],
    },
];

/// What the CI system says that the process runs in; nothing outside of CI.
pub(super) fn read(environment: &dyn Environment) -> Option<Context> {
    let is_marked = |(name, value): &(&str, Option<&str>)| {
        // Azure writes True, others true
        environment
            .get(name)
            .is_some_and(|is| !is.is_empty() && value.is_none_or(|wanted| is.eq_ignore_ascii_case(wanted)))
    };
    let system = SYSTEMS.iter().find(|system| system.marks.iter().any(is_marked))?;
    let first = |templates: &[&str], make: &dyn Fn(&str) -> Option<String>| {
        templates.iter().find_map(|template| {
            let (filled, from) = fill(environment, template)?;
            Some(Known::new(make(&filled)?, from))
        })
    };
    let is_tag = system.tag.is_some_and(|name| environment.get(name).is_some_and(|tag| !tag.is_empty()));
    let branch_of = |value: &str| branch(value, system.branch_prefix);
    Some(Context {
        ci: Some(system.name),
        commit: first(system.commit, &commit),
        branch: if is_tag { None } else { first(system.branch, &branch_of) },
        repository: first(system.repository, &named),
        environment: first(system.environment, &text),
        ci_run: first(system.run, &|url| without_credentials(&url.replace(' ', "%20"))),
        ..Context::default()
    })
}

/// A template with its variables' values, and the names of those; nothing where one is not there.
fn fill(environment: &dyn Environment, template: &str) -> Option<(String, String)> {
    let (mut filled, mut names) = (String::new(), Vec::new());
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        let (name, after) = after.split_once('}')?;
        filled.push_str(before);
        filled.push_str(environment.get(name).map(str::trim).filter(|value| !value.is_empty())?);
        names.push(name);
        rest = after;
    }
    filled.push_str(rest);
    Some((filled, names.join(", ")))
}

/// The name of a branch; nothing for a tag or another reference.
fn branch(value: &str, prefix: &str) -> Option<String> {
    let name = value.strip_prefix("refs/heads/").unwrap_or(value);
    let name = name.strip_prefix(prefix).unwrap_or(name);
    (!name.starts_with("refs/")).then(|| text(name)).flatten()
}
