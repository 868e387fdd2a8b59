/** A request as somebody puts it together: which actions fit, what is missing, and what is sent. */
import type { Action, NewContainment } from './api'

export interface Entity {
  kind: string
  value: string
}

/** Kinds of entities that findings name, by the kind of target that they may be. */
const FITTING: Record<string, readonly string[]> = {
  account: ['actor', 'account'],
  credential: ['credential'],
  host: ['host', 'resource'],
  network: ['address', 'resource'],
  repository: ['repository'],
  service: ['resource', 'service', 'repository'],
}

/** Whether a text has the form; a pattern that browsers do not know is left to the server. */
export function hasForm(text: string, pattern: string | null | undefined): boolean {
  if (!pattern) return true
  try {
    return new RegExp(pattern, 'u').test(text)
  } catch {
    return true
  }
}

/** What of the entities an action could be applied to; names that systems use stand at the end of longer ones. */
export function candidates(action: Action, entities: readonly Entity[]): string[] {
  const kinds = FITTING[action.target] ?? [action.target]
  // a resource may be anything: for other targets it takes a form that tells
  const usable = kinds.filter((kind) => kind !== 'resource' || action.target === 'service' || action.target_pattern)
  const found = usable
    .flatMap((wanted) => entities.filter(({ kind }) => kind === wanted))
    .flatMap(({ value }) => {
      const plain = value.replace(/^service:/, '')
      const last = plain.split(/[/:]/).at(-1) ?? ''
      return [plain, last].find((text) => text !== '' && hasForm(text, action.target_pattern)) ?? []
    })
  return [...new Set(found)]
}

export interface Fitting {
  action: Action
  targets: string[]
}

/** Actions in the order of help: those that fit and are connected, those that can be typed a target for, the rest. */
export function fittingActions(actions: readonly Action[], entities: readonly Entity[]): Fitting[] {
  const place = ({ action, targets }: Fitting) => (action.connected ? 0 : 2) + (targets.length > 0 ? 0 : 1)
  return actions
    .map((action) => ({ action, targets: candidates(action, entities) }))
    .toSorted((a, b) => place(a) - place(b) || a.action.title.localeCompare(b.action.title))
}

export const TTL_CHOICES_MINUTES: readonly number[] = [30, 240, 1440]
const TTL_MINUTES_MAX = 30 * 24 * 60

/** `90`, `30m`, `4h`, `1d` in minutes; `null` for what is none or too long. */
export function readTtl(text: string): number | null {
  const found = /^\s*(\d{1,5})\s*(m|min|minutes?|h|hours?|d|days?)?\s*$/i.exec(text)
  if (!found?.[1]) return null
  const unit = (found[2] ?? 'm').toLowerCase()
  const minutes = Number(found[1]) * (unit.startsWith('d') ? 1440 : unit.startsWith('h') ? 60 : 1)
  return minutes >= 1 && minutes <= TTL_MINUTES_MAX ? minutes : null
}

export interface Draft {
  action: Action | null
  target: string
  inputs: Record<string, string>
  /** Minutes, or `custom`. */
  ttl: number | 'custom'
  customTtl: string
  reason: string
}

export const EMPTY: Draft = { action: null, target: '', inputs: {}, ttl: 240, customTtl: '', reason: '' }

/** Another action: its usual time, the only target there is. */
export function withAction(draft: Draft, { action, targets }: Fitting): Draft {
  return {
    ...draft,
    action,
    target: targets[0] ?? '',
    inputs: {},
    ttl: action.ttl_minutes_default ?? 240,
    customTtl: '',
  }
}

/** Whether it is taken back by itself after a time. */
export function hasTtl(action: Action): boolean {
  return action.reversibility === 'reversible'
}

/** What is missing yet, by field; nothing where it can be sent. */
export function missingIn(draft: Draft): Record<string, string> {
  const missing: Record<string, string> = {}
  const { action } = draft
  if (!action) return { action: 'Choose what to do' }
  if (!draft.target.trim()) missing.target = `Name the ${action.target}`
  else if (!hasForm(draft.target.trim(), action.target_pattern))
    missing.target = 'This is no name that the action takes'
  for (const { name, required, pattern } of action.inputs) {
    const value = draft.inputs[name]?.trim() ?? ''
    if (required && !value) missing[`input ${name}`] = 'It is needed'
    else if (value && !hasForm(value, pattern)) missing[`input ${name}`] = 'It does not have the form'
  }
  if (hasTtl(action) && draft.ttl === 'custom' && readTtl(draft.customTtl) === null)
    missing.ttl = 'Such as 90m, 6h or 2d, up to 30 days'
  if (!draft.reason.trim()) missing.reason = 'Say why; whoever approves reads it'
  return missing
}

/** As the API takes it. */
export function toRequest(draft: Draft & { action: Action }, incident: string | undefined): NewContainment {
  const inputs = Object.entries(draft.inputs)
    .map(([name, value]) => [name, value.trim()] as const)
    .filter(([, value]) => value !== '')
  const ttl = draft.ttl === 'custom' ? readTtl(draft.customTtl) : draft.ttl
  return {
    action: draft.action.name,
    target: draft.target.trim(),
    ...(inputs.length > 0 ? { inputs: Object.fromEntries(inputs) } : {}),
    ...(hasTtl(draft.action) && ttl !== null ? { ttl_minutes: ttl } : {}),
    ...(incident ? { incident } : {}),
    reason: draft.reason.trim(),
  }
}
