import type { Plan, PlannedChange } from './api'
import classes from './contain.module.css'
import { impactWords, reversibilityWords, ttlWords } from './words'

/** Everything that a plan says, so that somebody can approve exactly that. */
export function PlanView({ plan, hash, revertAt }: { plan: Plan; hash: string; revertAt?: React.ReactNode }) {
  const { target, blast_radius: radius } = plan
  const felt = [
    ...radius.services.map((service) => `service ${service}`),
    ...(radius.people == null ? [] : [`${String(radius.people)} ${radius.people === 1 ? 'person' : 'people'}`]),
    ...radius.notes,
  ]
  return (
    <section className={classes.plan} aria-label="The plan">
      <div>
        <h3>What changes</h3>
        <Changes changes={plan.changes} />
      </div>
      <dl className={classes.facts}>
        <Fact name="Target">
          {target.kind} <code className="wrap">{target.name}</code>
        </Fact>
        <Fact name="Belongs to">
          {target.belongs_to.length > 0 ? (
            target.belongs_to.map(({ kind, name }) => (
              <div key={`${kind} ${name}`}>
                {kind} <code className="wrap">{name}</code>
              </div>
            ))
          ) : (
            <span className="dim">nothing that is known</span>
          )}
        </Fact>
        {(plan.about ?? []).map(({ title, text }) => (
          <Fact key={title} name={title.charAt(0).toUpperCase() + title.slice(1)}>
            <span className="wrap">{text}</span>
          </Fact>
        ))}
        <Fact name="Who else feels it">
          {felt.length > 0 ? (
            <ul className={classes.plain}>
              {felt.map((each) => (
                <li key={each}>{each}</li>
              ))}
            </ul>
          ) : (
            <span className="dim">nobody can say</span>
          )}
        </Fact>
        <Fact name="Impact">
          <span className={plan.impact === 'high' ? classes.warn : undefined}>{impactWords(plan.impact)}</span>
        </Fact>
        <Fact name="Afterwards">
          <span className={plan.reversibility === 'irreversible' ? classes.warn : undefined}>
            {reversibilityWords(plan.reversibility)}
          </span>
        </Fact>
        {plan.reversibility === 'reversible' ? (
          <Fact name="Taken back">
            {revertAt ??
              (plan.ttl_minutes
                ? `by itself, ${ttlWords(plan.ttl_minutes)} after it is applied`
                : 'only when somebody does it')}
          </Fact>
        ) : null}
        <Fact name="Plan">
          <code title={hash}>{hash.slice(0, 12)}</code>{' '}
          <span className="dim">
            {plan.action}, version {plan.action_version}
          </span>
        </Fact>
      </dl>
    </section>
  )
}

function Changes({ changes }: { changes: readonly PlannedChange[] }) {
  if (changes.length === 0) return <p className="dim">The action says of no change.</p>
  return (
    <table className={classes.changes}>
      <thead>
        <tr>
          <th scope="col">Of what</th>
          <th scope="col">Before</th>
          <th scope="col">After</th>
        </tr>
      </thead>
      <tbody>
        {changes.map(({ what, before, after }) => (
          <tr key={what}>
            <th scope="row" className="wrap">
              {what}
            </th>
            <td className={classes.before}>{before}</td>
            <td className={classes.after}>{after}</td>
          </tr>
        ))}
      </tbody>
    </table>
  )
}

export function Fact({ name, children }: { name: string; children: React.ReactNode }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  )
}
