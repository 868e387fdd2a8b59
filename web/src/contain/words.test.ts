import { expect, test } from 'vitest'
import type { Containment, Plan } from './api'
import { containment, PLAN } from './example'
import {
  clock,
  countdown,
  decisionWords,
  deedWords,
  END_STATES,
  isEnded,
  isMoving,
  missingWords,
  planDifferences,
  reversibilityWords,
  shortTarget,
  stateTone,
  stateWord,
  ttlWords,
  whyPairs,
} from './words'

const MINUTE_MS = 60_000
const AT = Date.UTC(2026, 10, 27, 12, 20)

test('every state has words and a mark; a state of a newer server is no error', () => {
  const cases: [string, string, string][] = [
    ['awaiting_approval', 'Waiting for approval', 'wait'],
    ['applying', 'Being applied', 'busy'],
    ['applied', 'Applied, being verified', 'busy'],
    ['verified', 'In effect, verified', 'good'],
    ['reverting', 'Being taken back', 'busy'],
    ['reverted', 'Taken back, verified', 'over'],
    ['denied', 'Denied', 'over'],
    ['unknown', 'Needs a person', 'bad'],
    ['failed', 'Failed', 'bad'],
    ['half_done', 'half done', 'busy'],
  ]
  for (const [state, word, tone] of cases) expect([stateWord(state), stateTone(state)]).toEqual([word, tone])
})

test('what is at rest is not asked for every few seconds', () => {
  const cases: [Partial<Containment>, boolean][] = [
    [{ state: 'awaiting_approval' }, true],
    [{ state: 'verified', revert_at: '2026-11-27T16:00:00Z' }, true],
    [{ state: 'verified', revert_at: null }, false],
    [{ state: 'unknown' }, true],
    ...END_STATES.map((state): [Partial<Containment>, boolean] => [{ state }, false]),
  ]
  for (const [over, moves] of cases) expect(isMoving(containment(over)), String(over.state)).toBe(moves)
  expect(END_STATES.every(isEnded)).toBe(true)
})

test('a countdown gets finer towards its end, and never counts below zero', () => {
  const cases: [number, string][] = [
    [27 * 60 * MINUTE_MS, '1 d 3 h'],
    [24 * 60 * MINUTE_MS, '1 d'],
    [239.9 * MINUTE_MS, '3 h 59 min'],
    [60 * MINUTE_MS, '1 h'],
    [12.5 * MINUTE_MS, '12 min'],
    [9 * MINUTE_MS + 5_000, '9 min 5 s'],
    [MINUTE_MS, '1 min'],
    [45_900, '45 s'],
    [300, '1 s'],
    [0, 'any moment'],
    [-MINUTE_MS, 'any moment'],
  ]
  for (const [left_ms, words] of cases) expect(countdown(AT + left_ms, AT), String(left_ms)).toBe(words)
})

test('times to live and moments', () => {
  const cases: [number, string][] = [
    [30, '30 min'],
    [240, '4 h'],
    [1440, '1 day'],
    [3210, '2 days 5 h 30 min'],
    [0, '0 min'],
  ]
  for (const [minutes, words] of cases) expect(ttlWords(minutes)).toBe(words)
  const berlin = { locale: 'en-GB', zone: 'Europe/Berlin' }
  expect(clock(AT, AT - 60 * MINUTE_MS, berlin)).toBe('13:20')
  // another day for the reader, not for UTC
  expect(clock(AT + 11 * 60 * MINUTE_MS, AT, berlin)).toBe('28 Nov 00:20')
})

test('the button says what will happen', () => {
  const words = deedWords(containment(), AT)
  expect(words).toContain('Deactivate the access key AKIAIOSFODNN7EXAMPLE until ')
  expect(deedWords(containment({ ttl_minutes: null }), AT)).toBe('Deactivate the access key AKIAIOSFODNN7EXAMPLE')
  const long = `arn:aws:iam::123456789012:user/${'a'.repeat(60)}/deployer`
  expect(shortTarget(long).length).toBeLessThanOrEqual(44)
  expect(shortTarget(long)).toMatch(/^arn:aws.*…a.*deployer$/)
})

test('who is missing', () => {
  const cases: [number, string[], string][] = [
    [1, [], '1 more person'],
    [2, [], '2 more people'],
    [1, ['security-lead'], '1 more person; security-lead must be among those who approve'],
    [0, ['security-lead'], 'somebody of security-lead'],
    [0, [], 'nobody'],
  ]
  for (const [approvals_missing, quorum, words] of cases)
    expect(missingWords({ approvals_missing, decision: { people: 2, quorum } })).toBe(words)
})

test('who decides, by what', () => {
  const of = (outcome: string, people?: number) => decisionWords({ outcome, people, why: {} })
  expect(of('automatic')).toMatch(/at once/)
  expect(of('approval', 1)).toMatch(/Somebody other than you/)
  expect(of('approval', 2)).toMatch(/^2 people other than you/)
  expect(of('refused')).toMatch(/refused/)
  expect(whyPairs({ signal: 'report_alone', has_ttl: 'true' })).toEqual([
    ['signal', 'report alone'],
    ['ends by itself', 'yes'],
  ])
  expect(whyPairs(null)).toEqual([])
})

test('reversibility is said in words', () => {
  expect(['reversible', 'compensable', 'irreversible'].map(reversibilityWords)).toEqual([
    'can be taken back',
    expect.stringContaining('signs in again'),
    'cannot be undone',
  ])
})

test('what differs between the plan that was seen and the one that is there', () => {
  expect(planDifferences(PLAN, structuredClone(PLAN))).toEqual([])
  const now: Plan = {
    ...PLAN,
    changes: [
      { what: 'access key of deployer', before: 'Inactive', after: 'Inactive' },
      { what: 'policy', before: 'none', after: 'deny' },
    ],
    blast_radius: { services: ['checkout'], people: 40, notes: [] },
    ttl_minutes: 30,
  }
  expect(planDifferences(PLAN, now)).toEqual([
    { what: 'Who else feels it', seen: 'checkout; 3 people', now: 'checkout; 40 people' },
    { what: 'Taken back after', seen: '4 h', now: '30 min' },
    { what: 'access key of deployer', seen: 'Active → Inactive', now: 'Inactive → Inactive' },
    { what: 'policy', seen: 'no change', now: 'none → deny' },
  ])
  expect(planDifferences(now, PLAN).at(-1)).toEqual({ what: 'policy', seen: 'none → deny', now: 'no change' })
})
