import { Alert, Anchor, TextInput } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { useMemo, useState } from 'react'
import { callJson } from '../api/client'
import type { Incident, Page as Listed } from '../api/pending'
import { ask, cellText } from '../events/lake'
import { Empty } from '../feedback/empty'
import { Loading } from '../feedback/loading'
import { ProblemNote } from '../feedback/problem-note'
import { Page } from '../layout/page'
import { count } from '../time/format'
import { Instant } from '../time/instant'
import { servicesOf, type Service } from './service'

const SQL = `SELECT service, owner, team, criticality, environment, catalog_source, count(*) AS n, max(time) AS newest,
  count(DISTINCT source) AS sources
FROM events WHERE time > now() - interval '30 days'
GROUP BY service, owner, team, criticality, environment, catalog_source ORDER BY n DESC`

const CRITICALITY = ['critical', 'high', 'medium', 'low']

/** Who answers for what, as far as events of the last 30 days were about it. */
export function ServicesPage() {
  const [text, setText] = useState('')
  const found = useQuery({
    queryKey: ['services'],
    queryFn: ({ signal }) => ask({ sql: SQL, parameters: [] }, signal),
    staleTime: 60_000,
  })
  const open = useQuery({
    queryKey: ['open-by-service'],
    queryFn: ({ signal }) =>
      callJson<Listed<Incident>>('GET', '/api/v1/incidents', {
        query: { status: 'new,in_progress,on_hold', limit: 500 },
        signal,
      }),
    staleTime: 30_000,
  })
  const services = useMemo(() => servicesOf(found.data?.rows ?? [], open.data?.items ?? []), [found.data, open.data])
  const shown = services.filter((service) =>
    [service.name, service.owner, service.team].some((word) => word.toLowerCase().includes(text.toLowerCase())),
  )
  const unowned = services.find((service) => service.name === '')
  return (
    <Page
      title="Services and owners"
      about="What the catalogue says of the services that events of the last 30 days were about."
      tools={
        <TextInput
          aria-label="Search services"
          placeholder="Service, owner, team"
          value={text}
          onChange={(event) => setText(event.currentTarget.value)}
        />
      }
    >
      {found.isPending ? <Loading lines={8} /> : null}
      {found.isError ? <ProblemNote error={found.error} what="Services" retry={() => void found.refetch()} /> : null}
      {unowned ? (
        <Alert
          mb="md"
          variant="light"
          color="gray"
          title={`${count(unowned.events)} events of these 30 days belong to no service`}
        >
          Incidents about them have no owner. Say in a catalogue file or CODEOWNERS which accounts, repositories and
          hosts belong to which service; <code>huecry owners who</code> tells why something has the owner it has.
        </Alert>
      ) : null}
      {found.data && services.length === 0 ? (
        <Empty title="No service is known">
          Name a catalogue (<code>[enrich] catalog</code>) in the configuration: Backstage’s{' '}
          <code>catalog-info.yaml</code> or CODEOWNERS. Events then carry service, owner and criticality.
        </Empty>
      ) : null}
      {shown.length > 0 ? (
        <div className="panel scroll-x" tabIndex={0} role="region" aria-label="Services">
          <table className="table">
            <thead>
              <tr>
                <th>Service</th>
                <th>Owner</th>
                <th>On call</th>
                <th>Criticality</th>
                <th>Environment</th>
                <th className="num">Open incidents</th>
                <th className="num">Events</th>
                <th>Newest event</th>
                <th>Said by</th>
              </tr>
            </thead>
            <tbody>
              {shown
                .filter((service) => service.name)
                .map((service) => (
                  <Row key={`${service.name}-${service.environment}`} service={service} />
                ))}
            </tbody>
          </table>
        </div>
      ) : null}
    </Page>
  )
}

function Row({ service }: { service: Service }) {
  return (
    <tr>
      <td>
        <b>{service.name}</b>
      </td>
      <td>{service.owner || <span className="dim">nobody</span>}</td>
      <td className="dim">not configured</td>
      <td>{CRITICALITY.includes(service.criticality) ? service.criticality : <span className="dim">not said</span>}</td>
      <td>{service.environment}</td>
      <td className="num">
        {service.open > 0 ? (
          <Anchor size="sm" renderRoot={(props) => <Link {...props} to="/queue" search={{ service: service.name }} />}>
            {count(service.open)}
          </Anchor>
        ) : (
          0
        )}
      </td>
      <td className="num">{count(service.events)}</td>
      <td className="nowrap">{service.newest_ms ? <Instant ms={service.newest_ms} /> : ''}</td>
      <td className="dim mono wrap">{cellText(service.saidBy).replace(/^catalog:.*\//, '')}</td>
    </tr>
  )
}
