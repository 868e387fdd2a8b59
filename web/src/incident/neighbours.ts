import type { QueryClient } from '@tanstack/react-query'
import type { Pages } from '../queue/incidents'

export interface Neighbours {
  /** Counted from 1. */
  place: number
  loaded: number
  before: string | null
  next: string | null
}

/** Where an incident stands in the queue as it was last shown; nowhere for one that came by a link. */
export function neighboursOf(ids: readonly string[], id: string): Neighbours | null {
  const at = ids.indexOf(id)
  if (at < 0) return null
  return { place: at + 1, loaded: ids.length, before: ids[at - 1] ?? null, next: ids[at + 1] ?? null }
}

export function queueOrder(client: QueryClient, id: string): readonly string[] {
  const lists = client.getQueryCache().findAll({ queryKey: ['incidents'] })
  const shown = lists
    .toSorted((a, b) => b.state.dataUpdatedAt - a.state.dataUpdatedAt)
    .map((query) => ((query.state.data as Pages | undefined)?.pages ?? []).flatMap((page) => page.items))
    .map((items) => items.map((incident) => incident.id))
  return shown.find((ids) => ids.includes(id)) ?? []
}
