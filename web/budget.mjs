/** Fails the build when the first screen's JavaScript is over its budget, or when anything is loaded from elsewhere. */
import { readFileSync, readdirSync } from 'node:fs'
import { gzipSync } from 'node:zlib'

const BUDGET_BYTES = 400 * 1024
const manifest = JSON.parse(readFileSync('dist/.vite/manifest.json', 'utf8'))

/** The entry, the queue's chunk, and all they import. */
function filesOf(name, files = new Set()) {
  const chunk = manifest[name]
  if (!chunk || files.has(chunk.file)) return files
  files.add(chunk.file)
  for (const imported of chunk.imports ?? []) filesOf(imported, files)
  return files
}

const files = filesOf('src/queue/queue-page.tsx', filesOf('index.html'))
const scripts = [...files].filter((file) => file.endsWith('.js'))
const bytes = scripts.reduce((sum, file) => sum + gzipSync(readFileSync(`dist/${file}`)).length, 0)
console.log(`first screen: ${scripts.length} scripts, ${(bytes / 1024).toFixed(1)} KiB gzip of ${BUDGET_BYTES / 1024}`)
const faults = []
if (scripts.length < 2) faults.push('the queue has no chunk of its own: the manifest is not read rightly')
if (bytes > BUDGET_BYTES) faults.push(`over the budget by ${bytes - BUDGET_BYTES} bytes`)
const html = readFileSync('dist/index.html', 'utf8')
if (/<(script|style)(?![^>]*\bsrc=)[^>]*>[^<]/.test(html)) faults.push('index.html has inline script or style')
for (const [, url] of html.matchAll(/(?:src|href)="([^"]+)"/g))
  if (!url.startsWith('/')) faults.push(`index.html loads ${url}`)
for (const file of readdirSync('dist/assets').filter((name) => name.endsWith('.css'))) {
  for (const [, url] of readFileSync(`dist/assets/${file}`, 'utf8').matchAll(/url\(\s*["']?([^"')]+)/g)) {
    if (/^(https?:)?\/\//.test(url)) faults.push(`${file} loads ${url}`)
  }
}
for (const fault of faults) console.error(`budget: ${fault}`)
process.exit(faults.length > 0 ? 1 : 0)
