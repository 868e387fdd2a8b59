/** What of the reports is shown, as it stands in the address. */
export interface Filters {
  /** `waiting` for those that wait for a person, `unreviewed` for what automation accepted, `any`, or a state. */
  state: string
  form: string
  service: string
  q: string
  /** `newest`, or `due`: whose reporter must hear soonest first. */
  order: string
}

/** What can be chosen, in the order of work. */
export const STATE_CHOICES = [
  'waiting',
  'unreviewed',
  'needs_info',
  'accepted',
  'merged',
  'declined',
  'withdrawn',
  'any',
] as const

export const ORDERS = [
  { value: 'newest', label: 'Newest first' },
  { value: 'due', label: 'Due first' },
]

export const DEFAULTS: Filters = { state: 'waiting', form: '', service: '', q: '', order: 'newest' }

export function readFilters(search: Record<string, unknown>): Filters {
  const text = (key: keyof Filters) => (typeof search[key] === 'string' ? search[key].trim() : '')
  const state = text('state')
  return {
    state: (STATE_CHOICES as readonly string[]).includes(state) ? state : DEFAULTS.state,
    form: text('form'),
    service: text('service'),
    q: text('q'),
    order: text('order') === 'due' ? 'due' : DEFAULTS.order,
  }
}

/** Only what differs from the defaults stands in the address. */
export function writeFilters(filters: Filters): Record<string, string> {
  return Object.fromEntries(
    Object.entries(filters).filter(([key, value]) => value !== DEFAULTS[key as keyof Filters] && value !== ''),
  )
}

/** As the API takes it. */
export function queryOf(filters: Filters): Record<string, string | undefined> {
  return {
    state: filters.state === 'any' ? undefined : filters.state,
    form: filters.form || undefined,
    service: filters.service || undefined,
    q: filters.q || undefined,
    order: filters.order === DEFAULTS.order ? undefined : filters.order,
  }
}

/** How many reports a choice has, where the server counted. */
export function countOf(
  choice: string,
  counts: Record<string, number> | undefined,
  waiting?: number,
  unreviewed?: number,
): number | undefined {
  if (!counts) return undefined
  const sum = (states: readonly string[]) => states.reduce((total, state) => total + (counts[state] ?? 0), 0)
  if (choice === 'any') return sum(Object.keys(counts))
  if (choice === 'unreviewed') return unreviewed
  return choice === 'waiting' ? waiting : (counts[choice] ?? 0)
}
