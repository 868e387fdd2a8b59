import { Button, Checkbox, Drawer, Menu, SegmentedControl, Select, Text, TextInput } from '@mantine/core'
import { IconColumns } from '@tabler/icons-react'
import { keepPreviousData, useQuery } from '@tanstack/react-query'
import { useNavigate, useSearch } from '@tanstack/react-router'
import { lazy, Suspense, useMemo, useState } from 'react'
import { Empty } from '../feedback/empty'
import { Loading } from '../feedback/loading'
import { ProblemNote } from '../feedback/problem-note'
import { Page } from '../layout/page'
import { count, shortInstant } from '../time/format'
import { EventDetail } from './event-detail'
import { ExportMenu } from './export-menu'
import { ask, cellText } from './lake'
import {
  COLUMNS,
  COLUMNS_DEFAULT,
  EMPTY,
  RANGES,
  ROWS_MAX,
  histogramOf,
  readQuestion,
  rowsOf,
  spanOf,
  writeQuestion,
  type Question,
  type Span,
} from './question'
import { ResultTable } from './result-table'
import { SqlPane } from './sql-pane'
import classes from './events.module.css'

const Histogram = lazy(() => import('./histogram'))
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

function storedColumns(): string[] {
  const stored = localStorage
    .getItem(COLUMNS_KEY)
    ?.split(',')
    .filter((name) => (COLUMNS as readonly string[]).includes(name))
  return stored && stored.length > 0 ? stored : COLUMNS_DEFAULT
}

function Explorer() {
  const search = useSearch({ strict: false })
  const question = useMemo(() => readQuestion(search), [search])
  const navigate = useNavigate()
  const set = (change: Partial<Question>) =>
    void navigate({ to: '/events', search: writeQuestion({ ...question, ...change }), replace: true })
  const [columns, setColumns] = useState(storedColumns)
  const [opened, setOpened] = useState<string | null>(null)
  // the time of the question, not of each drawing: the answer belongs to one span
  const [asked_ms, setAsked] = useState(() => Date.now())
  const asked = useMemo(() => rowsOf(question, columns, asked_ms), [question, columns, asked_ms])
  const rows = useQuery({
    queryKey: ['events', asked],
    queryFn: ({ signal }) => ask(asked, signal, ROWS_MAX),
    placeholderData: keepPreviousData,
    staleTime: Number.POSITIVE_INFINITY,
  })
  const choose = (names: string[]) => {
    setColumns(names)
    localStorage.setItem(COLUMNS_KEY, names.join(','))
  }
  return (
    <>
      <Filters
        key={JSON.stringify(question)}
        question={question}
        onChange={set}
        onAgain={() => setAsked(Date.now())}
        busy={rows.isFetching}
      />
      <Bars
        question={question}
        asked_ms={asked_ms}
        onZoom={({ from_ms, until_ms }) => set({ range: `${String(from_ms)}~${String(until_ms)}` })}
      />
      <div className={classes.bar}>
        <Text className="dim" role="status">
          {rows.data
            ? `${count(rows.data.rows.length)}${rows.data.rows.length >= ROWS_MAX ? ' newest' : ''} events`
            : ''}
        </Text>
        <span className={classes.spacer} />
        <ColumnMenu columns={columns} onChange={choose} />
        <ExportMenu asked={rows.data ? rowsOf(question, columns, asked_ms, 100_000) : null} />
      </div>
      {rows.isPending ? <Loading lines={10} /> : null}
      {rows.isError ? <ProblemNote error={rows.error} what="The question" retry={() => void rows.refetch()} /> : null}
      {rows.data && !rows.isError ? (
        rows.data.rows.length === 0 ? (
          <Empty title="No such events">
            Widen the time, or leave a filter out. If nothing comes in at all, look at{' '}
            <a href="/settings/sources">sources</a> and at <a href="/dead-letters">dead letters</a>.
          </Empty>
        ) : (
          <ResultTable
            answer={rows.data}
            hidden={columns.includes('event_id') ? [] : ['event_id']}
            onOpen={setOpened}
          />
        )
      ) : null}
      <Drawer opened={opened !== null} onClose={() => setOpened(null)} position="right" size="xl" title="Event">
        {opened ? <EventDetail id={opened} /> : null}
      </Drawer>
    </>
  )
}

