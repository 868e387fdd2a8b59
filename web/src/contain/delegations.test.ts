import { describe, expect, it } from 'vitest'
import { answersFor, latest, localMoment, untilFault, type Delegation } from './delegations'

const NOW_MS = Date.parse('2026-11-27T12:00:00Z')

function delegation(id: string, name: string, until: string, given = false): Delegation {
  return {
    id,
    from: { id: `per_${name}`, name },
    to: { id: 'per_me', name: 'Me' },
    until,
    reason: 'away',
    created_at: '2026-11-27T12:00:00Z',
    given,
  }
}

describe('until when', () => {
  it('is a moment to come, 30 days from now at most', () => {
    expect(untilFault('', NOW_MS)).toBe('Say until when')
    expect(untilFault(localMoment(NOW_MS), NOW_MS)).toBe('That is over already')
    expect(untilFault(localMoment(NOW_MS + 60_000), NOW_MS)).toBeNull()
    expect(untilFault(localMoment(latest(NOW_MS)), NOW_MS)).toBeNull()
    expect(untilFault(localMoment(latest(NOW_MS) + 60_000), NOW_MS)).toBe('30 days from now at most')
  })

  it('is written in the zone of the reader', () => {
    expect(Date.parse(localMoment(NOW_MS))).toBe(NOW_MS)
  })
})

describe('whose answers one gives', () => {
  it('names each once, and none that one has given', () => {
    const ann = delegation('dlg_1', 'Ann', '2026-11-28T12:00:00Z')
    const longer = delegation('dlg_2', 'Ann', '2026-11-30T12:00:00Z')
    const own = delegation('dlg_3', 'Me', '2026-11-30T12:00:00Z', true)
    const al = delegation('dlg_4', 'Al', '2026-11-28T12:00:00Z')
    expect(answersFor([ann, longer, own, al])).toEqual([al, longer])
    expect(answersFor([longer, ann])).toEqual([longer])
  })
})
