import { ActionIcon, Button, CloseButton, Drawer, Pill, Select, TextInput, Tooltip } from '@mantine/core'
import { useDebouncedCallback, useDisclosure, useMediaQuery } from '@mantine/hooks'
import { IconFilter, IconLayoutSidebarRight, IconRefresh, IconSearch } from '@tabler/icons-react'
import { keepPreviousData, useInfiniteQuery, useQuery, useQueryClient } from '@tanstack/react-query'
import { Link, useNavigate, useSearch } from '@tanstack/react-router'
import { useCallback, useEffect, useMemo, useRef, useState } from 'react'
import type { Incident } from '../api/pending'
import { Empty } from '../feedback/empty'
import { Loading } from '../feedback/loading'
import { ProblemNote } from '../feedback/problem-note'
import { useDesk } from '../incident/desk'
import { IncidentDetail } from '../incident/incident-detail'
import { useKeys } from '../layout/keys'
import { useLive } from '../layout/live'
import { useNameOf, useOwnName } from '../people/people'
import { useRuleTitle } from '../rules/titles'
import { count } from '../time/format'
import { BulkBar } from './bulk-bar'
import { moved, NOWHERE, selected, selectedTo, targets, type Place } from './cursor'
import { FacetPanel } from './facet-panel'
import { DEFAULTS, ORDERS, isNarrowed, readFilters, toggled, writeFilters, type Filters, type Order } from './filters'
import { IncidentList } from './incident-list'
import { incidentsQuery, loadFacets, replaceRow } from './incidents'
import classes from './queue.module.css'
import { Views } from './views'

/** How long after the last change the counts of the filters are asked for again. */
const RECOUNT_MS = 2_000

const ORDER_WORDS: Record<Order, string> = {
  severity: 'Gravest first',
  updated: 'Last changed first',
  created: 'Newest first',
  findings: 'Most findings first',
}

/** The queue: everything that waits for a person, and how to get through it. */
export function QueuePage() {
  const search = useSearch({ strict: false })
  const filters = useMemo(() => readFilters(search), [search])
  const navigate = useNavigate()
  const setFilters = (next: Filters) => void navigate({ to: '/queue', search: writeFilters(next), replace: true })
  const { own } = useOwnName()
  const list = useInfiniteQuery({ ...incidentsQuery(filters, own), placeholderData: keepPreviousData })
  const facets = useQuery({
    queryKey: ['facets', filters, own],
    queryFn: ({ signal }) => loadFacets(filters, own, signal),
    placeholderData: keepPreviousData,
    retry: false,
  })
  const incidents = useMemo(() => list.data?.pages.flatMap((page) => page.items) ?? [], [list.data])
  const wide = useMediaQuery('(min-width: 1280px)') ?? false
  const [paneShown, setPaneShown] = useState(true)
  const [place, setPlace] = useState<Place>(NOWHERE)
  const [drawer, facetsDrawer] = useDisclosure()
  const [closingAll, setClosingAll] = useState(false)
  const ids = useMemo(() => incidents.map((incident) => incident.id), [incidents])
  // decided, and on to the next; the row stays where it is until the list is loaded anew
  const desk = useDesk({ onClosed: (id) => setPlace((before) => (before.at === id ? moved(before, ids, 1) : before)) })
  const ruleTitle = useRuleTitle(filters.rule.length > 0)
  const news = useNews(filters)
  const searchBox = useRef<HTMLInputElement>(null)
  const pane = wide && paneShown && place.at !== null

  const refresh = () => {
    news.clear()
    void list.refetch()
    void facets.refetch()
  }
  // the same functions at each drawing, so that rows that did not change are not drawn again
  const onOpen = useCallback((id: string) => void navigate({ to: '/incidents/$id', params: { id } }), [navigate])
  const onPoint = useCallback(
    (id: string) => (wide ? setPlace((before) => ({ ...before, at: id })) : onOpen(id)),
    [wide, onOpen],
  )
  const onSelect = useCallback(
    (id: string, range: boolean) =>
      setPlace((before) => (range ? selectedTo(before, ids, id) : selected({ ...before, at: before.at ?? id }, id))),
    [ids],
  )
  const at = incidents.find((incident) => incident.id === place.at)
  const chosen = incidents.filter((incident) => place.selected.has(incident.id))
  const open = (incident: Incident | undefined) => (incident ? onOpen(incident.id) : false)
  const many = place.selected.size > 0
  useKeys(
    {
      j: () => setPlace(moved(place, ids, 1)),
      k: () => setPlace(moved(place, ids, -1)),
      ArrowDown: () => setPlace(moved(place, ids, 1)),
      ArrowUp: () => setPlace(moved(place, ids, -1)),
      Enter: () => (document.activeElement?.closest('a,button,label') ? false : open(at)),
      o: () => setPaneShown(!paneShown),
      x: () => (place.at ? setPlace(selected(place, place.at)) : false),
      'Shift+a': () => setPlace({ ...place, selected: new Set(ids) }),
      Escape: () => setPlace({ ...place, selected: new Set() }),
      '/': () => searchBox.current?.focus(),
      r: refresh,
      a: () => (many ? false : at ? desk.take(at) : false),
      e: () => (many ? setClosingAll(true) : at ? desk.close(at) : targets(place).length > 0),
    },
    !desk.isAsking && !closingAll && !drawer,
  )
  const facetPanel = <FacetPanel filters={filters} facets={facets.data} ruleTitle={ruleTitle} onChange={setFilters} />
  return (
    <div className={classes.page} data-pane={pane || undefined}>
      <QueueBar
        filters={filters}
        onFilters={setFilters}
        onDrawer={facetsDrawer.open}
        searchBox={searchBox}
        ruleTitle={ruleTitle}
        onRefresh={refresh}
        busy={list.isRefetching && !list.isFetchingNextPage}
        pane={wide ? paneShown : null}
        onPane={() => setPaneShown(!paneShown)}
      >
        <Total
          loaded={incidents.length}
          more={list.hasNextPage}
          total={facets.data?.total}
          exact={facets.data?.exact ?? true}
        />
      </QueueBar>
      <aside className={classes.facets} aria-label="Filters" tabIndex={0}>
        {facetPanel}
      </aside>
      <section className={classes.column} aria-label="Queue" aria-busy={list.isFetching}>
        {many ? (
          <BulkBar
            chosen={chosen}
            closing={closingAll}
            onClosing={setClosingAll}
            onClear={() => setPlace({ ...place, selected: new Set() })}
          />
        ) : null}
        {news.count > 0 ? (
          <div className={classes.news} role="status">
            <Button variant="light" onClick={refresh}>
              {news.count === 1 ? '1 incident' : `${count(news.count)} incidents`} came in: show (r)
            </Button>
          </div>
        ) : null}
        {list.isError && incidents.length === 0 ? (
          <div className={classes.problem}>
            <ProblemNote error={list.error} retry={() => void list.refetch()} what="The queue" />
          </div>
        ) : list.isPending ? (
          <Loading lines={12} />
        ) : incidents.length === 0 ? (
          <NoIncidents filters={filters} onFilters={setFilters} />
        ) : (
          <IncidentList
            incidents={incidents}
            place={place}
            total={facets.data?.total}
            more={list.hasNextPage}
            loadingMore={list.isFetchingNextPage}
            onMore={list.fetchNextPage}
            onPoint={onPoint}
            onOpen={onOpen}
            onSelect={onSelect}
          />
        )}
      </section>
      {pane && at ? (
        <aside className={classes.pane} aria-label="Incident" tabIndex={0}>
          <IncidentDetail key={at.id} id={at.id} desk={desk} inPane />
        </aside>
      ) : null}
      <Drawer opened={drawer} onClose={facetsDrawer.close} title="Filter" size={280}>
        {facetPanel}
      </Drawer>
      {desk.dialogs}
    </div>
  )
}

