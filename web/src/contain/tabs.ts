/** Which containments are shown, and in which order of work. */
import type { Containment } from './api'

export const TABS = ['waiting', 'in_effect', 'unknown', 'all'] as const
export type Tab = (typeof TABS)[number]

export const TAB_WORDS: Record<Tab, string> = {
  waiting: 'Waiting for approval',
  in_effect: 'In effect',
  unknown: 'Needs a person',
  all: 'All',
}

const TAB_STATES: Record<Tab, string> = {
  waiting: 'awaiting_approval',
  in_effect: 'in_effect',
  unknown: 'unknown',
  all: 'any',
}

export interface Filters {
  tab: Tab
  incident: string
  action: string
}

export function readFilters(search: Record<string, unknown>): Filters {
  const text = (key: string) => (typeof search[key] === 'string' ? search[key].trim() : '')
  return {
    tab: TABS.find((tab) => tab === search.tab) ?? 'waiting',
    incident: text('incident'),
    action: text('action'),
  }
}

/** Only what differs from the usual stands in the address. */
export function writeFilters({ tab, incident, action }: Filters): Record<string, string> {
  return { ...(tab === 'waiting' ? {} : { tab }), ...(incident ? { incident } : {}), ...(action ? { action } : {}) }
}

export function queryOf({ tab, incident, action }: Filters): Record<string, string | undefined> {
  return { state: TAB_STATES[tab], incident: incident || undefined, action: action || undefined }
}

/** Whether it waits for who looks: to be voted on, or to be settled. */
export function waitsForMe({ state, can }: Pick<Containment, 'state' | 'can'>): boolean {
  return (state === 'awaiting_approval' && can.approve) || (state === 'unknown' && can.settle)
}

const when = (text: string | null | undefined) => (text ? Date.parse(text) : Number.POSITIVE_INFINITY)

/**
 * In the order of work: what waits, mine first and then what expires first; what is in effect, what is taken back first;
 * what needs a person, the oldest first; of all, what changed last.
 */
export function ordered(containments: readonly Containment[], tab: Tab): Containment[] {
  const mine = (each: Containment) => (waitsForMe(each) ? 0 : 1)
  const before = (a: Containment, b: Containment): number => {
    if (tab === 'waiting') return mine(a) - mine(b) || compare(when(a.decision.expires_at), when(b.decision.expires_at))
    if (tab === 'in_effect') return compare(when(a.revert_at), when(b.revert_at))
    if (tab === 'unknown') return compare(when(a.updated_at), when(b.updated_at))
    return compare(when(b.updated_at), when(a.updated_at))
  }
  return containments.toSorted((a, b) => before(a, b) || a.id.localeCompare(b.id))
}

/** Infinity minus itself is no order. */
function compare(a: number, b: number): number {
  return a === b ? 0 : a < b ? -1 : 1
}
