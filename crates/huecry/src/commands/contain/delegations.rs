//! `huecry contain delegate`, `delegations`, `undelegate`: who may answer for whom.

use super::{print, show};
use crate::client::{Ask, Client};
use crate::exit::{Exit, Failure};
use crate::terminal;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde_json::{Value, json};

const DELEGATIONS: &str = "/api/v1/delegations";

pub(super) fn read(client: &Client) -> Result<Value, Failure> {
    Ok(client.get(DELEGATIONS)?.body)
}

/// The id of who is answered for, if not oneself.
pub(super) fn whose(client: &Client, person: Option<&str>) -> Result<Option<String>, Failure> {
    let Some(person) = person else { return Ok(None) };
    if person.starts_with("per_") {
        return Ok(Some(person.to_owned()));
    }
    let all = read(client)?;
    let given = items(&all["items"]).filter(|one| one["given"] == false).map(|one| &one["from"]);
    let hint = "huecry contain delegations lists for whom you may answer";
    id_of(given, person, "lets you answer", hint).map(Some)
}

/// Gives one.
pub(super) fn give(
    client: &Client,
    (person, until, reason): (&str, &str, &str),
    json: bool,
) -> Result<Exit, Failure> {
    let until = moment(until)?;
    let to = if person.starts_with("per_") {
        person.to_owned()
    } else {
        let all = read(client)?;
        id_of(items(&all["people"]), person, "may approve", "huecry contain delegations lists who could")?
    };
    let body = client.post(DELEGATIONS, &json!({ "to": to, "until": until, "reason": reason }))?.body;
    show(&body, json, |given| {
        let (to, until) = (print::text(&given["to"]["name"]), print::text(&given["until"]));
        terminal::line(format_args!("{}: {to} may answer for you until {until}", print::text(&given["id"])));
    })
}

/// Ends one.
pub(super) fn end(client: &Client, id: &str, json: bool) -> Result<Exit, Failure> {
    let path = format!("{DELEGATIONS}/{id}");
    client.ask(&Ask { method: "DELETE", path: &path, headers: Vec::new(), body: None })?.good()?;
    show(&json!({ "id": id, "ended": true }), json, |_| terminal::line(format_args!("{id}: it has ended")))
}

/// All that count, and who could be given one.
pub(super) fn print(all: &Value) {
    for one in items(&all["items"]) {
        let (from, to) = (print::text(&one["from"]["name"]), print::text(&one["to"]["name"]));
        let who = if one["given"] == true {
            format!("{to} may answer for you")
        } else {
            format!("you may answer for {from}")
        };
        let (until, reason) = (print::text(&one["until"]), print::text(&one["reason"]));
        terminal::line(format_args!("{}  {who} until {until}: {reason}", print::text(&one["id"])));
    }
    let people: Vec<String> = items(&all["people"]).map(|one| print::text(&one["name"])).collect();
    let people = if people.is_empty() { "nobody else".to_owned() } else { people.join(", ") };
    terminal::line(format_args!("could answer for you: {people}"));
}

fn items(list: &Value) -> impl Iterator<Item = &Value> {
    list.as_array().into_iter().flatten()
}

fn id_of<'v>(
    people: impl Iterator<Item = &'v Value>,
    name: &str,
    what: &str,
    hint: &'static str,
) -> Result<String, Failure> {
    let mut ids: Vec<&str> =
        people.filter(|person| person["name"] == name).filter_map(|person| person["id"].as_str()).collect();
    ids.dedup();
    match ids.as_slice() {
        [id] => Ok((*id).to_owned()),
        [] => Err(Failure::new(Exit::Usage, format!("nobody who is called {name:?} {what}")).hint(hint)),
        _ => Err(Failure::new(Exit::Usage, format!("several are called {name:?}"))
            .hint("give the id of the one that is meant, per_…")),
    }
}

/// A moment, or the end of a day.
fn moment(text: &str) -> Result<String, Failure> {
    let end = || {
        let day = text.parse::<Date>().ok()?.tomorrow().ok()?;
        Some(day.to_zoned(TimeZone::UTC).ok()?.timestamp())
    };
    let moment = text.parse::<Timestamp>().ok().or_else(end);
    let moment = moment.ok_or_else(|| {
        Failure::new(Exit::Usage, format!("--until {text}: this is no time"))
            .hint("write it as 2026-12-04T18:00:00Z, or as a day: 2026-12-04")
    })?;
    Ok(moment.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_moments_or_days_to_their_end() {
        for (text, expected) in [
            ("2026-12-04T18:00:00Z", "2026-12-04T18:00:00Z"),
            ("2026-12-04T18:00:00+02:00", "2026-12-04T16:00:00Z"),
            ("2026-12-04", "2026-12-05T00:00:00Z"),
            ("2026-12-31", "2027-01-01T00:00:00Z"),
        ] {
            assert_eq!(moment(text).as_deref(), Ok(expected), "{text}");
        }
        for text in ["", "tomorrow", "7d", "2026-13-01", "18:00"] {
            assert!(moment(text).is_err(), "{text}");
        }
    }

    #[test]
    fn people_are_found_by_their_whole_names() {
        let people = json!([
            { "id": "per_1", "name": "Ann" }, { "id": "per_2", "name": "Ann Lee" },
            { "id": "per_3", "name": "Bob" }, { "id": "per_4", "name": "Bob" }, { "id": "per_1", "name": "Ann" },
        ]);
        let id = |name: &str| id_of(items(&people), name, "may", "look").ok();
        assert_eq!(id("Ann Lee").as_deref(), Some("per_2"));
        assert_eq!(id("Ann").as_deref(), Some("per_1"));
        assert_eq!((id("Bob"), id("Eve")), (None, None));
    }
}