interface BarProps {
  filters: Filters
  onFilters: (filters: Filters) => void
  onDrawer: () => void
  searchBox: React.Ref<HTMLInputElement>
  ruleTitle: (id: string) => string
  onRefresh: () => void
  busy: boolean
  /** Whether the pane is shown; `null` where there is no room for one. */
  pane: boolean | null
  onPane: () => void
  children: React.ReactNode
}

function QueueBar({
  filters,
  onFilters,
  onDrawer,
  searchBox,
  ruleTitle,
  onRefresh,
  busy,
  pane,
  onPane,
  children,
}: BarProps) {
  return (
    <div className={classes.bar}>
      <h1>Queue</h1>
      <Button
        className={classes.narrowOnly}
        variant="default"
        leftSection={<IconFilter size={15} />}
        onClick={onDrawer}
      >
        Filter
      </Button>
      <Views filters={filters} onChange={onFilters} />
      <SearchBox box={searchBox} value={filters.q} onSearch={(q) => onFilters({ ...filters, q })} />
      <Held filters={filters} ruleTitle={ruleTitle} onChange={onFilters} />
      <span className={classes.spacer} />
      {children}
      <Select
        className={classes.order}
        w={165}
        aria-label="Order"
        value={filters.order}
        allowDeselect={false}
        data={ORDERS.map((value) => ({ value, label: ORDER_WORDS[value] }))}
        onChange={(order) => onFilters({ ...filters, order: (order ?? DEFAULTS.order) as Order })}
      />
      <Tooltip label="Load anew (r)">
        <ActionIcon aria-label="Load anew" onClick={onRefresh} loading={busy}>
          <IconRefresh size={17} />
        </ActionIcon>
      </Tooltip>
      {pane === null ? null : (
        <Tooltip label={pane ? 'Hide the pane (o)' : 'Show the pane (o)'}>
          <ActionIcon aria-label="The pane" aria-pressed={pane} onClick={onPane}>
            <IconLayoutSidebarRight size={17} />
          </ActionIcon>
        </Tooltip>
      )}
    </div>
  )
}

