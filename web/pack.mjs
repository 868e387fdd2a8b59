/** Puts a gzip beside each file of the build that gets smaller by it; the server sends it to those who take it. */
import { readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { gzipSync } from 'node:zlib'

const files = ['index.html', 'guest.html', ...readdirSync('dist/assets').map((name) => `assets/${name}`)]
for (const file of files.filter((name) => /\.(js|css|svg|html)$/.test(name))) {
  const bytes = readFileSync(`dist/${file}`)
  const packed = gzipSync(bytes, { level: 9 })
  if (packed.length < bytes.length * 0.9) writeFileSync(`dist/${file}.gz`, packed)
}
