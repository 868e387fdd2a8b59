import { ActionIcon, Button, CloseButton, Select, TextInput, Tooltip } from '@mantine/core'
import { useDebouncedCallback, useMediaQuery } from '@mantine/hooks'
import { IconArrowLeft, IconFileText, IconRefresh, IconSearch } from '@tabler/icons-react'
import { keepPreviousData, useInfiniteQuery } from '@tanstack/react-query'
import { Link, useNavigate, useSearch } from '@tanstack/react-router'
import { useEffect, useMemo, useRef, useState } from 'react'
import { Empty } from '../feedback/empty'
import { Loading } from '../feedback/loading'
import { ProblemNote } from '../feedback/problem-note'
import { useKeys } from '../layout/keys'
import { listReports } from '../report/api'
import { stateWord } from '../report/words'
import { useMay } from '../session/use-session'
import { count } from '../time/format'
import { nextAfter } from './decision'
import { countOf, DEFAULTS, ORDERS, queryOf, readFilters, STATE_CHOICES, writeFilters, type Filters } from './filters'
import classes from './moderation.module.css'
import { NoticesBanner } from './notices-banner'
import { ReportDetail } from './report-detail'
import { ReportList } from './report-list'
import { useForms } from './reports'

const ROWS = 50
const LOOK_MS = 10_000

