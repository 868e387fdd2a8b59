import type { components } from '../api/schema'
import { SEVERITIES } from '../severity/severity'

export type RuleState = components['schemas']['RuleState']

export const SHOWN = ['all', 'matched', 'never', 'shadow', 'failing'] as const
export type Shown = (typeof SHOWN)[number]

export const SHOWN_WORDS: Record<Shown, string> = {
  all: 'All',
  matched: 'Matched',
  never: 'Never matched',
  shadow: 'Not active',
  failing: 'Tests not passed',
}

const TESTS: Record<Shown, (rule: RuleState) => boolean> = {
  all: () => true,
  matched: (rule) => rule.matches > 0,
  never: (rule) => rule.matches === 0,
  shadow: (rule) => rule.stage !== 'active',
  failing: (rule) => rule.tests !== 'passed',
}

export function rulesOf(rules: readonly RuleState[], shown: Shown, text: string): RuleState[] {
  const wanted = text.trim().toLowerCase()
  const found = rules
    .filter(TESTS[shown])
    .filter((rule) => !wanted || `${rule.title} ${rule.file} ${rule.id}`.toLowerCase().includes(wanted))
  const level = (rule: RuleState) => (SEVERITIES as readonly string[]).indexOf(rule.level)
  return found.toSorted(
    (a, b) => (b.last_match_ms ?? 0) - (a.last_match_ms ?? 0) || level(a) - level(b) || a.title.localeCompare(b.title),
  )
}

export function countOf(rules: readonly RuleState[], shown: Shown): number {
  return rules.filter(TESTS[shown]).length
}
