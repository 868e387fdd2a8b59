import { Anchor, Tabs, Text } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { Loading } from '../feedback/loading'
import { ProblemNote } from '../feedback/problem-note'
import { parsed } from '../incident/incident'
import { JsonView } from '../json/json-view'
import { Instant } from '../time/instant'
import classes from './events.module.css'
import { ask, cellText, type Asked } from './lake'
import type { Question } from './question'
import { readable } from './rows'

const COLUMNS = [
  'time',
  'class_name',
  'api_operation',
  'status_id',
  'source',
  'actor_user_name',
  'src_endpoint_ip',
  'resources_name',
  'service',
  'owner',
] as const

/** Names, and the filter that finds more of the same. */
const FACTS: [(typeof COLUMNS)[number], string, keyof Question | null][] = [
  ['class_name', 'Class', 'cls'],
  ['api_operation', 'Operation', 'text'],
  ['status_id', 'Status', null],
  ['source', 'Source', 'source'],
  ['actor_user_name', 'Actor', 'actor'],
  ['src_endpoint_ip', 'Address', 'address'],
  ['resources_name', 'Resource', null],
  ['service', 'Service', 'service'],
  ['owner', 'Owner', null],
]

/** Its time, where it is known, lets the lake read one file instead of all. */
function question(id: string, at_ms: number | null): Asked {
  const sql = `SELECT ${COLUMNS.join(', ')}, event, raw, unmapped FROM events WHERE event_id = $1`
  if (at_ms === null) return { sql: `${sql} LIMIT 1`, parameters: [id] }
  return { sql: `${sql} AND time = to_timestamp_millis($2) LIMIT 1`, parameters: [id, at_ms] }
}

interface Props {
  id: string
  at_ms: number | null
  /** Asks for more of the same. */
  onFilter: (change: Partial<Question>) => void
}

/** One event: what it is in a few lines, as OCSF, as the record it was, and what no mapping read. */
export function EventDetail({ id, at_ms, onFilter }: Props) {
  const found = useQuery({
    queryKey: ['event', id, at_ms],
    queryFn: ({ signal }) => ask(question(id, at_ms), signal),
    staleTime: 300_000,
  })
  if (found.isPending) return <Loading />
  if (found.isError) return <ProblemNote error={found.error} what="The event" retry={() => void found.refetch()} />
  const [row] = found.data.rows
  if (!row) return <Text>The lake does not have it: it is gone, or it is not there yet.</Text>
  const value = (name: (typeof COLUMNS)[number]) => row[COLUMNS.indexOf(name)]
  const about = cellText(value('actor_user_name')) || cellText(value('src_endpoint_ip'))
  const [event, raw, unmapped] = row
    .slice(COLUMNS.length)
    .map((text) => (text === null ? null : parsed(cellText(text))))
  return (
    <>
      <dl className={classes.pivots}>
        <Fact title="Time" value={<Instant ms={Date.parse(cellText(value('time')))} />} />
        {FACTS.map(([name, title, filter]) => {
          const text = cellText(value(name))
          return text ? (
            <Fact key={name} title={title} value={readable(name, value(name))}>
              {filter ? (
                <button type="button" className="text-button" onClick={() => onFilter({ [filter]: text })}>
                  more of this
                </button>
              ) : null}
            </Fact>
          ) : null
        })}
        <Fact title="Id" value={id}>
          {about ? (
            <Anchor
              size="sm"
              renderRoot={(props) => <Link {...props} to="/queue" search={{ q: about, status: 'any' }} />}
            >
              incidents about it
            </Anchor>
          ) : null}
        </Fact>
      </dl>
      <Tabs defaultValue="event" keepMounted={false} className={classes.tall}>
        <Tabs.List>
          <Tabs.Tab value="event">Normalized</Tabs.Tab>
          <Tabs.Tab value="raw">Raw</Tabs.Tab>
          <Tabs.Tab value="unmapped">Not mapped</Tabs.Tab>
        </Tabs.List>
        <Tabs.Panel value="event" pt="sm">
          <JsonView value={event} label="The OCSF event" />
        </Tabs.Panel>
        <Tabs.Panel value="raw" pt="sm">
          <JsonView value={raw} label="The record as its source sent it" />
        </Tabs.Panel>
        <Tabs.Panel value="unmapped" pt="sm">
          <JsonView value={unmapped} label="What the mapping did not read" />
        </Tabs.Panel>
      </Tabs>
    </>
  )
}

function Fact({ title, value, children }: { title: string; value: React.ReactNode; children?: React.ReactNode }) {
  return (
    <div>
      <dt>{title}</dt>
      <dd>
        <span>{value}</span>
        {children}
      </dd>
    </div>
  )
}
