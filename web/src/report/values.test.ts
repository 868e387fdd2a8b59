import { describe, expect, it, test } from 'vitest'
import { Masker } from '../privacy/mask'
import type { Form, FormField } from './api'
import { faultsOf, forbiddenIn, gistOf, inOrder, linesOf, maskForm, progressOf, toReport } from './values'

const field = (name: string, kind: FormField['kind'], more: Partial<FormField> = {}): FormField => ({
  name,
  kind,
  label: name,
  required: false,
  ...more,
})

const FORM: Form = {
  type: 'leaked-secret',
  version: 1,
  title: 'Leaked secret',
  description: '',
  required: ['where', 'secret_kind'],
  forbidden: [{ category: 'blame', message: 'Who did it is not asked.', words: ['his fault', 'careless'] }],
  fields: [
    field('service', 'service', { max_chars: 20 }),
    field('where', 'textarea', { required: true, label: 'Where?' }),
    field('secret_kind', 'choice', { choices: ['Password', 'Key'] }),
    field('commit', 'commit'),
    field('evidence', 'url'),
    field('seen_at', 'time'),
    field('links', 'list', { max_items: 2, max_chars: 30 }),
    field('title', 'text'),
  ],
}
const masker = new Masker()

test('what must be filled in comes first, and is counted', () => {
  const { required, optional } = inOrder(FORM)
  expect(required.map(({ name }) => name)).toEqual(['where', 'secret_kind'])
  expect(optional).toHaveLength(6)
  expect(progressOf(FORM, {})).toEqual({ done: 0, of: 2 })
  expect(progressOf(FORM, { where: 'x', secret_kind: ' ', commit: 'abc' })).toEqual({ done: 1, of: 2 })
})

describe('what keeps it from being sent', () => {
  const good = { where: 'in the log', secret_kind: 'Key' }

  it('is nothing where all that is needed is there', () => {
    expect(faultsOf(FORM, good)).toEqual([])
    const all = {
      ...good,
      commit: 'ABCDEF1',
      evidence: 'https://ci.example.org/run/1?x=y#z',
      seen_at: '2026-11-27T09:05',
      links: 'a\n\nb\n',
    }
    expect(faultsOf(FORM, all)).toEqual([])
  })

  it('is named with its field', () => {
    expect(faultsOf(FORM, {}).map(({ message }) => message)).toEqual(['Fill in: Where', 'Choose: secret_kind'])
    for (const [name, value] of [
      ['commit', 'abc'],
      ['commit', 'zzzzzzz'],
      ['evidence', 'javascript:alert(1)'],
      ['evidence', 'ci.example.org'],
      ['evidence', 'https://'],
      ['seen_at', 'yesterday'],
      ['links', 'a\nb\nc'],
      ['links', 'x'.repeat(31)],
      ['service', 's'.repeat(21)],
    ] as const)
      expect(
        faultsOf(FORM, { ...good, [name]: value }).map((fault) => fault.field),
        `${name}=${value}`,
      ).toEqual([name])
  })
})

describe('what is sent', () => {
  const values = {
    service: 'checkout',
    where: 'jane@example.org has it',
    secret_kind: 'Key',
    commit: '4111111111111111',
    links: 'https://a.example/?u=jane@example.org\nb',
    seen_at: '2026-11-27T09:05',
    title: ' Key of bob@example.org ',
  }

  it('is masked, and in its place', () => {
    const masked = maskForm(masker, FORM, values, { commit: 'abcdef1', file: '/Users/quendel/x.py' })
    const report = toReport(FORM, masked, { anonymous: false })
    expect(report).toMatchObject({
      form: 'leaked-secret',
      service: 'checkout',
      title: 'Key of [email 2]',
      fields: { where: '[email 1] has it', secret_kind: 'Key', commit: '4111111111111111' },
      channel: 'web',
      client_masked: masked.count,
    })
    expect(report.fields.links).toHaveLength(2)
    expect(report.fields.seen_at).toBe(new Date('2026-11-27T09:05').toISOString())
    expect(report.context).toMatchObject({ commit: '4111111111111111' })
    expect(JSON.stringify(report)).not.toMatch(/jane|bob|quendel/)
    expect(Object.keys(masked.byField).toSorted()).toEqual(['links', 'title', 'where'])
    expect('anonymous' in JSON.parse(JSON.stringify(report))).toBe(false)
  })

  it('says what it comes with', () => {
    const masked = maskForm(masker, FORM, { where: 'x' }, {})
    expect(toReport(FORM, masked, { anonymous: true, link: 'lnk', addTo: 'ref' })).toMatchObject({
      anonymous: true,
      link: 'lnk',
      channel: 'link',
      add_to: 'ref',
      context: undefined,
    })
  })

  it('is the same from a draft, which is masked already', () => {
    const first = maskForm(masker, FORM, values, {})
    const again = maskForm(masker, FORM, first.values, first.context)
    expect(again.count).toBe(0)
    const body = (masked: typeof first, count: number) => toReport(FORM, { ...masked, count }, { anonymous: false })
    expect(body(again, first.count)).toEqual(body(first, first.count))
  })

  it('has what cannot hold a text masked in a draft all the same', () => {
    const { values: kept } = maskForm(masker, FORM, { commit: 'jane@example.org' }, { commit: 'bob@example.org' })
    expect(kept.commit).toBe('[email 1]')
  })
})

test('related matters are asked for with what stands before the caret', () => {
  const where = 'please ask jane.do because the bucket is public '
  const caret = 'please ask jane.do'.length
  expect(gistOf(masker, FORM, { where }, { field: 'where', caret })).toBe('please ask')
  expect(gistOf(masker, FORM, { where: 'the bucket is public ', title: 'open bucket ' }, null)).toBe(
    'the bucket is public\nopen bucket',
  )
})

test('what does not belong into a report is told by whole words', () => {
  expect(forbiddenIn(FORM, { where: 'It was His Fault.' })).toEqual(['Who did it is not asked.'])
  expect(forbiddenIn(FORM, { where: 'carelessly, this faulty' })).toEqual([])
  expect(forbiddenIn({ ...FORM, forbidden: null }, { where: 'careless' })).toEqual([])
})

test('lines of a list', () => {
  expect(linesOf(' a \n\n b\n')).toEqual(['a', 'b'])
})
