import { expect, test } from 'vitest'
import type { Session } from '../api/pending'
import { PLACES, placesFor } from './navigation'

const session = (scopes: string[] | null, id = 'per_1'): Session => ({
  person: { id, name: 'Ana' },
  roles: [],
  scopes,
  csrf: '',
  idle_expires_at_ms: 0,
  expires_at_ms: 0,
})

test('one sees the places that one may enter', () => {
  const names = (who: Session | null) => placesFor(who).map(({ name }) => name)
  expect(names(session(['reports:read']))).toEqual(['Reports', 'My reports', 'Settings'])
  expect(names(session(['reports:read', 'reports:moderate']))).toContain('Appeals')
  expect(names(session(['incidents:read']))).not.toContain('Reports')
  expect(names(session(['incidents:read']))).not.toContain('Containments')
  expect(names(session(['containments:read']))).toEqual(['Containments', 'Playbooks', 'Runs', 'My reports', 'Settings'])
  expect(names(session([]))).toEqual(['My reports', 'Settings'])
  // a program with a token has no reports of its own
  expect(names(session(null, ''))).not.toContain('My reports')
  expect(names(session(null, ''))).toContain('Reports')
})

test('each place has a key of its own', () => {
  expect(new Set(PLACES.map(({ key }) => key)).size).toBe(PLACES.length)
})
