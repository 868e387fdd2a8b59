/** What a digest says, whichever sums it has: texts as they are, numbers with what they count. */

export interface Part {
  title: string
  texts: string[]
  sums: { label: string; value: string }[]
}

const DEPTH_MAX = 4

/** Cuts the content into parts: each group of numbers under its name. */
export function partsOf(content: unknown): Part[] {
  const parts: Part[] = []
  collect('', content, parts, 0)
  return parts.filter(({ texts, sums }) => texts.length > 0 || sums.length > 0)
}

function collect(title: string, value: unknown, parts: Part[], depth: number): void {
  if (depth > DEPTH_MAX || value === null || value === undefined) return
  const own: Part = { title, texts: [], sums: [] }
  parts.push(own)
  if (typeof value !== 'object') {
    own.texts.push(plain(value))
    return
  }
  const entries: [string, unknown][] = Array.isArray(value)
    ? value.map((each, index): [string, unknown] => [rowName(each) ?? String(index + 1), each])
    : Object.entries(value)
  for (const [name, each] of entries) {
    const number = numberIn(each)
    if (number !== null) own.sums.push({ label: words(name), value: number })
    else if (typeof each === 'string')
      own.texts.push(name === 'text' || name === 'summary' ? each : `${words(name)}: ${each}`)
    else collect(words(name), each, parts, depth + 1)
  }
}

/** What a row of a list is about: the first of its texts. */
function rowName(row: unknown): string | null {
  if (row === null || typeof row !== 'object') return null
  const text = Object.values(row).find((value) => typeof value === 'string')
  return typeof text === 'string' ? text : null
}

/** A number, or a row that is a name and one number. */
function numberIn(value: unknown): string | null {
  if (typeof value === 'number') return plain(value)
  if (value === null || typeof value !== 'object' || Array.isArray(value)) return null
  const values = Object.values(value)
  const numbers = values.filter((each) => typeof each === 'number')
  const texts = values.filter((each) => typeof each === 'string')
  return numbers.length === 1 && texts.length === 1 && values.length === 2 ? plain(numbers[0]) : null
}

function plain(value: unknown): string {
  if (typeof value !== 'number') return String(value)
  return Number.isInteger(value) ? value.toLocaleString('en') : value.toFixed(2)
}

function words(name: string): string {
  const spaced = name.replaceAll('_', ' ').replaceAll('-', ' ')
  return spaced.charAt(0).toUpperCase() + spaced.slice(1)
}
