import { strToU8, zipSync, type Zippable } from 'fflate'
import verifier from '../../../crates/audit/src/verify.py?raw'
import { callJson } from '../api/client'
import type { AuditRecord, Page } from '../api/pending'
import { ApiError, isAbsent } from '../api/problem'
import { sha256, toHex, utf8 } from './bytes'
import { knownKey, type Inclusion } from './verify'

const ROWS = 500
const SIGNED_WAIT_MS_MAX = 30_000
const ASK_EVERY_MS = 300

/** Every item of a list. */
async function all<T>(path: string, query: Record<string, string> = {}): Promise<T[]> {
  const items: T[] = []
  let after: string | undefined
  do {
    const page = await callJson<Page<T>>('GET', path, { query: { ...query, limit: ROWS, after } })
    items.push(...page.items)
    after = page.next ?? undefined
  } while (after)
  return items
}

async function attachmentsOf(object: string): Promise<[string, string][]> {
  if (!object.startsWith('inc_')) return []
  const path = `/api/v1/incidents/${object}`
  const pretty = (value: unknown) => `${JSON.stringify(value, null, 2)}\n`
  let incident: unknown
  try {
    incident = await callJson('GET', path)
  } catch (error) {
    // of one that we may not see there are the records, with their values withheld
    if (isAbsent(error)) return []
    throw error
  }
  return [
    ['incident.json', pretty(incident)],
    ['findings.json', pretty(await all(`${path}/findings`))],
    ['comments.json', pretty(await all(`${path}/comments`))],
  ]
}

/** The proof of a record once it is signed; a new one is within a second. */
async function signedProof(id: string, signal: AbortSignal): Promise<Inclusion> {
  const until = Date.now() + SIGNED_WAIT_MS_MAX
  for (;;) {
    try {
      return await callJson<Inclusion>('GET', `/api/v1/audit/${id}/proof`, { signal })
    } catch (error) {
      if (!(error instanceof ApiError) || error.code !== 'audit_pending' || Date.now() > until) throw error
      await new Promise((resolve) => setTimeout(resolve, ASK_EVERY_MS))
    }
  }
}

/**
 * What is known of one object with the proof, as `huecry audit pack` makes it: the same files, checked by the same
 * `huecry audit verify`.
 */
export async function makePack(
  object: string,
  reason: string,
  onStep: (step: string, done: number) => void,
  signal: AbortSignal,
): Promise<Blob> {
  onStep('collecting', 0.05)
  const attachments = await attachmentsOf(object)
  const listed = await Promise.all(
    attachments.map(async ([name, text]) => ({
      file: `attachments/${name}`,
      bytes: utf8(text).length,
      sha256: toHex(await sha256(utf8(text))),
    })),
  )
  const list = `${JSON.stringify({ object, attachments: listed }, null, 2)}\n`
  const list_sha256 = toHex(await sha256(utf8(list)))
  onStep('recording the pack', 0.15)
  const recorded = await callJson<{ record: string }>('POST', '/api/v1/audit/packs', {
    body: { object, list_sha256, reason: reason || null },
  })
  onStep('waiting for the signature', 0.2)
  const own = await signedProof(recorded.record, signal)
  const records = await all<AuditRecord>('/api/v1/audit', { object })
  const first = records.findIndex((record) => record.id === recorded.record)
  const proofs: Inclusion[] = []
  for (const record of records.slice(Math.max(first, 0))) {
    proofs.push(
      await callJson<Inclusion>('GET', `/api/v1/audit/${record.id}/proof`, { query: { size: own.size }, signal }),
    )
    onStep('collecting proofs', 0.2 + (0.75 * proofs.length) / records.length)
  }
  proofs.sort((a, b) => a.index - b.index)
  const { text: key } = await knownKey()
  const files: Zippable = {
    'report.html': strToU8(report(object, records.slice(Math.max(first, 0)))),
    'records.jsonl': strToU8(proofs.map((proof) => `${proof.entry}\n`).join('')),
    'proofs.jsonl': strToU8(
      proofs.map((proof) => `${JSON.stringify({ index: proof.index, path: proof.path })}\n`).join(''),
    ),
    checkpoint: strToU8(own.checkpoint),
    key: strToU8(`${key}\n`),
    'pack.json': strToU8(list),
    'verify.py': strToU8(verifier),
  }
  for (const [name, text] of attachments) files[`attachments/${name}`] = strToU8(text)
  onStep('packing', 0.97)
  // in one go: a worker would be made of a blob, which the page's policy forbids
  return new Blob([zipSync(files) as Uint8Array<ArrayBuffer>], { type: 'application/zip' })
}

/** A page for people; the proof is in the other files. */
export function report(object: string, records: readonly AuditRecord[]): string {
  const cell = (value: unknown) =>
    escaped(typeof value === 'string' ? value : value === null || value === undefined ? '' : JSON.stringify(value))
  const rows = records.map((record) => {
    const of = (name: 'principal' | 'before' | 'after' | 'reason') =>
      record.withheld_values?.includes(name) ? 'withheld' : record[name]
    const values = [of('principal'), of('before'), of('after'), of('reason')]
    const cells = [new Date(record.at_ms).toISOString(), record.action, ...values]
    return `<tr>${cells.map((value) => `<td>${cell(value)}</td>`).join('')}</tr>`
  })
  return `<!doctype html><html lang="en"><meta charset="utf-8"><title>Evidence: ${escaped(object)}</title>
<style>body{font:14px sans-serif;margin:2em}table{border-collapse:collapse}td,th{border:1px solid #ccc;padding:4px 8px;text-align:left;vertical-align:top}</style>
<h1>${escaped(object)}</h1><p>${String(records.length)} records of the audit log, the newest first. To check them: <code>python3 verify.py .</code> in
the unpacked folder, or <code>huecry audit verify</code> on the zip.</p>
<table><tr><th>When</th><th>What</th><th>Who</th><th>Before</th><th>After</th><th>Why</th></tr>
${rows.join('\n')}</table></html>
`
}

function escaped(text: string): string {
  return text.replace(/[&<>"']/g, (char) => `&#${String(char.charCodeAt(0))};`)
}
