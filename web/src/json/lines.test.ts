import { expect, test } from 'vitest'
import { jsonLines, LINES_MAX } from './lines'

const text = (value: unknown, marks: string[] = []) =>
  jsonLines(value, marks)
    .map((line) => line.map((piece) => piece.text).join(''))
    .join('\n')

test('lines are those of JSON.stringify', () => {
  const values = [null, 1, 'x"y', [], {}, [1, [2, { a: null }]], { a: { b: [true, 'z'] }, c: [], d: {} }]
  for (const value of values) expect(text(value)).toBe(JSON.stringify(value, null, 2))
})

test('values that matched are marked, keys and parts are not', () => {
  const marked = (value: unknown, marks: string[]) =>
    jsonLines(value, marks)
      .flat()
      .filter((piece) => piece.marked)
      .map((piece) => piece.text)
  expect(marked({ admin: 'admin', n: 7, other: 'admins' }, ['admin', '7'])).toEqual(['"admin"', '7'])
  expect(marked({ empty: '' }, [''])).toEqual([])
})

test('a record of any size stops somewhere', () => {
  const large = Array.from({ length: LINES_MAX * 3 }, (_, index) => index)
  expect(jsonLines(large).length).toBe(LINES_MAX + 1)
  expect(jsonLines({ a: large, b: large }).length).toBe(LINES_MAX + 1)
})
