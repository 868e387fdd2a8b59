/**
 * Reports from people, as the API has them. The shapes are written out until `schemas/openapi.json` describes the routes;
 * then they become aliases of `../api/schema`, and nothing else changes.
 */
import { call, callJson, send, type CallOptions } from '../api/client'
import { errorOf } from '../api/problem'

export type FieldKind = 'text' | 'textarea' | 'choice' | 'service' | 'commit' | 'url' | 'time' | 'list'

export interface FormField {
  name: string
  label: string
  kind: FieldKind
  required: boolean
  help?: string | null
  choices?: string[] | null
  /** Of a list: of one line. */
  max_chars?: number | null
  max_items?: number | null
  prefilled?: boolean
  /** With what: a key of the report's context, or `now`. */
  prefill?: string | null
}

/** A matter that does not belong into a report, with the words that it is told by. */
export interface Forbidden {
  category: string
  message: string
  words: string[]
}

export interface Form {
  type: string
  version: string | number
  title: string
  description: string
  /** What must not be in such a report. */
  warning?: string | null
  forbidden?: Forbidden[] | null
  required: string[]
  fields: FormField[]
}

export type ReportState =
  'held' | 'received' | 'needs_info' | 'accepted' | 'merged' | 'declined' | 'withdrawn' | (string & {})

/** What a machine knows about where something was seen. */
export interface ReportContext {
  commit?: string
  branch?: string
  repository?: string
  environment?: string
  ci_run?: string
  file?: string
  lines?: string
}

export interface NewReport {
  form: string
  service?: string
  title?: string
  fields: Record<string, string | string[]>
  context?: ReportContext
  channel: 'web' | 'link'
  anonymous?: boolean
  /** An open matter that it belongs to, as `related` named it. */
  add_to?: string
  link?: string
  client_masked: number
}

export interface Submitted {
  id: string
  state: ReportState
  receipt: { url: string; secret: string }
  acknowledged_at: string
  next_update_due?: string | null
  masked: { count: number; kinds: string[] }
}

export interface FoundService {
  name: string
  owner?: string | null
}

export interface Related {
  reference: string
  title: string
  service?: string | null
  since: string
  state: string
}

export interface CheckedLink {
  service?: string | null
  context: ReportContext
  expires_at: string
  key_id: string
}

export interface PolicyReason {
  id: string
  title: string
  text: string
  counts_against: boolean
  /** The kinds of decision that it may stand for; all, where it does not say. */
  kinds?: string[] | null
}

export interface Policy {
  version: string | number
  title: string
  text: string
  reasons: PolicyReason[]
}

export interface Decision {
  kind: 'accept' | 'merge' | 'ask' | 'decline' | (string & {})
  reason?: string | null
  reason_title?: string | null
  policy_version?: string | number | null
  note?: string | null
  severity?: string | null
  by?: unknown
  by_automation?: boolean
  /** As the desk has it. */
  automation?: boolean
  confirmed_by?: string | null
  confirmed_at?: string | null
  decided_at?: string | null
}

export interface Proof {
  audit_id: string
  leaf: string
  index?: number | null
  tree_size?: number | null
  root?: string | null
  hashes?: string[] | null
  pending: boolean
}

export interface Attachment {
  id: string
  name: string
  bytes: number
  media_type: string
  sha256: string
  state: string
}

export interface ReceiptMessage {
  id: string
  from: 'you' | 'team' | (string & {})
  text: string
  at: string
}

export interface Receipt {
  id: string
  form: string
  title: string
  service?: string | null
  state: ReportState
  state_text: string
  submitted_at: string
  updated_at: string
  next_update_due?: string | null
  owner_team?: string | null
  decision?: Decision | null
  incident?: { status: string; contained: boolean } | null
  messages: ReceiptMessage[]
  appeal?: { state: string; due_at?: string | null; outcome?: string | null; explanation?: string | null } | null
  can_appeal: boolean
  attachments: Attachment[]
  proof?: Proof | null
  claimed: boolean
}

export type Tier = 'newcomer' | 'regular' | 'trusted' | 'watched' | (string & {})

export interface ReporterView {
  kind: 'anonymous' | 'person' | 'token' | (string & {})
  name?: string | null
  id?: string | null
}

export interface ReportSummary {
  id: string
  form: string
  title: string
  service?: string | null
  owner?: string | null
  state: ReportState
  tier?: Tier | null
  reporter?: ReporterView | null
  channel?: string | null
  created_at: string
  updated_at: string
  version: number
  incident?: string | null
  appeal?: string | null
  due_at?: string | null
  held_reason?: string | null
  unread?: boolean
  /** Automation accepted it, and no person has reviewed that. */
  unreviewed?: boolean
  /** Its reporter should have heard by now. */
  overdue?: boolean
}

