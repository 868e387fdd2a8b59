import { expect, test } from 'vitest'
import { may } from './session'
import { returnPath } from './return-path'

test('signing in leads to a path of ours, never to another site', () => {
  const cases: [string | null, string][] = [
    ['/queue?q=x', '/queue?q=x'],
    [null, '/'],
    ['', '/'],
    ['https://evil.example', '/'],
    ['//evil.example', '/'],
    ['/\\evil.example', '/'],
    ['/x\r\nSet-Cookie: a=b', '/'],
    ['javascript:alert(1)', '/'],
  ]
  for (const [wanted, path] of cases) expect(returnPath(wanted)).toBe(path)
})

test('where scopes are unknown the server decides', () => {
  const session = {
    person: { id: '', name: '' },
    roles: [],
    scopes: ['incidents:read'],
    csrf: '',
    idle_expires_at_ms: 0,
    expires_at_ms: 0,
  }
  expect(may(session, 'incidents:read')).toBe(true)
  expect(may(session, 'incidents:write')).toBe(false)
  expect(may({ ...session, scopes: null }, 'incidents:write')).toBe(true)
  expect(may(null, 'incidents:read')).toBe(false)
})
