import { expect, test } from 'vitest'
import type { AuditRecord, Comment } from '../api/pending'
import { exampleFinding } from './example'
import { changeTitle, folded, laneOf, retold, timelineOf } from './timeline'

const PERSON = { kind: 'person', id: 'per_1', name: 'Ana' }
const record = (change: Partial<AuditRecord>): AuditRecord =>
  ({
    id: 'aud_1',
    at_ms: 0,
    principal: PERSON,
    action: 'incident.status',
    object: 'inc_1',
    before: null,
    after: null,
    ...change,
  }) as AuditRecord

test('one stream, the newest first, each entry with where it comes from', () => {
  const comment: Comment = { id: 'cmt_1', incident: 'inc_1', author: 'Ana', text: 'rotated', created_at_ms: 2_000_000 }
  const history = [
    record({ at_ms: 3_000_000, before: { status: 'new' }, after: { status: 'closed', verdict: 'benign' } }),
    record({ at_ms: 2_000_000, action: 'incident.comment', after: { comment: 'cmt_1' } }),
    record({ at_ms: 1_500_000, action: 'incident.open', principal: { kind: 'system', part: 'triage' } }),
  ]
  const entries = timelineOf([exampleFinding()], [comment], history)
  expect(entries.map((entry) => [entry.kind, entry.provenance, entry.title])).toEqual([
    ['change', 'person', 'New → Closed, verdict: Benign'],
    ['comment', 'person', 'rotated'],
    ['change', 'machine', 'opened the incident'],
    ['finding', 'rule', 'Secret read'],
  ])
})

test('what a change says', () => {
  const cases: [unknown, unknown, string][] = [
    [{ assignee: null }, { assignee: 'Ana' }, 'assignee: Ana'],
    [{ assignee: 'Ana' }, { assignee: null }, 'gave it back'],
    [{ severity_override: null }, { severity_override: 'low' }, 'severity: low'],
    [null, null, 'status'],
  ]
  for (const [before, after, title] of cases) expect(changeTitle('incident.status', before, after)).toBe(title)
})

test('runs of one rule fold, and nothing else does', () => {
  const finding = (id: string, rule_title: string, time_ms: number) => exampleFinding({ id, rule_title, time_ms })
  const entries = timelineOf(
    [finding('1', 'A', 5), finding('2', 'A', 4), finding('3', 'B', 3), finding('4', 'A', 2)],
    [],
    [],
  )
  const lines = folded(entries).map(({ entry, times }) => `${entry.title}×${String(times)}`)
  expect(lines).toEqual(['A×2', 'B×1', 'A×1'])
  expect(folded(entries).reduce((sum, line) => sum + line.times, 0)).toBe(entries.length)
})

test('a kind of later has a lane', () => {
  expect(laneOf('deploy')).toBe('Reports, deploys, actions')
  expect(laneOf('of tomorrow')).toBe('Changes')
})

test('entries of the server are told in the same words', () => {
  const entry = { at_ms: 1, by: 'Ana', provenance: 'person', ref: 'x' }
  const change = { action: 'incident.status', before: { status: 'new' }, after: { status: 'closed' }, reason: null }
  const cases: [object, string][] = [
    [{ kind: 'change', title: 'status: new → closed', detail: change }, 'New → Closed'],
    [{ kind: 'comment', title: 'first line', detail: { text: 'first line\nsecond' } }, 'first line\nsecond'],
    [
      { kind: 'merge', title: 'x', detail: { action: 'incident.merge', after: { merged_into: 'inc_2' } } },
      'merged it into inc_2',
    ],
    [{ kind: 'deploy', title: 'shop 1.2', detail: {} }, 'shop 1.2'],
  ]
  for (const [given, title] of cases)
    expect(retold({ ...entry, ...given } as Parameters<typeof retold>[0]).title).toBe(title)
  expect(retold({ ...entry, kind: 'finding', title: 't', by: null, detail: { source: 'trail' } }).by).toBe('trail')
})
