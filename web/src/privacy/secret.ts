/** Secrets: what is dense enough to be one, and what only stands where one would. */
import { asciiLower, isLetter, trimEnd, trimStart } from './character'
import type { Accepted, Candidate, Work } from './check'
import type { Detectors } from './detectors'
import { MASKED, STAND_IN } from './view'

const KEY_BITS_MIN = 2.8
const DENSE_BITS_MIN = 4.2

/** At most so many lines that are blank or headers stand before the first line of a key without an end line. */
const KEY_HEADER_LINES_MAX = 8
const KEY_LINE = /[A-Za-z0-9+/=]{20}/
const BLANK_OR_HEADER = /^(?:[A-Za-z][A-Za-z0-9-]{0,31}:(?: |[\t\r\n]*$)|$)/
const BEFORE_HEADER = ` \t\r\n>|${MASKED}${STAND_IN}`
const LINE_END = ' \t\r\n'

/** What begins a reference to a secret rather than one. */
const REFERENCES = [
  ...['$', '<', '%(', '%s', '{{', '${', '#{', '@{', '****', '...', 'xxxx', 'env.', 'process.env', 'os.environ'],
  ...['getenv', 'secrets.', 'vault:', 'http://', 'https://', 'config.', 'params.', 'request.', 'self.', 'this.'],
]

const utf8 = new TextEncoder()

export class SecretWords {
  private readonly notSecrets: Set<string>
  private readonly systemAccounts: Set<string>
  private readonly serviceMailboxes: string[]

  constructor(detectors: Detectors) {
    this.notSecrets = new Set(detectors.not_secrets)
    this.systemAccounts = new Set(detectors.system_accounts)
    this.serviceMailboxes = detectors.service_mailboxes
  }

  isPersonsMail(value: string): boolean {
    const lower = asciiLower(value)
    return !this.serviceMailboxes.some((mailbox) => lower.startsWith(mailbox))
  }

  isPersonsAccount(value: string): boolean {
    return !this.systemAccounts.has(asciiLower(value))
  }

  /** More than a placeholder, a word that says there is none, or a reference to where it is. */
  isSecret(value: string, bytesMin: number): boolean {
    const bare = trimEnd(value, '.,;:)]}?!')
    const lower = trimStart(asciiLower(bare), `"'([{\\`)
    const bytes = utf8.encode(lower)
    return (
      utf8.encode(value).length >= bytesMin &&
      lower !== '' &&
      !this.notSecrets.has(lower) &&
      !REFERENCES.some((start) => lower.startsWith(start)) &&
      !bytes.every((byte) => byte === bytes[0]) &&
      !/^[A-Za-z_.]{3,}[([]/.test(bare)
    )
  }

  /** A word with letters, and digits or signs, of six or more. */
  strongWord(candidate: Candidate): Accepted | undefined {
    const value = trimEnd(candidate.value, '.,;:)')
    const letters = [...value].some(isLetter)
    const marked = /[0-9!@#$%^&*+?~]/.test(value)
    const plain = value.includes('://') || /^[/([-]/.test(value)
    if (utf8.encode(value).length < 6 || !letters || !marked || plain || !this.isSecret(value, 6)) return undefined
    return { start: candidate.start, end: candidate.start + value.length }
  }

  /** Dense, not a name with dots, not a path. */
  isSecretKey(value: string): boolean {
    const digits = /[0-9]/.test(value)
    const mixed = digits || (/[A-Z]/.test(value) && /[a-z]/.test(value) && value.length >= 16)
    const name = !digits && /[._-]/.test(value)
    return mixed && !name && !/^[/.~]/.test(value) && bits(value) >= KEY_BITS_MIN && this.isSecret(value, 8)
  }
}

/** Letters and digits both. */
export const isMixed = (value: string) => /[0-9]/.test(value) && /[A-Za-z]/.test(value)

/** Letters of both cases, digits, and as dense as chance makes it. */
export const isDense = (value: string) =>
  isMixed(value) && /[A-Z]/.test(value) && /[a-z]/.test(value) && bits(value) >= DENSE_BITS_MIN

/** Shannon's entropy of the bytes, in bits a byte, rounded so that both readers agree at the limit. */
function bits(value: string): number {
  const counts = new Uint32Array(256)
  const bytes = utf8.encode(value)
  for (const byte of bytes) counts[byte] = counts[byte]! + 1
  let sum = 0
  for (const count of counts) {
    if (count > 0) sum += -(count / bytes.length) * Math.log2(count / bytes.length)
  }
  return Math.round(sum * 1000) / 1000
}

/** Two or more segments, the first a header of JSON. */
export function jwt(candidate: Candidate): Accepted | undefined {
  const value = trimEnd(candidate.value, '.=-')
  const [header = '', body = ''] = value.split('.')
  if (header.length < 10 || body.length < 4) return undefined
  return { start: candidate.start, end: candidate.start + value.length }
}

/**
 * From the begin line to the end line. Without one before the next key begins, as far as lines look like a key, past the
 * headers that may stand first.
 */
export function pem({ text, start, end }: Candidate, work: Work): Accepted {
  const next = text.indexOf('-----BEGIN', end)
  // what begins next is looked at by itself, so nothing is read twice
  const rest = text.slice(end, next < 0 ? text.length : next)
  work.units += rest.length
  const endLine = rest.indexOf('-----END')
  if (endLine >= 0) {
    const newline = rest.indexOf('\n', endLine)
    const close = rest.slice(endLine + 8, newline < 0 ? rest.length : newline).indexOf('-----')
    return { start, end: end + endLine + 8 + (close < 0 ? 0 : close + 5) }
  }
  let last = 0
  let skipped = 0
  let begun = false
  for (let lineStart = 0; lineStart < rest.length;) {
    const newline = rest.indexOf('\n', lineStart)
    const lineEnd = newline < 0 ? rest.length : newline + 1
    const line = rest.slice(lineStart, lineEnd)
    const header = BLANK_OR_HEADER.test(trimStart(line, BEFORE_HEADER))
    if (KEY_LINE.test(line)) {
      last = lineStart + trimEnd(line, LINE_END).length
      // a header can be as dense as a key, and more of them may follow
      begun ||= !header
    } else if (lineStart > 0) {
      skipped++
      if (begun || !header || skipped > KEY_HEADER_LINES_MAX) break
    }
    lineStart = lineEnd
  }
  return { start, end: end + last }
}

const BASE_62 = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'

/** Any token of this form; certain if its last six characters are the CRC-32 of the thirty before, in base 62. */
export function githubToken({ value, start, end }: Candidate): Accepted {
  const secret = value.slice(value.indexOf('_') + 1)
  let certain = false
  if (!value.startsWith('github') && secret.length === 36) {
    let number = crc32(secret.slice(0, 30))
    let digits = ''
    for (let place = 0; place < 6; place++) {
      digits = BASE_62.charAt(number % 62) + digits
      number = Math.floor(number / 62)
    }
    certain = digits === secret.slice(30)
  }
  return { start, end, certain }
}

/** CRC-32 of ISO-HDLC, bit by bit: thirty bytes a token. */
function crc32(ascii: string): number {
  let crc = ~0
  for (let at = 0; at < ascii.length; at++) {
    crc ^= ascii.charCodeAt(at)
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1
  }
  return ~crc >>> 0
}
