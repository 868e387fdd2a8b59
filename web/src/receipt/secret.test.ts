import { expect, test } from 'vitest'
import { secretIn } from './secret'

test('a secret is found in a link or a text, and nothing else is one', () => {
  const secret = `hcrc_${'aB3-_'.repeat(8)}`
  for (const text of [secret, `https://x.example/receipt#${secret}`, `see ${secret}, thanks`, `#${secret}`]) {
    expect(secretIn(text)).toBe(secret)
  }
  for (const text of ['', '#', 'hcrc_', 'hcrc_short', `hc_api_${'a'.repeat(40)}`]) expect(secretIn(text)).toBeNull()
})