function SearchBox({
  value,
  onSearch,
  box,
}: {
  value: string
  onSearch: (q: string) => void
  box: React.Ref<HTMLInputElement>
}) {
  const [typed, setTyped] = useState(value)
  const [sent, setSent] = useState(value)
  // changed from elsewhere: by a view, by going back
  if (value !== sent) {
    setSent(value)
    setTyped(value)
  }
  const send = (q: string) => {
    setSent(q)
    onSearch(q)
  }
  const later = useDebouncedCallback(send, 350)
  const clear = () => {
    setTyped('')
    later.cancel()
    send('')
  }
  const press = (event: React.KeyboardEvent<HTMLInputElement>) => {
    if (event.key === 'Enter') {
      later.cancel()
      send(typed.trim())
    }
    // back to the list, and to its keys
    if (event.key === 'Escape' || event.key === 'Enter') event.currentTarget.blur()
  }
  return (
    <TextInput
      ref={box}
      className={classes.searchBox}
      value={typed}
      leftSection={<IconSearch size={14} />}
      aria-label="Search incidents"
      placeholder="Title, person, address, rule, comment…  ( / )"
      onKeyDown={press}
      onChange={(event) => {
        setTyped(event.currentTarget.value)
        later(event.currentTarget.value.trim())
      }}
      rightSection={typed ? <CloseButton size="xs" aria-label="Clear the search" onClick={clear} /> : null}
    />
  )
}

/** What narrows the queue beyond status and severity, each with a way out. */
function Held({ filters, ruleTitle, onChange }: HeldProps) {
  const name = useNameOf()
  const many = (['source', 'service', 'rule', 'verdict'] as const).flatMap((key) =>
    filters[key].map((value) => ({
      key,
      word: key === 'rule' ? ruleTitle(value) : value,
      without: toggled(filters, key, value),
    })),
  )
  const one = (['assignee', 'entity'] as const).flatMap((key) =>
    filters[key]
      ? [{ key, word: key === 'assignee' ? name(filters[key]) : filters[key], without: { ...filters, [key]: '' } }]
      : [],
  )
  return [...one, ...many].map(({ key, word, without }) => (
    <Pill
      key={`${key}:${word}`}
      withRemoveButton
      onRemove={() => onChange(without)}
      removeButtonProps={{ 'aria-label': `Without ${key} ${word}` }}
    >
      {key}: {word}
    </Pill>
  ))
}

interface HeldProps {
  filters: Filters
  ruleTitle: (id: string) => string
  onChange: (filters: Filters) => void
}

function Total({
  loaded,
  more,
  total,
  exact,
}: {
  loaded: number
  more: boolean
  total: number | undefined
  exact: boolean
}) {
  const words = total === undefined ? `${count(loaded)}${more ? '+' : ''}` : `${count(total)}${exact ? '' : '+'}`
  return (
    <span className={`dim nowrap ${classes.total ?? ''}`} role="status">
      {words} {total === 1 ? 'incident' : 'incidents'}
    </span>
  )
}

function NoIncidents({ filters, onFilters }: { filters: Filters; onFilters: (filters: Filters) => void }) {
  if (isNarrowed(filters)) {
    const openOnly = filters.status.join() === DEFAULTS.status.join()
    return (
      <Empty
        title="Nothing matches these filters"
        action={
          <>
            {openOnly ? (
              <Button variant="default" onClick={() => onFilters({ ...filters, status: [] })}>
                Look among decided ones, too
              </Button>
            ) : null}
            <Button variant="default" onClick={() => onFilters(DEFAULTS)}>
              Show all open incidents
            </Button>
          </>
        }
      >
        {filters.q ? (
          <>
            Each word of “{filters.q}” must stand in a title, an entity, a rule, a comment or the id; words in quotes
            stand together.
          </>
        ) : (
          'No incident has all that is chosen.'
        )}
      </Empty>
    )
  }
  return (
    <Empty title="Nothing waits for you">
      Incidents come here when a rule finds something in what your sources send. If none ever did, look whether{' '}
      <Link to="/settings/$section" params={{ section: 'sources' }}>
        sources
      </Link>{' '}
      send and whether <Link to="/rules">rules</Link> are active.
    </Empty>
  )
}

/** Counts what came in since the list was loaded; rows on the screen stay where they are under the hand. */
function useNews(filters: Filters) {
  const live = useLive()
  const client = useQueryClient()
  const [ids, setIds] = useState<ReadonlySet<string>>(new Set())
  const recount = useDebouncedCallback(() => void client.invalidateQueries({ queryKey: ['facets'] }), RECOUNT_MS)
  const key = JSON.stringify(filters)
  const [shownKey, setShownKey] = useState(key)
  if (key !== shownKey) {
    setShownKey(key)
    setIds(new Set())
  }
  useEffect(
    () =>
      live.listen((change) => {
        if (!change?.incident) return
        const { incident } = change
        recount()
        if (replaceRow(client, incident)) {
          void client.invalidateQueries({ queryKey: ['incident', incident.id] })
        } else if (change.kind === 'incident.opened') {
          setIds((before) => new Set([...before, incident.id]))
        }
      }),
    [client, live, recount],
  )
  return { count: ids.size, clear: () => setIds(new Set()) }
}
