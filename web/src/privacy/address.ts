/** Addresses of the internet: public ones lead to people, the others to nobody (RFC 6890 and its registry). */
import { after, before } from './character'
import type { Accepted, Candidate } from './check'

export function publicIpv4(value: string): boolean {
  const octets = value
    .replace(/[^0-9.]/g, '')
    .split('.')
    .filter((part) => part !== '')
    .map(Number)
  if (octets.length !== 4 || octets.some((octet) => octet > 255)) return false
  const [a, b, c, d] = octets as [number, number, number, number]
  const kept =
    a === 0 ||
    a === 10 ||
    a === 127 ||
    (a === 100 && b >= 64 && b <= 127) ||
    (a === 169 && b === 254) ||
    (a === 172 && b >= 16 && b <= 31) ||
    (a === 192 && b === 168) ||
    (a === 192 && b === 0 && c === 2) ||
    (a === 198 && b === 51 && c === 100) ||
    (a === 203 && b === 0 && c === 113) ||
    (a === 255 && (b === 0 || b === 255) && (d === 0 || d >= 128))
  return !kept
}

/** An address of version 6 that leads somewhere. Short forms are told from `a::b` of programs by their range. */
export function publicIpv6(candidate: Candidate): Accepted | undefined {
  let { value } = candidate
  if (value.endsWith(':') && !value.endsWith('::')) value = value.slice(0, -1)
  if (before(candidate.text, candidate.start) === ':' || after(candidate.text, candidate.end) === ':') return undefined
  const groups = groupsOf(value)
  if (!groups) return undefined
  const first = groups[0]!
  const documentation = (first === 0x2001 && groups[1] === 0x0db8) || (first & 0xfff0) === 0x3ff0
  const local = (first & 0xfe00) === 0xfc00 || (first & 0xffc0) === 0xfe80 || (first & 0xff00) === 0xff00
  const nothing = groups.slice(0, 7).every((group) => group === 0)
  const global = (first & 0xe000) === 0x2000
  if (documentation || local || nothing || !(global || !value.includes('::'))) return undefined
  return { start: candidate.start, end: candidate.start + value.length }
}

/** The eight groups of an address, with `::` filled up. */
function groupsOf(value: string): number[] | undefined {
  const halves = value.split('::')
  if (halves.length > 2) return undefined
  const parse = (half: string): number[] | undefined => {
    if (half === '') return []
    const groups = half.split(':')
    return groups.every((group) => /^[0-9A-Fa-f]+$/.test(group))
      ? groups.map((group) => parseInt(group, 16))
      : undefined
  }
  const head = parse(halves[0]!)
  const tail = halves.length === 2 ? parse(halves[1]!) : []
  if (!head || !tail) return undefined
  const given = head.length + tail.length
  if (given > 8 || (halves.length === 1 && given !== 8) || (halves.length === 2 && given === 8)) return undefined
  return [...head, ...Array<number>(8 - given).fill(0), ...tail]
}
