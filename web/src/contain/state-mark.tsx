import type { ContainmentState } from './api'
import classes from './contain.module.css'
import { stateTone, stateWord } from './words'

/** A state by mark and words. */
export function StateMark({ state }: { state: ContainmentState }) {
  return (
    <span className={classes.state} data-state={state} data-tone={stateTone(state)} data-testid="containment-state">
      {stateWord(state)}
    </span>
  )
}
