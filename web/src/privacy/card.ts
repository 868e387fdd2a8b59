/** Payment cards: Luhn's check digit (ISO/IEC 7812-1, annex B) and what issuers' numbers begin with. */
import { isDigit } from './character'
import type { Accepted, Candidate } from './check'

/** The longest beginning of the match that is a card: a security code or a date may stand after it. */
export function card({ value, start }: Candidate): Accepted | undefined {
  let digits = ''
  let end: number | undefined
  for (let at = 0; at < value.length; at++) {
    if (!isDigit(value.charAt(at))) continue
    digits += value.charAt(at)
    if (!isDigit(value.charAt(at + 1)) && isIssued(digits) && luhn(digits)) end = start + at + 1
  }
  return end === undefined ? undefined : { start, end }
}

function isIssued(digits: string): boolean {
  const begins = (places: number) => Number(digits.slice(0, places))
  const [one, two, three, four] = [begins(1), begins(2), begins(3), begins(4)]
  const maestro = two === 50 || (two >= 56 && two <= 69)
  switch (digits.length) {
    case 12:
      return maestro
    case 13:
      return one === 4 || maestro
    case 14:
      return two === 36 || two === 38 || two === 39 || (three >= 300 && three <= 305)
    case 15:
      return two === 34 || two === 37 || four === 2131 || four === 1800
    case 16:
      return one === 4 || one === 5 || one === 6 || (four >= 2200 && four <= 2720) || two === 35
    case 17:
    case 18:
    case 19:
      return one >= 4 && one <= 6
    default:
      return false
  }
}

function luhn(digits: string): boolean {
  let sum = 0
  for (let at = 0; at < digits.length; at++) {
    const digit = Number(digits.charAt(digits.length - 1 - at))
    const doubled = digit > 4 ? digit * 2 - 9 : digit * 2
    sum += at % 2 === 1 ? doubled : digit
  }
  return sum % 10 === 0
}
