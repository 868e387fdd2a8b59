import { Anchor, Button, Group, Modal, SegmentedControl, Text, Textarea } from '@mantine/core'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { Link, useParams } from '@tanstack/react-router'
import { useState } from 'react'
import { api, unwrap } from '../api/client'
import type { components } from '../api/schema'
import { CopyBlock } from '../feedback/copy-block'
import { Loading } from '../feedback/loading'
import { noticeDone } from '../feedback/notices'
import { ProblemNote } from '../feedback/problem-note'
import { Page, Section } from '../layout/page'
import { useMay } from '../session/use-session'
import { SeverityMark } from '../severity/severity-mark'
import { count } from '../time/format'
import { Instant, useNow } from '../time/instant'
import { lastDays } from './days'
import { Explain } from './explain'
import incidentClasses from '../incident/incident.module.css'
import { StageBadge } from './rules-page'
import classes from './rules.module.css'

type Activity = components['schemas']['RuleActivity']

export function RulePage() {
  const { id } = useParams({ from: '/rules/$id' })
  const found = useQuery({
    queryKey: ['rule', id],
    queryFn: ({ signal }) => unwrap(api.GET('/api/v1/rules/{id}', { params: { path: { id } }, signal })),
  })
  if (found.isPending) return <Loading lines={8} />
  if (found.isError)
    return (
      <Page title="Rule">
        <ProblemNote error={found.error} what="The rule" retry={() => void found.refetch()} />
      </Page>
    )
  return <Rule rule={found.data} />
}

function Rule({ rule }: { rule: Activity }) {
  const may = useMay('rules:write')
  const [deciding, setDeciding] = useState(false)
  return (
    <Page
      title={rule.title}
      about={
        <Group gap="sm">
          <SeverityMark severity={rule.level} />
          <StageBadge rule={rule} />
          <code className="wrap">{rule.file}</code>
        </Group>
      }
      tools={
        <>
          <Anchor
            size="sm"
            renderRoot={(props) => <Link {...props} to="/queue" search={{ rule: rule.id, status: 'any' }} />}
          >
            Its incidents
          </Anchor>
          {may ? (
            <Button variant="default" onClick={() => setDeciding(true)}>
              Decide its stage…
            </Button>
          ) : null}
        </>
      }
    >
      <div className={classes.columns}>
        <Section title="What it did">
          <Days days={rule.days} />
          <dl className={incidentClasses.facts}>
            <dt>Matches</dt>
            <dd>{count(rule.matches)}</dd>
            <dt>Last matched</dt>
            <dd>
              {rule.last_match_ms ? (
                <Instant ms={rule.last_match_ms} />
              ) : (
                'never: see below whether it would match an event of yours'
              )}
            </dd>
            <dt>First loaded</dt>
            <dd>{rule.first_loaded_ms ? <Instant ms={rule.first_loaded_ms} /> : 'not known'}</dd>
            <dt>Its own tests</dt>
            <dd>{rule.tests}</dd>
            <dt>Stage</dt>
            <dd>
              {rule.stage}: {rule.stage_reason}
            </dd>
            <dt>Findings a day at most</dt>
            <dd>{rule.alert_budget ?? 'no budget'}</dd>
            <dt>Id, hash</dt>
            <dd className="mono wrap">
              {rule.id} · {rule.hash.slice(0, 16)}…
            </dd>
          </dl>
        </Section>
        <Section title="Events it matched lately">
          <Samples rule={rule} />
        </Section>
      </div>
      <Section
        title="Would it match this event?"
        about="Paste one: each field it looks at is shown with what the record has there. Nothing changes, nothing is kept."
      >
        <Explain id={rule.id} sample={rule.samples[0]} />
      </Section>
      {may ? <Tune id={rule.id} /> : null}
      <StageDialog rule={rule} opened={deciding} onClose={() => setDeciding(false)} />
    </Page>
  )
}

const DAYS_SHOWN = 30
const BAR_PX = 12
const CHART_PX = 64

