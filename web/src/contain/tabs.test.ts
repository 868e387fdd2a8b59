import { expect, test } from 'vitest'
import { containment } from './example'
import { ordered, queryOf, readFilters, TABS, waitsForMe, writeFilters } from './tabs'

const can = {
  approve: true,
  undo: false,
  keep: false,
  keep_for_good: false,
  settle: true,
  break_glass: false,
  cancel: false,
}

test('filters stand in the address, and come back from it', () => {
  expect(readFilters({})).toEqual({ tab: 'waiting', incident: '', action: '' })
  expect(readFilters({ tab: 'nonsense', action: ' aws.x ' })).toEqual({ tab: 'waiting', incident: '', action: 'aws.x' })
  expect(writeFilters({ tab: 'waiting', incident: '', action: '' })).toEqual({})
  for (const tab of TABS) {
    const filters = { tab, incident: 'inc_1', action: 'aws.x' }
    expect(readFilters(writeFilters(filters))).toEqual(filters)
  }
  expect(TABS.map((tab) => queryOf({ tab, incident: '', action: '' }).state)).toEqual([
    'awaiting_approval',
    'in_effect',
    'unknown',
    'any',
  ])
})

test('only what one may do something about waits for one', () => {
  expect(waitsForMe(containment({ can }))).toBe(true)
  expect(waitsForMe(containment())).toBe(false)
  expect(waitsForMe(containment({ state: 'unknown', can }))).toBe(true)
  expect(waitsForMe(containment({ state: 'verified', can }))).toBe(false)
})

test('the order of work', () => {
  const ids = (...of: Parameters<typeof ordered>) => ordered(...of).map(({ id }) => id)
  const until = (expires_at: string | null) => ({ people: 1, expires_at })
  const waiting = [
    containment({ id: 'later', decision: until('2026-11-27T14:00:00Z') }),
    containment({ id: 'never', decision: until(null) }),
    containment({ id: 'soon', decision: until('2026-11-27T13:00:00Z') }),
    containment({ id: 'mine', decision: until('2026-11-27T15:00:00Z'), can }),
  ]
  expect(ids(waiting, 'waiting')).toEqual(['mine', 'soon', 'later', 'never'])
  const held = [
    containment({ id: 'b for good', revert_at: null }),
    containment({ id: 'a for good', revert_at: null }),
    containment({ id: 'ends', revert_at: '2026-11-27T13:00:00Z' }),
  ]
  expect(ids(held, 'in_effect')).toEqual(['ends', 'a for good', 'b for good'])
  const touched = [
    containment({ id: 'old', updated_at: '2026-11-27T10:00:00Z' }),
    containment({ id: 'new', updated_at: '2026-11-27T11:00:00Z' }),
  ]
  expect(ids(touched, 'unknown')).toEqual(['old', 'new'])
  expect(ids(touched, 'all')).toEqual(['new', 'old'])
})
