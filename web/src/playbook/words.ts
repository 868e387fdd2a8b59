/** What playbooks and runs say to people. */
import type { Playbook, Run, RunState, RunStep, StepState, Variable } from './api'

const RUN_WORDS: Record<string, string> = {
  running: 'Running',
  completed: 'Completed',
  handled: 'Ended by its handler of failures',
  failed: 'Failed',
  stopped: 'Stopped',
}

const STEP_WORDS: Record<string, string> = {
  delayed: 'Not yet due',
  running: 'Being done',
  awaiting_person: 'Waits for a person',
  unknown: 'Needs a person to say what happened',
  succeeded: 'Done',
  skipped: 'Left out',
  failed: 'Failed',
  stopped: 'Stopped',
}

const KIND_WORDS: Record<string, string> = {
  start: 'start',
  end: 'end',
  action: 'step',
  manual: 'by a person',
  'huecry-action': 'containment',
  'http-api': 'request',
  ssh: 'command on a host',
  bash: 'script',
  'playbook-action': 'another playbook',
  parallel: 'at the same time',
  'if-condition': 'if',
  'while-condition': 'as long as',
  'switch-condition': 'depending on',
}

export type Tone = 'wait' | 'busy' | 'good' | 'bad' | 'over'

export const runWord = (state: RunState): string => RUN_WORDS[state] ?? state.replaceAll('_', ' ')
export const stepWord = (state: StepState): string => STEP_WORDS[state] ?? state.replaceAll('_', ' ')
export const kindWord = (kind: string): string => KIND_WORDS[kind] ?? kind.replaceAll('_', ' ')

export function runTone(state: RunState): Tone {
  if (state === 'running') return 'busy'
  if (state === 'completed') return 'good'
  return state === 'failed' ? 'bad' : 'over'
}

export function stepTone(state: StepState): Tone {
  if (state === 'awaiting_person') return 'wait'
  if (state === 'unknown' || state === 'failed') return 'bad'
  if (state === 'succeeded') return 'good'
  return state === 'running' || state === 'delayed' ? 'busy' : 'over'
}

/** Steps that a person answers. */
export function waitsForPerson({ state }: Pick<RunStep, 'state'>): boolean {
  return state === 'awaiting_person' || state === 'unknown'
}

/** What a run does now, in a few words. */
export function nowWords(run: Run): string {
  if (run.state !== 'running') return run.end?.reason ?? runWord(run.state)
  const waiting = run.steps.filter(waitsForPerson)
  const [first] = waiting.length > 0 ? waiting : run.steps.filter(({ state }) => state === 'running')
  if (!first) return 'going on'
  const more = waiting.length > 1 ? `, and ${String(waiting.length - 1)} more` : ''
  return `${waiting.length > 0 ? 'waits for a person: ' : ''}${first.name}${more}`
}

/** Whether the day on which somebody should have looked at it again is over. */
export function isOverdue({ review_by }: Pick<Playbook, 'review_by'>, today: string): boolean {
  return Boolean(review_by && review_by.slice(0, 10) < today)
}

/** What it is for, one line each. */
export function attachedTo({ attach }: Pick<Playbook, 'attach'>): string[] {
  if (!attach) return []
  const named = (what: string, values: readonly string[]) =>
    values.length === 0 || values.includes('*') ? [] : [`${what}: ${values.join(', ')}`]
  const rules = attach.rules.length
  return [
    ...named('classes', attach.classes),
    ...(rules > 0 ? [`${String(rules)} ${rules === 1 ? 'rule' : 'rules'}`] : []),
    ...named('severities', attach.severities),
    ...named('services', attach.services),
  ]
}

/** Those that fit first, then by name. */
export function fittingFirst(playbooks: readonly Playbook[]): Playbook[] {
  return playbooks.toSorted((a, b) => Number(b.fits ?? false) - Number(a.fits ?? false) || a.name.localeCompare(b.name))
}

/** `key` of `__key__`. */
export function plainName(variable: string): string {
  return variable.replace(/^__|__$/g, '').replaceAll('_', ' ')
}

/** Kinds of entities by what variables are usually called. */
const NAMED: Record<string, readonly string[]> = {
  key: ['credential'],
  access_key: ['credential'],
  credential: ['credential'],
  token: ['credential'],
  user: ['actor'],
  login: ['actor'],
  person: ['actor'],
  role: ['actor'],
  account: ['account', 'actor'],
  host: ['host'],
  instance: ['host', 'resource'],
  node: ['host'],
  address: ['address'],
  ip: ['address'],
  repository: ['repository'],
  bucket: ['resource'],
  service: ['resource'],
  resource: ['resource'],
}

/** What systems call whom an ARN names, before the ARN itself. */
function namesOf(value: string): string[] {
  const last = /^arn:[^:]*:iam:.*:(?:user|role|assumed-role)\/(?:.*\/)?([^/]+)$/.exec(value)?.[1]
  return last ? [last, value] : [value.replace(/^service:/, '')]
}

/** Entities that a variable may mean, by its name. */
function meant({ name }: Variable, entities: readonly { kind: string; value: string }[]): string[] {
  const kinds = NAMED[name.replace(/^__|__$/g, '')]
  return [...new Set(entities.filter(({ kind }) => !kinds || kinds.includes(kind)).map(({ value }) => value))]
}

/** Values that findings name for a variable. */
export function suggestions(variable: Variable, entities: readonly { kind: string; value: string }[]): string[] {
  return [...new Set(meant(variable, entities).flatMap(namesOf))]
}

/** What stands in the fields when somebody begins: what is usual, or the only thing that can be meant. */
export function firstValues(
  variables: readonly Variable[],
  entities: readonly { kind: string; value: string }[],
): Record<string, string> {
  return Object.fromEntries(
    askedOf(variables).map((variable) => {
      const found = NAMED[variable.name.replace(/^__|__$/g, '')] ? meant(variable, entities) : []
      const only = found.length === 1 ? suggestions(variable, entities)[0] : undefined
      return [variable.name, variable.value ?? only ?? '']
    }),
  )
}

/** Those that are filled in when a run begins. */
export function askedOf(variables: readonly Variable[]): Variable[] {
  return variables.filter(({ external }) => external)
}

/** Names of those that have no value yet. */
export function missingValues(variables: readonly Variable[], values: Record<string, string>): string[] {
  return askedOf(variables)
    .filter(({ name }) => !values[name]?.trim())
    .map(({ name }) => name)
}
