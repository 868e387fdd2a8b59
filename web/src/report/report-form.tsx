import { useQuery } from '@tanstack/react-query'
import { useDeferredValue, useEffect, useMemo, useRef, useState } from 'react'
import type { FieldFault } from '../api/problem'
import { Button, Note, Problem, When } from '../guest/controls'
import type { Visitor } from '../guest/visitor'
import type { Masker } from '../privacy/mask'
import { findRelated, type CheckedLink, type Form, type FormField, type ReportContext } from './api'
import { deleteDraft, isSentByItself, saveDraft, type Draft } from './draft'
import { fieldId, FormFieldControl } from './form-field'
import { foundWords, loadMasker } from './masking'
import { KeepOut } from './masking-preview'
import { contextWord, intoForm } from './prefill'
import { RelatedList } from './related-list'
import classes from './report.module.css'
import { draftOf, faultsAfter, useRetry, useSending, type Sending, type Written } from './sending'
import { useSettled } from './settled'
import { forbiddenIn, gistOf, inOrder, maskForm, progressOf, type MaskedForm, type Typing, type Values } from './values'

export interface Start {
  type: string
  values: Values
  /** What the address brought along, for whichever form is chosen. */
  brought: { values: Values; context: ReportContext }
  context: ReportContext
  link?: string
  draft: Draft | null
}

interface Props {
  forms: Form[]
  start: Start
  /** Who is signed in. */
  person: Visitor | null
  signed: CheckedLink | null
  onDeleted: () => void
}

const SAVE_WAIT_MS = 800
const RELATED_WAIT_MS = 500
const GIST_CHARS_MIN = 12

/** The form: three questions at most, the rest if one likes. */
export function ReportForm({ forms, start, person, signed, onDeleted }: Props) {
  const [type, setType] = useState(start.type)
  const [values, setValues] = useState(start.values)
  const [context, setContext] = useState(start.context)
  const [typing, setTyping] = useState<Typing | null>(null)
  // a draft stays without a name if it was without one
  const [chosen, setChosen] = useState(start.draft !== null && start.draft.by === undefined)
  const [addTo, setAddTo] = useState(start.draft?.add_to ?? null)
  const [touched, setTouched] = useState(false)
  const form = forms.find((each) => each.type === type) ?? forms[0]!
  const by = person === null || chosen ? null : person.id
  const resumes = start.draft !== null && isSentByItself(start.draft, person?.id ?? null)
  const maskedBefore = start.draft?.masked ?? 0
  const written: Written = { form, values, context, link: start.link, maskedBefore }
  const { masker, error: maskerError } = useMasker()
  const masked = useMasked(masker, form, values, context)
  const { sending, send, reset } = useSending(written, by, resumes ? start.draft?.waiting : undefined)
  const related = useRelated(masker, written, typing, by === null)
  // what is being sent is kept by who sends it, with the key that it is sent under
  const isKept = touched && sending.state !== 'busy' && sending.state !== 'waiting'
  const saved = useDraft(written, masked, isKept, { by, addTo })
  const submit = () => void send(addTo)
  useRetry(sending, submit)
  useResumed(resumes, submit)

  const change = (name: string, value: string, at: Typing) => {
    setValues((before) => ({ ...before, [name]: value }))
    setTyping(at)
    setTouched(true)
    if (sending.state === 'waiting' || sending.state === 'failed') reset()
  }
  const choose = (next: string) => {
    const other = forms.find((each) => each.type === next)
    if (other) setValues((before) => ({ ...intoForm(other, start.brought, new Date()), ...before }))
    setType(next)
    setAddTo(null)
    reset()
  }
  const add = (reference: string) => {
    setAddTo(reference)
    void send(reference)
  }
  const remove = () => {
    deleteDraft()
    onDeleted()
  }
  const faults = faultsAfter(sending, form, values)
  const { required, optional } = inOrder(form)
  const control = (field: FormField) => (
    <FormFieldControl
      key={`${form.type} ${field.name}`}
      field={field}
      required={required.includes(field)}
      value={values[field.name] ?? ''}
      error={faults.find((fault) => fault.field === field.name)?.message}
      masked={masked?.byField[field.name]}
      brought={values[field.name] !== undefined && values[field.name] === start.values[field.name]}
      masker={masker}
      anonymous={by === null}
      onChange={(value, at) => change(field.name, value, at)}
    />
  )
  return (
    <form
      className={classes.form}
      noValidate
      onSubmit={(event) => {
        event.preventDefault()
        submit()
      }}
    >
      {start.draft ? <DraftNote from={start.draft.saved_at_ms} onDelete={remove} /> : null}
      {signed ? <SignedNote signed={signed} /> : null}
      <FormChoice forms={forms} chosen={form} onChoose={choose} />
      {form.warning ? (
        <Note tone="warn">
          <p>{form.warning}</p>
        </Note>
      ) : null}
      <ErrorSummary form={form} faults={faults} of={sending} />
      <div className={classes.questions}>{required.map(control)}</div>
      <Forbidden form={form} values={values} />
      <RelatedList
        items={related}
        chosen={addTo}
        busy={sending.state === 'busy'}
        onAdd={add}
        onApart={() => setAddTo(null)}
      />
      {optional.length > 0 ? (
        <details className={classes.more} open={optional.some(({ name }) => faults.some((f) => f.field === name))}>
          <summary>More, if you know it ({optional.length})</summary>
          <div className={classes.questions}>{optional.map(control)}</div>
        </details>
      ) : null}
      <ContextList form={form} context={context} onChange={setContext} />
      <MaskingSummary masked={masked} error={maskerError} before={maskedBefore} />
      {person !== null ? (
        <AnonymousSwitch
          person={person.name}
          chosen={chosen}
          onChoose={(anonymous) => {
            setChosen(anonymous)
            // what was found with a name could tell it
            setAddTo(null)
          }}
        />
      ) : null}
      <SendBar form={form} values={values} sending={sending} />
      {(saved || sending.state === 'waiting') && !start.draft ? <DraftNote onDelete={remove} /> : null}
    </form>
  )
}

