/** What an address brings along into the form. */
import type { Form, ReportContext } from './api'
import type { Values } from './values'

const CONTEXT = ['commit', 'branch', 'repository', 'environment', 'ci_run', 'file', 'lines'] as const
const VALUE_CHARS_MAX = 2_000

export interface Prefill {
  form?: string
  /** A signed link's token: the server says what it stands for. */
  link?: string
  values: Values
  context: ReportContext
}

/** Reads `?form=…&service=…&commit=…&FIELD=…` or `?link=…`. */
export function readPrefill(search: string): Prefill {
  const prefill: Prefill = { values: {}, context: {} }
  for (const [name, given] of new URLSearchParams(search)) {
    const value = given.slice(0, VALUE_CHARS_MAX).trim()
    if (value === '') continue
    if (name === 'form') prefill.form = value
    else if (name === 'link') prefill.link = given.trim()
    else if ((CONTEXT as readonly string[]).includes(name)) prefill.context[name as keyof ReportContext] = value
    else prefill.values[name] = value
  }
  return prefill
}

/** Puts what was brought along where the form has a place for it; the context stays beside it. */
export function intoForm(form: Form, { values, context }: Pick<Prefill, 'values' | 'context'>, now: Date): Values {
  const given: Values = { ...context, now: localTime(now), service: values.service ?? '' }
  return Object.fromEntries(
    form.fields.flatMap(({ name, prefill }) => {
      const value = values[name] ?? (prefill ? given[prefill] : undefined)
      return value ? [[name, value]] : []
    }),
  )
}

/** As a field for a time takes it: `2026-11-27T09:05`. */
function localTime(at: Date): string {
  return new Date(at.getTime() - at.getTimezoneOffset() * 60_000).toISOString().slice(0, 16)
}

const CONTEXT_WORDS: Record<string, string> = {
  commit: 'Commit',
  branch: 'Branch',
  repository: 'Repository',
  environment: 'Environment',
  ci_run: 'CI run',
  file: 'File',
  lines: 'Lines',
}

export function contextWord(name: string): string {
  return CONTEXT_WORDS[name] ?? name
}
