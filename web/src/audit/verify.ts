import { call, callJson } from '../api/client'
import type { AuditRecord } from '../api/pending'
import { fromHex, same, type Bytes } from './bytes'
import { readCheckpoint, readKey, verified, type Checkpoint, type Key } from './checkpoint'
import { leafOf, type Entry } from './leaf'
import { isPrefix, leafHash, rootOf } from './tree'

export interface Inclusion {
  index: number
  size: number
  entry: string
  path: string[]
  checkpoint: string
}

/** One thing that was checked. */
export interface Check {
  what: string
  outcome: 'good' | 'bad' | 'new'
  detail: string
}

const KEY_KEY = 'huecry.audit.key'
const CHECKPOINT_KEY = 'huecry.audit.checkpoint'

/** Whether this browser can check signatures here: it needs HTTPS or this machine, and Ed25519. */
export function canVerify(): boolean {
  return typeof crypto !== 'undefined' && 'subtle' in crypto
}

/** The log's public key, and whether it is the one that this browser saw before. */
export async function knownKey(): Promise<{ key: Key; text: string; check: Check }> {
  const text = (await (await call('GET', '/api/v1/audit/key')).text()).trim()
  const before = localStorage.getItem(KEY_KEY)
  if (before !== null && before !== text) {
    const check: Check = {
      what: 'Key',
      outcome: 'bad',
      detail: `this browser knows another key of this log: ${before}`,
    }
    return { key: await readKey(before), text: before, check }
  }
  localStorage.setItem(KEY_KEY, text)
  const detail =
    before === null
      ? 'seen for the first time; compare it with the one you keep elsewhere'
      : 'the one this browser saw before'
  return { key: await readKey(text), text, check: { what: 'Key', outcome: before === null ? 'new' : 'good', detail } }
}

/** Checks a record from its own bytes to the signature, here and with nothing but what is hashed. */
export async function verifyRecord(record: AuditRecord, proof: Inclusion, key: Key): Promise<Check[]> {
  const checks: Check[] = []
  const check = async (what: string, detail: string, act: () => Promise<boolean> | boolean) => {
    try {
      checks.push(
        (await act()) ? { what, outcome: 'good', detail } : { what, outcome: 'bad', detail: `not so: ${detail}` },
      )
    } catch (error) {
      checks.push({ what, outcome: 'bad', detail: error instanceof Error ? error.message : String(error) })
    }
  }
  const entry = JSON.parse(proof.entry) as Entry
  const hidden = Object.values(entry.values).filter((value) => 'withheld' in value).length
  const compared = hidden === 0 ? '' : `; ${String(hidden)} values are withheld, and stand as what was committed to`
  await check('Record', `what is shown is what was committed to${compared}`, () => shows(record, entry))
  await check(
    'Signature',
    `signed over ${String(proof.size)} records`,
    async () => (await verified(proof.checkpoint, key)).size === proof.size,
  )
  await check(
    'Place',
    `record ${String(proof.index)} leads to the signed root by ${String(proof.path.length)} hashes`,
    async () => {
      const root = await rootOf(await leafHash(await leafOf(entry)), entry.index, proof.size, proof.path.map(fromHex))
      return entry.index === proof.index && same(root, readCheckpoint(proof.checkpoint).root)
    },
  )
  return checks
}

/** Whether the record of the list says what the committed values say. */
export function shows(record: AuditRecord, entry: Entry): boolean {
  const equal = (name: string, shown: unknown) => {
    const value = entry.values[name]
    if (!value || 'erased' in value) return true
    // what is not told cannot be compared, so nothing may be shown in its place
    if ('withheld' in value) return record.withheld === true && isNothing(shown)
    const { text } = value
    const committed: unknown =
      ['principal', 'before', 'after'].includes(name) && text !== null ? JSON.parse(text) : text
    return stable(committed) === stable(shown ?? null)
  }
  return (
    record.id === entry.id &&
    record.at_ms === entry.at_ms &&
    record.action === entry.action &&
    equal('principal', record.principal) &&
    equal('object', record.object) &&
    equal('before', record.before) &&
    equal('after', record.after) &&
    equal('reason', record.reason) &&
    equal('origin', record.origin) &&
    equal('request_id', record.request_id)
  )
}

function isNothing(shown: unknown): boolean {
  return shown === null || shown === undefined || shown === '' || (shown as { kind?: string }).kind === 'withheld'
}

function stable(value: unknown): string {
  return JSON.stringify(value, (_, inner: unknown) =>
    inner !== null && typeof inner === 'object' && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => a.localeCompare(b)))
      : inner,
  )
}

/**
 * Checks that the log only grew since this browser last looked, and remembers where it stands now: each browser is a
 * witness.
 */
export async function verifyGrowth(key: Key): Promise<Check[]> {
  const note = await (await call('GET', '/api/v1/audit/checkpoint')).text()
  let now: Checkpoint
  try {
    now = await verified(note, key)
  } catch (error) {
    return [{ what: 'Signature', outcome: 'bad', detail: error instanceof Error ? error.message : String(error) }]
  }
  const signature: Check = {
    what: 'Signature',
    outcome: 'good',
    detail: `${String(now.size)} records, signed ${new Date(now.time_ms).toISOString()}`,
  }
  const remembered = localStorage.getItem(CHECKPOINT_KEY)
  const remember = () => localStorage.setItem(CHECKPOINT_KEY, note)
  if (remembered === null) {
    remember()
    return [
      signature,
      { what: 'Growth', outcome: 'new', detail: 'this browser remembers this state and compares the next with it' },
    ]
  }
  const before = await verified(remembered, key).catch(() => null)
  if (before === null)
    return [
      signature,
      { what: 'Growth', outcome: 'bad', detail: 'the state that this browser remembers is not signed by this key' },
    ]
  const grown = await grew(before, now)
  if (grown) remember()
  const detail = grown
    ? `the ${String(before.size)} records seen before are all there, unchanged; ${String(now.size - before.size)} came since`
    : `the log that this browser saw (${String(before.size)} records) is no part of the one that is shown now`
  return [signature, { what: 'Growth', outcome: grown ? 'good' : 'bad', detail }]
}

async function grew(before: Checkpoint, now: Checkpoint): Promise<boolean> {
  if (before.size > now.size) return false
  if (before.size === now.size) return same(before.root, now.root)
  if (before.size === 0) return true
  const proof = await callJson<{ path: string[] }>('GET', '/api/v1/audit/consistency', {
    query: { from: before.size, to: now.size },
  })
  const path: Bytes[] = proof.path.map(fromHex)
  return isPrefix(before.size, before.root, now.size, now.root, path)
}
