import { send } from './client'
import type { Incident } from './pending'
import { errorOf } from './problem'
import type { components } from './schema'

export type Change = Omit<components['schemas']['StreamedChange'], 'incident'> & { incident?: Incident | null }

/** What a change of a containment or a run says: its id, where it stands, and the id of its incident. */
interface Moved {
  id?: string
  object?: string
  state?: string
  incident?: unknown
}

/** A change as one kind of thing, whichever way the server words it. */
export function changeOf({ type, data }: Pick<ServerEvent, 'type' | 'data'>): Change {
  const said = JSON.parse(data) as Change & Moved
  const kind = said.kind ?? type
  if (!/^(containment|run)\./.test(kind)) return said
  // `incident` is an id here, where others have the incident
  return { seq: said.seq ?? 0, at_ms: said.at_ms ?? 0, kind, object: said.object ?? said.id ?? '' }
}

/** One event of a stream, by the WHATWG's rules for `text/event-stream`. */
export interface ServerEvent {
  type: string
  data: string
  id: string
}

/** Cuts a stream of texts into events; chunks may end anywhere. */
export class EventParser {
  private rest = ''
  private type = ''
  private data: string[] = []
  private id = ''

  push(chunk: string): ServerEvent[] {
    const lines = (this.rest + chunk).split(/\r\n|\n|\r(?!$)/)
    this.rest = lines.pop() ?? ''
    return lines.flatMap((line) => this.line(line))
  }

  private line(line: string): ServerEvent[] {
    if (line === '') {
      const event = { type: this.type || 'message', data: this.data.join('\n'), id: this.id }
      const empty = this.data.length === 0
      this.type = ''
      this.data = []
      return empty ? [] : [event]
    }
    const colon = line.indexOf(':')
    if (colon === 0) return []
    const field = colon < 0 ? line : line.slice(0, colon)
    const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '')
    if (field === 'event') this.type = value
    else if (field === 'data') this.data.push(value)
    else if (field === 'id') this.id = value
    return []
  }
}

export interface Follower {
  /** A change, or `null` when some were missed and everything is to be loaded anew. */
  onChange(change: Change | null): void
  onState(state: 'live' | 'waiting'): void
}

const RETRY_MS_MIN = 1_000
const RETRY_MS_MAX = 30_000

/** Follows the server's changes until `signal` ends it. A lost connection is taken up where it was. */
export async function follow(follower: Follower, signal: AbortSignal): Promise<void> {
  let last: string | null = null
  let retry_ms = RETRY_MS_MIN
  while (!signal.aborted) {
    try {
      const headers: HeadersInit = last === null ? {} : { 'Last-Event-ID': last }
      const response = await send(new URL('/api/v1/stream', location.origin).href, { headers, signal })
      if (!response.ok || !response.body) throw await errorOf(response)
      if (last === null && retry_ms > RETRY_MS_MIN) follower.onChange(null)
      follower.onState('live')
      retry_ms = RETRY_MS_MIN
      const parser = new EventParser()
      const reader = response.body.pipeThrough(new TextDecoderStream()).getReader()
      for (let chunk = await reader.read(); !chunk.done; chunk = await reader.read()) {
        for (const event of parser.push(chunk.value)) {
          last = event.id || last
          follower.onChange(event.type === 'reset' ? null : changeOf(event))
        }
      }
    } catch {
      if (signal.aborted) return
    }
    follower.onState('waiting')
    await pause(retry_ms, signal)
    retry_ms = Math.min(retry_ms * 2, RETRY_MS_MAX)
  }
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms)
    signal.addEventListener('abort', () => (clearTimeout(timer), resolve()), { once: true })
  })
}
