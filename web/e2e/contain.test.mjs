/**
 * Containment on a real server, as two people do it, each in a browser of their own: asked for by one, approved by the
 * other, seen at the system where it was done, taken back; and a playbook that comes to a person.
 * `HUECRY_BINARY=…/huecry npm run e2e`
 */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { breaches } from './accessibility.mjs'
import { openBrowser, setScheme } from './browser.mjs'
import { apiOf, signIn, startServer } from './server.mjs'
import { startVendor } from './vendor.mjs'

/** From a click to what it does elsewhere, with the look whether it took effect. */
const EFFECT_MS_MAX = 20_000

/** It runs elsewhere already, with a configuration of its own. */
const skip = process.env.HUECRY_DATA_DIR ? 'the server that runs is not connected to this test’s vendor' : false

let server
let vendor
let api
let incident
/** Who is in which browser: Ana administers, Ben responds. */
const people = {}

before(async () => {
  if (skip) return
  vendor = await startVendor()
  server = await startServer(vendor)
  api = apiOf(server)
  for (const name of ['ana', 'ben']) {
    const browser = await openBrowser()
    const page = browser.context.pages()[0] ?? (await browser.context.newPage())
    page.setDefaultTimeout(60_000)
    browser.watch(page, server.origin)
    people[name] = { browser, page }
  }
  await signIn(people.ana.page, server)
  const named = `Ben ${Date.now()}`
  const { link } = await api('POST', '/api/v1/people/links', { body: { name: named, roles: ['responder'] } })
  const { page } = people.ben
  await page.goto(link.replace(new URL(link).origin, server.origin))
  await page.getByLabel('Your name').fill(named)
  await page.getByRole('button', { name: 'Enter' }).click()
  await page.waitForURL((url) => url.pathname !== '/enter')
  const { items } = await api('GET', '/api/v1/incidents?limit=1')
  incident = items[0].id
})

after(async () => {
  for (const { browser } of Object.values(people)) await browser.close()
  await server?.stop()
  await vendor?.stop()
})

const state = (page, name) => page.locator(`[data-testid=containment-state][data-state=${name}]`).first()

/** Asks on the incident to contain a service; gives the containment's id. */
async function ask(page, target, reason) {
  await page.goto(`${server.origin}/incidents/${incident}`)
  await page.getByRole('button', { name: 'Contain…' }).click()
  const dialog = page.getByRole('dialog')
  await dialog.getByRole('combobox', { name: 'What to do' }).fill('Webhook')
  await page.getByRole('option', { name: /Webhook: Contain it/ }).click()
  await dialog.getByRole('combobox', { name: /^Target/ }).fill(target)
  await page.keyboard.press('Escape')
  await dialog.getByText('30 min', { exact: true }).click()
  await dialog.getByLabel('Why?').fill(reason)
  await dialog.getByRole('button', { name: 'Show what it would change' }).click()
  const seen = dialog.getByTestId('preview')
  await seen.waitFor()
  assert.match(await seen.innerText(), /not contained/)
  assert.match(await seen.innerText(), /Somebody other than you must approve/)
  await dialog.getByRole('button', { name: 'Ask for approval' }).click()
  await page.waitForURL('**/containments/*')
  return new URL(page.url()).pathname.split('/').at(-1)
}

test('one asks, another approves by keys; it is verified, shown to both, and taken back', { skip }, async () => {
  const [ana, ben] = [people.ana.page, people.ben.page]
  const target = `checkout-${Date.now()}`
  const id = await ask(ana, target, 'Its deploy key is in a public gist.')
  await ana.getByText('You cannot approve it:').waitFor()
  assert.equal(await ana.getByRole('button', { name: /^Contain it .* until/ }).count(), 0)
  assert.ok(!vendor.has(target), 'a look changes nothing')

  await ben.goto(`${server.origin}/queue`)
  await ben.getByRole('img', { name: /wait for you/ }).waitFor()
  await ben.goto(`${server.origin}/containments?id=${id}`)
  await ben.getByText('Its deploy key is in a public gist.').first().waitFor()
  await ben.getByRole('heading', { level: 2 }).first().waitFor()
  await ben.locator('body').press('a')
  const approve = ben.getByRole('button', { name: new RegExp(`${target} until \\d\\d:\\d\\d`) })
  assert.ok(await approve.evaluate((button) => button === document.activeElement), 'the key leads to the button')
  assert.ok(!vendor.has(target), 'the key alone approves nothing')
  await ben.keyboard.press('Enter')
  await state(ben.getByRole('article'), 'verified').waitFor({ timeout: EFFECT_MS_MAX })
  assert.ok(vendor.has(target))
  // who asked sees it without doing anything
  await state(ana, 'verified').waitFor({ timeout: EFFECT_MS_MAX })
  await ana.getByText(/taken back by itself/).waitFor()

  await ana.goto(`${server.origin}/incidents/${incident}`)
  const row = ana.getByRole('region', { name: 'Containment' }).getByRole('listitem').filter({ hasText: target })
  await row.getByRole('button', { name: 'Undo…' }).click()
  await row.getByLabel('Why is it taken back?').fill('The key was replaced.')
  await row.getByRole('button', { name: 'Take it back' }).click()
  await state(row, 'reverted').waitFor({ timeout: EFFECT_MS_MAX })
  assert.ok(!vendor.has(target))
  assert.deepEqual(
    vendor.changes.filter((change) => change.endsWith(target)),
    [`contain ${target}`, `release ${target}`],
  )
  await ben.goto(`${server.origin}/containments/${id}`)
  await state(ben, 'reverted').waitFor()
  await ben.getByText('The key was replaced.').first().waitFor()
})

