/** What somebody wrote into a form: whether it can be sent, and as what. */
import type { FieldFault } from '../api/problem'
import type { Masked, Masker } from '../privacy/mask'
import type { Form, FormField, NewReport, ReportContext } from './api'
import { foundIn, settledPart, type Found } from './masking'

/** By the field's name; lists have one entry a line, times are local. */
export type Values = Record<string, string>

const CHARS_MAX = 10_000
const LIST_ITEMS_MAX = 50
const COMMIT = /^[0-9a-f]{7,64}$/i

/** Those that must be filled in, first; the order of the form within each. */
export function inOrder(form: Form): { required: FormField[]; optional: FormField[] } {
  const required = form.fields.filter((field) => isRequired(form, field))
  return { required, optional: form.fields.filter((field) => !required.includes(field)) }
}

export function isRequired(form: Form, field: FormField): boolean {
  return field.required || form.required.includes(field.name)
}

/** How many of the fields that must be filled in are. */
export function progressOf(form: Form, values: Values): { done: number; of: number } {
  const { required } = inOrder(form)
  return { done: required.filter(({ name }) => (values[name] ?? '').trim() !== '').length, of: required.length }
}

/** What keeps the form from being sent, in the order of its fields. */
export function faultsOf(form: Form, values: Values): FieldFault[] {
  const { required, optional } = inOrder(form)
  return [...required, ...optional].flatMap((field) => {
    const value = (values[field.name] ?? '').trim()
    const message = value === '' ? missing(form, field) : faultOf(field, value)
    return message === null ? [] : [{ field: field.name, message }]
  })
}

function missing(form: Form, field: FormField): string | null {
  if (!isRequired(form, field)) return null
  const label = field.label.replace(/[?.:]$/, '')
  return field.kind === 'choice' ? `Choose: ${label}` : `Fill in: ${label}`
}

function faultOf(field: FormField, value: string): string | null {
  const max = field.max_chars ?? CHARS_MAX
  const lines = field.kind === 'list' ? linesOf(value) : [value]
  const length = Math.max(...lines.map((line) => [...line].length))
  if (length > max) return `${field.label}: at most ${String(max)} characters, there are ${String(length)}`
  switch (field.kind) {
    case 'commit':
      return COMMIT.test(value) ? null : `${field.label}: 7 to 64 digits of 0–9 and a–f, as Git shows it`
    case 'url':
      return isUrl(value) ? null : `${field.label}: a whole address, such as https://example.org/page`
    case 'time':
      return Number.isNaN(Date.parse(value)) ? `${field.label}: a day and a time` : null
    case 'list': {
      const items_max = field.max_items ?? LIST_ITEMS_MAX
      return lines.length > items_max ? `${field.label}: at most ${String(items_max)} lines` : null
    }
    default:
      return null
  }
}

function isUrl(value: string): boolean {
  return /^https?:\/\/\S+$/i.test(value) && URL.canParse(value)
}

export function linesOf(value: string): string[] {
  return value
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '')
}

export interface MaskedForm {
  values: Values
  context: ReportContext
  /** Of each field in which something was replaced. */
  byField: Record<string, Masked>
  found: Found[]
  count: number
}

/** Fields in which nothing personal can stand: a choice of ours, hexadecimal digits, a time. */
function isFree({ kind }: FormField): boolean {
  return kind !== 'choice' && kind !== 'commit' && kind !== 'time'
}

/** All texts of a form as they may leave this machine. Throws a `MaskError` where a text cannot be masked. */
export function maskForm(masker: Masker, form: Form, values: Values, context: ReportContext): MaskedForm {
  const known = new Map(form.fields.map((field) => [field.name, field]))
  // what cannot hold a text is checked before it is sent; what does not hold is masked like any other, for a draft
  const isText = ([name, value]: [string, string]) => {
    const field = known.get(name)
    return !field || isFree(field) || faultOf(field, value.trim()) !== null
  }
  const texts = Object.entries(values).filter(isText)
  const seen = Object.entries(context).filter(([name, value]) => name !== 'commit' || !COMMIT.test(value))
  const all = masker.maskAll([...texts, ...seen].map(([, value]) => value))
  const byName = ([name]: [string, string], index: number): [string, Masked] => [name, all[index]!]
  const ofValues = texts.map(byName)
  const ofContext = seen.map((entry, index) => byName(entry, index + texts.length))
  const found = foundIn(all)
  const plain = (masked: [string, Masked][]) => masked.map(([name, { text }]) => [name, text])
  return {
    values: { ...values, ...Object.fromEntries(plain(ofValues)) },
    context: { ...context, ...Object.fromEntries(plain(ofContext)) },
    byField: Object.fromEntries(ofValues.filter(([, { spans }]) => spans.length > 0)),
    found,
    count: found.reduce((sum, { count }) => sum + count, 0),
  }
}

/** The request, of what is masked already. */
export function toReport(
  form: Form,
  masked: MaskedForm,
  more: { link?: string; addTo?: string; anonymous: boolean },
): NewReport {
  const fields: NewReport['fields'] = {}
  let service: string | undefined
  let title: string | undefined
  const context = { ...masked.context }
  for (const field of form.fields) {
    const value = (masked.values[field.name] ?? '').trim()
    // what the reporter corrected is what was seen
    if (field.name in context) context[field.name as keyof ReportContext] = value
    if (value === '') continue
    if (field.name === 'service') service = value
    else if (field.name === 'title') title = value
    else if (field.kind === 'list') fields[field.name] = linesOf(value)
    else if (field.kind === 'time') fields[field.name] = new Date(value).toISOString()
    else fields[field.name] = value
  }
  return {
    form: form.type,
    service: service ?? (masked.values.service?.trim() || undefined),
    title,
    fields,
    context: Object.values(context).some((value) => value !== '') ? withoutEmpty(context) : undefined,
    channel: more.link ? 'link' : 'web',
    anonymous: more.anonymous || undefined,
    add_to: more.addTo,
    link: more.link,
    client_masked: masked.count,
  }
}

function withoutEmpty(context: ReportContext): ReportContext {
  return Object.fromEntries(Object.entries(context).filter(([, value]) => value !== ''))
}

/** Where somebody types: in which field, and how many units of UTF-16 stand before the caret. */
export interface Typing {
  field: string
  caret: number
}

/**
 * What is said of the matter itself, for finding others like it while somebody types: of each field only what is
 * settled, of the one that is typed in only what stands before the caret.
 */
export function gistOf(masker: Masker, form: Form, values: Values, typing: Typing | null): string {
  return form.fields
    .filter(({ kind }) => kind === 'text' || kind === 'textarea')
    .map(({ name }) => {
      const value = values[name] ?? ''
      return settledPart(masker, typing?.field === name ? value.slice(0, typing.caret) : value)
    })
    .filter((text) => text !== '')
    .join('\n')
}

/** What of the form's forbidden matters the text seems to be about. */
export function forbiddenIn(form: Form, values: Values): string[] {
  const text = form.fields
    .map(({ name }) => values[name] ?? '')
    .join('\n')
    .toLowerCase()
  const hits = (form.forbidden ?? []).filter(({ words }) => words.some((word) => stands(text, word)))
  return hits.map(({ message }) => message)
}

/** Whether the word or phrase stands there by itself. */
function stands(text: string, word: string): boolean {
  const isLetter = (char: string | undefined) => char !== undefined && /[\p{L}\p{N}]/u.test(char)
  for (let at = text.indexOf(word); at >= 0; at = text.indexOf(word, at + 1)) {
    if (!isLetter(text[at - 1]) && !isLetter(text[at + word.length])) return true
  }
  return false
}
