import { expect, test } from 'vitest'
import { Chords, keyName } from './keys'

const press = (key: string, held: Partial<KeyboardEvent> = {}) => ({
  key,
  ctrlKey: false,
  metaKey: false,
  altKey: false,
  shiftKey: false,
  ...held,
})

test('the name of a key', () => {
  const cases: [ReturnType<typeof press>, string][] = [
    [press('j'), 'j'],
    [press('J', { shiftKey: true }), 'Shift+j'],
    [press('?', { shiftKey: true }), '?'],
    [press('k', { ctrlKey: true }), 'mod+k'],
    [press('k', { metaKey: true }), 'mod+k'],
    [press('Enter', { shiftKey: true }), 'Shift+Enter'],
    [press('a', { altKey: true }), 'alt+a'],
  ]
  for (const [event, name] of cases) expect(keyName(event)).toBe(name)
})

test('a chord is two keys within a second', () => {
  const chords = new Chords(['g'])
  expect(chords.next('g', 0)).toBe('g')
  expect(chords.next('q', 500)).toBe('g q')
  expect(chords.next('q', 600)).toBe('q')
  expect(chords.next('g', 1_000)).toBe('g')
  expect(chords.next('q', 2_500)).toBe('q')
  // a second lead is the other half of a chord, not the start of one
  expect(chords.next('g', 3_000)).toBe('g')
  expect(chords.next('g', 3_100)).toBe('g g')
  expect(chords.next('q', 3_200)).toBe('q')
})
