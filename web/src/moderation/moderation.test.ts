import { describe, expect, it, test } from 'vitest'
import { EMPTY, missingIn, nextAfter, reasonsFor, severitiesFor, toDecision, withKind, type Draft } from './decision'
import { noticeWords } from './notice'
import { countOf, DEFAULTS, queryOf, readFilters, writeFilters } from './filters'

const REASONS = [
  { id: 'confirmed', title: 'Confirmed', text: '', counts_against: false, kinds: ['accept'] },
  { id: 'known', title: 'Known', text: '', counts_against: false, kinds: ['merge'] },
  { id: 'spam', title: 'Spam', text: '', counts_against: true, kinds: ['decline'] },
]
const TEMPLATES = [{ id: 't', title: '', kind: 'accept', text: 'Thank you.' }]

describe('a decision', () => {
  it('says what is missing', () => {
    const cases: [Partial<Draft>, string | null][] = [
      [{}, 'Choose what becomes of it'],
      [{ kind: 'accept' }, null],
      [{ kind: 'merge' }, 'Choose the incident that it belongs to'],
      [{ kind: 'merge', incident: 'inc_1' }, null],
      [{ kind: 'ask', note: ' ' }, 'Write the question'],
      [{ kind: 'ask', note: 'where?' }, null],
      [{ kind: 'decline', note: 'x' }, 'Choose the reason'],
      [{ kind: 'decline', reason: 'spam' }, 'Write a note to the reporter'],
      [{ kind: 'decline', reason: 'spam', note: 'x' }, null],
    ]
    for (const [draft, missing] of cases) expect(missingIn({ ...EMPTY, ...draft })).toBe(missing)
  })

  it('never declines for a reason that nobody chose', () => {
    expect(withKind(EMPTY, 'accept', REASONS, TEMPLATES).reason).toBe('confirmed')
    expect(withKind(EMPTY, 'decline', REASONS, TEMPLATES).reason).toBeNull()
    expect(reasonsFor('decline', REASONS).map(({ id }) => id)).toEqual(['spam'])
  })

  it('keeps what was typed, and drops what a template wrote for another kind', () => {
    const templated = { ...EMPTY, kind: 'accept' as const, template: 't', note: 'Thank you.' }
    expect(withKind(templated, 'ask', REASONS, TEMPLATES).note).toBe('')
    expect(withKind({ ...templated, note: 'Thank you. Bob' }, 'ask', REASONS, TEMPLATES).note).toBe('Thank you. Bob')
    expect(withKind(templated, 'accept', REASONS, TEMPLATES)).toBe(templated)
  })

  it('sends only what belongs to its kind', () => {
    const full: Draft = {
      kind: 'ask',
      severity: 'low',
      reason: 'r',
      incident: 'inc_1',
      note: ' n ',
      lesson: ' l ',
      template: null,
    }
    expect(toDecision({ ...full, kind: 'ask' })).toEqual({ kind: 'ask', reason: 'r', note: 'n' })
    expect(toDecision({ ...full, kind: 'merge' })).toMatchObject({ incident: 'inc_1', lesson: 'l' })
    expect(toDecision({ ...full, kind: 'merge' }).severity).toBeUndefined()
    expect(toDecision({ ...full, kind: 'accept' })).toMatchObject({ severity: 'low' })
  })

  it('does not offer more than medium for an anonymous report', () => {
    expect(severitiesFor('anonymous')).not.toContain('high')
    expect(severitiesFor('person')).toContain('critical')
  })
})

test('after a decision it goes on with the one below, else the one above', () => {
  expect(nextAfter('b', ['a', 'b', 'c'])).toBe('c')
  expect(nextAfter('c', ['a', 'b', 'c'])).toBe('b')
  expect(nextAfter('a', ['a'])).toBeNull()
  expect(nextAfter('x', ['a'])).toBe('a')
})

test('filters stand in the address, and come back from it', () => {
  expect(readFilters({})).toEqual(DEFAULTS)
  expect(readFilters({ state: 'nonsense', q: ' key ' })).toEqual({ ...DEFAULTS, q: 'key' })
  expect(writeFilters(DEFAULTS)).toEqual({})
  const filters = { state: 'declined', form: 'phishing', service: 'pay', q: 'x', order: 'due' }
  expect(readFilters(writeFilters(filters))).toEqual(filters)
  expect(queryOf(DEFAULTS).state).toBe('waiting')
  expect(queryOf({ ...DEFAULTS, state: 'any' })).toEqual({})
  expect(queryOf(filters)).toEqual(filters)
  expect(readFilters({ order: 'oldest' })).toEqual(DEFAULTS)
})

test('counts of a choice', () => {
  const counts = { held: 1, received: 2, declined: 4 }
  expect(['waiting', 'declined', 'merged', 'any'].map((choice) => countOf(choice, counts, 5))).toEqual([5, 4, 0, 7])
  expect(countOf('waiting', undefined)).toBeUndefined()
  expect(countOf('unreviewed', counts, 5, 3)).toBe(3)
})

test('a notice says what it rests on', () => {
  const features = {
    reporters: 50,
    expected: 1.24,
    surprise: 9,
    similar_share: 0.92,
    new_share: 0.8,
    together_share: 0.1,
  }
  expect(noticeWords({ features })).toBe(
    '50 reporters where about 1.2 are usual; 92 % alike in their words; 80 % from new accounts.',
  )
  expect(noticeWords({ features: { similar_share: 'much' } })).toBe('')
})
