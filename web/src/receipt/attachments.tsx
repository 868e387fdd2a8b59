import { useState } from 'react'
import { ApiError } from '../api/problem'
import { Card } from '../guest/controls'
import { attachFile, type Receipt } from '../report/api'
import { loadMasker } from '../report/masking'
import { bytes } from '../time/format'
import { withReceipt } from './opened'
import classes from './receipt.module.css'

const FILES_MAX = 5
const FILE_BYTES_MAX = 10 * 1024 * 1024

interface Upload {
  name: string
  state: 'sending' | 'failed'
  why?: string
}

const STATES: Record<string, string> = { stored: 'kept', removed: 'removed by the team' }

/** Files to a report: pictures, logs, the mail in question. */
export function Attachments({ receipt, again }: { receipt: Receipt; again: () => void }) {
  const [uploads, setUploads] = useState<Upload[]>([])
  const room = FILES_MAX - receipt.attachments.filter(({ state }) => state === 'stored').length
  const send = async (files: readonly File[]) => {
    const masker = await loadMasker()
    for (const [index, file] of files.entries()) {
      const name = masker.mask(file.name).text
      const put = (upload: Upload | null) =>
        setUploads((before) => [...before.filter((each) => each.name !== name), ...(upload ? [upload] : [])])
      if (index >= room) put({ name, state: 'failed', why: `at most ${String(FILES_MAX)} files a report` })
      else if (file.size > FILE_BYTES_MAX) put({ name, state: 'failed', why: `at most ${bytes(FILE_BYTES_MAX)} each` })
      else {
        put({ name, state: 'sending' })
        try {
          await withReceipt((report) => attachFile(report, file, name))
          put(null)
          again()
        } catch (error) {
          const problem = error instanceof ApiError ? error : null
          put({
            name,
            state: 'failed',
            why: [problem?.detail ?? String(error), problem?.hint].filter(Boolean).join('; '),
          })
        }
      }
    }
  }
  return (
    <Card title="Files">
      <p className="dim">
        Pictures, logs, the mail in question: up to {FILES_MAX}, {bytes(FILE_BYTES_MAX)} each. The inside of files is
        not masked, so look through them first; where and with what a picture was taken is removed.
      </p>
      <ul className={classes.files} aria-live="polite">
        {receipt.attachments.map(({ id, name, bytes: size, media_type, state }) => (
          <li key={id}>
            <b className="wrap">{name}</b>{' '}
            <span className="dim">
              {bytes(size)} · {media_type} · {STATES[state] ?? state}
            </span>
          </li>
        ))}
        {uploads.map(({ name, state, why }) => (
          <li key={name} data-bad={state === 'failed' || undefined}>
            <b className="wrap">{name}</b>{' '}
            <span>{state === 'sending' ? 'is being sent…' : `was not taken: ${why ?? ''}`}</span>
          </li>
        ))}
      </ul>
      {room > 0 && receipt.state !== 'withdrawn' ? (
        <label className={classes.pick}>
          <span>Add files</span>
          <input
            type="file"
            multiple
            onChange={(event) => {
              void send([...(event.currentTarget.files ?? [])])
              event.currentTarget.value = ''
            }}
          />
        </label>
      ) : null}
    </Card>
  )
}
