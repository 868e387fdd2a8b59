import { useQuery } from '@tanstack/react-query'
import { useEffect } from 'react'
import { Card, Problem, Waiting } from '../guest/controls'
import { loadPolicy } from '../report/api'
import classes from './policy.module.css'

/** By what reports are decided. */
export default function PolicyPage() {
  const policy = useQuery({ queryKey: ['policy'], queryFn: ({ signal }) => loadPolicy({ anonymous: true, signal }) })
  const isThere = policy.data !== undefined
  useEffect(() => {
    document.title = 'How reports are decided · Hue & Cry'
    // a decision links to its reason
    if (isThere && location.hash) document.getElementById(location.hash.slice(1))?.scrollIntoView()
  }, [isThere])
  if (policy.isPending) return <Waiting what="the policy" />
  if (policy.isError) return <Problem error={policy.error} what="The policy" retry={() => void policy.refetch()} />
  const { title, version, text, reasons } = policy.data
  return (
    <>
      <div>
        <h1>{title}</h1>
        <p className="dim">Version {version}. Every decision names the version that it was made under.</p>
      </div>
      <div className={classes.text}>
        {text
          .trim()
          .split(/\n{2,}/)
          .map((paragraph, index) => (
            <p key={index}>{paragraph.replaceAll('\n', ' ')}</p>
          ))}
      </div>
      <Card title="Reasons">
        <dl className={classes.reasons}>
          {reasons.map((reason) => (
            <div key={reason.id} id={reason.id}>
              <dt>
                {reason.title}{' '}
                {reason.counts_against ? <span className={classes.against}>counts against the reporter</span> : null}
              </dt>
              <dd>{reason.text}</dd>
            </div>
          ))}
        </dl>
      </Card>
    </>
  )
}
