import { queryOptions, useQuery } from '@tanstack/react-query'
import { call, callJson } from '../api/client'
import type { components } from '../api/schema'
import { useMay } from '../session/use-session'

export type Delegation = components['schemas']['DelegationView']
export type Delegations = components['schemas']['DelegationsView']

const PATH = '/api/v1/delegations'
const SELDOM_MS = 60_000
const DAY_MS = 86_400_000

/** So long somebody answers for another at most. */
export const DAYS_MAX = 30

export const delegationsQuery = queryOptions({
  queryKey: ['delegations'],
  queryFn: ({ signal }) => callJson<Delegations>('GET', PATH, { signal }),
  staleTime: SELDOM_MS,
  retry: false,
})

/** Who answers for whom, where the reader has anything to answer. */
export function useDelegations() {
  const mayApprove = useMay('containments:approve')
  return useQuery({ ...delegationsQuery, enabled: mayApprove })
}

export const letAnswer = (body: { to: string; until: string; reason: string }) =>
  callJson<Delegation>('POST', PATH, { body })
export const endDelegation = (id: string) => call('DELETE', `${PATH}/${encodeURIComponent(id)}`)

/** A moment as an input of the type `datetime-local` has it, in the reader's zone. */
export function localMoment(ms: number): string {
  return new Date(ms - new Date(ms).getTimezoneOffset() * 60_000).toISOString().slice(0, 16)
}

/** The last moment until which somebody can be let. */
export function latest(now_ms: number): number {
  return now_ms + DAYS_MAX * DAY_MS
}

/** What is wrong with the time until which somebody answers; `null` if nothing is. */
export function untilFault(text: string, now_ms: number): string | null {
  const at_ms = Date.parse(text)
  if (Number.isNaN(at_ms)) return 'Say until when'
  if (at_ms <= now_ms) return 'That is over already'
  return at_ms > latest(now_ms) ? `${String(DAYS_MAX)} days from now at most` : null
}

/** Whose answers the reader can give, each once, by name; of several the one that ends last. */
export function answersFor(items: Delegation[]): Delegation[] {
  const found = new Map<string, Delegation>()
  for (const one of items) {
    const known = found.get(one.from.id)
    if (!one.given && (!known || Date.parse(known.until) < Date.parse(one.until))) found.set(one.from.id, one)
  }
  return [...found.values()].sort((a, b) => a.from.name.localeCompare(b.from.name))
}
