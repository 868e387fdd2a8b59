/**
 * People's names: by what stands around them, by their shape, and by given names that are hardly anything else.
 * `crates/privacy/src/names.rs` is the same, and says why.
 */
import { after, isDigit } from './character'
import type { Confidence, NameWords } from './detectors'
import { mayBeListed, runOf, runsOf, type Run } from './runs'
import { charCount, flag, is, isName, wordsOf, type Word } from './words'

const PRONOUN_WORDS_MAX = 22
const PHRASE_WORDS_MAX = 3
const MAIL_BYTES_MAX = 120

export interface Name {
  start: number
  end: number
  confidence: Confidence
}

export class Names {
  private readonly flags = new Map<string, number>()
  private readonly labels: Set<string>
  private readonly introductions: Set<string>
  private readonly weakIntroductions: Set<string>
  private readonly endings: string[]

  constructor(lists: NameWords) {
    const kinds: [string[], number][] = [
      [lists.titles, flag.title],
      [lists.verbs, flag.verb],
      [lists.weak_verbs, flag.weakVerb],
      [lists.pronouns, flag.pronoun],
      [lists.belongings, flag.belonging],
      [lists.particles, flag.particle],
      [lists.organisations, flag.organisation],
      [lists.places, flag.place],
      [lists.place_words, flag.placeWord],
      [lists.given, flag.given],
      [lists.given_ambiguous, flag.givenAmbiguous],
      [lists.family_ambiguous, flag.familyAmbiguous],
      [lists.suffixes, flag.suffix],
      [lists.not_names, flag.notName],
      [lists.labels, flag.said],
      [lists.introductions, flag.said],
    ]
    for (const [list, bit] of kinds) {
      for (const word of list) this.flags.set(word, (this.flags.get(word) ?? 0) | bit)
    }
    this.labels = new Set(lists.labels)
    this.introductions = new Set(lists.introductions)
    this.weakIntroductions = new Set(lists.weak_introductions)
    this.endings = lists.not_name_endings
  }

  /** The names in a text, in order and apart. */
  find(text: string): Name[] {
    const words = wordsOf(text, this.flags, (lower) => this.hasEnding(lower))
    const runs = runsOf(text, words)
    for (const run of runs) run.confidence = this.judge(text, words, run)
    this.judgeLabelled(text, words, runs)
    joinLists(text, runs)
    const wordsIn = (run: Run) => words.slice(run.first, run.last + 1)
    const parts = new Set(
      runs
        .filter((run) => run.confidence !== undefined && run.names > 1)
        .flatMap(wordsIn)
        .filter((word) => isName(word) && charCount(word.lower) > 2)
        .map((word) => word.lower),
    )
    for (const run of runs) {
      if (mayBeListed(run) && wordsIn(run).some((word) => parts.has(word.lower))) run.confidence = 'low'
    }
    const names = runs.flatMap(({ start, end, confidence }) => (confidence ? [{ start, end, confidence }] : []))
    names.sort((a, b) => a.start - b.start || a.end - b.end)
    const apart: Name[] = []
    for (const name of names) if (name.start >= (apart.at(-1)?.end ?? 0)) apart.push(name)
    return apart
  }

  /** Whether a run is a name, by all that speaks for and against it. */
  private judge(text: string, words: Word[], run: Run): Confidence | undefined {
    const around = aroundOf(text, words, run)
    const first = words[run.first]!
    const given = is(first, flag.given) || (is(first, flag.givenAmbiguous) && run.names > 1)
    const introduced = this.introduced(text, words, run)
    if (isTitled(text, words, run)) return 'high'
    if (nextIs(around, flag.organisation, given) || nextIs(around, flag.place, true)) return undefined
    if (this.isLabelled(text, words, run) || hasMailAfter(text, run.end)) return 'high'
    const numbered = around.numberBeside
    if (run.names > 1 || run.initials) {
      if (given || run.initials) return !numbered || run.initials || introduced ? 'medium' : undefined
      if (numbered || around.inPlace || around.inTitle || is(around.previous, flag.place)) return undefined
      return introduced ? 'medium' : 'low'
    }
    if (numbered || (around.inPlace && !given) || (is(around.previous, flag.place) && !given)) return undefined
    const acts = nextIs(around, flag.verb, false)
    const weakly = nextIs(around, flag.weakVerb, false)
    const spokenOf = around.beginsSentence && acts && pronounFollows(words, run)
    const owns = run.possessive && nextIs(around, flag.belonging, false) && !around.inTitle
    const strongly = introduced === 'strong' && around.next?.shape !== 'capital'
    const sure = (given && !around.inTitle) || owns || strongly || (acts && !weakly && !around.inTitle)
    return sure || spokenOf || (introduced === 'weak' && acts && !weakly) ? 'medium' : undefined
  }

