/** The words of a text, with what is known of each. `crates/privacy/src/names/words.rs` is the same. */
import { after, before, isAlphanumeric, isLetter, isNumber, isUppercase } from './character'

/** What lists a word is in. */
export const flag = {
  title: 1,
  verb: 1 << 1,
  weakVerb: 1 << 2,
  pronoun: 1 << 3,
  belonging: 1 << 4,
  particle: 1 << 5,
  organisation: 1 << 6,
  place: 1 << 7,
  placeWord: 1 << 8,
  given: 1 << 9,
  givenAmbiguous: 1 << 10,
  notName: 1 << 11,
  said: 1 << 12,
  familyAmbiguous: 1 << 13,
  suffix: 1 << 14,
} as const

/** Any of these is no name, unless it is a given name as well. */
const NEVER =
  flag.title |
  flag.verb |
  flag.pronoun |
  flag.belonging |
  flag.organisation |
  flag.place |
  flag.placeWord |
  flag.notName |
  flag.said |
  flag.particle

export type Shape = 'initial' | 'capital' | 'upper' | 'lower' | 'mixed'

/** A word: letters, also with `'` or `-` between them. */
export interface Word {
  start: number
  /** Its end without `'s`. */
  end: number
  /** Its end with it. */
  wholeEnd: number
  lower: string
  wholeLower: string
  shape: Shape
  flags: number
  possessive: boolean
  /** Not a part of a path, an address, a name of a program's. */
  standsFree: boolean
  firstOfSentence: boolean
  /** Ends as names do not. */
  endsOtherwise: boolean
}

export const is = (word: Word | undefined, bits: number) => word !== undefined && (word.flags & bits) !== 0

/** Whether it could be a part of a name by itself. */
export function isName(word: Word): boolean {
  const never = is(word, NEVER) || word.endsOtherwise || is(word, flag.givenAmbiguous)
  return word.shape === 'capital' && word.standsFree && (is(word, flag.given) || !never)
}

/** Whether it goes on with a name after a given name: `Zoe Young`. */
export const isFamilyName = (word: Word) =>
  word.shape === 'capital' && word.standsFree && is(word, flag.familyAmbiguous)

/** Whether it could be a name if another follows: `Will Smith`. */
export const isNameBeforeAnother = (word: Word) =>
  word.shape === 'capital' && word.standsFree && is(word, flag.givenAmbiguous)

/** The number of characters, which is not the number of units of UTF-16. */
export const charCount = (text: string) => [...text].length

const WORD = /\p{Alphabetic}+(?:['’-]\p{Alphabetic}+)*/gu

/** The words of a text; `flags` and `endings` come from the lists. */
export function wordsOf(text: string, flags: Map<string, number>, hasEnding: (lower: string) => boolean): Word[] {
  const words: Word[] = []
  let sentenceBegins = true
  let at = 0
  for (const match of text.matchAll(WORD)) {
    const start = match.index
    const whole = match[0]
    sentenceBegins ||= /[.!?\n:;]/.test(text.slice(at, start))
    at = start + whole.length
    const stripped = whole.replace(/['’][sS]$/, '')
    const bare = stripped === '' ? whole : stripped
    const lower = bare.toLowerCase()
    words.push({
      start,
      end: start + bare.length,
      wholeEnd: at,
      lower,
      wholeLower: whole.toLowerCase(),
      shape: shapeOf(bare),
      flags: flags.get(lower) ?? 0,
      possessive: bare.length !== whole.length,
      standsFree: standsFree(text, start, at),
      firstOfSentence: sentenceBegins,
      endsOtherwise: hasEnding(lower),
    })
    sentenceBegins = false
  }
  return words
}

function standsFree(text: string, start: number, end: number): boolean {
  const previous = before(text, start)
  const afterInitial = previous === '.' && isUppercase(before(text, start - 1))
  if (previous !== '' && (isNumber(previous) || '_/@#$\\.<-'.includes(previous)) && !afterInitial) return false
  const next = after(text, end)
  if (next === '') return true
  const following = after(text, end + next.length)
  if ('_/@(=\\'.includes(next)) return false
  if (next === '.' || next === '-') return !isAlphanumeric(following)
  if (next === ':') return following !== ':' && following !== '/'
  return !isNumber(next)
}

function shapeOf(word: string): Shape {
  const [first, ...rest] = [...word].filter(isLetter)
  if (first === undefined) return 'mixed'
  const uppers = rest.filter(isUppercase).length
  if (!isUppercase(first)) return uppers === 0 ? 'lower' : 'mixed'
  if (rest.length === 0) return 'initial'
  if (uppers === rest.length) return 'upper'
  // a capital inside is a name's only after a sign that joins, or after Mc and Mac
  let earlier = ''
  let read = ''
  for (const c of word) {
    if (read !== '' && isUppercase(c) && !"'’-".includes(earlier) && read !== 'Mc' && read !== 'Mac') return 'mixed'
    earlier = c
    read += c
  }
  return 'capital'
}
