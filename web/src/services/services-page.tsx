import { Anchor, Button, Drawer, TextInput } from '@mantine/core'
import { useDebouncedCallback } from '@mantine/hooks'
import { keepPreviousData, useInfiniteQuery, useQuery } from '@tanstack/react-query'
import { Link, useNavigate, useSearch } from '@tanstack/react-router'
import { callJson } from '../api/client'
import type { CatalogueService, Page as Listed, WholeService } from '../api/pending'
import { Empty } from '../feedback/empty'
import { Loading } from '../feedback/loading'
import { ProblemNote } from '../feedback/problem-note'
import incidentClasses from '../incident/incident.module.css'
import { Page } from '../layout/page'
import { count } from '../time/format'
import { Instant } from '../time/instant'
import classes from './services.module.css'

const ROWS = 100
const SEARCH_WAIT_MS = 300

/** Who answers for what, as the catalogue says. */
export function ServicesPage() {
  const search = useSearch({ strict: false }) as Record<string, string>
  const navigate = useNavigate()
  const q = search.q ?? ''
  const set = (change: Record<string, string>) => {
    const next = Object.fromEntries(Object.entries({ ...search, ...change }).filter(([, value]) => value !== ''))
    void navigate({ to: '/services', search: next, replace: true })
  }
  const later = useDebouncedCallback((text: string) => set({ q: text.trim() }), SEARCH_WAIT_MS)
  const list = useInfiniteQuery({
    queryKey: ['services', q],
    queryFn: ({ pageParam, signal }) =>
      callJson<Listed<CatalogueService>>('GET', '/api/v1/services', {
        query: { q, limit: ROWS, after: pageParam },
        signal,
      }),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (last) => last.next ?? undefined,
    placeholderData: keepPreviousData,
  })
  const services = list.data?.pages.flatMap((page) => page.items) ?? []
  return (
    <Page
      title="Services and owners"
      about="What the catalogue says: who answers for what, and what waits for them."
      tools={
        <TextInput
          aria-label="Search services"
          placeholder="Service, owner, team, repository"
          w={230}
          defaultValue={q}
          onChange={(event) => later(event.currentTarget.value)}
        />
      }
    >
      {list.isPending ? <Loading lines={8} /> : null}
      {list.isError ? <ProblemNote error={list.error} what="Services" retry={() => void list.refetch()} /> : null}
      {list.data && services.length === 0 ? <None searched={q !== ''} onAll={() => set({ q: '' })} /> : null}
      {services.length > 0 ? <Table services={services} onOpen={(name) => set({ service: name })} /> : null}
      {list.hasNextPage ? (
        <Button mt="sm" variant="subtle" loading={list.isFetchingNextPage} onClick={() => void list.fetchNextPage()}>
          {count(services.length)} loaded: load more
        </Button>
      ) : null}
      <Drawer
        opened={search.service !== undefined}
        onClose={() => set({ service: '' })}
        position="right"
        size="lg"
        title="Service"
      >
        {search.service ? <Service name={search.service} /> : null}
      </Drawer>
    </Page>
  )
}

function None({ searched, onAll }: { searched: boolean; onAll: () => void }) {
  if (searched) {
    return (
      <Empty title="No such service">
        Each word must stand in the name, owner, team or a repository.{' '}
        <Button variant="default" mt="sm" onClick={onAll}>
          Show all
        </Button>
      </Empty>
    )
  }
  return (
    <Empty title="No service is known">
      Name a catalogue (<code>[enrich] catalog</code>) in the configuration: Backstage’s <code>catalog-info.yaml</code>{' '}
      or CODEOWNERS. Events and incidents then carry service, owner and criticality.
    </Empty>
  )
}

function Table({ services, onOpen }: { services: CatalogueService[]; onOpen: (name: string) => void }) {
  return (
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
            <th>Said by</th>
          </tr>
        </thead>
        <tbody>
          {services.map((service) => (
            <tr key={`${service.name} ${service.environment ?? ''}`}>
              <td className="nowrap">
                <button type="button" className="text-button" onClick={() => onOpen(service.name)}>
                  <b>{service.name}</b>
                </button>
              </td>
              <td className="nowrap">{service.owner ?? <span className="dim">nobody</span>}</td>
              <td className="dim nowrap">not configured</td>
              <td>{service.criticality ?? <span className="dim">not said</span>}</td>
              <td>{service.environment ?? <span className="dim">not said</span>}</td>
              <td className="num">
                <OpenIncidents service={service} />
              </td>
              <td className="dim mono nowrap" title={service.source}>
                {saidBy(service.source)}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  )
}

/** The last part of the file, with its line. */
function saidBy(source: string): string {
  return source.replace(/^catalog:/, '').replace(/^.*\//, '')
}

function OpenIncidents({ service }: { service: CatalogueService }) {
  if (service.open_incidents === 0) return <span className="dim">0</span>
  return (
    <Anchor size="sm" renderRoot={(props) => <Link {...props} to="/queue" search={{ service: service.name }} />}>
      {count(service.open_incidents)}
    </Anchor>
  )
}

function Service({ name }: { name: string }) {
  const found = useQuery({
    queryKey: ['service', name],
    queryFn: ({ signal }) => callJson<WholeService>('GET', `/api/v1/services/${encodeURIComponent(name)}`, { signal }),
  })
  if (found.isPending) return <Loading />
  if (found.isError) return <ProblemNote error={found.error} what="The service" retry={() => void found.refetch()} />
  const service = found.data
  const claims: [string, string[]][] = [
    ['Repositories', service.repositories],
    ['Accounts', service.accounts],
    ['Hosts', service.hosts],
    ['Resources', service.resources],
    ['Sources', service.sources],
  ]
  return (
    <>
      <h2 className={classes.name}>{service.name}</h2>
      <dl className={incidentClasses.facts}>
        <dt>Owner</dt>
        <dd>{service.owner ?? <span className="dim">nobody</span>}</dd>
        <dt>Team</dt>
        <dd>{service.team ?? <span className="dim">not said</span>}</dd>
        <dt>On call</dt>
        <dd className="dim">not configured</dd>
        <dt>Criticality</dt>
        <dd>{service.criticality ?? <span className="dim">not said</span>}</dd>
        <dt>Environment</dt>
        <dd>{service.environment ?? <span className="dim">not said</span>}</dd>
        <dt>Open incidents</dt>
        <dd>
          <OpenIncidents service={service} />
        </dd>
        <dt>Said by</dt>
        <dd>
          <code className="wrap">{service.source.replace(/^catalog:/, '')}</code>, known since{' '}
          <Instant ms={service.since_ms} />
        </dd>
      </dl>
      <p className={classes.links}>
        <Anchor size="sm" renderRoot={(props) => <Link {...props} to="/events" search={{ service: service.name }} />}>
          Its events
        </Anchor>
        <Anchor
          size="sm"
          renderRoot={(props) => <Link {...props} to="/queue" search={{ service: service.name, status: 'any' }} />}
        >
          All its incidents
        </Anchor>
      </p>
      {claims.map(([title, values]) =>
        values.length > 0 ? (
          <section key={title}>
            <h3 className={classes.head}>{title}</h3>
            <ul className={classes.values}>
              {values.map((value) => (
                <li key={value}>{value}</li>
              ))}
            </ul>
          </section>
        ) : null,
      )}
      {claims.every(([, values]) => values.length === 0) ? (
        <p className="dim">The catalogue claims nothing for it: no event can be of this service.</p>
      ) : null}
    </>
  )
}
