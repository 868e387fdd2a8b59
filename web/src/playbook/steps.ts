/** A playbook's graph as lines that are read from above: what follows stands below, ways that part are indented. */
import type { PlaybookStep } from './api'

export interface StepLine {
  step: PlaybookStep
  depth: number
  /** Where a way begins: `if it fails`, `if true`. */
  when?: string
  /** It stands above already: the way goes on there. */
  again: boolean
}

const STEPS_MAX = 1_000

interface Place {
  id: string
  depth: number
  when?: string
}

export function readSteps(steps: readonly PlaybookStep[]): StepLine[] {
  const byId = new Map(steps.map((step) => [step.id, step]))
  const shown = new Set<string>()
  const lines: StepLine[] = []
  const walk = (from: Place) => {
    // ways are taken in the order in which they are read: first those that part, then what follows
    const open: Place[] = [from]
    while (open.length > 0 && lines.length < STEPS_MAX) {
      const { id, depth, when } = open.pop() as Place
      const step = byId.get(id)
      if (!step) continue
      const again = shown.has(id)
      // an end that was shown needs no second line, unless a way is nothing but it
      if (!(again && step.kind === 'end' && !when)) lines.push({ step, depth, when, again })
      if (again) continue
      shown.add(id)
      open.push(...waysOf(step, depth).reverse())
    }
  }
  const start = steps.find(({ kind }) => kind === 'start') ?? steps[0]
  if (start) walk({ id: start.id, depth: 0 })
  // what the ways that are told do not lead to: a handler of failures, branches that the server does not tell
  for (const { id } of steps) if (!shown.has(id)) walk({ id, depth: 0, when: 'elsewhere' })
  // where a run begins and ends says nothing by itself
  return lines.filter(({ step, when }) => step.kind !== 'start' && !(step.kind === 'end' && !when))
}

function waysOf(step: PlaybookStep, depth: number): Place[] {
  const ways: Place[] = (step.branches ?? []).map(({ when, step: id }) => ({ id, depth: depth + 1, when }))
  const next = step.on_completion ?? step.on_success
  if (step.on_failure && step.on_failure !== next)
    ways.push({ id: step.on_failure, depth: depth + 1, when: 'if it fails' })
  if (next) ways.push({ id: next, depth })
  return ways
}
