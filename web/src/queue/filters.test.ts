import { describe, expect, test } from 'vitest'
import { askFilters, DEFAULTS, isNarrowed, readFilters, toggled, writeFilters, type Filters } from './filters'

describe('filters in the address', () => {
  const cases: [string, Partial<Filters>, Record<string, string>][] = [
    ['the usual', {}, {}],
    ['a search', { q: 'ci-legacy' }, { q: 'ci-legacy' }],
    ['every status', { status: [] }, { status: 'any' }],
    ['one status', { status: ['closed'] }, { status: 'closed' }],
    ['severities in order', { severity: ['critical', 'high'] }, { severity: 'critical,high' }],
    ['a person', { assignee: 'me', order: 'updated' }, { assignee: 'me', order: 'updated' }],
    [
      'a thing',
      { entity: 'arn:aws:iam::1:user/x', rule: ['abc', 'def'] },
      { entity: 'arn:aws:iam::1:user/x', rule: 'abc,def' },
    ],
  ]
  test.each(cases)('%s', (_, change, search) => {
    const filters = { ...DEFAULTS, ...change }
    expect(writeFilters(filters)).toEqual(search)
    expect(readFilters(search)).toEqual(filters)
  })

  test('what is not understood is as if it were not there', () => {
    expect(readFilters({ status: 'gone,closed', severity: 'huge', order: 'random', q: 7, x: 'y' })).toEqual({
      ...DEFAULTS,
      status: ['closed'],
    })
    expect(readFilters({ status: 'gone' }).status).toEqual(DEFAULTS.status)
  })
})

test('the server is asked for whole sets, and for ourselves by name', () => {
  expect(askFilters(DEFAULTS, 'ana')).toEqual({ status: 'new,in_progress,on_hold', order: 'severity' })
  expect(askFilters({ ...DEFAULTS, status: [], assignee: 'me' }, 'ana')).toEqual({ assignee: 'ana', order: 'severity' })
  expect(askFilters({ ...DEFAULTS, assignee: 'me' }, '').assignee).toBe('nobody')
})

test('several statuses hold at once, one assignee does', () => {
  const both = toggled(toggled({ ...DEFAULTS, severity: [] }, 'severity', 'low'), 'severity', 'high')
  expect(both.severity).toEqual(['low', 'high'])
  expect(toggled(both, 'severity', 'low').severity).toEqual(['high'])
  expect(toggled({ ...DEFAULTS, assignee: 'ana' }, 'assignee', 'bob').assignee).toBe('bob')
  expect(toggled({ ...DEFAULTS, assignee: 'ana' }, 'assignee', 'ana').assignee).toBe('')
})

test('another order narrows nothing', () => {
  expect(isNarrowed({ ...DEFAULTS, order: 'updated' })).toBe(false)
  expect(isNarrowed({ ...DEFAULTS, q: 'x' })).toBe(true)
})
