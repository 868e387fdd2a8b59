import type { Explained, ExplainedItem, ExplainedMember } from '../api/pending'

/** What is asked about: a record as its source sends it, or an OCSF event. */
export type Pasted = 'record' | 'event'

/** Longest body that the server takes. */
export const BODY_BYTES_MAX = 256 * 1024

/** What is wrong with a text that should be JSON. */
export function faultOf(text: string): string | null {
  if (!text.trim()) return null
  try {
    JSON.parse(text)
    return null
  } catch (error) {
    return `This is no JSON yet: ${error instanceof Error ? error.message : String(error)}`
  }
}

/** Why it cannot be asked yet. A record may be any text; an event is JSON. */
export function hindrance(text: string, as: Pasted): string | null {
  if (new TextEncoder().encode(text).length > BODY_BYTES_MAX - 1024) return 'One record at a time: this is too long'
  return as === 'event' || /^\s*[[{]/.test(text) ? faultOf(text) : null
}

/** The body of the question. A record that is no JSON goes as the text it is. */
export function bodyOf(text: string, as: Pasted, source: string): object {
  if (as === 'event') return { event: JSON.parse(text) as unknown }
  const record = /^\s*[[{]/.test(text) ? (JSON.parse(text) as unknown) : text
  return { record, ...(source ? { source } : {}) }
}

/** What the event has where a comparison looks, in a few words. */
export function foundWords(item: Pick<ExplainedItem, 'found'>): string {
  if (item.found === 'no_field') return 'no such field'
  if (item.found === 'whole_event') return 'anywhere in it'
  return item.found.values.join(', ') || 'nothing'
}

/** Whether the record counts for a rule of a correlation, or for a rule further down. */
export function countsFor(member: ExplainedMember): boolean {
  return member.groups.length > 0 || (member.correlation?.members ?? []).some(countsFor)
}

/** The outcome in a sentence. */
export function verdictOf(explained: Explained): { holds: boolean; words: string } {
  const { outcome, logsource, rule_logsource, refusal, correlation } = explained
  if (outcome === 'matches') return { holds: true, words: 'It matches: this rule would raise a finding.' }
  if (outcome === 'no_match') return { holds: false, words: 'It does not match.' }
  if (outcome === 'refused') {
    const why = refusal ? `: ${refusal.reason}` : ''
    return { holds: false, words: `This record would become no event, so no rule sees it${why}.` }
  }
  if (outcome === 'other_logsource') {
    const [its, wanted] = [logsource ?? 'another', rule_logsource ?? 'another']
    return { holds: false, words: `The rule never sees such a record: it is ${its}, the rule looks at ${wanted}.` }
  }
  const holds = (correlation?.members ?? []).some(countsFor)
  const words = holds ? 'This record counts' : 'This record does not count'
  return { holds, words: `${words}. To fire, it needs ${correlation?.needs ?? 'more than one'}.` }
}
