import { Badge, Button, Group, Menu, Text } from '@mantine/core'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { useState } from 'react'
import { api, call, unwrap } from '../api/client'
import type { components } from '../api/schema'
import { ask, cellText } from '../events/lake'
import { Empty } from '../feedback/empty'
import { Loading } from '../feedback/loading'
import { noticeError } from '../feedback/notices'
import { ProblemNote } from '../feedback/problem-note'
import { Section } from '../layout/page'
import { count } from '../time/format'
import { Instant } from '../time/instant'
import { Confirm } from './confirm'
import { NewSource } from './new-source'
import classes from './settings.module.css'
import { senderOf, STEPS } from './set-up'

type Source = components['schemas']['SourceView']

const LATEST_SQL = 'SELECT source, count(*) AS n, max(received_at) AS newest FROM events GROUP BY source'

/** What came in from each source. */
function useLatest() {
  return useQuery({
    queryKey: ['latest-by-source'],
    queryFn: async ({ signal }) => {
      const answer = await ask({ sql: LATEST_SQL, parameters: [] }, signal)
      return new Map(
        answer.rows.map((row) => [
          cellText(row[0]),
          { events: Number(row[1]), newest_ms: Date.parse(cellText(row[2])) },
        ]),
      )
    },
    refetchInterval: 15_000,
    retry: false,
  })
}

export function SourcesSection() {
  const sources = useQuery({
    queryKey: ['sources'],
    queryFn: ({ signal }) => unwrap(api.GET('/api/v1/sources', { signal })),
  })
  const latest = useLatest()
  const [making, setMaking] = useState<string | null>(null)
  const items = sources.data?.items ?? []
  return (
    <>
      <Section title="Connected" about="Each source is one sender with tokens of its own.">
        {sources.isPending ? <Loading /> : null}
        {sources.isError ? (
          <ProblemNote error={sources.error} what="Sources" retry={() => void sources.refetch()} />
        ) : null}
        {sources.data && items.length === 0 ? (
          <Empty title="Nothing sends yet">
            Begin with your CI below: a webhook takes two minutes, and its first event shows here.
          </Empty>
        ) : null}
        {items.length > 0 ? <Table items={items} latest={latest.data} /> : null}
      </Section>
      <Section
        title="Connect a source"
        about="In the order that pays off: CI first, then cloud audit, the identity provider, endpoints."
      >
        <div className={classes.steps}>
          {STEPS.map((step) => (
            <div key={step.title} className={classes.step}>
              <Text fw={600}>{step.title}</Text>
              {step.senders.map((sender) => {
                const connected = items.some((source) => source.kind === sender.kind)
                return (
                  <div key={sender.kind} className={classes.sender}>
                    <div>
                      {sender.name} {connected ? <Badge>connected</Badge> : null}
                      <div className="dim">{sender.why}</div>
                    </div>
                    <Button variant="default" onClick={() => setMaking(sender.kind)}>
                      Connect<span className={classes.hidden}> {sender.name}</span>
                    </Button>
                  </div>
                )
              })}
            </div>
          ))}
        </div>
      </Section>
      {making ? (
        <NewSource kind={making} taken={items.map((source) => source.name)} onClose={() => setMaking(null)} />
      ) : null}
    </>
  )
}

function Table({
  items,
  latest,
}: {
  items: Source[]
  latest: Map<string, { events: number; newest_ms: number }> | undefined
}) {
  return (
    <div className="panel scroll-x" tabIndex={0} role="region" aria-label="Sources">
      <table className="table">
        <thead>
          <tr>
            <th>Source</th>
            <th>Kind</th>
            <th>Door</th>
            <th className="num">Events</th>
            <th>Newest</th>
            <th aria-label="Change" />
          </tr>
        </thead>
        <tbody>
          {items.map((source) => {
            const seen = latest?.get(source.name)
            return (
              <tr key={source.name}>
                <td className="nowrap">
                  <b>{source.name}</b>
                </td>
                <td>{senderOf(source.kind)?.name ?? source.kind}</td>
                <td>
                  <Badge color={source.enabled ? 'gray' : 'red'}>{source.enabled ? 'open' : 'closed'}</Badge>
                </td>
                <td className="num">{latest ? count(seen?.events ?? 0) : <span className="dim">…</span>}</td>
                <td className="nowrap">
                  {seen ? (
                    <Instant ms={seen.newest_ms} />
                  ) : (
                    <span className="dim">{latest ? 'no event yet' : '…'}</span>
                  )}
                </td>
                <td className="actions">
                  <SourceMenu source={source} />
                </td>
              </tr>
            )
          })}
        </tbody>
      </table>
    </div>
  )
}

function SourceMenu({ source }: { source: Source }) {
  const client = useQueryClient()
  const [removing, setRemoving] = useState(false)
  const done = () => void client.invalidateQueries({ queryKey: ['sources'] })
  const failed = (error: unknown) => noticeError(`${source.name} was not changed`, error)
  const enable = useMutation({
    mutationFn: () =>
      unwrap(
        api.PATCH('/api/v1/sources/{name}', {
          params: { path: { name: source.name } },
          body: { enabled: !source.enabled },
        }),
      ),
    onSuccess: done,
    onError: failed,
  })
  const remove = useMutation({
    mutationFn: () => call('DELETE', `/api/v1/sources/${source.name}`),
    onSuccess: done,
    onError: failed,
  })
  return (
    <Group gap={4} justify="flex-end">
      <Menu position="bottom-end">
        <Menu.Target>
          <Button
            variant="subtle"
            color="gray"
            loading={enable.isPending || remove.isPending}
            aria-label={`Change ${source.name}`}
          >
            …
          </Button>
        </Menu.Target>
        <Menu.Dropdown>
          <Menu.Item renderRoot={(props) => <Link {...props} to="/events" search={{ source: source.name }} />}>
            Its events
          </Menu.Item>
          <Menu.Item onClick={() => enable.mutate()}>{source.enabled ? 'Close its door' : 'Open its door'}</Menu.Item>
          <Menu.Item color="red" onClick={() => setRemoving(true)}>
            Remove…
          </Menu.Item>
        </Menu.Dropdown>
      </Menu>
      <Confirm
        opened={removing}
        title={`Remove ${source.name}?`}
        word="Remove"
        onClose={() => setRemoving(false)}
        onConfirm={() => remove.mutate()}
      >
        Its tokens stop working at once. Its events stay.
      </Confirm>
    </Group>
  )
}
