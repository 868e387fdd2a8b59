import { callJson } from '../api/client'
import type { Incident, Visibility } from '../api/pending'

/** What can be done to the shape of a case. Each is an event in its history, and has a reverse. */
export const LINK_KINDS = [
  { value: 'related', label: 'is related to' },
  { value: 'caused_by', label: 'was caused by' },
  { value: 'duplicate_of', label: 'is a duplicate of' },
] as const

export type LinkKind = (typeof LINK_KINDS)[number]['value']

function post(incident: Incident, verb: string, body: object): Promise<unknown> {
  return callJson('POST', `/api/v1/incidents/${incident.id}/${verb}`, { body })
}

export function mergeInto(incident: Incident, into: string) {
  return post(incident, 'merge', { into, version: incident.version })
}

export function unmerge(incident: Incident) {
  return post(incident, 'unmerge', { version: incident.version })
}

export function splitOff(incident: Incident, findings: string[], title: string) {
  return post(incident, 'split', { findings, version: incident.version, ...(title ? { title } : {}) })
}

export function linkTo(incident: Incident, to: string, kind: LinkKind) {
  return post(incident, 'link', { to, kind })
}

export function unlink(incident: Incident, to: string) {
  return callJson('DELETE', `/api/v1/incidents/${incident.id}/links/${to}`)
}

export function setVisibility(incident: Incident, visibility: Visibility, reason: string) {
  return callJson<Incident>('PUT', `/api/v1/incidents/${incident.id}/visibility`, {
    body: { visibility, ...(reason ? { reason } : {}) },
    ifMatch: incident.version,
  })
}
