/** How a moment is written: for the reader's zone, with UTC beside it, never only "3 hours ago". */

const DAY_MS = 86_400_000

/** Making a formatter costs more than a row of the queue; there are only a few different ones. */
const formatters = new Map<string, Intl.DateTimeFormat>()

function formatter(locale: string | undefined, options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  const key = `${locale ?? ''}|${JSON.stringify(options)}`
  const known = formatters.get(key) ?? new Intl.DateTimeFormat(locale, options)
  formatters.set(key, known)
  return known
}

const counts = new Intl.NumberFormat('en')

export interface Reader {
  locale?: string
  zone?: string
}

/** `14:03:22` today, `24 Nov 14:03` this year, `24 Nov 2025 14:03` else. */
export function shortInstant(at_ms: number, now_ms: number, reader: Reader = {}): string {
  const zone = { timeZone: reader.zone, hourCycle: 'h23' as const }
  const at = new Date(at_ms)
  const time = formatter(reader.locale, { ...zone, hour: '2-digit', minute: '2-digit' }).format(at)
  if (dayOf(at_ms, reader) === dayOf(now_ms, reader)) {
    return formatter(reader.locale, {
      ...zone,
      hour: '2-digit',
      minute: '2-digit',
      second: '2-digit',
    }).format(at)
  }
  const sameYear = dayOf(at_ms, reader).slice(0, 4) === dayOf(now_ms, reader).slice(0, 4)
  const day = formatter(reader.locale, {
    timeZone: reader.zone,
    day: 'numeric',
    month: 'short',
    year: sameYear ? undefined : 'numeric',
  }).format(at)
  return `${day} ${time}`
}

/** `2026-11-24` in the reader's zone; for grouping by day. */
export function dayOf(at_ms: number, reader: Reader = {}): string {
  return formatter('en-CA', { timeZone: reader.zone }).format(at_ms)
}

/** `Tuesday, 24 November 2026`, as a heading. */
export function dayHeading(at_ms: number, reader: Reader = {}): string {
  return formatter(reader.locale, { timeZone: reader.zone, dateStyle: 'full' }).format(at_ms)
}

/** `14:03:22` whatever the day. */
export function timeOfDay(at_ms: number, reader: Reader = {}): string {
  const parts = { hour: '2-digit', minute: '2-digit', second: '2-digit' } as const
  return formatter(reader.locale, { timeZone: reader.zone, hourCycle: 'h23', ...parts }).format(at_ms)
}

/** `2026-11-24 14:03:22 UTC`. */
export function utc(at_ms: number): string {
  return `${new Date(at_ms).toISOString().slice(0, 19).replace('T', ' ')} UTC`
}

/** `3 min ago`, `in 2 h`. */
export function ago(at_ms: number, now_ms: number): string {
  const past = at_ms <= now_ms
  const length = duration(Math.abs(now_ms - at_ms))
  if (length === '0 s') return 'now'
  return past ? `${length} ago` : `in ${length}`
}

/** The largest unit that fits: `45 s`, `12 min`, `3 h`, `9 d`. */
export function duration(ms: number): string {
  const units: [string, number][] = [
    ['d', DAY_MS],
    ['h', 3_600_000],
    ['min', 60_000],
  ]
  for (const [name, size_ms] of units) if (ms >= size_ms) return `${String(Math.floor(ms / size_ms))} ${name}`
  return `${String(Math.floor(ms / 1000))} s`
}

/** `14,203`. */
export function count(value: number): string {
  return counts.format(value)
}

/** `12.4 KB`. */
export function bytes(value: number): string {
  if (value < 1000) return `${String(value)} B`
  const units = ['KB', 'MB', 'GB']
  let size = value / 1000
  let unit = 0
  while (size >= 1000 && unit < units.length - 1) {
    size /= 1000
    unit += 1
  }
  return `${size.toFixed(size < 10 ? 1 : 0)} ${units[unit] ?? ''}`
}
