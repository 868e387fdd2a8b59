//! Signing in, using applications, looking after accounts: Okta.

use super::Shift;
use crate::okta::{APPS, Actor, BROWSERS, Browser, Happening, Kind, Target, kinds};
use crate::org::Place;
use crate::roster::PEOPLE;
use crate::scribe::Scribe;
use crate::text::{DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS};

/// An event of `who` about `target` that went well.
pub(crate) fn good<'a>(
    kind: &'a Kind,
    who: usize,
    target: Target<'a>,
    place: &'a Place,
    session: &'a str,
) -> Happening<'a> {
    Happening {
        kind,
        actor: Actor::Person(who),
        target,
        place,
        result: "SUCCESS",
        reason: "",
        session,
        browser: browser(who),
        suspected: false,
    }
}

/// The browser a person always uses.
pub(crate) fn browser(who: usize) -> &'static Browser {
    &BROWSERS[who % BROWSERS.len()]
}

pub(super) fn sign_in(scribe: &mut Scribe<'_>, shift: &Shift) {
    let who = shift.who;
    let mut at_ms = shift.start_ms;
    let failures = match scribe.dice.below(1000) {
        // somebody back from holiday, or with a new keyboard
        0..4 => 4 + scribe.dice.below(4),
        4..70 => 1 + scribe.dice.below(2),
        _ => 0,
    };
    let event = |kind| good(kind, who, Target::Nobody, &shift.place, &shift.session);
    for _ in 0..failures {
        let failure =
            Happening { result: "FAILURE", reason: "INVALID_CREDENTIALS", ..event(&kinds::LOGIN_FAILED) };
        scribe.okta(at_ms, &failure);
        at_ms += scribe.dice.between(4_000, 25_000);
    }
    if failures >= 5 {
        let reset = Happening { target: Target::Person(who), ..event(&kinds::PASSWORD_RESET) };
        scribe.okta(at_ms + MINUTE_MS, &reset);
        scribe.okta(at_ms + 3 * MINUTE_MS, &Happening { kind: &kinds::PASSWORD_CHANGE, ..reset });
        at_ms += 4 * MINUTE_MS;
    }
    let evaluated = Happening {
        target: Target::Rule("Engineers: password and Okta Verify"),
        result: "CHALLENGE",
        reason: "Sign-on policy evaluation resulted in CHALLENGE",
        ..event(&kinds::EVALUATE)
    };
    scribe.okta(at_ms, &evaluated);
    if scribe.dice.chance(500) {
        let push = Happening { target: Target::Person(who), ..event(&kinds::PUSH_SENT) };
        scribe.okta(at_ms + 800, &push);
    }
    let factor = Target::Factor("Okta Verify: Push", who);
    scribe.okta(at_ms + 6_200, &Happening { target: factor, ..event(&kinds::MFA) });
    scribe.okta(at_ms + 6_350, &event(&kinds::SESSION_START));
}

pub(super) fn use_apps(scribe: &mut Scribe<'_>, shift: &Shift, scale: f64) {
    let mut last_ms = shift.start_ms + 20 * SECOND_MS;
    for _ in 0..scribe.dice.count(2.6 * scale) {
        let app = scribe.dice.pick(APPS);
        let at_ms = if scribe.dice.chance(450) { last_ms } else { shift.moment(scribe) };
        scribe.okta(at_ms, &good(&kinds::SSO, shift.who, Target::App(app), &shift.place, &shift.session));
        last_ms = at_ms + scribe.dice.between(2_000, 90_000);
    }
    if scribe.dice.chance(120) {
        let at_ms = shift.start_ms + 8 * HOUR_MS + scribe.dice.between(0, 5_400_000);
        scribe
            .okta(at_ms, &good(&kinds::SESSION_END, shift.who, Target::Nobody, &shift.place, &shift.session));
    }
}

/// The administrator of the day: a new phone, a new group, a changed password.
pub(super) fn administration(scribe: &mut Scribe<'_>, at_ms: i64) {
    const ADMINS: [usize; 3] = [0, 3, 21];
    let admin = scribe.dice.pick(&ADMINS);
    let place = scribe.org.place(admin, at_ms.div_euclid(DAY_MS));
    let session = format!("102admin{}", at_ms / 1_000);
    let who = scribe.dice.index(PEOPLE.len());
    let event = |kind, target| good(kind, admin, target, &place, &session);
    if scribe.dice.chance(350) {
        scribe.okta(at_ms, &event(&kinds::ADMIN_APP, Target::App("Okta Admin Console")));
        let group = scribe.dice.pick(&["engineering", "aws-developers", "on-call", "snowflake-analysts"]);
        scribe.okta(at_ms + 61_000, &event(&kinds::GROUP_ADD, Target::Group(group, who)));
    }
    if scribe.dice.chance(70) {
        // a new phone: one factor off, another on, by its owner at home
        let at_ms = at_ms + 30 * MINUTE_MS;
        scribe.okta(at_ms, &event(&kinds::FACTOR_OFF, Target::Factor("Okta Verify: Push", who)));
        let home = scribe.org.place(who, at_ms.div_euclid(DAY_MS));
        let target = Target::Factor("Okta Verify: Push", who);
        scribe.okta(at_ms + 8 * MINUTE_MS, &good(&kinds::FACTOR_ON, who, target, &home, &session));
    }
    if scribe.dice.chance(300) {
        let home = scribe.org.place(who, at_ms.div_euclid(DAY_MS));
        let change = good(&kinds::PASSWORD_CHANGE, who, Target::Person(who), &home, &session);
        scribe.okta(at_ms + 50 * MINUTE_MS, &change);
    }
    if scribe.dice.chance(60) {
        scribe.okta(at_ms + 70 * MINUTE_MS, &event(&kinds::APP_ADD, Target::App("Snowflake")));
    }
    if scribe.dice.chance(25) {
        let rule = Target::Rule("Contractors: password and any factor");
        scribe.okta(at_ms + 80 * MINUTE_MS, &event(&kinds::POLICY_UPDATE, rule));
    }
}
