import { expect, test } from 'vitest'
import { chunks } from './bulk'

test('work is cut into requests, in order, and whole', () => {
  const items = Array.from({ length: 450 }, (_, index) => index)
  const cut = chunks(items, 200)
  expect(cut.map((chunk) => chunk.length)).toEqual([200, 200, 50])
  expect(cut.flat()).toEqual(items)
  expect(chunks([], 200)).toEqual([])
})
