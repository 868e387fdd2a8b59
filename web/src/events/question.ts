/** Questions of the explorer, as SQL with parameters: what a reader types is a value, never a part of the statement. */

export interface Question {
  /** `1h`, `24h`, `7d`, `30d`, `all`, or `from~until` in milliseconds. */
  range: string
  source: string
  cls: string
  actor: string
  address: string
  text: string
  event: string
}

export const EMPTY: Question = { range: '7d', source: '', cls: '', actor: '', address: '', text: '', event: '' }

export const RANGES = [
  { value: '1h', label: 'last hour', ms: 3_600_000 },
  { value: '24h', label: 'last 24 hours', ms: 86_400_000 },
  { value: '7d', label: 'last 7 days', ms: 7 * 86_400_000 },
  { value: '30d', label: 'last 30 days', ms: 30 * 86_400_000 },
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
    text: text('text'),
    event: text('event'),
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

export interface Asked {
  sql: string
  parameters: unknown[]
}

/** The condition of a question; parameters are numbered from $1. */
export function condition(question: Question, now_ms: number): Asked {
  const parts: string[] = []
  const parameters: unknown[] = []
  const bind = (value: unknown) => `$${String(parameters.push(value))}`
  const span = spanOf(question.range, now_ms)
  if (span) {
    parts.push(
      `time >= to_timestamp_millis(${bind(span.from_ms)})`,
      `time < to_timestamp_millis(${bind(span.until_ms)})`,
    )
  }
  if (question.event) parts.push(`event_id = ${bind(question.event)}`)
  if (question.source) parts.push(`source = ${bind(question.source)}`)
  if (question.cls) parts.push(`class_name = ${bind(question.cls)}`)
  if (question.actor) {
    const name = bind(question.actor)
    parts.push(
      `(actor_user_name = ${name} OR actor_user_uid = ${name} OR user_name = ${name} OR actor_user_email_addr = ${name})`,
    )
  }
  if (question.address) {
    const address = bind(question.address)
    parts.push(`(src_endpoint_ip = ${address} OR dst_endpoint_ip = ${address})`)
  }
  if (question.text) parts.push(`raw LIKE '%' || ${bind(question.text)} || '%'`)
  return { sql: parts.length > 0 ? ` WHERE ${parts.join(' AND ')}` : '', parameters }
}

export const COLUMNS = [
  'time',
  'source',
  'class_name',
  'api_operation',
  'actor_user_name',
  'src_endpoint_ip',
  'status_id',
  'service',
  'owner',
  'severity_id',
  'event_type',
  'message',
  'api_service_name',
  'actor_user_uid',
  'actor_user_email_addr',
  'user_name',
  'user_email_addr',
  'src_country',
  'src_as_org',
  'src_endpoint_hostname',
  'dst_endpoint_ip',
  'dst_endpoint_hostname',
  'device_hostname',
  'process_name',
  'process_cmd_line',
  'process_parent_process_name',
  'file_path',
  'resources_uid',
  'resources_name',
  'resources_type',
  'http_request_user_agent',
  'query_hostname',
  'cloud_account_uid',
  'cloud_region',
  'kind',
  'team',
  'criticality',
  'environment',
  'received_at',
  'event_id',
] as const

export const COLUMNS_DEFAULT = [
  'time',
  'source',
  'class_name',
  'api_operation',
  'actor_user_name',
  'src_endpoint_ip',
  'service',
]

/** Rows shown at once. More are for exports. */
export const ROWS_MAX = 1_000

/** The rows of a question. Columns come from [`COLUMNS`] only. */
export function rowsOf(question: Question, columns: readonly string[], now_ms: number, rows_max = ROWS_MAX): Asked {
  const { sql, parameters } = condition(question, now_ms)
  const names = columns.filter((name) => (COLUMNS as readonly string[]).includes(name))
  const listed = ['event_id', ...names.filter((name) => name !== 'event_id')].join(', ')
  return {
    sql: `SELECT ${listed} FROM events${sql} ORDER BY time DESC LIMIT ${String(Math.trunc(rows_max))}`,
    parameters,
  }
}

const BUCKETS_MAX = 120
const STEPS: readonly [number, string][] = [
  [60_000, '1 minute'],
  [300_000, '5 minutes'],
  [900_000, '15 minutes'],
  [3_600_000, '1 hour'],
  [10_800_000, '3 hours'],
  [21_600_000, '6 hours'],
  [86_400_000, '1 day'],
  [604_800_000, '7 days'],
  [2_592_000_000, '30 days'],
]

/** The finest step that gives few enough bars. */
export function stepOf(span_ms: number): { ms: number; sql: string } {
  const found = STEPS.find(([ms]) => span_ms / ms <= BUCKETS_MAX) ?? STEPS.at(-1)
  const [ms, sql] = found ?? [86_400_000, '1 day']
  return { ms, sql }
}

/** How many events a step of time. For all time, days. */
export function histogramOf(question: Question, now_ms: number): Asked & { step_ms: number } {
  const { sql, parameters } = condition(question, now_ms)
  const span = spanOf(question.range, now_ms)
  const step = span ? stepOf(span.until_ms - span.from_ms) : { ms: 86_400_000, sql: '1 day' }
  const bucket = `date_bin(interval '${step.sql}', time, TIMESTAMP '1970-01-01T00:00:00Z')`
  return {
    sql: `SELECT ${bucket} AS at, count(*) AS n FROM events${sql} GROUP BY 1 ORDER BY 1`,
    parameters,
    step_ms: step.ms,
  }
}
