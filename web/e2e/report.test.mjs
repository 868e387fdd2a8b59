/**
 * Reports from people, on a real server, as they are made and decided: by a stranger with a form, by two moderators, each
 * in a browser of their own. `HUECRY_BINARY=…/huecry npm run e2e`
 */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { tmpdir } from 'node:os'
import { after, before, test } from 'node:test'
import { breaches } from './accessibility.mjs'
import { openBrowser, setScheme } from './browser.mjs'
import { apiOf, signIn, startServer } from './server.mjs'

/** From the empty form to the receipt, with every letter typed. */
const REPORT_MS_MAX = 20_000
/** From a decision to the reporter's page. */
const NEWS_MS_MAX = 5_000
const KEY_MS = 15

let server
let api
/** Who is in which browser. */
const people = {}

before(async () => {
  server = await startServer()
  api = apiOf(server)
  for (const name of ['stranger', 'ana', 'ben']) {
    const browser = await openBrowser()
    const page = browser.context.pages()[0] ?? (await browser.context.newPage())
    page.setDefaultTimeout(90_000)
    browser.watch(page, server.origin)
    people[name] = { browser, page }
  }
  await signIn(people.ana.page, server)
  const named = `Ben ${Date.now()}`
  const { link } = await api('POST', '/api/v1/people/links', { body: { name: named, roles: ['moderator'] } })
  const { page } = people.ben
  await page.goto(link.replace(new URL(link).origin, server.origin))
  await page.getByLabel('Your name').fill(named)
  await page.getByRole('button', { name: 'Enter' }).click()
  await page.waitForURL((url) => url.pathname !== '/enter')
})

after(async () => {
  for (const { browser } of Object.values(people)) await browser.close()
  await server?.stop()
})

const report = (id) => api('GET', `/api/v1/reports/${id}`)

