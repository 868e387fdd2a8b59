/** A real demo server of our own, with the console in front of it. */
import { spawn, spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { preview } from 'vite'

const START_MS_MAX = 180_000

/**
 * Starts `HUECRY_BINARY demo`, or uses the one that runs at `HUECRY_URL` over the folder `HUECRY_DATA_DIR`. One that
 * prints a one-time link serves its own console and is entered by the link; with `HUECRY_CONSOLE=dist` the console comes
 * from `dist` instead. Of an older one it does too, and an API token is put on each request before it leaves. A server
 * that is started here may have a configuration file of its own, `config`, and variables for it, `env`.
 */
export async function startServer({ config, env } = {}) {
  const binary = process.env.HUECRY_BINARY
  if (!binary) throw new Error('HUECRY_BINARY names the huecry to run, such as target/demo/huecry')
  const demo = process.env.HUECRY_DATA_DIR ? running(binary) : await started(binary, config, env)
  const { api, folder, link, name } = demo
  const token = readFileSync(join(folder, 'admin-token'), 'utf8').trim()
  if (link && process.env.HUECRY_CONSOLE !== 'dist') {
    return { api, token, link, name, origin: new URL(link).origin, stop: demo.stop }
  }
  process.env.HUECRY_URL = api
  if (!link) process.env.HUECRY_TOKEN = token
  const front = await preview({ preview: { port: 0 }, logLevel: 'error' })
  const { port } = front.httpServer.address()
  const origin = `http://127.0.0.1:${port}`
  const stop = async () => {
    front.httpServer.closeAllConnections()
    await front.close()
    await demo.stop()
  }
  return { api, token, link: link?.replace(new URL(link).origin, origin) ?? null, name, origin, stop }
}

function running(binary) {
  const [api, folder] = [process.env.HUECRY_URL, process.env.HUECRY_DATA_DIR]
  // who came in at an earlier run keeps the name
  const name = `Ana ${Date.now()}`
  const asked = ['people', 'link', '--role', 'admin', '--name', name, '--url', api, '--data-dir', folder]
  const { stdout, stderr } = spawnSync(binary, asked, { encoding: 'utf8' })
  const link = linkIn(stdout)
  if (!link) throw new Error(`no link came: ${stdout}${stderr}`)
  return { api, folder, link, name, stop: async () => {} }
}

async function started(binary, config, env) {
  const folder = mkdtempSync(join(tmpdir(), 'huecry-e2e-data-'))
  const asked = ['demo', '--days', '14', '--listen', '127.0.0.1:0', '--data-dir', folder]
  if (config) asked.push('--config', config)
  const child = spawn(binary, asked, { env: { ...process.env, ...env } })
  const said = await ready(child)
  const stop = async () => {
    child.kill('SIGINT')
    await new Promise((resolve) => child.once('exit', resolve))
    rmSync(folder, { recursive: true, force: true })
  }
  return { api: /open\s+(http:\/\/[\d.:]+)/.exec(said)?.[1], folder, link: linkIn(said), stop }
}

function linkIn(text) {
  return /https?:\/\/\S+\/enter#\S+/.exec(text)?.[0] ?? null
}

/** What the demo printed once it plays live. */
function ready(child) {
  return new Promise((resolve, reject) => {
    let said = ''
    const timer = setTimeout(() => reject(new Error(`not ready in time:\n${said}`)), START_MS_MAX)
    const hear = (chunk) => {
      said += chunk
      if (said.includes('live records follow')) {
        clearTimeout(timer)
        resolve(said)
      }
    }
    child.stdout.on('data', hear)
    child.stderr.on('data', hear)
    child.once('exit', (code) => reject(new Error(`ended with ${code}:\n${said}`)))
  })
}

/** The API beside the page, for what a test arranges and looks up. Throws where it refuses. */
export function apiOf(server) {
  return async (method, path, { body, version } = {}) => {
    const headers = { Authorization: `Bearer ${server.token}`, 'Content-Type': 'application/json' }
    if (version !== undefined) headers['If-Match'] = `"${version}"`
    const response = await fetch(server.api + path, { method, headers, body: body && JSON.stringify(body) })
    const answer = await response.json()
    if (!response.ok) throw new Error(`${method} ${path}: ${JSON.stringify(answer)}`)
    return answer
  }
}

/** Signs in by the link, once. */
export async function signIn(page, server, name = server.name ?? 'Ana') {
  if (!server.link) return page.goto(`${server.origin}/queue`)
  await page.goto(server.link)
  await page.getByLabel('Your name').fill(name)
  await page.getByRole('button', { name: 'Enter' }).click()
  await page.waitForURL('**/queue')
}
