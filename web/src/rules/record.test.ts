import { expect, test } from 'vitest'
import type { Explained } from '../api/pending'
import { BODY_BYTES_MAX, bodyOf, faultOf, foundWords, hindrance, verdictOf } from './record'

test('a text that is no JSON says why', () => {
  expect(faultOf('')).toBeNull()
  expect(faultOf('{"a": 1}')).toBeNull()
  expect(faultOf('{"a": ')).toMatch(/no JSON yet/)
})

test('a record may be a text, an event may not', () => {
  const line = 'type=EXECVE msg=audit(1.2:3): argc=1'
  expect(hindrance(line, 'record')).toBeNull()
  expect(hindrance(line, 'event')).toMatch(/no JSON yet/)
  expect(hindrance('{"a": ', 'record')).toMatch(/no JSON yet/)
  expect(hindrance('x'.repeat(BODY_BYTES_MAX), 'record')).toMatch(/too long/)
  expect(bodyOf(line, 'record', '')).toEqual({ record: line })
  expect(bodyOf(' {"a": 1}', 'record', 'okta')).toEqual({ record: { a: 1 }, source: 'okta' })
  expect(bodyOf('{"a": 1}', 'event', 'okta')).toEqual({ event: { a: 1 } })
})

const explained = (change: Partial<Explained>): Explained => ({
  rule_id: 'r',
  title: 't',
  file: 'rules/r.yml',
  line: 1,
  outcome: 'no_match',
  kind: 'okta',
  logsource: 'okta',
  rule_logsource: 'aws/cloudtrail',
  refusal: null,
  explanation: null,
  correlation: null,
  ...change,
})

test('each outcome is a sentence', () => {
  const correlation = {
    type: 'event_count',
    needs: '5 or more',
    timespan_ms: 1,
    group_by: [],
    condition: null,
    fields: [],
    truncated: false,
  }
  const member = { rule_id: 'm', title: 'm', is_correlation: false, explanation: null, missing: [] }
  const cases: [Partial<Explained>, boolean, RegExp][] = [
    [{ outcome: 'matches' }, true, /would raise/],
    [{ outcome: 'no_match' }, false, /does not match/],
    [{ outcome: 'other_logsource' }, false, /it is okta, the rule looks at aws\/cloudtrail/],
    [
      { outcome: 'refused', refusal: { code: 'not_of_source', reason: 'no eventName' } },
      false,
      /no event.*no eventName/,
    ],
    [{ outcome: 'correlation', correlation: { ...correlation, members: [] } }, false, /does not count.*5 or more/],
    [
      {
        outcome: 'correlation',
        correlation: { ...correlation, members: [{ ...member, outcome: 'matches', groups: [['ana']] }] },
      },
      true,
      /This record counts/,
    ],
    [
      {
        outcome: 'correlation',
        correlation: {
          ...correlation,
          members: [
            {
              ...member,
              is_correlation: true,
              outcome: 'correlation',
              groups: [],
              correlation: { ...correlation, members: [{ ...member, outcome: 'matches', groups: [[]] }] },
            },
          ],
        },
      },
      true,
      /This record counts/,
    ],
  ]
  for (const [change, holds, words] of cases) {
    const verdict = verdictOf(explained(change))
    expect(verdict.holds).toBe(holds)
    expect(verdict.words).toMatch(words)
  }
})

test('what was found is said in a few words', () => {
  expect(foundWords({ found: 'no_field' })).toBe('no such field')
  expect(foundWords({ found: 'whole_event' })).toBe('anywhere in it')
  expect(foundWords({ found: { values: ['"a"', '"b"'] } })).toBe('"a", "b"')
})
