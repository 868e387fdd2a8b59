/** A record of the audit log as the bytes that are hashed; see docs/reference/audit.md. */

import { concat, fromHex, fromUlid, sha256, u32, u64, utf8, type Bytes } from './bytes'

/** `erased` and `withheld` values are their commitments: the leaf is the same. */
type Value = { salt: string; text: string | null } | { erased: string } | { withheld: string }

export interface Entry {
  index: number
  id: string
  at_ms: number
  clock_ms: number
  action: string
  values: Record<string, Value>
}

/** Values in the order of their commitments. */
export const VALUES = ['principal', 'object', 'before', 'after', 'reason', 'origin', 'request_id'] as const

const ABSENT = new Uint8Array([0])
const PRESENT = new Uint8Array([1])

async function commitment(value: Value | undefined, tag: number): Promise<Bytes> {
  if (!value) throw new Error('a value of the record is missing')
  if ('erased' in value) return fromHex(value.erased)
  if ('withheld' in value) return fromHex(value.withheld)
  const head = concat(fromHex(value.salt), new Uint8Array([tag]))
  return value.text === null ? sha256(head, ABSENT) : sha256(head, PRESENT, utf8(value.text))
}

export async function leafOf(entry: Entry): Promise<Bytes> {
  const action = utf8(entry.action)
  const commitments = await Promise.all(VALUES.map((name, index) => commitment(entry.values[name], index + 1)))
  return concat(
    utf8('HCA1'),
    u64(entry.index),
    fromUlid(entry.id.replace(/^aud_/, '')),
    u64(entry.at_ms),
    u64(entry.clock_ms),
    u32(action.length),
    action,
    ...commitments,
  )
}
