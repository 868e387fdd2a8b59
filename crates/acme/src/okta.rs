//! Okta System Log events (Okta API reference, "System Log", `LogEvent`).

use crate::dice::{BASE62, Dice, HEX};
use crate::org::{Org, Place, city, full_name, mail};
use crate::roster::City;
use crate::text::{escape, fill, number, time_ms};

/// One kind of event.
pub(crate) struct Kind {
    pub(crate) event: &'static str,
    /// `legacyEventType`, null when empty.
    pub(crate) legacy: &'static str,
    pub(crate) message: &'static str,
    pub(crate) severity: &'static str,
    /// `debugContext.debugData.requestUri`.
    pub(crate) uri: &'static str,
}

const fn kind(event: &'static str, legacy: &'static str, message: &'static str, uri: &'static str) -> Kind {
    Kind { event, legacy, message, severity: "INFO", uri }
}

const fn warn(event: &'static str, legacy: &'static str, message: &'static str, uri: &'static str) -> Kind {
    Kind { event, legacy, message, severity: "WARN", uri }
}

#[rustfmt::skip]
pub(crate) mod kinds {
    use super::{Kind, kind, warn};
    pub(crate) const SESSION_START: Kind = kind("user.session.start", "core.user_auth.login_success", "User login to Okta", "/idp/idx/identify");
    pub(crate) const LOGIN_FAILED: Kind = warn("user.session.start", "core.user_auth.login_failed", "User login to Okta", "/api/v1/authn");
    pub(crate) const SESSION_END: Kind = kind("user.session.end", "core.user_auth.logout_success", "User logout from Okta", "/login/signout");
    pub(crate) const EVALUATE: Kind = kind("policy.evaluate_sign_on", "", "Evaluation of sign-on policy", "/idp/idx/identify");
    pub(crate) const MFA: Kind = kind("user.authentication.auth_via_mfa", "core.user.factor.attempt_success", "Authentication of user via MFA", "/idp/idx/authenticators/poll");
    pub(crate) const MFA_FAILED: Kind = kind("user.authentication.auth_via_mfa", "core.user.factor.attempt_fail", "Authentication of user via MFA", "/idp/idx/challenge/answer");
    pub(crate) const PUSH_SENT: Kind = kind("system.push.send_factor_verify_push", "", "A push was sent to a user for verification", "/idp/idx/challenge");
    pub(crate) const SSO: Kind = kind("user.authentication.sso", "app.auth.sso", "User single sign on to app", "/app/sso/saml");
    pub(crate) const PASSWORD_CHANGE: Kind = kind("user.account.update_password", "core.user.config.password_update.success", "User update password for Okta", "/idp/idx/credential/enroll");
    pub(crate) const PASSWORD_RESET: Kind = kind("user.account.reset_password", "core.user.config.user_status.password_reset", "Fired when the user's Okta password is reset", "/api/v1/users/lifecycle/reset_password");
    pub(crate) const LOCKED: Kind = warn("user.account.lock", "core.user_auth.account_locked", "Max sign in attempts exceeded", "/api/v1/authn");
    pub(crate) const FACTOR_RESET: Kind = kind("user.mfa.factor.reset_all", "core.user.factor.reset_all", "Reset all factors for user", "/api/v1/users/lifecycle/reset_factors");
    pub(crate) const FACTOR_OFF: Kind = kind("user.mfa.factor.deactivate", "core.user.factor.reset", "Reset factor for user", "/api/v1/users/factors");
    pub(crate) const FACTOR_ON: Kind = kind("user.mfa.factor.activate", "core.user.factor.activate", "Activate factor or authenticator enrollment method for user", "/idp/idx/credential/enroll");
    pub(crate) const ADMIN_GRANT: Kind = kind("user.account.privilege.grant", "core.user.admin_privilege.granted", "Grant user privilege", "/api/internal/administrators");
    pub(crate) const ADMIN_APP: Kind = kind("user.session.access_admin_app", "app.admin.sso.login.success", "User accessing Okta admin app", "/admin/sso/callback");
    pub(crate) const TOKEN_CREATE: Kind = kind("system.api_token.create", "api.token.create", "Create API token", "/api/internal/tokens");
    pub(crate) const GROUP_ADD: Kind = kind("group.user_membership.add", "core.user_group_member.user_add", "Add user to group membership", "/api/v1/groups/users");
    pub(crate) const APP_ADD: Kind = kind("application.user_membership.add", "app.generic.provision.assign_user_to_app", "Add user to application membership", "/api/v1/apps/users");
    pub(crate) const POLICY_UPDATE: Kind = kind("policy.rule.update", "", "Update policy rule", "/api/v1/policies/rules");
}

