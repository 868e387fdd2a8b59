import react from '@vitejs/plugin-react'
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

const BASE = /node_modules\/(react|react-dom|scheduler|clsx|openapi-fetch|@mantine|@tanstack|@floating-ui|@tabler)\//

export default defineConfig({
  plugins: [react()],
  server: { host: '127.0.0.1', proxy },
  preview: { host: '127.0.0.1', proxy, headers: { 'Content-Security-Policy': policy } },
  build: {
    target: 'es2022',
    // inlined assets would need `data:` in the page's policy
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    manifest: true,
    // what all screens stand on in one file, what is drawn on a canvas when it is drawn; else there are fifty small files
    rolldownOptions: { output: { codeSplitting: { groups: [{ name: 'base', test: BASE }] } } },
    chunkSizeWarningLimit: 900,
  },
  test: { include: ['src/**/*.test.ts', 'src/**/*.test.tsx'], environment: 'node' },
})
