import { useEffect, useEffectEvent, useRef, useState } from 'react'
import { ApiError, type FieldFault } from '../api/problem'
import { goTo } from '../guest/address'
import { handOver } from '../receipt/secret'
import { submitReport, type Form, type ReportContext } from './api'
import { deleteDraft, saveDraft, SendingKey, type Draft } from './draft'
import { loadMasker } from './masking'
import { faultsOf, maskForm, toReport, type Values } from './values'

/** All that somebody has put together. */
export interface Written {
  form: Form
  values: Values
  context: ReportContext
  link?: string
  /** How much was replaced before a draft was taken up again. */
  maskedBefore: number
}

export type Sending =
  | { state: 'idle' }
  | { state: 'busy' }
  /** The server cannot be reached or is busy; it is tried again. */
  | { state: 'waiting'; why: 'offline' | 'busy' }
  /** By the server, for what was written then; or here already, where `faults` are told anew at each change. */
  | { state: 'refused'; by: 'server'; faults: readonly FieldFault[]; values: Values }
  | { state: 'refused'; by: 'here' }
  | { state: 'failed'; error: unknown }

const RETRY_MS = 15_000

export function draftOf(
  written: Written,
  more: { by: string | null; addTo: string | null },
  masked: MaskedPart,
): Draft {
  return {
    form: written.form.type,
    values: masked.values,
    context: masked.context,
    link: written.link,
    by: more.by ?? undefined,
    add_to: more.addTo ?? undefined,
    masked: masked.count + written.maskedBefore,
    saved_at_ms: Date.now(),
  }
}

type MaskedPart = Pick<ReturnType<typeof maskForm>, 'values' | 'context' | 'count'>

/** Whether it is worth trying again by itself. */
function isPassing(error: unknown): error is ApiError {
  return error instanceof ApiError && [0, 429, 502, 503, 504].includes(error.status)
}

/** With whose name it is sent: a person's id, or `null` for requests without anything that says who it is. */
type By = string | null

/** Masks, sends, waits for the network, and goes on to the receipt. */
export function useSending(written: Written, by: By, waiting: Draft['waiting']) {
  const [sending, setSending] = useState<Sending>({ state: 'idle' })
  const keys = useRef(new SendingKey())
  const resumed = useRef(waiting)
  const under = useRef(false)

  const send = async (addTo: string | null): Promise<void> => {
    if (under.current) return
    if (faultsOf(written.form, written.values).length > 0) return setSending({ state: 'refused', by: 'here' })
    under.current = true
    setSending({ state: 'busy' })
    try {
      const masker = await loadMasker()
      const masked = maskForm(masker, written.form, written.values, written.context)
      const total = { ...masked, count: masked.count + written.maskedBefore }
      const body = toReport(written.form, total, {
        link: written.link,
        addTo: addTo ?? undefined,
        anonymous: by === null,
      })
      const text = JSON.stringify(body)
      if (resumed.current) keys.current.resume(text, resumed.current.key)
      resumed.current = undefined
      const key = keys.current.for(text)
      // kept before it is sent: what is lost on the way is not lost here
      const draft = draftOf(written, { by, addTo }, masked)
      saveDraft({ ...draft, waiting: { key } })
      try {
        const sent = await submitReport(body, key, { anonymous: by === null })
        deleteDraft()
        handOver(sent.receipt.secret, { masked: { count: body.client_masked, kinds: sent.masked.kinds } })
        goTo('/receipt')
      } catch (error) {
        if (!isPassing(error)) saveDraft(draft)
        throw error
      }
    } catch (error) {
      if (isPassing(error)) setSending({ state: 'waiting', why: error.status === 0 ? 'offline' : 'busy' })
      else if (error instanceof ApiError && error.faults.length > 0) {
        setSending({ state: 'refused', by: 'server', faults: error.faults, values: written.values })
      } else setSending({ state: 'failed', error })
    } finally {
      under.current = false
    }
  }
  return { sending, send, reset: () => setSending({ state: 'idle' }) }
}

/** What is wrong still, after sending was refused. */
export function faultsAfter(sending: Sending, form: Form, values: Values): readonly FieldFault[] {
  if (sending.state !== 'refused') return []
  if (sending.by === 'here') return faultsOf(form, values)
  return sending.faults.filter(({ field }) => values[field] === sending.values[field])
}

/** Tries again when the browser is online again, and now and then. */
export function useRetry(sending: Sending, send: () => void): void {
  const again = useEffectEvent(send)
  const waits = sending.state === 'waiting'
  useEffect(() => {
    if (!waits) return
    const listen = () => again()
    window.addEventListener('online', listen)
    const timer = setInterval(listen, RETRY_MS)
    return () => {
      window.removeEventListener('online', listen)
      clearInterval(timer)
    }
  }, [waits])
}
