import { useQuery } from '@tanstack/react-query'
import { may, sessionQuery } from './session'

export function useSession() {
  return useQuery(sessionQuery).data ?? null
}

export function useMay(scope: string): boolean {
  return may(useSession(), scope)
}
