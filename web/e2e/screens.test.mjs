/**
 * Every screen in both themes and at four widths, on a demo's data: nothing wider than the window, nothing that only some
 * can use, nothing said on the browser's console. `HUECRY_PICTURES=1` leaves a picture of each in `e2e/out`.
 */
import assert from 'node:assert/strict'
import { mkdirSync } from 'node:fs'
import { after, before, test } from 'node:test'
import { breaches } from './accessibility.mjs'
import { openBrowser, setScheme } from './browser.mjs'
import { screensOf } from './screens.mjs'
import { apiOf, signIn, startServer } from './server.mjs'
import { startVendor } from './vendor.mjs'

/** Each screen is opened wide and narrow; from there the window is made smaller or larger, and the theme changed. */
const WIDTHS = { 1440: [1440, 768], 320: [320, 390] }
const SCHEMES = ['light', 'dark']
const HEIGHTS = { 1440: 900, 768: 1024, 390: 844, 320: 640 }
const OUT = new URL('./out/', import.meta.url).pathname
const pictures = process.env.HUECRY_PICTURES
/** A part of the screens by name, to look at while working on one. */
const only = process.env.HUECRY_SCREENS?.split(',')

/** Shipped; without a connection to AWS its first steps fail, and it waits for a person. */
const LEAKED_KEY = 'Leaked AWS access key'

let server
let vendor
let browser
let page
let screens

before(async () => {
  vendor = await startVendor()
  server = await startServer(vendor)
  browser = await openBrowser()
  page = browser.context.pages()[0] ?? (await browser.context.newPage())
  page.setDefaultTimeout(30_000)
  browser.watch(page, server.origin)
  await signIn(page, server)
  screens = screensOf(await arrange(apiOf(server)))
  if (pictures) mkdirSync(OUT, { recursive: true })
})

after(async () => {
  await browser?.close()
  await server?.stop()
  await vendor?.stop()
})

/** Something in each state: an incident with people's work on it, one that is decided, a dead letter. */
async function arrange(api) {
  const { items } = await api('GET', '/api/v1/incidents?limit=20')
  const [incident] = items.filter(({ findings, severity }) => findings >= 5 && findings < 60 && severity === 'critical')
  const decided = items.at(-1)
  if (incident.version === 1) {
    const path = `/api/v1/incidents/${incident.id}`
    const text = 'The key is of the old deployer. Rotated it; asked the platform team who still uses it.'
    await api('PATCH', path, { body: { assignee: 'ben@acme.example', status: 'in_progress' }, version: 1 })
    await api('POST', `${path}/comments`, { body: { text } })
    await api('POST', `${path}/link`, {
      body: { to: items[1].id === incident.id ? items[2].id : items[1].id, kind: 'related' },
    })
  }
  if (decided.version === 1) {
    const body = { status: 'closed', verdict: 'benign', reason: 'the audit of this quarter, announced' }
    await api('PATCH', `/api/v1/incidents/${decided.id}`, { body, version: 1 })
  }
  await sendDeadLetter(api)
  const { loaded } = await api('GET', '/api/v1/rules')
  const matched = loaded.filter((rule) => rule.matches > 0).toSorted((a, b) => b.matches - a.matches)
  // rules that raise nothing by themselves keep what they matched
  const rule = matched.find((each) => !each.is_correlation && /correlations\/aws/.test(each.file))
  const correlation = matched.find((each) => each.is_correlation)
  const counted = matched.find((each) => !each.is_correlation && each.file === correlation.file)
  const waits = await fileReport(api, 'The deploy key of checkout stands in the log of the nightly build.')
  const declined = await fileReport(api, 'A password is in the readme of the runbooks.')
  const body = { kind: 'decline', reason: 'expected', note: 'It is an example, and opens nothing.' }
  await api('POST', `/api/v1/reports/${declined.id}/decision`, { body, version: 1 })
  return {
    ...(await contain(api, incident)),
    report: waits.id,
    receipt: waits.receipt.secret,
    declinedReceipt: declined.receipt.secret,
    incident: incident.id,
    decided: decided.id,
    rule: rule.id,
    matched: await lastMatched(api, rule),
    correlation: correlation.id,
    counted: await lastMatched(api, counted),
  }
}

