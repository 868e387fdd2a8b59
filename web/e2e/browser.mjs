/** A browser of our own that talks to nobody but the page's server. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { chromium } from 'playwright-core'

const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]

/** Opens a page; collects what must not happen: requests to elsewhere, breaches of the policy, uncaught errors. */
export async function openBrowser() {
  const folder = mkdtempSync(join(tmpdir(), 'huecry-e2e-'))
  const context = await chromium.launchPersistentContext(folder, {
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    headless: true,
    args: FLAGS,
    viewport: { width: 1440, height: 900 },
    timezoneId: 'Europe/Berlin',
    locale: 'en-GB',
  })
  const faults = []
  const watch = (page, origin) => {
    page.on('request', (request) => {
      const url = request.url()
      if (!url.startsWith(origin) && !url.startsWith('data:') && !url.startsWith('blob:'))
        faults.push(`request left the origin: ${url}`)
    })
    page.on('console', (message) => {
      // that a resource was refused is an answer; the page says what it means
      if (message.type() === 'error' && !/^Failed to load resource/.test(message.text())) faults.push(message.text())
    })
    page.on('pageerror', (error) => faults.push(`uncaught: ${error.message}`))
  }
  const close = async () => {
    await context.close()
    rmSync(folder, { recursive: true, force: true })
  }
  return { context, faults, watch, close }
}

/** Sets the theme as a switch in another tab does. */
export async function setScheme(page, scheme) {
  // again until it took: who listens does so a moment after the first paint
  await page.waitForFunction(
    (newValue) => {
      if (document.documentElement.getAttribute('data-mantine-color-scheme') === newValue) return true
      const key = 'mantine-color-scheme-value'
      localStorage.setItem(key, newValue)
      window.dispatchEvent(new window.StorageEvent('storage', { key, newValue, storageArea: localStorage }))
      return false
    },
    scheme,
    { polling: 50 },
  )
}
