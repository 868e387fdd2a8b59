/**
 * The shapes that screens share. Those of services, of explanations and of the audit log are what `schemas/openapi.json`
 * describes. Those written out are looser, so that a value or a field the console does not know is no error.
 */

import type { components } from './schema'

type Schemas = components['schemas']
type View = Schemas['IncidentView']
export type Incident = Omit<View, 'why' | 'visibility' | 'title_override'> & {
  why?: Why[]
  visibility?: string
  title_override?: string | null
}

/** `everyone` who may read incidents, the `team` it is about, or `restricted` to who has it. */
export type Visibility = 'everyone' | 'team' | 'restricted'
export type Finding = Schemas['FindingView']
export type Comment = Schemas['CommentView']
/**
 * `withheld`: the record is there and proven, `withheld_values` of it are of an incident that we may not see: nobody
 * (`{"kind": "withheld"}`), an empty object, nulls.
 */
export type AuditRecord = Schemas['AuditView']
export type WholeIncident = Omit<Schemas['WholeIncident'], 'incident' | 'links' | 'merged'> & {
  incident: Incident
  /** What people said that it has to do with. */
  links?: LinkedIncident[]
  /** What was merged into it; each can be given back. */
  merged?: Incident[]
}

export interface LinkedIncident {
  incident: string
  title: string
  status: string
  kind: string
  /** `to`: this incident is KIND the other one; `from`: the other one is KIND this. */
  direction: string
  by: string
  at_ms: number
}

export interface Page<T> {
  items: T[]
  next?: string | null
}

/** Why an incident is where it is in the queue. */
export interface Why {
  kind: 'rule' | 'entity' | 'count' | 'owner' | (string & {})
  text: string
}

export interface FacetValue {
  /** As the filter takes it; `nobody` and `none` for incidents that have none. */
  value: string
  label?: string
  count: number
}

export interface Facets {
  total: number
  /** Whether all that fit were counted. */
  exact?: boolean
  facets: Record<string, FacetValue[]>
}

export interface SavedView {
  id: string
  name: string
  query: Record<string, string>
  shared: boolean
  /** Whether it is one's own, and so can be changed. */
  own: boolean
  owner: string
}

export interface BulkEdit {
  status?: string
  severity?: string | null
  assignee?: string | null
  verdict?: string | null
  comment?: string
  reason?: string
}

export interface BulkResult {
  id: string
  /** As it is now; absent if it was left as it was. */
  incident?: Incident
  /** Why it was left as it was. */
  problem?: { code: string; detail: string }
}

export interface TimelineEntry {
  at_ms: number
  kind: string
  by: unknown
  provenance: 'source' | 'person' | 'rule' | 'machine' | (string & {})
  title: string
  ref?: string | null
  detail?: unknown
}

export interface GraphNode {
  id: string
  kind: string
  label: string
  findings?: number
}

export interface GraphEdge {
  from: string
  to: string
  kind: string
  count: number
}

export interface Graph {
  nodes: GraphNode[]
  edges: GraphEdge[]
  truncated?: boolean
}

export interface Trace {
  raw: {
    /** `log` or `lake`; absent where retention removed it. */
    found_in?: string | null
    /** Hidden for want of the scope `events:read_personal`. */
    masked: boolean
    record: unknown
    truncated: boolean
  }
  normalized: unknown
  enriched: unknown
  matched: { field: string; value: string; selection: string }[]
  rule: { id: string; title: string; hash: string }
  ids?: Record<string, unknown>
}

/** Somebody who works on incidents; the id is what `assignee` has. */
export interface NamedPerson {
  id: string
  name: string
}

export interface Person {
  id: string
  name: string
  email?: string | null
  roles?: string[]
  disabled?: boolean
  teams?: string[]
  version?: number
  signed_in_at_ms?: number | null
}

export interface Session {
  person: Person
  roles: string[]
  /** Absent when an API token speaks for us: nothing says what it may do but the answers. */
  scopes: string[] | null
  csrf: string
  idle_expires_at_ms: number
  expires_at_ms: number
}

export interface Provider {
  id: string
  name: string
  start: string
}

export interface OwnSession {
  id: string
  created_at_ms: number
  seen_at_ms: number
  expires_at_ms: number
  current: boolean
  provider: string
  user_agent?: string | null
  origin?: string | null
}

export interface PersonLink {
  link: string
  expires_at_ms: number
}

/** What answers for something, by the catalogue. */
export type CatalogueService = Schemas['ServiceView']

/** What of the world is this service's. */
export type WholeService = Schemas['ServiceWithClaims']

/** What a rule says of one pasted record. */
export type Explained = Schemas['RuleExplanation']
export type Explanation = Schemas['ExplanationView']
export type ExplainedCorrelation = Schemas['CorrelationView']
export type ExplainedMember = Schemas['MemberView']
export type ExplainedSearch = Schemas['SearchView']
/** One comparison of a detection, with what the event has there. */
export type ExplainedItem = Schemas['ItemView']
