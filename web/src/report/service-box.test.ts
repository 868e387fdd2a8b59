import { expect, test } from 'vitest'
import { Masker } from '../privacy/mask'
import { isAskable } from './service-box'

test('only what looks like the name of a service is asked for', () => {
  const masker = new Masker()
  for (const name of ['che', 'checkout', 'pay-ment_2', 'team/api.v2', 'Ünit 7']) {
    expect(isAskable(name, masker), name).toBe(true)
  }
  for (const text of [
    '',
    ' x',
    'jane@corp',
    'jane.doe@corp.example',
    '+49170',
    '4111 1111',
    '41111111',
    'password: x',
    'AKIAIOSFODNN7EXAMPLE',
    'a'.repeat(65),
  ])
    expect(isAskable(text, masker), text).toBe(false)
  expect(isAskable('checkout', null)).toBe(false)
})
