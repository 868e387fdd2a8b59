import { Button, Drawer, Menu, SegmentedControl, Select, Text, TextInput } from '@mantine/core'
import { IconColumns, IconLink } from '@tabler/icons-react'
import { keepPreviousData, useInfiniteQuery, useQuery } from '@tanstack/react-query'
import { Link, useNavigate, useSearch } from '@tanstack/react-router'
import { lazy, Suspense, useCallback, useMemo, useState } from 'react'
import { Empty } from '../feedback/empty'
import { Loading } from '../feedback/loading'
import { noticeDone, noticeError } from '../feedback/notices'
import { ProblemNote } from '../feedback/problem-note'
import { Page } from '../layout/page'
import { count, shortInstant } from '../time/format'
import { EventDetail } from './event-detail'
import { ExportMenu, type ExportKind } from './export-menu'
import { ask, cellText } from './lake'
import {
  askedOf,
  COLUMNS,
  COLUMNS_DEFAULT,
  EMPTY,
  knownColumns,
  RANGES,
  readQuestion,
  spanOf,
  writeQuestion,
  type Question,
} from './question'
import { ResultTable, type ShownColumn } from './result-table'
import { allRows, askEvents, readable, toCsv, toNdjson, type EventRow, type EventsPage as EventsAnswer } from './rows'
import { SqlPane } from './sql-pane'
import classes from './events.module.css'

const Histogram = lazy(() => import('./histogram'))
/** Chosen columns stay chosen in this browser. */
const COLUMNS_KEY = 'huecry.columns'

/** Every event that came in: by filters, or in SQL. */
export function EventsPage() {
  const search = useSearch({ strict: false }) as Record<string, string>
  const navigate = useNavigate()
  const as = search.sql === undefined ? 'filters' : 'sql'
  const setAs = (next: string) =>
    void navigate({ to: '/events', search: next === 'sql' ? { sql: search.sql ?? '' } : {} })
  return (
    <Page
      title="Events"
      about="Every event that came in, with the record it was made from."
      tools={
        <SegmentedControl
          value={as}
          onChange={setAs}
          data={[
            { value: 'filters', label: 'Filters' },
            { value: 'sql', label: 'SQL' },
          ]}
          aria-label="Ask by"
        />
      }
    >
      {as === 'sql' ? <SqlPane initial={search.sql ?? ''} /> : <Explorer />}
    </Page>
  )
}

function Explorer() {
  const search = useSearch({ strict: false }) as Record<string, string>
  const question = useMemo(() => readQuestion(search), [search])
  const navigate = useNavigate()
  const go = (next: Record<string, string>) => void navigate({ to: '/events', search: next, replace: true })
  const set = (change: Partial<Question>) => go(writeQuestion({ ...question, ...change }))
  const [columns, setColumns] = useState(() => knownColumns(localStorage.getItem(COLUMNS_KEY)))
  // the time of the question, not of each drawing: the answer belongs to one span
  const [asked_ms, setAsked] = useState(() => Date.now())
  const asked = useMemo(() => askedOf(question, asked_ms), [question, asked_ms])
  const list = useInfiniteQuery({
    queryKey: ['events', asked],
    queryFn: ({ pageParam, signal }) => askEvents(asked, pageParam, signal),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (last) => last.next ?? undefined,
    placeholderData: keepPreviousData,
    staleTime: Number.POSITIVE_INFINITY,
    structuralSharing: false,
  })
  const rows = useMemo(() => list.data?.pages.flatMap((page) => page.items) ?? [], [list.data])
  const choose = (names: readonly string[]) => {
    setColumns(names)
    localStorage.setItem(COLUMNS_KEY, names.join(','))
  }
  const first = list.data?.pages[0]
  const open = (row: EventRow | null) =>
    go({
      ...writeQuestion(question),
      ...(row ? { event: cellText(row.event_id), at: cellText(row.time_ms) } : {}),
    })
  const { fetchNextPage, hasNextPage, isFetchingNextPage, isPlaceholderData } = list
  const more = useCallback(() => void fetchNextPage(), [fetchNextPage])
  return (
    <>
      <Filters
        key={JSON.stringify(question)}
        question={question}
        onChange={set}
        onAgain={() => setAsked(Date.now())}
        busy={list.isFetching && !isFetchingNextPage}
      />
      <div className={`panel ${classes.bars ?? ''}`}>
        <Suspense fallback={null}>
          <Histogram
            buckets={first?.buckets ?? NO_BUCKETS}
            step_ms={first?.bucket_ms ?? 0}
            span={question.range === 'all' || !first ? null : first}
            onZoom={({ from_ms, until_ms }) => set({ range: `${String(from_ms)}~${String(until_ms)}` })}
          />
        </Suspense>
      </div>
      <div className={classes.bar}>
        <Text className="dim" role="status">
          {list.isError ? '' : first ? told(first.total, rows.length) : 'Asking'}
          {first?.masked ? '; personal values are masked' : ''}
        </Text>
        <span className={classes.spacer} />
        <ColumnMenu columns={columns} onChange={choose} />
        <Share question={question} asked_ms={asked_ms} event={search.event} at={search.at} />
        <ExportMenu kinds={exportsOf(asked, columns)} ready={rows.length > 0} />
      </div>
      {list.isPending ? <Loading lines={10} /> : null}
      {list.isError ? <ProblemNote error={list.error} what="The question" retry={() => void list.refetch()} /> : null}
      {first && !list.isError ? (
        rows.length === 0 ? (
          <NoEvents narrowed={Object.keys(writeQuestion({ ...question, range: EMPTY.range })).length > 0} onSet={set} />
        ) : (
          <ResultTable
            label="Events"
            columns={shownOf(columns)}
            rows={rows}
            keyOf={(row) => cellText(row.event_id)}
            openedKey={search.event ?? null}
            onOpen={open}
            onEnd={hasNextPage && !isFetchingNextPage && !isPlaceholderData ? more : undefined}
          />
        )
      ) : null}
      <Drawer
        opened={search.event !== undefined}
        onClose={() => open(null)}
        position="right"
        size="xl"
        title={<b>Event</b>}
      >
        {search.event ? (
          <EventDetail id={search.event} at_ms={search.at ? Number(search.at) || null : null} onFilter={set} />
        ) : null}
      </Drawer>
    </>
  )
}

