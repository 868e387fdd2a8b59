import { Button, Note, When } from '../guest/controls'
import type { Related } from './api'
import classes from './report.module.css'

interface Props {
  items: readonly Related[]
  chosen: string | null
  busy: boolean
  onAdd: (reference: string) => void
  onApart: () => void
}

/** What others reported already: one click adds to it. */
export function RelatedList({ items, chosen, busy, onAdd, onApart }: Props) {
  if (items.length === 0 && chosen === null) return <div role="status" />
  if (chosen !== null) {
    return (
      <Note tone="good" says="status" title="Yours will be added to an open matter">
        <Button tone="quiet" onClick={onApart}>
          Send it as one of its own instead
        </Button>
      </Note>
    )
  }
  return (
    <Note says="status" title="Is it one of these? Then one click adds yours to it.">
      <ul className={classes.related}>
        {items.map(({ reference, title, service, since, state }) => (
          <li key={reference}>
            <span>
              <b>{title}</b>
              <br />
              <span className="dim">
                {service && !title.includes(service) ? `${service} · ` : ''}
                {state.replaceAll('_', ' ')} · since <When at={since} />
              </span>
            </span>
            <Button onClick={() => onAdd(reference)} busy={busy} aria-label={`Add to it: ${title}`}>
              Add to it
            </Button>
          </li>
        ))}
      </ul>
    </Note>
  )
}
