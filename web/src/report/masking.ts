/** What a text becomes before it leaves this machine, and what to say about that. */
import type { Masked, Masker } from '../privacy/mask'

/** What was found in texts, by kind. */
export interface Found {
  kind: string
  count: number
}

/** A text in pieces; those with a `kind` stand for what was replaced. */
export interface Piece {
  text: string
  kind?: string
}

interface KindWords {
  one: string
  many: string
  /** Why it is kept out, and what helps instead. */
  instead: string
}

const KINDS: Record<string, KindWords> = {
  email: { one: 'mail address', many: 'mail addresses', instead: 'Say whose it is: “a customer”, “our billing”.' },
  phone: { one: 'telephone number', many: 'telephone numbers', instead: 'Nobody needs to call it to look into this.' },
  card: { one: 'payment card', many: 'payment cards', instead: 'Say that a card number was seen, and where.' },
  iban: { one: 'bank account', many: 'bank accounts', instead: 'Say that an account number was seen, and where.' },
  national_id: { one: 'identity number', many: 'identity numbers', instead: 'Say which kind of number was seen.' },
  ip: { one: 'public address', many: 'public addresses', instead: 'Logs of the service have it already.' },
  person: { one: 'name', many: 'names', instead: 'Say what the person does: “an admin”, “the caller”.' },
  username: { one: 'account name', many: 'account names', instead: 'The path without it says the same.' },
  token: { one: 'key or token', many: 'keys or tokens', instead: 'Say where it lies; have it revoked, not repeated.' },
  private_key: { one: 'private key', many: 'private keys', instead: 'Say where it lies; have it replaced.' },
  password: { one: 'password', many: 'passwords', instead: 'Say where it lies; have it changed.' },
}

export function kindWords(kind: string): KindWords {
  return KINDS[kind] ?? { one: kind, many: kind, instead: 'It is not needed to look into this.' }
}

/** `2 mail addresses and 1 password`. */
export function foundWords(found: readonly Found[]): string {
  const words = found.map(({ kind, count }) => {
    const { one, many } = kindWords(kind)
    return `${String(count)} ${count === 1 ? one : many}`
  })
  const last = words.pop() ?? ''
  return words.length > 0 ? `${words.join(', ')} and ${last}` : last
}

/** How many different values of each kind were replaced, most first; texts share their numbers. */
export function foundIn(masked: readonly Masked[]): Found[] {
  const counts = new Map<string, number>()
  const seen = new Set<string>()
  for (const { class: kind, replacement } of masked.flatMap(({ spans }) => spans)) {
    if (!seen.has(replacement)) counts.set(kind, (counts.get(kind) ?? 0) + 1)
    seen.add(replacement)
  }
  return [...counts].map(([kind, count]) => ({ kind, count })).toSorted((a, b) => b.count - a.count)
}

/** The masked text, cut where something was replaced. */
export function piecesOf({ text, spans }: Masked): Piece[] {
  const pieces: Piece[] = []
  let at = 0
  // what stood between replacements is the same in both texts
  for (const { replacement, class: kind } of spans) {
    const start = text.indexOf(replacement, at)
    if (start > at) pieces.push({ text: text.slice(at, start) })
    pieces.push({ text: replacement, kind })
    at = start + replacement.length
  }
  if (at < text.length) pieces.push({ text: text.slice(at) })
  return pieces
}

/** Words that another keystroke may make part of something personal: `jane.d`, `+49`, `Jane`, `password:`. */
const UNSURE = /[\d@:=_+/\\[\]-]|^["'(“‘]*\p{Lu}/u
/** Between words; also what stands between them in languages without spaces ends a word. */
const GAP = /[\s,;!?。、，]+$/u

/**
 * The part of a text, masked, that further typing cannot change into something personal: what stands at its end is left
 * out until it is clear what it is. A search while somebody types is asked with this only.
 */
export function settledPart(masker: Pick<Masker, 'mask'>, typed: string): string {
  let rest = masker.mask(cutKeys(typed)).text
  let ended = GAP.test(rest)
  for (;;) {
    rest = rest.replace(GAP, '')
    const word = /(?:\[[a-z]+ \d+\]\S*|\S+)$/u.exec(rest)?.[0] ?? ''
    if (word === '') return ''
    // what is masked there may turn out to be a part of something longer, so it goes as well
    if (ended && !UNSURE.test(word)) return rest
    rest = rest.slice(0, rest.length - word.length)
    ended = true
  }
}

/** The text without a block that has begun and not ended: until its last line, it is not told what it is. */
function cutKeys(text: string): string {
  const begin = text.lastIndexOf('-----BEGIN')
  return begin >= 0 && !text.includes('-----END', begin) ? text.slice(0, begin) : text
}

let loading: Promise<Masker> | undefined

/** The masker, loaded once, when it is first needed. */
export function loadMasker(): Promise<Masker> {
  loading ??= import('../privacy/mask').then(
    ({ Masker }) => new Masker(),
    (cause: unknown) => {
      loading = undefined
      throw cause
    },
  )
  return loading
}
