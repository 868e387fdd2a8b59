/** The Merkle tree of RFC 6962 §2.1: proofs, as whoever trusts nothing checks them. */

import { concat, sha256, type Bytes, same } from './bytes'

const LEAF = new Uint8Array([0])
const NODE = new Uint8Array([1])

export function leafHash(leaf: Uint8Array): Promise<Bytes> {
  return sha256(LEAF, leaf)
}

function nodeHash(left: Uint8Array, right: Uint8Array): Promise<Bytes> {
  return sha256(concat(NODE, left, right))
}

/** The root that an audit path leads to (RFC 9162 §2.1.3.2); throws where the path does not fit index and size. */
export async function rootOf(hash: Bytes, index: number, size: number, path: readonly Bytes[]): Promise<Bytes> {
  if (index >= size || index < 0) throw new Error('the record is not inside the tree')
  let [at, last, root] = [index, size - 1, hash]
  for (const step of path) {
    if (last === 0) throw new Error('the path is too long')
    if (at % 2 === 1 || at === last) {
      root = await nodeHash(step, root)
      while (at % 2 === 0 && at !== 0) [at, last] = [half(at), half(last)]
    } else {
      root = await nodeHash(root, step)
    }
    ;[at, last] = [half(at), half(last)]
  }
  if (last !== 0) throw new Error('the path is too short')
  return root
}

/** Whether the tree of `from` records is a prefix of that of `to` (RFC 9162 §2.1.4.2). */
export async function isPrefix(
  from: number,
  fromRoot: Bytes,
  to: number,
  toRoot: Bytes,
  path: readonly Bytes[],
): Promise<boolean> {
  if (from > to || from < 0) return false
  if (from === to) return path.length === 0 && same(fromRoot, toRoot)
  if (from === 0) return path.length === 0
  const steps = isPowerOfTwo(from) ? [fromRoot, ...path] : [...path]
  const first = steps.shift()
  if (!first) return false
  let [at, last] = [from - 1, to - 1]
  while (at % 2 === 1) [at, last] = [half(at), half(last)]
  let [older, newer] = [first, first]
  for (const step of steps) {
    if (last === 0) return false
    if (at % 2 === 1 || at === last) {
      older = await nodeHash(step, older)
      newer = await nodeHash(step, newer)
      while (at % 2 === 0 && at !== 0) [at, last] = [half(at), half(last)]
    } else {
      newer = await nodeHash(newer, step)
    }
    ;[at, last] = [half(at), half(last)]
  }
  return last === 0 && same(older, fromRoot) && same(newer, toRoot)
}

function half(value: number): number {
  return Math.floor(value / 2)
}

function isPowerOfTwo(value: number): boolean {
  return Number.isInteger(Math.log2(value))
}
