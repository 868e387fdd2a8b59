import { expect, test } from 'vitest'
import type { Form } from './api'
import { draftOf, faultsAfter } from './sending'

const FORM: Form = {
  type: 'phishing',
  version: 1,
  title: '',
  description: '',
  required: ['what'],
  fields: [
    { name: 'what', label: 'What?', kind: 'textarea', required: true },
    { name: 'link', label: 'Link', kind: 'text', required: false },
  ],
}

test('what is wrong is told anew as it is mended; what the server refused, until it is changed', () => {
  const here = { state: 'refused', by: 'here' } as const
  expect(faultsAfter(here, FORM, {}).map(({ field }) => field)).toEqual(['what'])
  expect(faultsAfter(here, FORM, { what: 'x' })).toEqual([])
  const faults = [
    { field: 'what', message: 'is too short' },
    { field: 'link', message: 'has a gap' },
  ]
  const values = { what: 'x', link: 'a b' }
  const server = { state: 'refused', by: 'server', faults, values } as const
  expect(faultsAfter(server, FORM, values)).toEqual(faults)
  expect(faultsAfter(server, FORM, { ...values, what: 'longer' })).toEqual([faults[1]])
  for (const state of ['idle', 'busy'] as const) expect(faultsAfter({ state }, FORM, {})).toEqual([])
})

test('a draft counts what was replaced before it was taken up again, too', () => {
  const written = { form: FORM, values: { what: 'raw' }, context: {}, link: 'lnk', maskedBefore: 2 }
  const masked = { values: { what: '[email 1]' }, context: { commit: 'abcdef1' }, count: 1 }
  expect(draftOf(written, { by: 'per_1', addTo: 'ref' }, masked)).toMatchObject({
    form: 'phishing',
    values: { what: '[email 1]' },
    context: { commit: 'abcdef1' },
    link: 'lnk',
    by: 'per_1',
    add_to: 'ref',
    masked: 3,
  })
})
