//! The organisation of one seed: the roster with its stable identifiers and places.

use crate::dice::{self, BASE32, BASE62, hash, mix, stable_letters};
use crate::roster::{
    ACCOUNTS, ACTIONS_BOT, CITIES, DEPENDABOT, HOMES, LOGINS, MAIL_DOMAIN, OUTSIDERS, PEOPLE, TRAVEL_END,
};
use crate::text::number;

/// Where somebody is on one day.
#[derive(Clone)]
pub(crate) struct Place {
    pub(crate) city: usize,
    pub(crate) ip: String,
}

/// A GitHub account.
pub(crate) struct Login {
    pub(crate) name: String,
    pub(crate) id: u64,
    /// `User` or `Bot`.
    pub(crate) kind: &'static str,
}

/// Everything about Acme that follows from the seed alone.
pub(crate) struct Org {
    pub(crate) seed: u64,
    pub(crate) logins: Vec<Login>,
}

impl Org {
    pub(crate) fn new(seed: u64) -> Self {
        let logins = (0..LOGINS)
            .map(|who| {
                let (name, kind) = match who {
                    DEPENDABOT => ("dependabot[bot]".to_owned(), "Bot"),
                    ACTIONS_BOT => ("github-actions[bot]".to_owned(), "Bot"),
                    _ if who < PEOPLE.len() => {
                        (format!("{}-acme", PEOPLE[who].mail.replace('.', "")), "User")
                    }
                    _ => (OUTSIDERS[who - PEOPLE.len()].to_owned(), "User"),
                };
                let id = 40_000_000 + hash(seed, &["login", &name]) % 100_000_000;
                Login { name, id, kind }
            })
            .collect();
        Self { seed, logins }
    }

    /// An AWS unique id such as `AIDA…` or `AROA…` that always belongs to the same thing.
    pub(crate) fn aws_id(&self, prefix: &str, account: usize, name: &str) -> String {
        self.letters(prefix, 17, BASE32, &[ACCOUNTS[account].0, name])
    }

    /// An Okta id such as `00u…`.
    pub(crate) fn okta_id(&self, prefix: &str, name: &str) -> String {
        let mut id = self.letters(prefix, 15, BASE62, &["okta", name]);
        id.push_str("5d7");
        id
    }

    fn letters(&self, prefix: &str, count: usize, alphabet: &[u8], parts: &[&str]) -> String {
        let mut out = String::with_capacity(prefix.len() + count + 3);
        out.push_str(prefix);
        stable_letters(&mut out, count, alphabet, hash(self.seed, parts) ^ hash(0, &[prefix]));
        out
    }

    /// The home, the office, or for one week in 36 the journey of a person.
    pub(crate) fn place(&self, who: usize, day: i64) -> Place {
        let week = day.div_euclid(7);
        let draw = mix(hash(self.seed, &["journey", PEOPLE[who].mail]) ^ mix(week as u64));
        if draw.is_multiple_of(36) {
            let city = HOMES + (draw / 36 % (TRAVEL_END - HOMES) as u64) as usize;
            return Place { city, ip: address("203.0.113.", 2 + draw / 7 % 120) };
        }
        let city = PEOPLE[who].city;
        let today = mix(draw ^ mix(day as u64)) % 10;
        let ip = if today < 4 {
            address("192.0.2.", 10 + city as u64)
        } else if who.is_multiple_of(5) {
            let mut ip = String::from("2001:db8:");
            stable_letters(&mut ip, 4, dice::HEX, hash(self.seed, &["v6", PEOPLE[who].mail]));
            ip.push_str("::");
            stable_letters(&mut ip, 3, b"123456789abcdef", draw);
            ip
        } else {
            address("198.51.100.", 10 + who as u64 * 6 + (draw >> 32) % 3)
        };
        Place { city, ip }
    }
}

/// `prefix` followed by the last number of an IPv4 address.
pub(crate) fn address(prefix: &str, last: u64) -> String {
    let mut out = String::with_capacity(prefix.len() + 3);
    out.push_str(prefix);
    number(&mut out, last.min(254));
    out
}

/// The person's mail address, which is also the Okta user name and the AWS session name.
pub(crate) fn mail(who: usize) -> String {
    format!("{}@{MAIL_DOMAIN}", PEOPLE[who].mail)
}

pub(crate) fn full_name(who: usize) -> String {
    format!("{} {}", PEOPLE[who].first, PEOPLE[who].last)
}

/// The city of a place.
pub(crate) fn city(place: &Place) -> &'static crate::roster::City {
    &CITIES[place.city]
}
