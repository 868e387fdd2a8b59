import { expect, test } from 'vitest'
import { lastDays } from './days'

test('days run up to today without a gap', () => {
  expect(lastDays(Date.UTC(2026, 2, 1, 0, 30), 3)).toEqual(['2026-02-27', '2026-02-28', '2026-03-01'])
})
