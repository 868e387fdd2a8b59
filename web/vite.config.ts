import react from '@vitejs/plugin-react'
import type { Plugin } from 'vite'
import { defineConfig } from 'vitest/config'

/**
 * The server that development and the end-to-end run talk to. `HUECRY_TOKEN`, an API token, is put on each request
 * here, so that it is never in a page.
 */
const target = process.env.HUECRY_URL ?? 'http://127.0.0.1:8787'
const token = process.env.HUECRY_TOKEN
const proxied = ['/api', '/auth', '/docs', '/reference', '/reference.css', '/openapi.json', '/readyz', '/metrics']
const proxy = Object.fromEntries(
  proxied.map((path) => [path, { target, headers: token ? { Authorization: `Bearer ${token}` } : {} }]),
)

/** The policy that the server sends with the console; previews have it too, so that a breach shows before it ships. */
const policy =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'; " +
  "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"

/** Pages that need no account are a document of their own, `guest.html`; the server answers them with it, and so does this. */
const GUEST = /^\/(report|receipt|policy|digests)(\/[^/]*)?\/?(\?.*)?$/
const guest: Plugin = {
  name: 'guest-document',
  configureServer: (server) => void server.middlewares.use(toGuest),
  configurePreviewServer: (server) => void server.middlewares.use(toGuest),
}

function toGuest(request: { url?: string }, _response: unknown, next: () => void): void {
  if (request.url && GUEST.test(request.url)) request.url = '/guest.html'
  next()
}

/** What every page stands on, also those without an account. */
const CORE =
  /node_modules\/(react|react-dom|scheduler|openapi-fetch|@tanstack\/(react-query|query-core))\/|\/src\/(api|time)\/|preload-helper|rolldown\/runtime/
/** What the console's screens stand on. */
const BASE = /node_modules\/(clsx|@mantine|@tanstack|@floating-ui|@tabler)\//

export default defineConfig({
  plugins: [react(), guest],
  server: { host: '127.0.0.1', proxy },
  preview: { host: '127.0.0.1', proxy, headers: { 'Content-Security-Policy': policy } },
  build: {
    target: 'es2022',
    // inlined assets would need `data:` in the page's policy
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    manifest: true,
    // what all screens stand on in two files, what is drawn on a canvas when it is drawn; else there are fifty small files
    rolldownOptions: {
      input: { index: 'index.html', guest: 'guest.html' },
      output: {
        codeSplitting: {
          groups: [
            { name: 'core', test: CORE, priority: 2 },
            { name: 'base', test: BASE, priority: 1 },
          ],
        },
      },
    },
    chunkSizeWarningLimit: 900,
  },
  test: { include: ['src/**/*.test.ts', 'src/**/*.test.tsx'], environment: 'node' },
})
