/** What a pattern found, judged by code: the same judgements by the same names as `crates/privacy/src/check.rs`. */
import { publicIpv4, publicIpv6 } from './address'
import { card } from './card'
import { back, trimEnd } from './character'
import { iban, isUkNino, isUsSsn } from './identity-number'
import { phone } from './phone'
import { githubToken, isDense, isMixed, jwt, pem, type SecretWords } from './secret'
import type { Place } from './view'

export interface Candidate extends Place {
  text: string
  value: string
  /** Whether one of the detector's `near` words stands nearby. */
  near: boolean
}

/** How many units of UTF-16 patterns matched, and checks read beyond: what must not grow with the square of a text. */
export interface Work {
  units: number
}

/** The place as the check leaves it; `certain` is beyond the detector's own confidence. */
export interface Accepted extends Place {
  certain?: boolean
}

export function judge(check: string, candidate: Candidate, words: SecretWords, work: Work): Accepted | undefined {
  const { value } = candidate
  const whole = (right: boolean) => (right ? { start: candidate.start, end: candidate.end } : undefined)
  switch (check) {
    case 'mail_address':
      return mail(candidate, words)
    case 'phone':
      return phone(candidate)
    case 'card':
      return card(candidate)
    case 'iban':
      return iban(candidate)
    case 'us_ssn':
      return whole(isUsSsn(value))
    case 'uk_nino':
      return whole(isUkNino(value))
    case 'ipv4':
      return whole(publicIpv4(value))
    case 'ipv6':
      return publicIpv6(candidate)
    case 'person_account':
      return whole(words.isPersonsAccount(value))
    case 'pem':
      return pem(candidate, work)
    case 'jwt':
      return jwt(candidate)
    case 'mixed':
      return whole(isMixed(value))
    case 'dense_secret':
      return whole(isDense(value))
    case 'github_token':
      return githubToken(candidate)
    case 'password_word':
      return whole(words.isSecret(value, 3))
    case 'secret_word':
      return whole(words.isSecret(value, 5))
    case 'strong_word':
      return words.strongWord(candidate)
    case 'secret_key':
      return whole(words.isSecretKey(value))
    case 'url_password':
      return whole(words.isSecret(value, 1))
    default:
      throw new Error(`no check is called ${check}`)
  }
}

/** How far before an address the scheme of a URL is looked for, in characters. */
const SCHEME_CHARS_MAX = 64

/** A mailbox whose domain ends in letters; not a service's, and not the password and host of `scheme://user:password@host`. */
function mail({ text, start, end, value }: Candidate, words: SecretWords): Accepted | undefined {
  const lead = text.slice(back(text, start, SCHEME_CHARS_MAX), start)
  const joined = lead.split(/[ \t\n"'(<]/).at(-1)!
  const scheme = joined.lastIndexOf('://')
  const userinfo = scheme < 0 ? '' : joined.slice(scheme + 3)
  if (userinfo.includes(':') && !/[/?#]/.test(userinfo)) return undefined
  const withRest = value.slice(value.indexOf('@') + 1)
  const domain = trimEnd(withRest, '-')
  if (!domain.includes('.')) return undefined
  const last = [...domain.slice(domain.lastIndexOf('.') + 1)]
  const letters = last.every((c) => /^[A-Za-z\u{80}-\u{10FFFF}]$/u.test(c))
  if (!letters || last.length < 2 || last.length > 24 || !words.isPersonsMail(value)) return undefined
  return { start, end: end - (withRest.length - domain.length) }
}