/// The applications that people sign in to.
pub(crate) const APPS: &[&str] = &[
    "AWS IAM Identity Center",
    "GitHub Enterprise Cloud - Acme Works",
    "Slack",
    "Atlassian Cloud",
    "Google Workspace",
    "Datadog",
    "PagerDuty",
    "Snowflake",
    "Figma",
];

/// Who did it.
#[derive(Clone, Copy)]
pub(crate) enum Actor {
    Person(usize),
    /// A name that was tried and that Okta does not know.
    Unknown(&'static str),
}

/// What it was done to.
#[derive(Clone, Copy)]
pub(crate) enum Target<'a> {
    Nobody,
    Person(usize),
    /// An application, with the person who used it.
    App(&'a str),
    Group(&'a str, usize),
    /// The factor used or changed, and its owner.
    Factor(&'a str, usize),
    /// A role granted to a person.
    Role(&'a str, usize),
    Token(&'a str),
    Rule(&'a str),
}

/// One event's particulars.
pub(crate) struct Happening<'a> {
    pub(crate) kind: &'a Kind,
    pub(crate) actor: Actor,
    pub(crate) target: Target<'a>,
    pub(crate) place: &'a Place,
    /// `SUCCESS`, `FAILURE`, `ALLOW`, `CHALLENGE`.
    pub(crate) result: &'a str,
    /// `outcome.reason`, null when empty.
    pub(crate) reason: &'a str,
    /// The Okta session: `externalSessionId`.
    pub(crate) session: &'a str,
    pub(crate) browser: &'a Browser,
    /// Okta's own suspicion: `debugData.threatSuspected` and `securityContext.isProxy`.
    pub(crate) suspected: bool,
}

/// What the client says it is.
pub(crate) struct Browser {
    pub(crate) name: &'static str,
    pub(crate) os: &'static str,
    pub(crate) agent: &'static str,
}

pub(crate) const BROWSERS: &[Browser] = &[
    Browser { name: "SAFARI", os: "Mac OS X", agent: crate::cloudtrail::SAFARI },
    Browser { name: "CHROME", os: "Linux", agent: crate::cloudtrail::CHROME },
    Browser {
        name: "CHROME",
        os: "Mac OS X",
        agent: "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36",
    },
    Browser {
        name: "FIREFOX",
        os: "Linux",
        agent: "Mozilla/5.0 (X11; Linux x86_64; rv:127.0) Gecko/20100101 Firefox/127.0",
    },
    Browser {
        name: "EDGE",
        os: "Windows 10",
        agent: "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36 Edg/126.0.0.0",
    },
];
/// What attack tools say they are.
pub(crate) const TOOL: Browser = Browser { name: "UNKNOWN", os: "Unknown", agent: "python-requests/2.32.3" };

const EVENT: &str = r#"{"actor":$actor,"client":{"userAgent":{"rawUserAgent":"$agent","os":"$os","browser":"$browser"},"zone":"null","device":"$device","id":null,"ipAddress":"$ip","geographicalContext":$geo},"device":null,"authenticationContext":{"authenticationProvider":$provider,"credentialProvider":null,"credentialType":null,"issuer":null,"interface":null,"authenticationStep":0,"rootSessionId":"$session","externalSessionId":"$session"},"displayMessage":"$message","eventType":"$event","outcome":{"result":"$result","reason":$reason},"published":"$published","securityContext":{"asNumber":$asn,"asOrg":"$isp","isp":"$isp","domain":".","isProxy":$suspected},"severity":"$severity","debugContext":{"debugData":{"requestId":"$request","dtHash":"$hash","requestUri":"$uri","threatSuspected":"$suspected","url":"$uri?"}},"legacyEventType":$legacy,"transaction":{"type":"WEB","id":"$request","detail":{}},"uuid":"$uuid","version":"0","request":{"ipChain":[{"ip":"$ip","geographicalContext":$geo,"version":"$version","source":null}]},"target":$target}"#;

const GEO: &str = r#"{"city":"$city","state":"$state","country":"$country","postalCode":"$postal","geolocation":{"lat":$lat,"lon":$lon}}"#;

/// Appends one event to `out` and returns its `uuid`.
pub(crate) fn write(
    out: &mut String,
    org: &Org,
    dice: &mut Dice,
    at_ms: i64,
    what: &Happening<'_>,
) -> String {
    let mut id = String::with_capacity(36);
    dice.uuid(&mut id);
    let mut request = String::with_capacity(32);
    dice.letters(&mut request, 32, HEX);
    let city = city(what.place);
    fill(out, EVENT, &mut |name, out| match name {
        "actor" => write_actor(out, org, what.actor),
        "agent" => out.push_str(what.browser.agent),
        "os" => out.push_str(what.browser.os),
        "browser" => out.push_str(what.browser.name),
        "device" => out.push_str(if what.browser.name == "UNKNOWN" { "Unknown" } else { "Computer" }),
        "ip" => out.push_str(&what.place.ip),
        "version" => out.push_str(if what.place.ip.contains(':') { "V6" } else { "V4" }),
        "geo" => write_geo(out, city),
        "provider" => {
            quoted_or_null(out, if what.kind.event.contains("mfa") { "FACTOR_PROVIDER" } else { "" })
        }
        "session" => out.push_str(what.session),
        "message" => out.push_str(what.kind.message),
        "event" => out.push_str(what.kind.event),
        "result" => out.push_str(what.result),
        "reason" => quoted_or_null(out, what.reason),
        "published" => time_ms(out, at_ms),
        "asn" => number(out, city.asn),
        "isp" => out.push_str(city.isp),
        "suspected" => out.push_str(if what.suspected { "true" } else { "false" }),
        "severity" => out.push_str(what.kind.severity),
        "request" => out.push_str(&request),
        "hash" => dice.letters(out, 64, HEX),
        "uri" => out.push_str(what.kind.uri),
        "legacy" => quoted_or_null(out, what.kind.legacy),
        "uuid" => out.push_str(&id),
        _ => write_target(out, org, dice, what),
    });
    id
}

fn quoted_or_null(out: &mut String, value: &str) {
    if value.is_empty() {
        out.push_str("null");
    } else {
        out.push('"');
        escape(out, value);
        out.push('"');
    }
}

fn write_geo(out: &mut String, city: &City) {
    fill(out, GEO, &mut |name, out| {
        out.push_str(match name {
            "city" => city.name,
            "state" => city.state,
            "country" => city.country,
            "postal" => city.postal,
            "lat" => city.lat,
            _ => city.lon,
        });
    });
}

fn write_actor(out: &mut String, org: &Org, actor: Actor) {
    match actor {
        Actor::Person(who) => {
            write_entity(out, &org.okta_id("00u", &mail(who)), "User", &mail(who), &full_name(who))
        }
        Actor::Unknown(name) => write_entity(out, "unknown", "User", name, "unknown"),
    }
}

fn write_entity(out: &mut String, id: &str, kind: &str, alternate: &str, display: &str) {
    write_detailed(out, id, kind, alternate, display, "null");
}

fn write_detailed(out: &mut String, id: &str, kind: &str, alternate: &str, display: &str, detail: &str) {
    for (key, value) in [
        (r#"{"id":""#, id),
        (r#"","type":""#, kind),
        (r#"","alternateId":""#, alternate),
        (r#"","displayName":""#, display),
    ] {
        out.push_str(key);
        escape(out, value);
    }
    out.push_str(r#"","detailEntry":"#);
    out.push_str(detail);
    out.push('}');
}

fn write_target(out: &mut String, org: &Org, dice: &mut Dice, what: &Happening<'_>) {
    if matches!(what.target, Target::Nobody) {
        return out.push_str("null");
    }
    out.push('[');
    match what.target {
        Target::Nobody => {}
        Target::Person(who) => write_actor(out, org, Actor::Person(who)),
        Target::App(app) => {
            let detail = r#"{"signOnModeType":"SAML_2_0"}"#;
            write_detailed(out, &org.okta_id("0oa", app), "AppInstance", app, app, detail);
            if let Actor::Person(who) = what.actor {
                out.push(',');
                write_entity(out, &org.okta_id("0ua", &mail(who)), "AppUser", &mail(who), &full_name(who));
            }
        }
        Target::Group(group, who) => {
            write_actor(out, org, Actor::Person(who));
            out.push(',');
            write_entity(out, &org.okta_id("00g", group), "UserGroup", "unknown", group);
        }
        Target::Factor(factor, who) => {
            write_actor(out, org, Actor::Person(who));
            out.push(',');
            let mut id = String::from("opf");
            dice.letters(&mut id, 17, BASE62);
            let mut detail = String::from(r#"{"methodTypeUsed":""#);
            detail.push_str(factor);
            detail.push_str(r#"","methodUsedVerifiedProperties":"[USER_PRESENCE]"}"#);
            write_detailed(out, &id, "AuthenticatorEnrollment", "unknown", "Okta Verify", &detail);
        }
        Target::Role(role, who) => {
            write_actor(out, org, Actor::Person(who));
            out.push(',');
            write_entity(out, &org.okta_id("ra1", role), "ROLE", "unknown", role);
        }
        Target::Token(name) => write_entity(out, &org.okta_id("00T", name), "Token", "unknown", name),
        Target::Rule(name) => write_entity(out, &org.okta_id("0pr", name), "PolicyRule", "unknown", name),
    }
    out.push(']');
}
