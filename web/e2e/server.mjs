/** A real demo server of our own, with the console in front of it. */
import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { preview } from 'vite'

const START_MS_MAX = 180_000

/**
 * Starts `HUECRY_BINARY demo`. One that prints a one-time link serves its own console and is entered by the link; of an
 * older one the console comes from `dist`, and an API token is put on each request before it leaves.
 */
export async function startServer() {
  const binary = process.env.HUECRY_BINARY
  if (!binary) throw new Error('HUECRY_BINARY names the huecry to run, such as target/demo/huecry')
  const folder = mkdtempSync(join(tmpdir(), 'huecry-e2e-data-'))
  const child = spawn(binary, ['demo', '--days', '14', '--listen', '127.0.0.1:0', '--data-dir', folder])
  const said = await ready(child)
  const stop = async () => {
    child.kill('SIGINT')
    await new Promise((resolve) => child.once('exit', resolve))
    rmSync(folder, { recursive: true, force: true })
  }
  const api = /open\s+(http:\/\/[\d.:]+)/.exec(said)?.[1]
  const token = readFileSync(join(folder, 'admin-token'), 'utf8').trim()
  const link = /https?:\/\/\S+\/enter#\S+/.exec(said)?.[0]
  if (link) return { api, token, link, origin: new URL(link).origin, stop }
  process.env.HUECRY_URL = api
  process.env.HUECRY_TOKEN = token
  const front = await preview({ preview: { port: 0 }, logLevel: 'error' })
  const { port } = front.httpServer.address()
  const stopBoth = async () => {
    front.httpServer.closeAllConnections()
    await front.close()
    await stop()
  }
  return { api, token, link: null, origin: `http://127.0.0.1:${port}`, stop: stopBoth }
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
