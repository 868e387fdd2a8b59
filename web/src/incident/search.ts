import { callJson } from '../api/client'
import type { Incident, Page } from '../api/pending'
import { ApiError } from '../api/problem'

const FOUND_MAX = 8

/** Incidents by a text or an id. */
export async function searchIncidents(text: string, signal?: AbortSignal): Promise<Incident[]> {
  if (/^inc_[0-9A-Z]{26}$/.test(text)) {
    const whole = await callJson<{ incident: Incident }>('GET', `/api/v1/incidents/${text}`, { signal })
    return [whole.incident]
  }
  const ask = (query: Record<string, string>) =>
    callJson<Page<Incident>>('GET', '/api/v1/incidents', {
      query: { ...query, limit: FOUND_MAX, order: 'updated' },
      signal,
    })
  try {
    return (await ask({ q: text })).items
  } catch (error) {
    if (error instanceof ApiError && error.code === 'request_invalid') return (await ask({ title: text })).items
    throw error
  }
}
