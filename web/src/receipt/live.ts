import { useEffect, useEffectEvent, useState } from 'react'
import { send } from '../api/client'
import { EventParser } from '../api/stream'
import { receiptHeaders } from '../report/api'
import { openedReport } from './opened'

const RETRY_MS_MIN = 2_000
const RETRY_MS_MAX = 60_000

/** Follows what happens to the receipt; while that is not possible, whoever asks is to look for themselves. */
export function useReceiptEvents(enabled: boolean, onChanged: () => void): boolean {
  const [live, setLive] = useState(false)
  const changed = useEffectEvent(onChanged)
  useEffect(() => {
    if (!enabled) return
    const end = new AbortController()
    void followReceipt(end.signal, () => changed(), setLive)
    return () => end.abort()
  }, [enabled])
  return live && enabled
}

export async function followReceipt(
  signal: AbortSignal,
  onChanged: () => void,
  onLive: (live: boolean) => void,
): Promise<void> {
  let retry_ms = RETRY_MS_MIN
  while (!signal.aborted) {
    try {
      const response = await send(new URL('/api/v1/receipt/events', location.origin).href, {
        headers: receiptHeaders(openedReport()),
        signal,
      })
      if (!response.ok || !response.body) throw new Error('no stream')
      onLive(true)
      retry_ms = RETRY_MS_MIN
      const parser = new EventParser()
      const reader = response.body.pipeThrough(new TextDecoderStream()).getReader()
      for (let chunk = await reader.read(); !chunk.done; chunk = await reader.read()) {
        if (parser.push(chunk.value).length > 0) onChanged()
      }
    } catch {
      if (signal.aborted) return
    }
    onLive(false)
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, retry_ms)
      signal.addEventListener('abort', () => (clearTimeout(timer), resolve()), { once: true })
    })
    retry_ms = Math.min(retry_ms * 2, RETRY_MS_MAX)
  }
}
