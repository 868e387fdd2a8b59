import { infiniteQueryOptions, type InfiniteData, type QueryClient } from '@tanstack/react-query'
import { callJson } from '../api/client'
import type { Facets, Incident, Page } from '../api/pending'
import { askFilters, type Filters } from './filters'

/** Rows asked for at once; the API gives up to 500. */
const PAGE_ROWS = 200

export type Pages = InfiniteData<Page<Incident>, string | undefined>

export function incidentsQuery(filters: Filters, own: string) {
  const query = askFilters(filters, own)
  return infiniteQueryOptions({
    queryKey: ['incidents', query],
    queryFn: ({ pageParam, signal }) =>
      callJson<Page<Incident>>('GET', '/api/v1/incidents', {
        query: { ...query, limit: PAGE_ROWS, after: pageParam },
        signal,
      }),
    // rows are replaced whole; comparing ten thousand of them with each page that comes would stop the scrolling
    structuralSharing: false,
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (last) => last.next ?? undefined,
  })
}

export function loadFacets(filters: Filters, own: string, signal: AbortSignal): Promise<Facets> {
  const { order: _, ...query } = askFilters(filters, own)
  return callJson<Facets>('GET', '/api/v1/incidents/facets', { query, signal })
}

/** Puts an incident as it is now in its row; says whether some list had it. */
export function replaceRow(client: QueryClient, incident: Incident): boolean {
  let found = false
  client.setQueriesData<Pages>({ queryKey: ['incidents'] }, (pages) => {
    if (!pages) return pages
    const replaced = pages.pages.map((page) => {
      const row = page.items.findIndex((item) => item.id === incident.id)
      const before = page.items[row]
      if (!before) return page
      found = true
      // the stream does not give reasons; those of the list still hold
      const items = page.items.with(row, { ...incident, why: incident.why ?? before.why })
      return { ...page, items }
    })
    return found ? { ...pages, pages: replaced } : pages
  })
  return found
}
