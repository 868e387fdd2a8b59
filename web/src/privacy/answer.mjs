// Masks texts on standard input (the detectors, then a JSON string a line) and prints what was found, a line each. The crate `privacy` runs it
// to hold the browser's reader of the detectors to its own; nothing of the console imports it.
import { readFileSync, writeFileSync, mkdtempSync, rmSync, readdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import ts from 'typescript'

const here = dirname(fileURLToPath(import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'huecry-mask-'))
try {
  for (const name of readdirSync(here).filter((file) => file.endsWith('.ts') && !file.endsWith('.test.ts'))) {
    const options = { target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.ES2022 }
    const text = ts.transpileModule(readFileSync(join(here, name), 'utf8'), { compilerOptions: options }).outputText
    // Node wants endings, and JSON as a module
    const named = text.replace(
      /from '(\.\/[a-z0-9-]+)(\.json)?'/g,
      (_, path, json) => `from '${path}${json ?? ''}.mjs'`,
    )
    writeFileSync(join(folder, name.replace(/\.ts$/, '.mjs')), named)
  }
  const [detectors, ...lines] = readFileSync(0, 'utf8').split('\n')
  writeFileSync(join(folder, 'detectors.json.mjs'), `export default ${detectors}`)
  const { Masker } = await import(pathToFileURL(join(folder, 'mask.mjs')).href)
  const masker = new Masker()
  let answer = ''
  for (const line of lines) {
    if (line === '') continue
    const masked = masker.mask(JSON.parse(line))
    const spans = masked.spans.map((s) => [s.start, s.end, s.class, s.detector, s.confidence, s.replacement])
    answer += `${JSON.stringify({ text: masked.text, spans })}\n`
  }
  writeFileSync(1, answer)
} finally {
  rmSync(folder, { recursive: true })
}