/** A containment that waits for approval, and a run with a step that waits for a person; a server elsewhere has no vendor. */
async function contain(api, { id: incident }) {
  const { items: actions } = await api('GET', '/api/v1/actions')
  if (!actions.some(({ name, connected }) => name === 'webhook.contain' && connected)) return {}
  const asked = { action: 'webhook.contain', target: `checkout-${Date.now()}`, ttl_minutes: 240, incident }
  const reason = 'Its deploy key stands in a public gist since 08:10, and was used from a network that nobody knows.'
  const containment = await api('POST', '/api/v1/containments', { body: { ...asked, reason } })
  const { items: playbooks } = await api('GET', '/api/v1/playbooks')
  const playbook = playbooks.find(({ name }) => name === LEAKED_KEY)
  const values = { __key__: 'AKIAIOSFODNN7EXAMPLE', __user__: 'deployer' }
  const run = await api('POST', '/api/v1/runs', { body: { playbook: playbook.id, incident, values, reason } })
  return { containment: containment.id, playbook: playbook.id, run: run.id }
}

function fileReport(api, where) {
  const body = { form: 'leaked-secret', fields: { where, secret_kind: 'Password' }, channel: 'web', anonymous: true }
  return api('POST', '/api/v1/reports', { body })
}

/** The last record that a rule matched, as its source sent it. */
async function lastMatched(api, { id }) {
  const { samples } = await api('GET', `/api/v1/rules/${id}`)
  const body = { sql: 'SELECT raw FROM events WHERE event_id = $1', parameters: [samples[0].event_id] }
  const { rows } = await api('POST', '/api/v1/query', { body })
  return JSON.parse(rows[0][0])
}

async function sendDeadLetter(api) {
  const { items } = await api('GET', '/api/v1/sources')
  const source = items.find(({ kind }) => kind === 'aws_cloudtrail').name
  const { secret } = await api('POST', '/api/v1/tokens', { body: { name: `e2e-${Date.now()}`, source } })
  const sent = await fetch(`${server.api}/api/v1/ingest/${source}`, {
    method: 'POST',
    headers: { Authorization: `Bearer ${secret}` },
    body: JSON.stringify({ Records: [{ note: 'this is no record of CloudTrail' }] }),
  })
  assert.equal(sent.status, 200, await sent.text())
  const { items: dead } = await api('GET', '/api/v1/dead-letters?limit=1')
  if (dead.length === 0) await new Promise((resolve) => setTimeout(resolve, 1_500))
}

/** Nothing is being loaded, and what moves has come to rest. */
async function atRest() {
  await page.locator('[role=status][aria-label^=Loading]').first().waitFor({ state: 'detached' })
  await page.evaluate(() => document.fonts.ready)
  await page.evaluate(() => Promise.all(document.getAnimations().map((each) => each.finished.catch(() => null))))
}

/** All that is wrong with what is shown now. */
async function faultsOf(name) {
  const over = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth)
  return [
    ...(await breaches(page)),
    ...(over > 0 ? [`${over} px wider than the window`] : []),
    ...browser.faults.splice(0),
  ].map((fault) => `${name}: ${fault}`)
}

async function visit({ name, path, act, stubs = [], loads }) {
  for (const [pattern, answer] of stubs) await page.route(pattern, answer)
  await page.goto(server.origin + path)
  try {
    await page.locator('h1, [role=alert], main').first().waitFor()
    await act?.(page)
    if (!loads) await atRest()
    return []
  } catch (error) {
    return [`${name}: ${error.message}`]
  }
}

for (const [opened, shown] of Object.entries(WIDTHS)) {
  test(`every screen can be used by everyone, opened at ${opened} px`, async (t) => {
    const found = []
    let looks = 0
    for (const screen of screens) {
      const { name, widths } = screen
      if ((widths && !widths.includes(Number(opened))) || (only && !only.includes(name))) continue
      await page.setViewportSize({ width: Number(opened), height: HEIGHTS[opened] })
      found.push(...(await visit(screen)))
      for (const width of shown.filter((each) => !widths || widths.includes(each))) {
        await page.setViewportSize({ width, height: HEIGHTS[width] })
        for (const scheme of SCHEMES) {
          const look = `${name}-${scheme}-${width}`
          const failed = await setScheme(page, scheme).then(
            () => null,
            (error) => `${look}: ${error.message}`,
          )
          if (failed) {
            found.push(failed)
            continue
          }
          if (!screen.loads) await atRest()
          if (pictures) await page.screenshot({ path: `${OUT}${look}.png` })
          found.push(...(await faultsOf(look)))
          looks += 1
        }
      }
      await page.unrouteAll({ behavior: 'ignoreErrors' })
    }
    t.diagnostic(`${looks} looks`)
    assert.ok(looks > 0)
    assert.deepEqual(found, [])
  })
}
