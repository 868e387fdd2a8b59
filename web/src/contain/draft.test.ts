import { expect, test } from 'vitest'
import type { Action } from './api'
import {
  candidates,
  EMPTY,
  fittingActions,
  hasForm,
  missingIn,
  readTtl,
  toRequest,
  withAction,
  type Draft,
} from './draft'
import { ACTION } from './example'

const ENTITIES = [
  { kind: 'credential', value: 'AKIAIOSFODNN7EXAMPLE' },
  { kind: 'credential', value: 'a session token' },
  { kind: 'actor', value: 'arn:aws:iam::123456789012:user/ci/deployer' },
  { kind: 'resource', value: 'service:checkout' },
  { kind: 'address', value: '198.51.100.7' },
]
const named = (over: Partial<Action>): Action => ({ ...ACTION, inputs: [], ...over })

test('targets come from what the incident names, in the form that the action takes', () => {
  const cases: [Partial<Action>, string[]][] = [
    [{}, ['AKIAIOSFODNN7EXAMPLE']],
    [{ target: 'account', target_pattern: '^[\\w+=,.@-]{1,64}$' }, ['deployer']],
    [{ target: 'account', target_pattern: '^arn:' }, ['arn:aws:iam::123456789012:user/ci/deployer']],
    [{ target: 'network', target_pattern: null }, ['198.51.100.7']],
    [{ target: 'service', target_pattern: '^[a-z]+$' }, ['checkout']],
    [{ target: 'host', target_pattern: '^i-[0-9a-f]{8}$' }, []],
  ]
  for (const [over, targets] of cases) expect(candidates(named(over), ENTITIES)).toEqual(targets)
})

test('a pattern that this browser does not know is left to the server', () => {
  expect(hasForm('x', '(?i-u:x')).toBe(true)
  expect(hasForm('x', null)).toBe(true)
  expect(hasForm('x', '^y$')).toBe(false)
})

test('actions that fit come first, those that are not connected last', () => {
  const actions = [
    named({ name: 'off', title: 'A', connected: false }),
    named({ name: 'typed', title: 'B', target: 'host', target_pattern: '^i-' }),
    named({ name: 'fits', title: 'C' }),
  ]
  expect(fittingActions(actions, ENTITIES).map(({ action }) => action.name)).toEqual(['fits', 'typed', 'off'])
})

test('times to live as people write them', () => {
  const cases: [string, number | null][] = [
    ['90', 90],
    ['90m', 90],
    [' 6 h ', 360],
    ['2days', 2880],
    ['30d', 43_200],
    ['31d', null],
    ['0', null],
    ['1.5h', null],
    ['-4h', null],
    ['soon', null],
    ['', null],
  ]
  for (const [text, minutes] of cases) expect(readTtl(text), text).toBe(minutes)
})

test('another action begins with its own time and the target that fits', () => {
  const draft = { ...EMPTY, reason: 'it leaked', inputs: { note: 'x' }, target: 'other' }
  const chosen = withAction(draft, { action: named({ ttl_minutes_default: 720 }), targets: ['AKIA1'] })
  expect(chosen).toMatchObject({ target: 'AKIA1', ttl: 720, inputs: {}, reason: 'it leaked' })
})

test('what is missing, field by field', () => {
  const full: Draft = {
    ...EMPTY,
    action: ACTION,
    target: 'AKIAIOSFODNN7EXAMPLE',
    inputs: { note: 'a note' },
    reason: 'it leaked',
  }
  const cases: [Partial<Draft>, string[]][] = [
    [{}, []],
    [{ action: null }, ['action']],
    [{ target: ' ' }, ['target']],
    [{ target: 'BKIA' }, ['target']],
    [{ inputs: {} }, ['input note']],
    [{ inputs: { note: 'much too long' } }, ['input note']],
    [{ ttl: 'custom', customTtl: 'soon' }, ['ttl']],
    [{ ttl: 'custom', customTtl: '6h' }, []],
    [{ reason: '' }, ['reason']],
    [{ action: named({ reversibility: 'irreversible' }), ttl: 'custom', customTtl: '' }, []],
  ]
  for (const [over, fields] of cases) expect(Object.keys(missingIn({ ...full, ...over }))).toEqual(fields)
})

test('only what belongs to the action is sent', () => {
  const draft = { ...EMPTY, action: ACTION, target: ' AKIA1 ', inputs: { note: ' n ', other: ' ' }, reason: ' r ' }
  expect(toRequest({ ...draft, ttl: 'custom', customTtl: '6h' }, 'inc_1')).toEqual({
    action: ACTION.name,
    target: 'AKIA1',
    inputs: { note: 'n' },
    ttl_minutes: 360,
    incident: 'inc_1',
    reason: 'r',
  })
  const lasting = toRequest({ ...draft, action: named({ reversibility: 'compensable' }), inputs: {} }, undefined)
  expect(lasting).toEqual({ action: ACTION.name, target: 'AKIA1', reason: 'r' })
})
