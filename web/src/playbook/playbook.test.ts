import { expect, test } from 'vitest'
import type { Playbook, PlaybookStep, Run, RunStep, Variable } from './api'
import { missingIn, readChecklist } from './checklist'
import { isCommand, readable, readSteps } from './steps'
import {
  attachedTo,
  firstValues,
  fittingFirst,
  isOverdue,
  missingValues,
  nowWords,
  plainName,
  runTone,
  stepTone,
  suggestions,
  waitsForPerson,
} from './words'

const step = (id: string, over: Partial<PlaybookStep> = {}): PlaybookStep => ({ id, name: id, kind: 'action', ...over })
const told = (steps: PlaybookStep[]) =>
  readSteps(steps).map(({ step, depth, when, again }) =>
    [`${'  '.repeat(depth)}${step.id}`, when, again ? 'again' : undefined].filter(Boolean).join(' | '),
  )

test('the usual way stands above, whatever goes wrong beside it', () => {
  const steps = [
    step('s', { kind: 'start', on_completion: 'key' }),
    step('key', { on_success: 'look', on_failure: 'deny' }),
    step('deny', { on_success: 'look', on_failure: 'hand' }),
    step('hand', { on_success: 'look' }),
    step('look', { on_success: 'end', on_failure: 'hand' }),
    step('end', { kind: 'end' }),
  ]
  expect(told(steps)).toEqual([
    'key',
    '  deny | if it fails',
    '    hand | if it fails',
    'look',
    '  hand | if it fails | again',
  ])
})

test('branches end where their step goes on; ways that nobody tells are not lost, and loops end', () => {
  const steps = [
    step('s', { kind: 'start', on_completion: 'if' }),
    step('if', {
      kind: 'if-condition',
      on_completion: 'after',
      branches: [
        { when: 'true', step: 'yes' },
        { when: 'false', step: 'after' },
      ],
    }),
    step('yes', { on_success: 'if' }),
    step('after', { on_success: 'end' }),
    step('handler', { on_success: 'end' }),
    step('end', { kind: 'end' }),
  ]
  expect(told(steps)).toEqual([
    'if',
    '  yes | true',
    '  if | again',
    '  after | false | again',
    'after',
    'handler | reached otherwise',
  ])
  expect(readSteps([])).toEqual([])
  expect(told([step('a', { on_success: 'b' }), step('b', { on_success: 'a' })])).toEqual(['a', 'b'])
})

test('texts for machines and for people', () => {
  expect(['aws.deny_user target=x ttl=1d', 'POST https://x.example/y'].map(isCommand)).toEqual([true, true])
  expect(['Look at it. Say x = y', '- [ ] GET it'].map(isCommand)).toEqual([false, false])
  expect(readable('Do:\n- [ ] this\n  - [x] that')).toBe('Do:\n☐ this\n  ☐ that')
})

test('a manual step is a checklist, and asks for what is still open in its text', () => {
  const text =
    'Look at AKIA1.\n- [ ] Calls?\n- [x] Users?\n\nSay __misused__ = true if so. Say __ticket__ = its number.'
  expect(readChecklist({ text })).toEqual({
    lines: [
      { kind: 'text', text: 'Look at AKIA1.' },
      { kind: 'item', text: 'Calls?' },
      { kind: 'item', text: 'Users?' },
      { kind: 'text', text: 'Say __misused__ = true if so. Say __ticket__ = its number.' },
    ],
    asked: [
      { name: '__misused__', isBoolean: true },
      { name: '__ticket__', isBoolean: false },
    ],
  })
  expect(readChecklist({ text, out_args: ['__misused__'] }).asked.map(({ name }) => name)).toEqual(['__misused__'])
  expect(readChecklist({ text: 'Stop __key__:value' }).asked).toEqual([])
  const said = '- [ ] Does one run? Say __running__.\n- [ ] Was it? Say __executed__; if nobody can tell, it was.'
  expect(readChecklist({ text: said }).asked.map(({ name }) => name)).toEqual(['__running__', '__executed__'])
  expect(readChecklist({ text: null })).toEqual({ lines: [], asked: [] })
})

