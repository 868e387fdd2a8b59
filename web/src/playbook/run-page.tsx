import { Button } from '@mantine/core'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { Link, useParams } from '@tanstack/react-router'
import { useState } from 'react'
import { isAbsent } from '../api/problem'
import { isOvertaken } from '../contain/containments'
import { Countdown } from '../contain/countdown'
import { ReasonForm } from '../contain/reason-form'
import { Refused } from '../contain/refused'
import { Empty } from '../feedback/empty'
import { Loading } from '../feedback/loading'
import { noticeDone } from '../feedback/notices'
import { ProblemNote } from '../feedback/problem-note'
import { Page } from '../layout/page'
import { principalName, useNameOf } from '../people/people'
import { Instant } from '../time/instant'
import { stopRun, type Run } from './api'
import classes from './playbook.module.css'
import { keepRun, runQuery } from './playbooks'
import { RunTask } from './run-task'
import { RunMark } from './state-mark'

/** A run, step by step; what waits for a person is answered here. */
export function RunPage() {
  const { id } = useParams({ from: '/runs/$id' })
  const found = useQuery(runQuery(id))
  if (found.isPending) return <Loading lines={10} />
  if (found.isError && isAbsent(found.error)) {
    return (
      <Empty title={<h1>There is no such run, or you may not see it</h1>}>
        <code className="wrap">{id}</code>. Go to <Link to="/runs">all runs</Link>.
      </Empty>
    )
  }
  if (found.isError) return <ProblemNote error={found.error} what="The run" retry={() => void found.refetch()} />
  return <Whole run={found.data} />
}

function Whole({ run }: { run: Run }) {
  const name = useNameOf()
  return (
    <Page
      title={run.playbook_name}
      about={
        <>
          {principalName(run.requested_by, name)} began it <Instant ms={Date.parse(run.started_at)} />:{' '}
          <i className="wrap">{run.reason}</i>
        </>
      }
    >
      <dl className={classes.about}>
        <Fact name="State">
          <span role="status">
            <RunMark state={run.state} />
          </span>
        </Fact>
        {run.ended_at ? (
          <Fact name="Ended">
            <Instant ms={Date.parse(run.ended_at)} />
          </Fact>
        ) : (
          <Fact name="Time is over">
            <Countdown at={run.ends_by} />
          </Fact>
        )}
        {run.incident ? (
          <Fact name="Incident">
            <Link to="/incidents/$id" params={{ id: run.incident }}>
              …{run.incident.slice(-6)}
            </Link>
          </Fact>
        ) : null}
        {run.parent ? (
          <Fact name="Begun by">
            <Link to="/runs/$id" params={{ id: run.parent }}>
              another run
            </Link>
          </Fact>
        ) : null}
        <Fact name="Playbook">
          <Link to="/playbooks/$id" params={{ id: run.playbook }}>
            its steps
          </Link>
        </Fact>
        {run.end?.reason ? <Fact name="Why it ended">{run.end.reason}</Fact> : null}
      </dl>
      <ol className={classes.run} aria-label="Steps">
        {run.steps.map((task) => (
          <RunTask key={task.task} run={run} task={task} />
        ))}
      </ol>
      {run.steps.length === 0 ? <p className="dim">No step has begun yet.</p> : null}
      <Stop run={run} />
    </Page>
  )
}

function Stop({ run }: { run: Run }) {
  const client = useQueryClient()
  const [asked, setAsked] = useState(false)
  const stop = useMutation({
    mutationFn: (reason: string) => stopRun(run, reason),
    onSuccess: (now) => {
      setAsked(false)
      keepRun(client, now)
      noticeDone('Stopped; what is in effect stays so until it is taken back')
    },
    onError: (error) => {
      if (isOvertaken(error)) void client.invalidateQueries({ queryKey: ['run', run.id] })
    },
  })
  if (!run.can.stop || run.state !== 'running') return null
  return (
    <section aria-label="Stop" className={classes.run}>
      {asked ? (
        <ReasonForm
          label="Why is it stopped?"
          description="No further step is begun. What is in effect already stays until it ends or is taken back."
          word="Stop the run"
          grave
          busy={stop.isPending}
          onLeave={() => setAsked(false)}
          onReason={(reason) => stop.mutate(reason)}
        />
      ) : (
        <Button variant="default" onClick={() => setAsked(true)}>
          Stop it…
        </Button>
      )}
      {stop.isError ? <Refused error={stop.error} what="It was not stopped" /> : null}
    </section>
  )
}

function Fact({ name, children }: { name: string; children: React.ReactNode }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  )
}
