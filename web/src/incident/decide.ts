import { useMutation, useQueryClient } from '@tanstack/react-query'
import { callJson } from '../api/client'
import type { Incident, WholeIncident } from '../api/pending'
import { isConflict, type ApiError } from '../api/problem'
import { replaceRow } from '../queue/incidents'

export interface Edit {
  status?: string
  assignee?: string | null
  severity?: string | null
  verdict?: string | null
  reason?: string
}

export interface Decision {
  /** The incident as it was when the person decided. */
  seen: Incident
  edit: Edit
}

/** What an edit changes, in words of the API. */
export const EDITED = ['status', 'assignee', 'severity', 'verdict'] as const
type Edited = (typeof EDITED)[number]

function valueOf(incident: Incident, field: Edited): string | null {
  return field === 'severity' ? (incident.severity_override ?? null) : (incident[field] ?? null)
}

export interface FieldConflict {
  field: Edited
  seen: string | null
  mine: string | null
  theirs: string | null
}

export interface Conflict {
  /** Fields that both changed, to different values. */
  both: FieldConflict[]
  /** Fields that only we changed: they can follow without taking anything away. */
  mine: FieldConflict[]
  /** Fields that only the other changed. */
  theirs: FieldConflict[]
}

/** Compares what we wanted with what the other did since we looked. */
export function compare(seen: Incident, edit: Edit, current: Incident): Conflict {
  const result: Conflict = { both: [], mine: [], theirs: [] }
  for (const field of EDITED) {
    const [was, now] = [valueOf(seen, field), valueOf(current, field)]
    const wanted = field in edit && edit[field] !== undefined ? (edit[field] ?? null) : was
    const row = { field, seen: was, mine: wanted, theirs: now }
    if (wanted !== was && now !== was && wanted !== now) result.both.push(row)
    else if (wanted !== was && wanted !== now) result.mine.push(row)
    else if (now !== was) result.theirs.push(row)
  }
  return result
}

/** The edit that takes back a decision, if it can be taken back in one. */
export function reverse(before: Incident, edit: Edit): Edit | null {
  const back: Edit = {}
  if (edit.assignee !== undefined) back.assignee = before.assignee ?? null
  if (edit.verdict !== undefined) back.verdict = before.verdict ?? null
  if (edit.severity !== undefined) back.severity = before.severity_override ?? null
  if (edit.status !== undefined && edit.status !== before.status) {
    // nothing goes back to new: taken back, it is in work
    back.status = before.status === 'new' ? 'in_progress' : before.status
  }
  back.reason = 'taken back by who decided it'
  return Object.keys(back).length > 1 ? back : null
}

export function patchIncident({ seen, edit }: Decision): Promise<Incident> {
  return callJson<Incident>('PATCH', `/api/v1/incidents/${seen.id}`, { body: edit, ifMatch: seen.version })
}

/** Decides, and puts the outcome everywhere it shows. A conflict is the caller's to show. */
export function useDecide(handlers: {
  onDone?: (incident: Incident, decision: Decision) => void
  onConflict: (decision: Decision, error: ApiError) => void
  onError: (error: unknown) => void
}) {
  const client = useQueryClient()
  return useMutation({
    mutationFn: patchIncident,
    onSuccess: (incident, decision) => {
      showIncident(client, incident)
      handlers.onDone?.(incident, decision)
    },
    onError: (error, decision) => {
      if (!isConflict(error)) return handlers.onError(error)
      showIncident(client, error.current as Incident)
      handlers.onConflict(decision, error)
    },
  })
}

export function showIncident(client: ReturnType<typeof useQueryClient>, incident: Incident): void {
  replaceRow(client, incident)
  client.setQueryData<WholeIncident>(['incident', incident.id], (whole) => (whole ? { ...whole, incident } : whole))
  void client.invalidateQueries({ queryKey: ['incident', incident.id] })
  void client.invalidateQueries({ queryKey: ['facets'] })
}
