import { expect, test } from 'vitest'
import { countOf, rulesOf, SHOWN, type RuleState } from './shown'

const rule = (change: Partial<RuleState>): RuleState => ({
  id: 'r',
  title: 'T',
  level: 'low',
  status: null,
  file: 'f.yml',
  hash: 'h',
  is_correlation: false,
  stage: 'active',
  decided_stage: 'active',
  stage_reason: '',
  tests: 'passed',
  alert_budget: null,
  matches: 0,
  last_match_ms: null,
  first_loaded_ms: null,
  ...change,
})
const RULES = [
  rule({ id: '1', title: 'Never, grave', level: 'critical' }),
  rule({ id: '2', title: 'Long ago', matches: 3, last_match_ms: 100 }),
  rule({ id: '3', title: 'Lately', matches: 1, last_match_ms: 900, stage: 'shadow' }),
  rule({ id: '4', title: 'Broken', tests: 'failed', level: 'high' }),
]
const ids = (rules: RuleState[]) => rules.map((each) => each.id).join('')

test('the last matched come first, then the gravest', () => {
  expect(ids(rulesOf(RULES, 'all', ''))).toBe('3214')
  expect(ids(rulesOf(RULES, 'never', ''))).toBe('14')
  expect(ids(rulesOf(RULES, 'shadow', ''))).toBe('3')
  expect(ids(rulesOf(RULES, 'failing', ''))).toBe('4')
  expect(ids(rulesOf(RULES, 'all', 'LONG'))).toBe('2')
})

test('counts say what the lists show', () => {
  for (const shown of SHOWN) expect(countOf(RULES, shown)).toBe(rulesOf(RULES, shown, '').length)
})
