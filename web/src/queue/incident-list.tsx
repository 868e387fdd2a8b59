import { Button } from '@mantine/core'
import { useVirtualizer } from '@tanstack/react-virtual'
import { useCallback, useEffect, useLayoutEffect, useRef, useState } from 'react'
import type { Incident } from '../api/pending'
import { count } from '../time/format'
import { useNameOf } from '../people/people'
import type { Place } from './cursor'
import classes from './queue.module.css'
import { Row } from './row'

/** One height for all rows, so that nothing has to be measured while scrolling; as in queue.module.css. */
const ROW_PX = 54
const ROW_NARROW_PX = 84
const NARROW_PX_MAX = 520
/** How many rows before the end the next page is asked for. */
const AHEAD_ROWS = 60

interface Props {
  incidents: readonly Incident[]
  place: Place
  total: number | undefined
  more: boolean
  loadingMore: boolean
  onMore: () => void
  onPoint: (id: string) => void
  onOpen: (id: string) => void
  onSelect: (id: string, range: boolean) => void
}

export function IncidentList({ incidents, place, total, more, loadingMore, onMore, onPoint, onOpen, onSelect }: Props) {
  const scroller = useRef<HTMLDivElement>(null)
  const name = useNameOf()
  const row_px = useIsNarrow(scroller) ? ROW_NARROW_PX : ROW_PX
  const rows = useVirtualizer({
    count: incidents.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => row_px,
    overscan: 10,
    getItemKey: useCallback((index: number) => incidents[index]?.id ?? index, [incidents]),
  })
  useEffect(() => rows.measure(), [rows, row_px])
  const items = rows.getVirtualItems()
  const last = items.at(-1)?.index ?? 0
  useEffect(() => {
    if (more && !loadingMore && last >= incidents.length - AHEAD_ROWS) onMore()
  }, [more, loadingMore, last, incidents.length, onMore])
  const atIndex = place.at === null ? -1 : incidents.findIndex((incident) => incident.id === place.at)
  useEffect(() => {
    if (atIndex >= 0) rows.scrollToIndex(atIndex, { align: 'auto' })
  }, [atIndex, rows])
  const rendered = items.some((item) => item.index === atIndex)
  return (
    <div
      className={classes.list}
      ref={scroller}
      role="grid"
      tabIndex={0}
      aria-label="Incidents"
      aria-rowcount={(total ?? incidents.length) + 1}
      aria-multiselectable
      aria-activedescendant={rendered && place.at ? `row-${place.at}` : undefined}
      data-testid="incident-list"
    >
      <div role="row" aria-rowindex={1} className={classes.headRow}>
        <span role="columnheader" aria-label="Selected" />
        <span role="columnheader" aria-label="Severity" />
        <span role="columnheader">Incident and why it is here</span>
        <span role="columnheader">Assignee, service</span>
        <span role="columnheader">Status</span>
        <span role="columnheader">Last seen</span>
      </div>
      <div role="rowgroup" className={classes.rows} style={{ height: rows.getTotalSize() }}>
        {items.map((item) => {
          const incident = incidents[item.index]
          if (!incident) return null
          return (
            <Row
              key={item.key}
              incident={incident}
              index={item.index}
              top={item.start}
              at={incident.id === place.at}
              selected={place.selected.has(incident.id)}
              assignee={incident.assignee ? name(incident.assignee) : ''}
              onPoint={onPoint}
              onOpen={onOpen}
              onSelect={onSelect}
            />
          )
        })}
      </div>
      {more ? (
        <div className={classes.more} role="row">
          <span role="gridcell">
            <Button variant="subtle" loading={loadingMore} onClick={onMore}>
              {count(incidents.length)} loaded{total === undefined ? '' : ` of ${count(total)}`}: load more
            </Button>
          </span>
        </div>
      ) : null}
    </div>
  )
}

/** Whether the list itself is narrow: a pane beside it takes room, too. */
function useIsNarrow(element: React.RefObject<HTMLElement | null>): boolean {
  const [narrow, setNarrow] = useState(false)
  useLayoutEffect(() => {
    const observed = element.current
    if (!observed) return
    const observer = new ResizeObserver(() => setNarrow(observed.clientWidth <= NARROW_PX_MAX))
    observer.observe(observed)
    return () => observer.disconnect()
  }, [element])
  return narrow
}
