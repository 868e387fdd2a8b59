import { useVirtualizer } from '@tanstack/react-virtual'
import { useEffect, useRef } from 'react'
import { Instant } from '../time/instant'
import { cellText } from './lake'
import classes from './events.module.css'

const ROW_PX = 30
const COLUMN_PX = 150
/** How many rows before the end more are asked for. */
const AHEAD_ROWS = 40

export interface ShownColumn<R> {
  key: string
  title: string
  /** What the lake calls it, where the title is another. */
  about?: string
  kind: 'text' | 'time' | 'number'
  of: (row: R) => unknown
}

interface Props<R> {
  label: string
  columns: readonly ShownColumn<R>[]
  rows: readonly R[]
  /** The row that is opened elsewhere. */
  openedKey?: string | null
  keyOf?: (row: R) => string
  onOpen?: (row: R) => void
  /** Asked for when the end comes near. */
  onEnd?: (() => void) | undefined
}

/** Rows of an answer, as many as there are; only those in sight are drawn. */
export function ResultTable<R>({ label, columns, rows, openedKey, keyOf, onOpen, onEnd }: Props<R>) {
  const scroller = useRef<HTMLDivElement>(null)
  const virtual = useVirtualizer({
    count: rows.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => ROW_PX,
    overscan: 12,
  })
  const items = virtual.getVirtualItems()
  const last = items.at(-1)?.index ?? 0
  useEffect(() => {
    if (onEnd && last >= rows.length - AHEAD_ROWS) onEnd()
  }, [onEnd, last, rows.length])
  const template = columns
    .map(({ kind }) =>
      kind === 'time' ? '116px' : kind === 'number' ? 'minmax(90px, 1fr)' : `minmax(${String(COLUMN_PX)}px, 1fr)`,
    )
    .join(' ')
  const width_min = columns.reduce(
    (sum, { kind }) => sum + 12 + (kind === 'time' ? 116 : kind === 'number' ? 90 : COLUMN_PX),
    12,
  )
  return (
    <div
      className={classes.result}
      ref={scroller}
      role="table"
      tabIndex={0}
      aria-label={label}
      aria-rowcount={rows.length + 1}
    >
      <div role="rowgroup" className={classes.resultHead} style={{ minWidth: width_min }}>
        <div role="row" aria-rowindex={1} className={classes.resultRow} style={{ gridTemplateColumns: template }}>
          {columns.map(({ key, title, about, kind }) => (
            <span key={key} role="columnheader" title={about} data-kind={kind}>
              {title}
            </span>
          ))}
        </div>
      </div>
      <div
        role="rowgroup"
        className={classes.resultBody}
        style={{ height: virtual.getTotalSize(), minWidth: width_min }}
      >
        {items.map((item) => {
          const row = rows[item.index]
          if (row === undefined) return null
          const open = onOpen ? () => onOpen(row) : undefined
          return (
            <div
              key={item.key}
              role="row"
              aria-rowindex={item.index + 2}
              className={classes.resultRow}
              data-opens={open ? true : undefined}
              data-opened={(openedKey && keyOf?.(row) === openedKey) || undefined}
              style={{
                gridTemplateColumns: template,
                transform: `translateY(${String(item.start)}px)`,
                position: 'absolute',
              }}
              onClick={open}
            >
              {columns.map((column, position) => (
                <Cell key={column.key} column={column} row={row} open={position === 0 ? open : undefined} />
              ))}
            </div>
          )
        })}
      </div>
    </div>
  )
}

function Cell<R>({ column, row, open }: { column: ShownColumn<R>; row: R; open: (() => void) | undefined }) {
  const value = column.of(row)
  const at_ms = column.kind === 'time' ? (typeof value === 'number' ? value : Date.parse(cellText(value))) : Number.NaN
  const text = cellText(value)
  const content = Number.isNaN(at_ms) ? text : <Instant ms={at_ms} />
  const press = (event: React.MouseEvent) => {
    event.stopPropagation()
    open?.()
  }
  return (
    <span role="cell" data-kind={column.kind} title={Number.isNaN(at_ms) ? text : undefined}>
      {open ? (
        <button type="button" className={classes.open} onClick={press}>
          {content || '—'}
        </button>
      ) : (
        content
      )}
    </span>
  )
}