const NO_BUCKETS: EventsAnswer['buckets'] = []

function told(total: number | null | undefined, loaded: number): string {
  if (total === null || total === undefined) return `${count(loaded)} events loaded`
  if (total === 1) return '1 event'
  return loaded < total ? `${count(total)} events, the latest ${count(loaded)} loaded` : `${count(total)} events`
}

function shownOf(columns: readonly string[]): ShownColumn<EventRow>[] {
  return COLUMNS.filter(({ name }) => columns.includes(name)).map(({ name, title }) => ({
    key: name,
    title,
    about: `${name === 'time_ms' ? 'time' : name} in SQL`,
    kind: name === 'time_ms' ? 'time' : 'text',
    of: (row) => (name === 'time_ms' ? row.time_ms : readable(name, row[name])),
  }))
}

/** Of all that fits the filters, with the columns that are shown. */
function exportsOf(asked: Record<string, string | number>, columns: readonly string[]): ExportKind[] {
  const make =
    (write: typeof toCsv, type: string): ExportKind['make'] =>
    async (onProgress, signal) => {
      const { rows, truncated } = await allRows(asked, (loaded) => onProgress(`${count(loaded)} rows so far`), signal)
      const note = truncated ? `Only the latest ${count(rows.length)}; SQL exports more` : undefined
      return { blob: new Blob([write(rows, columns)], { type }), note }
    }
  return [
    { word: 'CSV', ending: 'csv', make: make(toCsv, 'text/csv') },
    { word: 'JSON lines', ending: 'ndjson', make: make(toNdjson, 'application/x-ndjson') },
  ]
}

function NoEvents({ narrowed, onSet }: { narrowed: boolean; onSet: (change: Partial<Question>) => void }) {
  return (
    <Empty
      title="No such events"
      action={
        <>
          <Button variant="default" onClick={() => onSet({ range: '30d' })}>
            Look at 30 days
          </Button>
          {narrowed ? (
            <Button variant="default" onClick={() => onSet({ ...EMPTY, range: '30d' })}>
              Without filters
            </Button>
          ) : null}
        </>
      }
    >
      Nothing fits in this time. If nothing comes in at all, look at{' '}
      <Link to="/settings/$section" params={{ section: 'sources' }}>
        sources
      </Link>{' '}
      and at <Link to="/dead-letters">dead letters</Link>.
    </Empty>
  )
}

/** A link that shows others the same: its time is fixed, since “the last hour” is another hour for them. */
function Share({ question, asked_ms, event, at }: ShareProps) {
  const copy = async () => {
    const span = spanOf(question.range, asked_ms)
    const range = span ? `${String(span.from_ms)}~${String(span.until_ms)}` : question.range
    const search = new URLSearchParams(writeQuestion({ ...question, range }))
    if (event) search.set('event', event)
    if (event && at) search.set('at', at)
    try {
      await navigator.clipboard.writeText(`${location.origin}/events?${search.toString()}`)
      noticeDone('The link is copied; its time is fixed')
    } catch (error) {
      noticeError('The browser does not let this page copy; the address above shows the same', error)
    }
  }
  return (
    <Button variant="default" leftSection={<IconLink size={15} />} onClick={() => void copy()}>
      Copy link
    </Button>
  )
}

