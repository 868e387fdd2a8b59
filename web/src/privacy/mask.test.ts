import { describe, expect, it } from 'vitest'
import { MaskError, Masker, TEXT_BYTES_MAX } from './mask'
import vectors from './vectors.json'
import { casesOf, type Case } from './vectors'

const masker = new Masker()

describe('every vector', () => {
  const byDetector = new Map<string, Case[]>()
  for (const one of casesOf(vectors)) byDetector.set(one.detector, [...(byDetector.get(one.detector) ?? []), one])
  for (const [detector, cases] of byDetector) {
    it(`is told as it says: ${detector}`, () => {
      for (const { text, places } of cases) {
        const own = masker.mask(text).spans.filter((span) => span.detector === detector)
        expect({ text, places: own.map(({ start, end }) => [start, end]) }).toEqual({ text, places })
      }
    })
  }
})

it('gives the same value the same number, and masks what was masked no more', () => {
  const masked = masker.mask('jane@example.org wrote, JANE@example.org wrote again, bob@example.org did not')
  expect(masked.text).toBe('[email 1] wrote, [email 1] wrote again, [email 2] did not')
  expect(masker.mask(masked.text)).toEqual({ text: masked.text, spans: [] })
})

it('gives the same value the same number in all texts of a report', () => {
  const texts = ['jane@example.org has it', 'so does bob@example.org', 'see jane@example.org and [email 7]']
  const masked = masker.maskAll(texts)
  expect(masked.map(({ text }) => text)).toEqual([
    '[email 8] has it',
    'so does [email 9]',
    'see [email 8] and [email 7]',
  ])
  expect(masker.maskAll(masked.map(({ text }) => text)).flatMap(({ spans }) => spans)).toEqual([])
  expect(masker.maskAll([texts[0]!])).toEqual([masker.mask(texts[0]!)])
})

it('tells values apart that punctuation sets apart', () => {
  for (const [text, masked] of [
    ['from 1.23.45.6 to 12.34.5.6', 'from [ip 1] to [ip 2]'],
    ['93.184.216.34 is 93[.]184[.]216[.]34 and 93(.)184.216.34', '[ip 1] is [ip 1] and [ip 1]'],
    ['jane.doe@corp.example, janedoe@corp.example', '[email 1], [email 2]'],
    ['4111111111111111 is 4111-1111-1111-1111', '[card 1] is [card 1]'],
    ['call [email 999999] a@corp.example', 'call [email 999999] [email 1]'],
  ] as const)
    expect(masker.mask(text).text).toBe(masked)
})

it('masks a secret whatever stands inside it', () => {
  const key = (inside: string) =>
    `-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASC\n${inside}\n/x+Yz0Ab1Cd2Ef3Gh4Ij5Kl6Mn7Op8\n-----END PRIVATE KEY-----`
  expect(masker.mask(key('\u{FFFC}')).text).toBe('[key 1]')
  expect(masker.mask(key('[email 1]')).text).toBe('[key 1]\n[email 1]\n[key 2]')
  expect(masker.mask('password="my\u{FFFC}secret99" \u{FFFC}').text).toBe('password="[password 1]" \u{FFFC}')
})

it('does no more for each character of a longer text', () => {
  const begin = '-----BEGIN PRIVATE KEY-----'
  const parts = [begin, `${begin}\n`, `${begin}\n\nA: b\n`, `${begin}\u{FFFC}`, `${begin}[key 1]`]
  const others = ['1', '1 ', '11-', 'a.', 'a@', 'password=', 'password="[key 1]a', 'sk-a-', 'a://:', '\u{FFFC}']
  for (const part of [...parts, ...others]) {
    const each = (length: number) => {
      const text = part.repeat(length / part.length)
      const work = { units: 0 }
      masker.mask(text, work)
      return work.units / text.length
    }
    const [short, long] = [each(4 * 1024), each(16 * 1024)]
    expect({ part, linear: long <= short * 1.25 + 4, short, long }).toMatchObject({ linear: true })
  }
})

it('refuses a text past the limit, and takes half a pair of UTF-16 for a sign', () => {
  expect(() => masker.mask('a'.repeat(TEXT_BYTES_MAX + 1))).toThrow(MaskError)
  expect(masker.mask('a\ud800b').text).toBe('a\ufffdb')
})

it('masks ten kilobytes; how long that takes is printed', () => {
  const texts = casesOf(vectors).map((one) => one.text)
  let page = ''
  for (let at = 0; page.length < 10_000; at++)
    page += `${texts[(at * 7) % texts.length]!}\nThe deploy of the gateway failed at noon. `
  page = page.slice(0, 10_000)
  masker.mask(page)
  const rounds = 5
  const begun = process.cpuUsage()
  for (let round = 0; round < rounds; round++) masker.mask(page)
  const ms = process.cpuUsage(begun).user / 1000 / rounds
  process.stdout.write(`masking 10 KB dense with finds: ${ms.toFixed(1)} ms of processor time\n`)
  expect(masker.mask(page).spans.length).toBeGreaterThan(50)
})
