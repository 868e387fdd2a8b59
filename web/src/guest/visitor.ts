import { useQuery } from '@tanstack/react-query'
import { callJson, hasToken, setCsrf } from '../api/client'

export interface Visitor {
  id: string
  name: string
}

interface Came {
  signed_in: boolean
  id?: string
  name?: string
  csrf?: string
}

/**
 * Who came, if the browser is signed in; for a stranger nobody. It leaves no trace on the server, as asking for the session
 * would: nobody shall tell from a session's times who reported without a name.
 */
async function loadVisitor(): Promise<Visitor | null> {
  const came = await callJson<Came>('GET', '/api/v1/visitor')
  if (!came.signed_in) return hasToken() ? { id: '', name: 'API token' } : null
  setCsrf(came.csrf ?? '')
  return { id: came.id ?? '', name: came.name ?? '' }
}

/** `null` for a stranger, `undefined` while it is not known. */
export function useVisitor(): Visitor | null | undefined {
  const { data, isError } = useQuery({ queryKey: ['visitor'], queryFn: loadVisitor, staleTime: Infinity, retry: 1 })
  return isError ? null : data
}
