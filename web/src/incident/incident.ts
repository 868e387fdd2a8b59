import { infiniteQueryOptions, queryOptions, type QueryClient } from '@tanstack/react-query'
import { api, callJson, unwrap } from '../api/client'
import type { AuditRecord, Finding, Graph, Page, TimelineEntry, Trace, WholeIncident } from '../api/pending'
import { ApiError, isMissingRoute } from '../api/problem'

const FINDINGS_ROWS = 100
const TIMELINE_ROWS = 200

export function incidentQuery(id: string) {
  return queryOptions({
    queryKey: ['incident', id],
    queryFn: ({ signal }) =>
      unwrap(api.GET('/api/v1/incidents/{id}', { params: { path: { id } }, signal })) as Promise<WholeIncident>,
  })
}

export function findingsQuery(id: string) {
  return infiniteQueryOptions({
    queryKey: ['incident', id, 'findings'],
    queryFn: ({ pageParam, signal }) =>
      callJson<Page<Finding>>('GET', `/api/v1/incidents/${id}/findings`, {
        query: { limit: FINDINGS_ROWS, after: pageParam },
        signal,
      }),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (last) => last.next ?? undefined,
  })
}

/** `null` where the server has none: the page then makes one of what came with the incident. */
export function timelineQuery(id: string) {
  return infiniteQueryOptions({
    queryKey: ['incident', id, 'timeline'],
    queryFn: async ({ pageParam, signal }) => {
      try {
        return await callJson<Page<TimelineEntry>>('GET', `/api/v1/incidents/${id}/timeline`, {
          query: { order: 'newest', limit: TIMELINE_ROWS, after: pageParam },
          signal,
        })
      } catch (error) {
        if (isMissingRoute(error)) return null
        throw error
      }
    },
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (last) => last?.next ?? undefined,
  })
}

export function graphQuery(id: string) {
  return queryOptions({
    queryKey: ['incident', id, 'graph'],
    queryFn: async ({ signal }) => {
      try {
        return await callJson<Graph>('GET', `/api/v1/incidents/${id}/graph`, { signal })
      } catch (error) {
        if (isMissingRoute(error)) return null
        throw error
      }
    },
  })
}

export function traceQuery(finding: Finding) {
  return queryOptions({
    queryKey: ['trace', finding.id],
    queryFn: async ({ signal }) => {
      try {
        return await callJson<Trace>('GET', `/api/v1/findings/${finding.id}/trace`, { signal })
      } catch (error) {
        if (!isMissingRoute(error)) throw error
        return tracedByQuery(finding, signal)
      }
    },
    staleTime: 300_000,
    retry: false,
  })
}

interface Rows {
  rows: unknown[][]
}

// the time lets the lake read one file instead of all
const TRACED_SQL = 'SELECT raw FROM events WHERE event_id = $1 AND time = to_timestamp_millis($2) LIMIT 1'

/** A trace from what older servers have: the lake's record and the finding's own event. */
async function tracedByQuery(finding: Finding, signal: AbortSignal): Promise<Trace> {
  const event = (finding.event ?? {}) as Record<string, unknown>
  const { enrichments, ...normalized } = event
  const body = { sql: TRACED_SQL, parameters: [finding.event_id, finding.time_ms] }
  const answer = await callJson<Rows>('POST', '/api/v1/query', { body, signal }).catch((error: unknown) => {
    if (error instanceof ApiError) return null
    throw error
  })
  const raw = answer?.rows[0]?.[0]
  return {
    raw: {
      found_in: typeof raw === 'string' ? 'lake' : null,
      masked: typeof raw === 'string' && raw.startsWith('masked:'),
      record: typeof raw === 'string' && !raw.startsWith('masked:') ? parsed(raw) : null,
      truncated: false,
    },
    normalized,
    enriched: enrichments ?? [],
    matched: finding.matched,
    rule: { id: finding.rule_id, title: finding.rule_title, hash: finding.rule_hash },
  }
}

/** JSON where a text is JSON, else the text. */
export function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}

/** The whole history of an incident, page by page. */
export async function history(client: QueryClient, id: string): Promise<AuditRecord[]> {
  const first = await client.fetchQuery({
    queryKey: ['incident', id, 'history'],
    queryFn: () => callJson<Page<AuditRecord>>('GET', `/api/v1/incidents/${id}/history`, { query: { limit: 500 } }),
  })
  return first.items
}
