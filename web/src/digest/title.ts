import type { Digest, DigestGroup } from '../report/api'

/** The days that a digest is about. */
export function digestTitle({ from, to, content }: Pick<Digest, 'from' | 'to' | 'content'>): string {
  const day = (text: string | null | undefined, ms: number | undefined) =>
    text?.slice(0, 10) ?? (ms === undefined ? '…' : new Date(ms).toISOString().slice(0, 10))
  return `${day(from, content?.from_ms)} to ${day(to, content?.to_ms)}`
}

/** What a group of a digest is about. */
export function groupWords({ form, service }: DigestGroup, formTitle: (type: string) => string): string {
  if (!form) return 'Everything else'
  return service ? `${formTitle(form)}: ${service}` : formTitle(form)
}

const SHARES: Record<string, string> = { few: 'few of them', half: 'about half of them', most: 'most of them' }

export function shareWords(share: string): string {
  return SHARES[share] ?? share
}

/** The month before this one, as two days in UTC; the second is not part of it. */
export function lastMonth(now: Date): { from: string; to: string } {
  const first = (months: number) =>
    new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth() + months, 1)).toISOString().slice(0, 10)
  return { from: first(-1), to: first(0) }
}
