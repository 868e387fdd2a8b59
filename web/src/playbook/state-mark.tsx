import type { RunState, StepState } from './api'
import classes from './playbook.module.css'
import { runTone, runWord, stepTone, stepWord } from './words'

/** A run's state by mark and words. */
export function RunMark({ state }: { state: RunState }) {
  return (
    <span className={classes.state} data-state={state} data-tone={runTone(state)} data-testid="run-state">
      {runWord(state)}
    </span>
  )
}

/** A step's state by mark and words. */
export function StepMark({ state }: { state: StepState }) {
  return (
    <span className={classes.state} data-state={state} data-tone={stepTone(state)}>
      {stepWord(state)}
    </span>
  )
}
