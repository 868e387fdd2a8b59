import { expect, test } from 'vitest'
import { lastMonth } from './month'

test('the last month ends where this one begins', () => {
  expect(lastMonth(new Date('2026-01-15T00:00:00Z'))).toEqual({ from: '2025-12-01', to: '2026-01-01' })
  expect(lastMonth(new Date('2026-11-01T00:00:00Z'))).toEqual({ from: '2026-10-01', to: '2026-11-01' })
})