function useMasker(): { masker: Masker | null; error: unknown } {
  const [masker, setMasker] = useState<Masker | null>(null)
  const [error, setError] = useState<unknown>(null)
  useEffect(() => {
    let gone = false
    loadMasker().then(
      (loaded) => gone || setMasker(loaded),
      (cause: unknown) => gone || setError(cause),
    )
    return () => {
      gone = true
    }
  }, [])
  return { masker, error }
}

/** The form as it would be sent now; nothing where it cannot be masked. */
function useMasked(masker: Masker | null, form: Form, values: Values, context: ReportContext): MaskedForm | null {
  const late = useDeferredValue(values)
  return useMemo(() => {
    try {
      return masker && maskForm(masker, form, late, context)
    } catch {
      return null
    }
  }, [masker, form, late, context])
}

/** Open matters like it, asked for with what is masked and settled only. */
function useRelated(masker: Masker | null, written: Written, typing: Typing | null, anonymous: boolean) {
  const { form, values } = written
  // looked at when somebody pauses, not at each key; the caret always with the text that it stands in
  const now = useMemo(() => ({ values, typing }), [values, typing])
  const paused = useSettled(now, RELATED_WAIT_MS)
  const text = useMemo(() => {
    try {
      return masker ? gistOf(masker, form, paused.values, paused.typing) : ''
    } catch {
      return ''
    }
  }, [masker, form, paused])
  const service = useSettled((values.service ?? '').trim(), RELATED_WAIT_MS)
  const isPlain = masker !== null && service !== '' && masker.mask(service).spans.length === 0
  const found = useQuery({
    queryKey: ['related', form.type, isPlain ? service : '', text, anonymous],
    queryFn: ({ signal }) =>
      findRelated({ form: form.type, service: isPlain ? service : undefined, text }, { anonymous, signal }),
    enabled: text.length >= GIST_CHARS_MIN,
    placeholderData: (before) => before,
    retry: false,
  })
  return text.length >= GIST_CHARS_MIN ? (found.data?.items ?? []).slice(0, 3) : []
}

