import type { Digest } from '../report/api'

/** A digest’s name; else the days that it is about. */
export function digestTitle({ title, from, to }: Pick<Digest, 'title' | 'from' | 'to'>): string {
  return title?.trim() || `${from.slice(0, 10)} to ${to.slice(0, 10)}`
}
