/** Whether the record of a report is in the tree of the audit log, computed by whoever holds the receipt. */
import type { Proof } from '../report/api'
import { fromBase64, fromHex, same, type Bytes } from '../audit/bytes'
import { rootOf } from '../audit/tree'

export type Verdict = { outcome: 'good' | 'bad' | 'open'; detail: string }

/** 32 bytes, written in hexadecimal or base64. */
export function hashOf(text: string): Bytes {
  const hash = /^[0-9a-f]{64}$/i.test(text) ? fromHex(text.toLowerCase()) : fromBase64(text)
  if (hash.length !== 32) throw new Error('a hash has 32 bytes')
  return hash
}

export async function checkProof(proof: Proof): Promise<Verdict> {
  const { index, tree_size: size, root, hashes } = proof
  if (proof.pending || index == null || size == null || !root || !hashes) {
    return { outcome: 'open', detail: 'The record is not in a signed tree yet. Look again in a minute.' }
  }
  try {
    const computed = await rootOf(hashOf(proof.leaf), index, size, hashes.map(hashOf))
    return same(computed, hashOf(root))
      ? {
          outcome: 'good',
          detail: `The record is at place ${String(index)} of a tree of ${String(size)} records: this browser computed the root that the server names.`,
        }
      : {
          outcome: 'bad',
          detail: 'The path leads to another root than the tree’s. Keep this proof and tell an auditor.',
        }
  } catch (error) {
    return { outcome: 'bad', detail: `The proof cannot be followed: ${error instanceof Error ? error.message : ''}` }
  }
}
