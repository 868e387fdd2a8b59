/** Runs of words that could be a name. `crates/privacy/src/names/runs.rs` is the same. */
import { before, isAlphanumeric } from './character'
import type { Confidence } from './detectors'
import { flag, is, isFamilyName, isName, isNameBeforeAnother, type Word } from './words'

/** The most words of a name. */
const WORDS_MAX = 6

/** One to six words that could be a name. */
export interface Run {
  first: number
  last: number
  start: number
  end: number
  /** How many of its words are neither initials nor particles. */
  names: number
  initials: boolean
  possessive: boolean
  /** Whether it is a name, once that is judged. */
  confidence: Confidence | undefined
}

export function runOf(words: Word[], first: number, last: number, confidence?: Confidence): Run {
  const part = words.slice(first, last + 1)
  const initials = part.filter((word) => word.shape === 'initial').length
  const particles = part.filter((word) => word.shape === 'lower' && is(word, flag.particle)).length
  return {
    first,
    last,
    start: words[first]!.start,
    end: words[last]!.end,
    names: part.length - initials - particles,
    initials: initials > 0,
    possessive: words[last]!.possessive,
    confidence,
  }
}

/** Whether a list of names may take it in. */
export const mayBeListed = (run: Run) => run.confidence === undefined && run.names === 1

/** The runs of a text, in order and apart. */
export function runsOf(text: string, words: Word[]): Run[] {
  const runs: Run[] = []
  for (let at = 0; at < words.length;) {
    const last = runFrom(text, words, at)
    if (last === undefined) {
      at++
      continue
    }
    const run = runOf(words, at, last)
    const suffix = suffixAfter(text, words, last)
    if (suffix) run.end = suffix.end
    runs.push(run)
    at = last + 1
  }
  return runs
}

/** The last word of the run that begins with word `first`. */
function runFrom(text: string, words: Word[], first: number): number | undefined {
  const begin = words[first]!
  const next = words[first + 1]
  const initial =
    begin.shape === 'initial' &&
    standsFreeAsInitial(text, begin) &&
    next !== undefined &&
    text.slice(begin.end, next.start).startsWith('.')
  const begins =
    isName(begin) ||
    (isNameBeforeAnother(begin) && next !== undefined && isName(next) && joined(text, words, first)) ||
    (initial && nextAfter(text, words, first) !== undefined)
  if (!begins) return undefined
  let last = first
  while (last + 1 - first < WORDS_MAX && !words[last]!.possessive) {
    const following = nextAfter(text, words, last)
    if (following === undefined || following + 1 - first > WORDS_MAX) break
    last = following
  }
  return last
}

/** The word that goes on with the run after word `last`: the next, or one past initials and particles. */
function nextAfter(text: string, words: Word[], last: number): number | undefined {
  let at = last
  for (let step = 0; step < 3; step++) {
    if (!joined(text, words, at)) return undefined
    at++
    const word = words[at]!
    const afterGiven = at === last + 1 && is(words[last], flag.given | flag.givenAmbiguous)
    if (isName(word) || (afterGiven && isFamilyName(word))) return at
    const particle = word.shape === 'lower' && is(word, flag.particle)
    if (word.possessive || !(particle || word.shape === 'initial')) return undefined
  }
  return undefined
}

/** The word after word `last` that belongs to the name before it, such as `MD`. */
function suffixAfter(text: string, words: Word[], last: number): Word | undefined {
  const next = words[last + 1]
  if (!next || !is(next, flag.suffix) || next.shape === 'lower' || words[last]!.possessive) return undefined
  const gap = text.slice(words[last]!.wholeEnd, next.start)
  return gap === ' ' || gap === ', ' ? next : undefined
}

/** Whether only a space stands between word `at` and the next, or an initial's dot. */
function joined(text: string, words: Word[], at: number): boolean {
  const next = words[at + 1]
  if (!next) return false
  const gap = text.slice(words[at]!.wholeEnd, next.start)
  return gap === ' ' || (words[at]!.shape === 'initial' && (gap === '. ' || gap === '.'))
}

/** Whether a word of one letter is an initial, rather than the end of an abbreviation or an address. */
function standsFreeAsInitial(text: string, word: Word): boolean {
  const earlier = before(text, word.start)
  return earlier === '' || (!isAlphanumeric(earlier) && !'_/@#$\\-'.includes(earlier))
}
