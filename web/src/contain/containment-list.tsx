import { Badge } from '@mantine/core'
import { principalName, useNameOf } from '../people/people'
import { Instant } from '../time/instant'
import type { Containment } from './api'
import classes from './contain.module.css'
import { Countdown } from './countdown'
import { StateMark } from './state-mark'
import { waitsForMe } from './tabs'
import { shortTarget } from './words'

interface Props {
  containments: readonly Containment[]
  at: string | null
  onShow: (id: string) => void
}

/** Containments in three short lines each: what, to whom, and how long it still is so. */
export function ContainmentList({ containments, at, onShow }: Props) {
  const name = useNameOf()
  if (containments.length === 0) return null
  return (
    <ul className={classes.list}>
      {containments.map((each) => (
        <li key={each.id}>
          <button
            type="button"
            className={classes.row}
            id={`row-${each.id}`}
            aria-current={each.id === at ? 'true' : undefined}
            onClick={() => onShow(each.id)}
          >
            <span className={classes.rowHead}>
              <span className={classes.rowTitle}>{each.title}</span>
              {waitsForMe(each) ? <Badge color="indigo">for you</Badge> : null}
              {each.broken_glass ? <Badge color="red">glass broken</Badge> : null}
            </span>
            <span className={classes.rowTarget} title={each.target}>
              {shortTarget(each.target)}
            </span>
            <span className={`${classes.rowState ?? ''} ${classes.rowTime ?? ''}`}>
              <StateMark state={each.state} />
            </span>
            <span className={classes.rowAbout}>
              {[principalName(each.requested_by, name), each.incident_title].filter(Boolean).join(' · ')}
            </span>
            <span className={classes.rowTime}>
              <Until containment={each} />
            </span>
          </button>
        </li>
      ))}
    </ul>
  )
}

/** The time that matters next. */
function Until({ containment }: { containment: Containment }) {
  const { state, decision, revert_at, updated_at } = containment
  if (state === 'awaiting_approval' && decision.expires_at)
    return (
      <>
        <Countdown at={decision.expires_at} brief /> left
      </>
    )
  if (containment.kept) return <>kept</>
  if (containment.in_effect && revert_at)
    return (
      <>
        ends in <Countdown at={revert_at} brief />
      </>
    )
  return <Instant ms={Date.parse(updated_at)} relative />
}
