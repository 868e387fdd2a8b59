import { expect, test } from 'vitest'
import { concat, sha256, toHex, utf8 } from '../audit/bytes'
import { leafHash } from '../audit/tree'
import { checkProof, hashOf } from './proof'

const base64 = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64')

test('a proof is good where its path leads to the root, and never else', async () => {
  const [left, right] = [await leafHash(utf8('a')), await leafHash(utf8('b'))]
  const root = await sha256(concat(new Uint8Array([1]), left, right))
  for (const write of [toHex, base64]) {
    const proof = {
      audit_id: 'x',
      leaf: write(right),
      index: 1,
      tree_size: 2,
      root: write(root),
      hashes: [write(left)],
      pending: false,
    }
    expect((await checkProof(proof)).outcome).toBe('good')
    for (const wrong of [
      { ...proof, leaf: write(left) },
      { ...proof, index: 0 },
      { ...proof, root: write(left) },
      { ...proof, hashes: [] },
      { ...proof, hashes: [write(left), write(left)] },
      { ...proof, leaf: 'short' },
      { ...proof, index: 7 },
    ])
      expect((await checkProof(wrong)).outcome, JSON.stringify(wrong)).toBe('bad')
    expect((await checkProof({ ...proof, pending: true })).outcome).toBe('open')
    expect((await checkProof({ ...proof, root: null })).outcome).toBe('open')
  }
  expect(() => hashOf('00')).toThrow('32 bytes')
})
