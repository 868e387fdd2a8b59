/** What containments say to people. */
import { timeOfDay } from '../time/format'
import type { Containment, ContainmentState, Impact, Plan, Preview, Reversibility, Why } from './api'

const STATE_WORDS: Record<string, string> = {
  planned: 'Planned',
  awaiting_approval: 'Waiting for approval',
  approved: 'Approved',
  applying: 'Being applied',
  applied: 'Applied, being verified',
  verified: 'In effect, verified',
  reverting: 'Being taken back',
  reverted: 'Taken back, verified',
  denied: 'Denied',
  expired: 'Not approved in time',
  failed: 'Failed',
  unknown: 'Needs a person',
  cancelled: 'Called off',
}

/** The states that nothing comes after. */
export const END_STATES: readonly string[] = ['reverted', 'denied', 'expired', 'failed', 'cancelled']

export function stateWord(state: ContainmentState): string {
  return STATE_WORDS[state] ?? state.replaceAll('_', ' ')
}

/** A colour for a state; it never stands without the words. */
export function stateTone(state: ContainmentState): 'wait' | 'busy' | 'good' | 'bad' | 'over' {
  if (state === 'awaiting_approval') return 'wait'
  if (state === 'unknown' || state === 'failed') return 'bad'
  if (state === 'verified') return 'good'
  return END_STATES.includes(state) ? 'over' : 'busy'
}

export function isEnded(state: ContainmentState): boolean {
  return END_STATES.includes(state)
}

/** Whether it changes without anybody doing something. */
export function isMoving({ state, revert_at }: Pick<Containment, 'state' | 'revert_at'>): boolean {
  return !isEnded(state) && !(state === 'verified' && !revert_at)
}

const REVERSIBILITY_WORDS: Record<string, string> = {
  reversible: 'can be taken back',
  compensable: 'is not taken back, and heals by itself: who is signed out signs in again',
  irreversible: 'cannot be undone',
}

export function reversibilityWords(reversibility: Reversibility): string {
  return REVERSIBILITY_WORDS[reversibility] ?? reversibility
}

const IMPACT_WORDS: Record<string, string> = {
  low: 'low: one person or machine, for minutes',
  medium: 'medium: one person or service cannot work until it is undone',
  high: 'high: many people, or production',
}

export function impactWords(impact: Impact): string {
  return IMPACT_WORDS[impact] ?? impact
}

const MINUTE_MS = 60_000
const HOUR_MS = 60 * MINUTE_MS
const DAY_MS = 24 * HOUR_MS

/** `30 min`, `4 h`, `1 day`, `1 day 6 h`. */
export function ttlWords(minutes: number): string {
  const days = Math.floor(minutes / 1440)
  const hours = Math.floor((minutes % 1440) / 60)
  const rest = minutes % 60
  const parts = [
    days > 0 ? `${String(days)} ${days === 1 ? 'day' : 'days'}` : '',
    hours > 0 ? `${String(hours)} h` : '',
    rest > 0 ? `${String(rest)} min` : '',
  ]
  return parts.filter(Boolean).join(' ') || '0 min'
}

/** How long until a moment: `1 d 3 h`, `3 h 59 min`, `12 min`, and seconds in the last ten minutes; `any moment` after it. */
export function countdown(at_ms: number, now_ms: number): string {
  const left_ms = at_ms - now_ms
  if (left_ms <= 0) return 'any moment'
  const whole = (size_ms: number) => Math.floor(left_ms / size_ms)
  const pair = (first: number, unit: string, second: number, small: string) =>
    second > 0 ? `${String(first)} ${unit} ${String(second)} ${small}` : `${String(first)} ${unit}`
  if (left_ms >= DAY_MS) return pair(whole(DAY_MS), 'd', Math.floor((left_ms % DAY_MS) / HOUR_MS), 'h')
  if (left_ms >= HOUR_MS) return pair(whole(HOUR_MS), 'h', Math.floor((left_ms % HOUR_MS) / MINUTE_MS), 'min')
  if (left_ms >= 10 * MINUTE_MS) return `${String(whole(MINUTE_MS))} min`
  const seconds = Math.floor((left_ms % MINUTE_MS) / 1000)
  return left_ms >= MINUTE_MS ? pair(whole(MINUTE_MS), 'min', seconds, 's') : `${String(Math.max(seconds, 1))} s`
}

/** `16:20`; with the day where it is another one. */
export function clock(at_ms: number, now_ms: number, reader: { locale?: string; zone?: string } = {}): string {
  const time = timeOfDay(at_ms, reader).slice(0, 5)
  const day = (ms: number) =>
    new Intl.DateTimeFormat(reader.locale, { timeZone: reader.zone, day: 'numeric', month: 'short' }).format(ms)
  return day(at_ms) === day(now_ms) ? time : `${day(at_ms)} ${time}`
}

