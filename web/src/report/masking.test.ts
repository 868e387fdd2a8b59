import { describe, expect, it, test } from 'vitest'
import { Masker } from '../privacy/mask'
import { foundIn, foundWords, kindWords, piecesOf, settledPart } from './masking'
import detectors from '../privacy/detectors.json'

const masker = new Masker()

test('what was replaced is told by kind, each value once', () => {
  const texts = ['jane@example.org, jane@example.org and bob@example.org', 'card 4111 1111 1111 1111']
  const found = foundIn(masker.maskAll(texts))
  expect(found).toEqual([
    { kind: 'email', count: 2 },
    { kind: 'card', count: 1 },
  ])
  expect(foundWords(found)).toBe('2 mail addresses and 1 payment card')
  expect(foundWords([])).toBe('')
})

test('every kind that is masked has words of its own', () => {
  for (const { class: kind } of detectors.classes)
    expect(kindWords(kind).instead, kind).not.toBe(kindWords('of another list').instead)
})

test('pieces are the masked text, with what was replaced marked', () => {
  for (const text of [
    'a jane@example.org b jane@example.org',
    'nothing',
    '',
    'jane@example.org',
    'x [email 1] bob@example.org',
  ]) {
    const masked = masker.mask(text)
    const pieces = piecesOf(masked)
    expect(pieces.map((piece) => piece.text).join('')).toBe(masked.text)
    expect(pieces.filter(({ kind }) => kind).length).toBe(masked.spans.length)
  }
})

describe('what a search is asked with while somebody types', () => {
  it('is what is settled', () => {
    for (const [typed, settled] of [
      ['the bucket is public ', 'the bucket is public'],
      ['the bucket is publ', 'the bucket is'],
      ['the S3 bucket is open, ', 'the S3 bucket is open'],
      ['I spoke with Jane', 'I spoke with'],
      ['I spoke with Jane ', 'I spoke with'],
      ['call +49 170 ', 'call'],
      ['my card is 4111 1111 ', 'my card is'],
      ['the log shows password: hunt', 'the log shows'],
      ['ask jane.doe@corp', 'ask'],
      ['ask jane.doe@corp.example about it ', 'ask [email 1] about it'],
      ['ask jane.doe@corp.example ', 'ask'],
      ['in the file -----BEGIN RSA PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASC', 'in the file'],
      ['', ''],
      ['Jane', ''],
    ] as const)
      expect({ typed, settled: settledPart(masker, typed) }).toEqual({ typed, settled })
  })

  const PLANTED = [
    'Mara Quendel called',
    'mara.quendel@corp.example',
    '+49 170 5550123',
    '4111 1111 1111 1111',
    'AKIAIOSFODNN7EXAMPLE',
    'password: Tr0ub4dor&3x',
    'GB82 WEST 1234 5698 7654 32',
  ]
  /** What of the planted data would tell something. */
  const TELLING = ['mara', 'quendel', '170', '555', '4111', '1111', 'akia', 'iosf', 'tr0u', 'west', '1234', 'gb82']

  it.each(PLANTED)('never has a beginning of what is personal: %s', (planted) => {
    const text = `there was a call by ${planted} and it looked wrong `
    for (let length = 0; length <= text.length; length += 1) {
      const asked = settledPart(masker, text.slice(0, length)).toLowerCase()
      const told = TELLING.filter((part) => asked.includes(part))
      expect({ asked, told }).toEqual({ asked, told: [] })
    }
  })
})
