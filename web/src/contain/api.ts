/**
 * Containments, as the API has them. The shapes are written out until `schemas/openapi.json` describes the routes; then
 * they become aliases of `../api/schema`, and nothing else changes.
 */
import { callJson } from '../api/client'

export type TargetKind = 'account' | 'credential' | 'host' | 'network' | 'repository' | 'service' | (string & {})
export type Impact = 'low' | 'medium' | 'high' | (string & {})
export type Reversibility = 'reversible' | 'compensable' | 'irreversible' | (string & {})

export type ContainmentState =
  | 'planned'
  | 'awaiting_approval'
  | 'approved'
  | 'applying'
  | 'applied'
  | 'verified'
  | 'reverting'
  | 'reverted'
  | 'denied'
  | 'expired'
  | 'failed'
  | 'unknown'
  | 'cancelled'
  | (string & {})

export interface Principal {
  kind: string
  id?: string | null
  name?: string | null
}

export interface ActionInput {
  name: string
  help: string
  required: boolean
  pattern?: string | null
}

/** One verb of a connector. */
export interface Action {
  name: string
  connector: string
  connector_title: string
  title: string
  target: TargetKind
  target_pattern?: string | null
  impact: Impact
  reversibility: Reversibility
  ttl_minutes_default?: number | null
  inputs: ActionInput[]
  documentation?: string | null
  connected: boolean
}

export interface NamedThing {
  kind: string
  name: string
}

export interface Target extends NamedThing {
  belongs_to: NamedThing[]
}

export interface PlannedChange {
  what: string
  before: string
  after: string
}

export interface Plan {
  action: string
  action_version: string
  target: Target
  changes: PlannedChange[]
  blast_radius: { services: string[]; people?: number | null; notes: string[] }
  impact: Impact
  reversibility: Reversibility
  ttl_minutes?: number | null
  incident?: string | null
  /** What is known of the target: an identity's roles, second factors, last sign-in. */
  about?: { title: string; text: string }[] | null
}

/** What the table of decisions was asked, by name: `impact`, `confidence`, `signal`, … */
export type Why = Record<string, string>

export interface Preview {
  plan: Plan
  plan_sha256: string
  decision: { outcome: 'automatic' | 'approval' | 'refused' | (string & {}); people?: number | null; why: Why }
  limit?: { used: number; max: number; window_minutes: number } | null
}

export interface NewContainment {
  action: string
  target: string
  inputs?: Record<string, string>
  ttl_minutes?: number
  incident?: string
  reason?: string
  /** The plan that was seen. */
  plan_sha256?: string
}

export interface Vote {
  person: string
  name?: string | null
  approves: boolean
  reason?: string | null
  at: string
  delegated_from?: string | null
  delegated_from_name?: string | null
}

export interface Transition {
  state: ContainmentState
  at: string
  by: Principal
  reason?: string | null
}

/** What the asker may do with it. */
export interface Can {
  approve: boolean
  approve_why?: string | null
  undo: boolean
  keep: boolean
  keep_for_good: boolean
  settle: boolean
  break_glass: boolean
  cancel: boolean
}

/** One action on one target, from the plan to its end. */
export interface Containment {
  id: string
  state: ContainmentState
  action: string
  title: string
  target: string
  target_kind: TargetKind
  inputs: Record<string, string>
  incident?: string | null
  incident_title?: string | null
  run?: string | null
  /** The number of the step in it. */
  step?: number | null
  reason: string
  requested_by: Principal
  /** None where what is stored cannot be read. */
  plan?: Plan | null
  plan_sha256: string
  decision: {
    people: number
    quorum?: string[] | null
    asked_at?: string | null
    expires_at?: string | null
    why?: Why | null
  }
  votes: Vote[]
  approvals_missing: number
  facts?: Record<string, string> | null
  problem?: string | null
  in_effect: boolean
  ttl_minutes?: number | null
  revert_at?: string | null
  /** In effect until somebody takes it back, though it would have had an end. */
  kept: boolean
  broken_glass?: { by: Principal; reason: string } | null
  /** Whether who may decide is told by e-mail; where not, that is not configured. */
  told_by_email: boolean
  history: Transition[]
  created_at: string
  updated_at: string
  version: number
  can: Can
}

export interface ContainmentPage {
  items: Containment[]
  next_cursor?: string | null
}

const ROOT = '/api/v1'
const path = (id: string, verb = '') => `${ROOT}/containments/${encodeURIComponent(id)}${verb && `/${verb}`}`

export const loadActions = (signal?: AbortSignal) => callJson<{ items: Action[] }>('GET', `${ROOT}/actions`, { signal })

export const listContainments = (query: Record<string, string | number | undefined>, signal?: AbortSignal) =>
  callJson<ContainmentPage>('GET', `${ROOT}/containments`, { query, signal })
export const loadContainment = (id: string, signal?: AbortSignal) => callJson<Containment>('GET', path(id), { signal })

/** What would be done, without doing it; nothing is kept. */
export const previewContainment = (body: NewContainment) =>
  callJson<Preview>('POST', `${ROOT}/containments/preview`, { body })
export const requestContainment = (body: NewContainment, idempotencyKey: string) =>
  callJson<Containment>('POST', `${ROOT}/containments`, { body, headers: { 'Idempotency-Key': idempotencyKey } })

type Seen = Pick<Containment, 'id' | 'version'>

interface Answer {
  approves: boolean
  plan_sha256: string
  reason?: string
  /** For whom, if not for oneself. */
  on_behalf_of?: string
}

export const vote = (seen: Seen, body: Answer) =>
  callJson<Containment>('POST', path(seen.id, 'votes'), { body, ifMatch: seen.version })
/** Calls it off before it is applied, takes it back after; however far it has come meanwhile. */
export const undo = ({ id }: Pick<Containment, 'id'>, reason: string) =>
  callJson<Containment>('POST', path(id, 'undo'), { body: { reason } })
/** Gives it another end; without minutes it has none. */
export const keep = ({ id }: Pick<Containment, 'id'>, body: { minutes?: number; reason: string }) =>
  callJson<Containment>('POST', path(id, 'keep'), { body })
export const settle = (seen: Seen, body: { happened: boolean; reason: string }) =>
  callJson<Containment>('POST', path(seen.id, 'settle'), { body, ifMatch: seen.version })
export const breakGlass = (seen: Seen, reason: string) =>
  callJson<Containment>('POST', path(seen.id, 'break-glass'), { body: { reason }, ifMatch: seen.version })
