import { useVirtualizer } from '@tanstack/react-virtual'
import { useRef } from 'react'
import { Instant } from '../time/instant'
import { cellText, type Answer } from './lake'
import classes from './events.module.css'

const ROW_PX = 30
const COLUMN_PX = 170

/** Rows of an answer. A row with `event_id` opens. */
export function ResultTable({
  answer,
  hidden = [],
  onOpen,
}: {
  answer: Answer
  hidden?: string[]
  onOpen?: (id: string) => void
}) {
  const scroller = useRef<HTMLDivElement>(null)
  const rows = useVirtualizer({
    count: answer.rows.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => ROW_PX,
    overscan: 12,
  })
  const shown = answer.columns.map((name, index) => ({ name, index })).filter(({ name }) => !hidden.includes(name))
  const id = answer.columns.indexOf('event_id')
  const template = shown
    .map(({ name }) => (name === 'time' || name === 'received_at' ? '150px' : `minmax(${String(COLUMN_PX)}px, 1fr)`))
    .join(' ')
  return (
    <div
      className={classes.result}
      ref={scroller}
      role="table"
      tabIndex={0}
      aria-label="Events"
      aria-rowcount={answer.rows.length + 1}
    >
      <div role="rowgroup" className={classes.resultHead}>
        <div role="row" className={classes.resultRow} style={{ gridTemplateColumns: template }}>
          {shown.map(({ name }) => (
            <span key={name} role="columnheader">
              {name}
            </span>
          ))}
        </div>
      </div>
      <div
        role="rowgroup"
        className={classes.resultBody}
        style={{ height: rows.getTotalSize(), minWidth: shown.length * 150 }}
      >
        {rows.getVirtualItems().map((item) => {
          const row = answer.rows[item.index] ?? []
          const event = id >= 0 ? cellText(row[id]) : ''
          return (
            <div
              key={item.key}
              role="row"
              aria-rowindex={item.index + 2}
              className={classes.resultRow}
              data-opens={event && onOpen ? true : undefined}
              style={{
                gridTemplateColumns: template,
                transform: `translateY(${String(item.start)}px)`,
                position: 'absolute',
              }}
              onClick={() => (event ? onOpen?.(event) : undefined)}
            >
              {shown.map(({ name, index }, position) => (
                <Cell
                  key={name}
                  name={name}
                  value={row[index]}
                  open={position === 0 && event && onOpen ? () => onOpen(event) : undefined}
                />
              ))}
            </div>
          )
        })}
      </div>
    </div>
  )
}

function Cell({ name, value, open }: { name: string; value: unknown; open?: () => void }) {
  const text = cellText(value)
  const at_ms = name === 'time' || name === 'received_at' ? Date.parse(text) : Number.NaN
  const content = Number.isNaN(at_ms) ? text : <Instant ms={at_ms} />
  return (
    <span role="cell" title={Number.isNaN(at_ms) ? text : undefined}>
      {open ? (
        <button type="button" className={classes.open} onClick={open}>
          {content}
        </button>
      ) : (
        content
      )}
    </span>
  )
}
