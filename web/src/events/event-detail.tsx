import { Tabs, Text } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { Loading } from '../feedback/loading'
import { ProblemNote } from '../feedback/problem-note'
import { parsed } from '../incident/incident'
import { JsonView } from '../json/json-view'
import { ask, cellText } from './lake'

/** One event: as OCSF, as the record it was, and what no mapping read. */
export function EventDetail({ id }: { id: string }) {
  const found = useQuery({
    queryKey: ['event', id],
    queryFn: ({ signal }) =>
      ask({ sql: 'SELECT event, raw, unmapped FROM events WHERE event_id = $1 LIMIT 1', parameters: [id] }, signal),
    staleTime: 300_000,
  })
  if (found.isPending) return <Loading />
  if (found.isError) return <ProblemNote error={found.error} what="The event" retry={() => void found.refetch()} />
  const [row] = found.data.rows
  if (!row) return <Text>The lake does not have it any more.</Text>
  const [event, raw, unmapped] = row.map((value) => (value === null ? null : parsed(cellText(value))))
  return (
    <Tabs defaultValue="event" keepMounted={false}>
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
  )
}