test('failing and skipping need a reason', () => {
  expect(missingIn('done', '')).toBeNull()
  expect(missingIn('failed', ' ')).toMatch(/went wrong/)
  expect(missingIn('skipped', '')).toMatch(/left out/)
  expect(missingIn('skipped', 'not ours')).toBeNull()
})

const playbook = (over: Partial<Playbook>): Playbook => ({
  id: 'playbook--1',
  name: 'A',
  created_at: '',
  types: [],
  attach: { classes: [], rules: [], severities: [], services: ['*'] },
  steps: 1,
  variables: [],
  actions: [],
  ...over,
})

test('those that fit come first; reviews become overdue the day after', () => {
  const all = [playbook({ name: 'B' }), playbook({ name: 'C', fits: true }), playbook({ name: 'A', fits: false })]
  expect(fittingFirst(all).map(({ name }) => name)).toEqual(['C', 'A', 'B'])
  const cases: [string | null, boolean][] = [
    ['2026-11-26', true],
    ['2026-11-27', false],
    ['2027-05-31', false],
    [null, false],
  ]
  for (const [review_by, overdue] of cases) expect(isOverdue({ review_by }, '2026-11-27')).toBe(overdue)
})

test('what a playbook is attached to', () => {
  const attach = { classes: ['leaked-credential'], rules: ['r'], severities: ['high', 'critical'], services: ['*'] }
  expect(attachedTo({ attach })).toEqual(['classes: leaked-credential', '1 rule', 'severities: high, critical'])
})

const VARIABLES: Variable[] = [
  { name: '__key__', type: 'string', external: true },
  { name: '__user__', type: 'string', external: true },
  { name: '__provider__', type: 'string', external: true, value: 'okta' },
  { name: '__misused__', type: 'boolean', value: 'false', external: false },
]

test('values come from what the findings name, where only one thing can be meant', () => {
  const actor = { kind: 'actor', value: 'arn:aws:iam::123456789012:user/ci/deployer' }
  const keys = [
    { kind: 'credential', value: 'AKIA1' },
    { kind: 'credential', value: 'AKIA2' },
  ]
  const values = firstValues(VARIABLES, [...keys, actor])
  expect(values).toEqual({ __key__: '', __user__: 'deployer', __provider__: 'okta' })
  expect(suggestions(VARIABLES[0] as Variable, [...keys, actor])).toEqual(['AKIA1', 'AKIA2'])
  expect(suggestions(VARIABLES[1] as Variable, [actor])).toEqual(['deployer', actor.value])
  expect(missingValues(VARIABLES, values)).toEqual(['__key__'])
  expect(plainName('__access_key__')).toBe('access key')
})

const task = (name: string, state: string): RunStep => ({
  task: 1,
  step: name,
  name,
  kind: 'action',
  state,
  skipped: false,
})

test('what a run does now', () => {
  const run = (over: Partial<Run>): Run => ({
    id: 'run_1',
    playbook: 'p',
    playbook_name: 'P',
    state: 'running',
    reason: '',
    requested_by: { kind: 'system' },
    started_at: '',
    ends_by: '',
    version: 1,
    steps: [],
    can: { stop: false, answer: false },
    ...over,
  })
  const cases: [Partial<Run>, string][] = [
    [{}, 'going on'],
    [{ steps: [task('a', 'succeeded'), task('b', 'running')] }, 'b'],
    [{ steps: [task('b', 'running'), task('c', 'awaiting_person')] }, 'waits for a person: c'],
    [{ steps: [task('c', 'unknown'), task('d', 'awaiting_person')] }, 'waits for a person: c, and 1 more'],
    [{ state: 'completed' }, 'Completed'],
    [{ state: 'failed', end: { ended: 'failed', reason: 'b failed' } }, 'b failed'],
  ]
  for (const [over, words] of cases) expect(nowWords(run(over))).toBe(words)
  expect(['awaiting_person', 'unknown', 'running'].map((state) => waitsForPerson({ state }))).toEqual([
    true,
    true,
    false,
  ])
  expect([runTone('failed'), stepTone('skipped'), stepTone('delayed')]).toEqual(['bad', 'over', 'busy'])
})
