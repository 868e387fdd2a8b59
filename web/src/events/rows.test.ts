import { expect, test } from 'vitest'
import { csvField, readable, toCsv, toNdjson } from './rows'

test('a field is quoted where CSV needs it, and never runs as a formula', () => {
  const cases: [unknown, string][] = [
    ['plain', 'plain'],
    ['a,b', '"a,b"'],
    ['say "x"', '"say ""x"""'],
    ['two\nlines', '"two\nlines"'],
    ['=HYPERLINK("http://evil")', '"\'=HYPERLINK(""http://evil"")"'],
    ['@SUM(1)', "'@SUM(1)"],
    ['-1+1', "'-1+1"],
    [-5, '-5'],
    [null, ''],
    [undefined, ''],
    [{ a: 1 }, '"{""a"":1}"'],
  ]
  for (const [value, field] of cases) expect(csvField(value)).toBe(field)
})

test('files have the chosen columns only, in their order, with times for people', () => {
  const rows = [{ time_ms: 0, source: 'trail', actor_user_name: null, secret: 'not shown' }]
  expect(toCsv(rows, ['time_ms', 'actor_user_name', 'source'])).toBe(
    'time,actor_user_name,source\r\n1970-01-01T00:00:00.000Z,,trail\r\n',
  )
  expect(toNdjson(rows, ['source', 'time_ms'])).toBe('{"source":"trail","time":"1970-01-01T00:00:00.000Z"}\n')
})

test('numbers of OCSF are words', () => {
  expect(readable('status_id', 2)).toBe('failure')
  expect(readable('severity_id', 5)).toBe('critical')
  expect(readable('status_id', 77)).toBe('77')
  expect(readable('api_operation', 'GetUser')).toBe('GetUser')
})
