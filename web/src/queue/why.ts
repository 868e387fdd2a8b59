import type { Incident, Why } from '../api/pending'
import { duration } from '../time/format'

/** Why an incident is in the queue: the server's reasons, else what its row tells. */
export function reasons(incident: Incident): Why[] {
  if (incident.why && incident.why.length > 0) return incident.why
  const span = duration(incident.last_seen_ms - incident.first_seen_ms)
  const rules = incident.rules.length
  const found: Why[] = [
    { kind: 'count', text: incident.findings === 1 ? '1 finding' : `${String(incident.findings)} findings in ${span}` },
  ]
  if (rules > 1) found.push({ kind: 'rule', text: `${String(rules)} rules agree` })
  found.push({ kind: 'entity', text: `same ${incident.group.kind}` })
  if (incident.criticality) {
    found.push({ kind: 'owner', text: `${incident.service ?? 'service'} is of ${incident.criticality} criticality` })
  }
  if (incident.related) found.push({ kind: 'related', text: 'follows a decided incident' })
  return found
}
