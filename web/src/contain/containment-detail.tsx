import { Alert, Anchor, Button, Text } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { useState } from 'react'
import { isAbsent } from '../api/problem'
import { Empty } from '../feedback/empty'
import { Loading } from '../feedback/loading'
import { ProblemNote } from '../feedback/problem-note'
import { principalName, useNameOf } from '../people/people'
import { Instant } from '../time/instant'
import type { Containment, Plan } from './api'
import { containmentQuery } from './containments'
import classes from './contain.module.css'
import { Countdown } from './countdown'
import { Decide } from './decide'
import { Fact, PlanView } from './plan-view'
import { StateMark } from './state-mark'
import { planDifferences, stateWord, ttlWords, whyPairs } from './words'

/** A containment with all that helps to decide on it; in the pane of the list, or on its page. */
export function ContainmentDetail({ id, inPane = false }: { id: string; inPane?: boolean }) {
  const found = useQuery(containmentQuery(id))
  if (found.isPending) return <Loading lines={8} label="Loading the containment" />
  if (found.isError && isAbsent(found.error)) {
    return (
      <Empty title={<h1>There is no such containment, or you may not see it</h1>}>
        <code className="wrap">{id}</code>. Go to <Link to="/containments">all containments</Link>.
      </Empty>
    )
  }
  if (found.isError)
    return <ProblemNote error={found.error} what="The containment" retry={() => void found.refetch()} />
  return <Detail containment={found.data} inPane={inPane} />
}

function Detail({ containment, inPane }: { containment: Containment; inPane: boolean }) {
  // what was looked at; a plan that is made anew meanwhile is not it
  const [seen, setSeen] = useState<{ plan?: Plan | null; sha: string }>({
    plan: containment.plan,
    sha: containment.plan_sha256,
  })
  const changed = seen.sha !== containment.plan_sha256
  return (
    <article className={classes.detail}>
      <Head containment={containment} inPane={inPane} />
      <div className={classes.columns}>
        <div className={classes.main}>
          {changed ? (
            <PlanChanged
              seen={seen.plan}
              now={containment.plan}
              onSeen={() => setSeen({ plan: containment.plan, sha: containment.plan_sha256 })}
            />
          ) : null}
          {containment.plan ? (
            <PlanView
              plan={containment.plan}
              hash={containment.plan_sha256}
              revertAt={
                containment.kept ? (
                  'only when somebody does it: it is kept'
                ) : containment.in_effect && containment.revert_at ? (
                  <Countdown at={containment.revert_at} />
                ) : undefined
              }
            />
          ) : (
            <Text role="alert">Its plan cannot be read: it was written by another version of the product.</Text>
          )}
          <Decide containment={containment} seenSha={changed || !containment.plan ? null : seen.sha} />
          <History containment={containment} />
        </div>
        <aside className={classes.side} aria-label="Facts">
          <Votes containment={containment} />
          <Grounds containment={containment} />
          <Facts containment={containment} />
        </aside>
      </div>
    </article>
  )
}

function Head({ containment, inPane }: { containment: Containment; inPane: boolean }) {
  const name = useNameOf()
  const { incident, run, revert_at } = containment
  const Title = inPane ? 'h2' : 'h1'
  return (
    <header className={classes.head}>
      <div className={classes.badges}>
        {/* the state alone: a countdown that is read out each second drowns all else */}
        <span role="status">
          <StateMark state={containment.state} />
        </span>
        {containment.in_effect && revert_at ? (
          <span>
            taken back by itself <Countdown at={revert_at} />
          </span>
        ) : null}
        {containment.state === 'verified' && !revert_at ? (
          <span className="dim">until somebody takes it back</span>
        ) : null}
      </div>
      <Title className="wrap">
        {inPane ? (
          <Anchor
            inherit
            c="inherit"
            renderRoot={(props) => <Link {...props} to="/containments/$id" params={{ id: containment.id }} />}
          >
            {containment.title}
          </Anchor>
        ) : (
          containment.title
        )}{' '}
        <code className="wrap">{containment.target}</code>
      </Title>
      <Text>
        <b>{principalName(containment.requested_by, name)}</b> asked for it{' '}
        <Instant ms={Date.parse(containment.created_at)} />:{' '}
        <span className={classes.reason}>{containment.reason}</span>
      </Text>
      <Text className="dim">
        {incident ? (
          <>
            for the incident{' '}
            <Link to="/incidents/$id" params={{ id: incident }}>
              {containment.incident_title ?? incident}
            </Link>
          </>
        ) : (
          'for no incident'
        )}
        {run ? (
          <>
            {' '}
            · by a{' '}
            <Link to="/runs/$id" params={{ id: run }}>
              run of a playbook
            </Link>
          </>
        ) : null}{' '}
        · <code className="dim wrap">{containment.id}</code>
      </Text>
      {containment.broken_glass ? (
        <Alert color="red" variant="light" mt="xs" title="Glass was broken: it went on without its approvals">
          <span className="wrap">
            {principalName(containment.broken_glass.by, name)}: {containment.broken_glass.reason}
          </span>
        </Alert>
      ) : null}
      {containment.problem ? (
        <Alert color="red" variant="light" mt="xs" title="What went wrong last">
          <span className="wrap">{containment.problem}</span>
        </Alert>
      ) : null}
    </header>
  )
}

