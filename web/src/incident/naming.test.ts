import { expect, test } from 'vitest'
import { headline, middleCut, shortEntity, shortTitle } from './naming'

test('what differs stays in sight', () => {
  const cases: [string, string][] = [
    ['203.0.113.7', '203.0.113.7'],
    ['arn:aws:iam::111122223333:user/ci-legacy-deployer', 'user/ci-legacy-deployer'],
    ['arn:aws:sts::111122223333:assumed-role/Deploy/i-0c5', 'assumed-role/Deploy/i-0c5'],
    ['arn:aws:iam::1:role/aws-reserved/sso.amazonaws.com/eu-west-1/Platform_25', 'role/…/Platform_25'],
    ['arn:aws:s3:::bucket', 'bucket'],
    ['arn:odd', 'arn:odd'],
  ]
  for (const [value, short] of cases) expect(shortEntity(value)).toBe(short)
  const long = `${'a'.repeat(60)}${'b'.repeat(30)}`
  expect(middleCut(long)).toHaveLength(44)
  expect(middleCut(long)).toMatch(/^a+…a*b+$/)
  expect(shortEntity(`arn:aws:iam::1:role/${long}`)).toHaveLength(44)
})

test('a title is split only where the machine put it together', () => {
  const group = { kind: 'actor', value: 'ana' }
  expect(headline({ title: 'Secret read: ana', group })).toEqual({ what: 'Secret read', about: 'ana' })
  expect(headline({ title: 'The leak of June', group })).toEqual({ what: 'The leak of June', about: null })
  expect(headline({ title: 'x: ', group: { kind: 'actor', value: '' } })).toEqual({ what: 'x: ', about: null })
  expect(shortTitle('Rights attached: arn:aws:iam::1:user/x')).toBe('Rights attached: user/x')
})
