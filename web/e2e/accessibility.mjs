/** Breaches of WCAG 2.2 AA that are serious or critical, by axe-core. */
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')
const RULES = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa']

export async function breaches(page) {
  await page.evaluate(AXE)
  return page.evaluate(async (runOnly) => {
    const { violations } = await axe.run(document, { runOnly })
    const grave = violations.filter(({ impact }) => impact === 'serious' || impact === 'critical')
    return grave.map(
      ({ id, nodes }) =>
        `${id}: ${nodes
          .slice(0, 3)
          .map((node) => `${node.target.join(' ')} ${node.failureSummary}`)
          .join(' | ')}`,
    )
  }, RULES)
}
