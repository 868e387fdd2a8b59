import { Anchor, Button, Group, Tabs, Text } from '@mantine/core'
import { useMutation, useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { api, unwrap } from '../api/client'
import type { Finding, Trace } from '../api/pending'
import { Loading } from '../feedback/loading'
import { ProblemNote } from '../feedback/problem-note'
import { JsonView } from '../json/json-view'
import { Instant } from '../time/instant'
import { traceQuery } from './incident'
import classes from './incident.module.css'

/** How a record became this finding: raw → normalized → enriched → the fields that matched. */
export function TraceView({ finding }: { finding: Finding }) {
  const trace = useQuery(traceQuery(finding))
  const marks = finding.matched.map((field) => field.value)
  if (trace.isPending) return <Loading label="Loading the trace" />
  if (trace.isError) return <ProblemNote error={trace.error} what="The trace" retry={() => void trace.refetch()} />
  const { raw, normalized, enriched, matched, rule } = trace.data
  return (
    <div className={classes.trace} data-testid="trace">
      <Matched matched={matched} rule={rule} />
      <Tabs defaultValue="raw" variant="outline" keepMounted={false}>
        <Tabs.List aria-label="The trace">
          <Tabs.Tab value="raw">1 Raw</Tabs.Tab>
          <Tabs.Tab value="normalized">2 Normalized</Tabs.Tab>
          <Tabs.Tab value="enriched">3 Enriched</Tabs.Tab>
        </Tabs.List>
        <Tabs.Panel value="raw" pt={6}>
          <Raw raw={raw} marks={marks} />
        </Tabs.Panel>
        <Tabs.Panel value="normalized" pt={6}>
          <JsonView value={normalized} marks={marks} label="The OCSF event" />
        </Tabs.Panel>
        <Tabs.Panel value="enriched" pt={6}>
          {isEmpty(enriched) ? (
            <Text className="dim" p="xs">
              Nothing beyond the record was known: no owner, no place, no process tree.
            </Text>
          ) : (
            <JsonView value={enriched} marks={marks} label="What was known beside the record" />
          )}
        </Tabs.Panel>
      </Tabs>
      <Facts finding={finding} />
    </div>
  )
}

function Raw({ raw, marks }: { raw: Trace['raw']; marks: readonly string[] }) {
  if (raw.record !== null && raw.record !== undefined) {
    return (
      <>
        <JsonView value={raw.record} marks={marks} label="The record as the source sent it" />
        {raw.truncated ? <Text className="dim">Only its beginning is shown.</Text> : null}
      </>
    )
  }
  return (
    <Text className="dim" p="xs">
      {raw.masked
        ? 'The record is hidden: it may name people, and you may not read personal values (events:read_personal).'
        : 'The record is gone: it is older than the log and the lake keep records.'}
    </Text>
  )
}

function isEmpty(value: unknown): boolean {
  return value === null || value === undefined || (typeof value === 'object' && Object.keys(value).length === 0)
}

function Matched({ matched, rule }: { matched: Finding['matched']; rule: { id: string; title: string } }) {
  return (
    <div className="scroll-x" tabIndex={0} role="group" aria-label="Matched fields">
      <table className={`table ${classes.matched ?? ''}`}>
        <caption className={classes.caption}>
          What matched in{' '}
          <Anchor size="sm" renderRoot={(props) => <Link {...props} to="/rules/$id" params={{ id: rule.id }} />}>
            {rule.title}
          </Anchor>
        </caption>
        <thead>
          <tr>
            <th>Selection</th>
            <th>Field</th>
            <th>Value</th>
          </tr>
        </thead>
        <tbody>
          {matched.map((row, index) => (
            <tr key={index}>
              <td className="mono wrap">{row.selection}</td>
              <td className="mono nowrap">{row.field}</td>
              <td className="mono wrap">
                <mark className={classes.mark}>{row.value}</mark>
              </td>
            </tr>
          ))}
          {matched.length === 0 ? (
            <tr>
              <td colSpan={3} className="dim">
                A correlation: it counts findings and matches, not fields of one event.
              </td>
            </tr>
          ) : null}
        </tbody>
      </table>
    </div>
  )
}

function Facts({ finding }: { finding: Finding }) {
  const replay = useMutation({
    mutationFn: () => unwrap(api.POST('/api/v1/findings/{id}/replay', { params: { path: { id: finding.id } } })),
  })
  return (
    <>
      <dl className={classes.facts}>
        <dt>Source</dt>
        <dd>{finding.source}</dd>
        <dt>Event time</dt>
        <dd>
          <Instant ms={finding.time_ms} />
        </dd>
        <dt>Received, detected</dt>
        <dd>
          <Instant ms={finding.received_at_ms} />, {finding.detected_at_ms - finding.received_at_ms} ms later
        </dd>
        <dt>Techniques</dt>
        <dd className="wrap">
          {finding.tags
            .filter((tag) => tag.startsWith('attack.'))
            .map((tag) => tag.slice(7))
            .join(', ') || 'none named'}
        </dd>
        <dt>Event</dt>
        <dd>
          <Anchor
            size="sm"
            className="mono"
            renderRoot={(props) => (
              <Link {...props} to="/events" search={{ event: finding.event_id, at: String(finding.time_ms) }} />
            )}
          >
            {finding.event_id}
          </Anchor>
        </dd>
      </dl>
      <Group gap="xs">
        <Button variant="default" loading={replay.isPending} onClick={() => replay.mutate()}>
          Make it again
        </Button>
        <Text className="dim" size="xs">
          runs today’s rule over the stored record, and says whether it still finds this
        </Text>
      </Group>
      {replay.isError ? <ProblemNote error={replay.error} what="Making it again" /> : null}
      {replay.data ? (
        <Text role="status">
          {replay.data.reproduced
            ? 'Yes: the same finding came out.'
            : `No: ${replay.data.difference ?? 'it is another'}`}
        </Text>
      ) : null}
    </>
  )
}
