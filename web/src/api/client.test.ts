import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { call, setCsrf } from './client'
import { ApiError } from './problem'

const asked: Request[] = []
let answer: () => Response

beforeEach(() => {
  asked.length = 0
  answer = () => Response.json({})
  vi.stubGlobal('location', { origin: 'https://huecry.example' })
  vi.stubGlobal('fetch', (request: Request) => {
    asked.push(request)
    return Promise.resolve(answer())
  })
  setCsrf('csrf-of-the-session')
})
afterEach(() => {
  setCsrf(null)
  vi.unstubAllGlobals()
})

test('what is sent as nobody has nothing that says who it is', async () => {
  await call('POST', '/api/v1/reports', { body: {}, anonymous: true, headers: { 'Idempotency-Key': 'k' } })
  await call('POST', '/api/v1/reports', { body: {} })
  const [nobody, somebody] = asked
  expect(nobody?.credentials).toBe('omit')
  expect([...(nobody?.headers.keys() ?? [])].toSorted()).toEqual(['content-type', 'idempotency-key'])
  expect(somebody?.credentials).toBe('same-origin')
  expect(somebody?.headers.get('x-csrf-token')).toBe('csrf-of-the-session')
})

test('what is wrong with fields comes along', async () => {
  const errors = [{ field: 'where', message: 'is missing' }]
  answer = () => Response.json({ code: 'report_invalid', errors }, { status: 422 })
  const error = await call('POST', '/x').catch((cause: unknown) => cause)
  expect(error).toBeInstanceOf(ApiError)
  expect((error as ApiError).faults).toEqual(errors)
  answer = () => Response.json({ code: 'other', errors: 'none' }, { status: 422 })
  expect(((await call('POST', '/x').catch((cause: unknown) => cause)) as ApiError).faults).toEqual([])
})
