import { Button, Group, Select, Text, Textarea } from '@mantine/core'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useDeferredValue, useRef, useState } from 'react'
import { ApiError } from '../api/problem'
import { noticeDone } from '../feedback/notices'
import { ProblemNote } from '../feedback/problem-note'
import { searchIncidents } from '../incident/search'
import { useKeys } from '../layout/keys'
import { decideReport, type WholeReport } from '../report/api'
import {
  EMPTY,
  KIND_WORDS,
  KINDS,
  missingIn,
  reasonsFor,
  severitiesFor,
  templatesFor,
  toDecision,
  withKind,
  type Draft,
  type Kind,
} from './decision'
import classes from './moderation.module.css'
import { reportsChanged, usePolicy, useTemplates } from './reports'

const DONE: Record<Kind, string> = {
  accept: 'Accepted; it becomes part of an incident',
  merge: 'Joined with the incident',
  ask: 'The question is on the receipt',
  decline: 'Declined; the reporter may appeal',
}

/** Accept, merge, ask or decline, with keys, and on to the next one. */
export function DecisionForm({ report, onNext }: { report: WholeReport; onNext: () => void }) {
  const client = useQueryClient()
  const reasons = usePolicy().data?.reasons ?? []
  const templates = useTemplates(true)
  const [draft, setDraft] = useState<Draft>(EMPTY)
  const [fault, setFault] = useState('')
  const note = useRef<HTMLTextAreaElement>(null)
  const decide = useMutation({
    mutationFn: ({ kind }: { kind: Kind; next: boolean }) =>
      decideReport(report.id, toDecision({ ...draft, kind }), report.version),
    onSuccess: (whole, { kind, next }) => {
      noticeDone(DONE[kind])
      client.setQueryData(['report', report.id], whole)
      if (next) onNext()
      reportsChanged(client)
    },
    onError: (error) => {
      if (error instanceof ApiError && [409, 412].includes(error.status)) reportsChanged(client)
    },
  })
  const choose = (kind: Kind) => {
    setDraft((before) => withKind(before, kind, reasons, templates))
    setFault('')
    // what is decided needs a word first; the list before it is reached with Shift-Tab
    requestAnimationFrame(() => note.current?.focus())
  }
  const submit = (next: boolean) => {
    const missing = missingIn(draft)
    setFault(missing ?? '')
    if (missing === null && draft.kind && !decide.isPending) decide.mutate({ kind: draft.kind, next })
  }
  useKeys({
    a: () => choose('accept'),
    m: () => choose('merge'),
    s: () => choose('ask'),
    d: () => choose('decline'),
    'mod+Enter': () => submit(true),
  })
  const press = (event: React.KeyboardEvent) => {
    if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) {
      event.preventDefault()
      submit(true)
    }
    if (event.key === 'Escape' && event.target instanceof HTMLElement) event.target.blur()
  }
  const put = (change: Partial<Draft>) => setDraft((before) => ({ ...before, ...change }))
  return (
    <section aria-label="Decide" className={classes.decide} onKeyDown={press}>
      <div className={classes.kinds} role="group" aria-label="What becomes of it">
        {KINDS.map((kind) => (
          <button key={kind} type="button" aria-pressed={draft.kind === kind} onClick={() => choose(kind)}>
            <b>{KIND_WORDS[kind].word}</b> <kbd>{KIND_WORDS[kind].key}</kbd>
          </button>
        ))}
      </div>
      {draft.kind ? (
        <>
          <Text className="dim">{KIND_WORDS[draft.kind].about}</Text>
          <Choices draft={draft} kind={draft.kind} report={report} put={put} />
          <Textarea
            ref={note}
            label={draft.kind === 'ask' ? 'Question to the reporter' : 'Note to the reporter'}
            description="It stands on the receipt. Your name does not."
            autosize
            minRows={2}
            maxRows={8}
            value={draft.note}
            onChange={(event) => put({ note: event.currentTarget.value, template: null })}
          />
          {draft.kind === 'ask' ? null : (
            <Textarea
              label="What others may learn (optional)"
              description="For the next digest, without names; somebody reads it before it is published."
              autosize
              minRows={1}
              maxRows={4}
              value={draft.lesson}
              onChange={(event) => put({ lesson: event.currentTarget.value })}
            />
          )}
        </>
      ) : null}
      <Text role="status" c="var(--mantine-color-error)" fw={600}>
        {fault}
      </Text>
      {decide.isError ? <Refused error={decide.error} /> : null}
      <Group gap="xs">
        <Button onClick={() => submit(true)} loading={decide.isPending}>
          Submit &amp; next <kbd className={classes.onButton}>Ctrl ↵</kbd>
        </Button>
        <Button variant="default" onClick={() => submit(false)} disabled={decide.isPending}>
          Submit
        </Button>
      </Group>
    </section>
  )
}

