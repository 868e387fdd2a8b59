/**
 * Acme's leaked key in the browser, with (an emulator of) AWS behind it: CloudTrail says that AWS quarantined it, one
 * person asks, another approves, the key is inactive and verified, and active again when it is taken back.
 * `HUECRY_BINARY=…/huecry HUECRY_MOTO=$(.ci/moto) npm run e2e`
 */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { openBrowser } from './browser.mjs'
import { quarantined, trail } from './cloudtrail.mjs'
import { startMoto } from './moto.mjs'
import { apiOf, signIn, startServer } from './server.mjs'

/** From a click to what it does elsewhere, with the look whether it took effect. */
const EFFECT_MS_MAX = 20_000

let moto
let server
let api
const people = {}

before(async () => {
  if (process.env.HUECRY_DATA_DIR) return
  moto = await startMoto()
  if (!moto) return
  server = await startServer(moto)
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
})

after(async () => {
  for (const { browser } of Object.values(people)) await browser.close()
  await server?.stop()
  await moto?.stop()
})

const state = (page, name) => page.locator(`[data-testid=containment-state][data-state=${name}]`).first()

/** The incident that the record has raised. */
async function raised(record, key) {
  const send = await trail(server, api, `trail-${Date.now()}`)
  await send(record)
  for (const until = Date.now() + EFFECT_MS_MAX; Date.now() < until;) {
    const { items } = await api('GET', `/api/v1/incidents?entity=${key}&limit=1`)
    if (items.length > 0) return items[0].id
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  throw new Error('no incident was raised')
}

test('a leaked key: asked for, approved by another, inactive at AWS, kept, and given back', async (t) => {
  if (!moto) return t.skip('HUECRY_MOTO names no emulator of AWS, or the server runs elsewhere')
  const [ana, ben] = [people.ana.page, people.ben.page]
  const user = `deployer-${Date.now()}`
  const key = await moto.keyOf(user)
  const incident = await raised(quarantined(user, key), key)
  assert.equal(await moto.status(user), 'Active')

  await ana.goto(`${server.origin}/incidents/${incident}`)
  await ana.getByRole('button', { name: 'Contain…' }).click()
  const dialog = ana.getByRole('dialog')
  await dialog.getByRole('combobox', { name: 'What to do' }).fill('Deactivate the access key')
  await ana.getByRole('option', { name: /AWS: Deactivate the access key/ }).click()
  await dialog.getByRole('combobox', { name: /^Target/ }).fill(key)
  await ana.keyboard.press('Escape')
  await dialog.getByLabel('Why?').fill('AWS found it in public.')
  await dialog.getByRole('button', { name: 'Show what it would change' }).click()
  await dialog.getByTestId('preview').getByText('Inactive').first().waitFor()
  await dialog.getByRole('button', { name: 'Ask for approval' }).click()
  await ana.waitForURL('**/containments/*')
  const id = new URL(ana.url()).pathname.split('/').at(-1)
  assert.equal(await moto.status(user), 'Active', 'asking changes nothing')

  await ben.goto(`${server.origin}/containments/${id}`)
  await ben.getByRole('button', { name: /^Deactivate the access key .* until/ }).click()
  await state(ben, 'verified').waitFor({ timeout: EFFECT_MS_MAX })
  assert.equal(await moto.status(user), 'Inactive')

  // who asked keeps it for a day at most, who approved for as long as it takes
  await state(ana, 'verified').waitFor({ timeout: EFFECT_MS_MAX })
  await ana.getByRole('button', { name: 'Keep it for longer…' }).click()
  await ana.getByText('on more than a day somebody else decides').waitFor()
  await ben.locator('body').press('e')
  await ben.getByRole('combobox', { name: 'For how long, from now on?' }).click()
  await ben.getByRole('option', { name: 'until somebody takes it back' }).click()
  await ben.getByLabel('Why is it kept?').fill('The key is not to be used again.')
  await ben.getByRole('button', { name: 'Keep it', exact: true }).click()
  await ben.getByText('only when somebody does it: it is kept').waitFor()

  await ben.getByRole('button', { name: /^Take it back now/ }).click()
  await ben.getByLabel('Why is it taken back?').fill('It was an example.')
  await ben.getByRole('button', { name: 'Take it back', exact: true }).click()
  await state(ben, 'reverted').waitFor({ timeout: EFFECT_MS_MAX })
  assert.equal(await moto.status(user), 'Active')
})

test('glass that was broken is seen by everybody', async (t) => {
  if (!moto) return t.skip('HUECRY_MOTO names no emulator of AWS, or the server runs elsewhere')
  const [ana, ben] = [people.ana.page, people.ben.page]
  const user = `builder-${Date.now()}`
  const key = await moto.keyOf(user)
  const asked = { action: 'aws.deactivate_key', target: key, reason: 'It spreads.' }
  const { id } = await api('POST', '/api/v1/containments', { body: asked })
  await ben.goto(`${server.origin}/containments/${id}`)
  await ben.getByRole('button', { name: 'Apply it without approval…' }).click()
  const dialog = ben.getByRole('dialog')
  await dialog.getByLabel('Why can it not wait?').fill('Nobody on call answers.')
  await dialog.getByRole('checkbox').check()
  await dialog.getByRole('button', { name: 'Apply it without approval' }).click()
  await state(ben, 'verified').waitFor({ timeout: EFFECT_MS_MAX })
  assert.equal(await moto.status(user), 'Inactive')
  await ana.goto(`${server.origin}/containments/${id}`)
  const told = ana.getByRole('alert').filter({ hasText: 'Glass was broken' })
  await told.getByText('Nobody on call answers.').waitFor()
  await ana.goto(`${server.origin}/containments?tab=in_effect`)
  await ana.getByText('glass broken').first().waitFor()
})
