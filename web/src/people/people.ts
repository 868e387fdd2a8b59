import { useQuery, type QueryClient } from '@tanstack/react-query'
import { callJson } from '../api/client'
import type { NamedPerson } from '../api/pending'
import { useSession } from '../session/use-session'

/** Who works on incidents, by id and name; nobody where the server does not say. */
export function usePeople(): NamedPerson[] {
  const people = useQuery({
    queryKey: ['assignable'],
    queryFn: () => callJson<{ items: NamedPerson[] }>('GET', '/api/v1/people/assignable'),
    retry: false,
    staleTime: 300_000,
  })
  return people.data?.items ?? []
}

/** The name to an id, or the id. */
export function nameOf(id: string, people: readonly NamedPerson[]): string {
  return people.find((person) => person.id === id)?.name ?? id
}

/** Names that records told, for those who may not list people. */
const LEARNED = ['names'] as const

/** Takes names to ids from principals of records. */
export function learnNames(client: QueryClient, principals: readonly unknown[]): void {
  const known = client.getQueryData<Record<string, string>>(LEARNED) ?? {}
  const told = principals.flatMap((principal) => {
    const { kind, id, name } = (principal ?? {}) as Principal
    return kind === 'person' && id && name && known[id] !== name ? [[id, name]] : []
  })
  if (told.length > 0) client.setQueryData(LEARNED, { ...known, ...Object.fromEntries(told) })
}

/** The name to the id of a person; other texts are names already. */
export function useNameOf(): (id: string) => string {
  const people = usePeople()
  const session = useSession()
  const learned =
    useQuery({ queryKey: LEARNED, queryFn: (): Record<string, string> => ({}), staleTime: Number.POSITIVE_INFINITY })
      .data ?? {}
  return (id) => {
    if (!id.startsWith('per_')) return id
    if (session?.person.id === id) return session.person.name
    const name = nameOf(id, people)
    return name === id ? (learned[id] ?? `someone (…${id.slice(-6)})`) : name
  }
}

interface Principal {
  kind?: string
  name?: string
  person?: string
  id?: string
  token?: string
  part?: string
  [key: string]: unknown
}

/** Who an audit record or a comment names, in words. */
export function principalName(principal: unknown, name: (id: string) => string = (id) => id): string {
  if (typeof principal === 'string') return name(principal)
  if (principal === null || typeof principal !== 'object') return 'unknown'
  const { kind, name: own, person, id, token, part } = principal as Principal
  if (kind === 'system') return part ? `huecry (${part})` : 'huecry'
  if (own) return own
  const known = person ?? id ?? token
  return known ? name(known) : (kind ?? 'unknown')
}

export function isMachine(principal: unknown): boolean {
  return typeof principal === 'object' && principal !== null && (principal as Principal).kind === 'system'
}

const NAME_KEY = 'huecry.name'

/** As whom we take incidents: the person of the session, or the name given once where a token speaks for us. */
export function useOwnName(): { own: string; setOwn: (name: string) => void } {
  const session = useSession()
  const own = session?.person.id || localStorage.getItem(NAME_KEY) || ''
  return { own, setOwn: (name) => localStorage.setItem(NAME_KEY, name) }
}
