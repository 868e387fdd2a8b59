import type { Digest } from '../report/api'
import classes from './digest.module.css'

/** The body of a digest, here and at its approval. */
export function DigestText({ digest }: { digest: Digest }) {
  return (
    <div className={classes.body}>
      <p className={classes.text}>{digest.text}</p>
      {digest.sections.map((section) => (
        <section key={section.title}>
          <h3>{section.title}</h3>
          {section.text ? <p className={classes.text}>{section.text}</p> : null}
          <dl className={classes.sums}>
            {section.items.map(({ label, count }) => (
              <div key={label}>
                <dt>{label}</dt>
                <dd>{count}</dd>
              </div>
            ))}
          </dl>
        </section>
      ))}
      <p className="dim">No number stands for fewer than {digest.k} reporters.</p>
    </div>
  )
}
