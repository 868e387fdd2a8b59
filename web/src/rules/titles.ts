import { queryOptions, useQuery } from '@tanstack/react-query'
import { api, unwrap } from '../api/client'

export const rulesQuery = queryOptions({
  queryKey: ['rules'],
  queryFn: ({ signal }) => unwrap(api.GET('/api/v1/rules', { signal })),
  staleTime: 60_000,
})

/** The title to a rule's id, or the id. */
export function useRuleTitle(): (id: string) => string {
  const rules = useQuery({ ...rulesQuery, retry: false })
  return (id) => rules.data?.loaded.find((rule) => rule.id === id)?.title ?? id
}
