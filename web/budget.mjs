/** Fails the build when a first screen's JavaScript is over its budget, or when anything is loaded from elsewhere. */
import { readFileSync, readdirSync } from 'node:fs'
import { gzipSync } from 'node:zlib'

/** First screens: a document, the chunks of what it shows first, and how much that may be, packed. */
const SCREENS = [
  { name: 'queue', chunks: ['index.html', 'src/queue/queue-page.tsx'], bytes_max: 400 * 1024 },
  // a telephone's: with all of masking, and nothing of the console
  {
    name: 'report',
    chunks: ['guest.html', 'src/report/report-page.tsx', 'src/privacy/mask.ts'],
    bytes_max: 150 * 1024,
  },
  { name: 'receipt', chunks: ['guest.html', 'src/receipt/receipt-page.tsx'], bytes_max: 120 * 1024 },
]
const manifest = JSON.parse(readFileSync('dist/.vite/manifest.json', 'utf8'))

/** A chunk and all that it imports. */
function filesOf(name, files = new Set()) {
  const chunk = manifest[name]
  if (!chunk || files.has(chunk.file)) return files
  files.add(chunk.file)
  for (const imported of chunk.imports ?? []) filesOf(imported, files)
  return files
}

const faults = []
for (const { name, chunks, bytes_max } of SCREENS) {
  for (const chunk of chunks) if (!manifest[chunk]) faults.push(`${chunk} has no chunk of its own`)
  const files = new Set(chunks.flatMap((chunk) => [...filesOf(chunk)]))
  const scripts = [...files].filter((file) => file.endsWith('.js'))
  const bytes = scripts.reduce((sum, file) => sum + gzipSync(readFileSync(`dist/${file}`)).length, 0)
  console.log(`${name}: ${scripts.length} scripts, ${(bytes / 1024).toFixed(1)} KiB gzip of ${bytes_max / 1024}`)
  if (bytes > bytes_max) faults.push(`${name} is over the budget by ${bytes - bytes_max} bytes`)
}
for (const name of ['index.html', 'guest.html']) {
  const html = readFileSync(`dist/${name}`, 'utf8')
  if (/<(script|style)(?![^>]*\bsrc=)[^>]*>[^<]/.test(html)) faults.push(`${name} has inline script or style`)
  for (const [, url] of html.matchAll(/(?:src|href)="([^"]+)"/g))
    if (!url.startsWith('/')) faults.push(`${name} loads ${url}`)
}
for (const file of readdirSync('dist/assets').filter((name) => name.endsWith('.css'))) {
  for (const [, url] of readFileSync(`dist/assets/${file}`, 'utf8').matchAll(/url\(\s*["']?([^"')]+)/g)) {
    if (/^(https?:)?\/\//.test(url)) faults.push(`${file} loads ${url}`)
  }
}
for (const fault of faults) console.error(`budget: ${fault}`)
process.exit(faults.length > 0 ? 1 : 0)