  /** Whether an introduction stands right before: strong, weak, or none. */
  private introduced(text: string, words: Word[], run: Run): 'strong' | 'weak' | undefined {
    const phrase = phrasesBefore(text, words, run.first).find((before) => this.introductions.has(before))
    if (phrase === undefined) return undefined
    return this.weakIntroductions.has(phrase) ? 'weak' : 'strong'
  }

  private isLabelled(text: string, words: Word[], run: Run): boolean {
    return labelsBefore(text, words, run.first, run.start).some((phrase) => this.labels.has(phrase))
  }

  /** Names without capitals, where a title or a label that only people have says so, and given names by themselves. */
  private judgeLabelled(text: string, words: Word[], runs: Run[]): void {
    let takenUntil = 0
    let line = { end: 0, lower: false }
    for (let at = 0; at < words.length; at++) {
      const word = words[at]!
      if (word.start < takenUntil || word.shape !== 'lower' || !word.standsFree) continue
      const previous = words[at - 1]
      const titled =
        previous !== undefined &&
        is(previous, flag.title) &&
        text.slice(previous.end, word.start) === '. ' &&
        charCount(previous.lower) <= 4
      const labelled = labelsBefore(text, words, at, word.start).some(
        (phrase) => this.labels.has(phrase) && /[ -]/.test(phrase),
      )
      const introduced = phrasesBefore(text, words, at).some((phrase) =>
        ['my name is', 'name is', 'maiden name is'].includes(phrase),
      )
      const given = is(word, flag.given) && charCount(word.lower) > 2
      const known = is(word, flag.notName | flag.said | flag.verb | flag.pronoun | flag.title)
      if (!(given || ((titled || labelled || introduced) && !known))) continue
      if (word.start >= line.end) line = lineOf(text, word.start)
      let last = at
      while (last < at + 3 && (labelled || introduced || (given && line.lower)) && this.goesOn(text, words, last + 1)) {
        last++
        if (given && !labelled && !introduced) break
      }
      takenUntil = words[last]!.end
      runs.push(runOf(words, at, last, titled || labelled ? 'medium' : 'low'))
    }
    runs.sort((a, b) => a.start - b.start)
  }

  private goesOn(text: string, words: Word[], next: number): boolean {
    const word = words[next]
    return (
      word !== undefined &&
      word.shape === 'lower' &&
      word.standsFree &&
      (word.flags & ~(flag.given | flag.givenAmbiguous | flag.particle)) === 0 &&
      !this.hasEnding(word.lower) &&
      text.slice(words[next - 1]!.end, word.start) === ' '
    )
  }

  private hasEnding(lower: string): boolean {
    return charCount(lower) >= 6 && this.endings.some((ending) => lower.endsWith(ending))
  }
}

interface Around {
  previous: Word | undefined
  next: Word | undefined
  beginsSentence: boolean
  numberBeside: boolean
  /** `in`, `at` or `from` before it. */
  inPlace: boolean
  /** A part of a longer row of capitals, or after an article. */
  inTitle: boolean
}

/** What stands beside a run. */
function aroundOf(text: string, words: Word[], run: Run): Around {
  const runEnd = words[run.last]!.wholeEnd
  const beside = (word: Word | undefined, from: number, to: number) => (text.slice(from, to) === ' ' ? word : undefined)
  const earlier = words[run.first - 1]
  const later = words[run.last + 1]
  const previous = earlier && beside(earlier, earlier.end, run.start)
  const next = later && beside(later, runEnd, later.start)
  let lead = run.start
  while (lead > 0 && ` "'“(*_`.includes(text.charAt(lead - 1))) lead--
  const beginsSentence = lead === 0 || '.!?\n\r:;'.includes(text.charAt(lead - 1))
  const digitBefore = text.charAt(run.start - 1) === ' ' && isDigit(text.charAt(run.start - 2))
  const digitAfter = text.charAt(runEnd) === ' ' && isDigit(text.charAt(runEnd + 1))
  const capital = (word: Word | undefined) => word !== undefined && /^(?:capital|upper|mixed)$/.test(word.shape)
  const article = previous !== undefined && ['the', 'a', 'an'].includes(previous.lower)
  const opens = previous?.firstOfSentence === true && is(previous, flag.notName | flag.said)
  const afterCapital = capital(previous) && !opens && !is(previous, flag.said | flag.verb)
  const beforeCapital = capital(next) && !is(next, flag.verb)
  return {
    previous,
    next,
    beginsSentence,
    numberBeside: digitBefore || digitAfter,
    inPlace: is(previous, flag.placeWord),
    inTitle: article || afterCapital || beforeCapital,
  }
}