test('a denial needs a reason, and nothing is done', { skip }, async () => {
  const [ana, ben] = [people.ana.page, people.ben.page]
  const target = `ledger-${Date.now()}`
  const id = await ask(ana, target, 'It looked odd.')
  await ben.goto(`${server.origin}/containments/${id}`)
  await ben.getByRole('button', { name: 'Deny…' }).waitFor()
  await ben.locator('body').press('d')
  const deny = ben.getByRole('button', { name: 'Deny', exact: true })
  assert.ok(await deny.isDisabled())
  await ben.getByLabel('Why not?').fill('It is the monthly close.')
  await deny.click()
  await state(ben, 'denied').waitFor()
  await state(ana, 'denied').waitFor({ timeout: EFFECT_MS_MAX })
  await ana.getByText('It is the monthly close.').first().waitFor()
  assert.deepEqual(
    vendor.changes.filter((change) => change.endsWith(target)),
    [],
  )
})

test('one lets another answer until a time, both see it, and it ends', { skip }, async () => {
  const [ana, ben] = [people.ana.page, people.ben.page]
  const named = await ben.evaluate(async () => (await (await fetch('/api/v1/session')).json()).person.name)
  await ana.goto(`${server.origin}/settings/you`)
  await ana.getByRole('button', { name: 'Let somebody answer for you…' }).click()
  const dialog = ana.getByRole('dialog')
  const give = dialog.getByRole('button', { name: 'Let them answer' })
  await dialog.getByRole('combobox', { name: /^Who/ }).fill(named)
  await ana.getByRole('option', { name: named }).click()
  await dialog.getByLabel('Why?').fill('I am on holiday.')
  const until = dialog.getByLabel('Until')
  const moment = (days) => new Date(Date.now() + days * 86_400_000).toISOString().slice(0, 16)
  assert.ok(await give.isDisabled(), 'it has an end')
  await until.fill(moment(40))
  await dialog.getByText('30 days from now at most', { exact: true }).waitFor()
  assert.ok(await give.isDisabled(), 'and a near one')
  await until.fill(moment(7))
  await give.click()
  await ana.getByRole('cell', { name: `${named} answers for you`, exact: true }).waitFor()

  await ben.goto(`${server.origin}/containments`)
  await ben.getByRole('note').filter({ hasText: 'You answer for' }).waitFor()
  const target = `payroll-${Date.now()}`
  const id = await ask(ana, target, 'It looked odd.')
  await ben.goto(`${server.origin}/containments/${id}`)
  // whom Ana has let does not answer for her what she has asked for
  await ben.getByRole('combobox', { name: 'Your answer is' }).click()
  await ben.getByRole('option', { name: /^for / }).click()
  await ben.getByRole('button', { name: new RegExp(`${target} until`) }).click()
  await ben.getByRole('alert').filter({ hasText: 'somebody else must approve' }).waitFor()
  await ben.getByRole('combobox', { name: 'Your answer is' }).click()
  await ben.getByRole('option', { name: 'your own' }).click()
  await ben.getByRole('button', { name: new RegExp(`${target} until`) }).click()
  await state(ben, 'verified').waitFor({ timeout: EFFECT_MS_MAX })

  await ben.goto(`${server.origin}/settings/you`)
  await ben.getByRole('button', { name: /^End You answer for/ }).click()
  await ben.getByRole('dialog').getByRole('button', { name: 'End it' }).click()
  await ben.getByText('Everybody answers for themselves.').waitFor()
})

test('what is not applied yet is called off by who asked', { skip }, async () => {
  const { page } = people.ana
  await ask(page, `search-${Date.now()}`, 'By mistake.')
  await page.getByRole('button', { name: 'Call it off…' }).waitFor()
  await page.locator('body').press('u')
  await page.getByLabel('Why is it called off?').fill('Wrong service.')
  await page.getByRole('button', { name: 'Call it off', exact: true }).click()
  await state(page, 'cancelled').waitFor()
})

