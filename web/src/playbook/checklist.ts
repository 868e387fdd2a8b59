/** The text of a manual step, taken apart: what to read, what to tick off, and what to say at the end. */
import type { RunStep } from './api'

export interface Checklist {
  lines: ({ kind: 'text'; text: string } | { kind: 'item'; text: string })[]
  /** Variables that whoever answers says a value of. */
  asked: { name: string; isBoolean: boolean }[]
}

const ITEM = /^\s*[-*] \[[ xX]?\]\s+(.*)$/

/** `Say __misused__`, or `__misused__ = true`. */
const ASKED = /\bsay\s+(__[a-z0-9_]+?__)(?!:value)|(?<!\w)(__[a-z0-9_]+?__)(?!:value)\s*=/gi

/** Values of variables were put into the text by the server: a name that still stands there is one that is asked for. */
export function readChecklist({ text, out_args }: Pick<RunStep, 'text' | 'out_args'>): Checklist {
  const lines = (text ?? '')
    .split('\n')
    .map((line) => line.trimEnd())
    .filter((line) => line.trim() !== '')
    .map((line) => {
      const item = ITEM.exec(line)?.[1]
      return item === undefined ? { kind: 'text' as const, text: line } : { kind: 'item' as const, text: item }
    })
  const named = out_args ?? [...(text ?? '').matchAll(ASKED)].map((found) => found[1] ?? found[2] ?? '')
  const asked = [...new Set(named)].map((name) => ({
    name,
    isBoolean: new RegExp(`${name}\\s*(=|to)\\s*(true|false)\\b`, 'i').test(text ?? ''),
  }))
  return { lines, asked }
}

/** What is missing before an answer can be given; nothing where it can. */
export function missingIn(answer: 'done' | 'failed' | 'skipped', reason: string): string | null {
  if (answer === 'done' || reason.trim()) return null
  return answer === 'failed' ? 'Say what went wrong' : 'Say why it is left out'
}