export interface DeskMessage {
  id: string
  internal: boolean
  author?: unknown
  from?: string
  text: string
  at: string
}

export interface Notice {
  id: string
  service?: string | null
  kind: string
  score: number
  reports: string[]
  features: Record<string, unknown>
  at: string
  acknowledged_by?: unknown
}

export interface RelatedIncident {
  id: string
  title: string
  status?: string
  severity?: string
}

export interface Standing {
  mean: number
  low: number
  high: number
  tier: Tier
}

export interface WholeReport extends ReportSummary {
  text?: string | null
  fields: Record<string, unknown>
  context?: Record<string, unknown> | null
  provenance?: Record<string, unknown> | null
  decision?: Decision | null
  messages: DeskMessage[]
  attachments: Attachment[]
  history?: { reporter: ReportSummary[]; service: ReportSummary[] } | null
  related?: RelatedIncident[] | null
  notices?: Notice[] | null
  reputation?: Standing | null
  masked_count?: number
  personal_held?: boolean
  /** What whoever reads it may do with it beside what their role lets them do with every one. */
  can?: { appeal?: 'subject' | 'reporter' | (string & {}) | null; review: boolean; overturn?: boolean } | null
}

export interface ReportPage {
  items: ReportSummary[]
  next?: string | null
  counts?: Record<string, number>
  waiting?: number
  unreviewed?: number
  overdue?: number
}

export interface Template {
  id: string
  title: string
  kind: string
  text: string
}

export interface NewDecision {
  kind: 'accept' | 'merge' | 'ask' | 'decline'
  incident?: string
  severity?: string
  reason?: string
  note: string
  lesson?: string
  template?: string
}

export interface Appeal {
  id: string
  report: ReportSummary
  by: string
  reason: string
  created_at: string
  due_at: string
  state: string
  outcome?: string | null
  explanation?: string | null
}

export interface Reputation {
  categories: (Standing & {
    category: string
    entries: { report: string; outcome: string; weight: number; at: string }[]
  })[]
  formula: string
}

export interface Credit {
  display_name?: string | null
  shown: boolean
}

export interface DigestSection {
  title: string
  /** What others may learn, one a line. */
  text?: string | null
  items: { label: string; count: string }[]
}

/** Sums of at least a few reports each, so that nobody can be told from them. */
export interface Digest {
  id: string
  title: string
  state: string
  from: string
  to: string
  text: string
  k: number
  sections: DigestSection[]
  published_at?: string | null
  /** Told to those who moderate. */
  approved_by?: string | null
}

interface Items<T> {
  items: T[]
}

const ROOT = '/api/v1'
type As = Pick<CallOptions, 'anonymous' | 'signal'>

/* Without an account. */

export const loadForms = (as: As = {}) => callJson<Items<Form>>('GET', `${ROOT}/forms`, as)

export const findServices = (q: string, as: As) =>
  callJson<Items<FoundService>>('GET', `${ROOT}/reports/services`, { ...as, query: { q, limit: 8 } })

export const findRelated = (body: { form: string; service?: string; text: string }, as: As) =>
  callJson<Items<Related>>('POST', `${ROOT}/reports/related`, { ...as, body })

export const submitReport = (body: NewReport, idempotencyKey: string, as: As) =>
  callJson<Submitted>('POST', `${ROOT}/reports`, { ...as, body, headers: { 'Idempotency-Key': idempotencyKey } })

export const checkLink = (token: string) =>
  callJson<CheckedLink>('POST', `${ROOT}/reports/link/check`, { body: { token }, anonymous: true })

export const loadPolicy = (as: As = {}) => callJson<Policy>('GET', `${ROOT}/reports/policy`, as)
export const loadDigests = (as: As = {}) => callJson<Items<Digest>>('GET', `${ROOT}/digests`, as)
export const loadDigest = (id: string, as: As = {}) =>
  callJson<Digest>('GET', `${ROOT}/digests/${encodeURIComponent(id)}`, as)

/* With a receipt; the session is a cookie that no script reads. */

/** Names the report that is meant: the browser's receipt may have become another's, opened beside this page. */
export const receiptHeaders = (report: string | null): Record<string, string> =>
  report === null ? {} : { 'Huecry-Report': report }

export const openReceipt = (secret: string) =>
  callJson<{ report: Receipt; expires_at: string }>('POST', `${ROOT}/receipts`, { body: { secret } })
