import type { Digest, DigestGroup } from '../report/api'
import classes from './digest.module.css'
import { groupWords, shareWords } from './title'

/** The body of a digest, here and at its approval. */
export function DigestText({ digest, formTitle }: { digest: Digest; formTitle: (type: string) => string }) {
  const groups = digest.content?.groups ?? []
  if (groups.length === 0) return <p className="dim">Too little was reported to say anything without saying of whom.</p>
  return (
    <div className={classes.body}>
      {groups.map((group, index) => (
        <Group key={index} group={group} formTitle={formTitle} />
      ))}
    </div>
  )
}

function Group({ group, formTitle }: { group: DigestGroup; formTitle: (type: string) => string }) {
  return (
    <section>
      <h3>{groupWords(group, formTitle)}</h3>
      <p className={classes.sums}>
        At least <b>{group.reports_min}</b> reports; {shareWords(group.accepted)} turned out right.
      </p>
      {group.lessons.length > 0 ? (
        <ul className={classes.list} aria-label="To learn from it">
          {group.lessons.map((lesson) => (
            <li key={lesson}>{lesson}</li>
          ))}
        </ul>
      ) : null}
    </section>
  )
}
