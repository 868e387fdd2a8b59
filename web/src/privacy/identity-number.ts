/** Numbers that banks and states give out. */
import { after, asciiUpper, isWord } from './character'
import type { Accepted, Candidate } from './check'

/** Length of an IBAN by country (the registry of ISO 13616). */
const IBAN_CHARS = new Map(
  `
  AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BI27 BR29 BY28 CH21 CR22 CY28 CZ24
  DE22 DJ27 DK18 DO28 EE20 EG29 ES24 FI18 FK18 FO18 FR27 GB22 GE22 GI23 GL18 GR27
  GT28 HR21 HU28 IE22 IL23 IQ23 IS26 IT27 JO30 KW30 KZ20 LB28 LC32 LI21 LT20 LU20
  LV21 LY25 MC27 MD24 ME22 MK19 MN20 MR27 MT31 MU30 NI28 NL18 NO15 OM23 PK24 PL28
  PS29 PT25 QA29 RO24 RS22 RU33 SA24 SC31 SD18 SE24 SI19 SK24 SM27 SO23 ST25 SV28
  TL23 TN24 TR26 UA29 VA22 VG24 XK20 YE30
`
    .trim()
    .split(/\s+/)
    .map((row) => [row.slice(0, 2), Number(row.slice(2))]),
)

/** An IBAN at the beginning of the match, which may run on into words after it. */
export function iban({ text, value, start }: Candidate): Accepted | undefined {
  const chars = IBAN_CHARS.get(asciiUpper(value.slice(0, 2)))
  if (chars === undefined) return undefined
  let taken = ''
  let end: number | undefined
  for (let at = 0; at < value.length && end === undefined; at++) {
    if (!/[A-Za-z0-9]/.test(value.charAt(at))) continue
    taken += asciiUpper(value.charAt(at))
    if (taken.length === chars) end = start + at + 1
  }
  if (end === undefined || isWord(after(text, end)) || mod97(taken) !== 1) return undefined
  return { start, end }
}

/** The remainder of ISO 7064 MOD 97-10, with the first four characters at the end and letters as 10 to 35. */
function mod97(characters: string): number {
  let remainder = 0
  for (const c of characters.slice(4) + characters.slice(0, 4)) {
    const value = parseInt(c, 36)
    remainder = (remainder * (value > 9 ? 100 : 10) + value) % 97
  }
  return remainder
}

/** Whether area, group and serial are given out, and both separators are the same. */
export function isUsSsn(value: string): boolean {
  const digits = value.replace(/[^0-9]/g, '')
  const separators = value.replace(/[0-9]/g, '')
  return (
    digits.length === 9 &&
    [...separators].every((c) => c === separators.charAt(0)) &&
    ![...digits].every((c) => c === digits.charAt(0)) &&
    !/^(?:000|666|9)/.test(digits) &&
    digits.slice(3, 5) !== '00' &&
    digits.slice(5) !== '0000'
  )
}

/** Whether the prefix is given out (HMRC, NIM39110), and the letters are of one case. */
export function isUkNino(value: string): boolean {
  const letters = value.replace(/[^A-Za-z]/g, '')
  const oneCase = /^[A-Z]*$/.test(letters) || /^[a-z]*$/.test(letters)
  const refused = ['BG', 'GB', 'NK', 'KN', 'TN', 'NT', 'ZZ']
  return /^[\0-\x7f]*$/.test(value) && oneCase && !refused.includes(asciiUpper(value.slice(0, 2)))
}
