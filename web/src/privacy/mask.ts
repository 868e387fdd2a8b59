/**
 * Masking in the browser: what in a text is personal or secret, and the text without it, before it leaves this machine.
 *
 * The same detectors as the server's, from the same file, and the same spans: `crates/privacy` explains how it works, and a
 * test there holds the two to each other. Import it when it is needed (`await import('../privacy/mask')`): a screen that
 * masks nothing need not load it.
 */
import {
  after,
  asciiLower,
  before,
  isAlphanumeric,
  isWord,
  numberAfter,
  numberBefore,
  trimEnd,
  trimStart,
} from './character'
import { judge, type Accepted, type Work } from './check'
import { Nearby } from './context'
import type { Confidence, Context, Detector, Detectors } from './detectors'
import shipped from './detectors.json'
import { Names } from './names'
import { Numbers, Placeholders } from './placeholder'
import { SecretWords } from './secret'
import { MASKED, View, type Place } from './view'

/** The longest text that is masked, in bytes of UTF-8. */
export const TEXT_BYTES_MAX = 1024 * 1024

/** How often a text is looked at again because something was found in it. */
const ROUNDS_MAX = 32

/** A match that is refused is looked into again, word by word, if it has at most so many characters. */
const RETRY_CHARS_MAX = 512

/** What is left between masked places without a placeholder of its own. */
const GAPS = ' \t\r\n'

/** There is something to read: not masked, not a gap. */
const READABLE = /[^ \t\r\n\u{FFFC}]/u

const CONFIDENCES: readonly Confidence[] = ['low', 'medium', 'high']

/** Why nothing was masked: the text must not be sent then. */
export class MaskError extends Error {
  constructor(
    readonly code: 'text_too_large' | 'text_unsettled',
    message: string,
  ) {
    super(message)
  }
}

/** A place in the text that was given, in units of UTF-16, and what stands for it now. */
export interface Span extends Place {
  class: string
  detector: string
  confidence: Confidence
  replacement: string
}

export interface Masked {
  text: string
  spans: Span[]
}

interface Hit extends Place {
  detector: number
  confidence: Confidence
}

class Ready {
  readonly pattern: RegExp | undefined
  private readonly grouped: boolean
  private readonly literals: string[]
  private readonly near: Nearby | undefined
  private readonly unless: Nearby | undefined

  constructor(readonly detector: Detector) {
    const pattern = detector.pattern ?? ''
    this.grouped = pattern !== '' && (new RegExp(`${pattern}|`, 'u').exec('')?.length ?? 1) > 1
    const flags = `gu${detector.ignore_case ? 'i' : ''}${this.grouped ? 'd' : ''}`
    this.pattern = pattern === '' ? undefined : new RegExp(pattern, flags)
    this.literals = (detector.literals ?? []).map(asciiLower)
    const nearby = (context: Context | undefined) => context && new Nearby(context.words, context.chars)
    this.near = nearby(detector.near)
    this.unless = nearby(detector.unless)
  }

  /** Whether it has a reason to look. */
  isAsked(lower: string): boolean {
    return this.literals.length === 0 || this.literals.some((literal) => lower.includes(literal))
  }

  /** What its pattern finds; `crates/privacy/src/masker.rs`, `find`, is the same. */
  find(text: string, index: number, words: SecretWords, hits: Hit[], work: Work): void {
    const pattern = this.pattern!
    let at = 0
    while (at <= text.length) {
      pattern.lastIndex = at
      const match = pattern.exec(text)
      if (!match) break
      const start = match.index
      const end = start + match[0].length
      work.units += end - start
      const group = this.grouped ? match.indices!.slice(1).find((place) => place !== undefined) : undefined
      const [valueStart, valueEnd] = group ?? [start, end]
      const accepted = this.accept(text, { start, end }, { start: valueStart, end: valueEnd }, words, work)
      if (accepted && READABLE.test(text.slice(accepted.start, accepted.end))) {
        const confidence = accepted.certain ? 'high' : (this.detector.confidence as Confidence)
        hits.push({ start: accepted.start, end: accepted.end, detector: index, confidence })
        at = Math.max(accepted.end, start + 1)
      } else if (end - start > RETRY_CHARS_MAX && [...match[0]].length > RETRY_CHARS_MAX) {
        at = end
      } else {
        at = nextWord(text, start)
      }
    }
  }

  private accept(text: string, match: Place, value: Place, words: SecretWords, work: Work): Accepted | undefined {
    if (this.refuses(text, match, value)) return undefined
    const near = this.near !== undefined && (this.near.before(text, match.start) || this.near.after(text, match.end))
    if (this.near && !this.detector.near?.optional && !near) return undefined
    const candidate = { text, ...value, value: text.slice(value.start, value.end), near }
    return this.detector.check ? judge(this.detector.check, candidate, words, work) : value
  }

  /** Whether what stands around the match speaks against it. */
  private refuses(text: string, { start, end }: Place, value: Place): boolean {
    if (this.unless?.before(text, start)) return true
    switch (this.detector.boundary) {
      case 'word':
        return isWord(before(text, start)) || isWord(after(text, Math.max(value.end, end)))
      case 'start':
        return isAlphanumeric(before(text, start))
      case 'digits':
        return numberBefore(text, start, '.,-') || numberAfter(text, end, '.,-')
      case 'dotted':
        return numberBefore(text, start, '.') || numberAfter(text, end, '.')
      default:
        return false
    }
  }
}

/** Detectors made ready; made once, used for any number of texts. */
export class Masker {
  private readonly detectors: Ready[]
  private readonly words: SecretWords
  private readonly names: Names
  private readonly placeholders: Placeholders

