import { Badge } from '@mantine/core'
import type { PlaybookStep, Rehearsal } from './api'
import classes from './playbook.module.css'
import { isCommand, readable, readSteps } from './steps'
import { kindWord } from './words'

const DEPTH_MAX = 4

/** A playbook's steps as they are read. */
export function StepsView({ steps }: { steps: readonly PlaybookStep[] }) {
  return (
    <ol className={classes.steps}>
      {readSteps(steps).map(({ step, depth, when, again }, place) => (
        <li key={`${step.id} ${String(place)}`} className={classes.step} data-depth={Math.min(depth, DEPTH_MAX)}>
          {when ? <div className={classes.when}>{when}</div> : null}
          {again && step.kind === 'end' ? (
            <span className="dim">it ends</span>
          ) : again ? (
            <span className="dim">goes on with “{step.name ?? kindWord(step.kind)}”</span>
          ) : (
            <>
              <div className={classes.stepHead}>
                <b className="wrap">{step.name ?? kindWord(step.kind)}</b>
                {step.kind === 'action' ? null : <Badge>{kindWord(step.kind)}</Badge>}
              </div>
              {step.description ? <p className={classes.stepText}>{step.description}</p> : null}
              {step.text ? <StepText text={step.text} /> : null}
            </>
          )}
        </li>
      ))}
    </ol>
  )
}

function StepText({ text }: { text: string }) {
  return (
    <p className={`${classes.stepText ?? ''} ${isCommand(text) ? (classes.command ?? '') : ''}`}>{readable(text)}</p>
  )
}

/** What a run would do, in its order. */
export function RehearsalView({ rehearsal }: { rehearsal: Rehearsal }) {
  return (
    <section aria-label="Rehearsal" data-testid="rehearsal">
      <p className="dim">If everything goes well, in this order; nothing was done:</p>
      <ol className={classes.steps}>
        {rehearsal.steps.map((step, place) => (
          <li key={`${step.step} ${String(place)}`} className={classes.step}>
            <div className={classes.stepHead}>
              <b className="wrap">{step.name}</b>
              <Badge>{kindWord(step.kind)}</Badge>
            </div>
            <StepText text={step.text} />
          </li>
        ))}
      </ol>
      {rehearsal.steps.length === 0 ? <p className="dim">Nothing would be done.</p> : null}
    </section>
  )
}