/** Matches of each of the last days, whether there were any or not. */
function Days({ days }: { days: Activity['days'] }) {
  const now = useNow()
  const known = new Map(days.map((day) => [day.day, day]))
  const shown = lastDays(now, DAYS_SHOWN).map((day) => known.get(day) ?? { day, matches: 0, findings: 0 })
  const matches_max = Math.max(1, ...shown.map((day) => day.matches))
  const some = shown.filter((day) => day.matches > 0)
  const words = some
    .map((day) => `${day.day}: ${count(day.matches)} matches, ${count(day.findings)} findings`)
    .join('; ')
  const width = shown.length * (BAR_PX + 3)
  return (
    <figure className={classes.chart}>
      <svg
        role="img"
        aria-label={words || `No matches in the last ${String(DAYS_SHOWN)} days`}
        viewBox={`0 0 ${String(width)} ${String(CHART_PX + 2)}`}
        width={width}
      >
        <path d={`M0 ${String(CHART_PX + 1)}h${String(width)}`} stroke="var(--hc-line)" strokeWidth={2} />
        {shown.map((day, index) => {
          const height = day.matches === 0 ? 0 : Math.max(3, (day.matches / matches_max) * CHART_PX)
          return (
            <rect
              key={day.day}
              x={index * (BAR_PX + 3)}
              y={CHART_PX - height}
              width={BAR_PX}
              height={height}
              rx={2}
              fill="var(--hc-accent)"
            >
              <title>
                {day.day}: {count(day.matches)} matches, {count(day.findings)} findings
              </title>
            </rect>
          )
        })}
      </svg>
      <figcaption>
        <span>{shown[0]?.day}</span>
        <span>{some.length > 0 ? `at most ${count(matches_max)} matches a day` : 'no matches in these 30 days'}</span>
        <span>today</span>
      </figcaption>
    </figure>
  )
}

const SAMPLES_SHOWN = 8

function Samples({ rule }: { rule: Activity }) {
  if (rule.samples.length === 0) {
    return (
      <Text className="dim">
        Samples are kept for rules that are not active, so that one can look before they raise findings.
      </Text>
    )
  }
  return (
    <ul className={classes.samples}>
      {rule.samples.slice(0, SAMPLES_SHOWN).map((sample) => (
        <li key={sample.event_id}>
          <Instant ms={sample.time_ms} />{' '}
          <Anchor
            size="sm"
            className="mono"
            renderRoot={(props) => (
              <Link {...props} to="/events" search={{ event: sample.event_id, at: String(sample.time_ms) }} />
            )}
          >
            {sample.event_id.slice(0, 12)}…
          </Anchor>
        </li>
      ))}
    </ul>
  )
}

function Tune({ id }: { id: string }) {
  const tune = useMutation({
    mutationFn: () => unwrap(api.POST('/api/v1/rules/{id}/tune', { params: { path: { id } } })),
  })
  return (
    <Section
      title="Make it quieter"
      about="From what was closed as a false positive, a filter that keeps every true positive."
    >
      <Button variant="default" loading={tune.isPending} onClick={() => tune.mutate()}>
        Propose a filter
      </Button>
      {tune.isError ? <ProblemNote error={tune.error} what="Tuning" /> : null}
      {tune.data ? (
        <div>
          <Text my="xs" role="status">
            {tune.data.obstacle ??
              `Takes away ${String(tune.data.false_positives_gone)} of ${String(tune.data.false_positives)} false positives and keeps ${String(tune.data.true_positives_kept)} of ${String(tune.data.true_positives)} true ones.`}
          </Text>
          {tune.data.filter ? <CopyBlock text={tune.data.filter} label="the filter" /> : null}
        </div>
      ) : null}
    </Section>
  )
}

function StageDialog({ rule, opened, onClose }: { rule: Activity; opened: boolean; onClose: () => void }) {
  const [stage, setStage] = useState(rule.decided_stage)
  const [reason, setReason] = useState('')
  const client = useQueryClient()
  const decide = useMutation({
    mutationFn: () =>
      unwrap(
        api.POST('/api/v1/rules/{id}/stage', {
          params: { path: { id: rule.id } },
          body: { stage, reason: reason.trim() },
        }),
      ),
    onSuccess: () => {
      noticeDone(`${rule.title}: ${stage}`)
      void client.invalidateQueries({ queryKey: ['rule', rule.id] })
      void client.invalidateQueries({ queryKey: ['rules'] })
      onClose()
    },
  })
  return (
    <Modal opened={opened} onClose={onClose} title="Decide its stage">
      <SegmentedControl
        fullWidth
        value={stage}
        onChange={setStage}
        aria-label="Stage"
        data={[
          { value: 'shadow', label: 'Shadow' },
          { value: 'canary', label: 'Canary' },
          { value: 'active', label: 'Active' },
        ]}
      />
      <Text className="dim" size="xs" my="xs">
        Shadow counts and keeps samples; canary makes findings of a part; active makes findings of all.
      </Text>
      <Textarea
        label="Why? It stands in the audit log."
        data-autofocus
        autosize
        minRows={2}
        value={reason}
        onChange={(event) => setReason(event.currentTarget.value)}
      />
      {decide.isError ? <ProblemNote error={decide.error} what="The stage" /> : null}
      <Group justify="flex-end" mt="md">
        <Button loading={decide.isPending} disabled={!reason.trim()} onClick={() => decide.mutate()}>
          Decide
        </Button>
      </Group>
    </Modal>
  )
}
