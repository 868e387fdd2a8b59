import { callJson } from '../api/client'
import type { BulkEdit, BulkResult, Incident } from '../api/pending'
import { ApiError, isMissingRoute } from '../api/problem'

/** Most incidents of one request. */
const CHUNK_ITEMS_MAX = 200

export interface BulkOutcome {
  done: string[]
  failed: { id: string; code: string; hint: string }[]
}

/** Cuts work into requests. */
export function chunks<T>(items: readonly T[], size: number): T[][] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, chunk) =>
    items.slice(chunk * size, (chunk + 1) * size),
  )
}

/**
 * Makes the same edit on many incidents, each as it was seen: one that somebody else changed meanwhile is refused and
 * said. `onProgress` hears how many have an outcome.
 */
export async function editAll(
  incidents: readonly Incident[],
  edit: BulkEdit,
  onProgress: (worked: number) => void,
): Promise<BulkOutcome> {
  const outcome: BulkOutcome = { done: [], failed: [] }
  for (const chunk of chunks(incidents, CHUNK_ITEMS_MAX)) {
    try {
      await editChunk(chunk, edit, outcome)
    } catch (error) {
      if (!isMissingRoute(error)) throw error
      for (const incident of chunk) {
        await editOne(incident, edit, outcome)
        onProgress(outcome.done.length + outcome.failed.length)
      }
    }
    onProgress(outcome.done.length + outcome.failed.length)
  }
  return outcome
}

async function editChunk(chunk: readonly Incident[], edit: BulkEdit, outcome: BulkOutcome): Promise<void> {
  const body = {
    ids: chunk.map((incident) => incident.id),
    edit,
    versions: Object.fromEntries(chunk.map((incident) => [incident.id, incident.version])),
  }
  const answer = await callJson<{ items: BulkResult[] }>('POST', '/api/v1/incidents/bulk', { body })
  for (const { id, problem } of answer.items) {
    if (problem) outcome.failed.push({ id, code: problem.code, hint: problem.detail })
    else outcome.done.push(id)
  }
}

/** For servers without bulk edits. */
async function editOne(incident: Incident, { comment: _, ...edit }: BulkEdit, outcome: BulkOutcome): Promise<void> {
  try {
    await callJson('PATCH', `/api/v1/incidents/${incident.id}`, { body: edit, ifMatch: incident.version })
    outcome.done.push(incident.id)
  } catch (error) {
    const problem = error instanceof ApiError ? error : new ApiError(0, { detail: String(error) })
    outcome.failed.push({ id: incident.id, code: problem.code, hint: problem.detail })
  }
}