interface FiltersProps {
  question: Question
  onChange: (change: Partial<Question>) => void
  onAgain: () => void
  busy: boolean
}

function Filters({ question, onChange, onAgain, busy }: FiltersProps) {
  const choices = useChoices()
  const [typed, setTyped] = useState({ actor: question.actor, address: question.address, text: question.text })
  const submit = (event: React.FormEvent) => {
    event.preventDefault()
    const changed = (Object.keys(typed) as (keyof typeof typed)[]).some((key) => typed[key].trim() !== question[key])
    if (changed) onChange({ actor: typed.actor.trim(), address: typed.address.trim(), text: typed.text.trim() })
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
      {field('text', 'Text in the record', 'slower: reads whole records')}
      <Button type="submit" loading={busy}>
        Ask
      </Button>
      {question.event ? (
        <Button variant="default" onClick={() => onChange({ event: '' })}>
          Event {question.event.slice(0, 8)}… ✕
        </Button>
      ) : null}
    </form>
  )
}

function useChoices() {
  const found = useQuery({
    queryKey: ['event-choices'],
    queryFn: ({ signal }) =>
      ask({ sql: 'SELECT DISTINCT source, class_name FROM events ORDER BY 1, 2', parameters: [] }, signal, 2_000),
    staleTime: 300_000,
  })
  const of = (column: number) =>
    [...new Set(found.data?.rows.map((row) => cellText(row[column])) ?? [])].filter(Boolean)
  return { sources: of(0), classes: of(1) }
}

function Bars({ question, asked_ms, onZoom }: { question: Question; asked_ms: number; onZoom: (span: Span) => void }) {
  const asked = useMemo(() => histogramOf(question, asked_ms), [question, asked_ms])
  const span = useMemo(() => spanOf(question.range, asked_ms), [question.range, asked_ms])
  const bars = useQuery({
    queryKey: ['histogram', asked],
    queryFn: async ({ signal }) => {
      const answer = await ask(asked, signal)
      return answer.rows.map((row) => [Date.parse(cellText(row[0])), Number(row[1])] as const)
    },
    placeholderData: keepPreviousData,
    staleTime: Number.POSITIVE_INFINITY,
  })
  if (bars.isError) return null
  return (
    <div className={`panel ${classes.bars ?? ''}`}>
      <Suspense fallback={null}>
        <Histogram bars={bars.data ?? []} step_ms={asked.step_ms} span={span} onZoom={onZoom} />
      </Suspense>
    </div>
  )
}

function ColumnMenu({ columns, onChange }: { columns: string[]; onChange: (columns: string[]) => void }) {
  const toggle = (name: string) =>
    onChange(
      columns.includes(name)
        ? columns.filter((each) => each !== name)
        : COLUMNS.filter((each) => each === name || columns.includes(each)),
    )
  return (
    <Menu closeOnItemClick={false} position="bottom-end">
      <Menu.Target>
        <Button variant="default" leftSection={<IconColumns size={15} />}>
          Columns
        </Button>
      </Menu.Target>
      <Menu.Dropdown mah={360} className={classes.menu}>
        {COLUMNS.map((name) => (
          <Menu.Item
            key={name}
            onClick={() => toggle(name)}
            role="menuitemcheckbox"
            aria-checked={columns.includes(name)}
          >
            <Checkbox
              component="span"
              label={name}
              checked={columns.includes(name)}
              readOnly
              tabIndex={-1}
              aria-hidden
            />
          </Menu.Item>
        ))}
      </Menu.Dropdown>
    </Menu>
  )
}
