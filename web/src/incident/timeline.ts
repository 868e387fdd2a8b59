import type { AuditRecord, Comment, Finding, TimelineEntry } from '../api/pending'
import { isMachine } from '../people/people'
import { statusWord, verdictWord } from './words'

/** The lanes of a timeline, in the order they are offered. */
export const LANES = [
  { name: 'Findings', kinds: ['finding'] },
  { name: 'Events', kinds: ['event'] },
  { name: 'Comments', kinds: ['comment'] },
  { name: 'Changes', kinds: ['change', 'merge', 'unmerge', 'split', 'link', 'unlink', 'reopen'] },
  { name: 'Reports, deploys, actions', kinds: ['report', 'deploy', 'action'] },
] as const

type LaneName = (typeof LANES)[number]['name']

export function laneOf(kind: string): LaneName {
  return LANES.find((lane) => (lane.kinds as readonly string[]).includes(kind))?.name ?? 'Changes'
}

/** One stream out of findings, comments and audit records, the newest first. */
export function timelineOf(
  findings: readonly Finding[],
  comments: readonly Comment[],
  history: readonly AuditRecord[],
): TimelineEntry[] {
  const entries: TimelineEntry[] = [
    ...findings.map((finding): TimelineEntry => ({
      at_ms: finding.time_ms,
      kind: 'finding',
      by: finding.source,
      provenance: 'rule',
      title: finding.rule_title,
      ref: finding.id,
      detail: { severity: finding.severity, matched: finding.matched },
    })),
    ...comments.map((comment): TimelineEntry => ({
      at_ms: comment.created_at_ms,
      kind: 'comment',
      by: comment.author,
      provenance: 'person',
      title: comment.text,
      ref: comment.id,
    })),
    ...history
      .filter((record) => record.action !== 'incident.comment')
      .map((record): TimelineEntry => ({
        at_ms: record.at_ms,
        kind: 'change',
        by: record.principal,
        provenance: isMachine(record.principal) ? 'machine' : 'person',
        title: changeTitle(record.action, record.before, record.after),
        ref: record.id,
        detail: record.reason ? { reason: record.reason } : undefined,
      })),
  ]
  return entries.sort((a, b) => b.at_ms - a.at_ms)
}

type Values = Record<string, unknown>

/** What was done to the shape of a case; the values name the other incident. */
const MOVES: Record<string, (after: Values) => string> = {
  'incident.open': () => 'opened the incident',
  'incident.merge': (after) => `merged it into ${textOf(after.merged_into ?? after.into)}`,
  'incident.absorb': (after) => `took over ${textOf(after.absorbed ?? after.from)}`,
  'incident.unmerge': () => 'took the merge back',
  'incident.release': () => 'gave back what was merged in',
  'incident.split': () => 'split findings off',
  'incident.link': (after) =>
    `linked it: ${textOf(after.kind).replaceAll('_', ' ')} ${textOf(after.to ?? after.incident)}`,
  'incident.unlink': () => 'took a link back',
}

/** What an audit record of an incident says, in a sentence without its subject. */
export function changeTitle(action: string, before: unknown, after: unknown): string {
  const [was, is] = [(before ?? {}) as Values, (after ?? {}) as Values]
  const moved = MOVES[action]
  if (moved) return moved(is)
  const parts: string[] = []
  for (const [field, value] of Object.entries(is)) {
    if (field === 'status') parts.push(`${textOf(was.status, statusWord)} → ${textOf(value, statusWord)}`)
    else if (field === 'verdict') parts.push(`verdict: ${textOf(value, verdictWord)}`)
    else if (field === 'assignee') parts.push(value === null ? 'gave it back' : `assignee: ${textOf(value)}`)
    else if (field === 'visibility') parts.push(`seen by: ${textOf(value)}`)
    else if (field === 'severity_override')
      parts.push(value === null ? 'severity as the machine says' : `severity: ${textOf(value)}`)
  }
  return parts.length > 0 ? parts.join(', ') : action.replace('incident.', '').replaceAll('_', ' ')
}

function textOf(value: unknown, word: (text: string) => string = (text) => text): string {
  return typeof value === 'string' ? word(value) : 'none'
}

interface RecordDetail {
  action?: string
  before?: unknown
  after?: unknown
  reason?: string | null
  text?: string
  source?: string
}

/** An entry as the server gives it, in the words of this page. */
export function retold(entry: TimelineEntry): TimelineEntry {
  const detail = (entry.detail ?? {}) as RecordDetail
  if (entry.kind === 'comment' && detail.text) return { ...entry, title: detail.text }
  if (entry.kind === 'finding') return { ...entry, by: entry.by ?? detail.source }
  return detail.action ? { ...entry, title: changeTitle(detail.action, detail.before, detail.after) } : entry
}

export interface Folded {
  entry: TimelineEntry
  /** Entries of the same kind and title next to it, this one included. */
  times: number
  until_ms: number
}

/** Folds runs of the same finding into one line, so that forty hits of a rule do not hide what people did. */
export function folded(entries: readonly TimelineEntry[]): Folded[] {
  const result: Folded[] = []
  for (const entry of entries) {
    const last = result.at(-1)
    if (last && entry.kind === 'finding' && last.entry.kind === 'finding' && last.entry.title === entry.title) {
      last.times += 1
      last.until_ms = entry.at_ms
    } else {
      result.push({ entry, times: 1, until_ms: entry.at_ms })
    }
  }
  return result
}
