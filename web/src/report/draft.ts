/** A report that was not sent yet, kept in this browser: only what is masked, and only until it is sent or deleted. */
import type { ReportContext } from './api'
import type { Values } from './values'

const KEY = 'huecry.report.draft'
const AGE_MS_MAX = 14 * 86_400_000

export interface Draft {
  form: string
  values: Values
  context: ReportContext
  link?: string
  /** With whose name it was to be sent: a person's id; nothing for without a name, signed in or not. */
  by?: string
  add_to?: string
  /** How much of what was typed was replaced. */
  masked: number
  /** To be sent as soon as the server can be reached, under this key, so that twice is once. */
  waiting?: { key: string }
  saved_at_ms: number
}

/**
 * Whether a draft that waits may be sent by itself: only as it was to be sent. Without a name it always can; with a name only
 * as that person, never as whoever is signed in by now.
 */
export function isSentByItself(draft: Draft, person: string | null): boolean {
  return draft.waiting !== undefined && (draft.by === undefined || draft.by === person)
}

type Store = Pick<Storage, 'getItem' | 'setItem' | 'removeItem'>

/** A browser may forbid storage; then there are no drafts, and all else works. */
export function storage(): Store | null {
  try {
    return globalThis.localStorage ?? null
  } catch {
    return null
  }
}

export function readDraft(now_ms: number, store: Store | null = storage()): Draft | null {
  try {
    const draft = JSON.parse(store?.getItem(KEY) ?? 'null') as Draft | null
    if (draft === null || typeof draft.form !== 'string' || typeof draft.values !== 'object') return null
    if (now_ms - draft.saved_at_ms > AGE_MS_MAX) {
      deleteDraft(store)
      return null
    }
    return { ...draft, context: draft.context ?? {} }
  } catch {
    return null
  }
}

/** Whether it is kept now. */
export function saveDraft(draft: Draft, store: Store | null = storage()): boolean {
  try {
    store?.setItem(KEY, JSON.stringify(draft))
    return store !== null
  } catch {
    return false
  }
}

export function deleteDraft(store: Store | null = storage()): void {
  try {
    store?.removeItem(KEY)
  } catch {
    // it could not be kept either
  }
}

/** A key for one sending of one text: the same again for the same, another for what was changed meanwhile. */
export class SendingKey {
  private of = ''
  private key = ''

  for(body: string): string {
    if (body !== this.of) {
      this.of = body
      this.key = Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) =>
        byte.toString(16).padStart(2, '0'),
      ).join('')
    }
    return this.key
  }

  /** Goes on with what was begun before the page was loaded anew. */
  resume(body: string, key: string): void {
    this.of = body
    this.key = key
  }
}
