import { expect, test } from 'vitest'
import { askedOf, COLUMNS_DEFAULT, EMPTY, knownColumns, readQuestion, spanOf, writeQuestion } from './question'

const NOW = 1_800_000_000_000

test('a question in the address comes back', () => {
  const question = {
    ...EMPTY,
    range: '1700000000000~1800000000000',
    actor: 'ana',
    cls: 'API Activity',
    service: 'shop',
  }
  expect(readQuestion(writeQuestion(question))).toEqual(question)
  expect(writeQuestion(EMPTY)).toEqual({})
})

test('what is not understood is as if it were not there', () => {
  expect(readQuestion({ range: '7 days', actor: 7, other: 'x' })).toEqual(EMPTY)
  expect(spanOf('7 days', NOW)).toBeNull()
})

test('the server is asked for a span and for what is filled in', () => {
  expect(askedOf({ ...EMPTY, range: '1h', cls: 'Authentication', actor: "x' OR 1=1" }, NOW)).toEqual({
    from_ms: NOW - 3_600_000,
    until_ms: NOW,
    class: 'Authentication',
    actor: "x' OR 1=1",
  })
  expect(askedOf({ ...EMPTY, range: '5000000000~4000000000' }, NOW)).toEqual({
    from_ms: 4_000_000_000,
    until_ms: 5_000_000_000,
  })
  expect(askedOf({ ...EMPTY, range: 'all' }, NOW).from_ms).toBe(0)
})

test('columns of an older version do no harm', () => {
  expect(knownColumns('service,time_ms,gone')).toEqual(['time_ms', 'service'])
  expect(knownColumns('time,gone')).toEqual(COLUMNS_DEFAULT)
  expect(knownColumns(null)).toEqual(COLUMNS_DEFAULT)
})
