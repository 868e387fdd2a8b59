import { useId } from 'react'
import { ApiError } from '../api/problem'
import { shortInstant, utc } from '../time/format'
import classes from './controls.module.css'

type ButtonProps = React.ComponentProps<'button'> & { tone?: 'main' | 'plain' | 'quiet'; busy?: boolean }

export function Button({ tone = 'plain', busy = false, children, ...props }: ButtonProps) {
  return (
    <button type="button" {...props} className={classes.button} data-tone={tone} aria-disabled={busy || undefined}>
      {busy ? <span className={classes.spinner} aria-hidden /> : null}
      {children}
    </button>
  )
}

interface FieldProps {
  id: string
  label: string
  required?: boolean
  help?: React.ReactNode
  error?: string
  /** Beside the label. */
  mark?: React.ReactNode
  children: (described: {
    id: string
    'aria-describedby': string | undefined
    'aria-invalid': boolean
  }) => React.ReactNode
}

/** A label, what helps to fill it in, what is wrong with it, and the control. */
export function Field({ id, label, required = false, help, error, mark, children }: FieldProps) {
  const helpId = `${id}-help`
  const errorId = `${id}-error`
  const described = [help ? helpId : '', error ? errorId : ''].filter(Boolean).join(' ') || undefined
  return (
    <div className={classes.field} data-bad={error ? true : undefined}>
      <label htmlFor={id} className={classes.label}>
        {label} {required ? null : <span className="dim">(optional)</span>} {mark}
      </label>
      {help ? (
        <div id={helpId} className={classes.help}>
          {help}
        </div>
      ) : null}
      {error ? (
        <div id={errorId} className={classes.error}>
          {error}
        </div>
      ) : null}
      {children({ id, 'aria-describedby': described, 'aria-invalid': Boolean(error) })}
    </div>
  )
}

type Tone = 'plain' | 'good' | 'warn' | 'bad'

interface NoteProps {
  tone?: Tone
  title?: React.ReactNode
  /** Said at once (`alert`), when there is time (`status`), or only when it is read. */
  says?: 'alert' | 'status'
  children?: React.ReactNode
  ref?: React.Ref<HTMLDivElement>
}

export function Note({ tone = 'plain', title, says, children, ref }: NoteProps) {
  return (
    <div className={classes.note} data-tone={tone} role={says} ref={ref} tabIndex={ref ? -1 : undefined}>
      {title ? <div className={classes.noteTitle}>{title}</div> : null}
      {children}
    </div>
  )
}

/** What went wrong, in the server's words, and what to do. */
export function Problem({ error, what, retry }: { error: unknown; what: string; retry?: () => void }) {
  const problem = error instanceof ApiError ? error : null
  return (
    <Note tone="bad" says="alert" title={problem ? `${what}: ${problem.title}` : what}>
      <p className="wrap">{problem ? problem.detail : ownWords(error)}</p>
      {problem?.hint ? <p>{problem.hint}.</p> : null}
      {problem?.requestId ? <p className="dim mono wrap">{problem.requestId}</p> : null}
      {retry ? <Button onClick={retry}>Try again</Button> : null}
    </Note>
  )
}

/** What the page itself could not do: mask a text, or load a part of itself. */
function ownWords(error: unknown): string {
  if (error instanceof Error && 'code' in error) return error.message
  return 'A part of this page could not be loaded. Look whether you are online, then try again.'
}

export function Waiting({ what }: { what: string }) {
  return (
    <p role="status" aria-label={`Loading ${what}`} className={classes.waiting}>
      <span className={classes.spinner} aria-hidden /> Loading {what}
    </p>
  )
}

/** A moment, for the reader's zone. */
export function When({ at }: { at: string }) {
  const ms = Date.parse(at)
  if (Number.isNaN(ms)) return <span>{at}</span>
  return (
    <time dateTime={at} title={utc(ms)}>
      {shortInstant(ms, Date.now())}
    </time>
  )
}

/** Something of the page that is a part of its own. */
export function Card({
  title,
  children,
  tools,
}: {
  title: string
  children: React.ReactNode
  tools?: React.ReactNode
}) {
  const id = useId()
  return (
    <section className={classes.card} aria-labelledby={id}>
      <div className={classes.cardHead}>
        <h2 id={id}>{title}</h2>
        {tools}
      </div>
      {children}
    </section>
  )
}
