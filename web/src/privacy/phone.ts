/** Telephone numbers, told from dates, versions, amounts and ids by how their digits are grouped. */
import { after, before, isDigit, isWord, numberAfter } from './character'
import type { Accepted, Candidate } from './check'

/** What may stand between two groups of digits. */
const SEPARATORS = new Set([
  ...[' ', '-', '.', '/', ')', ') ', ')-', ' (', '(', '-(', ' - ', '\u{A0}', ' / ', ').', ') ('],
])

/** The most digits of a number (ITU-T E.164), and the fewest that are one at all. */
const DIGITS_MAX = 15
const DIGITS_MIN = 7

interface Group {
  end: number
  digits: string
  separator: string
}

/** The longest beginning of the match that is a number; the match may run on into other numbers. */
export function phone({ text, value, start, near }: Candidate): Accepted | undefined {
  if (goesOnBefore(text, start)) return undefined
  const letter = value.search(/[A-Za-z]/)
  const main = letter < 0 ? value : value.slice(0, letter).trimEnd()
  const lead = /^[+(]/.test(value) ? value.charAt(0) : ''
  const groups = groupsOf(main)
  for (let count = groups.length; count > 0; count--) {
    const part = groups.slice(0, count)
    if (!isNumber(lead, part, near)) continue
    const all = count === groups.length
    const end = start + (all ? value.length : part[count - 1]!.end)
    const apart = all || /^[ \u{A0}]/u.test(groups[count]!.separator)
    if (apart && !numberAfter(text, end, '.-,:')) return { start, end }
  }
  return undefined
}

/** Whether the place is in the middle of a word, a path or another number. */
function goesOnBefore(text: string, start: number): boolean {
  const c = before(text, start)
  if (c === '') return false
  const earlier = before(text, start - c.length)
  return (
    isWord(c) ||
    '#$€£\\@'.includes(c) ||
    ('.-/,:+'.includes(c) && isDigit(earlier)) ||
    (c === '/' && isWord(earlier)) ||
    (c === '-' && isDigit(after(text, start)) && isWord(earlier))
  )
}

function groupsOf(main: string): Group[] {
  let separatorStart = 0
  return [...main.matchAll(/[0-9]+/g)].map((match) => {
    const end = match.index + match[0].length
    const group = { end, digits: match[0], separator: main.slice(separatorStart, match.index) }
    separatorStart = end
    return group
  })
}

function isNumber(lead: string, groups: Group[], near: boolean): boolean {
  const lengths = groups.map((group) => group.digits.length)
  const digits = lengths.reduce((sum, length) => sum + length, 0)
  const separators = groups.slice(1).map((group) => group.separator)
  if (digits < DIGITS_MIN || digits > DIGITS_MAX || !separators.every((s) => SEPARATORS.has(s))) return false
  if (isDate(groups, lengths, separators) || isRepetition(groups)) return false
  const closed = separators.filter((s) => s.includes(')')).length
  const opened = separators.filter((s) => s.includes('(')).length + (lead === '(' ? 1 : 0)
  if (closed !== opened) return false
  const first = groups[0]!.digits
  if (lead === '+') return digits >= 8 && !first.startsWith('0')
  if (lead === '(') return lengths[0]! <= 5 && groups.length > 1 && separators[0]!.startsWith(')') && digits <= 12
  return byShape(first, digits, lengths, separators) || (near && byWords(digits, lengths))
}

/** Shapes that are numbers without a word: 3-3-4 (with or without a country's code), and a leading zero. */
function byShape(first: string, digits: number, lengths: number[], separators: string[]): boolean {
  const oneSeparator = separators.every((s) => s === separators[0])
  const shape = lengths.join('-')
  const american =
    (shape === '3-3-4' && !/^[01]/.test(first)) ||
    (shape === '1-3-3-4' && first === '1') ||
    (shape === '3-3-3-4' && first === '001')
  const international = first.startsWith('00') && lengths.length >= 2 && digits >= 10 && digits <= 15
  const trunk =
    first.startsWith('0') &&
    lengths[0]! >= 2 &&
    lengths[0]! <= 5 &&
    lengths.length >= 2 &&
    lengths.length <= 5 &&
    digits >= 9 &&
    digits <= 12 &&
    lengths.slice(1).every((length) => length >= 2 && length <= 8)
  return (
    (american && oneSeparator) ||
    international ||
    (trunk && !separators.includes('.')) ||
    (trunk && oneSeparator && lengths.length > 2)
  )
}

/** What is a number if the words beside it say so. */
function byWords(digits: number, lengths: number[]): boolean {
  return digits <= 13 && lengths.length <= 6 && lengths.every((length) => length <= 11)
}

/** Year, month and day in some order. */
function isDate(groups: Group[], lengths: number[], separators: string[]): boolean {
  const year = (group: Group | undefined) => /^(?:19|20)/.test(group?.digits ?? '')
  const signed = separators.length >= 2 && separators[0] === separators[1] && /^[-./]$/.test(separators[0]!)
  const shape = lengths.slice(0, 3).join('-')
  return signed && ((shape === '4-2-2' && year(groups[0])) || (/^[12]-[12]-4$/.test(shape) && year(groups[2])))
}

/** One digit over and over, as in ruled lines and tests. */
function isRepetition(groups: Group[]): boolean {
  const digits = groups.map((group) => group.digits).join('')
  return [...digits].every((digit) => digit === digits.charAt(0))
}
