import { describe, expect, test } from 'vitest'
import type { AuditRecord } from '../api/pending'
import { fromHex, fromUlid, toHex } from './bytes'
import { readKey, verified } from './checkpoint'
import golden from './golden.json'
import { report } from './pack'
import { isPrefix, rootOf } from './tree'
import { verifyRecord, type Inclusion } from './verify'

const record = golden.record as AuditRecord
const proof: Inclusion = golden.proof

async function outcomes(changed: Partial<{ record: AuditRecord; proof: Inclusion }>): Promise<Record<string, string>> {
  const checks = await verifyRecord(changed.record ?? record, changed.proof ?? proof, await readKey(golden.key))
  return Object.fromEntries(checks.map((check) => [check.what, check.outcome]))
}

const GOOD = { Record: 'good', Signature: 'good', Place: 'good' }

describe('a record of a real log', () => {
  test('is verified from its bytes to the signature', async () => {
    expect(await outcomes({})).toEqual(GOOD)
  })

  const entry = (change: (entry: string) => string) => ({ proof: { ...proof, entry: change(proof.entry) } })
  const cases: [string, Partial<{ record: AuditRecord; proof: Inclusion }>, object][] = [
    [
      'another actor shown',
      { record: { ...record, principal: { kind: 'token', id: 'tok_x', name: 'x' } } },
      { ...GOOD, Record: 'bad' },
    ],
    ['another time shown', { record: { ...record, at_ms: record.at_ms + 1 } }, { ...GOOD, Record: 'bad' }],
    ['another value shown', { record: { ...record, after: { assignee: 'bob' } } }, { ...GOOD, Record: 'bad' }],
    ['a value left out', { record: { ...record, origin: null } }, { ...GOOD, Record: 'bad' }],
    [
      'another value committed',
      entry((text) => text.replace('\\"ana\\"', '\\"bob\\"')),
      { ...GOOD, Record: 'bad', Place: 'bad' },
    ],
    ['another salt', entry((text) => text.replace(/"salt":"../, '"salt":"00')), { ...GOOD, Place: 'bad' }],
    ['another index', entry((text) => text.replace('{"index":81', '{"index":80')), { ...GOOD, Place: 'bad' }],
    ['a shorter path', { proof: { ...proof, path: proof.path.slice(1) } }, { ...GOOD, Place: 'bad' }],
    ['a longer path', { proof: { ...proof, path: [...proof.path, '00'.repeat(32)] } }, { ...GOOD, Place: 'bad' }],
    [
      'another root signed',
      { proof: { ...proof, checkpoint: golden.before } },
      { ...GOOD, Signature: 'bad', Place: 'bad' },
    ],
    [
      'a time put into the checkpoint',
      { proof: { ...proof, checkpoint: proof.checkpoint.replace(/time_ms \d/, 'time_ms 9') } },
      { ...GOOD, Signature: 'bad' },
    ],
  ]
  test.each(cases)('%s is found', async (_, changed, expected) => {
    expect(await outcomes(changed)).toEqual(expected)
  })

  /** The entry with the commitment in place of the origin. */
  const without = async (how: 'erased' | 'withheld') => {
    const [, salted] = /"origin":(\{[^}]*\})/.exec(proof.entry) ?? []
    const { salt, text } = JSON.parse(salted ?? '') as { salt: string; text: string }
    const bytes = new Uint8Array([...fromHex(salt), 6, 1, ...new TextEncoder().encode(text)])
    const commitment = toHex(new Uint8Array(await crypto.subtle.digest('SHA-256', bytes)))
    return { ...proof, entry: proof.entry.replace(salted ?? '', JSON.stringify({ [how]: commitment })) }
  }

  test('an erased value keeps its place, and shows nothing', async () => {
    expect(await outcomes({ record: { ...record, origin: null }, proof: await without('erased') })).toEqual(GOOD)
  })

  test('a withheld value keeps its place, and nothing may stand for it', async () => {
    const withheld = await without('withheld')
    const hidden: AuditRecord = { ...record, origin: null, withheld: true, withheld_values: ['origin'] }
    expect(await outcomes({ record: hidden, proof: withheld })).toEqual(GOOD)
    const [check] = await verifyRecord(hidden, withheld, await readKey(golden.key))
    expect(check?.detail).toMatch(/1 values are withheld/)
    const bad = { ...GOOD, Record: 'bad' }
    expect(await outcomes({ record: { ...hidden, origin: '203.0.113.7' }, proof: withheld })).toEqual(bad)
    expect(await outcomes({ record: { ...hidden, withheld: false }, proof: withheld })).toEqual(bad)
    const other = { ...withheld, entry: withheld.entry.replace(/"withheld":"../, '"withheld":"00') }
    expect(await outcomes({ record: hidden, proof: other })).toEqual({ ...GOOD, Place: 'bad' })
  })
})

test('a log that grew is told from one that was exchanged', async () => {
  const key = await readKey(golden.key)
  const [before, now] = [await verified(golden.before, key), await verified(proof.checkpoint, key)]
  const path = golden.consistency.map(fromHex)
  expect(await isPrefix(before.size, before.root, now.size, now.root, path)).toBe(true)
  expect(await isPrefix(before.size, now.root, now.size, now.root, path)).toBe(false)
  expect(await isPrefix(before.size, before.root, now.size, before.root, path)).toBe(false)
  expect(await isPrefix(before.size - 1, before.root, now.size, now.root, path)).toBe(false)
  expect(await isPrefix(before.size, before.root, now.size, now.root, path.slice(1))).toBe(false)
  expect(await isPrefix(now.size, now.root, before.size, before.root, path)).toBe(false)
})

test('a key is what its id says', async () => {
  await expect(readKey(golden.key.replace('+3', '+4'))).rejects.toThrow('do not belong together')
  await expect(readKey('nonsense')).rejects.toThrow('no public key')
})

test('a place outside of the tree has no root', async () => {
  const hash = new Uint8Array(32)
  await expect(rootOf(hash, 5, 5, [])).rejects.toThrow('inside')
  expect(await rootOf(hash, 0, 1, [])).toEqual(hash)
})

test('the bits of a ULID', () => {
  expect(toHex(fromUlid('7ZZZZZZZZZZZZZZZZZZZZZZZZZ'))).toBe('f'.repeat(32))
  expect(toHex(fromUlid('00000000000000000000000001'))).toBe(`${'0'.repeat(31)}1`)
  expect(() => fromUlid('0000000000000000000000000U')).toThrow()
})

test('a report of a pack writes values as text', () => {
  const html = report('inc_<b>', [{ ...record, reason: '<script>alert(1)</script>' }])
  expect(html).not.toContain('<script>')
  expect(html).not.toContain('<b>')
})