test('a playbook is rehearsed, begun, and answered where it comes to a person', { skip }, async () => {
  const { page } = people.ben
  await page.goto(`${server.origin}/playbooks`)
  await page.getByRole('link', { name: 'Leaked AWS access key' }).click()
  await page.getByRole('region', { name: 'Steps' }).getByText('Deactivate the key').first().waitFor()
  const rehearse = page.getByRole('region', { name: 'Rehearse' })
  await rehearse.getByRole('combobox', { name: 'key' }).fill('AKIAIOSFODNN7EXAMPLE')
  await rehearse.getByRole('combobox', { name: 'user' }).fill('deployer')
  await page.keyboard.press('Escape')
  await rehearse.getByRole('button', { name: 'Rehearse' }).click()
  await page
    .getByTestId('rehearsal')
    .getByText(/target=AKIAIOSFODNN7EXAMPLE/)
    .first()
    .waitFor()

  await page.goto(`${server.origin}/incidents/${incident}`)
  await page.getByRole('button', { name: 'Run a playbook…' }).click()
  const dialog = page.getByRole('dialog')
  await dialog.getByRole('button', { name: /^Leaked AWS access key/ }).click()
  await dialog.getByRole('combobox', { name: 'key' }).fill('AKIAIOSFODNN7EXAMPLE')
  await dialog.getByRole('combobox', { name: 'user' }).fill('deployer')
  await page.keyboard.press('Escape')
  await dialog.getByLabel('Why?').fill('The key is in a public gist.')
  await dialog.getByRole('button', { name: 'Start' }).click()
  await page.waitForURL('**/runs/*')
  // nothing is connected to AWS here: what was to be done by a machine comes to a person
  const byHand = page.getByRole('listitem').filter({ hasText: 'Stop the key by hand' })
  await byHand.getByRole('button', { name: 'Done' }).waitFor()
  await byHand.getByRole('checkbox').first().check()
  await byHand.getByRole('button', { name: 'Done' }).click()
  const look = page.getByRole('listitem').filter({ hasText: 'What did the key do?' })
  await look.getByRole('button', { name: 'Skip…' }).click()
  const skipIt = look.getByRole('button', { name: 'Skip it' })
  assert.ok(await skipIt.isDisabled(), 'leaving it out needs a reason')
  await look.getByLabel('Why is it left out?').fill('It is an example key.')
  await skipIt.click()
  await look.getByText('Left out').waitFor()
  await page.getByRole('button', { name: 'Stop it…' }).click()
  await page.getByLabel('Why is it stopped?').fill('It was a drill.')
  await page.getByRole('button', { name: 'Stop the run' }).click()
  await page.locator('[data-testid=run-state][data-state=stopped]').waitFor()
})

test('every page can be used by everyone, wide and narrow, in both themes', { skip }, async (t) => {
  const { page, browser } = people.ben
  const id = await ask(people.ana.page, `mail-${Date.now()}`, 'It sends what it should not.')
  const { items: runs } = await api('GET', '/api/v1/runs')
  const { items: playbooks } = await api('GET', '/api/v1/playbooks')
  const looks = [
    [`/containments?id=${id}`, () => page.getByRole('region', { name: 'Decide' }).waitFor()],
    ['/containments?tab=all', () => page.locator('[id^=row-], article').first().waitFor()],
    [`/containments/${id}`, () => page.getByRole('region', { name: 'Decide' }).waitFor()],
    [
      `/containments/${id}`,
      async () => {
        await page.getByRole('button', { name: 'Apply it without approval…' }).click()
        await page.getByRole('dialog').waitFor()
      },
    ],
    [`/incidents/${incident}`, () => page.getByRole('button', { name: 'Contain…' }).waitFor()],
    ['/playbooks', () => page.locator('tbody tr').first().waitFor()],
    [`/playbooks/${playbooks[0].id}`, () => page.getByRole('heading', { name: 'Steps' }).waitFor()],
    ['/runs', () => page.locator('tbody tr').first().waitFor()],
    [`/runs/${runs[0].id}`, () => page.locator('[data-task]').first().waitFor()],
  ]
  const found = []
  for (const [path, ready] of looks) {
    for (const width of [1440, 390, 320]) {
      await page.setViewportSize({ width, height: 900 })
      await page.goto('about:blank')
      await page.goto(server.origin + path)
      await ready()
      for (const scheme of ['light', 'dark']) {
        await setScheme(page, scheme)
        await page.evaluate(() => Promise.all(document.getAnimations().map((each) => each.finished.catch(() => null))))
        const over = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth)
        const faults = [...(await breaches(page)), ...(over > 0 ? [`${over} px wider than the window`] : [])]
        found.push(...faults.map((fault) => `${path} ${width} ${scheme}: ${fault}`))
      }
    }
  }
  t.diagnostic(`${looks.length * 6} looks`)
  assert.deepEqual(found, [])
  assert.deepEqual([...browser.faults, ...people.ana.browser.faults], [])
})
