import type { Incident, Why } from '../api/pending'
import { headline } from '../incident/naming'
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

/** What the title beside it does not say already; how often comes first, since it stands in no other column. */
export function reasonsBeside(incident: Incident): Why[] {
  const { what, about } = headline(incident)
  const said = (why: Why) => why.text === what || (about !== null && why.kind === 'entity' && why.text.endsWith(about))
  const left = reasons(incident).filter((why) => !said(why))
  const counts = left.filter((why) => why.kind === 'count')
  return [...counts, ...left.filter((why) => why.kind !== 'count')]
}
