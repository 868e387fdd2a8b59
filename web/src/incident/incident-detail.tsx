import { Anchor, Badge, Tabs } from '@mantine/core'
import { useQuery, useQueryClient } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { lazy, Suspense, useEffect, useRef, useState } from 'react'
import type { Incident, WholeIncident } from '../api/pending'
import { isAbsent } from '../api/problem'
import { Empty } from '../feedback/empty'
import { Loading } from '../feedback/loading'
import { ProblemNote } from '../feedback/problem-note'
import { useKeys } from '../layout/keys'
import { learnNames, useNameOf } from '../people/people'
import { useRuleTitle } from '../rules/titles'
import { SeverityMark } from '../severity/severity-mark'
import { count } from '../time/format'
import { Instant } from '../time/instant'
import { MergedNote, OtherIncidents } from './other-incidents'
import { CommentBox } from './comment-box'
import { DecisionBar } from './decision-bar'
import type { Desk } from './desk'
import { FindingsView } from './findings-view'
import { GraphView } from './graph-view'
import { incidentQuery } from './incident'
import classes from './incident.module.css'
import { headline } from './naming'
import { TimelineView } from './timeline-view'
import { statusWord, verdictWord } from './words'

/** Comes after the first screen: most of the queue is read without it. */
const IncidentContainment = lazy(() => import('../contain/incident-section'))

/** An incident with everything that belongs to it; in the pane of the queue, or on its page. */
export function IncidentDetail({
  id,
  desk,
  inPane = false,
  place = null,
}: {
  id: string
  desk: Desk
  inPane?: boolean
  /** Where it stands in the queue. */
  place?: React.ReactNode
}) {
  const asked = useQuery(incidentQuery(id))
  if (asked.isPending) return <Loading lines={8} label="Loading the incident" />
  if (asked.isError && isAbsent(asked.error)) return <Absent id={id} />
  if (asked.isError) {
    return (
      <div className={classes.detail}>
        <ProblemNote error={asked.error} what="The incident" retry={() => void asked.refetch()} />
      </div>
    )
  }
  return <Detail whole={asked.data} desk={desk} inPane={inPane} place={place} />
}

/** There is none, or it is hidden: the answer is the same, so the words are. */
function Absent({ id }: { id: string }) {
  return (
    <div className={classes.detail}>
      <Empty title={<h1 className={classes.title}>There is no such incident, or you may not see it</h1>}>
        <code className="wrap">{id}</code>. Ask who sent you here whether it is restricted, or go to{' '}
        <Link to="/queue">the queue</Link>.
      </Empty>
    </div>
  )
}

interface DetailProps {
  whole: WholeIncident
  desk: Desk
  inPane: boolean
  place: React.ReactNode
}

function Detail({ whole, desk, inPane, place }: DetailProps) {
  const { incident } = whole
  const [tab, setTab] = useState<string | null>('timeline')
  const [finding, setFinding] = useState<string | null>(null)
  const comment = useRef<HTMLTextAreaElement>(null)
  const client = useQueryClient()
  useEffect(
    () =>
      learnNames(
        client,
        whole.history.items.map((record) => record.principal),
      ),
    [client, whole.history.items],
  )
  const focusComment = () => {
    setTab('timeline')
    setTimeout(() => comment.current?.focus())
  }
  useKeys({ c: focusComment }, !desk.isAsking)
  const showFinding = (shown: string) => {
    setFinding(shown)
    setTab('findings')
  }
  return (
    <article className={classes.detail} data-pane={inPane || undefined}>
      <header className={classes.header}>
        <div className={classes.headline}>
          <SeverityMark severity={incident.severity} bare={inPane} />
          <Badge>{statusWord(incident.status)}</Badge>
          {incident.verdict ? <Badge color="indigo">{verdictWord(incident.verdict)}</Badge> : null}
          {incident.severity_override ? <Badge>machine says {incident.machine_severity}</Badge> : null}
          {incident.visibility && incident.visibility !== 'everyone' ? (
            <Badge color="indigo">seen by: {incident.visibility}</Badge>
          ) : null}
          <code className="dim">{incident.id}</code>
          {place}
        </div>
        <Title incident={incident} inPane={inPane} />
        {incident.merged_into ? <MergedNote incident={incident} /> : <DecisionBar incident={incident} desk={desk} />}
      </header>
      <Suspense>
        <IncidentContainment whole={whole} />
      </Suspense>
      <div className={classes.body}>
        <Facts whole={whole} brief={inPane} />
        <Tabs value={tab} onChange={setTab} keepMounted={false} className={classes.tabs}>
          <Tabs.List>
            <Tabs.Tab value="timeline">Timeline</Tabs.Tab>
            <Tabs.Tab value="findings">Findings · {count(incident.findings)}</Tabs.Tab>
            <Tabs.Tab value="graph">Entities</Tabs.Tab>
          </Tabs.List>
          <Tabs.Panel value="timeline" pt="sm">
            <CommentBox id={incident.id} box={comment} />
            <TimelineView whole={whole} onFinding={showFinding} />
          </Tabs.Panel>
          <Tabs.Panel value="findings" pt="sm">
            <FindingsView key={finding} incident={incident} shown={finding} />
          </Tabs.Panel>
          <Tabs.Panel value="graph" pt="sm">
            <GraphView whole={whole} />
          </Tabs.Panel>
        </Tabs>
      </div>
    </article>
  )
}

