import { Alert, Anchor, Button, Drawer, Group, Modal, Progress, Text, TextInput } from '@mantine/core'
import { useInfiniteQuery, useMutation, useQuery } from '@tanstack/react-query'
import { Link, useNavigate, useSearch } from '@tanstack/react-router'
import { useMemo, useRef, useState } from 'react'
import { callJson } from '../api/client'
import type { AuditRecord, Page as Listed } from '../api/pending'
import { save } from '../events/lake'
import { Empty } from '../feedback/empty'
import { Loading } from '../feedback/loading'
import { ProblemNote } from '../feedback/problem-note'
import { JsonView } from '../json/json-view'
import { Page } from '../layout/page'
import { principalName, useNameOf } from '../people/people'
import { useMay } from '../session/use-session'
import { count } from '../time/format'
import { Instant } from '../time/instant'
import classes from './audit.module.css'
import { makePack } from './pack'
import { canVerify, knownKey, verifyGrowth, verifyRecord, type Check, type Inclusion } from './verify'

const FIELDS = ['object', 'principal', 'action'] as const
const ROWS = 200

/** Who did what, and the proof that nothing of it was altered, made here in the reader's browser. */
export function AuditPage() {
  const search = useSearch({ strict: false }) as Record<string, string>
  const navigate = useNavigate()
  const filter = useMemo(
    () => Object.fromEntries(FIELDS.flatMap((name) => (search[name] ? [[name, search[name]]] : []))),
    [search],
  )
  const [opened, setOpened] = useState<AuditRecord | null>(null)
  const list = useInfiniteQuery({
    queryKey: ['audit', filter],
    queryFn: ({ pageParam, signal }) =>
      callJson<Listed<AuditRecord>>('GET', '/api/v1/audit', {
        query: { ...filter, limit: ROWS, after: pageParam },
        signal,
      }),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (last) => last.next ?? undefined,
  })
  const records = list.data?.pages.flatMap((page) => page.items) ?? []
  return (
    <Page
      title="Audit"
      about="Who did what, when and why, in a signed tree: nothing can be altered, left out or put in unseen."
      tools={<PackButton object={search.object ?? ''} />}
    >
      <Growth />
      <Search
        key={JSON.stringify(filter)}
        filter={filter}
        onChange={(next) => void navigate({ to: '/audit', search: next, replace: true })}
      />
      {list.isPending ? <Loading lines={10} /> : null}
      {list.isError ? <ProblemNote error={list.error} what="The audit log" retry={() => void list.refetch()} /> : null}
      {list.data && records.length === 0 ? (
        <Empty title="No such records">
          An object is an id (<code>inc_…</code>, <code>tok_…</code>, a rule, a source), a principal a person’s, token’s
          or program’s, an action its whole name, such as <code>incident.assign</code>.
        </Empty>
      ) : null}
      {records.length > 0 ? <Records records={records} onOpen={setOpened} /> : null}
      {list.hasNextPage ? (
        <Button variant="subtle" loading={list.isFetchingNextPage} onClick={() => void list.fetchNextPage()}>
          {count(records.length)} loaded: load more
        </Button>
      ) : null}
      <Drawer opened={opened !== null} onClose={() => setOpened(null)} position="right" size="lg" title="Audit record">
        {opened ? <Record key={opened.id} record={opened} /> : null}
      </Drawer>
    </Page>
  )
}

function Search({
  filter,
  onChange,
}: {
  filter: Record<string, string>
  onChange: (filter: Record<string, string>) => void
}) {
  const [typed, setTyped] = useState(filter)
  const submit = (event: React.FormEvent) => {
    event.preventDefault()
    onChange(Object.fromEntries(Object.entries(typed).filter(([, value]) => value.trim())))
  }
  const field = (name: (typeof FIELDS)[number], label: string, placeholder: string) => (
    <TextInput
      label={label}
      placeholder={placeholder}
      value={typed[name] ?? ''}
      onChange={(event) => setTyped({ ...typed, [name]: event.currentTarget.value })}
    />
  )
  return (
    <form onSubmit={submit} className={classes.search} role="search">
      {field('object', 'Object', 'inc_01…')}
      {field('principal', 'Who', 'tok_01…')}
      {field('action', 'Action', 'incident.assign')}
      <Button type="submit">Search</Button>
      {Object.keys(filter).length > 0 ? (
        <Button variant="default" onClick={() => onChange({})}>
          All
        </Button>
      ) : null}
    </form>
  )
}

