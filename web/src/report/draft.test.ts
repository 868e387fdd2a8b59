import { expect, test } from 'vitest'
import { deleteDraft, isSentByItself, readDraft, saveDraft, SendingKey, type Draft } from './draft'

class Store {
  kept = new Map<string, string>()
  getItem = (key: string) => this.kept.get(key) ?? null
  setItem = (key: string, value: string) => void this.kept.set(key, value)
  removeItem = (key: string) => void this.kept.delete(key)
}

const DRAFT: Draft = {
  form: 'phishing',
  values: { what_happened: '[email 1] wrote' },
  context: {},
  masked: 1,
  saved_at_ms: 1_000,
}
const DAY_MS = 86_400_000

test('a draft comes back until it is deleted or old', () => {
  const store = new Store()
  expect(readDraft(0, store)).toBeNull()
  expect(saveDraft(DRAFT, store)).toBe(true)
  expect(readDraft(2_000, store)).toEqual(DRAFT)
  deleteDraft(store)
  expect(readDraft(2_000, store)).toBeNull()
  saveDraft(DRAFT, store)
  expect(readDraft(1_000 + 15 * DAY_MS, store)).toBeNull()
  expect(store.kept.size).toBe(0)
})

test('what is no draft is none, and a browser without storage has none', () => {
  const store = new Store()
  for (const text of ['', '{', '[]', '{"form":1}', 'null']) {
    store.setItem('huecry.report.draft', text)
    expect(readDraft(0, store), text).toBeNull()
  }
  expect(saveDraft(DRAFT, null)).toBe(false)
  expect(readDraft(0, null)).toBeNull()
  const full = {
    ...new Store(),
    getItem: () => null,
    setItem: () => {
      throw new Error('full')
    },
    removeItem: () => {},
  }
  expect(saveDraft(DRAFT, full)).toBe(false)
})

test('the same text goes under the same key, another under another', () => {
  const keys = new SendingKey()
  const first = keys.for('a')
  expect(first).toMatch(/^[0-9a-f]{32}$/)
  expect(keys.for('a')).toBe(first)
  expect(keys.for('b')).not.toBe(first)
  const later = new SendingKey()
  later.resume('a', first)
  expect(later.for('a')).toBe(first)
  expect(later.for('c')).not.toBe(first)
})

test('a draft is never sent by itself as somebody else, or with a name that it was without', () => {
  const waits = { ...DRAFT, waiting: { key: 'k' } }
  const cases: [Draft, string | null, boolean][] = [
    [DRAFT, null, false],
    [waits, null, true],
    // without a name, whoever is signed in by now: it goes without one
    [waits, 'per_1', true],
    [{ ...waits, by: 'per_1' }, 'per_1', true],
    [{ ...waits, by: 'per_1' }, 'per_2', false],
    [{ ...waits, by: 'per_1' }, null, false],
  ]
  for (const [draft, person, sent] of cases) expect(isSentByItself(draft, person)).toBe(sent)
})