function Title({ incident, inPane }: { incident: Incident; inPane: boolean }) {
  const { what, about } = headline(incident)
  const words = (
    <>
      {what}
      {about ? (
        <span className={classes.about} title={incident.group.kind}>
          {about}
        </span>
      ) : null}
    </>
  )
  if (!inPane) return <h1 className={classes.title}>{words}</h1>
  return (
    <h2 className={classes.title}>
      <Link to="/incidents/$id" params={{ id: incident.id }}>
        {words}
      </Link>
    </h2>
  )
}

function Facts({ whole, brief }: { whole: WholeIncident; brief: boolean }) {
  const { incident } = whole
  const name = useNameOf()
  return (
    <aside className={classes.side} aria-label="Facts">
      <dl className={classes.sideFacts}>
        <Fact name="Owner">
          {incident.owner ?? <span className="dim">not known: no catalogue entry claims it</span>}
        </Fact>
        <Fact name="On call">
          <span className="dim">not configured</span>
        </Fact>
        <Fact name="Assignee">{incident.assignee ? name(incident.assignee) : <span className="dim">nobody</span>}</Fact>
        <Fact name="Service">
          {incident.service ?? <span className="dim">not known</span>}
          {incident.criticality ? (
            <span className="dim"> · {[incident.criticality, incident.environment].filter(Boolean).join(', ')}</span>
          ) : null}
        </Fact>
        <Fact name="Seen">
          <Instant ms={incident.first_seen_ms} /> – <Instant ms={incident.last_seen_ms} />
        </Fact>
        {incident.related ? (
          <Fact name="Follows">
            <Anchor
              size="sm"
              renderRoot={(props) => <Link {...props} to="/incidents/$id" params={{ id: incident.related ?? '' }} />}
            >
              a decided incident
            </Anchor>
          </Fact>
        ) : null}
        {headline(incident).about ? null : (
          <Fact name="About" wide>
            <span className="dim">{incident.group.kind}</span> {incident.group.value}
          </Fact>
        )}
        {brief ? null : (
          <Fact name="Tactics" wide>
            {incident.tactics.map((tactic) => tactic.replace('attack.', '').replaceAll('-', ' ')).join(', ') ||
              'none named'}
          </Fact>
        )}
      </dl>
      <OtherIncidents whole={whole} />
      {brief ? null : <Lists whole={whole} />}
    </aside>
  )
}

function Fact({ name, wide = false, children }: { name: string; wide?: boolean; children: React.ReactNode }) {
  return (
    <div data-wide={wide || undefined}>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  )
}

function Lists({ whole }: { whole: WholeIncident }) {
  const ruleTitle = useRuleTitle()
  const entities = new Map(
    whole.findings.items
      .flatMap((finding) => finding.entities)
      .map((entity) => [`${entity.kind}:${entity.value}`, entity]),
  )
  return (
    <div className={classes.lists}>
      <h3 className={classes.sideHead}>Named in its findings</h3>
      <ul className={classes.entities}>
        {[...entities.values()].slice(0, 12).map((entity) => (
          <li key={`${entity.kind}:${entity.value}`}>
            <span className="dim">{entity.kind}</span>{' '}
            <Anchor
              size="sm"
              className="wrap"
              title="Incidents about this"
              renderRoot={(props) => <Link {...props} to="/queue" search={{ entity: entity.value, status: 'any' }} />}
            >
              {entity.value}
            </Anchor>
          </li>
        ))}
      </ul>
      <h3 className={classes.sideHead}>Rules</h3>
      <ul className={classes.entities}>
        {whole.incident.rules.map((rule) => (
          <li key={rule}>
            <Anchor
              size="sm"
              className="wrap"
              renderRoot={(props) => <Link {...props} to="/rules/$id" params={{ id: rule }} />}
            >
              {ruleTitle(rule)}
            </Anchor>
          </li>
        ))}
      </ul>
    </div>
  )
}
