/**
 * From the navigation to the first row that can be clicked, with nothing cached. The time is told, not judged: it is the
 * machine's. What is judged is what makes it: how many requests there are, and how much comes over the line.
 */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { openBrowser } from './browser.mjs'
import { signIn, startServer } from './server.mjs'

const REQUESTS_MAX = 26
/** What the first screen may ask for, each once. */
const ASKED = ['/session', '/views', '/people/assignable', '/incidents', '/incidents/facets']
const SCRIPT_BYTES_MAX = 400 * 1024
const BYTES_MAX = 520 * 1024
const ROUNDS = 5

let server
let browser
let page

before(async () => {
  server = await startServer()
  browser = await openBrowser()
  page = browser.context.pages()[0] ?? (await browser.context.newPage())
  page.setDefaultTimeout(60_000)
  browser.watch(page, server.origin)
  await signIn(page, server)
})

after(async () => {
  await browser?.close()
  await server?.stop()
})

/** In the page, before any script of it: notes when the first row is drawn and lies under the pointer. */
function noteFirstRow() {
  const look = () => {
    const row = document.querySelector('[role=row][aria-rowindex="2"]')
    const box = row?.getBoundingClientRect()
    const hit = box && document.elementFromPoint(box.left + box.width / 2, box.top + box.height / 2)
    if (hit && row.contains(hit)) window.firstRow_ms = performance.now()
    else requestAnimationFrame(look)
  }
  requestAnimationFrame(look)
}

/** In the page: what was asked until then. */
function asked() {
  const until = window.firstRow_ms
  const entries = [...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource')]
  return {
    until_ms: until,
    requests: entries
      .filter((entry) => entry.startTime < until && !entry.name.endsWith('/stream'))
      .map(({ name, startTime, responseEnd, transferSize, encodedBodySize, decodedBodySize }) => {
        const { pathname } = new URL(name)
        return { pathname, startTime, responseEnd, transferSize, encodedBodySize, decodedBodySize }
      }),
  }
}

test('the first row can be clicked after few requests and few bytes', async (t) => {
  await page.addInitScript(noteFirstRow)
  const network = await browser.context.newCDPSession(page)
  await network.send('Network.enable')
  const times = []
  let last
  for (let round = 0; round < ROUNDS; round += 1) {
    await network.send('Network.clearBrowserCache')
    await page.goto(`${server.origin}/queue`)
    await page.waitForFunction(() => window.firstRow_ms !== undefined)
    last = await page.evaluate(asked)
    times.push(last.until_ms)
  }
  const { requests } = last
  const sum = (list, of) => list.reduce((total, each) => total + each[of], 0)
  const scripts = requests.filter(({ pathname }) => pathname.endsWith('.js'))
  const packed = sum(scripts, 'encodedBodySize') < sum(scripts, 'decodedBodySize') / 2
  const inOrder = times.toSorted((a, b) => a - b)
  const told = {
    first_row_ms: { median: Math.round(inOrder[Math.floor(ROUNDS / 2)]), max: Math.round(inOrder.at(-1)) },
    requests: requests.length,
    api: requests.filter(({ pathname }) => pathname.startsWith('/api/')).map(({ pathname }) => pathname),
    script_bytes: sum(scripts, 'encodedBodySize'),
    bytes: sum(requests, 'encodedBodySize'),
  }
  t.diagnostic(JSON.stringify(told))
  assert.ok(
    requests.every(({ transferSize }) => transferSize > 0),
    'nothing came from a cache',
  )
  assert.ok(told.requests <= REQUESTS_MAX, `${told.requests} requests`)
  const allowed = ASKED.map((path) => `/api/v1${path}`)
  assert.deepEqual(
    told.api.filter((path, index) => !allowed.includes(path) || told.api.indexOf(path) !== index),
    [],
  )
  assert.ok(packed, 'scripts come packed')
  assert.ok(told.script_bytes <= SCRIPT_BYTES_MAX, `${told.script_bytes} bytes of scripts`)
  assert.ok(told.bytes <= BYTES_MAX, `${told.bytes} bytes`)
  assert.deepEqual(browser.faults, [])
})
