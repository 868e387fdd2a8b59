/** A system that things are contained in, as the webhook connector asks one: a list with names on it. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const TOKEN = 'only-for-this-test'
const TOKEN_NAME = 'HUECRY_E2E_WEBHOOK_TOKEN'

/** Starts it; `config` is a configuration in which it is connected, for `startServer`. */
export async function startVendor() {
  const contained = new Map()
  /** Changes in their order: `contain NAME`, `release NAME`. */
  const changes = []
  const server = createServer((request, response) => {
    const name = /^\/contained\/([^/]+)$/.exec(request.url)?.[1]
    const end = (status) => {
      response.writeHead(status, { 'content-type': 'application/json' })
      response.end(status === 200 ? '{}' : JSON.stringify({ message: `HTTP ${status}` }))
    }
    request.resume()
    request.on('end', () => {
      if (request.headers.authorization !== `Bearer ${TOKEN}`) return end(401)
      if (name === undefined) return end(404)
      const what = decodeURIComponent(name)
      if (request.method === 'GET') return end(contained.has(what) ? 200 : 404)
      if (request.method === 'PUT') {
        contained.set(what, true)
        changes.push(`contain ${what}`)
        return end(200)
      }
      if (request.method !== 'DELETE') return end(405)
      changes.push(`release ${what}`)
      return end(contained.delete(what) ? 200 : 404)
    })
  })
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  const folder = mkdtempSync(join(tmpdir(), 'huecry-e2e-config-'))
  const config = join(folder, 'huecry.toml')
  const url = `http://127.0.0.1:${server.address().port}`
  writeFileSync(
    config,
    `[respond.connections.webhook]\nwebhook_url = "${url}"\nwebhook_token = { env = "${TOKEN_NAME}" }\n`,
  )
  const stop = async () => {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
    rmSync(folder, { recursive: true, force: true })
  }
  return { changes, has: (name) => contained.has(name), config, env: { [TOKEN_NAME]: TOKEN }, stop }
}
