//! Audit records of containments, and the one way in which changes are written.

use crate::actor::Actor;
use crate::error::RespondError;
use crate::letter;
use crate::service::Responder;
use model::{AuditRecord, Containment, ContainmentState, LetterAbout};
use ports::store::UnitOfWork;
use serde_json::{Value, json};

/// What an audit record says besides where the containment stands.
#[derive(Debug, Clone)]
pub(crate) struct Record {
    pub(super) actor: Actor,
    pub(super) action: String,
    pub(super) after: Value,
    pub(super) reason: Option<String>,
}

impl Record {
    pub(super) fn of(actor: &Actor, action: &str) -> Self {
        Self { actor: actor.clone(), action: action.to_owned(), after: Value::Null, reason: None }
    }

    pub(super) fn because(self, reason: &str) -> Self {
        Self { reason: Some(reason.to_owned()), ..self }
    }
}

impl Responder {
    /// A record about the containment.
    pub(super) fn audit(&self, containment: &Containment, record: Record) -> AuditRecord {
        let Record { actor, action, after, reason } = record;
        let (clock, entropy) = (&*self.options.clock, &*self.options.entropy);
        AuditRecord {
            after,
            reason,
            origin: actor.origin,
            request_id: actor.request_id,
            ..AuditRecord::new(clock, entropy, actor.principal, action, containment.id)
        }
    }

    /// Writes a change with its record and what people are told of it, and wakes the run that waits for it; `containment` is then as it is stored.
    pub(super) async fn write(
        &self,
        unit: &mut dyn UnitOfWork,
        containment: &mut Containment,
        before: ContainmentState,
        record: Option<Record>,
    ) -> Result<(), RespondError> {
        containment.updated_at_ms = self.now_ms();
        let mut occasions =
            letter::of_containment(containment, before, record.as_ref().map(|record| &*record.action));
        let audit = record.map(|record| {
            let told = record.after.clone();
            let mut audit = self.audit(containment, record);
            audit.before = json!({ "state": before.as_str() });
            audit.after = json!({
                "state": containment.state.as_str(),
                "action": containment.action,
                "target": containment.target,
                "plan_sha256": hex(&containment.plan_sha256),
            });
            if let (Some(after), Value::Object(told)) = (audit.after.as_object_mut(), told) {
                after.extend(told);
            }
            audit
        });
        containment.version = unit.containments().replace(containment, audit.as_ref()).await?;
        let about = (LetterAbout::Containment(containment.id), containment.incident, &*containment.region);
        self.told_seldom(unit, containment, &mut occasions).await?;
        self.write_letters(unit, about, occasions).await?;
        if containment.state == ContainmentState::Verified && before != ContainmentState::Verified {
            self.keep_what_it_outlives(unit, containment).await?;
        }
        let is_told = containment.state.is_end()
            || matches!(containment.state, ContainmentState::Verified | ContainmentState::Unknown);
        if !is_told || containment.state == before {
            return Ok(());
        }
        let at_ms = containment.updated_at_ms;
        if let Some(task) = containment.task {
            unit.runs().wake(task, at_ms).await?;
        }
        // and those that wait for it though they have not asked for it themselves
        unit.runs().wake_waiting(containment.id, at_ms).await?;
        Ok(())
    }
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    crate::plan::PlanHash(bytes.try_into().unwrap_or_default()).to_string()
}