const nextIs = ({ next }: Around, bit: number, capital: boolean) =>
  next !== undefined && is(next, bit) && (!capital || next.shape !== 'lower')

function isTitled(text: string, words: Word[], run: Run): boolean {
  const previous = words[run.first - 1]
  if (!previous || !is(previous, flag.title) || previous.shape === 'mixed') return false
  return [' ', '. ', '.'].includes(text.slice(previous.end, run.start))
}

/** Whether the sentence, or the next, goes on about him or her. */
function pronounFollows(words: Word[], run: Run): boolean {
  return words.slice(run.last + 1, run.last + 1 + PRONOUN_WORDS_MAX).some((word) => is(word, flag.pronoun))
}

/** The words right before word `at`, as phrases of one to three, shortest first. */
function phrasesBefore(text: string, words: Word[], at: number): string[] {
  const phrases: string[] = []
  let next = words[at]!.start
  let phrase = ''
  for (let count = 1; count <= Math.min(PHRASE_WORDS_MAX, at); count++) {
    const word = words[at - count]!
    const gap = text.slice(word.wholeEnd, next)
    if (gap !== ' ' && gap !== '-') break
    phrase = phrase === '' ? word.wholeLower : `${word.wholeLower} ${phrase}`
    phrases.push(phrase)
    next = word.start
  }
  return phrases
}

/** The words before a colon that stands before `start`, as phrases of one to three. */
function labelsBefore(text: string, words: Word[], at: number, start: number): string[] {
  let end = start
  while (end > 0 && ` \t"'*_`.includes(text.charAt(end - 1))) end--
  const sign = text.charAt(end - 1)
  if (sign === ':' || sign === '=') end--
  else if (text.charAt(start - 1) === '\t') end = start - 1
  else return []
  while (end > 0 && ` "'*_`.includes(text.charAt(end - 1))) end--
  const phrases: string[] = []
  let phrase = ''
  for (let count = 1; count <= Math.min(PHRASE_WORDS_MAX, at); count++) {
    const word = words[at - count]!
    if (
      count === 1
        ? word.wholeEnd !== end
        : ![' ', '-', '_'].includes(text.slice(word.wholeEnd, words[at - count + 1]!.start))
    ) {
      break
    }
    phrase = phrase === '' ? word.wholeLower : `${word.wholeLower} ${phrase}`
    phrases.push(phrase)
  }
  return phrases
}

/** Whether `<somebody@somewhere>` follows. */
function hasMailAfter(text: string, end: number): boolean {
  const quote = `"'`.includes(after(text, end) || ' ') ? 1 : 0
  if (!text.startsWith(' <', end + quote)) return false
  let bytes = 0
  for (const c of text.slice(end + quote + 2, end + quote + 2 + MAIL_BYTES_MAX)) {
    bytes += new TextEncoder().encode(c).length
    if (bytes > MAIL_BYTES_MAX || c === '>' || c === ' ' || c === '\n') return false
    if (c === '@') return true
  }
  return false
}

const BETWEEN = new Set([', ', ' and ', ', and ', ' & ', ' or '])

/** A row such as `Kateřina, James and Emily`: beside a name, what could be one is one. */
function joinLists(text: string, runs: Run[]): void {
  const listed = (left: Run, right: Run) =>
    left.end <= right.start && right.start - left.end <= 6 && BETWEEN.has(text.slice(left.end, right.start))
  const take = (from: Run, to: Run, between: boolean) => {
    if (from.confidence !== undefined && mayBeListed(to) && between) to.confidence = 'low'
  }
  for (let at = 1; at < runs.length; at++) take(runs[at - 1]!, runs[at]!, listed(runs[at - 1]!, runs[at]!))
  for (let at = runs.length - 1; at > 0; at--) take(runs[at]!, runs[at - 1]!, listed(runs[at - 1]!, runs[at]!))
}

/** Where the line that `at` stands in ends, and whether it has no capital letter. */
function lineOf(text: string, at: number): { end: number; lower: boolean } {
  const start = text.lastIndexOf('\n', at - 1) + 1
  const newline = text.indexOf('\n', at)
  const end = newline < 0 ? text.length : newline
  return { end, lower: !/\p{Uppercase}/u.test(text.slice(start, end)) }
}
