/** What the explorer asks: filters that stand in the address, and their parameters for `GET /api/v1/events`. */

export interface Question {
  /** `1h`, `24h`, `7d`, `30d`, `all`, or `from~until` in milliseconds. */
  range: string
  source: string
  cls: string
  actor: string
  address: string
  service: string
  text: string
}

export const EMPTY: Question = { range: '24h', source: '', cls: '', actor: '', address: '', service: '', text: '' }

export const RANGES = [
  { value: '1h', label: 'last hour', ms: 3_600_000 },
  { value: '24h', label: 'last 24 hours', ms: 86_400_000 },
  { value: '7d', label: 'last 7 days', ms: 7 * 86_400_000 },
  { value: '30d', label: 'last 30 days', ms: 30 * 86_400_000 },
  { value: '365d', label: 'last year', ms: 365 * 86_400_000 },
  { value: 'all', label: 'all time', ms: 0 },
] as const

export function readQuestion(search: Record<string, unknown>): Question {
  const text = (key: string) => (typeof search[key] === 'string' ? search[key].trim() : '')
  const range = text('range')
  const known = RANGES.some((each) => each.value === range) || /^\d{10,14}~\d{10,14}$/.test(range)
  return {
    range: known ? range : EMPTY.range,
    source: text('source'),
    cls: text('class'),
    actor: text('actor'),
    address: text('address'),
    service: text('service'),
    text: text('text'),
  }
}

export function writeQuestion(question: Question): Record<string, string> {
  const { cls, ...rest } = question
  const search = Object.entries({ ...rest, class: cls }).filter(
    ([key, value]) => value && !(key === 'range' && value === EMPTY.range),
  )
  return Object.fromEntries(search)
}

export interface Span {
  from_ms: number
  until_ms: number
}

/** From when to when; `null` for all time. */
export function spanOf(range: string, now_ms: number): Span | null {
  const [from, until] = range.split('~').map(Number)
  if (from && until) return { from_ms: Math.min(from, until), until_ms: Math.max(from, until) }
  const named = RANGES.find((each) => each.value === range)
  return named && named.ms > 0 ? { from_ms: now_ms - named.ms, until_ms: now_ms } : null
}

/** A question as parameters of the API. */
export function askedOf(question: Question, now_ms: number): Record<string, string | number> {
  const { range, cls, ...rest } = question
  // a second more, so that what came in while one typed is there, too
  const span = spanOf(range, now_ms) ?? { from_ms: 0, until_ms: now_ms + 1_000 }
  const filters = Object.entries({ ...rest, class: cls }).filter(([, value]) => value !== '')
  return { ...span, ...Object.fromEntries(filters) }
}

export interface Column {
  /** As the lake names it. */
  name: string
  title: string
}

/** What a row can show, in the order in which it does. */
export const COLUMNS: readonly Column[] = [
  { name: 'time_ms', title: 'Time' },
  { name: 'source', title: 'Source' },
  { name: 'class_name', title: 'Class' },
  { name: 'api_operation', title: 'Operation' },
  { name: 'actor_user_name', title: 'Actor' },
  { name: 'src_endpoint_ip', title: 'Address' },
  { name: 'src_country', title: 'Country' },
  { name: 'resources_name', title: 'Resource' },
  { name: 'service', title: 'Service' },
  { name: 'owner', title: 'Owner' },
  { name: 'status_id', title: 'Status' },
  { name: 'severity_id', title: 'Severity' },
  { name: 'actor_user_uid', title: 'Actor’s id' },
  { name: 'api_service_name', title: 'API' },
  { name: 'device_hostname', title: 'Host' },
  { name: 'process_name', title: 'Process' },
  { name: 'message', title: 'Message' },
  { name: 'kind', title: 'Kind of source' },
  { name: 'region', title: 'Region' },
  { name: 'event_id', title: 'Event id' },
]

export const COLUMNS_DEFAULT: readonly string[] = [
  'time_ms',
  'source',
  'class_name',
  'api_operation',
  'actor_user_name',
  'src_endpoint_ip',
  'resources_name',
  'service',
]

/** Names out of storage or an older version, as columns that there are. */
export function knownColumns(stored: string | null): readonly string[] {
  const wanted = new Set(stored?.split(','))
  const known = COLUMNS.map(({ name }) => name).filter((name) => wanted.has(name))
  return known.length > 0 ? known : COLUMNS_DEFAULT
}
