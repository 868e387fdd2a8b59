import { Link } from '@tanstack/react-router'
import { Instant } from '../time/instant'
import classes from './contain.module.css'
import { answersFor, useDelegations } from './delegations'

/** Who answers for whom just now, where the reader has part in it. */
export function StandIns() {
  const items = useDelegations().data?.items ?? []
  if (items.length === 0) return null
  return (
    <p className={classes.standIns} role="note">
      {items
        .filter(({ given }) => given)
        .map(({ id, to, until }) => (
          <span key={id}>
            <b>{to.name}</b> answers for you until <Instant ms={Date.parse(until)} />.{' '}
          </span>
        ))}
      {answersFor(items).map(({ id, from, until }) => (
        <span key={id}>
          You answer for <b>{from.name}</b> until <Instant ms={Date.parse(until)} />.{' '}
        </span>
      ))}
      <Link to="/settings/$section" params={{ section: 'you' }}>
        Change
      </Link>
    </p>
  )
}
