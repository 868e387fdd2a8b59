import { expect, test } from 'vitest'
import { changeOf, EventParser } from './stream'

const TEXT =
  ': following\n\nid: 7\nevent: incident.updated\ndata: {"a":1}\n\n:\n\nid: 8\r\nevent: reset\r\ndata: {}\r\n\r\ndata: one\ndata: two\n\n'

test('events are the same however the stream is cut', () => {
  const whole = new EventParser().push(TEXT)
  expect(whole).toEqual([
    { id: '7', type: 'incident.updated', data: '{"a":1}' },
    { id: '8', type: 'reset', data: '{}' },
    { id: '8', type: 'message', data: 'one\ntwo' },
  ])
  for (let cut = 1; cut < TEXT.length; cut += 1) {
    const parser = new EventParser()
    expect([...parser.push(TEXT.slice(0, cut)), ...parser.push(TEXT.slice(cut))], `cut at ${String(cut)}`).toEqual(
      whole,
    )
  }
})

test('an unfinished event is not given', () => {
  expect(new EventParser().push('data: half')).toEqual([])
})

test('a change of a containment names it, and never passes for an incident', () => {
  const data = JSON.stringify({ id: 'ctn_1', state: 'verified', incident: 'inc_1' })
  const change = changeOf({ type: 'containment.changed', data })
  expect(change).toMatchObject({ kind: 'containment.changed', object: 'ctn_1' })
  expect(change.incident).toBeUndefined()
  const told = { seq: 7, kind: 'incident.updated', object: 'inc_1', incident: { id: 'inc_1' }, at_ms: 1 }
  expect(changeOf({ type: 'incident.updated', data: JSON.stringify(told) })).toEqual(told)
})
