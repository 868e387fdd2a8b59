import { expect, test } from 'vitest'
import { ago, bytes, dayOf, duration, shortInstant, utc } from './format'

const AT = Date.UTC(2026, 10, 26, 23, 30, 5)
const berlin = { locale: 'en-GB', zone: 'Europe/Berlin' }

test('a moment is written for the reader’s zone', () => {
  const cases: [number, { locale: string; zone: string }, string][] = [
    // the same moment is tomorrow in Berlin and today in New York
    [Date.UTC(2026, 10, 26, 23, 59), berlin, '00:30:05'],
    [Date.UTC(2026, 10, 27, 23, 30), berlin, '27 Nov 00:30'],
    [Date.UTC(2026, 10, 26, 23, 59), { locale: 'en-GB', zone: 'America/New_York' }, '18:30:05'],
    [Date.UTC(2027, 1, 1), berlin, '27 Nov 2026 00:30'],
  ]
  for (const [now, reader, text] of cases) expect(shortInstant(AT, now, reader)).toBe(text)
  expect(dayOf(AT, berlin)).toBe('2026-11-27')
  expect(utc(AT)).toBe('2026-11-26 23:30:05 UTC')
})

test('spans and sizes', () => {
  const spans: [number, string][] = [
    [0, '0 s'],
    [59_999, '59 s'],
    [60_000, '1 min'],
    [3_600_000, '1 h'],
    [90_000_000, '1 d'],
  ]
  for (const [ms, text] of spans) expect(duration(ms)).toBe(text)
  expect(ago(AT, AT)).toBe('now')
  expect(ago(AT, AT + 120_000)).toBe('2 min ago')
  expect(ago(AT + 120_000, AT)).toBe('in 2 min')
  const sizes: [number, string][] = [
    [999, '999 B'],
    [1_200, '1.2 KB'],
    [45_000_000, '45 MB'],
    [7_000_000_000_000, '7000 GB'],
  ]
  for (const [size, text] of sizes) expect(bytes(size)).toBe(text)
})
