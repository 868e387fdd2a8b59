import { useDeferredValue, useEffect, useMemo, useState } from 'react'
import { Button, Field, Problem } from '../guest/controls'
import type { Masker } from '../privacy/mask'
import { foundIn, loadMasker } from './masking'
import { KeepOut, MaskingPreview } from './masking-preview'
import classes from './report.module.css'

interface Props {
  id: string
  label: string
  help?: string
  action: string
  /** Gets the text masked; resolves when it was sent. */
  onSend: (text: string) => Promise<void>
  what: string
  focused?: boolean
}

/** A text to send; it is masked here, as the form's texts are. */
export function MaskedBox({ id, label, help, action, onSend, what, focused }: Props) {
  const [text, setText] = useState('')
  const [masker, setMasker] = useState<Masker | null>(null)
  const [error, setError] = useState<unknown>(null)
  const [fault, setFault] = useState('')
  const [busy, setBusy] = useState(false)
  const late = useDeferredValue(text)
  const masked = useMemo(() => {
    try {
      return masker?.mask(late) ?? null
    } catch {
      return null
    }
  }, [masker, late])
  useEffect(() => {
    if (focused) document.getElementById(id)?.focus()
  }, [focused, id])
  const submit = async (event: React.FormEvent) => {
    event.preventDefault()
    if (busy) return
    setError(null)
    if (text.trim() === '') {
      setFault('Write something first')
      document.getElementById(id)?.focus()
      return
    }
    setBusy(true)
    try {
      const ready = await loadMasker()
      await onSend(ready.mask(text.trim()).text)
      setText('')
    } catch (cause) {
      setError(cause)
    } finally {
      setBusy(false)
    }
  }
  const found = masked ? foundIn([masked]) : []
  return (
    <form className={classes.form} noValidate onSubmit={(event) => void submit(event)}>
      <div>
        <Field id={id} label={label} required help={help} error={fault}>
          {(described) => (
            <textarea
              {...described}
              data-short
              rows={3}
              value={text}
              onFocus={() => void loadMasker().then(setMasker, setError)}
              onChange={(event) => {
                setText(event.currentTarget.value)
                setFault('')
              }}
            />
          )}
        </Field>
        {masked && found.length > 0 ? <MaskingPreview masked={masked} label="Before it is sent:" /> : null}
        <div className={classes.masking} role="status">
          <KeepOut found={found} />
        </div>
      </div>
      {error ? <Problem error={error} what={what} /> : null}
      <div>
        <Button type="submit" tone="main" busy={busy}>
          {action}
        </Button>
      </div>
    </form>
  )
}