function Records({ records, onOpen }: { records: AuditRecord[]; onOpen: (record: AuditRecord) => void }) {
  const name = useNameOf()
  return (
    <div className="panel scroll-x" tabIndex={0} role="region" aria-label="Records">
      <table className="table">
        <thead>
          <tr>
            <th>When</th>
            <th>Who</th>
            <th>Action</th>
            <th>Object</th>
            <th>What changed</th>
          </tr>
        </thead>
        <tbody>
          {records.map((record) => (
            <tr key={record.id}>
              <td className="nowrap">
                <Instant ms={record.at_ms} />
              </td>
              <td className="nowrap">{actor(record, name)}</td>
              <td>
                <button type="button" className="text-button nowrap" onClick={() => onOpen(record)}>
                  {record.action}
                </button>
              </td>
              <td className="mono nowrap">
                {record.object.startsWith('inc_') && !record.withheld ? (
                  <Anchor
                    size="sm"
                    renderRoot={(props) => <Link {...props} to="/incidents/$id" params={{ id: record.object }} />}
                  >
                    {record.object}
                  </Anchor>
                ) : isWithheld(record, 'object') ? (
                  <span className="dim">withheld</span>
                ) : (
                  record.object
                )}
              </td>
              <td className={classes.change} title={isWithheld(record, 'after') ? WITHHELD : summary(record)}>
                {isWithheld(record, 'after') ? <span className="dim">{WITHHELD}</span> : summary(record)}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  )
}

/** Said in place of values, so that nobody takes them for empty. */
const WITHHELD = 'withheld: you may not see this incident'

function isWithheld(record: AuditRecord, name: string): boolean {
  return record.withheld === true && (record.withheld_values ?? ['before', 'after', 'reason', 'origin']).includes(name)
}

/** Who; where that was withheld, too, that. */
function actor(record: AuditRecord, name: (id: string) => string): React.ReactNode {
  if (isWithheld(record, 'principal')) return <span className="dim">withheld</span>
  return principalName(record.principal, name)
}

function summary(record: AuditRecord): string {
  const after = (record.after ?? {}) as Record<string, unknown>
  return Object.entries(after)
    .map(([field, value]) => `${field}: ${typeof value === 'string' ? value : JSON.stringify(value)}`)
    .join(', ')
}

function Record({ record }: { record: AuditRecord }) {
  const name = useNameOf()
  return (
    <>
      <dl className={classes.facts}>
        <dt>Action</dt>
        <dd>{record.action}</dd>
        <dt>When</dt>
        <dd>
          <Instant ms={record.at_ms} />
        </dd>
        <dt>Who</dt>
        <dd>{actor(record, name)}</dd>
        <dt>Object</dt>
        <dd className="mono wrap">
          {isWithheld(record, 'object') ? <span className="dim">withheld</span> : record.object}
        </dd>
        <dt>Why</dt>
        <dd>
          {record.reason ?? <span className="dim">{isWithheld(record, 'reason') ? 'withheld' : 'not said'}</span>}
        </dd>
        <dt>From</dt>
        <dd>{record.origin ?? <span className="dim">{isWithheld(record, 'origin') ? 'withheld' : 'here'}</span>}</dd>
      </dl>
      {record.withheld ? (
        <Alert mt="sm" variant="light" color="gray" title="Its values are withheld">
          It is about an incident that you may not see. That the record is there, unaltered and in its place can be
          verified all the same.
        </Alert>
      ) : null}
      <VerifyRecord record={record} />
      <Text fw={600} mt="md" mb={4}>
        The record
      </Text>
      <JsonView value={record} label="The record" />
    </>
  )
}

function VerifyRecord({ record }: { record: AuditRecord }) {
  const verify = useMutation({
    mutationFn: async () => {
      const { key, check } = await knownKey()
      const proof = await callJson<Inclusion>('GET', `/api/v1/audit/${record.id}/proof`)
      return [check, ...(await verifyRecord(record, proof, key))]
    },
  })
  return (
    <>
      <Button mt="sm" loading={verify.isPending} disabled={!canVerify()} onClick={() => verify.mutate()}>
        Verify here
      </Button>
      {canVerify() ? null : <CannotVerify />}
      {verify.isError ? <ProblemNote error={verify.error} what="Verifying" /> : null}
      {verify.data ? <Checks checks={verify.data} /> : null}
    </>
  )
}

function CannotVerify() {
  return (
    <Text className="dim">
      Browsers check signatures over HTTPS or on this machine only. Elsewhere: huecry audit verify.
    </Text>
  )
}

const MARKS = { good: '✓', bad: '✗', new: '•' }

function Checks({ checks }: { checks: Check[] }) {
  const bad = checks.some((check) => check.outcome === 'bad')
  return (
    <Alert
      mt="sm"
      variant="light"
      color={bad ? 'red' : 'indigo'}
      title={bad ? 'This does not hold' : 'Verified in this browser'}
      role="status"
      data-testid="checks"
      data-outcome={bad ? 'bad' : 'good'}
    >
      <ul className={classes.checks}>
        {checks.map((check) => (
          <li key={check.what} data-outcome={check.outcome}>
            <b>
              {MARKS[check.outcome]} {check.what}
            </b>{' '}
            <span className="wrap">{check.detail}</span>
          </li>
        ))}
      </ul>
      {bad ? (
        <Text mt="xs">
          Keep this page, change nothing, and run <code>huecry audit verify</code> on a copy of the log.
        </Text>
      ) : null}
    </Alert>
  )
}

/** Each visit compares the log with what this browser remembers of it. */
function Growth() {
  const growth = useQuery({
    queryKey: ['audit-growth'],
    queryFn: async () => {
      const { key, check } = await knownKey()
      return [check, ...(await verifyGrowth(key))]
    },
    enabled: canVerify(),
    staleTime: Number.POSITIVE_INFINITY,
    retry: false,
  })
  if (!canVerify()) return <CannotVerify />
  if (growth.isError) return <ProblemNote error={growth.error} what="The signed log" />
  if (!growth.data) return null
  if (growth.data.some((check) => check.outcome === 'bad')) return <Checks checks={growth.data} />
  return (
    <details className={classes.growth} data-testid="growth">
      <summary>✓ The log is signed, and only grew since this browser last looked</summary>
      <Checks checks={growth.data} />
    </details>
  )
}

function PackButton({ object }: { object: string }) {
  const [opened, setOpened] = useState(false)
  const may = useMay('audit:write')
  if (!may) return null
  return (
    <>
      <Button variant="default" onClick={() => setOpened(true)}>
        Evidence pack…
      </Button>
      <Modal opened={opened} onClose={() => setOpened(false)} title="Evidence pack">
        <PackForm initial={object} />
      </Modal>
    </>
  )
}

function PackForm({ initial }: { initial: string }) {
  const [object, setObject] = useState(initial)
  const [reason, setReason] = useState('')
  const [step, setStep] = useState<{ words: string; done: number } | null>(null)
  const end = useRef<AbortController>(null)
  const make = useMutation({
    mutationFn: async () => {
      end.current = new AbortController()
      return makePack(object.trim(), reason.trim(), (words, done) => setStep({ words, done }), end.current.signal)
    },
    onSuccess: (blob) => save(blob, `${object.trim()}.zip`),
    onSettled: () => setStep(null),
  })
  return (
    <>
      <Text mb="sm">
        Everything known of one object, in a zip: its audit records, the proof of each, the signed state, incident,
        findings and comments, a page to read, and a verifier. Others check it without this server.
      </Text>
      <TextInput
        label="About"
        placeholder="inc_01…"
        data-autofocus
        value={object}
        onChange={(event) => setObject(event.currentTarget.value)}
      />
      <TextInput
        mt="sm"
        label="For whom or what (recorded)"
        value={reason}
        onChange={(event) => setReason(event.currentTarget.value)}
      />
      {step ? (
        <>
          <Progress mt="md" value={step.done * 100} aria-label="Progress" />
          <Text className="dim" role="status">
            {step.words}
          </Text>
        </>
      ) : null}
      {make.isError ? <ProblemNote error={make.error} what="The pack" /> : null}
      {make.isSuccess ? (
        <Text mt="sm" role="status">
          {object.trim()}.zip is among your downloads. Check it: huecry audit verify {object.trim()}.zip
        </Text>
      ) : null}
      <Group justify="flex-end" mt="md">
        <Button disabled={!object.trim() || !canVerify()} loading={make.isPending} onClick={() => make.mutate()}>
          Make the pack
        </Button>
      </Group>
    </>
  )
}
