import { expect, test } from 'vitest'
import { moved, NOWHERE, selected, selectedTo, targets } from './cursor'

const IDS = ['a', 'b', 'c', 'd']

test('moving stops at the ends, and starts at the near one', () => {
  const cases: [string | null, number, string][] = [
    [null, 1, 'a'],
    [null, -1, 'd'],
    ['a', 1, 'b'],
    ['d', 1, 'd'],
    ['a', -1, 'a'],
    ['b', 2, 'd'],
    ['gone', 1, 'a'],
  ]
  for (const [at, step, to] of cases) expect(moved({ ...NOWHERE, at }, IDS, step).at).toBe(to)
  expect(moved(NOWHERE, [], 1)).toBe(NOWHERE)
})

test('keys act on the selection, else where one is', () => {
  expect(targets(NOWHERE)).toEqual([])
  const at = moved(NOWHERE, IDS, 1)
  expect(targets(at)).toEqual(['a'])
  const both = selected(selected(at, 'c'), 'd')
  expect(targets(both)).toEqual(['c', 'd'])
  expect(targets(selected(both, 'c'))).toEqual(['d'])
})

test('Shift selects from where one is', () => {
  const place = selectedTo({ at: 'b', selected: new Set(['a']) }, IDS, 'd')
  expect([...place.selected].sort()).toEqual(['a', 'b', 'c', 'd'])
  expect([...selectedTo({ at: 'd', selected: new Set() }, IDS, 'b').selected]).toEqual(['b', 'c', 'd'])
  expect([...selectedTo(NOWHERE, IDS, 'b').selected]).toEqual(['b'])
})
