/** Every screen and the states of it that somebody works in; visited by `screens.test.mjs`. */

const heading = (page) => page.getByRole('heading', { level: 1 }).click()
const rows = (page) => page.locator('[role=row][aria-rowindex="2"]').first().waitFor()

/** Has a rule explain a record. */
async function explain(page, record, outcome) {
  await page.getByLabel('A record', { exact: true }).fill(JSON.stringify(record, null, 2))
  await page.getByRole('button', { name: 'Explain', exact: true }).click()
  const answer = page.locator(`[data-testid=explained][data-outcome=${outcome}]`)
  await answer.waitFor()
  await page.getByText('Every comparison').first().click()
  await answer.scrollIntoViewIfNeeded()
}

const PROBLEM = {
  code: 'query_too_slow',
  title: 'the query takes too long',
  status: 422,
  detail: 'the query took longer than 59000 ms',
  hint: 'narrow its time range, or ask for less',
  request_id: 'req_01ARZ3NDEKTSV4RRFFQ69G5FAV',
}

/** As for somebody who may not see an incident. */
const WITHHELD = [
  /\/api\/v1\/audit\?/,
  async (route) => {
    const answer = await (await route.fetch()).json()
    const items = answer.items.map((record, index) =>
      index > 2 ? record : { ...record, before: null, after: null, reason: null, origin: null, withheld: true },
    )
    await route.fulfill({ json: { ...answer, items } })
  },
]

const nobody = (route) =>
  route.fulfill({
    status: 401,
    json: { code: 'token_missing', title: 'there is no token', detail: 'sign in', hint: '' },
  })
const providers = { items: [{ id: 'corp', name: 'Corporate login', start: '/auth/oidc/corp/start' }] }
const NOBODY = [
  [/\/api\/v1\/(session|incidents\?.*)$/, nobody],
  [/\/api\/v1\/session\/providers$/, (route) => route.fulfill({ json: providers })],
]

/** Chooses what to do in the dialog of an incident, up to what it would change. */
async function preview(page) {
  await page.getByRole('button', { name: 'Contain…' }).click()
  const dialog = page.getByRole('dialog')
  await dialog.getByRole('combobox', { name: 'What to do' }).fill('Webhook')
  await page.getByRole('option', { name: /Webhook/ }).click()
  await dialog.getByRole('combobox', { name: /^Target/ }).fill('billing')
  await page.keyboard.press('Escape')
  await dialog.getByLabel('Why?').fill('It answers to somebody else.')
  await dialog.getByRole('button', { name: 'Show what it would change' }).click()
  await dialog.getByTestId('preview').waitFor()
}

/** Approves, denies, undoes: what is contained, and playbooks. */
const containmentOf = (ids) => [
  { name: 'containments', path: '/containments', act: (page) => page.locator('[id^=row-]').first().waitFor() },
  {
    name: 'containments-nothing',
    path: '/containments?tab=unknown',
    act: (page) => page.getByText('Nothing needs a person').waitFor(),
  },
  {
    name: 'containment',
    path: `/containments/${ids.containment}`,
    act: (page) => page.getByRole('region', { name: 'Decide' }).waitFor(),
  },
  {
    name: 'containment-deny',
    path: `/containments/${ids.containment}`,
    act: async (page) => {
      await heading(page)
      await page.keyboard.press('d')
      await page.getByLabel('Why not?').waitFor()
    },
  },
  {
    name: 'containment-break-glass',
    path: `/containments/${ids.containment}`,
    act: async (page) => {
      await page.getByRole('button', { name: 'Apply it without approval…' }).click()
      await page.getByRole('dialog').getByLabel('Why can it not wait?').waitFor()
    },
  },
  {
    name: 'containment-gone',
    path: '/containments/act_01ARZ3NDEKTSV4RRFFQ69G5FAV',
    act: (page) => page.getByRole('heading', { name: /no such containment/ }).waitFor(),
  },
  {
    name: 'incident-contained',
    path: `/incidents/${ids.incident}`,
    act: (page) => page.getByRole('region', { name: 'Containment' }).getByRole('link').first().waitFor(),
  },
  { name: 'incident-contain', path: `/incidents/${ids.incident}`, act: preview },
  {
    name: 'incident-run',
    path: `/incidents/${ids.incident}`,
    act: async (page) => {
      await page.getByRole('button', { name: 'Run a playbook…' }).click()
      await page.getByRole('dialog').getByRole('listitem').first().waitFor()
    },
  },
  { name: 'playbooks', path: '/playbooks', act: (page) => page.locator('tbody tr').first().waitFor() },
  {
    name: 'playbook',
    path: `/playbooks/${ids.playbook}`,
    act: (page) => page.getByRole('region', { name: 'Steps' }).getByRole('listitem').first().waitFor(),
  },
  { name: 'runs', path: '/runs', act: (page) => page.locator('tbody tr').first().waitFor() },
  {
    name: 'run',
    path: `/runs/${ids.run}`,
    act: (page) => page.getByRole('button', { name: 'Skip…' }).first().waitFor(),
  },
]

