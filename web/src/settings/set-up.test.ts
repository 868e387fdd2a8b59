import { expect, test } from 'vitest'
import { samples, total } from './metrics'
import { freeName } from './name'
import { instructions, STEPS } from './set-up'

test('every kind of sender is told where to send, with its own secret', () => {
  for (const { kind, secret } of STEPS.flatMap((step) => step.senders)) {
    const texts = instructions({
      origin: 'https://hc.example',
      source: 'mine',
      kind,
      token: 'hc_src_T',
      secret: 'S3CRET',
    }).map((each) => each.text)
    const all = texts.join('\n')
    expect(all, kind).toContain('https://hc.example')
    expect(all, kind).toContain('mine')
    expect(all, kind).toContain(secret ? 'S3CRET' : 'hc_src_T')
  }
})

test('the order is CI, cloud audit, identity provider, endpoint', () => {
  expect(STEPS.map((step) => step.title)).toEqual([
    '1 · Code and CI',
    '2 · Cloud audit',
    '3 · Identity provider',
    '4 · Endpoint',
  ])
})

test('a name that is free', () => {
  expect(freeName('aws_cloudtrail', [])).toBe('aws-cloudtrail')
  expect(freeName('okta', ['okta', 'okta-2'])).toBe('okta-3')
})

test('figures are read out of OpenMetrics text', () => {
  const read = samples('# TYPE a gauge\na{partition="1",text="x\\"y"} 2\na{partition="0"} 3\nb_total 1.5e3\n# EOF\n')
  expect(total(read, 'a')).toBe(5)
  expect(total(read, 'b_total')).toBe(1500)
  expect(total(read, 'c')).toBeNull()
})