  constructor(detectors: Detectors = shipped) {
    this.detectors = detectors.detectors.map((detector) => new Ready(detector))
    this.words = new SecretWords(detectors)
    this.names = new Names(detectors.names)
    this.placeholders = new Placeholders(detectors)
  }

  /** Masks a text, and counts what it took. Throws a `MaskError` if it is too long or never settles. */
  mask(given: string, work: Work = { units: 0 }): Masked {
    const text = wellFormed(given)
    return this.render(text, this.hits(text, work), new Numbers(this.placeholders.inText(text)))
  }

  /**
   * Masks several texts that belong together, such as the fields of one report: the same value has the same number in
   * all of them. Throws for one of them what `mask` throws; then none is masked.
   */
  maskAll(given: readonly string[]): Masked[] {
    const texts = given.map(wellFormed)
    const numbers = new Numbers(texts.flatMap((text) => this.placeholders.inText(text)))
    return texts.map((text) => this.render(text, this.hits(text, { units: 0 }), numbers))
  }

  /** What is to be masked in a text, in order and apart. */
  private hits(text: string, work: Work): Hit[] {
    const bytes = new TextEncoder().encode(text).length
    if (bytes > TEXT_BYTES_MAX) {
      throw new MaskError('text_too_large', `the text is ${bytes} bytes long, and at most ${TEXT_BYTES_MAX} are masked`)
    }
    const taken = this.placeholders.inText(text)
    const all: Hit[] = []
    for (let round = 0; round < ROUNDS_MAX; round++) {
      const masked = [...all, ...taken].sort((a, b) => a.start - b.start)
      const found = this.look(new View(text, masked), work)
      if (found.length === 0) return all
      all.push(...found)
      all.sort((a, b) => a.start - b.start)
    }
    throw new MaskError('text_unsettled', `after ${ROUNDS_MAX} rounds masking still finds something new`)
  }

  /** One look: what every detector finds in the view, joined where it overlaps, as places in the text. */
  private look(view: View, work: Work): Hit[] {
    const lower = asciiLower(view.text)
    const hits: Hit[] = []
    this.detectors.forEach((ready, index) => {
      if (!ready.isAsked(lower)) return
      if (ready.pattern) {
        ready.find(view.text, index, this.words, hits, work)
        return
      }
      const own = CONFIDENCES.indexOf(ready.detector.confidence as Confidence)
      for (const { start, end, confidence } of this.names.find(view.text)) {
        const least = CONFIDENCES[Math.min(own, CONFIDENCES.indexOf(confidence))]!
        hits.push({ start, end, detector: index, confidence: least })
      }
    })
    return this.join(hits.flatMap((hit) => unmasked(view.text, hit))).flatMap((hit) => {
      const place = view.inSource(hit.start, hit.end)
      return place ? [{ ...hit, ...place }] : []
    })
  }

  /** Hits that overlap become one place of all of theirs together, of the class with the highest priority. */
  private join(hits: Hit[]): Hit[] {
    hits.sort((a, b) => a.start - b.start || b.end - a.end || a.detector - b.detector)
    const rank = (hit: Hit) => [this.detectors[hit.detector]!.detector.priority, -hit.start, -hit.detector] as const
    const higher = (a: Hit, b: Hit) => {
      const [left, right] = [rank(a), rank(b)]
      const place = left.findIndex((value, at) => value !== right[at])
      return place >= 0 && left[place]! > right[place]!
    }
    const joined: { place: Place; best: Hit }[] = []
    for (const hit of hits) {
      if (hit.start >= hit.end) continue
      const last = joined.at(-1)
      if (last && hit.start < last.place.end) {
        last.place.end = Math.max(last.place.end, hit.end)
        if (higher(hit, last.best)) last.best = hit
      } else {
        joined.push({ place: { start: hit.start, end: hit.end }, best: hit })
      }
    }
    return joined.map(({ place, best }) => ({ ...best, ...place }))
  }

  private render(text: string, hits: Hit[], numbers: Numbers): Masked {
    let masked = ''
    let at = 0
    const spans = hits.map(({ start, end, detector: index, confidence }): Span => {
      const { detector } = this.detectors[index]!
      const number = numbers.of(detector.class, text.slice(start, end))
      const replacement = `[${this.placeholders.label(detector.class)} ${number}]`
      masked += text.slice(at, start) + replacement
      at = end
      return { start, end, class: detector.class, detector: detector.name, confidence, replacement }
    })
    return { text: masked + text.slice(at), spans }
  }
}

/** Half of a pair is no character; in UTF-8 it would be this sign. */
function wellFormed(text: string): string {
  return text.replace(/[\u{D800}-\u{DFFF}]/gu, '\u{FFFD}')
}

/** The parts of a place that are not masked yet, without the gaps beside what is. */
function unmasked(text: string, hit: Hit): Hit[] {
  const parts = text.slice(hit.start, hit.end).split(MASKED)
  if (parts.length === 1) return [hit]
  let at = hit.start
  return parts.flatMap((part) => {
    const start = at + (part.length - trimStart(part, GAPS).length)
    const end = at + trimEnd(part, GAPS).length
    at += part.length + MASKED.length
    return start < end ? [{ ...hit, start, end }] : []
  })
}

/** Where a search goes on after a match at `start` was refused: past the word that stands there. */
function nextWord(text: string, start: number): number {
  let earlier = after(text, start)
  if (earlier === '') return text.length + 1
  for (let at = start + earlier.length; at < text.length;) {
    const c = after(text, at)
    if (!(isWord(earlier) && isWord(c))) return at
    earlier = c
    at += c.length
  }
  return text.length + 1
}