function Refused({ error }: { error: unknown }) {
  if (error instanceof ApiError && (error.code === 'report_decided' || [409, 412].includes(error.status))) {
    return (
      <Text role="alert">
        <b>Somebody else was faster.</b> What stands here is loaded anew; your decision was not made.
      </Text>
    )
  }
  return <ProblemNote error={error} what="It was not decided" />
}

interface ChoicesProps {
  draft: Draft
  kind: Kind
  report: WholeReport
  put: (change: Partial<Draft>) => void
}

/** What a kind of decision needs beside a note. */
function Choices({ draft, kind, report, put }: ChoicesProps) {
  const reasons = reasonsFor(kind, usePolicy().data?.reasons ?? [])
  const templates = templatesFor(kind, useTemplates(true))
  return (
    <div className={classes.choices}>
      {kind === 'merge' ? <IncidentSelect draft={draft} report={report} put={put} /> : null}
      {kind === 'accept' ? (
        <Select
          label="Severity"
          placeholder="As the form says"
          clearable
          clearButtonProps={{ 'aria-label': 'As the form says' }}
          description={
            report.reporter?.kind === 'anonymous' ? 'An anonymous report alone raises medium at most.' : undefined
          }
          value={draft.severity}
          data={[...severitiesFor(report.reporter?.kind)]}
          onChange={(severity) => put({ severity })}
        />
      ) : null}
      {kind !== 'ask' && reasons.length > 0 ? (
        <Select
          label="Reason"
          placeholder="Choose the reason"
          value={draft.reason}
          data={reasons.map(({ id, title, counts_against }) => ({
            value: id,
            label: counts_against ? `${title} (counts against the reporter)` : title,
          }))}
          onChange={(reason) => put({ reason })}
        />
      ) : null}
      {templates.length > 0 ? (
        <Select
          label="Template"
          placeholder="Write it with a template"
          value={draft.template}
          data={templates.map(({ id, title }) => ({ value: id, label: title }))}
          onChange={(id) => {
            const text = templates.find((template) => template.id === id)?.text
            put(text === undefined ? { template: null } : { template: id, note: text })
          }}
        />
      ) : null}
    </div>
  )
}

/** The related ones at once, any other by a search. */
function IncidentSelect({ draft, report, put }: Omit<ChoicesProps, 'kind'>) {
  const [text, setText] = useState('')
  const late = useDeferredValue(text.trim())
  const found = useQuery({
    queryKey: ['palette', late],
    queryFn: ({ signal }) => searchIncidents(late, signal),
    enabled: late.length >= 3,
    retry: false,
  })
  const known = new Map((report.related ?? []).map(({ id, title }) => [id, title]))
  for (const { id, title } of found.data ?? []) known.set(id, title)
  return (
    <Select
      label="Incident"
      placeholder="Related ones, or search"
      searchable
      value={draft.incident}
      data={[...known].map(([value, label]) => ({ value, label: `${label} (…${value.slice(-6)})` }))}
      // the server searched already
      filter={({ options }) => options}
      nothingFoundMessage={found.isFetching ? 'Searching…' : 'None found'}
      onSearchChange={setText}
      onChange={(incident) => put({ incident })}
    />
  )
}
