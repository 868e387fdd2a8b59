import { queryOptions, useQuery } from '@tanstack/react-query'
import { api, unwrap } from '../api/client'

export const rulesQuery = queryOptions({
  queryKey: ['rules'],
  queryFn: ({ signal }) => unwrap(api.GET('/api/v1/rules', { signal })),
  staleTime: 60_000,
})

/** The title to a rule's id, or the id. All rules are asked for only where `wanted`: they are many. */
export function useRuleTitle(wanted = true): (id: string) => string {
  const rules = useQuery({ ...rulesQuery, retry: false, enabled: wanted })
  return (id) => rules.data?.loaded.find((rule) => rule.id === id)?.title ?? id
}