interface ShareProps {
  question: Question
  asked_ms: number
  event: string | undefined
  at: string | undefined
}

interface FiltersProps {
  question: Question
  onChange: (change: Partial<Question>) => void
  onAgain: () => void
  busy: boolean
}

function Filters({ question, onChange, onAgain, busy }: FiltersProps) {
  const choices = useChoices()
  const { actor, address, service, text } = question
  const [typed, setTyped] = useState({ actor, address, service, text })
  const submit = (event: React.FormEvent) => {
    event.preventDefault()
    const changed = (Object.keys(typed) as (keyof typeof typed)[]).some((key) => typed[key].trim() !== question[key])
    const trimmed = Object.fromEntries(Object.entries(typed).map(([key, value]) => [key, value.trim()]))
    if (changed) onChange(trimmed)
    else onAgain()
  }
  const span = spanOf(question.range, 0)
  const custom = question.range.includes('~') && span
  const ranges: { value: string; label: string }[] = RANGES.map(({ value, label }) => ({ value, label }))
  if (custom)
    ranges.unshift({
      value: question.range,
      label: `${shortInstant(span.from_ms, Date.now())} – ${shortInstant(span.until_ms, Date.now())}`,
    })
  const field = (name: keyof typeof typed, label: string, placeholder: string) => (
    <TextInput
      label={label}
      placeholder={placeholder}
      value={typed[name]}
      onChange={(event) => setTyped({ ...typed, [name]: event.currentTarget.value })}
    />
  )
  return (
    <form onSubmit={submit} className={classes.filters}>
      <Select
        label="Time"
        data={ranges}
        value={question.range}
        allowDeselect={false}
        onChange={(range) => onChange({ range: range ?? EMPTY.range })}
      />
      <Select
        label="Source"
        data={choices.sources}
        value={question.source || null}
        clearable
        searchable
        placeholder="any"
        clearButtonProps={{ 'aria-label': 'Any source' }}
        onChange={(source) => onChange({ source: source ?? '' })}
      />
      <Select
        label="Class"
        data={choices.classes}
        value={question.cls || null}
        clearable
        searchable
        placeholder="any"
        clearButtonProps={{ 'aria-label': 'Any class' }}
        onChange={(cls) => onChange({ cls: cls ?? '' })}
      />
      {field('actor', 'Actor', 'name, id or address')}
      {field('address', 'Address', '203.0.113.7')}
      {field('service', 'Service', 'any')}
      {field('text', 'Text in the record', 'slower: reads all of it')}
      <Button type="submit" loading={busy}>
        Ask
      </Button>
      {Object.keys(writeQuestion(question)).length > 0 ? (
        <Button variant="default" onClick={() => onChange(EMPTY)}>
          Clear
        </Button>
      ) : null}
    </form>
  )
}

const CHOICES_SQL = `SELECT DISTINCT source, class_name FROM events
WHERE time > now() - interval '30 days' ORDER BY 1, 2`

function useChoices() {
  const found = useQuery({
    queryKey: ['event-choices'],
    queryFn: ({ signal }) => ask({ sql: CHOICES_SQL, parameters: [] }, signal, 2_000),
    staleTime: 300_000,
  })
  const of = (column: number) =>
    [...new Set(found.data?.rows.map((row) => cellText(row[column])) ?? [])].filter(Boolean)
  return { sources: of(0), classes: of(1) }
}

function ColumnMenu({
  columns,
  onChange,
}: {
  columns: readonly string[]
  onChange: (names: readonly string[]) => void
}) {
  const toggle = (name: string) =>
    onChange(
      columns.includes(name)
        ? columns.length > 1
          ? columns.filter((each) => each !== name)
          : columns
        : COLUMNS.map((each) => each.name).filter((each) => each === name || columns.includes(each)),
    )
  return (
    <Menu closeOnItemClick={false} position="bottom-end">
      <Menu.Target>
        <Button variant="default" leftSection={<IconColumns size={15} />}>
          Columns
        </Button>
      </Menu.Target>
      <Menu.Dropdown mah={360} className={classes.menu}>
        {COLUMNS.map(({ name, title }) => (
          <Menu.CheckboxItem key={name} checked={columns.includes(name)} onChange={() => toggle(name)}>
            {title}
          </Menu.CheckboxItem>
        ))}
        <Menu.Divider />
        <Menu.Item onClick={() => onChange(COLUMNS_DEFAULT)}>As at first</Menu.Item>
      </Menu.Dropdown>
    </Menu>
  )
}
