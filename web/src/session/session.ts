import { queryOptions } from '@tanstack/react-query'
import { callJson, setCsrf } from '../api/client'
import type { Session } from '../api/pending'
import { ApiError } from '../api/problem'

/**
 * Who we are: a session; or an API token, put on our requests by this tab or by a proxy before the server, of which
 * only the answers tell what it may do; or nobody.
 */
export async function loadSession(): Promise<Session | null> {
  try {
    const session = await callJson<Session>('GET', '/api/v1/session')
    setCsrf(session.csrf)
    return session
  } catch (error) {
    if (!(error instanceof ApiError) || ![401, 403, 404, 405].includes(error.status)) throw error
  }
  setCsrf(null)
  try {
    await callJson('GET', '/api/v1/incidents', { query: { limit: 1 } })
  } catch (error) {
    if (error instanceof ApiError && error.status === 401) return null
    if (!(error instanceof ApiError) || error.status !== 403) throw error
  }
  return {
    person: { id: '', name: 'API token' },
    roles: [],
    scopes: null,
    csrf: '',
    idle_expires_at_ms: 0,
    expires_at_ms: 0,
  }
}

export const sessionQuery = queryOptions({
  queryKey: ['session'],
  queryFn: loadSession,
  staleTime: 60_000,
  retry: false,
})

/** Whether the session has a scope; where scopes are unknown, the server's answer decides. */
export function may(session: Session | null | undefined, scope: string): boolean {
  if (!session) return false
  return session.scopes === null || session.scopes.includes(scope)
}
