/**
 * Playbooks and their runs, as the API has them. The shapes are written out until `schemas/openapi.json` describes the
 * routes; then they become aliases of `../api/schema`, and nothing else changes.
 */
import { callJson } from '../api/client'
import type { Principal } from '../contain/api'

export interface Variable {
  name: string
  type: string
  description?: string | null
  value?: string | null
  /** Whether it is filled in when a run begins. */
  external: boolean
}

export interface Attach {
  classes: string[]
  rules: string[]
  severities: string[]
  services: string[]
}

export interface Playbook {
  id: string
  name: string
  description?: string | null
  owner?: string | null
  /** A day, `2027-05-31`. */
  review_by?: string | null
  created_at: string
  types: string[]
  severity?: string | number | null
  /** Which incidents it is offered for; none where it does not say. */
  attach?: Attach | null
  /** How many. */
  steps: number
  /** Whether it is for the incident that was named. */
  fits?: boolean | null
  variables: Variable[]
  actions: string[]
}

export interface PlaybookStep {
  id: string
  name?: string | null
  kind: string
  description?: string | null
  text?: string | null
  on_success?: string | null
  on_failure?: string | null
  on_completion?: string | null
  /** Ways that a condition, a choice or a split takes, where the server tells them. */
  branches?: { when: string; step: string }[] | null
}

export type WholePlaybook = Omit<Playbook, 'steps'> & { steps: PlaybookStep[]; text: string }

export interface Rehearsal {
  steps: { step: string; name: string; kind: string; text: string }[]
  ended?: unknown
}

export type RunState = 'running' | 'completed' | 'handled' | 'failed' | 'stopped' | (string & {})
export type StepState =
  'delayed' | 'running' | 'awaiting_person' | 'unknown' | 'succeeded' | 'skipped' | 'failed' | 'stopped' | (string & {})

export interface RunStep {
  task: number
  step: string
  name: string
  kind: string
  text?: string | null
  state: StepState
  containment?: string | null
  /** The run of a playbook that it calls. */
  child?: string | null
  begun_at?: string | null
  ended_at?: string | null
  due_at?: string | null
  by?: Principal | null
  reason?: string | null
  skipped: boolean
  /** Names of variables that whoever answers says a value of, where the server tells them. */
  out_args?: string[] | null
}

export interface Run {
  id: string
  playbook: string
  playbook_name: string
  state: RunState
  incident?: string | null
  reason: string
  requested_by: Principal
  parent?: string | null
  started_at: string
  ended_at?: string | null
  ends_by: string
  end?: { ended: string; step?: string | null; reason?: string | null } | null
  version: number
  steps: RunStep[]
  can: { stop: boolean; answer: boolean }
}

export type Answer = 'done' | 'failed' | 'skipped'

const ROOT = '/api/v1'
const playbookPath = (id: string) => `${ROOT}/playbooks/${encodeURIComponent(id)}`
const runPath = (id: string) => `${ROOT}/runs/${encodeURIComponent(id)}`
type Named = Pick<Run, 'id'>

export const listPlaybooks = (incident: string | undefined, signal?: AbortSignal) =>
  callJson<{ items: Playbook[] }>('GET', `${ROOT}/playbooks`, { query: { incident }, signal })
export const loadPlaybook = (id: string, signal?: AbortSignal) =>
  callJson<WholePlaybook>('GET', playbookPath(id), { signal })
export const rehearse = (id: string, values: Record<string, string>) =>
  callJson<Rehearsal>('POST', `${playbookPath(id)}/rehearse`, { body: { values } })

export const startRun = (
  body: { playbook: string; incident?: string; values: Record<string, string>; reason: string },
  idempotencyKey: string,
) => callJson<Run>('POST', `${ROOT}/runs`, { body, headers: { 'Idempotency-Key': idempotencyKey } })
export const listRuns = (query: Record<string, string | number | undefined>, signal?: AbortSignal) =>
  callJson<{ items: Run[]; next_cursor?: string | null }>('GET', `${ROOT}/runs`, { query, signal })
export const loadRun = (id: string, signal?: AbortSignal) => callJson<Run>('GET', runPath(id), { signal })
// An answer is for its step and stopping is for the whole run: what the machine does meanwhile makes neither less true, so
// no version is named. What has been answered or has ended already is refused for what it is.
export const answerStep = (
  run: Named,
  task: number,
  body: { answer: Answer; reason?: string; values?: Record<string, string> },
) => callJson<Run>('POST', `${runPath(run.id)}/steps/${String(task)}`, { body })
export const stopRun = (run: Named, reason: string) =>
  callJson<Run>('POST', `${runPath(run.id)}/stop`, { body: { reason } })
