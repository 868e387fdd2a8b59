import { useSyncExternalStore } from 'react'
import { ago, shortInstant, utc } from './format'

const TICK_MS = 15_000
let now_ms = Date.now()
const waiting = new Set<() => void>()
let timer: ReturnType<typeof setInterval> | undefined

function subscribe(listener: () => void): () => void {
  waiting.add(listener)
  timer ??= setInterval(() => {
    now_ms = Date.now()
    for (const each of waiting) each()
  }, TICK_MS)
  return () => {
    waiting.delete(listener)
    if (waiting.size === 0) {
      clearInterval(timer)
      timer = undefined
    }
  }
}

/** The time, renewed a few times a minute; one clock for the page. */
export function useNow(): number {
  return useSyncExternalStore(subscribe, () => now_ms)
}

/** A moment in the reader's zone; UTC and the distance on hover. */
export function Instant({ ms, relative = false }: { ms: number; relative?: boolean }) {
  const now = useNow()
  return (
    <time dateTime={new Date(ms).toISOString()} title={`${utc(ms)} · ${ago(ms, now)}`}>
      {relative ? ago(ms, now) : shortInstant(ms, now)}
    </time>
  )
}