/** Kept until somebody takes it back. */
export const NO_END = 'none'

/** For how long something is kept, in minutes; `own`: also by who asked for it. */
export const KEEP_TIMES: readonly { minutes: number | typeof NO_END; words: string; own: boolean }[] = [
  { minutes: 240, words: '4 hours', own: true },
  { minutes: 1440, words: '1 day', own: true },
  { minutes: 10_080, words: '7 days', own: false },
  { minutes: 43_200, words: '30 days', own: false },
  { minutes: NO_END, words: 'until somebody takes it back', own: false },
]

/** What approving does, as the button says it: `Deactivate the access key AKIA… until 16:20`. */
export function deedWords(what: Pick<Containment, 'title' | 'target' | 'ttl_minutes'>, now_ms: number): string {
  const until = what.ttl_minutes ? ` until ${clock(now_ms + what.ttl_minutes * MINUTE_MS, now_ms)}` : ''
  return `${what.title} ${shortTarget(what.target)}${until}`
}

const TARGET_CHARS_MAX = 44

/** A target for a button; both ends of a long name tell it apart. */
export function shortTarget(target: string): string {
  if (target.length <= TARGET_CHARS_MAX) return target
  const half = Math.floor((TARGET_CHARS_MAX - 1) / 2)
  return `${target.slice(0, half)}…${target.slice(-half)}`
}

/** Whom it still waits for: `1 more person, of them one of: security-lead`. */
export function missingWords({
  approvals_missing,
  decision,
}: Pick<Containment, 'approvals_missing' | 'decision'>): string {
  const people = `${String(approvals_missing)} more ${approvals_missing === 1 ? 'person' : 'people'}`
  const quorum = decision.quorum ?? []
  if (approvals_missing <= 0) return quorum.length > 0 ? `somebody of ${quorum.join(', ')}` : 'nobody'
  return quorum.length > 0 ? `${people}; ${quorum.join(' and ')} must be among those who approve` : people
}

/** Who decides, before it is asked for. */
export function decisionWords({ outcome, people }: Preview['decision']): string {
  if (outcome === 'automatic') return 'It is applied at once.'
  if (outcome === 'refused') return 'It is refused.'
  const many = people ?? 1
  return many === 1 ? 'Somebody other than you must approve.' : `${String(many)} people other than you must approve.`
}

const WHY_NAMES: Record<string, string> = { has_ttl: 'ends by itself', reporter: 'reporter', signal: 'signal' }

/** What the decision was made by, a pair each. */
export function whyPairs(why: Why | null | undefined): [string, string][] {
  return Object.entries(why ?? {}).map(([name, value]) => [
    WHY_NAMES[name] ?? name.replaceAll('_', ' '),
    String(value) === 'true' ? 'yes' : String(value) === 'false' ? 'no' : String(value).replaceAll('_', ' '),
  ])
}

/** In what two plans differ, for who saw the first. */
export function planDifferences(seen: Plan, now: Plan): { what: string; seen: string; now: string }[] {
  const ttl = (plan: Plan) => (plan.ttl_minutes ? ttlWords(plan.ttl_minutes) : 'no end by itself')
  const things = (plan: Plan) => plan.target.belongs_to.map(({ kind, name }) => `${kind} ${name}`).join(', ') || 'none'
  const radius = ({ blast_radius: { services, people, notes } }: Plan) =>
    [...services, people == null ? '' : `${String(people)} people`, ...notes].filter(Boolean).join('; ') || 'nothing'
  const pairs: [string, string, string][] = [
    ['Action', `${seen.action} ${seen.action_version}`, `${now.action} ${now.action_version}`],
    ['Target', `${seen.target.kind} ${seen.target.name}`, `${now.target.kind} ${now.target.name}`],
    ['Belongs to', things(seen), things(now)],
    ['Who else feels it', radius(seen), radius(now)],
    ['Impact', seen.impact, now.impact],
    ['Reversibility', reversibilityWords(seen.reversibility), reversibilityWords(now.reversibility)],
    ['Taken back after', ttl(seen), ttl(now)],
  ]
  const change = (plan: Plan, what: string) => {
    const found = plan.changes.find((each) => each.what === what)
    return found ? `${found.before} → ${found.after}` : 'no change'
  }
  for (const what of new Set([...seen.changes, ...now.changes].map((each) => each.what)))
    pairs.push([what, change(seen, what), change(now, what)])
  return pairs
    .filter(([, before, after]) => before !== after)
    .map(([what, before, after]) => ({ what, seen: before, now: after }))
}
