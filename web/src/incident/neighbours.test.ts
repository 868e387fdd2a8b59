import { QueryClient } from '@tanstack/react-query'
import { expect, test } from 'vitest'
import { exampleIncident } from './example'
import { neighboursOf, queueOrder } from './neighbours'

test('neighbours are those of the list', () => {
  const ids = ['a', 'b', 'c']
  expect(neighboursOf(ids, 'b')).toEqual({ place: 2, loaded: 3, before: 'a', next: 'c' })
  expect(neighboursOf(ids, 'a')?.before).toBeNull()
  expect(neighboursOf(ids, 'c')?.next).toBeNull()
  expect(neighboursOf(ids, 'x')).toBeNull()
})

test('the list is the one that was shown last and has it', () => {
  const client = new QueryClient()
  const put = (key: string, ids: string[], updatedAt: number) =>
    client.setQueryData(
      ['incidents', key],
      { pages: [{ items: ids.map((id) => exampleIncident({ id })) }], pageParams: [] },
      { updatedAt },
    )
  put('open', ['a', 'b'], 1)
  put('mine', ['b', 'c'], 2)
  put('decided', ['d'], 3)
  expect(queueOrder(client, 'b')).toEqual(['b', 'c'])
  expect(queueOrder(client, 'a')).toEqual(['a', 'b'])
  expect(queueOrder(client, 'z')).toEqual([])
})
