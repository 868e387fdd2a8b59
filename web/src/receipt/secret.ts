/** The secret of a receipt: in the memory of this page, in no storage, and in the address only until it was read. */

const SECRET = /hcrc_[A-Za-z0-9_-]{20,}/

/** Finds a secret in a link or a text that holds one. */
export function secretIn(text: string): string | null {
  return SECRET.exec(text)?.[0] ?? null
}

/** What was said when a report was sent just now. */
export interface Sent {
  masked: { count: number; kinds: string[] }
}

interface Held {
  secret: string | null
  sent: Sent | null
}

const held: Held = { secret: null, sent: null }

/** Takes the secret out of the fragment, which no browser sends and no log keeps, and out of the address bar. */
export function takeSecret(): string | null {
  const found = secretIn(location.hash)
  if (location.hash) history.replaceState(null, '', location.pathname + location.search)
  if (found !== null) Object.assign(held, { secret: found, sent: null })
  return held.secret
}

/** From the form to the receipt, within the page. */
export function handOver(secret: string, sent: Sent | null): void {
  Object.assign(held, { secret, sent })
}

export function heldSecret(): string | null {
  return held.secret
}

export function heldSent(): Sent | null {
  return held.sent
}

export function dropSecret(): void {
  Object.assign(held, { secret: null, sent: null })
}

/** The link that opens the receipt anywhere. */
export function receiptLink(secret: string): string {
  return `${location.origin}/receipt#${secret}`
}
