/** A playbook's graph as lines that are read from above: what follows stands below, ways that part are indented. */
import type { PlaybookStep } from './api'

export interface StepLine {
  step: PlaybookStep
  depth: number
  /** Where a way begins: `if it fails`, `if true`. */
  when?: string
  /** It stands elsewhere, and the way goes on there. */
  again: boolean
}

interface Way {
  id: string
  when: string
}

const next = (step: PlaybookStep | undefined) => step?.on_completion ?? step?.on_success ?? null

/** Ways beside the usual one. */
function sideWays(step: PlaybookStep): Way[] {
  const ways: Way[] = (step.branches ?? []).map(({ when, step: id }) => ({ id, when }))
  if (step.on_failure && step.on_failure !== next(step)) ways.push({ id: step.on_failure, when: 'if it fails' })
  return ways
}

export function readSteps(steps: readonly PlaybookStep[]): StepLine[] {
  const byId = new Map(steps.map((step) => [step.id, step]))
  // a step stands on the line that comes to it first, the usual way before all others
  const claimed = new Set<string>()
  const lines: StepLine[] = []
  const read = (from: string, depth: number, when: string | undefined, then: string | null) => {
    const line: PlaybookStep[] = []
    let id: string | null = from
    for (let step = byId.get(from); step && !claimed.has(step.id); step = id ? byId.get(id) : undefined) {
      claimed.add(step.id)
      line.push(step)
      id = next(step)
    }
    const tell = (step: PlaybookStep | undefined, again: boolean, why?: string) => {
      if (step) lines.push({ step, depth, when: why, again })
    }
    if (line.length === 0) {
      tell(byId.get(from), true, when)
      return
    }
    line.forEach((step, place) => {
      tell(step, false, place === 0 ? when : undefined)
      for (const way of sideWays(step)) read(way.id, depth + 1, way.when, next(step))
    })
    // that a way comes back to what follows anyway says nothing
    const joins = id ? byId.get(id) : undefined
    if (joins && !line.includes(joins) && joins.id !== then) tell(joins, true)
  }
  const start = steps.find(({ kind }) => kind === 'start') ?? steps[0]
  if (start) read(start.id, 0, undefined, null)
  // what the ways that are told do not lead to: a handler of failures, branches that the server does not tell
  for (const { id, kind } of steps) if (!claimed.has(id) && kind !== 'end') read(id, 0, 'reached otherwise', null)
  // where a run begins and ends says nothing by itself
  return lines.filter(({ step, when }) => step.kind !== 'start' && !(step.kind === 'end' && !when))
}

/** Whether a text is for a machine. */
export function isCommand(text: string): boolean {
  return /^\s*([\w-]+\.[\w-]+\s+\w+=|(GET|POST|PUT|PATCH|DELETE|HEAD)\s)/.test(text)
}

/** A text of a step to be read: boxes to tick are boxes. */
export function readable(text: string): string {
  return text.replaceAll(/^(\s*)[-*] \[[ xX]?\]\s+/gm, '$1☐ ')
}