/** What people reported: the list on the left, what is decided on the right. */
export function ReportsPage() {
  const search = useSearch({ strict: false }) as Record<string, string>
  const navigate = useNavigate()
  const filters = useMemo(() => readFilters(search), [search])
  const wide = useMediaQuery('(min-width: 1080px)') ?? false
  const mayModerate = useMay('reports:moderate')
  const list = useInfiniteQuery({
    queryKey: ['reports', filters],
    queryFn: ({ pageParam, signal }) => listReports({ ...queryOf(filters), limit: ROWS, cursor: pageParam }, signal),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (last) => last.next ?? undefined,
    placeholderData: keepPreviousData,
    refetchInterval: LOOK_MS,
  })
  const reports = useMemo(() => list.data?.pages.flatMap((page) => page.items) ?? [], [list.data])
  const ids = reports.map(({ id }) => id)
  const at = search.id ?? null
  const searchBox = useRef<HTMLInputElement>(null)
  const show = (id: string | null, next: Filters = filters) =>
    void navigate({ to: '/reports', search: { ...writeFilters(next), ...(id ? { id } : {}) }, replace: at !== null })
  const setFilters = (next: Filters) => show(null, next)
  const move = (step: number) => {
    const now = at === null ? -1 : ids.indexOf(at)
    const id = ids[now < 0 ? 0 : Math.min(Math.max(now + step, 0), ids.length - 1)]
    if (id) show(id)
  }
  const first = reports[0]?.id
  // with room for both, the pane is never empty while there is something to read
  useEffect(() => {
    if (wide && at === null && first) show(first)
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, [wide, at, first])
  useKeys({
    j: () => move(1),
    k: () => move(-1),
    ArrowDown: () => move(1),
    ArrowUp: () => move(-1),
    '/': () => searchBox.current?.focus(),
    r: () => void list.refetch(),
  })
  const shownList = wide || at === null
  return (
    <div className={classes.page} data-open={at !== null || undefined}>
      <Bar
        filters={filters}
        onFilters={setFilters}
        counts={list.data?.pages[0]?.counts}
        waiting={list.data?.pages[0]?.waiting}
        unreviewed={list.data?.pages[0]?.unreviewed}
        searchBox={searchBox}
        busy={list.isRefetching}
        onRefresh={() => void list.refetch()}
        moderates={mayModerate}
      />
      <div className={classes.split}>
        {shownList ? (
          <section className={classes.column} aria-label="Reports">
            {mayModerate ? <NoticesBanner onShow={(id) => show(id)} /> : null}
            {list.isPending ? <Loading lines={10} /> : null}
            {list.isError && reports.length === 0 ? (
              <ProblemNote error={list.error} what="Reports" retry={() => void list.refetch()} />
            ) : null}
            {list.data && reports.length === 0 ? <NoReports filters={filters} onFilters={setFilters} /> : null}
            <ReportList reports={reports} at={at} onShow={(id) => show(id)} byDue={filters.order === 'due'} />
            {list.hasNextPage ? (
              <Button
                m="sm"
                variant="subtle"
                loading={list.isFetchingNextPage}
                onClick={() => void list.fetchNextPage()}
              >
                {count(reports.length)} loaded: load more
              </Button>
            ) : null}
          </section>
        ) : null}
        {at !== null ? (
          <section className={classes.pane} aria-label="Report" tabIndex={0}>
            {wide ? null : (
              <Button variant="subtle" leftSection={<IconArrowLeft size={15} />} m="xs" onClick={() => show(null)}>
                All reports
              </Button>
            )}
            <ReportDetail key={at} id={at} onNext={() => show(nextAfter(at, ids))} />
          </section>
        ) : wide && reports.length > 0 ? (
          <Loading />
        ) : null}
      </div>
    </div>
  )
}

interface BarProps {
  filters: Filters
  onFilters: (filters: Filters) => void
  counts: Record<string, number> | undefined
  waiting: number | undefined
  unreviewed: number | undefined
  searchBox: React.Ref<HTMLInputElement>
  busy: boolean
  onRefresh: () => void
  moderates: boolean
}

const CHOICE_WORDS: Record<string, string> = { waiting: 'Waiting', unreviewed: 'By automation', any: 'All' }

function Bar({ filters, onFilters, counts, waiting, unreviewed, searchBox, busy, onRefresh, moderates }: BarProps) {
  const forms = useForms()
  return (
    <div className={classes.bar}>
      <h1>Reports</h1>
      <div className={classes.states} role="group" aria-label="State">
        {STATE_CHOICES.map((choice) => {
          const many = countOf(choice, counts, waiting, unreviewed)
          // where automation accepts nothing, its view is only in the way
          if (choice === 'unreviewed' && !many && filters.state !== choice) return null
          return (
            <button
              key={choice}
              type="button"
              aria-pressed={filters.state === choice}
              onClick={() => onFilters({ ...filters, state: choice })}
            >
              {CHOICE_WORDS[choice] ?? stateWord(choice)}
              {many === undefined ? null : <span className="dim"> {count(many)}</span>}
            </button>
          )
        })}
      </div>
      <span className={classes.spacer} />
      <Select
        w={130}
        aria-label="Order"
        allowDeselect={false}
        value={filters.order}
        data={ORDERS}
        onChange={(order) => onFilters({ ...filters, order: order ?? DEFAULTS.order })}
      />
      <Select
        w={150}
        aria-label="Form"
        placeholder="All forms"
        clearable
        value={filters.form || null}
        data={forms.map(({ type, title }) => ({ value: type, label: title }))}
        clearButtonProps={{ 'aria-label': 'All forms' }}
        onChange={(form) => onFilters({ ...filters, form: form ?? '' })}
      />
      <SearchBox box={searchBox} value={filters.q} onSearch={(q) => onFilters({ ...filters, q })} />
      {moderates ? (
        <Button variant="default" leftSection={<IconFileText size={15} />} component={Link} to="/digest-drafts">
          Digests
        </Button>
      ) : null}
      <Tooltip label="Load anew (r)">
        <ActionIcon aria-label="Load anew" onClick={onRefresh} loading={busy}>
          <IconRefresh size={17} />
        </ActionIcon>
      </Tooltip>
    </div>
  )
}

const SEARCH_WAIT_MS = 350

function SearchBox({ value, onSearch, box }: SearchProps) {
  const [typed, setTyped] = useState(value)
  const later = useDebouncedCallback(onSearch, SEARCH_WAIT_MS)
  return (
    <TextInput
      ref={box}
      w={160}
      value={typed}
      leftSection={<IconSearch size={14} />}
      aria-label="Search reports"
      placeholder="Title, text  ( / )"
      onKeyDown={(event) => {
        if (event.key === 'Escape' || event.key === 'Enter') event.currentTarget.blur()
      }}
      onChange={(event) => {
        setTyped(event.currentTarget.value)
        later(event.currentTarget.value.trim())
      }}
      rightSection={
        typed ? (
          <CloseButton
            size="xs"
            aria-label="Clear the search"
            onClick={() => {
              setTyped('')
              onSearch('')
            }}
          />
        ) : null
      }
    />
  )
}

interface SearchProps {
  value: string
  onSearch: (q: string) => void
  box: React.Ref<HTMLInputElement>
}

function NoReports({ filters, onFilters }: { filters: Filters; onFilters: (filters: Filters) => void }) {
  const narrowed = filters.form !== '' || filters.q !== '' || filters.service !== ''
  return (
    <Empty
      title={narrowed ? 'Nothing matches' : filters.state === 'waiting' ? 'Nothing waits for you' : 'None'}
      action={
        <>
          {narrowed || filters.state !== 'any' ? (
            <Button variant="default" onClick={() => onFilters({ ...DEFAULTS, state: 'any' })}>
              Show all reports
            </Button>
          ) : null}
          <Button variant="default" component="a" href="/report">
            Open the form
          </Button>
        </>
      }
    >
      Reports come from the form at <code>/report</code>, from signed links, <code>huecry report</code> and the API.
    </Empty>
  )
}
