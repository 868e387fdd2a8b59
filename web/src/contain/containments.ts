import {
  infiniteQueryOptions,
  queryOptions,
  useIsFetching,
  useQueries,
  useQuery,
  useQueryClient,
  type QueryClient,
} from '@tanstack/react-query'
import { useEffect, useState } from 'react'
import { ApiError } from '../api/problem'
import { useLive } from '../layout/live'
import { useMay } from '../session/use-session'
import { listContainments, loadActions, loadContainment, type Containment } from './api'
import { queryOf, waitsForMe, type Filters } from './tabs'
import { isMoving } from './words'

/** The stream tells changes at once; these hold where it does not. */
const LOOK_MS = 3_000
const LOOK_SELDOM_MS = 30_000
const ROWS = 100
const SELDOM_MS = 300_000

export function containmentQuery(id: string) {
  return queryOptions({
    queryKey: ['containment', id],
    queryFn: ({ signal }) => loadContainment(id, signal),
    refetchInterval: ({ state }) => (state.data && !isMoving(state.data) ? LOOK_SELDOM_MS : LOOK_MS),
  })
}

export function containmentsQuery(filters: Filters) {
  const query = queryOf(filters)
  return infiniteQueryOptions({
    queryKey: ['containments', query],
    queryFn: ({ pageParam, signal }) => listContainments({ ...query, limit: ROWS, cursor: pageParam }, signal),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (last) => last.next_cursor ?? undefined,
    refetchInterval: LOOK_MS,
  })
}

export function ofIncidentQuery(incident: string) {
  return queryOptions({
    queryKey: ['containments', { incident }],
    queryFn: async ({ signal }) => (await listContainments({ incident, state: 'any', limit: ROWS }, signal)).items,
    refetchInterval: ({ state }) => (state.data?.some(isMoving) ? LOOK_MS : LOOK_SELDOM_MS),
    retry: false,
  })
}

export function useActions(enabled = true) {
  return useQuery({
    queryKey: ['actions'],
    queryFn: ({ signal }) => loadActions(signal),
    staleTime: SELDOM_MS,
    enabled,
  })
}

export function containmentsChanged(client: QueryClient): void {
  for (const key of ['containments', 'containment', 'runs', 'run']) void client.invalidateQueries({ queryKey: [key] })
}

/** Loads anew what the stream says has changed. */
export function useContainLive(): void {
  const live = useLive()
  const client = useQueryClient()
  useEffect(
    () =>
      live.listen((change) => {
        if (change === null || !/^(containment|run)\./.test(change.kind)) return
        const one = change.kind.startsWith('run.') ? 'run' : 'containment'
        void client.invalidateQueries({ queryKey: [`${one}s`] })
        void client.invalidateQueries({ queryKey: [one, change.object] })
      }),
    [live, client],
  )
}

const COUNTED_STATES = ['awaiting_approval', 'unknown'] as const

export interface Counts {
  /** Of those that wait for anybody, and of those that need one who looks. */
  waiting: number
  unknown: number
  /** Of both, those that wait for who asks. */
  mine: number
  /** There are more than were counted. */
  more: boolean
}

/** How many wait; `null` while that is not known. */
export function useCounts(enabled: boolean): Counts | null {
  const asked = useQueries({
    queries: COUNTED_STATES.map((state) => ({
      queryKey: ['containments', { counted: state }],
      queryFn: ({ signal }: { signal: AbortSignal }) => listContainments({ state, limit: ROWS }, signal),
      refetchInterval: LOOK_SELDOM_MS,
      retry: false,
      enabled,
    })),
  })
  const [waiting, unknown] = asked.map(({ data }) => data)
  if (!waiting || !unknown) return null
  return {
    waiting: waiting.items.length,
    unknown: unknown.items.length,
    mine: [...waiting.items, ...unknown.items].filter(waitsForMe).length,
    more: Boolean(waiting.next_cursor ?? unknown.next_cursor),
  }
}

const QUIET_MS = 2_000
const QUIET_MS_MAX = 10_000

/** Whether the first screen has what it asked for; what is not a part of it waits until then, or for a while. */
function useQuiet(): boolean {
  const fetching = useIsFetching() > 0
  const [quiet, setQuiet] = useState(false)
  useEffect(() => {
    if (fetching || quiet) return
    const timer = setTimeout(() => setQuiet(true), QUIET_MS)
    return () => clearTimeout(timer)
  }, [fetching, quiet])
  useEffect(() => {
    const timer = setTimeout(() => setQuiet(true), QUIET_MS_MAX)
    return () => clearTimeout(timer)
  }, [])
  return quiet
}

/** How many containments wait for who looks, for the navigation; follows the stream. */
export function useMine(): string | null {
  const mayRead = useMay('containments:read')
  const counts = useCounts(useQuiet() && mayRead)
  useContainLive()
  if (!counts || counts.mine === 0) return null
  return `${String(counts.mine)}${counts.more ? '+' : ''}`
}

/** Whether it was refused since somebody else was faster, so that what stands there is loaded anew. */
export function isOvertaken(error: unknown): boolean {
  return error instanceof ApiError && [409, 412].includes(error.status)
}

export function keepNew(client: QueryClient, containment: Containment): void {
  client.setQueryData(['containment', containment.id], containment)
  void client.invalidateQueries({ queryKey: ['containments'] })
}
