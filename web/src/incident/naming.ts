/** How long names of things are written where there is little room. */
import type { Incident } from '../api/pending'

const CHARS_MAX = 44

/** Cut in the middle: what differs is mostly at the end. */
export function middleCut(text: string, chars_max = CHARS_MAX): string {
  if (text.length <= chars_max) return text
  const tail = Math.ceil((chars_max - 1) * 0.6)
  return `${text.slice(0, chars_max - 1 - tail)}…${text.slice(-tail)}`
}

/** An ARN without what all of an account share: `user/ci-deployer`, `role/…/AWSReservedSSO_Admin_1a2b`. */
export function shortEntity(value: string, chars_max = CHARS_MAX): string {
  const resource = /^arn:[^:]*:[^:]*:[^:]*:[^:]*:(.+)$/.exec(value)?.[1]
  if (!resource) return middleCut(value, chars_max)
  const parts = resource.split('/')
  const short = parts.length > 3 ? `${parts[0] ?? ''}/…/${parts.at(-1) ?? ''}` : resource
  return middleCut(short, chars_max)
}

export interface Headline {
  what: string
  /** Whom it is about, where the title ends with that; whole. */
  about: string | null
}

/** A title that the machine made is `rule: entity`; people's titles are whole. */
export function headline({ title, group }: Pick<Incident, 'title' | 'group'>): Headline {
  const ending = `: ${group.value}`
  if (!group.value || !title.endsWith(ending)) return { what: title, about: null }
  return { what: title.slice(0, -ending.length), about: group.value }
}

/** The title of which only the text is known, its ARN short. */
export function shortTitle(title: string): string {
  return title.replace(/arn:\S+/, (arn) => shortEntity(arn))
}
