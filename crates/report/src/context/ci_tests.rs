//! A run of each CI system, by the variables that it documents, and what is made of it.

use super::{Context, Known};
use std::collections::BTreeMap;

const SHA: &str = "4f1c2d3e4f5061728394a5b6c7d8e9fa0b1c2d3e";

/// The variables, a line each; `SHA` stands for a commit. Then what is expected: `key = value ← variables`.
const RUNS: [(&str, &str, &str); 18] = [
    (
        "GitHub Actions, a push",
        "CI=true\nGITHUB_ACTIONS=true\nGITHUB_SHA=SHA\nGITHUB_REF=refs/heads/main\nGITHUB_REF_NAME=main\nGITHUB_HEAD_REF=\n\
         GITHUB_REPOSITORY=acme/till\nGITHUB_SERVER_URL=https://github.com\nGITHUB_RUN_ID=1658821493\nGITHUB_RUN_ATTEMPT=1",
        "commit = SHA ← GITHUB_SHA\nbranch = main ← GITHUB_REF\nrepository = acme/till ← GITHUB_REPOSITORY\n\
         ci_run = https://github.com/acme/till/actions/runs/1658821493 ← GITHUB_SERVER_URL, GITHUB_REPOSITORY, GITHUB_RUN_ID",
    ),
    (
        "GitHub Actions, a pull request",
        "GITHUB_ACTIONS=true\nGITHUB_SHA=SHA\nGITHUB_REF=refs/pull/7/merge\nGITHUB_REF_NAME=7/merge\n\
         GITHUB_HEAD_REF=fix/login\nGITHUB_BASE_REF=main\nGITHUB_REPOSITORY=acme/till",
        "commit = SHA ← GITHUB_SHA\nbranch = fix/login ← GITHUB_HEAD_REF\nrepository = acme/till ← GITHUB_REPOSITORY",
    ),
    (
        "GitHub Actions, a tag",
        "GITHUB_ACTIONS=true\nGITHUB_SHA=SHA\nGITHUB_REF=refs/tags/v1.2\nGITHUB_REF_NAME=v1.2\nGITHUB_REPOSITORY=acme/till",
        "commit = SHA ← GITHUB_SHA\nrepository = acme/till ← GITHUB_REPOSITORY",
    ),
    (
        "GitLab CI, a deployment",
        "CI=true\nGITLAB_CI=true\nCI_COMMIT_SHA=SHA\nCI_COMMIT_BRANCH=main\nCI_COMMIT_REF_NAME=main\n\
         CI_PROJECT_PATH=acme/pay/till\nCI_ENVIRONMENT_NAME=production\nCI_PIPELINE_URL=https://gitlab.example/p/1\n\
         CI_JOB_URL=https://gitlab.example/acme/pay/till/-/jobs/12\n\
         CI_REPOSITORY_URL=https://gitlab-ci-token:secret@gitlab.example/acme/pay/till.git",
        "commit = SHA ← CI_COMMIT_SHA\nbranch = main ← CI_COMMIT_BRANCH\nrepository = acme/pay/till ← CI_PROJECT_PATH\n\
         environment = production ← CI_ENVIRONMENT_NAME\n\
         ci_run = https://gitlab.example/acme/pay/till/-/jobs/12 ← CI_JOB_URL",
    ),
    (
        "GitLab CI, a merge request",
        "GITLAB_CI=true\nCI_COMMIT_SHA=SHA\nCI_COMMIT_REF_NAME=fix\nCI_MERGE_REQUEST_SOURCE_BRANCH_NAME=fix\n\
         CI_PROJECT_PATH=acme/till\nCI_PIPELINE_URL=https://gitlab.example/acme/till/-/pipelines/9",
        "commit = SHA ← CI_COMMIT_SHA\nbranch = fix ← CI_MERGE_REQUEST_SOURCE_BRANCH_NAME\n\
         repository = acme/till ← CI_PROJECT_PATH\nci_run = https://gitlab.example/acme/till/-/pipelines/9 ← CI_PIPELINE_URL",
    ),
    (
        "Jenkins, git plugin",
        "JENKINS_URL=https://ci.example/\nBUILD_URL=https://ci.example/job/till/41/\nGIT_COMMIT=SHA\nGIT_BRANCH=origin/main\n\
         GIT_URL=https://robot:pw@git.example/acme/till.git\nJOB_NAME=till",
        "commit = SHA ← GIT_COMMIT\nbranch = main ← GIT_BRANCH\nrepository = acme/till ← GIT_URL\n\
         ci_run = https://ci.example/job/till/41/ ← BUILD_URL",
    ),
    (
        "Jenkins, a pull request of a multibranch job",
        "JENKINS_HOME=/var/jenkins_home\nBUILD_URL=https://ci.example/job/till/job/PR-7/2/\nGIT_COMMIT=SHA\nBRANCH_NAME=PR-7\n\
         CHANGE_ID=7\nCHANGE_BRANCH=fix\nCHANGE_TARGET=main\nGIT_URL=git@git.example:acme/till.git",
        "commit = SHA ← GIT_COMMIT\nbranch = fix ← CHANGE_BRANCH\nrepository = acme/till ← GIT_URL\n\
         ci_run = https://ci.example/job/till/job/PR-7/2/ ← BUILD_URL",
    ),
    (
        "CircleCI",
        "CI=true\nCIRCLECI=true\nCIRCLE_SHA1=SHA\nCIRCLE_BRANCH=main\nCIRCLE_PROJECT_USERNAME=acme\n\
         CIRCLE_PROJECT_REPONAME=till\nCIRCLE_BUILD_URL=https://circleci.com/gh/acme/till/92\n\
         CIRCLE_REPOSITORY_URL=git@github.com:acme/till.git",
        "commit = SHA ← CIRCLE_SHA1\nbranch = main ← CIRCLE_BRANCH\n\
         repository = acme/till ← CIRCLE_PROJECT_USERNAME, CIRCLE_PROJECT_REPONAME\n\
         ci_run = https://circleci.com/gh/acme/till/92 ← CIRCLE_BUILD_URL",
    ),
    (
        "Buildkite",
        "CI=true\nBUILDKITE=true\nBUILDKITE_COMMIT=SHA\nBUILDKITE_BRANCH=main\nBUILDKITE_TAG=\n\
         BUILDKITE_REPO=git@github.com:acme/till.git\nBUILDKITE_BUILD_URL=https://buildkite.com/acme/till/builds/3\n\
         BUILDKITE_JOB_ID=e44f9784-e20e-4b93-a21d-f41fd5869db9",
        "commit = SHA ← BUILDKITE_COMMIT\nbranch = main ← BUILDKITE_BRANCH\nrepository = acme/till ← BUILDKITE_REPO\n\
         ci_run = https://buildkite.com/acme/till/builds/3#e44f9784-e20e-4b93-a21d-f41fd5869db9 ← BUILDKITE_BUILD_URL, BUILDKITE_JOB_ID",
    ),
    (
        "Buildkite, a build by hand of a tag, whose commit is not known yet",
        "BUILDKITE=true\nBUILDKITE_COMMIT=HEAD\nBUILDKITE_BRANCH=v1\nBUILDKITE_TAG=v1\nBUILDKITE_REPO=/srv/git/till",
        "",
    ),
    (
        "Azure Pipelines, a deployment",
        "TF_BUILD=True\nBUILD_SOURCEVERSION=SHA\nBUILD_SOURCEBRANCH=refs/heads/release/7\nBUILD_SOURCEBRANCHNAME=7\n\
         BUILD_REPOSITORY_NAME=till\nBUILD_REPOSITORY_URI=https://acme@dev.azure.com/acme/My%20Shop/_git/till\n\
         SYSTEM_COLLECTIONURI=https://dev.azure.com/acme/\nSYSTEM_TEAMPROJECT=My Shop\nBUILD_BUILDID=88\nENVIRONMENT_NAME=staging",
        "commit = SHA ← BUILD_SOURCEVERSION\nbranch = release/7 ← BUILD_SOURCEBRANCH\n\
         repository = acme/My%20Shop/till ← BUILD_REPOSITORY_URI\nenvironment = staging ← ENVIRONMENT_NAME\n\
         ci_run = https://dev.azure.com/acme/My%20Shop/_build/results?buildId=88 ← SYSTEM_COLLECTIONURI, SYSTEM_TEAMPROJECT, BUILD_BUILDID",
    ),
    (
        "Azure Pipelines, a pull request",
        "TF_BUILD=True\nBUILD_SOURCEVERSION=SHA\nBUILD_SOURCEBRANCH=refs/pull/1/merge\nSYSTEM_PULLREQUEST_SOURCEBRANCH=refs/heads/fix\n\
         BUILD_REPOSITORY_URI=https://github.com/acme/till",
        "commit = SHA ← BUILD_SOURCEVERSION\nbranch = fix ← SYSTEM_PULLREQUEST_SOURCEBRANCH\n\
         repository = acme/till ← BUILD_REPOSITORY_URI",
    ),
    (
        "Bitbucket Pipelines, a deployment",
        "CI=true\nBITBUCKET_BUILD_NUMBER=6\nBITBUCKET_COMMIT=SHA\nBITBUCKET_BRANCH=main\nBITBUCKET_REPO_FULL_NAME=acme/till\n\
         BITBUCKET_GIT_HTTP_ORIGIN=https://bitbucket.org/acme/till\nBITBUCKET_DEPLOYMENT_ENVIRONMENT=production",
        "commit = SHA ← BITBUCKET_COMMIT\nbranch = main ← BITBUCKET_BRANCH\nrepository = acme/till ← BITBUCKET_REPO_FULL_NAME\n\
         environment = production ← BITBUCKET_DEPLOYMENT_ENVIRONMENT\n\
         ci_run = https://bitbucket.org/acme/till/pipelines/results/6 ← BITBUCKET_GIT_HTTP_ORIGIN, BITBUCKET_BUILD_NUMBER",
    ),
    (
        "Travis CI, a pull request",
        "CI=true\nTRAVIS=true\nTRAVIS_COMMIT=ffffffff\nTRAVIS_PULL_REQUEST_SHA=SHA\nTRAVIS_BRANCH=main\nTRAVIS_PULL_REQUEST_BRANCH=fix\n\
         TRAVIS_REPO_SLUG=acme/till\nTRAVIS_BUILD_WEB_URL=https://app.travis-ci.com/acme/till/builds/1\n\
         TRAVIS_JOB_WEB_URL=https://app.travis-ci.com/acme/till/jobs/2\nTRAVIS_TAG=",
        "commit = SHA ← TRAVIS_PULL_REQUEST_SHA\nbranch = fix ← TRAVIS_PULL_REQUEST_BRANCH\n\
         repository = acme/till ← TRAVIS_REPO_SLUG\nci_run = https://app.travis-ci.com/acme/till/jobs/2 ← TRAVIS_JOB_WEB_URL",
    ),
    (
        "Drone, a promotion",
        "CI=true\nDRONE=true\nDRONE_COMMIT_SHA=SHA\nDRONE_COMMIT_BRANCH=main\nDRONE_REPO=acme/till\nDRONE_DEPLOY_TO=production\n\
         DRONE_BUILD_LINK=https://drone.example/acme/till/42",
        "commit = SHA ← DRONE_COMMIT_SHA\nbranch = main ← DRONE_COMMIT_BRANCH\nrepository = acme/till ← DRONE_REPO\n\
         environment = production ← DRONE_DEPLOY_TO\nci_run = https://drone.example/acme/till/42 ← DRONE_BUILD_LINK",
    ),
    (
        "TeamCity",
        "TEAMCITY_VERSION=2025.11\nBUILD_VCS_NUMBER=SHA\nBUILD_URL=https://tc.example/buildConfiguration/Till/7",
        "commit = SHA ← BUILD_VCS_NUMBER\nci_run = https://tc.example/buildConfiguration/Till/7 ← BUILD_URL",
    ),
    (
        "a shell in which somebody set CI",
        "CI=true\nGITHUB_ACTIONS=false\nGITHUB_SHA=SHA\nBUILD_URL=https://x.example/1",
        "",
    ),
    (
        "values that are none",
        "GITHUB_ACTIONS=true\nGITHUB_SHA=$(id)\nGITHUB_HEAD_REF=a\u{1b}[2J\nGITHUB_REPOSITORY=../..\n\
         GITHUB_SERVER_URL=javascript:alert(1)//\nGITHUB_RUN_ID=1",
        "",
    ),
];

#[test]
fn every_system_is_read_by_its_own_variables() {
    for (what, variables, expected) in RUNS {
        let variables = variables.replace("SHA\n", &format!("{SHA}\n"));
        let variables =
            variables.strip_suffix("=SHA").map_or(variables.clone(), |head| format!("{head}={SHA}"));
        let pairs = variables.lines().filter_map(|line| line.trim().split_once('='));
        let map: BTreeMap<String, String> = pairs.map(|(k, v)| (k.to_owned(), v.to_owned())).collect();
        let context = Context::work_out(&map, None, None);
        let line = |(key, known): (&str, &Known)| format!("{key} = {} ← {}", known.value, known.from);
        let found: Vec<String> = context.values().map(line).collect();
        let expected = expected.replace("= SHA", &format!("= {SHA}"));
        assert_eq!(found, expected.lines().map(str::trim).collect::<Vec<_>>(), "{what}");
        let name = what.split(',').next().unwrap_or(what);
        let is_ci = !what.starts_with("a shell") && !what.starts_with("values");
        assert_eq!(context.ci.filter(|_| is_ci), is_ci.then_some(name), "{what}");
        assert_eq!(context.to_json().len(), found.len(), "{what}: nothing is known beside");
    }
}
