import { queryOptions, type QueryClient } from '@tanstack/react-query'
import { listPlaybooks, listRuns, loadPlaybook, loadRun, type Run } from './api'

/** The stream tells changes at once; these hold where it does not. */
const LOOK_MS = 3_000
const LOOK_SELDOM_MS = 30_000
const ROWS = 100

export function playbooksQuery(incident?: string) {
  return queryOptions({
    queryKey: ['playbooks', { incident }],
    queryFn: async ({ signal }) => (await listPlaybooks(incident, signal)).items,
    staleTime: 60_000,
  })
}

export function playbookQuery(id: string) {
  return queryOptions({
    queryKey: ['playbook', id],
    queryFn: ({ signal }) => loadPlaybook(id, signal),
    staleTime: 60_000,
  })
}

export function runQuery(id: string) {
  return queryOptions({
    queryKey: ['run', id],
    queryFn: ({ signal }) => loadRun(id, signal),
    refetchInterval: ({ state }) => (state.data && state.data.state !== 'running' ? LOOK_SELDOM_MS : LOOK_MS),
  })
}

export function runsOfIncidentQuery(incident: string) {
  return queryOptions({
    queryKey: ['runs', { incident }],
    queryFn: async ({ signal }) => (await listRuns({ incident, limit: ROWS }, signal)).items,
    refetchInterval: ({ state }) => (state.data?.some((run) => run.state === 'running') ? LOOK_MS : LOOK_SELDOM_MS),
    retry: false,
  })
}

export function keepRun(client: QueryClient, run: Run): void {
  client.setQueryData(['run', run.id], run)
  void client.invalidateQueries({ queryKey: ['runs'] })
  void client.invalidateQueries({ queryKey: ['containments'] })
}