export const loadReceipt = (report: string | null, signal?: AbortSignal) =>
  callJson<Receipt>('GET', `${ROOT}/receipt`, { headers: receiptHeaders(report), signal })
export const writeToTeam = (report: string, text: string) =>
  call('POST', `${ROOT}/receipt/messages`, { headers: receiptHeaders(report), body: { text } })
export const appealDecision = (report: string, reason: string) =>
  call('POST', `${ROOT}/receipt/appeal`, { headers: receiptHeaders(report), body: { reason } })
export const withdrawReport = (report: string) =>
  call('POST', `${ROOT}/receipt/withdraw`, { headers: receiptHeaders(report), body: {} })
export const forgetReceipt = (report: string) => call('DELETE', `${ROOT}/receipt`, { headers: receiptHeaders(report) })

/** Sends a file as it is, under a name; in a header only ASCII is safe, so the name is percent-encoded. */
export async function attachFile(report: string, file: Blob, name: string): Promise<void> {
  const headers = {
    ...receiptHeaders(report),
    'Content-Type': file.type || 'application/octet-stream',
    'Huecry-Filename': encodeURIComponent(name),
  }
  const url = new URL(`${ROOT}/receipt/attachments`, location.origin).href
  const response = await send(url, { method: 'POST', headers, body: file })
  if (!response.ok) throw await errorOf(response)
}

/* One's own. */

export const claimReport = (secret: string) => call('POST', `${ROOT}/me/reports/claim`, { body: { secret } })
export const loadOwnReports = (cursor: string | undefined, signal: AbortSignal) =>
  callJson<ReportPage>('GET', `${ROOT}/me/reports`, { query: { cursor }, signal })
export const loadReputation = () => callJson<Reputation>('GET', `${ROOT}/me/reputation`)
export const loadCredit = () => callJson<Credit>('GET', `${ROOT}/me/credit`)
export const saveCredit = (body: Credit) => callJson<Credit>('PUT', `${ROOT}/me/credit`, { body })
export const appealAsSubject = (id: string, reason: string) =>
  call('POST', `${ROOT}/reports/${encodeURIComponent(id)}/appeal`, { body: { reason } })

/* At the desk. */

export const listReports = (query: Record<string, string | number | undefined>, signal: AbortSignal) =>
  callJson<ReportPage>('GET', `${ROOT}/reports`, { query, signal })
export const loadReport = (id: string, signal?: AbortSignal) =>
  callJson<WholeReport>('GET', `${ROOT}/reports/${encodeURIComponent(id)}`, { signal })
export const decideReport = (id: string, body: NewDecision, version: number) =>
  callJson<WholeReport>('POST', `${ROOT}/reports/${encodeURIComponent(id)}/decision`, { body, ifMatch: version })
export const reviewReport = (
  id: string,
  body: { outcome: 'confirmed' | 'overturned'; explanation?: string },
  version: number,
) => callJson<WholeReport>('POST', `${ROOT}/reports/${encodeURIComponent(id)}/review`, { body, ifMatch: version })
export const writeMessage = (id: string, body: { text: string; internal: boolean }) =>
  call('POST', `${ROOT}/reports/${encodeURIComponent(id)}/messages`, { body })
export const attachmentUrl = (report: string, attachment: string) =>
  `${ROOT}/reports/${encodeURIComponent(report)}/attachments/${encodeURIComponent(attachment)}`
export const loadTemplates = () => callJson<Items<Template>>('GET', `${ROOT}/report-templates`)
export const loadAppeals = (state: string, signal: AbortSignal) =>
  callJson<Items<Appeal>>('GET', `${ROOT}/appeals`, { query: { state }, signal })
export const decideAppeal = (id: string, body: { outcome: 'upheld' | 'overturned'; explanation: string }) =>
  call('POST', `${ROOT}/appeals/${encodeURIComponent(id)}/decision`, { body })
export const loadNotices = (signal: AbortSignal) => callJson<Items<Notice>>('GET', `${ROOT}/report-notices`, { signal })
export const acknowledgeNotice = (id: string) =>
  call('POST', `${ROOT}/report-notices/${encodeURIComponent(id)}/acknowledge`, { body: {} })
export const loadDigestDrafts = () => callJson<Items<Digest>>('GET', `${ROOT}/digests`, { query: { state: 'draft' } })
export const draftDigest = (body: { from: string; to: string }) => callJson<Digest>('POST', `${ROOT}/digests`, { body })
export const publishDigest = (id: string) =>
  call('POST', `${ROOT}/digests/${encodeURIComponent(id)}/publish`, { body: {} })