async function until(check, what) {
  for (let tries = 0; tries < 200; tries += 1) {
    if (await check()) return
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  assert.fail(what)
}

/** Fills in the form as a stranger does, and comes to the receipt; gives the report's id. */
async function file(page, where) {
  await page.goto(`${server.origin}/report`)
  await page.getByRole('radio', { name: 'Leaked secret' }).check()
  await page.getByLabel('Where does it stand?').pressSequentially(where, { delay: KEY_MS })
  await page.getByLabel('What kind of secret?').selectOption('Cloud access key')
  await page.getByRole('button', { name: 'Send the report' }).click()
  await page.waitForURL('**/receipt')
  await page.getByTestId('state').waitFor()
  return (await page.locator('main').innerText()).match(/rep_[0-9A-Z]{26}/)[0]
}

/** Opens a report at the desk and chooses what becomes of it. */
async function choose(page, id, key) {
  await page.goto(`${server.origin}/reports?id=${id}`)
  await page.getByRole('region', { name: 'Decide' }).waitFor()
  await page.getByRole('heading', { level: 2 }).first().click()
  await page.keyboard.press(key)
  await page.getByLabel(/to the reporter$/).waitFor()
}

test('a stranger reports in seconds, is decided by keys, and sees it within seconds', async () => {
  const { page } = people.stranger
  await page.goto(`${server.origin}/report`)
  await page.getByRole('button', { name: 'Send the report' }).waitFor()
  for (const form of await page.locator('input[name=form]').all()) {
    await form.check()
    const needed = await page.locator('form [aria-required=true]').count()
    assert.ok(needed >= 1 && needed <= 3, `${needed} required fields`)
  }
  const begun = Date.now()
  const id = await file(page, 'The deploy key of checkout stands in the log of the nightly build, line 40.')
  assert.ok(Date.now() - begun <= REPORT_MS_MAX, `it took ${Date.now() - begun} ms`)
  assert.equal(new URL(page.url()).hash, '', 'the secret is not left in the address')
  const link = await page.getByLabel('The receipt’s link').inputValue()
  assert.match(link, /\/receipt#hcrc_/)
  assert.equal((await report(id)).reporter.kind, 'anonymous')

  const desk = people.ana.page
  await desk.goto(`${server.origin}/reports`)
  await desk.locator(`#row-${id}`).click()
  await choose(desk, id, 'a')
  await desk.keyboard.type('Thank you. The key is being replaced.')
  const [answer] = await Promise.all([
    desk.waitForResponse((response) => response.url().endsWith('/decision')),
    desk.keyboard.press('Control+Enter'),
  ])
  assert.equal(answer.status(), 200)
  await page.locator('[data-testid=state][data-state=accepted]').waitFor({ timeout: NEWS_MS_MAX })
  await page.getByText('Thank you. The key is being replaced.').waitFor()

  // it is a finding of an incident, which the desk leads to
  await until(async () => (await report(id)).incident, 'no incident came of it')
  const { incident } = await report(id)
  await desk.goto(`${server.origin}/reports?state=any&id=${id}`)
  await desk.getByRole('link', { name: 'Its incident' }).click()
  await desk.waitForURL(`**/incidents/${incident}`)
  await page.getByText(/works on it|In the queue/).waitFor()

  // the link opens it anywhere
  const again = await people.stranger.browser.context.newPage()
  await again.goto(link)
  await again.locator('[data-testid=state][data-state=accepted]').waitFor()
  assert.equal(new URL(again.url()).hash, '')
  await again.close()
})

test('a decline is appealed in two clicks, not decided by who made it, and overturned by another', async () => {
  const { page } = people.stranger
  const id = await file(page, 'A password is in the readme of the runbooks, in the second section.')
  const desk = people.ana.page
  await choose(desk, id, 'd')
  await desk.getByRole('combobox', { name: 'Reason' }).click()
  await desk.getByRole('option', { name: 'As intended' }).click()
  await desk.getByLabel('Note to the reporter').fill('It is an example.')
  await desk.getByRole('button', { name: 'Submit', exact: true }).click()
  await page.locator('[data-testid=state][data-state=declined]').waitFor({ timeout: NEWS_MS_MAX })
  await page.getByText('As intended').waitFor()

  await page.getByRole('button', { name: 'Appeal' }).click()
  await page.getByLabel('Why should it be looked at again?').fill('It opens production: I saw it in the log.')
  await page.getByRole('button', { name: 'Send the appeal' }).click()
  await page.getByText('You appealed', { exact: true }).waitFor()

  const answer = async (desk) => {
    await desk.goto(`${server.origin}/appeals`)
    const one = desk.locator('article').filter({ has: desk.locator(`a[href*="${id}"]`) })
    await one.getByLabel('Explanation to whoever appealed').fill('It does open production. Thank you.')
    await one.getByRole('button', { name: 'Overturn' }).click()
    return one
  }
  const own = await answer(desk)
  await own.getByText('You made this decision.').waitFor()
  assert.equal((await report(id)).state, 'declined')
  await answer(people.ben.page)
  await page.locator('[data-testid=state][data-state=accepted]').waitFor({ timeout: NEWS_MS_MAX })
  await page.getByText('It does open production. Thank you.').first().waitFor()
})

test('a question goes to the reporter, and the answer back', async () => {
  const { page } = people.stranger
  const id = await file(page, 'There is a token in a chat of the platform team since this morning.')
  const desk = people.ben.page
  await choose(desk, id, 's')
  await desk.keyboard.type('In which channel?')
  await desk.keyboard.press('Control+Enter')
  await page.locator('[data-testid=state][data-state=needs_info]').waitFor({ timeout: NEWS_MS_MAX })
  await page.getByLabel('Your answer').fill('In the one about releases.')
  await page.getByRole('button', { name: 'Send', exact: true }).click()
  await desk.goto(`${server.origin}/reports?state=any&id=${id}`)
  await desk.getByText('In the one about releases.').waitFor()
})

test('what is personal leaves the browser in no request, not even half typed', async () => {
  const { page } = people.stranger
  const planted = [
    ['jane.quendel@corp.example', ['jane.quendel', 'quendel', 'corp.example']],
    ['+49 170 5550123', ['5550123', '170 555', '0170']],
    ['4111 1111 1111 1111', ['4111', '1111 1111']],
    ['Hello, my name is Mara Ostrander', ['Ostrander', 'Mara']],
    ['AKIAIOSFODNN7EXAMPLE', ['AKIAIOSF', 'FODNN7']],
  ]
  const sent = []
  const hear = (request) => sent.push(`${request.method()} ${request.url()}\n${request.postData() ?? ''}`)
  page.on('request', hear)
  await page.goto(`${server.origin}/report`)
  const box = page.getByLabel('What did you see?')
  await box.pressSequentially('somebody who is not known to us called about the bucket with our backups, ', {
    delay: KEY_MS,
  })
  for (const [text] of planted) {
    await box.pressSequentially(`and wrote ${text}`, { delay: KEY_MS * 2 })
    // long enough for what is asked while one types
    await page.waitForTimeout(800)
    await box.pressSequentially(' into it as far as can be told, ', { delay: KEY_MS })
  }
  await page.getByTestId('preview').first().waitFor()
  await page.getByRole('button', { name: 'Send the report' }).click()
  await page.waitForURL('**/receipt')
  await page.getByLabel('Add something').fill(planted.map(([text]) => `it was ${text}`).join('\n'))
  await page.getByRole('button', { name: 'Send', exact: true }).click()
  await page.getByText('You ·').waitFor()
  page.off('request', hear)
  assert.ok(
    sent.some((text) => text.includes('/reports/related')),
    'related matters were asked for',
  )
  assert.ok(
    sent.some((text) => /POST \S+\/api\/v1\/reports\n/.test(text)),
    'the report was sent',
  )
  for (const [text, parts] of planted) {
    for (const part of [text, ...parts]) {
      const told = sent.filter((each) => decodeURIComponent(each).toLowerCase().includes(part.toLowerCase()))
      assert.deepEqual(told, [], `${part} left the browser`)
    }
  }
})

test('without a connection nothing is lost: it is kept, masked, and sent when there is one', async () => {
  const { page, browser } = people.stranger
  await page.goto(`${server.origin}/report`)
  await page.getByLabel('What did you see?').fill('The wiki asks for the password of jane.quendel@corp.example again.')
  await page.getByTestId('preview').first().waitFor()
  await browser.context.setOffline(true)
  await page.getByRole('button', { name: 'Send the report' }).click()
  await page.getByText('Not sent yet: no connection').waitFor()
  await page.getByText('Saved on this device, masked').first().waitFor()
  const kept = await page.evaluate(() => localStorage.getItem('huecry.report.draft'))
  assert.match(kept, /\[email 1\]/)
  assert.doesNotMatch(kept, /quendel/)
  // still after what is written in between would be kept
  await page.waitForTimeout(1_200)
  assert.match(
    await page.evaluate(() => localStorage.getItem('huecry.report.draft')),
    /"waiting":\{"key":"[0-9a-f]{32}"/,
  )
  await browser.context.setOffline(false)
  await page.waitForURL('**/receipt')
  assert.equal(await page.evaluate(() => localStorage.getItem('huecry.report.draft')), null)
})

test('who is signed in can report without saying so', async () => {
  const { page } = people.ben
  await page.goto(`${server.origin}/report`)
  await page.getByRole('switch', { name: /Without my name/ }).check()
  const cookies = []
  page.on('request', async (request) => {
    if (!/\/api\/v1\/reports(\/|$)/.test(new URL(request.url()).pathname)) return
    const { cookie, authorization } = await request.allHeaders()
    cookies.push([request.url(), cookie ?? authorization ?? null])
  })
  await page.getByLabel('What did you see?').fill('An invoice came that nobody ordered, by a link to our own drive.')
  await page.getByRole('button', { name: 'Send the report' }).click()
  await page.waitForURL('**/receipt')
  await page.getByTestId('state').waitFor()
  assert.ok(cookies.length > 0)
  assert.deepEqual(
    cookies.filter(([, who]) => who !== null),
    [],
  )
  const id = (await page.locator('main').innerText()).match(/rep_[0-9A-Z]{26}/)[0]
  assert.equal((await report(id)).reporter.kind, 'anonymous')
  // and makes it theirs after all
  await page.getByRole('button', { name: 'Add it to my reports' }).click()
  await page.getByText('It is among the reports of an account.').waitFor()
  await page.goto(`${server.origin}/my-reports`)
  await page.getByText(id).waitFor()
})

test('the proof of a report is verified in the browser', async () => {
  const { page } = people.stranger
  await file(page, 'The certificate of the old gateway is in a public gist.')
  await until(async () => {
    await page.getByRole('button', { name: 'Verify here' }).click()
    await page.waitForTimeout(300)
    const outcome = await page.getByTestId('proof').getAttribute('data-outcome')
    assert.notEqual(outcome, 'bad', await page.getByTestId('proof').innerText())
    if (outcome !== 'good') await page.reload()
    return outcome === 'good'
  }, 'no proof came')
})

test('the same report by the command line and by a tool of a model stands at the desk', async () => {
  const where = 'The registry token of checkout is in the cache of its runner.'
  const { secret } = await api('POST', '/api/v1/tokens', {
    body: { name: `Assistant ${Date.now()}`, scopes: ['mcp:use', 'reports:write'] },
  })
  const set = ['--set', `where=${where}`, '--set', 'secret_kind=cloud']
  const typed = spawnSync(
    process.env.HUECRY_BINARY,
    ['report', '--form', 'leaked-secret', '--service', 'checkout', ...set, '--json', '--url', server.api],
    { encoding: 'utf8', cwd: tmpdir(), env: { PATH: process.env.PATH, HUECRY_TOKEN: secret } },
  )
  assert.equal(typed.status, 0, typed.stderr)
  const asked = {
    name: 'report',
    arguments: { form: 'leaked-secret', service: 'checkout', fields: { where, secret_kind: 'Cloud access key' } },
  }
  const response = await fetch(`${server.api}/mcp`, {
    method: 'POST',
    headers: {
      Authorization: `Bearer ${secret}`,
      'Content-Type': 'application/json',
      Accept: 'application/json, text/event-stream',
    },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: asked }),
  })
  const { result } = await response.json()
  assert.equal(result.isError, false, JSON.stringify(result))
  const desk = people.ana.page
  for (const [sent, channel] of [
    [JSON.parse(typed.stdout), 'cli'],
    [result.structuredContent, 'mcp'],
  ]) {
    const kept = await report(sent.id)
    assert.deepEqual([kept.channel, kept.fields.where, kept.reporter.kind], [channel, where, 'token'])
    await desk.goto(`${server.origin}/reports?id=${sent.id}`)
    await desk.getByText(`by ${channel}`).first().waitFor()
    const { page } = people.stranger
    await page.goto(sent.receipt.url.replace(new URL(sent.receipt.url).origin, server.origin))
    await page.locator('[data-testid=state]').waitFor()
    assert.match(await page.locator('main').innerText(), new RegExp(sent.id))
  }
})

test('navigation shows what one may enter, and a reporter is not sent where they may not be', async () => {
  const { link } = await api('POST', '/api/v1/people/links', {
    body: { name: `Rita ${Date.now()}`, roles: ['reporter'] },
  })
  const browser = await openBrowser()
  try {
    const page = browser.context.pages()[0]
    await page.goto(link.replace(new URL(link).origin, server.origin))
    await page.getByRole('button', { name: 'Enter' }).click()
    await page.waitForURL((url) => url.pathname !== '/enter' && url.pathname !== '/')
    const places = await page.getByRole('navigation', { name: 'Places' }).getByRole('link').allInnerTexts()
    assert.ok(places.includes('My reports'), places.join())
    assert.ok(!places.includes('Appeals'), places.join())
  } finally {
    await browser.close()
  }
})

test('every page can be used by everyone, wide and narrow, in both themes', async (t) => {
  const { page, browser } = people.stranger
  const receipt = await file(page, 'The key of the old runner is in an image that everybody can pull.')
  const link = await page.getByLabel('The receipt’s link').inputValue()
  const desk = people.ana
  const looks = [
    [people.stranger, '/report', (p) => p.getByRole('button', { name: 'Send the report' }).waitFor()],
    [
      people.stranger,
      '/report?form=leaked-secret&repository=acme/checkout&branch=main',
      async (p) => {
        await p.getByRole('button', { name: 'Send the report' }).click()
        await p.getByRole('alert').waitFor()
        await p
          .getByLabel('Where does it stand?')
          .fill('It is by jane.quendel@corp.example, his fault, card 4111 1111 1111 1111')
        await p.getByTestId('preview').first().waitFor()
      },
    ],
    [people.stranger, new URL(link).pathname + new URL(link).hash, (p) => p.getByTestId('state').waitFor()],
    [people.stranger, '/policy', (p) => p.getByRole('heading', { name: 'Reasons' }).waitFor()],
    [people.stranger, '/digests', (p) => p.getByRole('heading', { level: 1 }).waitFor()],
    [desk, `/reports?id=${receipt}`, (p) => p.getByRole('region', { name: 'Decide' }).waitFor()],
    [desk, '/reports?state=any', (p) => p.locator('[id^=row-]').first().waitFor()],
    [desk, '/appeals', (p) => p.getByRole('heading', { level: 1 }).waitFor()],
    [desk, '/my-reports', (p) => p.getByRole('heading', { name: 'Credit' }).waitFor()],
    [desk, '/digest-drafts', (p) => p.getByRole('button', { name: 'Draft it' }).waitFor()],
  ]
  const found = []
  for (const [who, path, ready] of looks) {
    for (const width of [1440, 390, 320]) {
      await who.page.setViewportSize({ width, height: 900 })
      await who.page.goto('about:blank')
      await who.page.goto(server.origin + path)
      await ready(who.page)
      for (const scheme of ['light', 'dark']) {
        await setScheme(who.page, scheme)
        await who.page.evaluate(() =>
          Promise.all(document.getAnimations().map((each) => each.finished.catch(() => null))),
        )
        const over = await who.page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth)
        const faults = [...(await breaches(who.page)), ...(over > 0 ? [`${over} px wider than the window`] : [])]
        found.push(...faults.map((fault) => `${path} ${width} ${scheme}: ${fault}`))
      }
    }
    await who.page.setViewportSize({ width: 1440, height: 900 })
  }
  t.diagnostic(`${looks.length * 6} looks`)
  assert.deepEqual(found, [])
  assert.deepEqual([...browser.faults, ...desk.browser.faults], [])
})