/** What was seen is not what would be done. */
function PlanChanged({ seen, now, onSeen }: { seen?: Plan | null; now?: Plan | null; onSeen: () => void }) {
  return (
    <Alert color="red" variant="light" role="alert" title="The plan changed after you looked">
      <Text>Nothing of yours was counted. What differs:</Text>
      <ul className={classes.standing}>
        {(seen && now ? planDifferences(seen, now) : []).map((each) => (
          <li key={each.what} className="wrap">
            {each.what}: you saw <b>{each.seen}</b>, now <b>{each.now}</b>
          </li>
        ))}
      </ul>
      <Button variant="default" onClick={onSeen}>
        I have seen it
      </Button>
    </Alert>
  )
}

function Votes({ containment }: { containment: Containment }) {
  const name = useNameOf()
  const { votes, decision, state } = containment
  const waits = state === 'awaiting_approval'
  return (
    <section aria-label="Approvals">
      <h3>Approvals</h3>
      <Text className="dim" size="xs">
        {decision.people === 0
          ? 'None was needed: it is applied by itself.'
          : `${String(decision.people)} ${decision.people === 1 ? 'person' : 'people'} other than who asked`}
        {decision.quorum && decision.quorum.length > 0 ? `, among them ${decision.quorum.join(' and ')}` : ''}
      </Text>
      <ul className={`${classes.plain ?? ''} ${classes.votes ?? ''}`}>
        {votes.map((vote) => (
          <li key={vote.person}>
            <b>{vote.approves ? 'Yes' : 'No'}</b> by {vote.name ?? name(vote.person)}
            {vote.delegated_from ? ` for ${vote.delegated_from_name ?? name(vote.delegated_from)}` : ''},{' '}
            <Instant ms={Date.parse(vote.at)} relative />
            {vote.reason ? <div className={classes.reason}>{vote.reason}</div> : null}
          </li>
        ))}
        {waits
          ? Array.from({ length: containment.approvals_missing }, (_, place) => (
              <li key={`missing ${String(place)}`} className="dim">
                somebody is missing
              </li>
            ))
          : null}
      </ul>
      {waits && decision.expires_at ? (
        <Text size="xs">
          can be approved until <Instant ms={Date.parse(decision.expires_at)} />; then it is not done
        </Text>
      ) : null}
    </section>
  )
}

/** Why that many must approve. */
function Grounds({ containment }: { containment: Containment }) {
  const pairs = whyPairs(containment.decision.why)
  if (pairs.length === 0) return null
  return (
    <section aria-label="Grounds">
      <h3>Decided by</h3>
      <dl className={classes.facts}>
        {pairs.map(([name, value]) => (
          <Fact key={name} name={name}>
            {value}
          </Fact>
        ))}
      </dl>
    </section>
  )
}

function Facts({ containment }: { containment: Containment }) {
  const facts = Object.entries(containment.facts ?? {})
  const inputs = Object.entries(containment.inputs)
  return (
    <section aria-label="What was found">
      {inputs.length > 0 ? (
        <>
          <h3>Said with it</h3>
          <Pairs pairs={inputs} />
        </>
      ) : null}
      <h3>What was found</h3>
      {facts.length === 0 ? <Text className="dim">nothing was looked at yet</Text> : <Pairs pairs={facts} />}
      {containment.ttl_minutes ? (
        <Text className="dim" size="xs" mt="xs">
          holds for {ttlWords(containment.ttl_minutes)} once it is applied
        </Text>
      ) : null}
    </section>
  )
}

function Pairs({ pairs }: { pairs: [string, string][] }) {
  return (
    <dl className={classes.facts}>
      {pairs.map(([name, value]) => (
        <Fact key={name} name={name.replaceAll('_', ' ')}>
          {value === '' ? <span className="dim">empty</span> : <code className="wrap">{value}</code>}
        </Fact>
      ))}
    </dl>
  )
}

/** How it came to where it stands, the last first. */
function History({ containment }: { containment: Containment }) {
  const name = useNameOf()
  return (
    <section aria-label="History">
      <h3>History</h3>
      <ol className={`${classes.plain ?? ''} ${classes.history ?? ''}`} reversed>
        {containment.history.toReversed().map((step) => (
          <li key={`${step.state} ${step.at}`}>
            <span>
              {stateWord(step.state)} <span className="dim">by {principalName(step.by, name)}</span>
            </span>
            <Instant ms={Date.parse(step.at)} />
            {step.reason ? <span className={classes.reason}>{step.reason}</span> : null}
          </li>
        ))}
      </ol>
    </section>
  )
}
