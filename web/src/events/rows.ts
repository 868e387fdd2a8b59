/** Rows of the explorer, and the files that are made of them. */
import { callJson } from '../api/client'
import type { components } from '../api/schema'
import { cellText } from './lake'
import { COLUMNS } from './question'

/** An event as the explorer's route gives it: members are named after the lake's columns. */
export type EventRow = Record<string, unknown>
export type EventsPage = Omit<components['schemas']['EventsView'], 'items'> & { items: EventRow[] }

/** Rows asked for at once; the API gives up to 500. */
export const ROWS = 200
const EXPORT_ROWS = 500
/** Most rows of an export made here. More are for SQL, whose exports the server makes. */
export const EXPORT_ROWS_MAX = 20_000

export function askEvents(
  asked: Record<string, string | number>,
  after: string | undefined,
  signal: AbortSignal,
  limit = ROWS,
): Promise<EventsPage> {
  return callJson<EventsPage>('GET', '/api/v1/events', { query: { ...asked, limit, after }, signal })
}

export interface Exported {
  rows: EventRow[]
  /** Whether there are more than an export holds. */
  truncated: boolean
}

/** Every row of an answer up to the bound; `onProgress` hears how many have come. */
export async function allRows(
  asked: Record<string, string | number>,
  onProgress: (rows: number) => void,
  signal: AbortSignal,
): Promise<Exported> {
  const rows: EventRow[] = []
  let after: string | undefined
  do {
    const page = await askEvents(asked, after, signal, EXPORT_ROWS)
    rows.push(...page.items)
    onProgress(rows.length)
    after = page.next ?? undefined
  } while (after && rows.length < EXPORT_ROWS_MAX)
  return { rows: rows.slice(0, EXPORT_ROWS_MAX), truncated: after !== undefined || rows.length > EXPORT_ROWS_MAX }
}

function shown(row: EventRow, columns: readonly string[]): EventRow {
  const pairs = columns.map((name): [string, unknown] => {
    const value = row[name] ?? null
    return name === 'time_ms'
      ? ['time', typeof value === 'number' ? new Date(value).toISOString() : value]
      : [name, value]
  })
  return Object.fromEntries(pairs)
}

/**
 * A field of RFC 4180. Who is watched can write what stands here, so a text that a spreadsheet would run as a formula
 * gets an apostrophe before it (OWASP, CSV injection); NDJSON has it untouched.
 */
export function csvField(value: unknown): string {
  const text = cellText(value)
  const safe = typeof value === 'string' && /^[=+\-@\t\r]/.test(text) ? `'${text}` : text
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe
}

export function toCsv(rows: readonly EventRow[], columns: readonly string[]): string {
  const names = columns.map((name) => (name === 'time_ms' ? 'time' : name))
  const lines = rows.map((row) => Object.values(shown(row, columns)).map(csvField).join(','))
  return [names.join(','), ...lines].map((line) => `${line}\r\n`).join('')
}

export function toNdjson(rows: readonly EventRow[], columns: readonly string[]): string {
  return rows.map((row) => `${JSON.stringify(shown(row, columns))}\n`).join('')
}

const STATUS_WORDS: Record<number, string> = { 0: 'unknown', 1: 'success', 2: 'failure', 99: 'other' }
const SEVERITY_WORDS: Record<number, string> = {
  0: 'unknown',
  1: 'informational',
  2: 'low',
  3: 'medium',
  4: 'high',
  5: 'critical',
  6: 'fatal',
  99: 'other',
}

/** A cell for reading: numbers of OCSF as their words. */
export function readable(name: string, value: unknown): string {
  if (typeof value === 'number' && name === 'status_id') return STATUS_WORDS[value] ?? String(value)
  if (typeof value === 'number' && name === 'severity_id') return SEVERITY_WORDS[value] ?? String(value)
  return cellText(value)
}

export function titleOf(name: string): string {
  return COLUMNS.find((column) => column.name === name)?.title ?? name
}
