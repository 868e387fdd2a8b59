/** Placeholders: what stands where something was masked, such as `[email 1]`. */
import { isAlphanumeric } from './character'
import type { Detectors } from './detectors'
import type { Place } from './view'

/** The highest number in a text that others go on after: past it there might be too few of six digits left. */
const NUMBER_TAKEN_MAX = 800_000

export interface Placeholder extends Place {
  class: string
  number: number
}

export class Placeholders {
  private readonly labels: Map<string, string>
  private readonly classes: Map<string, string>
  private readonly pattern: RegExp

  constructor(detectors: Detectors) {
    this.labels = new Map(detectors.classes.map((label) => [label.class, label.label]))
    this.classes = new Map(detectors.classes.map((label) => [label.label, label.class]))
    this.pattern = new RegExp(`\\[(${[...this.classes.keys()].join('|')}) ([0-9]{1,6})\\]`, 'g')
  }

  inText(text: string): Placeholder[] {
    return [...text.matchAll(this.pattern)].map((match) => ({
      start: match.index,
      end: match.index + match[0].length,
      class: this.classes.get(match[1]!)!,
      number: Number(match[2]),
    }))
  }

  label(of: string): string {
    return this.labels.get(of) ?? of
  }
}

/** Gives the same value the same number, by class, going on after the numbers that stand in the text already. */
export class Numbers {
  private readonly last = new Map<string, number>()
  private readonly given = new Map<string, number>()

  constructor(taken: Placeholder[]) {
    for (const found of taken.filter(({ number }) => number <= NUMBER_TAKEN_MAX))
      this.last.set(found.class, Math.max(found.number, this.last.get(found.class) ?? 0))
  }

  of(kind: string, value: string): number {
    const key = `${kind} ${sameValue(kind, value)}`
    const known = this.given.get(key)
    if (known !== undefined) return known
    const number = (this.last.get(kind) ?? 0) + 1
    this.last.set(kind, number)
    this.given.set(key, number)
    return number
  }
}

/** What two mentions of one value have in common: punctuation is left out only where it is no part of a value. */
function sameValue(kind: string, value: string): string {
  switch (kind) {
    case 'token':
    case 'private_key':
    case 'password':
      return value
    case 'phone':
    case 'card':
    case 'iban':
    case 'national_id':
      return [...value.toLowerCase()].filter(isAlphanumeric).join('')
    case 'ip':
      return value.toLowerCase().replaceAll('[.]', '.').replaceAll('(.)', '.')
    case 'person':
      return value
        .split(/[ \t\r\n]+/)
        .filter((word) => word !== '')
        .join(' ')
        .toLowerCase()
    default:
      return value.toLowerCase()
  }
}
