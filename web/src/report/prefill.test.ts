import { expect, test } from 'vitest'
import type { Form } from './api'
import { intoForm, readPrefill } from './prefill'

const FORM: Form = {
  type: 'suspicious-ci',
  version: 1,
  title: '',
  description: '',
  required: [],
  fields: [
    { name: 'commit', label: '', kind: 'commit', required: false, prefill: 'commit' },
    { name: 'run', label: '', kind: 'url', required: false, prefill: 'ci_run' },
    { name: 'seen_at', label: '', kind: 'time', required: false, prefill: 'now' },
    { name: 'service', label: '', kind: 'service', required: false, prefill: 'service' },
    { name: 'note', label: '', kind: 'text', required: false },
  ],
}

test('an address is read into form, link, context and answers', () => {
  const prefill = readPrefill('?form=phishing&link=a.b&commit=abcdef1&service=checkout&note=x&lines=&branch=main')
  expect(prefill).toEqual({
    form: 'phishing',
    link: 'a.b',
    context: { commit: 'abcdef1', branch: 'main' },
    values: { service: 'checkout', note: 'x' },
  })
  expect(readPrefill('')).toEqual({ values: {}, context: {} })
  expect(readPrefill(`?note=${'x'.repeat(5_000)}`).values.note).toHaveLength(2_000)
})

test('what was brought along stands where the form asks for it', () => {
  const now = new Date(2026, 10, 27, 9, 5)
  const values = intoForm(FORM, readPrefill('?commit=abcdef1&ci_run=https://ci.example/1&service=pay&note=y&x=1'), now)
  expect(values).toEqual({
    commit: 'abcdef1',
    run: 'https://ci.example/1',
    seen_at: '2026-11-27T09:05',
    service: 'pay',
    note: 'y',
  })
  expect(intoForm(FORM, { values: {}, context: {} }, now)).toEqual({ seen_at: '2026-11-27T09:05' })
})
