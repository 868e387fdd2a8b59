import { ActionIcon, Button, CloseButton, Select, Tooltip } from '@mantine/core'
import { useMediaQuery } from '@mantine/hooks'
import { IconArrowLeft, IconRefresh } from '@tabler/icons-react'
import { keepPreviousData, useInfiniteQuery } from '@tanstack/react-query'
import { Link, useNavigate, useSearch } from '@tanstack/react-router'
import { useEffect, useMemo } from 'react'
import { Empty } from '../feedback/empty'
import { Loading } from '../feedback/loading'
import { ProblemNote } from '../feedback/problem-note'
import { useKeys } from '../layout/keys'
import { count } from '../time/format'
import { ContainmentDetail } from './containment-detail'
import { ContainmentList } from './containment-list'
import { containmentsQuery, useActions, useCounts, type Counts } from './containments'
import classes from './contain.module.css'
import { StandIns } from './stand-ins'
import { ordered, readFilters, TAB_WORDS, TABS, writeFilters, type Filters, type Tab } from './tabs'

/** What was stopped, and what waits to be: the list on the left, one of them on the right. */
export function ContainmentsPage() {
  const search = useSearch({ strict: false }) as Record<string, string>
  const navigate = useNavigate()
  const filters = useMemo(() => readFilters(search), [search])
  const wide = useMediaQuery('(min-width: 1080px)') ?? false
  const list = useInfiniteQuery({ ...containmentsQuery(filters), placeholderData: keepPreviousData })
  const items = useMemo(
    () => ordered(list.data?.pages.flatMap((page) => page.items) ?? [], filters.tab),
    [list.data, filters.tab],
  )
  const counts = useCounts(true)
  const at = search.id ?? null
  const show = (id: string | null, next: Filters = filters) =>
    void navigate({
      to: '/containments',
      search: { ...writeFilters(next), ...(id ? { id } : {}) },
      replace: at !== null,
    })
  const move = (step: number) => {
    const ids = items.map(({ id }) => id)
    const now = at === null ? -1 : ids.indexOf(at)
    const id = ids[now < 0 ? 0 : Math.min(Math.max(now + step, 0), ids.length - 1)]
    if (id) show(id)
  }
  const first = items[0]?.id
  // with room for both, the pane is never empty while there is something to look at
  useEffect(() => {
    if (wide && at === null && first && !list.isPlaceholderData) show(first)
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, [wide, at, first, list.isPlaceholderData])
  useKeys({
    j: () => move(1),
    k: () => move(-1),
    ArrowDown: () => move(1),
    ArrowUp: () => move(-1),
    r: () => void list.refetch(),
    o: () => (at ? void navigate({ to: '/containments/$id', params: { id: at } }) : false),
  })
  return (
    <div className={classes.page} data-open={at !== null || undefined}>
      <Bar
        filters={filters}
        counts={counts}
        busy={list.isRefetching && list.isPlaceholderData}
        onFilters={(next) => show(null, next)}
        onRefresh={() => void list.refetch()}
      />
      <StandIns />
      <div className={classes.split}>
        {wide || at === null ? (
          <section className={classes.column} aria-label="Containments">
            {list.isPending ? <Loading lines={10} /> : null}
            {list.isError && items.length === 0 ? (
              <ProblemNote error={list.error} what="Containments" retry={() => void list.refetch()} />
            ) : null}
            {list.data && items.length === 0 ? (
              <Nothing filters={filters} onFilters={(next) => show(null, next)} />
            ) : null}
            <ContainmentList containments={items} at={at} onShow={(id) => show(id)} />
            {list.hasNextPage ? (
              <Button
                m="sm"
                variant="subtle"
                loading={list.isFetchingNextPage}
                onClick={() => void list.fetchNextPage()}
              >
                {count(items.length)} loaded: load more
              </Button>
            ) : null}
          </section>
        ) : null}
        {at !== null ? (
          <section className={classes.pane} aria-label="Containment" tabIndex={0}>
            {wide ? null : (
              <Button variant="subtle" leftSection={<IconArrowLeft size={15} />} m="xs" onClick={() => show(null)}>
                All containments
              </Button>
            )}
            <ContainmentDetail key={at} id={at} inPane />
          </section>
        ) : wide && items.length > 0 ? (
          <Loading />
        ) : null}
      </div>
    </div>
  )
}

interface BarProps {
  filters: Filters
  counts: Counts | null
  busy: boolean
  onFilters: (filters: Filters) => void
  onRefresh: () => void
}

function Bar({ filters, counts, busy, onFilters, onRefresh }: BarProps) {
  const actions = useActions().data?.items ?? []
  const many: Partial<Record<Tab, number>> = counts ? { waiting: counts.waiting, unknown: counts.unknown } : {}
  return (
    <div className={classes.bar}>
      <h1>Containments</h1>
      <div className={classes.tabs} role="group" aria-label="Which">
        {TABS.map((tab) => (
          <button
            key={tab}
            type="button"
            aria-pressed={filters.tab === tab}
            onClick={() => onFilters({ ...filters, tab })}
          >
            {TAB_WORDS[tab]}
            {many[tab] === undefined ? null : <span className="dim"> {count(many[tab])}</span>}
          </button>
        ))}
      </div>
      <span className={classes.spacer} />
      {filters.incident ? (
        <span>
          of one{' '}
          <Link to="/incidents/$id" params={{ id: filters.incident }}>
            incident
          </Link>{' '}
          <CloseButton
            size="xs"
            aria-label="Of all incidents"
            onClick={() => onFilters({ ...filters, incident: '' })}
          />
        </span>
      ) : null}
      <Select
        w={220}
        aria-label="Action"
        placeholder="All actions"
        clearable
        searchable
        value={filters.action || null}
        data={actions.map(({ name, title, connector_title }) => ({
          value: name,
          label: `${connector_title}: ${title}`,
        }))}
        clearButtonProps={{ 'aria-label': 'All actions' }}
        onChange={(action) => onFilters({ ...filters, action: action ?? '' })}
      />
      <Tooltip label="Load anew (r)">
        <ActionIcon aria-label="Load anew" onClick={onRefresh} loading={busy}>
          <IconRefresh size={17} />
        </ActionIcon>
      </Tooltip>
    </div>
  )
}

const NOTHING: Record<Tab, string> = {
  waiting: 'Nothing waits for approval',
  in_effect: 'Nothing is contained now',
  unknown: 'Nothing needs a person',
  all: 'Nothing was contained yet',
}

function Nothing({ filters, onFilters }: { filters: Filters; onFilters: (filters: Filters) => void }) {
  const narrowed = filters.incident !== '' || filters.action !== ''
  return (
    <Empty
      title={narrowed ? 'Nothing matches' : NOTHING[filters.tab]}
      action={
        <>
          {narrowed ? (
            <Button variant="default" onClick={() => onFilters({ ...filters, incident: '', action: '' })}>
              Of all incidents and actions
            </Button>
          ) : null}
          {filters.tab === 'all' ? null : (
            <Button variant="default" onClick={() => onFilters({ ...filters, tab: 'all' })}>
              Show all
            </Button>
          )}
        </>
      }
    >
      {filters.tab === 'unknown'
        ? 'Where a system did not answer and cannot be asked either, a person looks and says what happened.'
        : 'Something is contained from its incident, by “Contain…” or a playbook, or on the command line.'}
    </Empty>
  )
}
