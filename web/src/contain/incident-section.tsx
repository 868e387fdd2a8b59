import { Button } from '@mantine/core'
import { IconListCheck, IconLock } from '@tabler/icons-react'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { useState } from 'react'
import type { WholeIncident } from '../api/pending'
import { isMissingRoute } from '../api/problem'
import { noticeDone } from '../feedback/notices'
import { runsOfIncidentQuery } from '../playbook/playbooks'
import { RunDialog } from '../playbook/run-dialog'
import { RunMark } from '../playbook/state-mark'
import { nowWords } from '../playbook/words'
import { useMay } from '../session/use-session'
import { undo, type Containment } from './api'
import { containmentsChanged, isOvertaken, keepNew, ofIncidentQuery } from './containments'
import classes from './contain.module.css'
import { Countdown } from './countdown'
import { ReasonForm } from './reason-form'
import { Refused } from './refused'
import { RequestDialog } from './request-dialog'
import { StateMark } from './state-mark'
import { ordered } from './tabs'
import { isEnded } from './words'

/** What is over stands here only while there is room; what is not always does. */
const ROWS_MAX = 5

/** What was stopped because of an incident, what runs for it, and what else can be done. */
export default function IncidentContainment({ whole }: { whole: WholeIncident }) {
  const { incident } = whole
  const mayRead = useMay('containments:read')
  const mayRequest = useMay('containments:request')
  const [dialog, setDialog] = useState<'contain' | 'run' | null>(null)
  const containments = useQuery({ ...ofIncidentQuery(incident.id), enabled: mayRead })
  const runs = useQuery({ ...runsOfIncidentQuery(incident.id), enabled: mayRead })
  const entities = whole.findings.items.flatMap((finding) => finding.entities)
  // a server without containment, and one who may only look where there is nothing, see no empty box
  if (!mayRead || (containments.isError && isMissingRoute(containments.error))) return null
  const all = ordered(containments.data ?? [], 'all').toSorted(
    (a, b) => Number(isEnded(a.state)) - Number(isEnded(b.state)),
  )
  const shown = all.filter((each, place) => place < ROWS_MAX || !isEnded(each.state))
  const nothing = (containments.data?.length ?? 0) + (runs.data?.length ?? 0) === 0
  if (nothing && !mayRequest) return null
  return (
    <section className={classes.of} aria-label="Containment">
      <div className={classes.ofHead}>
        <h2>Containment {nothing && containments.data ? <span className="dim">· nothing yet</span> : null}</h2>
        {mayRequest && !incident.merged_into ? (
          <>
            <Button variant="default" leftSection={<IconLock size={15} />} onClick={() => setDialog('contain')}>
              Contain…
            </Button>
            <Button variant="default" leftSection={<IconListCheck size={15} />} onClick={() => setDialog('run')}>
              Run a playbook…
            </Button>
          </>
        ) : null}
      </div>
      <ul className={classes.plain}>
        {shown.map((containment) => (
          <Row key={containment.id} containment={containment} />
        ))}
        {(runs.data ?? []).map((run) => (
          <li key={run.id}>
            <span className={classes.ofWhat}>
              <Link to="/runs/$id" params={{ id: run.id }}>
                {run.playbook_name}
              </Link>
            </span>
            <span className="dim">playbook · {nowWords(run)}</span>
            <RunMark state={run.state} />
          </li>
        ))}
        {shown.length < all.length ? (
          <li>
            <Link to="/containments" search={{ tab: 'all', incident: incident.id }}>
              {all.length - shown.length} more that ended
            </Link>
          </li>
        ) : null}
      </ul>
      <RequestDialog
        opened={dialog === 'contain'}
        onClose={() => setDialog(null)}
        incident={incident.id}
        entities={entities}
      />
      <RunDialog opened={dialog === 'run'} onClose={() => setDialog(null)} incident={incident.id} entities={entities} />
    </section>
  )
}

function Row({ containment }: { containment: Containment }) {
  const client = useQueryClient()
  const [asked, setAsked] = useState(false)
  const back = useMutation({
    mutationFn: (reason: string) => undo(containment, reason),
    onSuccess: (now) => {
      setAsked(false)
      keepNew(client, now)
      noticeDone('It is being taken back, and verified')
    },
    onError: (error) => {
      if (isOvertaken(error)) containmentsChanged(client)
    },
  })
  return (
    <li>
      <span className={classes.ofWhat}>
        <Link to="/containments/$id" params={{ id: containment.id }}>
          {containment.title} <code>{containment.target}</code>
        </Link>
      </span>
      {containment.in_effect && containment.revert_at ? (
        <span className="dim">
          taken back <Countdown at={containment.revert_at} />
        </span>
      ) : null}
      <StateMark state={containment.state} />
      {containment.can.undo && !asked ? (
        <Button variant="subtle" size="compact-xs" onClick={() => setAsked(true)}>
          Undo…
        </Button>
      ) : null}
      {asked ? (
        <ReasonForm
          label="Why is it taken back?"
          word="Take it back"
          busy={back.isPending}
          onLeave={() => setAsked(false)}
          onReason={(reason) => back.mutate(reason)}
        />
      ) : null}
      {back.isError ? <Refused error={back.error} what="It was not taken back" /> : null}
    </li>
  )
}
