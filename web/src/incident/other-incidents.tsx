import { Alert, Anchor, Button, CloseButton } from '@mantine/core'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import type { Incident, LinkedIncident, WholeIncident } from '../api/pending'
import { noticeDone, noticeError } from '../feedback/notices'
import { unlink, unmerge } from './case'
import classes from './incident.module.css'
import { shortTitle } from './naming'
import { statusWord } from './words'

/** `related` from both sides, `caused_by` and `duplicate_of` from each. */
export function linkWords({ kind, direction }: Pick<LinkedIncident, 'kind' | 'direction'>): string {
  if (kind === 'caused_by') return direction === 'to' ? 'caused by' : 'the cause of'
  if (kind === 'duplicate_of') return direction === 'to' ? 'a duplicate of' : 'duplicated by'
  return 'related to'
}

function useMove(done: string, failed: string) {
  const client = useQueryClient()
  return useMutation({
    mutationFn: (move: () => Promise<unknown>) => move(),
    onSuccess: () => {
      noticeDone(done)
      void client.invalidateQueries({ queryKey: ['incident'] })
      void client.invalidateQueries({ queryKey: ['incidents'] })
      void client.invalidateQueries({ queryKey: ['facets'] })
    },
    onError: (error) => noticeError(failed, error),
  })
}

/** What it has to do with: links that people made, and what was merged into it. */
export function OtherIncidents({ whole }: { whole: WholeIncident }) {
  const { incident, links = [], merged = [] } = whole
  const cut = useMove('The link is gone', 'The link was not taken back')
  const back = useMove('Given back', 'It was not given back')
  return (
    <>
      {links.length > 0 ? (
        <>
          <h3 className={classes.sideHead}>Linked</h3>
          <ul className={classes.entities}>
            {links.map((link) => (
              <li key={`${link.direction}${link.kind}${link.incident}`} className={classes.other}>
                <span>
                  <span className="dim">{linkWords(link)}</span> <To id={link.incident} title={link.title} />{' '}
                  <span className="dim">{statusWord(link.status)}</span>
                </span>
                {link.direction === 'to' ? (
                  <CloseButton
                    size="xs"
                    aria-label={`Take back the link to ${link.title}`}
                    onClick={() => cut.mutate(() => unlink(incident, link.incident))}
                  />
                ) : null}
              </li>
            ))}
          </ul>
        </>
      ) : null}
      {merged.length > 0 ? (
        <>
          <h3 className={classes.sideHead}>Merged into this</h3>
          <ul className={classes.entities}>
            {merged.map((other) => (
              <li key={other.id} className={classes.other}>
                <To id={other.id} title={other.title} />
                <Button
                  variant="subtle"
                  size="compact-xs"
                  loading={back.isPending}
                  onClick={() => back.mutate(() => unmerge(other))}
                >
                  Give back
                </Button>
              </li>
            ))}
          </ul>
        </>
      ) : null}
    </>
  )
}

function To({ id, title }: { id: string; title: string }) {
  return (
    <Anchor size="sm" className="wrap" renderRoot={(props) => <Link {...props} to="/incidents/$id" params={{ id }} />}>
      <span title={title}>{shortTitle(title)}</span>
    </Anchor>
  )
}

/** In place of decisions: this one is a part of another. */
export function MergedNote({ incident }: { incident: Incident }) {
  const back = useMove('Unmerged', 'It was not unmerged')
  return (
    <Alert variant="light" title="Merged">
      This is a part of <To id={incident.merged_into ?? ''} title="another incident" />; decide there.{' '}
      <Button variant="default" loading={back.isPending} onClick={() => back.mutate(() => unmerge(incident))}>
        Unmerge
      </Button>
    </Alert>
  )
}
