import { expect, test } from 'vitest'
import { partsOf } from './parts'
import { digestTitle, lastMonth } from './title'

test('sums are shown under their names, whatever they are', () => {
  const content = {
    total: 1200,
    summary: 'A quiet month.',
    by_form: [
      { form: 'Phishing', count: 7 },
      { form: 'Leaked secret', count: 5 },
    ],
    outcomes: { accepted: 6, declined: 6 },
    empty: {},
    none: null,
  }
  expect(partsOf(content)).toEqual([
    { title: '', texts: ['A quiet month.'], sums: [{ label: 'Total', value: '1,200' }] },
    {
      title: 'By form',
      texts: [],
      sums: [
        { label: 'Phishing', value: '7' },
        { label: 'Leaked secret', value: '5' },
      ],
    },
    {
      title: 'Outcomes',
      texts: [],
      sums: [
        { label: 'Accepted', value: '6' },
        { label: 'Declined', value: '6' },
      ],
    },
  ])
  expect(partsOf(undefined)).toEqual([])
  expect(partsOf('all quiet')).toEqual([{ title: '', texts: ['all quiet'], sums: [] }])
})

test('a digest is called by its days where it has no name', () => {
  const days = { from: '2026-10-01T00:00:00Z', to: '2026-11-01T00:00:00Z' }
  expect(digestTitle(days)).toBe('2026-10-01 to 2026-11-01')
  expect(digestTitle({ ...days, title: 'October' })).toBe('October')
  expect(lastMonth(new Date('2026-01-15T00:00:00Z'))).toEqual({ from: '2025-12-01', to: '2026-01-01' })
})
