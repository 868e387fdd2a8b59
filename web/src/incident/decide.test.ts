import { describe, expect, test } from 'vitest'
import { compare, reverse, type Edit } from './decide'
import { exampleIncident } from './example'
import type { Incident } from '../api/pending'

describe('two people change one incident', () => {
  const seen = exampleIncident({ assignee: 'ana' })
  const cases: [string, Edit, Partial<Incident>, { both: string[]; mine: string[]; theirs: string[] }][] = [
    [
      'different fields',
      { status: 'on_hold' },
      { assignee: 'bob' },
      { both: [], mine: ['status'], theirs: ['assignee'] },
    ],
    ['the same field', { assignee: 'eve' }, { assignee: 'bob' }, { both: ['assignee'], mine: [], theirs: [] }],
    [
      'the same field, to the same value',
      { assignee: 'bob' },
      { assignee: 'bob' },
      { both: [], mine: [], theirs: ['assignee'] },
    ],
    ['taken back by the other', { assignee: null }, { assignee: 'bob' }, { both: ['assignee'], mine: [], theirs: [] }],
    [
      'nothing that matters to us',
      { verdict: 'benign', status: 'closed' },
      { findings: 9 },
      { both: [], mine: ['status', 'verdict'], theirs: [] },
    ],
    [
      'severity is what people set',
      { severity: 'low' },
      { severity: 'critical', severity_override: 'critical' },
      { both: ['severity'], mine: [], theirs: [] },
    ],
  ]
  test.each(cases)('%s', (_, edit, change, expected) => {
    const conflict = compare(seen, edit, { ...seen, ...change, version: 2 })
    const names = (rows: { field: string }[]) => rows.map((row) => row.field)
    expect({ both: names(conflict.both), mine: names(conflict.mine), theirs: names(conflict.theirs) }).toEqual(expected)
  })
})

test('taking back gives what was there', () => {
  expect(reverse(exampleIncident({ assignee: 'ana' }), { assignee: 'bob' })).toMatchObject({ assignee: 'ana' })
  expect(reverse(exampleIncident(), { assignee: 'bob' })).toMatchObject({ assignee: null })
  // nothing goes back to new
  expect(reverse(exampleIncident(), { status: 'closed', verdict: 'benign' })).toMatchObject({
    status: 'in_progress',
    verdict: null,
  })
  expect(reverse(exampleIncident({ status: 'on_hold' }), { status: 'resolved' })).toMatchObject({ status: 'on_hold' })
  expect(reverse(exampleIncident(), {})).toBeNull()
})
