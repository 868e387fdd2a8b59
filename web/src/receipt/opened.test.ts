import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { dropOpened, fetchReceipt, withReceipt } from './opened'
import { dropSecret, handOver } from './secret'

interface Asked {
  path: string
  report: string | null
}

const asked: Asked[] = []
/** The report whose receipt the browser has the session of. */
let session: string | null

beforeEach(() => {
  asked.length = 0
  session = null
  vi.stubGlobal('location', { origin: 'https://huecry.example' })
  vi.stubGlobal('fetch', async (request: Request) => {
    const { pathname } = new URL(request.url)
    const report = request.headers.get('huecry-report')
    asked.push({ path: `${request.method} ${pathname}`, report })
    if (pathname === '/api/v1/receipts') {
      session = ((await request.json()) as { secret: string }).secret.replace('secret of ', '')
      return Response.json({ report: { id: session }, expires_at: '' })
    }
    if (session === null) return Response.json({ code: 'receipt_expired' }, { status: 401 })
    if (report !== null && report !== session) return Response.json({ code: 'receipt_other' }, { status: 409 })
    return Response.json({ id: session })
  })
})
afterEach(() => {
  dropOpened()
  dropSecret()
  vi.unstubAllGlobals()
})

test('a page shows the report of its secret, also after another was opened beside it', async () => {
  handOver('secret of rep_1', null)
  expect((await fetchReceipt('secret of rep_1')).id).toBe('rep_1')
  session = 'rep_2'
  expect((await fetchReceipt('secret of rep_1')).id).toBe('rep_1')
  session = 'rep_2'
  expect(await withReceipt((report) => Promise.resolve(report))).toBe('rep_1')
  session = null
  expect((await fetchReceipt('secret of rep_1')).id).toBe('rep_1')
  expect(asked.filter(({ path }) => path === 'GET /api/v1/receipt').every(({ report }) => report === 'rep_1')).toBe(
    true,
  )
})

test('without the secret, another one’s receipt is not taken for it', async () => {
  session = 'rep_1'
  expect((await fetchReceipt(null)).id).toBe('rep_1')
  session = 'rep_2'
  await expect(fetchReceipt(null)).rejects.toMatchObject({ status: 409 })
  dropOpened()
  expect((await fetchReceipt(null)).id).toBe('rep_2')
})
