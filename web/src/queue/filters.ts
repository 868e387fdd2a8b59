/** What the queue shows, as it stands in the address. */

import { OPEN_STATUSES, STATUSES } from '../incident/words'
import { SEVERITIES } from '../severity/severity'

export const ORDERS = ['severity', 'updated', 'created', 'findings'] as const
export type Order = (typeof ORDERS)[number]

/** Facets of which several values may hold at once; of assignees one does. */
export const MANY = ['status', 'severity', 'source', 'service', 'rule', 'verdict'] as const
export const FACET_NAMES = ['status', 'severity', 'assignee', 'source', 'service', 'rule', 'verdict'] as const
export type FacetName = (typeof FACET_NAMES)[number]

export interface Filters {
  q: string
  status: string[]
  severity: string[]
  assignee: string
  source: string[]
  service: string[]
  rule: string[]
  entity: string
  verdict: string[]
  order: Order
}

export const DEFAULTS: Filters = {
  q: '',
  status: [...OPEN_STATUSES],
  severity: [],
  assignee: '',
  source: [],
  service: [],
  rule: [],
  entity: '',
  verdict: [],
  order: 'severity',
}

type Search = Record<string, unknown>

/** Reads filters out of search parameters; what is not understood is as if it were not there. */
export function readFilters(search: Search): Filters {
  const text = (key: string) => (typeof search[key] === 'string' ? search[key].trim() : '')
  const listed = (key: string) =>
    text(key)
      .split(',')
      .filter((value) => value !== '')
  const known = (key: string, all: readonly string[]) =>
    text(key)
      .split(',')
      .filter((value) => all.includes(value))
  const status = text('status') === 'any' ? [] : known('status', STATUSES)
  const order = text('order') as Order
  return {
    q: text('q'),
    status: status.length > 0 || text('status') === 'any' ? status : DEFAULTS.status,
    severity: known('severity', SEVERITIES),
    assignee: text('assignee'),
    source: listed('source'),
    service: listed('service'),
    rule: listed('rule'),
    entity: text('entity'),
    verdict: listed('verdict'),
    order: ORDERS.includes(order) ? order : DEFAULTS.order,
  }
}

/** Writes filters as search parameters; what is usual is left out. */
export function writeFilters(filters: Filters): Record<string, string> {
  const search: Record<string, string> = {}
  const status = STATUSES.filter((each) => filters.status.includes(each))
  if (status.length === 0 || status.length === STATUSES.length) search.status = 'any'
  else if (status.join() !== DEFAULTS.status.join()) search.status = status.join(',')
  const severity = SEVERITIES.filter((each) => filters.severity.includes(each))
  if (severity.length > 0 && severity.length < SEVERITIES.length) search.severity = severity.join(',')
  for (const key of ['q', 'assignee', 'entity'] as const) if (filters[key]) search[key] = filters[key]
  for (const key of ['source', 'service', 'rule', 'verdict'] as const) {
    if (filters[key].length > 0) search[key] = filters[key].join(',')
  }
  if (filters.order !== DEFAULTS.order) search.order = filters.order
  return search
}

/** The same as parameters of the API. `me` becomes who we are. */
export function askFilters(filters: Filters, own: string): Record<string, string> {
  const { order, ...rest } = writeFilters(filters)
  const asked: Record<string, string> = { ...rest, status: filters.status.join(',') }
  if (!asked.status) delete asked.status
  if (asked.assignee === 'me') asked.assignee = own || 'nobody'
  return { ...asked, order: order ?? DEFAULTS.order }
}

/** Turns a facet's value on or off. */
export function toggled(filters: Filters, name: FacetName, value: string): Filters {
  if (name === 'assignee') return { ...filters, assignee: filters.assignee === value ? '' : value }
  const held = filters[name]
  const next = held.includes(value) ? held.filter((each) => each !== value) : [...held, value]
  return { ...filters, [name]: next }
}

export function holds(filters: Filters, name: FacetName, value: string): boolean {
  const held = filters[name]
  return typeof held === 'string' ? held === value : held.includes(value)
}

/** Whether anything narrows the queue beyond what is usual. */
export function isNarrowed(filters: Filters): boolean {
  const { order: _, ...search } = writeFilters(filters)
  return Object.keys(search).length > 0
}
