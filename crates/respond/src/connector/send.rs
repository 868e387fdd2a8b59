//! Exchanges in their order, with a token where they need one.

use super::act::{ActError, Outcome, Remote, Unanswered};
use super::answer::{self, Answer, Judged, judge};
use super::exchange::{Exchange, FormatError};
use super::spec::Connector;
use super::template::Values;
use super::token::{self, NoToken};

/// To whom, and when.
#[derive(Clone, Copy)]
pub(super) struct Sending<'s> {
    pub(super) connector: &'s Connector,
    pub(super) remote: &'s dyn Remote,
    pub(super) now_ms: i64,
    /// Whether it is a proof: where nobody could be asked, it says neither yes nor no.
    pub(super) is_proof: bool,
}

impl Sending<'_> {
    /// What it means that the other side does not speak to us, or we not to it.
    fn unspoken(&self, reason: String) -> Outcome {
        if self.is_proof { Outcome::Later(reason) } else { Outcome::Refused(reason) }
    }

    /// A token for requests, where they need one. Asking for it changes nothing.
    fn token(&self, values: &Values) -> Result<Result<Option<String>, NoToken>, ActError> {
        let request = token::request(self.connector, values).map_err(FormatError::from)?;
        let Some(request) = request else { return Ok(Ok(None)) };
        Ok(match self.remote.send(&request) {
            Ok(answer) => token::of(self.connector, &answer).map(Some),
            Err(unanswered) => Err(NoToken::Later(format!("no token: {unanswered}"))),
        })
    }

    fn answer(&self, exchange: &Exchange, known: &Values) -> Result<Result<Answer, Unanswered>, FormatError> {
        Ok(match exchange.command(self.connector, known)? {
            Some(command) => self.remote.run(&command),
            None => self.remote.send(&exchange.request(self.connector, known, self.now_ms)?),
        })
    }

    /// Exchanges in their order; what one tells, the next ones know.
    ///
    /// # Errors
    /// [`ActError`] for a request that cannot be written.
    pub(super) fn each(&self, exchanges: &[Exchange], values: &Values) -> Result<Outcome, ActError> {
        let (mut known, mut told) = (values.clone(), Values::new());
        if exchanges.is_empty() {
            return Ok(Outcome::Done(told));
        }
        match self.token(values)? {
            Ok(token) => known.extend(token.map(|token| (token::NAME.to_owned(), token))),
            Err(NoToken::Later(reason)) => return Ok(Outcome::Later(reason)),
            Err(NoToken::Refused(reason)) => return Ok(self.unspoken(reason)),
        }
        if !exchanges.iter().any(|exchange| exchange.is_for(&known)) {
            return Ok(Outcome::Refused("no request of it is for what was found".to_owned()));
        }
        // whether a part of it was done
        let mut is_begun = false;
        for exchange in exchanges {
            if !exchange.is_for(&known) {
                continue;
            }
            let answer = match self.answer(exchange, &known)? {
                Ok(answer) => answer,
                Err(Unanswered::Refused(reason)) if is_begun => {
                    return Ok(Outcome::Partly(format!("a part was done, then: {reason}")));
                }
                Err(Unanswered::Refused(reason)) => return Ok(self.unspoken(reason)),
                Err(Unanswered::Lost(reason)) if exchange.changes() => return Ok(Outcome::Unknown(reason)),
                Err(Unanswered::Lost(reason) | Unanswered::NotSent(reason)) => {
                    return Ok(if is_begun {
                        Outcome::Unknown(format!("a part was done, then: {reason}"))
                    } else {
                        Outcome::Later(reason)
                    });
                }
            };
            match judge(self.connector, exchange, &known, &answer) {
                Judged::Done(facts) => {
                    is_begun |= exchange.changes();
                    known.extend(facts.clone());
                    told.extend(facts);
                }
                Judged::Already => {}
                // a server that failed may have done it all the same
                Judged::Later { reason, .. } if exchange.changes() && answer.status >= 500 => {
                    return Ok(Outcome::Unknown(reason));
                }
                Judged::Unclear { reason } if exchange.changes() => return Ok(Outcome::Unknown(reason)),
                Judged::Later { reason, .. } | Judged::Unclear { reason } if is_begun => {
                    return Ok(Outcome::Unknown(format!("a part was done, then: {reason}")));
                }
                Judged::Later { reason, .. } | Judged::Unclear { reason } => {
                    return Ok(Outcome::Later(reason));
                }
                Judged::Refused { reason } if is_begun => {
                    return Ok(Outcome::Partly(format!("a part was done, then: {reason}")));
                }
                // who may not look has seen nothing
                Judged::Refused { reason } if answer::is_about_who_asks(answer.status) => {
                    return Ok(self.unspoken(reason));
                }
                Judged::Refused { reason } => return Ok(Outcome::Refused(reason)),
            }
        }
        Ok(Outcome::Done(told))
    }
}