/** Keeps what was written so far, masked, in this browser. */
function useDraft(
  written: Written,
  masked: MaskedForm | null,
  enabled: boolean,
  more: { by: string | null; addTo: string | null },
): boolean {
  const [saved, setSaved] = useState(false)
  const settled = useSettled(masked, SAVE_WAIT_MS)
  useEffect(() => {
    if (!enabled || !settled || settled !== masked) return
    if (Object.values(settled.values).every((value) => value.trim() === '')) return
    setSaved(saveDraft(draftOf(written, more, settled)))
    // only what was masked anew is kept anew
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, [settled, enabled])
  return saved
}

/** A draft that waited for the network is sent when the page is opened again. */
function useResumed(resumes: boolean, send: () => void): void {
  const begun = useRef(false)
  useEffect(() => {
    if (!resumes || begun.current) return
    begun.current = true
    send()
    // once, when the page is opened
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, [])
}

function DraftNote({ from, onDelete }: { from?: number; onDelete: () => void }) {
  return (
    <div className={classes.draft}>
      <span role="status">
        Saved on this device, masked, not sent yet
        {from === undefined ? null : (
          <>
            {' '}
            · from <When at={new Date(from).toISOString()} />
          </>
        )}
      </span>
      <Button tone="quiet" onClick={onDelete}>
        Delete it
      </Button>
    </div>
  )
}

function SignedNote({ signed }: { signed: CheckedLink }) {
  return (
    <Note title={signed.service ? `You came by a link of ${signed.service}` : 'You came by a signed link'}>
      <p className="dim">
        It filled in what it knows, and is valid until <When at={signed.expires_at} />.
      </p>
    </Note>
  )
}

function FormChoice({ forms, chosen, onChoose }: { forms: Form[]; chosen: Form; onChoose: (type: string) => void }) {
  return (
    <fieldset className={classes.choice}>
      <legend>What is it about?</legend>
      <div className={classes.chips}>
        {forms.map(({ type, title }) => (
          <label key={type} className={classes.chip}>
            <input type="radio" name="form" checked={type === chosen.type} onChange={() => onChoose(type)} />
            <span>{title}</span>
          </label>
        ))}
      </div>
      <p className="dim">{chosen.description}</p>
    </fieldset>
  )
}

/** What does not belong into the report, where the text seems to be about it. */
function Forbidden({ form, values }: { form: Form; values: Values }) {
  const late = useDeferredValue(values)
  const messages = useMemo(() => forbiddenIn(form, late), [form, late])
  return (
    <div role="status" className={classes.forbidden}>
      {messages.map((message) => (
        <Note key={message} tone="bad" title="Please look again before you send">
          <p>{message}</p>
        </Note>
      ))}
    </div>
  )
}

/** What to mend, with a way to each; it takes the focus when sending was tried. */
function ErrorSummary({ form, faults, of }: { form: Form; faults: readonly FieldFault[]; of: Sending }) {
  const box = useRef<HTMLDivElement>(null)
  useEffect(() => {
    if (of.state === 'refused') box.current?.focus()
  }, [of])
  if (of.state === 'failed') return <Problem error={of.error} what="It was not sent" />
  if (faults.length === 0) return null
  const go = (event: React.MouseEvent, name: string) => {
    event.preventDefault()
    document.getElementById(fieldId(name))?.focus()
  }
  const names = new Set(form.fields.map(({ name }) => name))
  return (
    <Note
      ref={box}
      tone="bad"
      says="alert"
      title={
        faults.length === 1 ? 'One thing is missing or wrong' : `${String(faults.length)} things are missing or wrong`
      }
    >
      <ul className={classes.faults}>
        {faults.map(({ field, message }) => (
          <li key={`${field} ${message}`}>
            {names.has(field) ? (
              <a href={`#${fieldId(field)}`} onClick={(event) => go(event, field)}>
                {message}
              </a>
            ) : (
              message
            )}
          </li>
        ))}
      </ul>
    </Note>
  )
}

/** What else is sent along, such as the commit that a link named. */
function ContextList({ form, context, onChange }: ContextProps) {
  const asked = new Set(form.fields.map(({ name, prefill }) => prefill ?? name))
  const rest = Object.entries(context).filter(([name, value]) => !asked.has(name) && value)
  if (rest.length === 0) return null
  const without = (name: string) =>
    onChange(Object.fromEntries(Object.entries(context).filter(([each]) => each !== name)))
  return (
    <section aria-label="Sent along" className={classes.context}>
      <h2>Sent along</h2>
      <ul>
        {rest.map(([name, value]) => (
          <li key={name}>
            <span className="dim">{contextWord(name)}</span>
            <span className="mono wrap">{value}</span>
            <Button tone="quiet" onClick={() => without(name)} aria-label={`Leave out: ${contextWord(name)}`}>
              Leave out
            </Button>
          </li>
        ))}
      </ul>
    </section>
  )
}

interface ContextProps {
  form: Form
  context: ReportContext
  onChange: (context: ReportContext) => void
}

function MaskingSummary({ masked, error, before }: { masked: MaskedForm | null; error: unknown; before: number }) {
  if (error) {
    return <Problem error={error} what="Masking could not be loaded, so nothing can be sent" />
  }
  const found = masked?.found ?? []
  return (
    <div className={classes.masking}>
      <p role="status">
        {found.length > 0
          ? `Replaced on this device before it is sent: ${foundWords(found)}.`
          : before > 0
            ? 'The draft was masked before it was kept.'
            : 'Nothing personal or secret was found so far. Masking is good, not perfect: leave such things out.'}
      </p>
      <KeepOut found={found} />
    </div>
  )
}

function AnonymousSwitch({ person, chosen, onChoose }: AnonymousProps) {
  return (
    <label className={classes.anonymous}>
      <input
        type="checkbox"
        role="switch"
        checked={chosen}
        onChange={(event) => onChoose(event.currentTarget.checked)}
      />
      <span>
        <b>Without my name</b>
        <br />
        <span className="dim">
          {chosen
            ? 'It is sent without your session. Nobody here can tell that it was you; keep the receipt’s link.'
            : `You report as ${person}. Your name is shown to those who decide.`}
        </span>
      </span>
    </label>
  )
}

interface AnonymousProps {
  person: string
  chosen: boolean
  onChoose: (chosen: boolean) => void
}

function SendBar({ form, values, sending }: { form: Form; values: Values; sending: Sending }) {
  const { done, of } = progressOf(form, values)
  return (
    <div className={classes.send}>
      <div className={classes.progress}>
        <progress max={of} value={done} aria-label="Needed answers" />
        <span className="dim">
          {done} of {of} needed {of === 1 ? 'answer' : 'answers'}
        </span>
      </div>
      {sending.state === 'waiting' ? (
        <Note
          tone="warn"
          says="status"
          title={sending.why === 'offline' ? 'Not sent yet: no connection' : 'Not sent yet'}
        >
          <p>
            It is saved on this device and is sent by itself as soon as{' '}
            {sending.why === 'offline' ? 'the server can be reached' : 'the server has room'}, also when you open this
            page again.
          </p>
        </Note>
      ) : null}
      <Button type="submit" tone="main" busy={sending.state === 'busy'}>
        {sending.state === 'busy' ? 'Sending…' : sending.state === 'waiting' ? 'Try now' : 'Send the report'}
      </Button>
      <p className="dim">
        You get a receipt that shows what becomes of it. Files can be added there.{' '}
        <a href="/policy">How it is decided</a>
      </p>
    </div>
  )
}
