import { memo } from 'react'
import type { Incident } from '../api/pending'
import { headline, shortEntity } from '../incident/naming'
import { statusWord, verdictWord } from '../incident/words'
import { SeverityMark } from '../severity/severity-mark'
import { count } from '../time/format'
import { Instant } from '../time/instant'
import { reasonsBeside } from './why'
import classes from './queue.module.css'

/** About what half of the first line holds. */
const ABOUT_CHARS_MAX = 34

interface Props {
  incident: Incident
  index: number
  top: number
  at: boolean
  selected: boolean
  assignee: string
  onPoint: (id: string) => void
  onOpen: (id: string) => void
  onSelect: (id: string, range: boolean) => void
}

/** An incident in two lines: what it is, and why it is here. */
export const Row = memo(function Row({
  incident,
  index,
  top,
  at,
  selected,
  assignee,
  onPoint,
  onOpen,
  onSelect,
}: Props) {
  // a plain anchor: a router's link costs more than the rest of the row
  const open = (event: React.MouseEvent) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey || event.button !== 0) return
    event.preventDefault()
    event.stopPropagation()
    onOpen(incident.id)
  }
  const { what, about } = headline(incident)
  const why = reasonsBeside(incident)
  return (
    <div
      role="row"
      id={`row-${incident.id}`}
      aria-rowindex={index + 2}
      aria-selected={selected}
      className={classes.row}
      data-at={at || undefined}
      data-open={['new', 'in_progress', 'on_hold'].includes(incident.status) || undefined}
      style={{ transform: `translateY(${String(top)}px)` }}
      onClick={() => onPoint(incident.id)}
    >
      <div role="gridcell" className={classes.check} onClick={(event) => event.stopPropagation()}>
        <input
          type="checkbox"
          checked={selected}
          tabIndex={-1}
          aria-label={`Select: ${incident.title}`}
          readOnly
          onClick={(event) => onSelect(incident.id, event.shiftKey)}
        />
      </div>
      <div role="gridcell" className={classes.severity} title={incident.severity}>
        <SeverityMark severity={incident.severity} bare />
      </div>
      <div role="gridcell" className={classes.what}>
        <a
          className={classes.title}
          href={`/incidents/${incident.id}`}
          tabIndex={-1}
          title={incident.title}
          onClick={open}
        >
          <span>{what}</span>
          {about ? <span className={classes.about}>{shortEntity(about, ABOUT_CHARS_MAX)}</span> : null}
        </a>
        <div className={classes.why} title={`Why it is here: ${why.map(({ text }) => text).join(' · ')}`}>
          <span className={classes.brief}>
            {statusWord(incident.status)}, <Instant ms={incident.last_seen_ms} relative />
          </span>
          {why.map((each, position) => (
            <span key={position} data-kind={each.kind}>
              {each.text}
            </span>
          ))}
        </div>
      </div>
      <div role="gridcell" className={classes.owner}>
        <span title={assignee || undefined}>{assignee || <span className="dim">nobody</span>}</span>
        <span className="dim">{incident.service ?? incident.owner ?? ''}</span>
      </div>
      <div role="gridcell" className={classes.state}>
        <span>{incident.verdict ? verdictWord(incident.verdict) : statusWord(incident.status)}</span>
        <span className="dim">
          {incident.verdict
            ? statusWord(incident.status)
            : `${count(incident.findings)} ${incident.findings === 1 ? 'finding' : 'findings'}`}
        </span>
      </div>
      <div role="gridcell" className={classes.seen}>
        <Instant ms={incident.last_seen_ms} relative />
        <span className="dim">
          <Instant ms={incident.last_seen_ms} />
        </span>
      </div>
    </div>
  )
})
