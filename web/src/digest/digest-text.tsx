import type { Digest } from '../report/api'
import classes from './digest.module.css'
import { partsOf, type Part } from './parts'

/** The body of a digest, here and at its approval. */
export function DigestText({ digest }: { digest: Digest }) {
  return (
    <div className={classes.body}>
      {digest.text ? <p className={classes.text}>{digest.text}</p> : null}
      {partsOf(digest.content).map((part, index) => (
        <PartOf key={index} part={part} />
      ))}
    </div>
  )
}

function PartOf({ part }: { part: Part }) {
  return (
    <section>
      {part.title ? <h3>{part.title}</h3> : null}
      {part.texts.map((text, index) => (
        <p key={index} className={classes.text}>
          {text}
        </p>
      ))}
      {part.sums.length > 0 ? (
        <dl className={classes.sums}>
          {part.sums.map(({ label, value }) => (
            <div key={label}>
              <dt>{label}</dt>
              <dd>{value}</dd>
            </div>
          ))}
        </dl>
      ) : null}
    </section>
  )
}
