import { describe, expect, test } from 'vitest'
import {
  condition,
  EMPTY,
  histogramOf,
  readQuestion,
  rowsOf,
  spanOf,
  stepOf,
  writeQuestion,
  type Question,
} from './question'

const NOW = 1_800_000_000_000
const HOSTILE = "x' OR 1=1; DROP TABLE events --"

describe('what a reader types is a value', () => {
  const fields: (keyof Question)[] = ['source', 'cls', 'actor', 'address', 'text', 'event']
  test.each(fields)('%s', (field) => {
    for (const asked of [
      rowsOf({ ...EMPTY, [field]: HOSTILE }, ['time'], NOW),
      histogramOf({ ...EMPTY, [field]: HOSTILE }, NOW),
    ]) {
      expect(asked.sql).not.toContain('DROP')
      expect(asked.parameters).toContain(HOSTILE)
      const numbers = [...asked.sql.matchAll(/\$(\d+)/g)].map(([, number]) => Number(number))
      expect(Math.max(...numbers)).toBe(asked.parameters.length)
    }
  })

  test('columns come from the list only', () => {
    expect(rowsOf(EMPTY, ['time', HOSTILE, 'raw; DROP'], NOW).sql).toMatch(/^SELECT event_id, time FROM events/)
  })

  test('an unknown range is the usual one', () => {
    expect(readQuestion({ range: HOSTILE }).range).toBe(EMPTY.range)
    expect(spanOf(HOSTILE, NOW)).toBeNull()
  })
})

test('a question in the address comes back', () => {
  const question = { ...EMPTY, range: '1700000000000~1800000000000', actor: 'ana', cls: 'API Activity' }
  expect(readQuestion(writeQuestion(question))).toEqual(question)
  expect(writeQuestion(EMPTY)).toEqual({})
})

test('all time has no condition', () => {
  expect(condition({ ...EMPTY, range: 'all' }, NOW)).toEqual({ sql: '', parameters: [] })
})

test('bars are as fine as there is room', () => {
  const cases: [number, string][] = [
    [3_600_000, '1 minute'],
    [86_400_000, '15 minutes'],
    [7 * 86_400_000, '3 hours'],
    [30 * 86_400_000, '6 hours'],
    [1e13, '30 days'],
  ]
  for (const [span, step] of cases) expect(stepOf(span).sql).toBe(step)
})
