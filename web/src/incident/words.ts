/** The words of an incident, in the order of work, with the keys that choose them. */

export const STATUSES = ['new', 'in_progress', 'on_hold', 'resolved', 'closed'] as const
export type Status = (typeof STATUSES)[number]
export const OPEN_STATUSES: readonly Status[] = ['new', 'in_progress', 'on_hold']

const STATUS_WORDS: Record<string, string> = {
  new: 'New',
  in_progress: 'In progress',
  on_hold: 'On hold',
  resolved: 'Resolved',
  closed: 'Closed',
}

export interface VerdictChoice {
  value: string
  word: string
  /** What it means, for those who decide for the first time. */
  meaning: string
}

/** The first nine have the keys 1 to 9 where a verdict is chosen. */
export const VERDICTS: readonly VerdictChoice[] = [
  { value: 'true_positive', word: 'True positive', meaning: 'it was an attack, or a breach of a rule that matters' },
  { value: 'false_positive', word: 'False positive', meaning: 'the rule was wrong: nothing of the kind happened' },
  { value: 'benign', word: 'Benign', meaning: 'it happened as detected, and was allowed' },
  { value: 'test', word: 'Test', meaning: 'an exercise, or a check of the rules' },
  { value: 'duplicate', word: 'Duplicate', meaning: 'another incident tells the same' },
  { value: 'suspicious', word: 'Suspicious', meaning: 'not proven, worth remembering' },
  { value: 'insufficient_data', word: 'Insufficient data', meaning: 'it cannot be told from what is there' },
  { value: 'security_risk', word: 'Security risk', meaning: 'no attack, but a weakness to mend' },
  { value: 'disregard', word: 'Disregard', meaning: 'of no interest' },
  { value: 'managed_externally', word: 'Managed externally', meaning: 'others work on it elsewhere' },
]

export function statusWord(status: string): string {
  return STATUS_WORDS[status] ?? status
}

export function verdictWord(verdict: string): string {
  return VERDICTS.find((choice) => choice.value === verdict)?.word ?? verdict.replaceAll('_', ' ')
}

export function isOpen(status: string): boolean {
  return (OPEN_STATUSES as readonly string[]).includes(status)
}
