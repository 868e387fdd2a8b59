import { expect, test } from 'vitest'
import type { DigestGroup } from '../report/api'
import { digestTitle, groupWords, lastMonth, shareWords } from './title'

test('a digest is called by its days', () => {
  expect(digestTitle({ from: '2026-10-01T00:00:00Z', to: '2026-11-01T00:00:00Z' })).toBe('2026-10-01 to 2026-11-01')
  const content = { from_ms: Date.UTC(2026, 8, 1), to_ms: Date.UTC(2026, 9, 1), k: 5, groups: [] }
  expect(digestTitle({ content })).toBe('2026-09-01 to 2026-10-01')
  expect(digestTitle({})).toBe('… to …')
  expect(lastMonth(new Date('2026-01-15T00:00:00Z'))).toEqual({ from: '2025-12-01', to: '2026-01-01' })
})

test('a group is called by its form and service', () => {
  const group: DigestGroup = { form: 'phishing', service: 'mail', reports_min: 10, accepted: 'most', lessons: [] }
  const title = (type: string) => type.toUpperCase()
  expect(groupWords(group, title)).toBe('PHISHING: mail')
  expect(groupWords({ ...group, service: null }, title)).toBe('PHISHING')
  expect(groupWords({ ...group, form: null, service: null }, title)).toBe('Everything else')
  expect([shareWords('few'), shareWords('later')]).toEqual(['few of them', 'later'])
})
