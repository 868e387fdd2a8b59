import type { Digest } from '../report/api'

/** A digest’s name; else the days that it is about. */
export function digestTitle({ title, from, to }: Pick<Digest, 'title' | 'from' | 'to'>): string {
  return title?.trim() || `${from.slice(0, 10)} to ${to.slice(0, 10)}`
}

/** The month before this one, as two days in UTC; the second is not part of it. */
export function lastMonth(now: Date): { from: string; to: string } {
  const first = (months: number) =>
    new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth() + months, 1)).toISOString().slice(0, 10)
  return { from: first(-1), to: first(0) }
}
