import { useQuery } from '@tanstack/react-query'
import { callJson, hasToken, setCsrf } from '../api/client'
import type { Session } from '../api/pending'
import { ApiError } from '../api/problem'

export interface Visitor {
  id: string
  name: string
}

/** Who came, if the browser is signed in; for a stranger nobody, and nothing else is asked. */
async function loadVisitor(): Promise<Visitor | null> {
  try {
    const session = await callJson<Session>('GET', '/api/v1/session')
    setCsrf(session.csrf)
    return { id: session.person.id, name: session.person.name }
  } catch (error) {
    if (error instanceof ApiError && error.status < 500) return hasToken() ? { id: '', name: 'API token' } : null
    throw error
  }
}

/** `null` for a stranger, `undefined` while it is not known. */
export function useVisitor(): Visitor | null | undefined {
  const { data, isError } = useQuery({ queryKey: ['visitor'], queryFn: loadVisitor, staleTime: Infinity, retry: 1 })
  return isError ? null : data
}
