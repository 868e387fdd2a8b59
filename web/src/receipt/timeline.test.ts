import { expect, test } from 'vitest'
import { timelineOf } from './timeline'

const AT = '2026-11-27T09:00:00Z'
const base = { submitted_at: AT, updated_at: AT, next_update_due: null }
const decision = { kind: 'decline', decided_at: AT }

test('the way of a report says what was, what is and what comes', () => {
  const cases: [Parameters<typeof timelineOf>[0], string[]][] = [
    [{ ...base, state: 'received' }, ['done Received', 'now A person reads it', 'ahead Decision']],
    [{ ...base, state: 'held' }, ['done Received', 'now A person reads it', 'ahead Decision']],
    [{ ...base, state: 'of a later version' }, ['done Received', 'now A person reads it', 'ahead Decision']],
    [{ ...base, state: 'needs_info' }, ['done Received', 'now The team asks you something']],
    [{ ...base, state: 'accepted' }, ['done Received', 'done Accepted', 'now Work on it begins']],
    [
      { ...base, state: 'accepted', incident: { status: 'in_progress', contained: false } },
      ['done Received', 'done Accepted', 'now Somebody works on it'],
    ],
    [
      { ...base, state: 'merged', incident: { status: 'closed', contained: true } },
      ['done Received', 'done Joined', 'done Contained', 'done Settled'],
    ],
    [
      { ...base, state: 'declined', decision, appeal: { state: 'open' } },
      ['done Received', 'done Declined', 'now You appealed'],
    ],
    [
      { ...base, state: 'declined', decision, appeal: { state: 'decided', outcome: 'upheld', explanation: 'since' } },
      ['done Received', 'done Declined', 'done Appeal: the decision stands'],
    ],
    [
      { ...base, state: 'accepted', decision, appeal: { state: 'decided', outcome: 'overturned' } },
      ['done Received', 'done Accepted', 'done Appeal: the decision was overturned', 'now Work on it begins'],
    ],
    [{ ...base, state: 'withdrawn' }, ['done Received', 'done Withdrawn by you']],
  ]
  for (const [receipt, steps] of cases) {
    expect(timelineOf(receipt).map(({ title, state }) => `${state} ${title}`)).toEqual(steps)
  }
})
