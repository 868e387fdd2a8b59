//! What a letter says. Its subject is fixed: subjects are read on locked screens, and kept by everything that passes them on.

use super::courier::Matter;
use jiff::Timestamp;
use model::{IncidentId, LetterAbout, LetterKind};
use std::fmt::Write;

/// Most characters of a reason that are told.
const REASON_CHARS_MAX: usize = 500;

/// Its subject.
pub(super) const fn subject(kind: LetterKind) -> &'static str {
    match kind {
        LetterKind::BrokenGlass => "Hue & Cry: glass was broken",
        LetterKind::ApprovalAsked => "Hue & Cry: an approval is asked for",
        LetterKind::ApprovalEnding => "Hue & Cry: an approval runs out soon",
        LetterKind::Contained => "Hue & Cry: something was contained by itself",
        LetterKind::NotContained => "Hue & Cry: something could not be contained by itself",
        LetterKind::Ending => "Hue & Cry: a containment ends soon",
        LetterKind::Unknown => "Hue & Cry: nobody can tell whether a containment took effect",
        LetterKind::StepUnknown => "Hue & Cry: a playbook waits for somebody to look",
    }
}

/// What has happened, and what can be done about it.
const fn happened(kind: LetterKind) -> &'static str {
    match kind {
        LetterKind::BrokenGlass => {
            "A containment is applied without the approvals that it waited for, on a person's word. If that was wrong, take it \
             back."
        }
        LetterKind::ApprovalAsked => {
            "A containment waits for approval. Look at what it would change, and say yes or no; what nobody decides in time is \
             not done."
        }
        LetterKind::ApprovalEnding => {
            "A containment still waits for approval, and the time for that is over soon. What nobody decides by then is not done."
        }
        LetterKind::Contained => {
            "Something was contained by itself, and that took effect. If it was wrong, take it back. Within an hour the same action \
             is told of once for each incident: look whether there are more."
        }
        LetterKind::NotContained => {
            "Something was to be contained by itself, and it could not be done. Somebody should look at the incident."
        }
        LetterKind::Ending => {
            "The time of a containment is over soon: then it is taken back. If what it is against is not dealt with, keep it for \
             longer."
        }
        LetterKind::Unknown => {
            "A request was sent, and nobody can tell whether it took effect. Nothing more is sent until somebody has looked at the \
             other system and says what is so."
        }
        LetterKind::StepUnknown => {
            "A run of a playbook has sent a request, and nobody can tell what came of it. The run goes on when somebody has looked \
             at the other system and says what is so."
        }
    }
}

/// Its text, for who reads the console at `console_url`.
pub(super) fn text(
    kind: LetterKind,
    (about, incident): (LetterAbout, Option<IncidentId>),
    matter: &Matter,
    console_url: &str,
) -> String {
    let mut text = format!("{}\n\n", happened(kind));
    let mut line = |name: &str, value: &str| {
        let _ = writeln!(text, "{name}: {value}");
    };
    line(matter.what, &one_line(&matter.name));
    if let Some((by, reason)) = &matter.word {
        line("By", &one_line(by));
        line("Because", &one_line(reason));
    }
    if let Some(until) = matter.until_ms.and_then(|ms| Timestamp::from_millisecond(ms).ok()) {
        line("Until", &until.strftime("%Y-%m-%d %H:%M UTC").to_string());
    }
    let console_url = console_url.trim_end_matches('/');
    let place = match about {
        LetterAbout::Containment(_) => "containments",
        LetterAbout::Run(_) => "runs",
        LetterAbout::Incident(_) => "incidents",
    };
    line("Look", &format!("{console_url}/{place}/{about}"));
    if let Some(incident) = incident.filter(|incident| about != LetterAbout::Incident(*incident)) {
        line("Incident", &format!("{console_url}/incidents/{incident}"));
    }
    text.push_str("\nYou are told because you may decide on containments here.\n");
    text
}

fn one_line(text: &str) -> String {
    ports::mail::seen(text).replace('\n', " ").chars().take(REASON_CHARS_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::{ContainmentId, Ulid};
    use ports::Mail;

    #[test]
    fn every_kind_is_a_mail() {
        let about = LetterAbout::Containment(ContainmentId(Ulid(7)));
        let matter = Matter {
            what: "Action",
            name: "toy.lock".to_owned(),
            word: Some(("ann\r\nBcc: eve@x.example".to_owned(), "nobody\u{0} answers\n.\n".repeat(200))),
            until_ms: Some(1_795_000_000_000),
            ..Matter::default()
        };
        for kind in LetterKind::ALL {
            let text = text(*kind, (about, Some(IncidentId(Ulid(8)))), &matter, "https://hue.example/");
            assert!(text.contains(&format!("https://hue.example/containments/{about}\n")), "{text}");
            assert!(text.contains("2026-11-18 11:06 UTC") && text.contains("toy.lock"), "{text}");
            assert!(!text.contains("\nBcc") && text.len() < 2_000, "{text}");
            let to = "ann@acme.example".parse().unwrap();
            let mail = Mail::new("ltr_1", to, subject(*kind), &text, 0).unwrap();
            for word in ["toy", "ann", "act_", "inc_"] {
                assert!(!mail.subject().contains(word), "{}", mail.subject());
            }
        }
    }
}
