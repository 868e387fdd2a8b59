/** A decision as somebody puts it together: what is missing, and what is sent. */
import type { NewDecision, PolicyReason, Template } from '../report/api'

export const KINDS = ['accept', 'merge', 'ask', 'decline'] as const
export type Kind = (typeof KINDS)[number]

export const KIND_WORDS: Record<Kind, { word: string; key: string; about: string }> = {
  accept: { word: 'Accept', key: 'a', about: 'becomes a finding, and part of an incident' },
  merge: { word: 'Merge', key: 'm', about: 'belongs to an incident that is there' },
  ask: { word: 'Ask', key: 's', about: 'a question to the reporter; then it comes back' },
  decline: { word: 'Decline', key: 'd', about: 'with a reason; the reporter may appeal' },
}

/** The gravest that an anonymous report alone may raise. */
const ANONYMOUS_SEVERITIES = ['medium', 'low', 'informational']
const ALL_SEVERITIES = ['critical', 'high', ...ANONYMOUS_SEVERITIES]

export interface Draft {
  kind: Kind | null
  severity: string | null
  reason: string | null
  incident: string | null
  note: string
  lesson: string
  template: string | null
}

export const EMPTY: Draft = {
  kind: null,
  severity: null,
  reason: null,
  incident: null,
  note: '',
  lesson: '',
  template: null,
}

export function severitiesFor(reporterKind: string | undefined): readonly string[] {
  return reporterKind === 'anonymous' ? ANONYMOUS_SEVERITIES : ALL_SEVERITIES
}

export function reasonsFor(kind: Kind, reasons: readonly PolicyReason[]): PolicyReason[] {
  return reasons.filter((reason) => !reason.kinds || reason.kinds.includes(kind))
}

export function templatesFor(kind: Kind | null, templates: readonly Template[]): Template[] {
  return templates.filter((template) => template.kind === kind)
}

/** Another kind: its reason where there is only one to choose, the note stays unless a template wrote it. */
export function withKind(
  draft: Draft,
  kind: Kind,
  reasons: readonly PolicyReason[],
  templates: readonly Template[],
): Draft {
  if (draft.kind === kind) return draft
  const own = reasonsFor(kind, reasons)
  const written = templates.find(({ id }) => id === draft.template)?.text === draft.note
  return {
    ...draft,
    kind,
    // a decline is never made by a reason that nobody chose
    reason: kind === 'decline' ? null : (own[0]?.id ?? null),
    note: written ? '' : draft.note,
    template: null,
  }
}

/** What is missing yet, in words; nothing when it can be sent. */
export function missingIn(draft: Draft): string | null {
  switch (draft.kind) {
    case null:
      return 'Choose what becomes of it'
    case 'merge':
      return draft.incident ? null : 'Choose the incident that it belongs to'
    case 'ask':
      return draft.note.trim() ? null : 'Write the question'
    case 'decline':
      if (!draft.reason) return 'Choose the reason'
      return draft.note.trim() ? null : 'Write a note to the reporter'
    default:
      return null
  }
}

export function toDecision(draft: Draft & { kind: Kind }): NewDecision {
  return {
    kind: draft.kind,
    incident: draft.kind === 'merge' ? (draft.incident ?? undefined) : undefined,
    severity: draft.kind === 'accept' ? (draft.severity ?? undefined) : undefined,
    reason: draft.reason ?? undefined,
    note: draft.note.trim(),
    lesson: draft.kind === 'ask' ? undefined : draft.lesson.trim() || undefined,
    template: draft.template ?? undefined,
  }
}

/** The row to go on with: the next one below, else the one above. */
export function nextAfter(id: string, ids: readonly string[]): string | null {
  const at = ids.indexOf(id)
  if (at < 0) return ids[0] ?? null
  return ids[at + 1] ?? ids[at - 1] ?? null
}
