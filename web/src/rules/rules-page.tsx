import { Alert, Badge, Button, SegmentedControl, TextInput } from '@mantine/core'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { Link, useNavigate, useSearch } from '@tanstack/react-router'
import { useVirtualizer } from '@tanstack/react-virtual'
import { useMemo, useRef, useState } from 'react'
import { api, unwrap } from '../api/client'
import { Empty } from '../feedback/empty'
import { Loading } from '../feedback/loading'
import { noticeDone, noticeError } from '../feedback/notices'
import { ProblemNote } from '../feedback/problem-note'
import { Page } from '../layout/page'
import { useMay } from '../session/use-session'
import { SeverityMark } from '../severity/severity-mark'
import { count } from '../time/format'
import { Instant } from '../time/instant'
import classes from './rules.module.css'
import { countOf, rulesOf, SHOWN, SHOWN_WORDS, type RuleState, type Shown } from './shown'
import { rulesQuery } from './titles'

const ROW_PX = 46

/** What detects: which rules run, which matched when, and which never did. */
export function RulesPage() {
  const search = useSearch({ strict: false }) as Record<string, string>
  const navigate = useNavigate()
  const book = useQuery(rulesQuery)
  const [text, setText] = useState('')
  const shown = SHOWN.find((each) => each === search.show) ?? 'all'
  const rules = useMemo(() => rulesOf(book.data?.loaded ?? [], shown, text), [book.data, shown, text])
  const loaded = book.data?.loaded ?? []
  return (
    <Page
      title="Rules"
      about={
        book.data ? (
          <>
            {count(loaded.length)} rules, set <code>{book.data.rule_set}</code>, loaded{' '}
            <Instant ms={book.data.loaded_at_ms} />
          </>
        ) : null
      }
      tools={<Reload />}
    >
      {book.isPending ? <Loading lines={10} /> : null}
      {book.isError ? <ProblemNote error={book.error} what="Rules" retry={() => void book.refetch()} /> : null}
      {book.data ? (
        <>
          <Faults refused={book.data.refused} expired={book.data.expired_filters} />
          <div className={classes.bar}>
            <div className="scroll-x">
              <SegmentedControl
                aria-label="Which rules"
                value={shown}
                onChange={(show) =>
                  void navigate({ to: '/rules', search: show === 'all' ? {} : { show }, replace: true })
                }
                data={SHOWN.map((value) => ({
                  value,
                  label: `${SHOWN_WORDS[value]} · ${count(countOf(loaded, value))}`,
                }))}
              />
            </div>
            <TextInput
              aria-label="Search rules"
              placeholder="Title, file, id"
              value={text}
              onChange={(event) => setText(event.currentTarget.value)}
            />
          </div>
          {rules.length === 0 ? <Nothing shown={shown} /> : <List rules={rules} />}
        </>
      ) : null}
    </Page>
  )
}

function Nothing({ shown }: { shown: Shown }) {
  return (
    <Empty title="No such rules">
      {shown === 'failing'
        ? 'Every rule passed its own tests when it was loaded.'
        : 'Rules are Sigma files in the folders that the configuration names; those that come along are on by default.'}
    </Empty>
  )
}

function List({ rules }: { rules: RuleState[] }) {
  const scroller = useRef<HTMLDivElement>(null)
  const rows = useVirtualizer({
    count: rules.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => ROW_PX,
    overscan: 10,
  })
  return (
    <div
      className={classes.list}
      ref={scroller}
      role="table"
      aria-label="Rules"
      aria-rowcount={rules.length + 1}
      tabIndex={0}
    >
      <div role="rowgroup" className={classes.head}>
        <div role="row" className={classes.row}>
          <span role="columnheader">Level</span>
          <span role="columnheader">Rule</span>
          <span role="columnheader">Stage</span>
          <span role="columnheader">Tests</span>
          <span role="columnheader">Matches</span>
          <span role="columnheader">Last matched</span>
        </div>
      </div>
      <div role="rowgroup" className={classes.body} style={{ height: rows.getTotalSize() }}>
        {rows.getVirtualItems().map((item) => {
          const rule = rules[item.index]
          return rule ? <Row key={rule.id} rule={rule} index={item.index} top={item.start} /> : null
        })}
      </div>
    </div>
  )
}

function Row({ rule, index, top }: { rule: RuleState; index: number; top: number }) {
  return (
    <div
      role="row"
      aria-rowindex={index + 2}
      className={classes.row}
      style={{ position: 'absolute', transform: `translateY(${String(top)}px)` }}
    >
      <span role="cell">
        <SeverityMark severity={rule.level} />
      </span>
      <span role="cell" className={classes.what}>
        <Link to="/rules/$id" params={{ id: rule.id }}>
          {rule.title}
        </Link>
        <span className="dim">{rule.file.replace('builtin:', '')}</span>
      </span>
      <span role="cell">
        <StageBadge rule={rule} />
      </span>
      <span role="cell">{rule.tests === 'passed' ? 'passed' : <b>{rule.tests}</b>}</span>
      <span role="cell" className={classes.count}>
        {count(rule.matches)}
      </span>
      <span role="cell" className={classes.when}>
        {rule.last_match_ms ? <Instant ms={rule.last_match_ms} /> : <span className="dim">never</span>}
      </span>
    </div>
  )
}

export function StageBadge({ rule }: { rule: RuleState }) {
  return (
    <Badge color={rule.stage === 'active' ? 'gray' : 'indigo'} title={rule.stage_reason}>
      {rule.stage}
      {rule.stage === rule.decided_stage ? '' : ` (decided: ${rule.decided_stage})`}
    </Badge>
  )
}

interface FaultsProps {
  refused: { file: string; line?: number | null; reason: string }[]
  expired: { file: string; line: number; expires: string }[]
}

function Faults({ refused, expired }: FaultsProps) {
  if (refused.length + expired.length === 0) return null
  return (
    <Alert
      color="red"
      variant="light"
      mb="md"
      title={`${count(refused.length + expired.length)} documents are not in force`}
    >
      <ul className={classes.faults}>
        {refused.map((fault) => (
          <li key={`${fault.file}:${String(fault.line)}`}>
            <code>
              {fault.file}
              {fault.line ? `:${String(fault.line)}` : ''}
            </code>{' '}
            {fault.reason}
          </li>
        ))}
        {expired.map((filter) => (
          <li key={`${filter.file}:${String(filter.line)}`}>
            <code>{filter.file}</code> a filter that expired on {filter.expires}
          </li>
        ))}
      </ul>
    </Alert>
  )
}

function Reload() {
  const client = useQueryClient()
  const may = useMay('rules:write')
  const reload = useMutation({
    mutationFn: () => unwrap(api.POST('/api/v1/rules/reload')),
    onSuccess: (done) => {
      noticeDone(
        done.changed
          ? `Loaded: ${String(done.added.length)} new, ${String(done.altered.length)} changed, ${String(done.removed.length)} gone`
          : 'Nothing had changed',
      )
      void client.invalidateQueries({ queryKey: ['rules'] })
    },
    onError: (error) => noticeError('The rules were not loaded again', error),
  })
  if (!may) return null
  return (
    <Button variant="default" loading={reload.isPending} onClick={() => reload.mutate()}>
      Load again
    </Button>
  )
}
