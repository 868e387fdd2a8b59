/** Characters beside a place, as both readers of the detectors understand them. */

const WORD = /^[\p{Alphabetic}\p{N}_]$/u
const LETTER = /^\p{Alphabetic}$/u
const NUMBER = /^\p{N}$/u
const ALPHANUMERIC = /^[\p{Alphabetic}\p{N}]$/u
const UPPERCASE = /^\p{Uppercase}$/u

/** Most texts are ASCII mostly, and a table is far quicker than an expression; nothing is the empty character. */
function quickly(expression: RegExp): (c: string) => boolean {
  const ascii = Array.from({ length: 128 }, (_, code) => expression.test(String.fromCharCode(code)))
  return (c) => {
    const code = c.charCodeAt(0)
    return code < 128 ? ascii[code]! : expression.test(c)
  }
}

export const isWord = quickly(WORD)
export const isLetter = quickly(LETTER)
export const isNumber = quickly(NUMBER)
export const isAlphanumeric = quickly(ALPHANUMERIC)
export const isUppercase = quickly(UPPERCASE)
export const isDigit = (c: string) => c >= '0' && c <= '9' && c.length === 1
export const isAsciiLetter = (c: string) => /^[A-Za-z]$/.test(c)

/** The character that ends right before `at`, or nothing. */
export function before(text: string, at: number): string {
  if (at <= 0) return ''
  const low = text.charCodeAt(at - 1)
  return low >= 0xdc00 && low <= 0xdfff && at > 1 ? text.slice(at - 2, at) : text.charAt(at - 1)
}

/** The character that begins at `at`, or nothing. */
export function after(text: string, at: number): string {
  const point = text.codePointAt(at)
  return point === undefined ? '' : String.fromCodePoint(point)
}

/** Whether a number goes on before `at`: a digit, a letter, `_`, or one of `separators` after a digit. */
export function numberBefore(text: string, at: number, separators: string): boolean {
  const c = before(text, at)
  if (c === '') return false
  return isWord(c) || (separators.includes(c) && isDigit(before(text, at - c.length)))
}

/** Whether a number goes on at `at`: a digit, a letter, `_`, or one of `separators` before a digit. */
export function numberAfter(text: string, at: number, separators: string): boolean {
  const c = after(text, at)
  if (c === '') return false
  return isWord(c) || (separators.includes(c) && isDigit(after(text, at + c.length)))
}

/** `text` with ASCII letters in lower case; other letters stay, since languages differ on them. */
export const asciiLower = (text: string) => text.replace(/[A-Z]+/g, (letters) => letters.toLowerCase())
export const asciiUpper = (text: string) => text.replace(/[a-z]+/g, (letters) => letters.toUpperCase())

/** `text` without the characters of `signs` at its end. */
export function trimEnd(text: string, signs: string): string {
  let end = text.length
  while (end > 0 && signs.includes(text.charAt(end - 1))) end--
  return text.slice(0, end)
}

/** `text` without the characters of `signs` at its beginning. */
export function trimStart(text: string, signs: string): string {
  let start = 0
  while (start < text.length && signs.includes(text.charAt(start))) start++
  return text.slice(start)
}

/** `chars` characters before `at`, or the beginning. */
export function back(text: string, at: number, chars: number): number {
  let start = at
  for (let count = 0; count < chars && start > 0; count++) start -= before(text, start).length
  return start
}