/**
 * The screens, with what leads into each state. `ids` names an incident, a decided one, a rule that matched with the
 * record that it `matched`, a correlation with one that `counted`, a `report` that waits with the secret of its `receipt`,
 * and that of a declined one; where something can be contained, a `containment` that waits, a `playbook` and a `run` of it.
 */
export const screensOf = (ids) => [
  ...(ids.containment ? containmentOf(ids) : []),
  { name: 'queue', path: '/queue', act: rows },
  {
    name: 'queue-pane',
    path: '/queue',
    widths: [1440],
    act: async (page) => {
      await rows(page)
      await page.keyboard.press('j')
      await page.getByRole('heading', { level: 2 }).first().waitFor()
      await page.getByRole('complementary', { name: 'Facts' }).waitFor()
    },
  },
  {
    name: 'queue-selected',
    path: '/queue?severity=high,medium',
    act: async (page) => {
      await rows(page)
      for (const key of ['j', 'x', 'j', 'x']) await page.keyboard.press(key)
      await page.getByText('2 selected').waitFor()
    },
  },
  {
    name: 'queue-nothing',
    path: '/queue?q=zzzzzz-no-such-thing',
    act: (page) => page.getByText('Nothing matches').waitFor(),
  },
  { name: 'incident', path: `/incidents/${ids.incident}`, act: (page) => page.locator('ol li').first().waitFor() },
  {
    name: 'incident-decided',
    path: `/incidents/${ids.decided}`,
    act: (page) => page.locator('ol li').first().waitFor(),
  },
  {
    name: 'incident-findings',
    path: `/incidents/${ids.incident}`,
    act: async (page) => {
      await page.getByRole('tab', { name: /Findings/ }).click()
      await page.locator('li button[aria-expanded]').first().click()
      await page.getByTestId('trace').waitFor()
    },
  },
  {
    name: 'incident-entities',
    path: `/incidents/${ids.incident}`,
    act: async (page) => {
      await page.getByRole('tab', { name: 'Entities' }).click()
      await page.getByTestId('graph').waitFor()
    },
  },
  {
    name: 'incident-close',
    path: `/incidents/${ids.incident}`,
    act: async (page) => {
      await heading(page)
      await page.keyboard.press('e')
      await page.getByRole('dialog').getByText('True positive').waitFor()
    },
  },
  {
    name: 'incident-gone',
    path: '/incidents/inc_01ARZ3NDEKTSV4RRFFQ69G5FAV',
    act: (page) => page.getByRole('heading', { name: /no such incident/ }).waitFor(),
  },
  { name: 'events', path: '/events', act: rows },
  {
    name: 'event',
    path: '/events',
    act: async (page) => {
      await rows(page)
      await page.locator('[role=row][aria-rowindex="2"] button').first().click()
      await page.getByRole('dialog').getByRole('region').first().waitFor()
    },
  },
  {
    name: 'events-columns',
    path: '/events',
    act: async (page) => {
      await rows(page)
      await page.getByRole('button', { name: 'Columns' }).click()
      await page.getByRole('menuitemcheckbox', { name: 'Event id' }).waitFor()
    },
  },
  {
    name: 'events-nothing',
    path: '/events?actor=nobody-of-that-name',
    act: (page) => page.getByText('No such events').waitFor(),
  },
  {
    name: 'events-sql',
    path: '/events?sql=SELECT%20source,%20class_name,%20count(*)%20AS%20n%20FROM%20events%20GROUP%20BY%201,%202%20ORDER%20BY%20n%20DESC',
    act: async (page) => {
      await page.getByRole('button', { name: /^Ask/ }).click()
      await rows(page)
    },
  },
  { name: 'services', path: '/services', act: (page) => page.locator('tbody tr').first().waitFor() },
  {
    name: 'service',
    path: '/services',
    act: async (page) => {
      await page.locator('tbody tr button').first().click()
      await page.getByRole('dialog').getByText('Said by').waitFor()
    },
  },
  { name: 'services-nothing', path: '/services?q=zzzz', act: (page) => page.getByText('No such service').waitFor() },
  { name: 'rules', path: '/rules', act: rows },
  { name: 'rule', path: `/rules/${ids.rule}` },
  {
    name: 'rule-matches',
    path: `/rules/${ids.rule}`,
    act: (page) => explain(page, ids.matched, 'matches'),
  },
  {
    name: 'rule-explained',
    path: `/rules/${ids.rule}`,
    act: (page) => explain(page, { ...ids.matched, eventSource: 'none.example', eventName: 'No' }, 'no_match'),
  },
  {
    name: 'rule-correlation',
    path: `/rules/${ids.correlation}`,
    act: (page) => explain(page, ids.counted, 'correlation'),
  },
  { name: 'dead-letters', path: '/dead-letters' },
  { name: 'dead-letters-none', path: '/dead-letters?status=resolved' },
  { name: 'audit', path: '/audit', act: (page) => page.locator('tbody tr').first().waitFor() },
  {
    name: 'audit-record',
    path: '/audit',
    act: async (page) => {
      await page.locator('tbody tr').nth(2).getByRole('button').first().click()
      await page.getByRole('button', { name: 'Verify here' }).click()
      await page.getByRole('dialog').getByTestId('checks').waitFor()
    },
  },
  {
    name: 'audit-withheld',
    path: '/audit',
    stubs: [WITHHELD],
    act: async (page) => {
      await page.getByText('withheld: you may not see this incident').first().waitFor()
      await page.locator('tbody tr').first().getByRole('button').first().click()
      await page.getByText('Its values are withheld').waitFor()
    },
  },
  {
    name: 'queue-loading',
    path: '/queue',
    loads: true,
    stubs: [[/\/api\/v1\/incidents\?/, () => new Promise(() => {})]],
    act: (page) => page.locator('[role=status][aria-label^=Loading]').first().waitFor(),
  },
  {
    name: 'queue-unreachable',
    path: '/queue',
    stubs: [[/\/api\/v1\/incidents\?/, (route) => route.fulfill({ status: 422, json: PROBLEM })]],
    act: (page) => page.getByRole('alert').waitFor(),
  },
  {
    name: 'sign-in',
    path: '/queue',
    stubs: NOBODY,
    act: (page) => page.getByRole('link', { name: 'Continue with Corporate login' }).waitFor(),
  },
  {
    name: 'report',
    path: '/report',
    act: (page) => page.getByRole('button', { name: 'Send the report' }).waitFor(),
  },
  {
    name: 'report-masked',
    path: '/report?form=leaked-secret&repository=acme/checkout&branch=main',
    act: async (page) => {
      await page.getByRole('button', { name: 'Send the report' }).click()
      await page.getByRole('alert').waitFor()
      await page.getByLabel('Where does it stand?').fill('In the log, by jane@corp.example, card 4111 1111 1111 1111')
      await page.getByTestId('preview').first().waitFor()
    },
  },
  {
    name: 'receipt',
    path: `/receipt#${ids.receipt}`,
    act: (page) => page.getByTestId('state').waitFor(),
  },
  {
    name: 'receipt-declined',
    path: `/receipt#${ids.declinedReceipt}`,
    act: async (page) => {
      await page.getByRole('button', { name: 'Appeal' }).click()
      await page.getByLabel('Why should it be looked at again?').waitFor()
    },
  },
  { name: 'policy', path: '/policy', act: (page) => page.getByRole('heading', { name: 'Reasons' }).waitFor() },
  { name: 'digests', path: '/digests', act: (page) => page.getByRole('heading', { level: 1 }).waitFor() },
  { name: 'reports', path: '/reports', act: (page) => page.locator('[id^=row-], article').first().waitFor() },
  {
    name: 'report-decide',
    path: `/reports?id=${ids.report}`,
    act: async (page) => {
      await page.getByRole('region', { name: 'Decide' }).waitFor()
      await page.getByRole('heading', { level: 2 }).first().click()
      await page.keyboard.press('d')
      await page.getByLabel('Note to the reporter').waitFor()
    },
  },
  { name: 'appeals', path: '/appeals', act: (page) => page.getByRole('heading', { level: 1 }).waitFor() },
  { name: 'my-reports', path: '/my-reports', act: (page) => page.getByRole('heading', { name: 'Credit' }).waitFor() },
  {
    name: 'digest-drafts',
    path: '/digest-drafts',
    act: (page) => page.getByRole('button', { name: 'Draft it' }).waitFor(),
  },
  { name: 'enter', path: '/enter', act: (page) => page.getByLabel('Your name').waitFor() },
  {
    name: 'settings-sources',
    path: '/settings/sources',
    act: (page) => page.locator('tbody td.num').first().getByText(/\d/).waitFor(),
  },
  {
    name: 'settings-source-new',
    path: '/settings/sources',
    act: async (page) => {
      await page.getByRole('button', { name: 'Connect GitLab' }).click()
      await page.getByRole('dialog').getByLabel('Name').waitFor()
    },
  },
  { name: 'settings-tokens', path: '/settings/tokens' },
  { name: 'settings-people', path: '/settings/people' },
  { name: 'settings-health', path: '/settings/health' },
  { name: 'settings-you', path: '/settings/you' },
  {
    name: 'keys',
    path: '/services',
    act: async (page) => {
      await heading(page)
      await page.keyboard.press('?')
      await page.getByRole('dialog', { name: 'Keyboard' }).waitFor()
    },
  },
  {
    name: 'palette',
    path: '/rules',
    act: async (page) => {
      await heading(page)
      await page.keyboard.press('Control+k')
      await page.getByPlaceholder('An incident, a place, a command…').fill('admin')
      await page.getByRole('button', { name: /inc_/ }).first().waitFor()
    },
  },
  {
    name: 'no-such-page',
    path: '/queue',
    // by a link within the console: the server itself answers an unknown path as it answers programs
    act: async (page) => {
      await page.evaluate(() => window.history.pushState({}, '', '/queue/no-such-page'))
      await page.getByText('There is no such page').waitFor()
    },
  },
]
